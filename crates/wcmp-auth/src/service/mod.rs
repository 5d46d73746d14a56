//! What a server keeps and decides between the login's core and HTTP (auth 5):
//! accounts, sessions, refresh, revocation, rate limits, audit.
//!
//! [`Service`] is what an HTTP binding calls, one method for each route. It has
//! no thread, no socket and no clock of its own: the parts it is made of are
//! passed in, and [`Service::tick`] is called now and then.
//!
//! ```
//! use std::sync::Arc;
//! use wcmp_auth::client::{ClientConfig, LoginStart};
//! use wcmp_auth::server::Policy;
//! use wcmp_auth::service::{Limits, MemoryStore, Parts, RateTable, Service, Source};
//! use wcmp_auth::{Cost, Parameters};
//! # use wcmp_auth::service::{NoRandom, Rng};
//! # struct Random(std::sync::Mutex<u8>);
//! # impl Rng for Random {
//! #     fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom> {
//! #         let mut n = self.0.lock().unwrap(); *n += 1; out.fill(*n); Ok(())
//! #     }
//! # }
//! # struct ClientRng;
//! # impl rand_core::TryRng for ClientRng {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(0) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(0) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         out.fill(7); Ok(())
//! #     }
//! # }
//! # impl rand_core::TryCryptoRng for ClientRng {}
//! # let (rng, mut client_rng) = (Random(0.into()), ClientRng); // real programs take their system's
//!
//! let parts = Parts {
//!     store: Arc::new(MemoryStore::new()),
//!     limits: Box::new(RateTable::new(Limits::default())),
//!     audit: Box::new(()),
//!     clock: Box::new(|| 1_900_000_000),
//!     rng: Box::new(rng),
//! };
//! let policy = Policy::new("api.example.com", Parameters::new(Cost::PBKDF2), 3)?;
//! let service = Service::new(policy, &[1; 32], parts)?; // the server's lasting secret
//! assert!(service.enrol("alice", "secret", "read write")?);
//!
//! let here = Source::V4([192, 0, 2]);
//! let login = LoginStart::new(&ClientConfig::new("api.example.com"), "alice", &mut client_rng)?;
//! let challenge = service.start(login.message(), here)?;
//! let stretch = login.check(challenge, None)?;
//! let (finish, pending) = stretch.run("secret")?.finish("laptop", "read admin", 0)?;
//! let session = pending.verify(&service.finish(&finish, here)?)?;
//! assert_eq!(session.scopes, "read");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Readings where the text was silent
//!
//! * **Scopes asked for as ""** are none at a login. What is not allowed is left
//!   out, and what is asked for twice granted once.
//! * **A source is exempt** from a login's own bucket if *that login* succeeded
//!   from there: else an attacker's own account would help against others.
//! * **All finishes of a second** are not given back: that limit is one of load.
//! * **Registering** counts as a start. `GET /knh1/register` says of a login what a
//!   start would; a refusal does not say why. Invites are for one login: they are
//!   used up by the account that they made, in the same step.
//! * **Reuse** (reason `reuse`): the refused refresh says so, all other calls of
//!   the family then say `revoked`.
//! * **A spent session's refresh** with the first one's nonce gives the first
//!   answer, whatever else it asks for.
//! * **Devices** are families that could still be refreshed; each is named by its
//!   live token, and `created` is the login's time.
//! * **A login has at most about a thousand families** ([`MAX_FAMILIES`]); of two
//!   logins at once, both may be one too many.
//! * **Within 300 seconds** of a login means at most 300 s after its finish.

mod account;
mod audit;
mod calls;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod keys;
mod login;
mod manage;
mod memory;
mod rate;
mod refresh;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

pub use audit::{AuditSink, Event};
pub use calls::{Caller, Refreshing};
pub use error::ServiceError;
pub use memory::MemoryStore;
pub use rate::{Bucket, Limits, RateLimiter, RateTable, RetryAfter, Source};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::{
    Account, Admission, Attempt, CONSUMED_SECONDS, CredentialStore, KeyStore, Link, ReplayStore,
    Row, SEALED_KEY_LEN, SealedKey, Session, SessionKeys, SessionStore, Store, StoreError, Stored,
    TokenId,
};

use crate::encode::enc;
use crate::kdf::hmac;
use crate::limits::Misuse;
use crate::server::{Policy, Server};
use crate::{StaticKey, Suite, UnknownLogins};
use keys::{Fleet, Keys};

/// Seconds after a login for which its session can be refreshed: 30 days.
pub const REFRESH_SECONDS: u64 = 30 * 24 * 60 * 60;
/// Seconds after a login for which its session may set a password.
pub const PASSWORD_SECONDS: u64 = 300;

/// Families of sessions that a login can have at a time. At the next login, those that
/// have ended are forgotten; if all are in force, a tenth are revoked, those that were
/// not used for longest.
pub const MAX_FAMILIES: usize = 1000;

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

