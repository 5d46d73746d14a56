//! Whole logins, their servers' keys and their sessions.

mod kit;

use kit::{ALL, LEAST, LEAST_ARGON2ID, NOW, PASSWORD, REALM, Rng, World, secret};
use wcmp_auth::client::{ClientError, Pins};
use wcmp_auth::server::{Policy, Server, ServerError};
use wcmp_auth::{ChallengeKey, Cost, Misuse, Parameters, Record, Suite, Suites};

#[test]
fn every_suite_logs_in() {
    for suite in ALL {
        let mut world = World::new(suite);
        let (m3, pending) = {
            let stretch = world.checked();
            world.prove(stretch)
        };
        let (m4, granted) = world.finish(&m3).unwrap();
        let session = pending.verify(&m4).unwrap();
        assert_eq!(session.key.dangerous_bytes(), granted.key.dangerous_bytes());
        assert_eq!(session.key.response(), granted.key.response());
        assert_ne!(session.key.request(), session.key.response());
        assert_ne!(
            session.key.audience_request("a"),
            session.key.audience_request("b")
        );
        assert_eq!(
            (granted.login.as_str(), granted.device.as_str()),
            ("alice", "laptop")
        );
        assert_eq!(
            (session.scopes.as_str(), granted.scopes.as_str()),
            ("read", "read")
        );
        assert_eq!(
            (session.token_id, session.expires),
            (granted.token_id, NOW + 61)
        );
        assert_eq!(session.server_time, NOW);
        let pins = Pins {
            x25519: suite.x25519(),
            parameters: kit::parameters(suite.kdf()),
        };
        assert_eq!(session.pins, pins);
    }
}

#[test]
fn the_first_offered_suite_that_fits_is_picked() {
    let mut world = World::new(Suite::Pbkdf2);
    for (offered, picked) in [(&[2, 1][..], 2), (&[1, 2], 1), (&[77, 4, 3, 2], 2)] {
        world.config.suites = Suites::new(offered).unwrap();
        let login = world.begin("alice");
        assert_eq!(world.challenge(login.message()).unwrap().suite.id(), picked);
    }
    for offered in [&[3][..], &[4, 3], &[0], &[77]] {
        world.config.suites = Suites::new(offered).unwrap();
        for who in ["alice", "nobody"] {
            let login = world.begin(who);
            let answer = world.challenge(login.message());
            assert_eq!(answer, Err(ServerError::UnsupportedSuite));
        }
    }
    // By default without those that a listener can guess against.
    let policy = Policy::new(REALM, Parameters::new(LEAST), 3).unwrap();
    let server = Server::new(policy, secret());
    world.config.suites = Suites::new(&[1]).unwrap();
    let login = world.begin("alice");
    let answer = server.start(&world.keys, login.message(), None, NOW, &mut Rng(5));
    assert_eq!(answer, Err(ServerError::UnsupportedSuite));
    for bad in [
        &[][..],
        &[1, 2, 1],
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
    ] {
        assert_eq!(Suites::new(bad), Err(Misuse::Suites));
    }
}

#[test]
fn a_wrong_password_fails_at_the_server() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let stretch = world.checked();
    let (m3, _) = stretch
        .run("correct hors")
        .unwrap()
        .finish("", "", 0)
        .unwrap();
    assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
}

#[test]
fn ttl_is_what_was_asked_for_up_to_the_most() {
    let mut world = World::new(Suite::Pbkdf2);
    let policy = Policy::new(REALM, Parameters::new(LEAST), 3)
        .unwrap()
        .with_suites(&ALL);
    for (policy, asked, granted) in [
        (policy.clone(), 0, 3600),
        (policy.clone(), 5, 5),
        (policy.clone(), u32::MAX, 86_400),
        (policy.clone().with_ttl(1_000_000, 1_000_000), 0, 86_400),
        (policy.with_ttl(50, 100), 101, 100),
    ] {
        world.server = Server::new(policy, secret());
        let stretch = world.checked();
        let (m3, pending) = stretch
            .run(PASSWORD)
            .unwrap()
            .finish("", "read", asked)
            .unwrap();
        let (m4, _) = world.finish(&m3).unwrap();
        assert_eq!(pending.verify(&m4).unwrap().expires, NOW + 1 + granted);
    }
}

#[test]
fn more_scopes_than_asked_for_are_not_granted() {
    let mut world = World::new(Suite::Pbkdf2);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    for scopes in ["admin", "read admin", "write read", "read  write", " "] {
        let opened = world.server.open(&world.keys, &m3, NOW).unwrap();
        let verified = opened.verify(&world.server, Some(&world.record)).unwrap();
        assert_eq!(verified.asked(), "read write");
        let error = verified.grant(scopes, NOW, &mut world.rng).unwrap_err();
        assert_eq!((error, error.code()), (ServerError::Granted, None));
    }
}

