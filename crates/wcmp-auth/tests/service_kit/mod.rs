//! A service with two accounts, a clock that can be set, clients in few words.
// Helpers of tests may panic like tests; each test file uses some of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc
)]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use wcmp_auth::call::{Facts, Nonce};
use wcmp_auth::client::{ClientConfig, LoginStart, Pending, Session};
use wcmp_auth::message::{Finish, PasswordChange, Refresh, Refreshed, Start};
use wcmp_auth::server::Policy;
use wcmp_auth::service::{
    AuditSink, Caller, Event, Limits, MemoryStore, NoRandom, Parts, RateTable, Refreshing, Rng,
    Service, ServiceError, Source, Store,
};
use wcmp_auth::{Cost, Parameters, Record, SessionKey, Suite, Suites};

pub const REALM: &str = "api.example.com";
pub const NOW: u64 = 1_900_000_000;
pub const HERE: Source = Source::V4([192, 0, 2]);
pub const DAY: u64 = 86_400;
pub const ALLOWED: &str = "read write password introspect";

/// Repeatable: SHA-256 of a counter.
#[derive(Clone, Default)]
pub struct Random(pub Arc<AtomicU64>);

impl Rng for Random {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom> {
        for chunk in out.chunks_mut(32) {
            let n = self.0.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&Sha256::digest(n.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

impl rand_core::TryRng for Random {
    type Error = NoRandom;
    fn try_next_u32(&mut self) -> Result<u32, NoRandom> {
        panic!("only bytes are drawn")
    }
    fn try_next_u64(&mut self) -> Result<u64, NoRandom> {
        panic!("only bytes are drawn")
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), NoRandom> {
        self.fill(out)
    }
}

impl rand_core::TryCryptoRng for Random {}

/// Keeps what it is told as text.
#[derive(Clone, Default)]
pub struct Audit(pub Arc<Mutex<Vec<String>>>);

impl AuditSink for Audit {
    fn record(&self, now: u64, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{now} {event:?}"));
    }
}

#[derive(Clone)]
pub struct World {
    pub service: Arc<Service>,
    pub clock: Arc<AtomicU64>,
    pub audit: Audit,
    pub random: Random,
}

pub fn policy() -> Policy {
    let parameters = Parameters::new(Cost::Pbkdf2 {
        iterations: 100_000,
    });
    let policy = Policy::new(REALM, parameters, 3).unwrap();
    policy.with_suites(&[Suite::Pbkdf2X25519, Suite::Pbkdf2])
}

impl World {
    pub fn new() -> World {
        World::on(Arc::new(MemoryStore::new()), Limits::default(), |s| s)
    }

    /// Enrols alice and bob, whose passwords are their names.
    pub fn on(
        store: Arc<dyn Store>,
        limits: Limits,
        with: impl FnOnce(Service) -> Service,
    ) -> World {
        let (clock, audit) = (Arc::new(AtomicU64::new(NOW)), Audit::default());
        // No two worlds draw the same.
        static WORLDS: AtomicU64 = AtomicU64::new(0);
        let world = WORLDS.fetch_add(1, Ordering::SeqCst);
        let random = Random(Arc::new(AtomicU64::new(world << 40)));
        let time = Arc::clone(&clock);
        let parts = Parts {
            store,
            limits: Box::new(RateTable::new(limits)),
            audit: Box::new(audit.clone()),
            clock: Box::new(move || time.load(Ordering::SeqCst)),
            rng: Box::new(random.clone()),
        };
        let service = Service::new(policy(), &[5; 32], parts).unwrap();
        let world = World {
            service: Arc::new(with(service)),
            clock,
            audit,
            random,
        };
        for login in ["alice", "bob"] {
            world.service.enrol(login, login, ALLOWED).unwrap();
        }
        world
    }

    pub fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn start(&self, login: &str, suite: u8) -> LoginStart {
        let config = ClientConfig {
            suites: Suites::new(&[suite]).unwrap(),
            min_iterations: 0,
            ..ClientConfig::new(REALM)
        };
        LoginStart::new(&config, login, &mut self.random.clone()).unwrap()
    }

    /// Up to m3.
    pub fn prove(
        &self,
        login: &str,
        password: &str,
        scopes: &str,
        ttl: u32,
    ) -> Result<(Finish, Pending), ServiceError> {
        let start = self.start(login, 2);
        let challenge = self.service.start(start.message(), HERE)?;
        let stretch = start.check(challenge, None).unwrap();
        let proven = stretch.run(password).unwrap();
        Ok(proven.finish("laptop", scopes, ttl).unwrap())
    }

    pub fn login_with(
        &self,
        login: &str,
        password: &str,
        scopes: &str,
        ttl: u32,
    ) -> Result<Client, ServiceError> {
        let (finish, pending) = self.prove(login, password, scopes, ttl)?;
        let grant = self.service.finish(&finish, HERE)?;
        Ok(Client::new(self, pending.verify(&grant).unwrap()))
    }

    pub fn login(&self, login: &str) -> Client {
        self.login_with(login, login, ALLOWED, 0).unwrap()
    }

    pub fn message(&self, login: &str) -> Start {
        self.start(login, 2).message().clone()
    }
}

/// Who has a session, at the client's side. Calls carry a right MAC: what is
/// tried here comes after it.
pub struct Client {
    pub world: World,
    pub token: [u8; 16],
    pub key: SessionKey,
    pub scopes: String,
    pub expires: u64,
    counter: AtomicU64,
}

impl Client {
    fn new(world: &World, session: Session) -> Client {
        Client {
            world: world.clone(),
            token: session.token_id,
            key: session.key,
            scopes: session.scopes,
            expires: session.expires,
            counter: AtomicU64::new(0),
        }
    }

    pub fn facts(&self) -> Facts {
        Facts {
            token: self.token,
            nonce: Nonce::Counter(self.counter.fetch_add(1, Ordering::SeqCst) + 1),
            created: self.world.now(),
            expires: None,
        }
    }

    /// The session's keys are the client's.
    fn session(&self) -> Result<Arc<wcmp_auth::service::Session>, ServiceError> {
        let session = self.world.service.session(&self.token)?;
        let session = session.ok_or(ServiceError::Unknown)?;
        let key = session.keys.session();
        assert_eq!(key.dangerous_bytes(), self.key.dangerous_bytes());
        Ok(session)
    }

    pub fn call(&self) -> Result<Caller, ServiceError> {
        self.world.service.admit(&self.session()?, &self.facts())
    }

    pub fn refreshing(&self) -> Result<Refreshing, ServiceError> {
        let facts = self.facts();
        self.world.service.admit_refresh(&self.session()?, &facts)
    }

    pub fn refresh_with(
        &self,
        rnonce: [u8; 32],
        scopes: &str,
        ttl: u32,
    ) -> Result<Refreshed, ServiceError> {
        let ask = Refresh {
            rnonce,
            scopes: scopes.into(),
            ttl,
        };
        self.world.service.refresh(&self.refreshing()?, &ask)
    }

    /// The successor.
    pub fn refresh(&self, rnonce: [u8; 32]) -> Result<Client, ServiceError> {
        let refreshed = self.refresh_with(rnonce, "", 0)?;
        Ok(self.succeed(rnonce, &refreshed))
    }

    pub fn succeed(&self, rnonce: [u8; 32], refreshed: &Refreshed) -> Client {
        Client {
            world: self.world.clone(),
            token: refreshed.token,
            key: self.key.next(&self.token, &rnonce, refreshed),
            scopes: refreshed.scopes.clone(),
            expires: refreshed.expires,
            counter: AtomicU64::new(0),
        }
    }

    pub fn set_password(&self, login: &str, password: &str) -> Result<(), ServiceError> {
        let service = &self.world.service;
        let made_with = service.password_parameters(&self.call()?)?;
        let (salt, parameters) = (&made_with.salt, made_with.parameters);
        let record = Record::enrol(REALM, login, password, salt, parameters).unwrap();
        let change = PasswordChange::seal(&self.key, &self.token, made_with, &record, &[3; 32]);
        service.set_password(&self.call()?, &change)
    }
}
