//! The server's login (auth 3). It keeps nothing between start and finish but
//! the nonces that were consumed, and those by the embedder's store:
//!
//! ```text
//! Server::start(m1, record?)  -> m2
//! Server::open(m3)            -> Opened{snonce, expires, login}
//!     the embedder consumes snonce (set-if-absent) and reads the record again
//! Opened::verify(record?)     -> Verified
//! Verified::grant(rng)        -> m4, Granted{token id, key, ..} to be stored
//! ```
//!
//! Unknown logins take the same steps and the same work.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::challenge_keys::ChallengeKeys;
use crate::cost::FLOOR_ITERATIONS;
use crate::limits::{self, CHALLENGE_SECONDS, MAX_TTL, Misuse};
use crate::message::{Challenge, Finish, Grant, Start};
use crate::schedule::{Root, Schedule, Shared, transcript};
use crate::{Parameters, Record, SessionKey, Suite, UnknownLogins, x25519};

/// What a deployment has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    realm: String,
    suites: Vec<Suite>,
    parameters: Parameters,
    former: Vec<Parameters>,
    m: u32,
    default_ttl: u32,
    max_ttl: u32,
}

impl Policy {
    /// New records have exactly `parameters`, challenges name `m`; sessions last
    /// an hour unless asked otherwise, a day at most. Suites 2 and 4 are allowed.
    ///
    /// # Errors
    /// [`Misuse::Realm`]; [`Misuse::Parameters`] for what clients would refuse
    /// even if configured low, or for (M - P) * cs > 4096.
    pub fn new(realm: &str, parameters: Parameters, m: u32) -> Result<Policy, Misuse> {
        limits::sized(realm, limits::REALM, Misuse::Realm)?;
        affordable(&parameters, m)?;
        Ok(Policy {
            realm: realm.into(),
            suites: [Suite::Argon2idX25519, Suite::Pbkdf2X25519].into(),
            parameters,
            former: Vec::new(),
            m,
            default_ttl: 3600,
            max_ttl: MAX_TTL,
        })
    }

    /// Allows these suites and no others. Those without X25519 let a listener
    /// guess passwords (auth 8).
    #[must_use]
    pub fn with_suites(mut self, suites: &[Suite]) -> Policy {
        self.suites = suites.to_vec();
        self
    }

    /// Serves records of an earlier policy too, until their passwords are set
    /// anew. Their logins can be told from unknown ones.
    ///
    /// # Errors
    /// As [`Policy::new`].
    pub fn with_former(mut self, parameters: Parameters) -> Result<Policy, Misuse> {
        affordable(&parameters, self.m)?;
        self.former.push(parameters);
        Ok(self)
    }

    /// Sets how many seconds sessions last, by default and at most: never more
    /// than 24 hours.
    #[must_use]
    pub fn with_ttl(mut self, default: u32, max: u32) -> Policy {
        self.max_ttl = max.min(MAX_TTL);
        self.default_ttl = default.min(self.max_ttl);
        self
    }

    /// The parameters of a record made now.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The seconds granted to who asks for `asked`.
    pub(crate) fn ttl(&self, asked: u32) -> u64 {
        u64::from(match asked {
            0 => self.default_ttl,
            asked => asked.min(self.max_ttl),
        })
    }

    /// The allowed suite that names new records.
    #[cfg(feature = "std")]
    pub(crate) fn record_suite(&self) -> Option<Suite> {
        let kdf = self.parameters.cost.kdf();
        self.suites.iter().copied().find(|suite| suite.kdf() == kdf)
    }

    fn serves(&self, record: &Record) -> bool {
        let parameters = record.parameters();
        record.realm() == self.realm
            && (*parameters == self.parameters || self.former.contains(parameters))
    }
}

fn affordable(parameters: &Parameters, m: u32) -> Result<(), Misuse> {
    parameters
        .check(m, FLOOR_ITERATIONS)
        .map_err(|_| Misuse::Parameters)?;
    let steps = u64::from(m - parameters.p) * u64::from(parameters.cs);
    if steps <= 4096 {
        Ok(())
    } else {
        Err(Misuse::Parameters)
    }
}

/// What a server answers instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerError {
    /// Outside the limits of auth 1, or another realm. Consumes nothing, and is
    /// no guess.
    InvalidRequest,
    /// No suite in common.
    UnsupportedSuite,
    /// The context does not open or is expired; the embedder answers the same for
    /// a consumed nonce.
    ExpiredChallenge,
    /// Everything after that: one answer.
    LoginFailed,
    /// The RNG failed: this server's fault.
    Random,
    /// The embedder grants what was not asked for or is not well-formed.
    Granted,
}

