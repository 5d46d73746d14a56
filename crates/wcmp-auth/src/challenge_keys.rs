//! K_ctx and K_esk (auth 3): why a server keeps nothing between start and finish.
//!
//! ```text
//! ctx   = u8 key number || enc("ctx", m1, enc("challenge", fields of m2 before ctx))
//!         || HMAC(K_ctx, all before)
//! esk_s = HMAC(K_esk, enc("ephemeral", m1, snonce))
//! ```
//!
//! Forgetting K_esk is the forward secrecy of suites 2 and 4.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encode::{dec, enc};
use crate::kdf::Key;
use crate::limits::{self, CHALLENGE_SECONDS, Misuse};
use crate::message::{Challenge, Start};

/// Seconds after which a key is to be replaced.
pub const ROTATE_SECONDS: u64 = 600;

/// One pair of keys under a number. **Secret**, random, in memory only.
pub struct ChallengeKey {
    number: u8,
    ctx: Key,
    esk: Key,
    made: u64,
}

impl fmt::Debug for ChallengeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChallengeKey({}, made {}, ..)", self.number, self.made)
    }
}

impl ChallengeKey {
    /// The pair of these 64 random bytes, K_ctx then K_esk, made `now` (seconds
    /// since 1970).
    #[must_use]
    pub fn new(number: u8, bytes: &[u8; 64], now: u64) -> ChallengeKey {
        let (ctx, esk) = bytes.split_at(32);
        ChallengeKey {
            number,
            ctx: Key::new(ctx),
            esk: Key::new(esk),
            made: now,
        }
    }

    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    pub(crate) fn esk(&self, m1: &[u8], snonce: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        self.esk.mac(&enc("ephemeral", &[m1, snonce]))
    }

    pub(crate) fn seal(&self, m1: &[u8], head: &[u8]) -> Vec<u8> {
        let mut ctx = Vec::from([self.number]);
        ctx.extend(enc("ctx", &[m1, head]));
        let mac = self.ctx.mac(&ctx);
        ctx.extend_from_slice(&*mac);
        ctx
    }
}

/// The key in use and those before it whose challenges may still be good.
#[derive(Debug)]
pub struct ChallengeKeys {
    current: ChallengeKey,
    former: Vec<Former>,
}

#[derive(Debug)]
struct Former {
    key: ChallengeKey,
    forget: u64,
}

impl ChallengeKeys {
    /// The first key.
    #[must_use]
    pub fn new(key: ChallengeKey) -> ChallengeKeys {
        ChallengeKeys {
            current: key,
            former: Vec::new(),
        }
    }

    /// Whether the current key is old enough to be replaced.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        now.saturating_sub(self.current.made) >= ROTATE_SECONDS
    }

    /// Replaces the current key, and forgets what is to be forgotten.
    ///
    /// # Errors
    /// [`Misuse::KeyNumber`] if a key of that number is remembered; the keys stay
    /// as they are.
    pub fn rotate(&mut self, key: ChallengeKey, now: u64) -> Result<(), Misuse> {
        self.forget(now);
        if self.by_number(key.number).is_some() {
            return Err(Misuse::KeyNumber);
        }
        let key = core::mem::replace(&mut self.current, key);
        self.former.push(Former {
            key,
            forget: now.saturating_add(CHALLENGE_SECONDS),
        });
        Ok(())
    }

    /// Forgets the keys whose last challenge has expired. To be called by a timer
    /// as well: a key that is still in memory is no forward secrecy.
    pub fn forget(&mut self, now: u64) {
        self.former.retain(|former| now < former.forget);
    }

    pub(crate) fn current(&self) -> &ChallengeKey {
        &self.current
    }

    /// Whether a key of this number is remembered.
    #[cfg(feature = "std")]
    pub(crate) fn holds(&self, number: u8) -> bool {
        self.by_number(number).is_some()
    }

    fn by_number(&self, number: u8) -> Option<&ChallengeKey> {
        core::iter::once(&self.current)
            .chain(self.former.iter().map(|former| &former.key))
            .find(|key| key.number() == number)
    }

    /// m1 and m2 of a context that one of these keys made, and the ephemeral key.
    pub(crate) fn open(&self, ctx: &[u8]) -> Option<(Start, Challenge, Zeroizing<[u8; 32]>)> {
        if !limits::CTX.contains(&ctx.len()) {
            return None;
        }
        let (before, mac) = ctx.split_last_chunk::<32>()?;
        let (&number, sealed) = before.split_first()?;
        let key = self.by_number(number)?;
        if !bool::from(key.ctx.mac(before).ct_eq(mac)) {
            return None;
        }
        let fields = dec("ctx", sealed)?;
        let &[m1, head] = fields.as_slice() else {
            return None;
        };
        let challenge = Challenge::from_head(head, ctx)?;
        let esk = key.esk(m1, &challenge.snonce);
        Some((Start::from_bytes(m1)?, challenge, esk))
    }
}
