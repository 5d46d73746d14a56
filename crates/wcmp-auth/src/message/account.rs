//! What is said about passwords and new accounts (auth 6). Records cross sealed.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::{Parameters, Suite};

/// What a new record is to be made with: the answer to `GET /knh1/password` and
/// to `GET /knh1/register?login=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordParameters {
    /// The suite whose KDF it is.
    pub suite: Suite,
    /// The salt of the next generation.
    pub salt: Vec<u8>,
    /// Cost, cs, P and N.
    pub parameters: Parameters,
}

/// The body of `POST /knh1/password`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordChange {
    /// What the record was made with, as the server said.
    pub made_with: PasswordParameters,
    /// The client's nonce.
    pub rnonce: [u8; 32],
    /// The record's H, sealed to the session.
    pub sealed: [u8; 32],
}

/// The body of `POST /knh1/register`.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// The realm.
    pub realm: String,
    /// The login, prepared.
    pub login: String,
    /// What the record was made with, as the server said.
    pub made_with: PasswordParameters,
    /// The client's ephemeral key.
    pub epk: [u8; 32],
    /// The record's H, sealed to the server.
    pub sealed: [u8; 32],
    /// An invite, or "".
    pub invite: String,
    /// The HMAC over all of it.
    pub mac: [u8; 32],
}

/// Who has the invite can make the account.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("realm", &self.realm)
            .field("login", &self.login)
            .field("made_with", &self.made_with)
            .finish_non_exhaustive()
    }
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The server's HMAC: it holds the static key, and has the record.
    pub done: [u8; 32],
}