impl ServerError {
    /// The code of auth 6; none for the server's own faults.
    #[must_use]
    pub fn code(self) -> Option<&'static str> {
        match self {
            ServerError::InvalidRequest => Some("invalid_request"),
            ServerError::UnsupportedSuite => Some("unsupported_suite"),
            ServerError::ExpiredChallenge => Some("expired_challenge"),
            ServerError::LoginFailed => Some("login_failed"),
            ServerError::Random | ServerError::Granted => None,
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerError::Random => "no random numbers",
            ServerError::Granted => "scopes that cannot be granted",
            other => other.code().unwrap_or_default(),
        })
    }
}

impl core::error::Error for ServerError {}

/// A server: its policy, and the secret that makes unknown logins.
#[derive(Debug)]
pub struct Server {
    policy: Policy,
    unknown: UnknownLogins,
}

impl Server {
    /// A server.
    #[must_use]
    pub fn new(policy: Policy, unknown: UnknownLogins) -> Server {
        Server { policy, unknown }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Answers m1. `record` is the login's, if there is one; `now` in seconds
    /// since 1970. The caller has checked that preparing the login again (RFC
    /// 8265) does not change it, else the answer is `invalid_request`.
    ///
    /// # Errors
    /// [`ServerError::InvalidRequest`], [`ServerError::UnsupportedSuite`],
    /// [`ServerError::Random`].
    pub fn start<R: TryCryptoRng + ?Sized>(
        &self,
        keys: &ChallengeKeys,
        start: &Start,
        record: Option<&Record>,
        now: u64,
        rng: &mut R,
    ) -> Result<Challenge, ServerError> {
        start.check().map_err(|_| ServerError::InvalidRequest)?;
        if start.realm != self.policy.realm {
            return Err(ServerError::InvalidRequest);
        }
        let unknown = self.salt(&start.login, 0);
        let (salt, parameters) = record
            .filter(|record| record.login() == start.login && self.policy.serves(record))
            .map_or((&unknown[..], &self.policy.parameters), |record| {
                (record.salt(), record.parameters())
            });
        let kdf = parameters.cost.kdf();
        let suite = start
            .suites
            .known()
            .find(|suite| suite.kdf() == kdf && self.policy.suites.contains(suite))
            .ok_or(ServerError::UnsupportedSuite)?;
        let mut snonce = [0; 32];
        rng.try_fill_bytes(&mut snonce)
            .map_err(|_| ServerError::Random)?;
        let (m1, key) = (start.to_bytes(), keys.current());
        let mut challenge = Challenge {
            suite,
            salt: salt.to_vec(),
            parameters: *parameters,
            m: self.policy.m,
            snonce,
            expires: now.saturating_add(CHALLENGE_SECONDS),
            epk: suite
                .x25519()
                .then(|| x25519::public(&key.esk(&m1, &snonce))),
            ctx: Vec::new(),
        };
        challenge.ctx = key.seal(&m1, &challenge.head());
        Ok(challenge)
    }

    /// Opens the context of m3. Nothing is known of the password yet.
    ///
    /// # Errors
    /// [`ServerError::InvalidRequest`], [`ServerError::ExpiredChallenge`].
    pub fn open(
        &self,
        keys: &ChallengeKeys,
        finish: &Finish,
        now: u64,
    ) -> Result<Opened, ServerError> {
        finish.check().map_err(|_| ServerError::InvalidRequest)?;
        let (start, challenge, esk) = keys
            .open(&finish.ctx)
            .ok_or(ServerError::ExpiredChallenge)?;
        if now >= challenge.expires {
            return Err(ServerError::ExpiredChallenge);
        }
        Ok(Opened {
            start,
            challenge,
            esk,
            finish: finish.clone(),
        })
    }

    /// The salt of a login's password number `generation` (auth 3).
    pub(crate) fn salt(&self, login: &str, generation: u32) -> [u8; 16] {
        self.unknown.salt(&self.policy.realm, login, generation)
    }
}

/// An m3 of a challenge that this server made and that is not expired.
pub struct Opened {
    pub(crate) start: Start,
    pub(crate) challenge: Challenge,
    pub(crate) esk: Zeroizing<[u8; 32]>,
    pub(crate) finish: Finish,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?}, ..)", self.start.login)
    }
}

impl Opened {
    /// What the embedder has to consume (set-if-absent, kept until
    /// [`Opened::expires`]) **before** [`Opened::verify`]; if it is there
    /// already, the answer is `expired_challenge`.
    #[must_use]
    pub fn snonce(&self) -> &[u8; 32] {
        &self.challenge.snonce
    }

