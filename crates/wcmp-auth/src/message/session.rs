//! What is said about sessions (auth 6): refresh, revoke, introspect, devices.

use alloc::string::String;
use alloc::vec::Vec;

/// The body of `POST /knh1/refresh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// The client's nonce: the same one asks for the same answer again.
    pub rnonce: [u8; 32],
    /// The scopes asked for; "" asks for the same as before.
    pub scopes: String,
    /// Seconds asked for; 0 is the server's default.
    pub ttl: u32,
}

/// Its answer. The new key is computed, and does not travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The new session's name.
    pub token: [u8; 16],
    /// When it ends, seconds since 1970 by the server's clock.
    pub expires: u64,
    /// Its scopes.
    pub scopes: String,
}

/// The body of `POST /knh1/revoke`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoke {
    /// The session of this name. Bytes that are no name at all revoke nothing,
    /// like an unknown one.
    Token(Vec<u8>),
    /// All other sessions of the login.
    All,
}

/// The body of `POST /knh1/introspect`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspect {
    /// The session asked about.
    pub token: Vec<u8>,
}

/// Its answer (RFC 7662, section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Introspection {
    /// Ended, unknown, or not to be told to this caller.
    Inactive,
    /// A session that is good now.
    Active {
        /// Its scopes.
        scope: String,
        /// Whose it is.
        username: String,
        /// When it ends, seconds since 1970.
        exp: u64,
        /// When it began.
        iat: u64,
    },
}

/// One session of a login, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The session's name.
    pub token: [u8; 16],
    /// Its label.
    pub device: String,
    /// Its scopes.
    pub scopes: String,
    /// When it began, seconds since 1970.
    pub created: u64,
    /// When it was seen last.
    pub seen: u64,
    /// When it ends.
    pub expires: u64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// The answer to `GET /knh1/devices`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    /// The sessions.
    pub devices: Vec<Device>,
}
