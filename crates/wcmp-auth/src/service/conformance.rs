//! What every [`Store`] has to pass, as calls: [`behaves_as_the_model`],
//! [`decides_once`], [`remembers_across_a_restart`], [`remembers_challenges`],
//! [`shares_keys`].
//!
//! All of them can run on one store one after another: each history has logins,
//! tokens and a time of its own.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a check fails by panicking"
)]

mod model;
mod races;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::sync::atomic::{AtomicU64, Ordering};

pub use races::decides_once;

use super::{
    Account, Admission, Attempt, CONSUMED_SECONDS, KeyStore, Link, ReplayStore, Row,
    SEALED_KEY_LEN, SealedKey, Session, SessionKeys, Store, TokenId,
};
use crate::call::{Facts, Nonce, Reason};
use crate::{Cost, Parameters, Record, SessionKey};
use model::Model;

/// Ids that no other history of this process has, in a store that may have been
/// used before.
static HISTORY: AtomicU64 = AtomicU64::new(0);

/// Small numbers from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// Names and times of one history.
struct Names {
    history: u64,
    now: u64,
}

impl Names {
    fn new() -> Names {
        let history = HISTORY.fetch_add(1, Ordering::SeqCst);
        Names {
            history,
            // 400 days each: what one leaves is stale for the next.
            now: 1_900_000_000 + history * 400 * 86_400,
        }
    }

    fn login(&self, n: u64) -> String {
        format!("user-{}-{n}", self.history)
    }

    fn token(&self, n: u64) -> TokenId {
        let mut token = [0; 16];
        token[..8].copy_from_slice(&self.history.to_be_bytes());
        token[8..].copy_from_slice(&n.to_le_bytes());
        token
    }

    fn snonce(&self, n: u64) -> [u8; 32] {
        let mut snonce = [0; 32];
        snonce[..16].copy_from_slice(&self.token(n));
        snonce
    }

    fn account(&self, login: u64, epoch: u64, spared: Option<TokenId>) -> Account {
        let parameters = Parameters::new(match login % 2 {
            0 => Cost::PBKDF2,
            _ => Cost::ARGON2ID,
        });
        let h = [u8::try_from(epoch % 256).unwrap(); 32];
        let salt = [7; 16];
        Account {
            record: Record::new("realm", &self.login(login), &salt, parameters, &h).unwrap(),
            generation: 3,
            allowed: "read write".into(),
            epoch,
            spared,
        }
    }

    fn session(&self, token: u64, family: u64, login: u64, epoch: u64, ttl: u64) -> Session {
        Session {
            token: self.token(token),
            family: self.token(family),
            login: self.login(login),
            device: "Büro 3".into(),
            scopes: "read".into(),
            keys: SessionKeys::new(SessionKey::new(&self.snonce(token))),
            epoch,
            logged_in: self.now,
            created: self.now,
            expires: self.now + ttl,
        }
    }

    fn facts(&self, token: u64, nonce: Nonce) -> Facts {
        Facts {
            token: self.token(token),
            nonce,
            created: self.now,
            expires: None,
        }
    }
}

fn admit(store: &(impl ReplayStore + ?Sized), facts: &Facts, now: u64) -> Admission {
    let attempt = Attempt {
        facts,
        now,
        refresh: false,
    };
    store.admit(&attempt).unwrap()
}

fn random_nonce(n: u64) -> Nonce {
    Nonce::parse(&format!("{n:022}x")).unwrap()
}

/// Runs random histories of operations on the store and on a model of maps, and
/// compares every answer, and now and then every row.
///
/// # Panics
/// At the first difference, with the history's number and operation.
pub fn behaves_as_the_model(store: &dyn Store, histories: u64, seed: u64) {
    for history in 0..histories {
        let mut dice = Dice(seed.wrapping_mul(1000).wrapping_add(history));
        let mut names = Names::new();
        let mut model = Model::default();
        for step in 0..120 {
            let what = format!("seed {seed}, history {history}, step {step}");
            model.step(store, &mut names, &mut dice, &what);
            if step % 20 == 19 {
                model.compare(store, &names, &what);
            }
        }
    }
}

