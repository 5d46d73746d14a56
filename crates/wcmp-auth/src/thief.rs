//! What a thief of a record, and a server that has one, can compute: tests that
//! take the steps of a login with values that no honest party has.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::client::{ClientConfig, ClientError, LoginStart};
use crate::kdf::{Point, hmac, stretch};
use crate::message::{Challenge, Finish, Start};
use crate::schedule::{Root, Schedule, Shared, transcript};
use crate::server::{Opened, Policy, Server, ServerError};
use crate::vectors::Script;
use crate::{Cost, Parameters, Record, Suite, Suites, UnknownLogins, x25519};

const REALM: &str = "api.example.com";
const LEAST: Cost = Cost::Pbkdf2 {
    iterations: 100_000,
};
const ESK_C: [u8; 32] = [0x11; 32];
const ESK_S: [u8; 32] = [0x22; 32];

struct Stolen {
    record: Record,
    x_p: Point,
    server: Server,
    start: Start,
    challenge: Challenge,
}

fn stolen(suite: Suite) -> Stolen {
    let parameters = Parameters::new(LEAST);
    let record = Record::enrol(REALM, "alice", "secret", &[3; 16], parameters).unwrap();
    let x0 = stretch(REALM, "alice", "secret", &[3; 16], &LEAST).unwrap();
    let policy = Policy::new(REALM, parameters, 3).unwrap();
    Stolen {
        x_p: x0.advance(&[3; 16], 1, 1),
        server: Server::new(policy, UnknownLogins::new(&[0; 32])),
        start: Start {
            suites: Suites::new(&[suite.id()]).unwrap(),
            realm: REALM.into(),
            login: "alice".into(),
            cnonce: [1; 32],
            epk: suite.x25519().then(|| x25519::public(&ESK_C)),
        },
        challenge: Challenge {
            suite,
            salt: [3; 16].into(),
            parameters,
            m: 3,
            snonce: [4; 32],
            expires: 1000,
            epk: suite.x25519().then(|| x25519::public(&ESK_S)),
            ctx: Vec::from([5]),
        },
        record,
    }
}

impl Stolen {
    fn z(&self) -> Shared {
        match self.challenge.epk {
            Some(epk) => Shared::agree(&ESK_C, &epk).0,
            None => Shared::none(),
        }
    }

    /// X_M comes from the record; `shown` stands where X_P belongs, and all HMACs
    /// are right for it.
    fn finish(&self, shown: &[u8; 32]) -> (Finish, Root) {
        let th = transcript(&self.start.to_bytes(), &self.challenge.to_bytes());
        let (z, x_m) = (self.z(), self.record.point().advance(&[3; 16], 1, 3));
        let schedule = Schedule::new(&x_m, th, z);
        let mut finish = Finish {
            ctx: self.challenge.ctx.clone(),
            proof: *schedule.masked(shown),
            device: "".into(),
            scopes: "read".into(),
            ttl: 0,
            cmac: [0; 32],
        };
        let root = schedule.root(shown);
        finish.cmac = *root.cmac(&finish);
        (finish, root)
    }

    fn verify(&self, finish: Finish, record: Option<&Record>) -> Result<(), ServerError> {
        let opened = Opened {
            start: self.start.clone(),
            challenge: self.challenge.clone(),
            esk: Zeroizing::new(ESK_S),
            finish,
        };
        opened.verify(&self.server, record).map(|_| ())
    }
}

/// The thief knows H, so X_M, the mask and every HMAC; what he lacks is X_P.
#[test]
fn a_record_does_not_log_in() {
    for suite in [Suite::Pbkdf2, Suite::Pbkdf2X25519] {
        let stolen = stolen(suite);
        let record = Some(&stolen.record);
        let x_m = stolen.record.point().advance(&[3; 16], 1, 3);
        for shown in [stolen.record.dangerous_h(), x_m.dangerous_bytes(), &[0; 32]] {
            let (finish, _) = stolen.finish(shown);
            assert_eq!(stolen.verify(finish, record), Err(ServerError::LoginFailed));
        }
        // With X_P it is a login: nothing else was missing. Unless there is no record.
        let (finish, _) = stolen.finish(stolen.x_p.dangerous_bytes());
        assert_eq!(stolen.verify(finish.clone(), record), Ok(()));
        assert_eq!(stolen.verify(finish, None), Err(ServerError::LoginFailed));
    }
}

/// The right X_P with a wrong HMAC is no login either.
#[test]
fn both_proof_and_hmac_are_needed() {
    let stolen = stolen(Suite::Pbkdf2);
    let (mut finish, _) = stolen.finish(stolen.x_p.dangerous_bytes());
    finish.cmac = *hmac(&[0; 32], b"");
    assert_eq!(
        stolen.verify(finish, Some(&stolen.record)),
        Err(ServerError::LoginFailed)
    );
}

/// A login for which there is no record fails even for whoever knows the fake one.
#[test]
fn a_fake_record_never_logs_in() {
    let mut stolen = stolen(Suite::Pbkdf2);
    let (unknown, parameters) = (UnknownLogins::new(&[0; 32]), stolen.challenge.parameters);
    let salt = unknown.salt(REALM, "alice", 0);
    let h = unknown.point(REALM, "alice", parameters.n);
    stolen.challenge.salt = salt.to_vec();
    stolen.record = Record::new(REALM, "alice", &salt, parameters, h.dangerous_bytes()).unwrap();
    let (finish, _) = stolen.finish(stolen.x_p.dangerous_bytes());
    assert_eq!(stolen.verify(finish, None), Err(ServerError::LoginFailed));
}

/// A client takes no more than it asked for, even from its own server.
#[test]
fn more_scopes_than_asked_for_are_not_taken() {
    let stolen = stolen(Suite::Pbkdf2X25519);
    for (scopes, good) in [
        ("read", true),
        ("", true),
        ("read admin", false),
        ("a  b", false),
    ] {
        let config = ClientConfig {
            suites: stolen.start.suites.clone(),
            min_iterations: 0,
            ..ClientConfig::new(REALM)
        };
        let mut rng = Script([[1; 32], ESK_C].concat());
        let login = LoginStart::new(&config, "alice", &mut rng).unwrap();
        assert_eq!(login.message(), &stolen.start);
        let proven = login
            .check(stolen.challenge.clone(), None)
            .unwrap()
            .run("secret")
            .unwrap();
        let (finish, pending) = proven.finish("", "read", 0).unwrap();
        let (same, root) = stolen.finish(stolen.x_p.dangerous_bytes());
        assert_eq!(finish, same);
        let mut grant = crate::message::Grant {
            token_id: [6; 16],
            wrapped: *root.wrapped(&[6; 16], &[7; 32]),
            expires: 2000,
            scopes: scopes.into(),
            smac: [0; 32],
        };
        grant.smac = *root.smac(&finish.cmac, &grant);
        let outcome = pending
            .verify(&grant)
            .map(|session| session.key.dangerous_bytes()[0]);
        assert_eq!(outcome, if good { Ok(7) } else { Err(ClientError::Grant) });
    }
}
