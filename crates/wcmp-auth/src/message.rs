//! The four messages of a login (auth 3) and their canonical bytes, and what is
//! said about accounts and sessions after it (auth 6). How they travel (JSON) is
//! not hashed and not here.

mod account;
mod session;

use alloc::string::String;
use alloc::vec::Vec;

pub use account::{PasswordChange, PasswordParameters, Registered, Registration};
pub use session::{Device, Devices, Introspect, Introspection, Refresh, Refreshed, Revoke};

use crate::encode::{dec, enc};
use crate::limits::{self, Misuse};
use crate::{Cost, Parameters, Suite, Suites};

/// m1, client to server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// What the client offers, in order.
    pub suites: Suites,
    /// The realm, from the client's configuration.
    pub realm: String,
    /// The login, prepared (RFC 8265, UsernameCaseMapped).
    pub login: String,
    /// The client's nonce.
    pub cnonce: [u8; 32],
    /// The client's ephemeral key: there exactly when suite 2 or 4 is offered.
    pub epk: Option<[u8; 32]>,
}

impl Start {
    /// m1.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        enc(
            "start",
            &[
                self.suites.ids(),
                self.realm.as_bytes(),
                self.login.as_bytes(),
                &self.cnonce,
                optional(self.epk.as_ref()),
            ],
        )
    }

    /// # Errors
    /// [`Misuse`] for what is outside the limits of auth 1.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        limits::sized(&self.realm, limits::REALM, Misuse::Realm)?;
        limits::sized(&self.login, limits::LOGIN, Misuse::Login)?;
        if self.epk.is_some() != self.suites.x25519() {
            return Err(Misuse::Ephemeral);
        }
        Ok(())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Start> {
        let fields = dec("start", bytes)?;
        let &[suites, realm, login, cnonce, epk] = fields.as_slice() else {
            return None;
        };
        Some(Start {
            suites: Suites::new(suites).ok()?,
            realm: text(realm)?,
            login: text(login)?,
            cnonce: cnonce.try_into().ok()?,
            epk: from_optional(epk)?,
        })
    }
}

/// m2, server to client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What the server picked.
    pub suite: Suite,
    /// The record's salt.
    pub salt: Vec<u8>,
    /// The record's parameters; their KDF has to be the suite's.
    pub parameters: Parameters,
    /// The position at which both sides meet, above N.
    pub m: u32,
    /// The server's nonce.
    pub snonce: [u8; 32],
    /// The server's time at start + 120 s, seconds since 1970.
    pub expires: u64,
    /// The server's ephemeral key, in suites 2 and 4.
    pub epk: Option<[u8; 32]>,
    /// What the server wants back: opaque to the client.
    pub ctx: Vec<u8>,
}

impl Challenge {
    /// m2.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.encode(Some(&self.ctx))
    }

    /// enc("challenge", the fields before ctx).
    pub(crate) fn head(&self) -> Vec<u8> {
        self.encode(None)
    }

    fn encode(&self, ctx: Option<&[u8]>) -> Vec<u8> {
        let suite = [self.suite.id()];
        let (numbers, m) = (self.parameters.fields(), self.m.to_be_bytes());
        let expires = self.expires.to_be_bytes();
        let mut fields: Vec<&[u8]> = [&suite[..], &self.salt].into();
        fields.extend(numbers.iter().chain([&m]).map(|field| &field[..]));
        fields.extend([&self.snonce[..], &expires, optional(self.epk.as_ref())]);
        fields.extend(ctx);
        enc("challenge", &fields)
    }

    /// Reads what [`Challenge::head`] wrote.
    pub(crate) fn from_head(bytes: &[u8], ctx: &[u8]) -> Option<Challenge> {
        let fields = dec("challenge", bytes)?;
        let (&[suite, salt], rest) = fields.split_first_chunk::<2>()?;
        let &[suite] = suite else { return None };
        let suite = Suite::try_from(suite).ok()?;
        let (cost, rest) = match suite.kdf() {
            crate::Kdf::Pbkdf2 => {
                let (&[iterations], rest) = rest.split_first_chunk::<1>()?;
                (
                    Cost::Pbkdf2 {
                        iterations: number(iterations)?,
                    },
                    rest,
                )
            }
            crate::Kdf::Argon2id => {
                let (&[memory, time, lanes], rest) = rest.split_first_chunk::<3>()?;
                let cost = Cost::Argon2id {
                    memory_kib: number(memory)?,
                    time: number(time)?,
                    lanes: number(lanes)?,
                };
                (cost, rest)
            }
        };
        let &[cs, p, n, m, snonce, expires, epk] = rest else {
            return None;
        };
        Some(Challenge {
            suite,
            salt: salt.to_vec(),
            parameters: Parameters {
                cost,
                cs: number(cs)?,
                p: number(p)?,
                n: number(n)?,
            },
            m: number(m)?,
            snonce: snonce.try_into().ok()?,
            expires: u64::from_be_bytes(expires.try_into().ok()?),
            epk: from_optional(epk)?,
            ctx: ctx.to_vec(),
        })
    }
}

/// m3, client to server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The challenge's, untouched.
    pub ctx: Vec<u8>,
    /// X_P under a mask.
    pub proof: [u8; 32],
    /// A label for the session, without control characters.
    pub device: String,
    /// The scopes asked for (RFC 6749), or "".
    pub scopes: String,
    /// Seconds asked for; 0 is the server's default.
    pub ttl: u32,
    /// The client's HMAC over the transcript and this message.
    pub cmac: [u8; 32],
}

impl Finish {
    /// fin: all but the HMAC.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        enc(
            "finish",
            &[
                &self.ctx,
                &self.proof,
                self.device.as_bytes(),
                self.scopes.as_bytes(),
                &self.ttl.to_be_bytes(),
            ],
        )
    }

    /// # Errors
    /// [`Misuse`] for what is outside the limits of auth 1.
    pub(crate) fn check(&self) -> Result<(), Misuse> {
        if !limits::CTX.contains(&self.ctx.len()) {
            return Err(Misuse::Ctx);
        }
        limits::device(&self.device)?;
        limits::scopes(&self.scopes)
    }
}

/// m4, server to client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The session's name.
    pub token_id: [u8; 16],
    /// The session's key under a mask.
    pub wrapped: [u8; 32],
    /// When the session ends, seconds since 1970 by the server's clock.
    pub expires: u64,
    /// The scopes granted.
    pub scopes: String,
    /// The server's HMAC over the transcript and this message.
    pub smac: [u8; 32],
}

impl Grant {
    /// g: all but the HMAC.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        enc(
            "grant",
            &[
                &self.token_id,
                &self.wrapped,
                &self.expires.to_be_bytes(),
                self.scopes.as_bytes(),
            ],
        )
    }
}

fn optional(key: Option<&[u8; 32]>) -> &[u8] {
    key.map_or(&[], |key| key)
}

fn from_optional(bytes: &[u8]) -> Option<Option<[u8; 32]>> {
    match bytes {
        [] => Some(None),
        key => key.try_into().ok().map(Some),
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    core::str::from_utf8(bytes).ok().map(String::from)
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}
