//! K_ctx and K_esk in time (auth 3): one key for each slot of ten minutes, and
//! one in all processes of a fleet.
//!
//! ```text
//! slot   = seconds since 1970 / 600        key number = slot mod 256
//! sealed = nonce 32 || 64 bytes XOR pad || HMAC(HMAC(k, enc("mac")), nonce || masked || u64 slot)
//! pad    = HMAC(HMAC(k, enc("pad")), enc("key", u64 slot, nonce, u8 i)), i = 0, 1
//! k      = HMAC(fleet secret, enc("fleet"))
//! ```
//!
//! Which key a slot has is decided by [`KeyStore::put_key`]. A context of a key
//! that is not in memory makes the process look into the store, once a second at
//! most.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{PoisonError, RwLock};

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KeyStore, NoRandom, Rng, SEALED_KEY_LEN, SealedKey, ServiceError, StoreError};
use crate::challenge_keys::{ChallengeKey, ChallengeKeys, ROTATE_SECONDS};
use crate::encode::enc;
use crate::kdf::hmac;
use crate::limits::CHALLENGE_SECONDS;

/// How a fleet shares keys: through its store, sealed under a secret that all of
/// its processes have and the store has not.
pub(super) struct Fleet {
    pub(super) secret: Zeroizing<[u8; 32]>,
    pub(super) store: Arc<dyn KeyStore>,
}

/// A slot and its 64 bytes.
type SlotKey = (u64, Zeroizing<[u8; 64]>);

pub(super) struct Keys {
    held: RwLock<Held>,
    fleet: Option<Fleet>,
}

struct Held {
    /// The newest slot whose key is held, and the keys.
    slot: u64,
    keys: Option<ChallengeKeys>,
    /// When the store was looked into because of an unknown number.
    looked: u64,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    pub(super) fn new(fleet: Option<Fleet>) -> Keys {
        Keys {
            held: RwLock::new(Held {
                slot: 0,
                keys: None,
                looked: 0,
            }),
            fleet,
        }
    }

    /// Runs `f` with the keys, of which the current one is of `now`'s slot.
    pub(super) fn with<T>(
        &self,
        now: u64,
        rng: &dyn Rng,
        f: impl FnOnce(&ChallengeKeys) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let slot = now / ROTATE_SECONDS;
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if let (Some(keys), true) = (&held.keys, held.slot >= slot) {
                return f(keys);
            }
        }
        // Without the lock: a store may be slow, others go on with what there is.
        let found = match &self.fleet {
            Some(fleet) => fleet.current(slot, rng)?,
            None => [(slot, random(rng)?)].into(),
        };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.take(found, now);
        f(held.keys.as_ref().ok_or(NoRandom)?)
    }

    /// Runs `f` with the keys, among which is that of `number` if it exists.
    pub(super) fn with_number<T>(
        &self,
        number: Option<u8>,
        now: u64,
        rng: &dyn Rng,
        f: impl FnOnce(&ChallengeKeys) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        if let (Some(fleet), Some(number)) = (&self.fleet, number)
            && self.is_missing(number)
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            let looked = core::mem::replace(&mut held.looked, now);
            drop(held);
            if looked != now {
                let found = fleet.load(now / ROTATE_SECONDS)?;
                let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
                held.take(found, now);
            }
        }
        self.with(now, rng, f)
    }

    fn is_missing(&self, number: u8) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        !held.keys.as_ref().is_some_and(|keys| keys.holds(number))
    }

    /// Makes a new key if it is time, and forgets old ones, in the store too.
    pub(super) fn maintain(&self, now: u64, rng: &dyn Rng) -> Result<(), ServiceError> {
        self.with(now, rng, |_| Ok(()))?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = &mut held.keys {
            keys.forget(now);
        }
        drop(held);
        if let Some(fleet) = &self.fleet {
            // A minute more for clocks that differ.
            let oldest = now.saturating_sub(CHALLENGE_SECONDS + 60) / ROTATE_SECONDS;
            fleet.store.forget_keys(oldest)?;
        }
        Ok(())
    }
}

