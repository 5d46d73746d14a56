//! What a server keeps and decides between the login's core and HTTP (auth 5):
//! accounts, sessions, rate limits, audit.

mod audit;
mod rate;
mod store;

pub use audit::{AuditSink, Event};
pub use rate::{Bucket, Limits, RateLimiter, RateTable, RetryAfter, Source};
pub use store::{
    Account, Admission, Attempt, CredentialStore, KeyStore, Link, ReplayStore, Row, SEALED_KEY_LEN,
    SealedKey, Session, SessionKeys, SessionStore, Store, StoreError, Stored, TokenId,
};

/// Seconds after a login for which its session can be refreshed: 30 days.
pub const REFRESH_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Seconds after a login for which its session may set a password.
pub const PASSWORD_SECONDS: u64 = 300;

/// The time.
pub trait Clock: Send + Sync {
    /// Seconds since 1970.
    fn now(&self) -> u64;
}

impl<F: Fn() -> u64 + Send + Sync> Clock for F {
    fn now(&self) -> u64 {
        self()
    }
}

/// There are no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandom;

/// Where random numbers come from: the system's source.
pub trait Rng: Send + Sync {
    /// Fills `out` for cryptographic use.
    ///
    /// # Errors
    /// [`NoRandom`].
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom>;
}
