//! A server with one account, and the steps of a login in few words.
// Helpers of tests may panic like tests; each test file uses some of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::must_use_candidate
)]
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations
)]
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc)]

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};
use wcmp_auth::client::{ClientConfig, ClientError, LoginStart, Pending, Session, Stretch};
use wcmp_auth::message::{Challenge, Finish, Grant, Start};
use wcmp_auth::server::{Granted, Policy, Server, ServerError};
use wcmp_auth::{
    ChallengeKey, ChallengeKeys, Cost, Kdf, Parameters, Record, Suite, Suites, UnknownLogins,
};

pub const REALM: &str = "api.example.com";
pub const PASSWORD: &str = "correct horse";
pub const NOW: u64 = 1_800_000_000;
/// The least that clients accept.
pub const LEAST: Cost = Cost::Pbkdf2 {
    iterations: 100_000,
};
pub const LEAST_ARGON2ID: Cost = Cost::Argon2id {
    memory_kib: 19_456,
    time: 1,
    lanes: 1,
};

/// Repeatable: SHA-256 of a counter.
pub struct Rng(pub u64);

impl TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("only bytes are drawn")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&Sha256::digest(self.0.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Rng {}

pub const ALL: [Suite; 4] = [
    Suite::Pbkdf2,
    Suite::Pbkdf2X25519,
    Suite::Argon2id,
    Suite::Argon2idX25519,
];

pub struct World {
    pub server: Server,
    pub keys: ChallengeKeys,
    pub record: Record,
    pub config: ClientConfig,
    pub rng: Rng,
}

pub fn parameters(kdf: Kdf) -> Parameters {
    Parameters::new(match kdf {
        Kdf::Pbkdf2 => LEAST,
        Kdf::Argon2id => LEAST_ARGON2ID,
    })
}

pub fn secret() -> UnknownLogins {
    UnknownLogins::new(&[9; 32])
}

impl World {
    /// Alice has an account; the client offers just this suite.
    pub fn new(suite: Suite) -> World {
        let parameters = parameters(suite.kdf());
        let salt = secret().salt(REALM, "alice", 0);
        let policy = Policy::new(REALM, parameters, 3).unwrap().with_suites(&ALL);
        World {
            server: Server::new(policy, secret()),
            keys: ChallengeKeys::new(ChallengeKey::new(1, &[7; 64], NOW)),
            record: Record::enrol(REALM, "alice", PASSWORD, &salt, parameters).unwrap(),
            config: ClientConfig {
                suites: Suites::new(&[suite.id()]).unwrap(),
                min_iterations: 0,
                ..ClientConfig::new(REALM)
            },
            rng: Rng(0),
        }
    }

    pub fn begin(&mut self, login: &str) -> LoginStart {
        LoginStart::new(&self.config, login, &mut self.rng).unwrap()
    }

    /// The server's answer; it knows Alice.
    pub fn challenge(&mut self, m1: &Start) -> Result<Challenge, ServerError> {
        let record = (m1.login == "alice").then_some(&self.record);
        self.server
            .start(&self.keys, m1, record, NOW, &mut self.rng)
    }

    /// Up to the proof.
    pub fn checked(&mut self) -> Stretch {
        let login = self.begin("alice");
        let challenge = self.challenge(login.message()).unwrap();
        login.check(challenge, None).unwrap()
    }

    pub fn prove(&self, stretch: Stretch) -> (Finish, Pending) {
        let proven = stretch.run(PASSWORD).unwrap();
        proven.finish("laptop", "read write", 60).unwrap()
    }

    pub fn finish(&mut self, m3: &Finish) -> Result<(Grant, Granted), ServerError> {
        let opened = self.server.open(&self.keys, m3, NOW + 1)?;
        let record = (opened.login() == "alice").then_some(&self.record);
        let verified = opened.verify(&self.server, record)?;
        verified.grant("read", NOW + 1, &mut self.rng)
    }

    /// A whole login in which an attacker sits between the two.
    pub fn through(
        &mut self,
        change_m1: impl FnOnce(&mut Start),
        change_m2: impl FnOnce(&mut Challenge),
        change_m3: impl FnOnce(&mut Finish),
        change_m4: impl FnOnce(&mut Grant),
    ) -> Result<Session, Failed> {
        let login = self.begin("alice");
        let mut m1 = login.message().clone();
        change_m1(&mut m1);
        let mut m2 = self.challenge(&m1).map_err(Failed::Server)?;
        change_m2(&mut m2);
        let stretch = login.check(m2, None).map_err(Failed::Client)?;
        let (mut m3, pending) = self.prove(stretch);
        change_m3(&mut m3);
        let (mut m4, _) = self.finish(&m3).map_err(Failed::Server)?;
        change_m4(&mut m4);
        pending.verify(&m4).map_err(Failed::Client)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    Client(ClientError),
    Server(ServerError),
}