#[test]
fn a_challenge_expires_and_its_key_is_forgotten() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    let open = |world: &World, now| {
        world
            .server
            .open(&world.keys, &m3, now)
            .map(|o| o.expires())
    };
    assert_eq!(open(&world, NOW + 119), Ok(NOW + 120));
    assert_eq!(open(&world, NOW + 120), Err(ServerError::ExpiredChallenge));

    assert!(!world.keys.is_due(NOW + 599) && world.keys.is_due(NOW + 600));
    let again = world
        .keys
        .rotate(ChallengeKey::new(1, &[8; 64], NOW), NOW + 50);
    assert_eq!(again, Err(Misuse::KeyNumber));
    world
        .keys
        .rotate(ChallengeKey::new(2, &[8; 64], NOW + 50), NOW + 50)
        .unwrap();
    assert_eq!(open(&world, NOW + 51), Ok(NOW + 120));
    assert!(world.finish(&m3).is_ok());
    world.keys.forget(NOW + 169);
    assert!(open(&world, NOW + 51).is_ok());
    world.keys.forget(NOW + 170);
    assert_eq!(open(&world, NOW + 51), Err(ServerError::ExpiredChallenge));
    // The number is free again; another key under it opens nothing.
    world
        .keys
        .rotate(ChallengeKey::new(1, &[6; 64], NOW), NOW + 180)
        .unwrap();
    assert_eq!(open(&world, NOW + 51), Err(ServerError::ExpiredChallenge));
}

#[test]
fn a_password_changed_in_between_fails() {
    let mut world = World::new(Suite::Pbkdf2);
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    let salt = secret().salt(REALM, "alice", 1);
    let parameters = Parameters::new(LEAST);
    world.record = Record::enrol(REALM, "alice", PASSWORD, &salt, parameters).unwrap();
    assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);
}

#[test]
fn a_lifted_record_logs_in_and_former_parameters_are_a_choice() {
    let mut world = World::new(Suite::Pbkdf2X25519);
    world.record = world.record.lift(7).unwrap();
    assert!(world.record.lift(7).is_err());
    let lifted = *world.record.parameters();
    let policy = Policy::new(REALM, Parameters::new(LEAST), 8).unwrap();
    world.server = Server::new(policy.clone(), secret());
    let stretch = world.checked();
    assert_eq!(
        stretch.parameters().n,
        2,
        "shown as if there were no record"
    );
    let (m3, _) = world.prove(stretch);
    assert_eq!(world.finish(&m3).unwrap_err(), ServerError::LoginFailed);

    world.server = Server::new(policy.with_former(lifted).unwrap(), secret());
    let stretch = world.checked();
    assert_eq!(stretch.parameters().n, 7);
    let (m3, pending) = world.prove(stretch);
    let (m4, _) = world.finish(&m3).unwrap();
    assert!(pending.verify(&m4).is_ok());
}

#[test]
fn policies_are_what_clients_accept_and_servers_can_afford() {
    let policy = |parameters, m| Policy::new(REALM, parameters, m).map(|_| ());
    let least = Parameters::new(LEAST);
    assert_eq!(policy(least, 3), Ok(()));
    assert_eq!(policy(Parameters::new(LEAST_ARGON2ID), 3), Ok(()));
    assert_eq!(policy(least, 2), Err(Misuse::Parameters));
    assert_eq!(
        policy(
            Parameters {
                cs: 1000,
                n: 4,
                ..least
            },
            5
        ),
        Ok(())
    );
    assert_eq!(
        policy(
            Parameters {
                cs: 1000,
                n: 5,
                ..least
            },
            6
        ),
        Err(Misuse::Parameters)
    );
    let cheap = Parameters::new(Cost::Pbkdf2 { iterations: 99_999 });
    assert_eq!(policy(cheap, 3), Err(Misuse::Parameters));
    assert_eq!(Policy::new("", least, 3), Err(Misuse::Realm));
}

#[test]
fn texts_outside_the_limits_are_the_callers_fault() {
    let mut world = World::new(Suite::Pbkdf2);
    let misuse = |world: &World, device: &str, scopes: &str| {
        let mut rng = Rng(1);
        let login = wcmp_auth::client::LoginStart::new(&world.config, "alice", &mut rng).unwrap();
        let m2 = world
            .server
            .start(&world.keys, login.message(), None, NOW, &mut rng)
            .unwrap();
        let proven = login.check(m2, None).unwrap().run("x").unwrap();
        proven.finish(device, scopes, 0).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        misuse(&world, "a\nb", ""),
        ClientError::Misuse(Misuse::Device)
    );
    assert_eq!(
        misuse(&world, "", "a  b"),
        ClientError::Misuse(Misuse::Scopes)
    );
    for password in [String::new(), "x".repeat(1025)] {
        let error = world.checked().run(&password).map(|_| ()).unwrap_err();
        assert_eq!(error, ClientError::Misuse(Misuse::Password));
    }
    let stretch = world.checked();
    let (m3, _) = world.prove(stretch);
    let mut bad = m3.clone();
    bad.device = "a\0".into();
    assert_eq!(
        world.finish(&bad).unwrap_err().code(),
        Some("invalid_request")
    );
    bad = m3;
    bad.ctx = vec![0; 4097];
    assert_eq!(
        world.finish(&bad).unwrap_err().code(),
        Some("invalid_request")
    );
}