    /// When the challenge expires, seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> u64 {
        self.challenge.expires
    }

    /// Whose record is to be read again.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.start.login
    }

    /// Whether m3 shows the password of `record`, read after the nonce was
    /// consumed. The same work for no record, and for one that is not the
    /// challenge's any more.
    ///
    /// # Errors
    /// [`ServerError::LoginFailed`].
    pub fn verify(self, server: &Server, record: Option<&Record>) -> Result<Verified, ServerError> {
        let Opened {
            start,
            challenge,
            esk,
            finish,
        } = self;
        let Parameters { cs, n, .. } = challenge.parameters;
        let unknown = server.unknown.point(&server.policy.realm, &start.login, n);
        let real = record.filter(|record| {
            record.login() == start.login
                && record.salt() == challenge.salt
                && *record.parameters() == challenge.parameters
                && server.policy.serves(record)
        });
        let (h, is_real) = match real {
            Some(record) => (record.point(), Choice::from(1)),
            None => (&unknown, Choice::from(0)),
        };
        let (z, contributed) = match (challenge.suite.x25519(), &start.epk) {
            (true, Some(epk)) => Shared::agree(&esk, epk),
            (true, None) => (Shared::none(), false),
            (false, _) => (Shared::none(), true),
        };
        let th = transcript(&start.to_bytes(), &challenge.to_bytes());
        let x_m = h.advance(&challenge.salt, cs, challenge.m);
        let schedule = Schedule::new(&x_m, th, z);
        let y = schedule.masked(&finish.proof);
        let shown = crate::kdf::Point::new(challenge.parameters.p, &y);
        let shown = shown.advance(&challenge.salt, cs, n);
        let root = schedule.root(&y);
        let ok = shown.dangerous_bytes().ct_eq(h.dangerous_bytes())
            & root.cmac(&finish).ct_eq(&finish.cmac)
            & Choice::from(u8::from(contributed))
            & is_real;
        if !bool::from(ok) {
            return Err(ServerError::LoginFailed);
        }
        let ttl = finish.ttl;
        Ok(Verified {
            root,
            login: start.login,
            finish,
            ttl: server.policy.ttl(ttl),
        })
    }
}

/// A login that has shown its password.
pub struct Verified {
    root: Root,
    login: String,
    finish: Finish,
    ttl: u64,
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({:?}, ..)", self.login)
    }
}

impl Verified {
    /// Who.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The scopes asked for; who asks for none gets none.
    #[must_use]
    pub fn asked(&self) -> &str {
        &self.finish.scopes
    }

    /// Makes m4 and the session: k_sess (32 bytes) and then the token id (16)
    /// are drawn from `rng`. `scopes` is what the embedder allows of what was
    /// asked for; a token id that its store holds already fails there.
    ///
    /// # Errors
    /// [`ServerError::Random`]; [`ServerError::Granted`] for scopes that were not
    /// asked for, not in that order, or are none.
    pub fn grant<R: TryCryptoRng + ?Sized>(
        self,
        scopes: &str,
        now: u64,
        rng: &mut R,
    ) -> Result<(Grant, Granted), ServerError> {
        if limits::scopes(scopes).is_err() || !limits::scopes_in_order(scopes, self.asked()) {
            return Err(ServerError::Granted);
        }
        let mut k_sess = Zeroizing::new([0; 32]);
        let mut token_id = [0; 16];
        rng.try_fill_bytes(&mut *k_sess)
            .map_err(|_| ServerError::Random)?;
        rng.try_fill_bytes(&mut token_id)
            .map_err(|_| ServerError::Random)?;
        let mut grant = Grant {
            token_id,
            wrapped: *self.root.wrapped(&token_id, &k_sess),
            expires: now.saturating_add(self.ttl),
            scopes: scopes.into(),
            smac: [0; 32],
        };
        grant.smac = *self.root.smac(&self.finish.cmac, &grant);
        let granted = Granted {
            token_id,
            key: SessionKey::new(&k_sess),
            login: self.login,
            device: self.finish.device,
            scopes: grant.scopes.clone(),
            expires: grant.expires,
        };
        Ok((grant, granted))
    }
}

/// A session as the server stores it.
#[derive(Debug)]
pub struct Granted {
    /// Its name.
    pub token_id: [u8; 16],
    /// k_sess, k_req, k_resp.
    pub key: SessionKey,
    /// Whose it is.
    pub login: String,
    /// Its label.
    pub device: String,
    /// What it may do.
    pub scopes: String,
    /// When it ends, seconds since 1970.
    pub expires: u64,
}