/// Admits calls, opens the store again by `reopen`, and shows that none of them
/// is admitted again, but others are.
///
/// # Panics
/// If one is.
pub fn remembers_across_a_restart<S: Store>(store: S, reopen: impl FnOnce(S) -> S) {
    let names = Names::new();
    assert!(store.put_if(names.account(0, 0, None)).unwrap());
    let counters = [1, 2, 3, 5, 700, 1500, 1501, 4000, 3999];
    let nonces: Vec<Nonce> = counters
        .into_iter()
        .map(Nonce::Counter)
        .chain((0..5).map(random_nonce))
        .collect();
    for token in [0, 1] {
        assert!(
            store
                .create(names.session(token, token, 0, 0, 3600))
                .unwrap()
        );
    }
    for nonce in &nonces {
        let admission = admit(&store, &names.facts(0, *nonce), names.now);
        assert_eq!(admission, Admission::Admitted, "{nonce:?}");
    }
    assert!(
        store
            .consume(&names.snonce(0), names.now + 120, names.now)
            .unwrap()
    );
    assert!(store.revoke(&names.token(1)).unwrap());

    let store = reopen(store);
    for nonce in &nonces {
        let admission = admit(&store, &names.facts(0, *nonce), names.now + 1);
        let Admission::Refused(Reason::Replayed { next: Some(next) }) = admission else {
            panic!("{nonce:?}: {admission:?}");
        };
        assert!(next > 3 && next != 5, "{next}");
    }
    let refused = admit(&store, &names.facts(0, Nonce::Counter(1)), names.now);
    let Admission::Refused(Reason::Replayed { next: Some(next) }) = refused else {
        panic!("{refused:?}");
    };
    for nonce in [Nonce::Counter(next), random_nonce(99)] {
        let facts = names.facts(0, nonce);
        assert_eq!(admit(&store, &facts, names.now), Admission::Admitted);
        assert!(matches!(
            admit(&store, &facts, names.now),
            Admission::Refused(_)
        ));
    }
    assert!(
        !store
            .consume(&names.snonce(0), names.now + 120, names.now)
            .unwrap()
    );
    let revoked = admit(&store, &names.facts(1, Nonce::Counter(1)), names.now);
    assert_eq!(revoked, Admission::Refused(Reason::Revoked));
    let row = store.get(&names.token(0)).unwrap().unwrap();
    assert_ne!(row.seen, 0);
}

/// A challenge that was used up stays so for a process whose clock is behind: for
/// [`CONSUMED_SECONDS`] after it has expired; and not for ever.
///
/// # Panics
/// If not.
pub fn remembers_challenges(store: &dyn Store) {
    let names = Names::new();
    let expires = names.now + 120;
    let snonce = |n| names.snonce(n);
    for n in 0..3 {
        assert!(store.consume(&snonce(n), expires, names.now).unwrap());
    }
    for now in [expires, expires + CONSUMED_SECONDS - 1] {
        while store.sweep(now).unwrap() {}
        // Another one's, by a process whose clock is right.
        store.consume(&snonce(now), now + 120, now).unwrap();
        for n in 0..3 {
            assert!(!store.consume(&snonce(n), expires, expires - 1).unwrap());
        }
    }
    while store.sweep(expires + CONSUMED_SECONDS).unwrap() {}
    assert!(store.consume(&snonce(0), expires, expires - 1).unwrap());
}

/// One key a slot, and none of slots that were forgotten.
///
/// # Panics
/// If not.
pub fn shares_keys(store: &dyn KeyStore) {
    let first = Names::new().now / 600;
    let key = |slot, byte| SealedKey {
        slot,
        sealed: [byte; SEALED_KEY_LEN],
    };
    for slot in first..first + 3 {
        assert!(store.put_key(&key(slot, 1)).unwrap());
        assert!(!store.put_key(&key(slot, 2)).unwrap());
    }
    let mut keys = store.keys_from(first + 1).unwrap();
    keys.sort_by_key(|key| key.slot);
    assert_eq!(keys, [key(first + 1, 1), key(first + 2, 1)]);
    store.forget_keys(first + 2).unwrap();
    assert_eq!(store.keys_from(0).unwrap(), [key(first + 2, 1)]);
}
