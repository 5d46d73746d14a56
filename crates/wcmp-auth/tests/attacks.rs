//! What attackers try: fake servers, thieves of records, strangers who ask for
//! logins, forged contexts.
// Helpers of tests may panic like tests.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod kit;

use kit::{ALL, LEAST, NOW, PASSWORD, REALM, Rng, World, secret};
use wcmp_auth::client::{ClientConfig, ClientError, LoginStart, Pins};
use wcmp_auth::kdf::Point;
use wcmp_auth::message::{Challenge, Finish};
use wcmp_auth::server::{Policy, Server, ServerError};
use wcmp_auth::{ChallengeKey, ChallengeKeys, Cost, Parameters, Record, Suite, Suites};

/// What a client that has not been given any password says to a challenge: that
/// there is none to give is what "before any work" means.
fn refused(suite: Suite, pins: Option<&Pins>, change: impl FnOnce(&mut Challenge)) -> ClientError {
    let mut world = World::new(suite);
    let login = world.begin("alice");
    let mut m2 = world.challenge(login.message()).unwrap();
    change(&mut m2);
    login.check(m2, pins).map(|_| ()).unwrap_err()
}

#[test]
fn a_fake_server_gets_no_work() {
    let suite = Suite::Pbkdf2X25519;
    let steps: [fn(&mut Challenge); 9] = [
        |m2| m2.m = 2,
        |m2| m2.m = 1,
        |m2| m2.parameters.p = 0,
        |m2| m2.parameters.p = 2,
        |m2| m2.parameters.p = u32::MAX,
        |m2| m2.m = 1003,
        |m2| (m2.parameters.n, m2.m) = (4098, 4099),
        |m2| (m2.parameters.p, m2.parameters.n, m2.m) = (11_000, 11_001, 11_003),
        |m2| m2.m = u32::MAX,
    ];
    for change in steps {
        assert_eq!(refused(suite, None, change), ClientError::Steps);
    }
    let costs: [fn(&mut Challenge); 6] = [
        |m2| m2.parameters.cost = Cost::Pbkdf2 { iterations: 0 },
        |m2| m2.parameters.cost = Cost::Pbkdf2 { iterations: 99_999 },
        |m2| {
            m2.parameters.cost = Cost::Pbkdf2 {
                iterations: 9_999_998,
            }
        },
        |m2| {
            m2.parameters.cost = Cost::Pbkdf2 {
                iterations: u32::MAX,
            }
        },
        |m2| m2.parameters.cs = 0,
        |m2| m2.parameters.cs = 1001,
    ];
    for change in costs {
        assert_eq!(refused(suite, None, change), ClientError::Cost);
    }
    for (memory_kib, time, lanes) in [
        (8, 1, 1),
        (u32::MAX, 1, 1),
        (19_456, 0, 1),
        (19_456, 65, 1),
        (19_456, 1, 0),
        (19_456, 1, 17),
    ] {
        let change = |m2: &mut Challenge| {
            m2.parameters.cost = Cost::Argon2id {
                memory_kib,
                time,
                lanes,
            };
        };
        assert_eq!(refused(Suite::Argon2id, None, change), ClientError::Cost);
    }
    for len in [0, 15, 65] {
        assert_eq!(
            refused(suite, None, |m2| m2.salt = vec![1; len]),
            ClientError::Length
        );
    }
    for len in [0, 4097] {
        assert_eq!(
            refused(suite, None, |m2| m2.ctx = vec![1; len]),
            ClientError::Length
        );
    }
    // Not offered; or a cost of the other KDF.
    for other in [Suite::Pbkdf2, Suite::Argon2id, Suite::Argon2idX25519] {
        assert_eq!(
            refused(suite, None, |m2| m2.suite = other),
            ClientError::Suite
        );
    }
    assert_eq!(
        refused(suite, None, |m2| m2.parameters.cost = Cost::ARGON2ID),
        ClientError::Suite
    );
    assert_eq!(
        refused(suite, None, |m2| m2.epk = None),
        ClientError::Ephemeral
    );
    assert_eq!(
        refused(Suite::Pbkdf2, None, |m2| m2.epk = Some([9; 32])),
        ClientError::Ephemeral
    );
}

