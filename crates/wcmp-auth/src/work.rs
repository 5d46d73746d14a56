//! What a start and a finish cost, counted: the same for known and unknown logins.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread_local;

use sha2::{Digest, Sha256};

use crate::client::{ClientConfig, LoginStart};
use crate::message::{Finish, Start};
use crate::server::Policy;
use crate::service::{
    Limits, MemoryStore, NoRandom, Parts, RateTable, Rng, Service, ServiceError, Source,
};
use crate::{Cost, Kdf, Parameters, Suite, Suites};

/// Of the thread that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) hmacs: u64,
    pub(crate) hmac_bytes: usize,
    pub(crate) hashed_bytes: usize,
    pub(crate) iterations: u64,
    pub(crate) x25519: u64,
}

thread_local! {
    static DONE: Cell<Work> = Cell::default();
}

/// Called by what computes, in tests.
pub(crate) fn count(add: impl FnOnce(&mut Work)) {
    DONE.with(|done| {
        let mut work = done.get();
        add(&mut work);
        done.set(work);
    });
}

/// Work, allocations and their bytes, of `act`.
fn of(act: impl FnOnce()) -> (Work, u64, u64) {
    DONE.with(|done| done.set(Work::default()));
    let allocated = allocation_counter::measure(act);
    let work = DONE.with(Cell::get);
    (work, allocated.count_total, allocated.bytes_total)
}

#[derive(Clone)]
struct Random(Arc<AtomicU64>);

impl Rng for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom> {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            let bytes = Sha256::digest(n.to_be_bytes());
            chunk.copy_from_slice(bytes.get(..chunk.len()).ok_or(NoRandom)?);
        }
        Ok(())
    }
}

impl rand_core::TryRng for Random {
    type Error = NoRandom;

    fn try_next_u32(&mut self) -> Result<u32, NoRandom> {
        Err(NoRandom)
    }

    fn try_next_u64(&mut self) -> Result<u64, NoRandom> {
        Err(NoRandom)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), NoRandom> {
        self.fill(out)
    }
}

impl rand_core::TryCryptoRng for Random {}

const HERE: Source = Source::V4([192, 0, 2]);
const NOW: u64 = 1_900_000_000;

struct World {
    service: Service,
    random: Random,
    config: ClientConfig,
}

impl World {
    fn new(suite: Suite) -> World {
        let random = Random(Arc::default());
        let parameters = Parameters::new(match suite.kdf() {
            Kdf::Pbkdf2 => Cost::Pbkdf2 {
                iterations: 100_000,
            },
            Kdf::Argon2id => Cost::Argon2id {
                memory_kib: 19_456,
                time: 1,
                lanes: 1,
            },
        });
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            limits: Box::new(RateTable::new(Limits::default())),
            audit: Box::new(()),
            clock: Box::new(|| NOW),
            rng: Box::new(random.clone()),
        };
        let policy = Policy::new("api.example.com", parameters, 3).unwrap();
        let service = Service::new(policy.with_suites(&[suite]), &[5; 32], parts).unwrap();
        for login in ["alice", "carol"] {
            service.enrol(login, "right", "read").unwrap();
        }
        World {
            service,
            random,
            config: ClientConfig {
                suites: Suites::new(&[suite.id()]).unwrap(),
                min_iterations: 0,
                ..ClientConfig::new("api.example.com")
            },
        }
    }

    fn begin(&self, login: &str) -> LoginStart {
        LoginStart::new(&self.config, login, &mut self.random.clone()).unwrap()
    }

    fn start(&self, message: &Start) {
        self.service.start(message, HERE).unwrap();
    }

    fn prove(&self, login: &str) -> Finish {
        let begun = self.begin(login);
        let challenge = self.service.start(begun.message(), HERE).unwrap();
        let stretch = begun.check(challenge, None).unwrap();
        let proven = stretch.run("wrong").unwrap();
        proven.finish("laptop", "read", 0).unwrap().0
    }

    fn finish(&self, finish: &Finish) {
        let refused = self.service.finish(finish, HERE).unwrap_err();
        assert_eq!(refused, ServiceError::LoginFailed);
    }
}

/// Names of one length, since lengths are in the messages anyhow.
#[test]
fn unknown_logins_are_the_same_work() {
    for suite in [
        Suite::Pbkdf2,
        Suite::Pbkdf2X25519,
        Suite::Argon2id,
        Suite::Argon2idX25519,
    ] {
        let world = World::new(suite);
        // Keys and tables are made at the first of each.
        world.finish(&world.prove("carol"));
        let logins = ["alice", "mallo", "carol", "trudy"];
        let starts: Vec<_> = logins
            .iter()
            .map(|login| {
                let begun = world.begin(login);
                of(|| world.start(begun.message()))
            })
            .collect();
        let finishes: Vec<_> = logins
            .iter()
            .map(|login| {
                let finish = world.prove(login);
                of(|| world.finish(&finish))
            })
            .collect();
        for all in [&starts, &finishes] {
            let (first, rest) = all.split_first().unwrap();
            assert!(rest.iter().all(|one| one == first), "{suite:?}: {all:#?}");
            assert!(first.1 > 3, "{all:?}");
        }
        // It is the work that there is. At the start: the salt, ctx, and a key. At the
        // finish: ctx, the key's secret, H, mask, root, cmac and its key; M - P steps;
        // X25519.
        let x25519 = u64::from(suite.x25519());
        let done = |(work, ..): &(Work, u64, u64)| (work.hmacs, work.iterations, work.x25519);
        assert_eq!(starts.first().map(done), Some((2 + x25519, 0, x25519)));
        assert_eq!(finishes.first().map(done), Some((7, 2, x25519)));
    }
}
