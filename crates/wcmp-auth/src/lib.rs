//! KNH1: password login by KDF, nonce and HMAC, without TLS; signed calls
//! ([`call`]); and what a server keeps of both (`service`, with the feature `std`,
//! which is there by default). The binding to HTTP is a crate of its own.
//!
//! A server stores kdf(password, N). It sends a nonce and M > N; both sides
//! derive kdf(password, M), and HMACs show it. What a client shows is
//! kdf(password, P), P < N, under a mask: so a stolen record does not log in.
//!
//! # What it gives and does not give
//!
//! * **Suites 2 and 4** (with X25519, the default): a listener can neither guess
//!   offline nor, with a record stolen before or after, log in or read session
//!   keys. The record alone does not log in.
//! * **Suites 1 and 3**: whoever *listens* to one login can guess the password
//!   offline, and a recording together with the record gives the right to log in
//!   and the session keys. Only where X25519 cannot run.
//! * In all: a fake server that a user dials gets one transcript to guess
//!   against; a salt shown before login allows precomputation; theft of the record
//!   plus an active man in the middle impersonates. These need an aPAKE.
//! * Bad randomness at the client makes suite 2 suite 1. Login, device, scopes
//!   and token id can be read by anybody on the way.
//! * Lifting N without users adds next to nothing to a guess; work is raised at
//!   login.
//!
//! # A login
//!
//! ```
//! use wcmp_auth::client::{ClientConfig, LoginStart};
//! use wcmp_auth::server::{Policy, Server};
//! use wcmp_auth::{ChallengeKey, ChallengeKeys, Cost, Parameters, Record, UnknownLogins};
//! # struct Rng(u8);
//! # impl rand_core::TryRng for Rng {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(0) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(0) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         self.0 += 1; out.fill(self.0); Ok(())
//! #     }
//! # }
//! # impl rand_core::TryCryptoRng for Rng {}
//! # let mut rng = Rng(0); // a real program takes its system's
//!
//! // The server, and Alice's record in it.
//! let unknown = UnknownLogins::new(&[1; 32]); // the server's lasting secret
//! let parameters = Parameters::new(Cost::PBKDF2);
//! let salt = unknown.salt("api.example.com", "alice", 0);
//! let record = Record::enrol("api.example.com", "alice", "secret", &salt, parameters)?;
//! let server = Server::new(Policy::new("api.example.com", parameters, 3)?, unknown);
//! let keys = ChallengeKeys::new(ChallengeKey::new(1, &[2; 64], 1000)); // random, in memory only
//!
//! // m1, m2: checked before any work.
//! let login = LoginStart::new(&ClientConfig::new("api.example.com"), "alice", &mut rng)?;
//! let challenge = server.start(&keys, login.message(), Some(&record), 1000, &mut rng)?;
//! let stretch = login.check(challenge, None)?;
//!
//! // m3: the slow part, then the proof.
//! let (finish, pending) = stretch.run("secret")?.finish("laptop", "read", 0)?;
//!
//! // The server consumes opened.snonce() and reads opened.login()'s record again.
//! let opened = server.open(&keys, &finish, 1001)?;
//! let verified = opened.verify(&server, Some(&record))?;
//! let (grant, stored) = verified.grant("read", 1001, &mut rng)?;
//!
//! let session = pending.verify(&grant)?;
//! assert_eq!(session.key.request(), stored.key.request());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Texts are prepared by the caller (RFC 8265: UsernameCaseMapped for logins,
//! OpaqueString for passwords): by `prepare`, with the feature `precis`, which is
//! there by default; [`limits::is_ascii_login`] and
//! [`limits::is_ascii_password`] tell what is as it should be without tables.
//! Nothing here reads a clock or the system's random numbers.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod call;
pub mod client;
pub mod encode;
#[cfg(feature = "json")]
pub mod json;
pub mod kdf;
pub mod limits;
pub mod message;
#[cfg(feature = "precis")]
pub mod prepare;
pub mod server;
#[cfg(feature = "std")]
pub mod service;
#[cfg(feature = "teaching")]
pub mod teaching;

mod challenge_keys;
mod cost;
mod record;
mod schedule;
mod sealed;
mod session;
mod suite;
mod x25519;

#[cfg(test)]
mod thief;
#[cfg(test)]
mod vectors;
#[cfg(all(test, feature = "std"))]
mod work;

pub use challenge_keys::{ChallengeKey, ChallengeKeys, ROTATE_SECONDS};
pub use cost::{Bound, Cost, FLOOR_ITERATIONS, MIN_ITERATIONS, Parameters};
pub use limits::Misuse;
pub use record::{Record, UnknownLogins};
pub use sealed::{PendingRegistration, StaticKey};
pub use session::SessionKey;
pub use suite::{Kdf, Suite, Suites, UnknownSuite};
