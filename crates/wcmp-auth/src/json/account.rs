//! What is said about passwords and new accounts (auth 6). Records cross sealed.

use alloc::string::String;

use super::login::{parameters, suite, with_parameters};
use super::{Json, JsonError, Members, Object};
use crate::limits::{self, Misuse};
use crate::message::{PasswordChange, PasswordParameters, Registered, Registration};

impl PasswordParameters {
    fn read(members: &Members) -> Result<PasswordParameters, JsonError> {
        let suite = suite(members)?;
        let salt = members.bytes("salt")?;
        if !limits::SALT.contains(&salt.len()) {
            return Err(Misuse::Salt.into());
        }
        Ok(PasswordParameters {
            suite,
            salt,
            parameters: parameters(members, suite.kdf())?,
        })
    }

    fn write(&self, object: Object) -> Object {
        let object = object
            .integer("suite", self.suite.id())
            .bytes("salt", &self.salt);
        with_parameters(object, &self.parameters)
    }
}

impl Json for PasswordParameters {
    fn from_json(text: &[u8]) -> Result<PasswordParameters, JsonError> {
        PasswordParameters::read(&Members::read(text)?)
    }

    fn to_json(&self) -> String {
        self.write(Object::new()).end()
    }
}

impl Json for PasswordChange {
    fn from_json(text: &[u8]) -> Result<PasswordChange, JsonError> {
        let members = Members::read(text)?;
        Ok(PasswordChange {
            made_with: PasswordParameters::read(&members)?,
            rnonce: members.array("rnonce")?,
            sealed: members.array("sealed")?,
        })
    }

    fn to_json(&self) -> String {
        self.made_with
            .write(Object::new())
            .bytes("rnonce", &self.rnonce)
            .bytes("sealed", &self.sealed)
            .end()
    }
}

impl Json for Registration {
    fn from_json(text: &[u8]) -> Result<Registration, JsonError> {
        let members = Members::read(text)?;
        let registration = Registration {
            realm: members.text("realm")?.into(),
            login: members.text("login")?.into(),
            made_with: PasswordParameters::read(&members)?,
            epk: members.array("epk")?,
            sealed: members.array("sealed")?,
            invite: members.text("invite")?.into(),
            mac: members.array("mac")?,
        };
        limits::sized(&registration.realm, limits::REALM, Misuse::Realm)?;
        limits::sized(&registration.login, limits::LOGIN, Misuse::Login)?;
        Ok(registration)
    }

    fn to_json(&self) -> String {
        let object = Object::new()
            .text("realm", &self.realm)
            .text("login", &self.login);
        self.made_with
            .write(object)
            .bytes("epk", &self.epk)
            .bytes("sealed", &self.sealed)
            .text("invite", &self.invite)
            .bytes("mac", &self.mac)
            .end()
    }
}

impl Json for Registered {
    fn from_json(text: &[u8]) -> Result<Registered, JsonError> {
        let done = Members::read(text)?.array("done")?;
        Ok(Registered { done })
    }

    fn to_json(&self) -> String {
        Object::new().bytes("done", &self.done).end()
    }
}
