//! The messages of KNH1 as JSON (auth 6), for clients and servers alike.
//!
//! Of several readings that JSON parsers differ in, none is taken: the text is
//! one object in UTF-8; no name occurs twice, at any depth; no surrogate is
//! without its pair; an integer has no fraction, exponent or sign and is at most
//! 2^53 - 1; bytes are base64url without padding, with unused bits zero. Members
//! that are not known are passed over, though they have to be well-formed.
//!
//! ```
//! use wcmp_auth::json::{Json, Refusal};
//!
//! let refusal = Refusal::from_json(br#"{"error": "login_failed", "new": [1.5]}"#)?;
//! assert_eq!(refusal.error, "login_failed");
//! assert_eq!(refusal.to_json(), r#"{"error":"login_failed"}"#);
//! assert!(Refusal::from_json(br#"{"error":"a","error":"b"}"#).is_err());
//! # Ok::<(), wcmp_auth::json::JsonError>(())
//! ```
//!
//! Nothing is allocated beyond a small multiple of the text: whoever reads the
//! text off a wire limits its length before.

mod account;
mod login;
mod parse;
mod session;
mod write;

use alloc::string::String;
use core::fmt;

pub use crate::message::{
    Device, Devices, Introspect, Introspection, PasswordChange, PasswordParameters, Refresh,
    Refreshed, Registered, Registration, Revoke,
};
pub use session::Refusal;

use parse::Members;
use write::Object;

use crate::limits::Misuse;

/// The largest integer: 2^53 - 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// How deep arrays and objects may lie in each other.
pub const MAX_DEPTH: usize = 64;

/// A message that travels as one JSON object.
pub trait Json: Sized {
    /// Reads the message.
    ///
    /// # Errors
    /// [`JsonError`]: a server answers `invalid_request`, a client has no answer.
    fn from_json(text: &[u8]) -> Result<Self, JsonError>;

    /// The message's text, without white space.
    fn to_json(&self) -> String;
}

/// Why a text is no such message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonError {
    /// No JSON, or not UTF-8, from this byte on.
    Syntax(usize),
    /// A name twice in one object; the second one's end.
    Duplicate(usize),
    /// Deeper than [`MAX_DEPTH`] at this byte.
    Depth(usize),
    /// Well-formed, but no object.
    NoObject,
    /// A member that has to be there is not.
    Missing(&'static str),
    /// A member is not of its type: not an integer in its range, not base64url of
    /// its length, not a text.
    Type(&'static str),
    /// A member is outside the limits of auth 1.
    Misuse(Misuse),
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonError::Syntax(at) => write!(f, "no JSON at byte {at}"),
            JsonError::Duplicate(at) => write!(f, "a name twice before byte {at}"),
            JsonError::Depth(at) => write!(f, "too deep at byte {at}"),
            JsonError::NoObject => f.write_str("no JSON object"),
            JsonError::Missing(name) => write!(f, "{name} is missing"),
            JsonError::Type(name) => write!(f, "{name} is of another type"),
            JsonError::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for JsonError {}

impl From<Misuse> for JsonError {
    fn from(misuse: Misuse) -> JsonError {
        JsonError::Misuse(misuse)
    }
}

#[cfg(test)]
mod tests;