/// Without configuration, the least is 600 000.
#[test]
fn low_costs_are_a_choice_of_the_client() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    world.config = ClientConfig::new(REALM);
    let login = world.begin("alice");
    let m2 = world.challenge(login.message()).unwrap();
    assert_eq!(login.check(m2, None).map(|_| ()), Err(ClientError::Cost));
}

/// All encodings of points of small order: 0, 1, p - 1, p, p + 1 and the two of order 8,
/// with either top bit.
#[test]
fn points_of_small_order_are_refused() {
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    let (mut below, mut above) = (p, p);
    below[0] -= 1;
    above[0] += 1;
    let mut one = [0; 32];
    one[0] = 1;
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ]
    .map(|hex| {
        data_encoding::HEXLOWER
            .decode(hex.as_bytes())
            .unwrap()
            .try_into()
            .unwrap()
    });
    for point in [[0; 32], one, below, p, above, order_8[0], order_8[1]] {
        for top in [0, 0x80] {
            let mut point: [u8; 32] = point;
            point[31] |= top;
            let error = refused(Suite::Pbkdf2X25519, None, |m2| m2.epk = Some(point));
            assert_eq!(error, ClientError::Ephemeral);
            // And a client that sends one does not log in.
            let mut world = World::new(Suite::Pbkdf2X25519);
            let mut m1 = world.begin("alice").message().clone();
            m1.epk = Some(point);
            let m2 = world.challenge(&m1).unwrap();
            let m3 = Finish {
                ctx: m2.ctx,
                proof: [0; 32],
                device: String::new(),
                scopes: String::new(),
                ttl: 0,
                cmac: [0; 32],
            };
            assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
        }
    }
}

#[test]
fn weaker_than_before_is_its_own_error() {
    let now = Parameters::new(LEAST);
    let pins = |x25519, parameters| Pins { x25519, parameters };
    let weaker = [
        pins(true, now),
        pins(
            false,
            Parameters::new(Cost::Pbkdf2 {
                iterations: 100_001,
            }),
        ),
        pins(false, Parameters { cs: 2, ..now }),
        pins(false, Parameters::new(kit::LEAST_ARGON2ID)),
    ];
    for pins in weaker {
        let error = refused(Suite::Pbkdf2, Some(&pins), |_| ());
        assert_eq!(error, ClientError::ParametersWeakened);
        assert_eq!(error.code(), Some("parameters_weakened"));
    }
    let higher_p = refused(Suite::Pbkdf2, Some(&pins(false, now)), |m2| {
        (m2.parameters.p, m2.parameters.n, m2.m) = (2, 3, 4);
    });
    assert_eq!(higher_p, ClientError::ParametersWeakened);
    for (memory_kib, time, lanes) in [(19_457, 1, 1), (19_456, 2, 1), (19_456, 1, 2)] {
        let pins = pins(
            false,
            Parameters::new(Cost::Argon2id {
                memory_kib,
                time,
                lanes,
            }),
        );
        let error = refused(Suite::Argon2id, Some(&pins), |_| ());
        assert_eq!(error, ClientError::ParametersWeakened);
    }
    // As strong, or stronger: 3 follows 1, X25519 is new, P is lower, the salt is another.
    for (suite, pins) in [
        (Suite::Pbkdf2X25519, pins(true, now)),
        (
            Suite::Pbkdf2X25519,
            pins(false, Parameters { p: 5, n: 6, ..now }),
        ),
        (Suite::Argon2id, pins(false, Parameters::new(Cost::PBKDF2))),
    ] {
        let mut world = World::new(suite);
        let login = world.begin("alice");
        let mut m2 = world.challenge(login.message()).unwrap();
        m2.salt = vec![3; 32];
        assert!(login.check(m2, Some(&pins)).is_ok());
    }
}

