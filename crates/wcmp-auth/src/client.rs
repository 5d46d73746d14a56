//! The client's login (auth 3), as steps that consume each other:
//!
//! ```text
//! LoginStart --check(challenge)--> Stretch --run(password)--> Proven
//!            --finish(ask)--> Finish to send, Pending --verify(grant)--> Session
//! ```
//!
//! [`LoginStart::check`] comes before any work and knows no password. Only
//! [`Stretch::run`] is slow (a tenth of a second and more): the embedder runs it
//! where that is right.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cost::{Bound, MIN_ITERATIONS};
use crate::kdf::{Point, StretchError, stretch};
use crate::limits::{self, CHALLENGE_SECONDS, Misuse};
use crate::message::{Challenge, Finish, Grant, Start};
use crate::schedule::{Root, Schedule, Shared, transcript};
use crate::{Parameters, SessionKey, Suites, x25519};

/// What a client is configured with, and no server can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// The realm. A challenge says none: the proof holds in this realm only.
    pub realm: String,
    /// What to offer, in order.
    pub suites: Suites,
    /// The least iterations of PBKDF2; below 100 000 counts as that.
    pub min_iterations: u32,
}

impl ClientConfig {
    /// The realm with suites 4 and 2 and the least cost of auth 3.
    #[must_use]
    pub fn new(realm: &str) -> ClientConfig {
        ClientConfig {
            realm: realm.into(),
            suites: Suites::default(),
            min_iterations: MIN_ITERATIONS,
        }
    }
}

/// What a former login of the same (realm, login) showed. To be kept with the
/// login after success; nothing in it is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pins {
    /// Whether X25519 was there.
    pub x25519: bool,
    /// The parameters.
    pub parameters: Parameters,
}

/// Why a login ends at the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The caller's input.
    Misuse(Misuse),
    /// The challenge names a suite that was not offered, or does not fit it.
    Suite,
    /// The challenge's salt or ctx has a wrong length.
    Length,
    /// The challenge's P, N or M.
    Steps,
    /// The challenge's cost: too little to protect, or too much to do.
    Cost,
    /// The server's ephemeral key is missing, superfluous or of small order.
    Ephemeral,
    /// Weaker than a former login showed: a fake server, or one whose operator
    /// lowered its parameters. To accept it, **after asking the user**, start
    /// again with the same configuration and check without pins.
    ParametersWeakened,
    /// The memory of Argon2id is not there.
    Memory,
    /// The grant is not from the server that knows the password's record.
    Grant,
    /// The RNG failed.
    Random,
}

impl ClientError {
    /// The error's name where it has one.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            ClientError::ParametersWeakened => Some("parameters_weakened"),
            _ => None,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClientError::Misuse(_) => "input outside the limits",
            ClientError::Suite => "the server names a suite that was not offered",
            ClientError::Length => "the server names a salt or context of wrong length",
            ClientError::Steps => "the server names positions outside the limits",
            ClientError::Cost => "the server names a cost outside the limits",
            ClientError::Ephemeral => "the server's ephemeral key is wrong",
            ClientError::ParametersWeakened => "the server names weaker parameters than before",
            ClientError::Memory => "not enough memory",
            ClientError::Grant => "the answer is not the server's",
            ClientError::Random => "no random numbers",
        })
    }
}

impl core::error::Error for ClientError {}

impl From<Misuse> for ClientError {
    fn from(misuse: Misuse) -> ClientError {
        ClientError::Misuse(misuse)
    }
}

/// A login that has been started: m1 is to be sent.
pub struct LoginStart {
    message: Start,
    esk: Option<Zeroizing<[u8; 32]>>,
    min_iterations: u32,
}

impl fmt::Debug for LoginStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginStart({:?}, ..)", self.message)
    }
}