impl fmt::Display for NoRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random numbers")
    }
}

impl core::error::Error for NoRandom {}

/// Where random numbers come from: the system's source.
pub trait Rng: Send + Sync {
    /// Fills `out` for cryptographic use.
    ///
    /// # Errors
    /// [`NoRandom`].
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom>;
}

/// An [`Rng`] for the core.
struct Draw<'a>(&'a dyn Rng);

impl TryRng for Draw<'_> {
    type Error = NoRandom;

    fn try_next_u32(&mut self) -> Result<u32, NoRandom> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandom> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(out)
    }
}

impl TryCryptoRng for Draw<'_> {}

/// What a service is made of.
pub struct Parts {
    /// Accounts and sessions.
    pub store: Arc<dyn Store>,
    /// Who is put off.
    pub limits: Box<dyn RateLimiter>,
    /// Who is told.
    pub audit: Box<dyn AuditSink>,
    /// The time.
    pub clock: Box<dyn Clock>,
    /// Random numbers.
    pub rng: Box<dyn Rng>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parts(..)")
    }
}

/// A server's side of everything in auth 6. Shared by threads; methods that
/// reach the store may wait for it ([`Store::blocks`]).
pub struct Service {
    server: Server,
    record_suite: Suite,
    parts: Parts,
    keys: Keys,
    invite: Zeroizing<[u8; 32]>,
    registration: Option<Registration>,
}

/// How accounts are made over the wire.
struct Registration {
    key: StaticKey,
    allowed: alloc::string::String,
    invites: bool,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("policy", self.server.policy())
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service. `secret` is the server's: random, and the same as long as its
    /// accounts are. Challenge keys are in this process's memory only.
    ///
    /// # Errors
    /// [`Misuse::Suites`] if the policy allows no suite of its parameters' KDF.
    pub fn new(policy: Policy, secret: &[u8; 32], parts: Parts) -> Result<Service, Misuse> {
        let record_suite = policy.record_suite().ok_or(Misuse::Suites)?;
        Ok(Service {
            server: Server::new(policy, UnknownLogins::new(secret)),
            record_suite,
            parts,
            keys: Keys::new(None),
            invite: hmac(secret, &enc("invite", &[])),
            registration: None,
        })
    }

    /// Shares challenge keys with the other processes on `store`, sealed under
    /// `secret`: random, the same in all processes, and **not** in that store. Who
    /// has both reads the traffic of the last minutes.
    #[must_use]
    pub fn with_fleet(mut self, secret: &[u8; 32], store: Arc<dyn KeyStore>) -> Service {
        self.keys = Keys::new(Some(Fleet {
            secret: Zeroizing::new(*secret),
            store,
        }));
        self
    }

    /// Lets clients register that know this key's public half. Their accounts are
    /// allowed the scopes `allowed`; with `invites`, they need one
    /// ([`Service::invite`]).
    ///
    /// # Errors
    /// [`Misuse::Scopes`].
    pub fn with_registration(
        mut self,
        key: StaticKey,
        allowed: &str,
        invites: bool,
    ) -> Result<Service, Misuse> {
        crate::limits::scopes(allowed)?;
        self.registration = Some(Registration {
            key,
            allowed: allowed.into(),
            invites,
        });
        Ok(self)
    }

    /// Whether clients can register at all.
    #[must_use]
    pub fn registers(&self) -> bool {
        self.registration.is_some()
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        self.server.policy()
    }

    /// The time, as the service sees it.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.parts.clock.now()
    }

    /// Whether methods may wait for a disk or a network.
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.parts.store.blocks()
    }

    /// What time demands: to be called by a timer, about once a minute, and again
    /// at once if it says so. Replaces and forgets challenge keys, without which
    /// there is no forward secrecy, and sweeps the store.
    ///
    /// # Errors
    /// [`ServiceError::Store`], [`ServiceError::Random`].
    pub fn tick(&self) -> Result<bool, ServiceError> {
        let now = self.now();
        self.keys.maintain(now, &*self.parts.rng)?;
        Ok(self.parts.store.sweep(now)?)
    }

    fn audit(&self, now: u64, event: &Event<'_>) {
        self.parts.audit.record(now, event);
    }

    fn draw(&self) -> Draw<'_> {
        Draw(&*self.parts.rng)
    }
}

/// Of the scopes `asked`, those that `may` hold, once each, in the asked order.
fn cut(asked: &str, may: impl Fn(&str) -> bool) -> alloc::string::String {
    let mut granted: alloc::vec::Vec<&str> = alloc::vec::Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if may(scope) && !granted.contains(&scope) {
            granted.push(scope);
        }
    }
    granted.join(" ")
}

/// Whether `scope` is one of `scopes`.
fn has(scopes: &str, scope: &str) -> bool {
    scopes.split(' ').any(|one| one == scope)
}
