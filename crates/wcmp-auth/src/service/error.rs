//! What a service answers instead (auth 6).

use core::fmt;

use super::{NoRandom, RetryAfter, StoreError};
use crate::call::Reason;
use crate::kdf::StretchError;
use crate::limits::Misuse;
use crate::server::ServerError;

/// Why there is no good answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceError {
    /// 400 `invalid_request`: outside the limits, another realm, not prepared,
    /// not what the server said before, no invite, or taken.
    InvalidRequest,
    /// 400 `unsupported_suite`.
    UnsupportedSuite,
    /// 401 `expired_challenge`: start again.
    ExpiredChallenge,
    /// 401 `login_failed`.
    LoginFailed,
    /// 429 `rate_limited`, with Retry-After.
    RateLimited(RetryAfter),
    /// 401 `invalid_signature`, signed, with a reason.
    Refused(Reason),
    /// 401 `invalid_signature`, not signed: no such session.
    Unknown,
    /// 403 `insufficient_scope`.
    InsufficientScope,
    /// 404: no such device, or no registration here.
    NotFound,
    /// The server's own fault: its store.
    Store(StoreError),
    /// The server's own fault: no random numbers.
    Random,
    /// The server's own fault: no memory to stretch a password.
    Memory,
}

impl ServiceError {
    /// The status of HTTP (auth 6): 500 for the server's own faults.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            ServiceError::InvalidRequest | ServiceError::UnsupportedSuite => 400,
            ServiceError::ExpiredChallenge
            | ServiceError::LoginFailed
            | ServiceError::Refused(_)
            | ServiceError::Unknown => 401,
            ServiceError::InsufficientScope => 403,
            ServiceError::NotFound => 404,
            ServiceError::RateLimited(_) => 429,
            ServiceError::Store(_) | ServiceError::Random | ServiceError::Memory => 500,
        }
    }

    /// The code of auth 6; none for the server's own faults and for 404.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            ServiceError::InvalidRequest => Some("invalid_request"),
            ServiceError::UnsupportedSuite => Some("unsupported_suite"),
            ServiceError::ExpiredChallenge => Some("expired_challenge"),
            ServiceError::LoginFailed => Some("login_failed"),
            ServiceError::RateLimited(_) => Some("rate_limited"),
            ServiceError::Refused(_) | ServiceError::Unknown => Some("invalid_signature"),
            ServiceError::InsufficientScope => Some("insufficient_scope"),
            _ => None,
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::Store(error) => error.fmt(f),
            ServiceError::Random => NoRandom.fmt(f),
            ServiceError::Memory => f.write_str("not enough memory"),
            ServiceError::NotFound => f.write_str("not found"),
            other => f.write_str(other.code().unwrap_or_default()),
        }
    }
}

impl core::error::Error for ServiceError {}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> ServiceError {
        ServiceError::Store(error)
    }
}

impl From<NoRandom> for ServiceError {
    fn from(_: NoRandom) -> ServiceError {
        ServiceError::Random
    }
}

impl From<RetryAfter> for ServiceError {
    fn from(after: RetryAfter) -> ServiceError {
        ServiceError::RateLimited(after)
    }
}

impl From<Misuse> for ServiceError {
    fn from(_: Misuse) -> ServiceError {
        ServiceError::InvalidRequest
    }
}

impl From<StretchError> for ServiceError {
    fn from(error: StretchError) -> ServiceError {
        match error {
            StretchError::Memory => ServiceError::Memory,
            _ => ServiceError::InvalidRequest,
        }
    }
}

impl From<ServerError> for ServiceError {
    fn from(error: ServerError) -> ServiceError {
        match error {
            ServerError::UnsupportedSuite => ServiceError::UnsupportedSuite,
            ServerError::ExpiredChallenge => ServiceError::ExpiredChallenge,
            ServerError::LoginFailed => ServiceError::LoginFailed,
            ServerError::Random => ServiceError::Random,
            // Granted: the service grants what it has cut to measure.
            ServerError::InvalidRequest | ServerError::Granted => ServiceError::InvalidRequest,
        }
    }
}