impl LoginStart {
    /// Starts a login. `login` is prepared (RFC 8265, UsernameCaseMapped); the
    /// server refuses one that is not.
    ///
    /// # Errors
    /// [`ClientError::Misuse`] for texts outside the limits, [`ClientError::Random`].
    pub fn new<R: TryCryptoRng + ?Sized>(
        config: &ClientConfig,
        login: &str,
        rng: &mut R,
    ) -> Result<LoginStart, ClientError> {
        let cnonce = *random(rng)?;
        let esk = match config.suites.x25519() {
            true => Some(random(rng)?),
            false => None,
        };
        let message = Start {
            suites: config.suites.clone(),
            realm: config.realm.clone(),
            login: login.into(),
            cnonce,
            epk: esk.as_deref().map(x25519::public),
        };
        message.check()?;
        Ok(LoginStart {
            message,
            esk,
            min_iterations: config.min_iterations,
        })
    }

    /// m1.
    #[must_use]
    pub fn message(&self) -> &Start {
        &self.message
    }

    /// Holds a challenge to all bounds and to the pins of a former login, before
    /// any work is done for it.
    ///
    /// # Errors
    /// What does not hold. The login is over: never repeat it with fewer or
    /// weaker suites because of an answer.
    pub fn check(self, challenge: Challenge, pins: Option<&Pins>) -> Result<Stretch, ClientError> {
        let Challenge {
            suite,
            parameters,
            m,
            ..
        } = challenge;
        if !self.message.suites.offers(suite) || suite.kdf() != parameters.cost.kdf() {
            return Err(ClientError::Suite);
        }
        if !limits::SALT.contains(&challenge.salt.len())
            || !limits::CTX.contains(&challenge.ctx.len())
        {
            return Err(ClientError::Length);
        }
        parameters
            .check(m, self.min_iterations)
            .map_err(|bound| match bound {
                Bound::Steps => ClientError::Steps,
                Bound::Cost => ClientError::Cost,
            })?;
        let seen = Pins {
            x25519: suite.x25519(),
            parameters,
        };
        if pins.is_some_and(|pins| seen.weaker_than(pins)) {
            return Err(ClientError::ParametersWeakened);
        }
        let z = match (suite.x25519(), &self.esk, &challenge.epk) {
            (false, _, None) => Shared::none(),
            (true, Some(esk), Some(epk)) => match Shared::agree(esk, epk) {
                (z, true) => z,
                (_, false) => return Err(ClientError::Ephemeral),
            },
            _ => return Err(ClientError::Ephemeral),
        };
        let th = transcript(&self.message.to_bytes(), &challenge.to_bytes());
        Ok(Stretch {
            realm: self.message.realm,
            login: self.message.login,
            server_time: challenge.expires.saturating_sub(CHALLENGE_SECONDS),
            salt: challenge.salt,
            ctx: challenge.ctx,
            m,
            seen,
            th,
            z,
        })
    }
}

impl Pins {
    /// Whether this is weaker in any respect than `before` (auth 3).
    fn weaker_than(&self, before: &Pins) -> bool {
        let (now, then) = (&self.parameters, &before.parameters);
        (before.x25519 && !self.x25519)
            || now.cost.any_lower_than(&then.cost)
            || now.cs < then.cs
            || now.p > then.p
    }
}

/// A challenge inside all bounds: what is left is work.
#[derive(Debug)]
pub struct Stretch {
    realm: String,
    login: String,
    salt: Vec<u8>,
    ctx: Vec<u8>,
    m: u32,
    seen: Pins,
    server_time: u64,
    th: [u8; 32],
    z: Shared,
}