#[test]
fn another_realm_is_refused_and_its_proof_is_worth_nothing() {
    let mut world = World::new(Suite::Pbkdf2);
    world.config.realm = "other.example.com".into();
    let login = world.begin("alice");
    assert_eq!(
        world.challenge(login.message()),
        Err(ServerError::InvalidRequest)
    );
    // A fake server of the other realm relays the challenge of this one.
    let mut relayed = login.message().clone();
    relayed.realm = REALM.into();
    let m2 = world.challenge(&relayed).unwrap();
    let stretch = login.check(m2, None).unwrap();
    let (m3, _) = world.prove(stretch);
    assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
}

/// H as a password is none, and nobody walks a chain back. What a thief can do with
/// the chain is in the unit tests of the server.
#[test]
fn a_stolen_record_is_no_password() {
    for suite in ALL {
        let mut world = World::new(suite);
        let h = Point::new(world.record.parameters().n, world.record.dangerous_h());
        assert_eq!(
            h.advance(world.record.salt(), 1, 1).index(),
            2,
            "no way back"
        );
        let stretch = world.checked();
        let stolen = data_encoding::HEXLOWER.encode(world.record.dangerous_h());
        let (m3, _) = stretch.run(&stolen).unwrap().finish("", "", 0).unwrap();
        assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
    }
}

#[test]
fn unknown_logins_look_like_known_ones() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut shapes = Vec::new();
    for who in ["alice", "nobody", "nobody", "somebody"] {
        let login = world.begin(who);
        let m2 = world.challenge(login.message()).unwrap();
        assert_eq!(
            m2.salt,
            secret().salt(REALM, who, 0),
            "stable, and as a new record's"
        );
        shapes.push((m2.suite, m2.parameters, m2.m, m2.expires, m2.salt.len()));
        let who_len = who.len();
        assert_eq!(m2.ctx.len(), world_ctx_len(who_len));
        let stretch = login.check(m2, None).unwrap();
        if who != "alice" {
            let (m3, _) = world.prove(stretch);
            assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
        }
    }
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]));
    assert_ne!(
        secret().salt(REALM, "alice", 0),
        secret().salt(REALM, "alice", 1)
    );
    assert_ne!(
        secret().salt(REALM, "alice", 0),
        secret().salt(REALM, "bob", 0)
    );
}

/// A number, the context of a one-suite offer with X25519, an HMAC.
fn world_ctx_len(login: usize) -> usize {
    let m1 = 8 + "KNH1 start".len() + 5 * 4 + 1 + REALM.len() + login + 32 + 32;
    let m2 = 8 + "KNH1 challenge".len() + 10 * 4 + 1 + 16 + 5 * 4 + 32 + 8 + 32;
    1 + 8 + "KNH1 ctx".len() + 2 * 4 + m1 + m2 + 32
}

/// A store that answers with the wrong row lets nobody in.
#[test]
fn a_record_of_another_login_is_no_record() {
    let mut world = World::new(Suite::Pbkdf2);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    let salt = *world.record.salt().first_chunk::<16>().unwrap();
    let h = *world.record.dangerous_h();
    let parameters = *world.record.parameters();
    for (realm, login) in [("other", "alice"), (REALM, "bob")] {
        let foreign = Record::new(realm, login, &salt, parameters, &h).unwrap();
        let opened = world.server.open(&world.keys, &m3, NOW).unwrap();
        let error = opened
            .verify(&world.server, Some(&foreign))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error, ServerError::LoginFailed);
    }
    assert!(world.finish(&m3).is_ok());
}

