//! start and finish: the four messages of a login (auth 3).

use alloc::string::String;

use super::{Json, JsonError, Members, Object};
use crate::message::{Challenge, Finish, Grant, Start};
use crate::{Cost, Kdf, Parameters, Suite, Suites};

/// The body of `POST /knh1/start`.
impl Json for Start {
    fn from_json(text: &[u8]) -> Result<Start, JsonError> {
        let members = Members::read(text)?;
        let start = Start {
            suites: Suites::new(&members.small_integers("suites")?)?,
            realm: members.text("realm")?.into(),
            login: members.text("login")?.into(),
            cnonce: members.array("cnonce")?,
            epk: members.optional_key("epk")?,
        };
        start.check()?;
        Ok(start)
    }

    fn to_json(&self) -> String {
        Object::new()
            .list("suites", self.suites.ids())
            .text("realm", &self.realm)
            .text("login", &self.login)
            .bytes("cnonce", &self.cnonce)
            .bytes("epk", optional(self.epk.as_ref()))
            .end()
    }
}

/// Its answer. What a client thinks of it is
/// [`LoginStart::check`](crate::client::LoginStart::check)'s.
impl Json for Challenge {
    fn from_json(text: &[u8]) -> Result<Challenge, JsonError> {
        let members = Members::read(text)?;
        let suite = suite(&members)?;
        Ok(Challenge {
            suite,
            salt: members.bytes("salt")?,
            parameters: parameters(&members, suite.kdf())?,
            m: members.integer("M")?,
            snonce: members.array("snonce")?,
            expires: members.integer("expires")?,
            epk: members.optional_key("epk")?,
            ctx: members.bytes("ctx")?,
        })
    }

    fn to_json(&self) -> String {
        let object = Object::new()
            .integer("suite", self.suite.id())
            .bytes("salt", &self.salt);
        with_parameters(object, &self.parameters)
            .integer("M", self.m)
            .bytes("snonce", &self.snonce)
            .integer("expires", self.expires)
            .bytes("epk", optional(self.epk.as_ref()))
            .bytes("ctx", &self.ctx)
            .end()
    }
}

/// The body of `POST /knh1/finish`.
impl Json for Finish {
    fn from_json(text: &[u8]) -> Result<Finish, JsonError> {
        let members = Members::read(text)?;
        let finish = Finish {
            ctx: members.bytes("ctx")?,
            proof: members.array("proof")?,
            device: members.text("device")?.into(),
            scopes: members.text("scopes")?.into(),
            ttl: members.integer("ttl")?,
            cmac: members.array("cmac")?,
        };
        finish.check()?;
        Ok(finish)
    }

    fn to_json(&self) -> String {
        Object::new()
            .bytes("ctx", &self.ctx)
            .bytes("proof", &self.proof)
            .text("device", &self.device)
            .text("scopes", &self.scopes)
            .integer("ttl", self.ttl)
            .bytes("cmac", &self.cmac)
            .end()
    }
}

/// Its answer.
impl Json for Grant {
    fn from_json(text: &[u8]) -> Result<Grant, JsonError> {
        let members = Members::read(text)?;
        Ok(Grant {
            token_id: members.array("token")?,
            wrapped: members.array("wrapped")?,
            expires: members.integer("expires")?,
            scopes: members.text("scopes")?.into(),
            smac: members.array("smac")?,
        })
    }

    fn to_json(&self) -> String {
        Object::new()
            .bytes("token", &self.token_id)
            .bytes("wrapped", &self.wrapped)
            .integer("expires", self.expires)
            .text("scopes", &self.scopes)
            .bytes("smac", &self.smac)
            .end()
    }
}

fn optional(key: Option<&[u8; 32]>) -> &[u8] {
    key.map_or(&[], |key| key)
}

pub(super) fn suite(members: &Members) -> Result<Suite, JsonError> {
    let id: u8 = members.integer("suite")?;
    Suite::try_from(id).map_err(|_| JsonError::Type("suite"))
}

/// Cost, cs, P and N, under the names that go with the KDF.
pub(super) fn parameters(members: &Members, kdf: Kdf) -> Result<Parameters, JsonError> {
    Ok(Parameters {
        cost: match kdf {
            Kdf::Pbkdf2 => Cost::Pbkdf2 {
                iterations: members.integer("c0")?,
            },
            Kdf::Argon2id => Cost::Argon2id {
                memory_kib: members.integer("mem")?,
                time: members.integer("time")?,
                lanes: members.integer("lanes")?,
            },
        },
        cs: members.integer("cs")?,
        p: members.integer("P")?,
        n: members.integer("N")?,
    })
}

pub(super) fn with_parameters(object: Object, parameters: &Parameters) -> Object {
    let object = match parameters.cost {
        Cost::Pbkdf2 { iterations } => object.integer("c0", iterations),
        Cost::Argon2id {
            memory_kib,
            time,
            lanes,
        } => object
            .integer("mem", memory_kib)
            .integer("time", time)
            .integer("lanes", lanes),
    };
    object
        .integer("cs", parameters.cs)
        .integer("P", parameters.p)
        .integer("N", parameters.n)
}