impl Held {
    fn take(&mut self, mut found: Vec<SlotKey>, now: u64) {
        found.sort_unstable_by_key(|(slot, _)| *slot);
        for (slot, bytes) in found {
            if self.keys.is_some() && slot <= self.slot {
                continue;
            }
            let number = u8::try_from(slot % 256).unwrap_or_default();
            let key = || ChallengeKey::new(number, &bytes, slot.saturating_mul(ROTATE_SECONDS));
            let kept = match &mut self.keys {
                Some(keys) => keys.rotate(key(), now).is_ok(),
                None => false,
            };
            if !kept {
                // The first, or a number's return after a rest of days.
                self.keys = Some(ChallengeKeys::new(key()));
            }
            self.slot = slot;
        }
    }
}

impl Fleet {
    /// The keys of `slot` and its neighbours; made, if nobody has yet.
    fn current(&self, slot: u64, rng: &dyn Rng) -> Result<Vec<SlotKey>, ServiceError> {
        let found = self.load(slot)?;
        if found.iter().any(|(of, _)| *of >= slot) {
            return Ok(found);
        }
        let mut nonce = [0; 32];
        rng.fill(&mut nonce)?;
        let sealed = self.seal(slot, &nonce, &*random(rng)?);
        self.store.put_key(&SealedKey { slot, sealed })?;
        // Mine or that of a process that came first.
        let found = self.load(slot)?;
        match found.iter().any(|(of, _)| *of >= slot) {
            true => Ok(found),
            // Of another fleet's secret.
            false => Err(StoreError::Corrupt.into()),
        }
    }

    fn load(&self, slot: u64) -> Result<Vec<SlotKey>, ServiceError> {
        let sealed = self.store.keys_from(slot.saturating_sub(1))?;
        // One that this fleet's secret does not open is none of this fleet's.
        let open = |key: &SealedKey| Some((key.slot, self.open(key)?));
        Ok(sealed.iter().filter_map(open).collect())
    }

    fn key(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let k = hmac(&*self.secret, &enc("fleet", &[]));
        hmac(&*k, &enc(label, &[]))
    }

    fn mask(&self, slot: u64, nonce: &[u8; 32], bytes: &mut [u8]) {
        let key = self.key("pad");
        for (chunk, i) in bytes.chunks_mut(32).zip(0u8..) {
            let pad = hmac(&*key, &enc("key", &[&slot.to_be_bytes(), nonce, &[i]]));
            for (to, from) in chunk.iter_mut().zip(pad.iter()) {
                *to ^= from;
            }
        }
    }

    fn mac(&self, slot: u64, before: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut message = before.to_vec();
        message.extend_from_slice(&slot.to_be_bytes());
        hmac(&*self.key("mac"), &message)
    }

    fn seal(&self, slot: u64, nonce: &[u8; 32], key: &[u8; 64]) -> [u8; SEALED_KEY_LEN] {
        let mut masked = Zeroizing::new(*key);
        self.mask(slot, nonce, &mut *masked);
        let before = [&nonce[..], &*masked].concat();
        let whole = [&before[..], &*self.mac(slot, &before)].concat();
        let mut sealed = [0; SEALED_KEY_LEN];
        for (to, from) in sealed.iter_mut().zip(whole) {
            *to = from;
        }
        sealed
    }

    fn open(&self, key: &SealedKey) -> Option<Zeroizing<[u8; 64]>> {
        let (before, mac) = key.sealed.split_last_chunk::<32>()?;
        if !bool::from(self.mac(key.slot, before).ct_eq(mac)) {
            return None;
        }
        let (nonce, masked) = before.split_first_chunk::<32>()?;
        let mut bytes = Zeroizing::new(<[u8; 64]>::try_from(masked).ok()?);
        self.mask(key.slot, nonce, &mut *bytes);
        Some(bytes)
    }
}

fn random(rng: &dyn Rng) -> Result<Zeroizing<[u8; 64]>, NoRandom> {
    let mut bytes = Zeroizing::new([0; 64]);
    rng.fill(&mut *bytes)?;
    Ok(bytes)
}