#[test]
fn contexts_cannot_be_forged() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    let open = |world: &World, ctx: Vec<u8>| {
        let m3 = Finish { ctx, ..m3.clone() };
        world.server.open(&world.keys, &m3, NOW).map(|_| ())
    };
    assert_eq!(open(&world, m3.ctx.clone()), Ok(()));
    let error = Err(ServerError::ExpiredChallenge);
    for bit in 0..m3.ctx.len() * 8 {
        let mut ctx = m3.ctx.clone();
        ctx[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&world, ctx), error, "bit {bit}");
    }
    for len in 1..m3.ctx.len() {
        assert_eq!(open(&world, m3.ctx[..len].to_vec()), error);
    }
    assert_eq!(open(&world, [&m3.ctx[..], &[0]].concat()), error);
    // Another server's, under the same number.
    world.keys = ChallengeKeys::new(ChallengeKey::new(1, &[8; 64], NOW));
    assert_eq!(open(&world, m3.ctx.clone()), error);
}

#[test]
fn offers_that_do_not_fit_their_key_are_invalid() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut m1 = world.begin("alice").message().clone();
    let epk = m1.epk.take();
    assert_eq!(world.challenge(&m1), Err(ServerError::InvalidRequest));
    m1.suites = Suites::new(&[1]).unwrap();
    m1.epk = epk;
    assert_eq!(world.challenge(&m1), Err(ServerError::InvalidRequest));
    m1.epk = None;
    assert!(world.challenge(&m1).is_ok());
    for login in [String::new(), "x".repeat(256)] {
        m1.login = login;
        assert_eq!(world.challenge(&m1), Err(ServerError::InvalidRequest));
    }
}

#[test]
fn debug_shows_no_secret() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let mut shown = Vec::new();
    let mut secrets = vec![
        world.record.dangerous_h().to_vec(),
        vec![7; 64],
        vec![9; 32],
    ];
    let login = LoginStart::new(&world.config, "alice", &mut Rng(100)).unwrap();
    let mut esk = Rng(101);
    let mut bytes = [0; 32];
    rand_core::TryRng::try_fill_bytes(&mut esk, &mut bytes).unwrap();
    secrets.push(bytes.to_vec());
    shown.push(format!(
        "{login:?} {:?} {:?} {:?}",
        world.server, world.keys, world.record
    ));
    let m2 = world.challenge(login.message()).unwrap();
    let stretch = login.check(m2, None).unwrap();
    shown.push(format!("{stretch:?}"));
    let proven = stretch.run(PASSWORD).unwrap();
    shown.push(format!("{proven:?}"));
    let (m3, pending) = proven.finish("laptop", "read", 0).unwrap();
    shown.push(format!("{pending:?}"));
    let opened = world.server.open(&world.keys, &m3, NOW).unwrap();
    shown.push(format!("{opened:?}"));
    let verified = opened.verify(&world.server, Some(&world.record)).unwrap();
    shown.push(format!("{verified:?}"));
    let (m4, granted) = verified.grant("read", NOW, &mut world.rng).unwrap();
    let session = pending.verify(&m4).unwrap();
    secrets.push(session.key.dangerous_bytes().to_vec());
    shown.push(format!(
        "{granted:?} {session:?} {:?}",
        Point::new(3, &[5; 32])
    ));
    for shown in &shown {
        for secret in &secrets {
            let list = format!("{secret:?}");
            let part: String = list.trim_matches(['[', ']']).chars().take(30).collect();
            assert!(!shown.contains(&part), "{shown}");
        }
        assert!(
            !shown.contains("Zeroizing") && !shown.contains("5, 5, 5"),
            "{shown}"
        );
        assert!(!shown.contains(PASSWORD));
    }
}

#[test]
fn a_record_outside_the_policy_is_as_unknown() {
    let mut world = World::new(Suite::Pbkdf2);
    let stronger = Parameters::new(Cost::Pbkdf2 {
        iterations: 100_001,
    });
    let policy = Policy::new(REALM, stronger, 3).unwrap().with_suites(&ALL);
    world.server = Server::new(policy, secret());
    let login = world.begin("alice");
    let m2 = world.challenge(login.message()).unwrap();
    assert_eq!(m2.parameters, stronger);
    let stretch = login.check(m2, None).unwrap();
    let (m3, _) = world.prove(stretch);
    assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
}