impl Stretch {
    /// What the work will cost, for a progress display.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.seen.parameters
    }

    /// Stretches `password`, prepared (RFC 8265, OpaqueString): the slow step,
    /// never to be run on an async worker. The caller wipes the password.
    ///
    /// # Errors
    /// [`ClientError::Misuse`] for a password's length, [`ClientError::Memory`].
    pub fn run(self, password: &str) -> Result<Proven, ClientError> {
        let Parameters { cost, cs, p, .. } = self.seen.parameters;
        let x0 =
            stretch(&self.realm, &self.login, password, &self.salt, &cost).map_err(|error| {
                match error {
                    StretchError::Misuse(misuse) => ClientError::Misuse(misuse),
                    StretchError::Memory => ClientError::Memory,
                }
            })?;
        let x_p: Point = x0.advance(&self.salt, cs, p);
        let x_m = x_p.advance(&self.salt, cs, self.m);
        let x_p = x_p.dangerous_bytes();
        let schedule = Schedule::new(&x_m, self.th, self.z);
        Ok(Proven {
            proof: *schedule.masked(x_p),
            root: schedule.root(x_p),
            ctx: self.ctx,
            seen: self.seen,
            server_time: self.server_time,
        })
    }
}

/// A password's proof, not sent yet.
pub struct Proven {
    proof: [u8; 32],
    root: Root,
    ctx: Vec<u8>,
    seen: Pins,
    server_time: u64,
}

impl fmt::Debug for Proven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proven(..)")
    }
}

impl Proven {
    /// m3, asking for a session with this label, these scopes and `ttl` seconds
    /// (0: the server's default). Once the server says `rate_limited`, the very
    /// same message may be sent again.
    ///
    /// # Errors
    /// [`ClientError::Misuse`] for a device or scopes outside the limits.
    pub fn finish(
        self,
        device: &str,
        scopes: &str,
        ttl: u32,
    ) -> Result<(Finish, Pending), ClientError> {
        let mut finish = Finish {
            ctx: self.ctx,
            proof: self.proof,
            device: device.into(),
            scopes: scopes.into(),
            ttl,
            cmac: [0; 32],
        };
        finish.check()?;
        finish.cmac = *self.root.cmac(&finish);
        let pending = Pending {
            root: self.root,
            cmac: finish.cmac,
            asked: finish.scopes.clone(),
            seen: self.seen,
            server_time: self.server_time,
        };
        Ok((finish, pending))
    }
}

/// A login that waits for its grant.
pub struct Pending {
    root: Root,
    cmac: [u8; 32],
    asked: String,
    seen: Pins,
    server_time: u64,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending(..)")
    }
}

impl Pending {
    /// Verifies m4 before anything in it is used.
    ///
    /// # Errors
    /// [`ClientError::Grant`] if its HMAC does not hold, or if it grants more
    /// than was asked for.
    pub fn verify(self, grant: &Grant) -> Result<Session, ClientError> {
        let smac = self.root.smac(&self.cmac, grant);
        if !bool::from(smac.ct_eq(&grant.smac)) {
            return Err(ClientError::Grant);
        }
        if limits::scopes(&grant.scopes).is_err()
            || !limits::scopes_within(&grant.scopes, &self.asked)
        {
            return Err(ClientError::Grant);
        }
        let key = self.root.wrapped(&grant.token_id, &grant.wrapped);
        Ok(Session {
            token_id: grant.token_id,
            key: SessionKey::new(&key),
            expires: grant.expires,
            scopes: grant.scopes.clone(),
            server_time: self.server_time,
            pins: self.seen,
        })
    }
}

/// A session, mutually authenticated.
#[derive(Debug)]
pub struct Session {
    /// The session's name.
    pub token_id: [u8; 16],
    /// k_sess, k_req, k_resp.
    pub key: SessionKey,
    /// When it ends, seconds since 1970 by the server's clock.
    pub expires: u64,
    /// The scopes granted.
    pub scopes: String,
    /// The server's time when it made the challenge, seconds since 1970.
    pub server_time: u64,
    /// To be kept for the next login.
    pub pins: Pins,
}

fn random<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Zeroizing<[u8; 32]>, ClientError> {
    let mut out = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(&mut *out)
        .map_err(|_| ClientError::Random)?;
    Ok(out)
}
