//! Logins and accounts of the service: limits, unknown logins, enrolment,
//! registration, one fleet.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod service_kit;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;

use service_kit::{Audit, DAY, HERE, NOW, REALM, Random, World, policy};
use wcmp_auth::message::{Challenge, PasswordParameters, Registration, Start};
use wcmp_auth::service::{
    Bucket, KeyStore, Limits, MemoryStore, Parts, RateTable, RetryAfter, Service, ServiceError,
    Source,
};
use wcmp_auth::{Record, StaticKey, Suite};

fn wrong(world: &World, login: &str) -> ServiceError {
    world
        .login_with(login, "guess", "read", 0)
        .map(|_| ())
        .unwrap_err()
}

#[test]
fn a_challenge_is_finished_once() {
    let world = World::new();
    let (finish, pending) = world.prove("alice", "alice", "read", 0).unwrap();
    let grants: Vec<_> = thread::scope(|scope| {
        let finish = |_| scope.spawn(|| world.service.finish(&finish, HERE));
        let threads: Vec<_> = (0..64).map(finish).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let (good, bad): (Vec<_>, Vec<_>) = grants.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    pending.verify(good[0].as_ref().unwrap()).unwrap();
    for error in bad {
        // More at once than there may be guesses.
        let error = error.unwrap_err();
        assert!(
            error == ServiceError::ExpiredChallenge
                || matches!(error, ServiceError::RateLimited(_)),
            "{error:?}"
        );
    }
    // All of it was given back: the limit is where it was.
    for _ in 0..10 {
        assert_eq!(wrong(&world, "alice"), ServiceError::LoginFailed);
    }
    assert_eq!(
        wrong(&world, "alice"),
        ServiceError::RateLimited(RetryAfter(10))
    );
}

#[test]
fn after_rate_limited_the_same_finish_may_come_again() {
    let world = World::new();
    for _ in 0..10 {
        wrong(&world, "alice");
    }
    let (finish, pending) = world.prove("alice", "alice", "read", 0).unwrap();
    let limited = world.service.finish(&finish, HERE).unwrap_err();
    assert_eq!(limited, ServiceError::RateLimited(RetryAfter(10)));
    world.pass(10);
    let grant = world.service.finish(&finish, HERE).unwrap();
    pending.verify(&grant).unwrap();
}

/// Else whoever saw a finish would be let through where others are put off.
#[test]
fn a_spent_challenge_is_no_success() {
    let limits = Limits {
        login: Bucket {
            burst: 2,
            refill: 6,
        },
        ..Limits::default()
    };
    let world = World::on(Arc::new(MemoryStore::new()), limits, |service| service);
    let (finish, _) = world.prove("alice", "alice", "read", 0).unwrap();
    world.service.finish(&finish, HERE).unwrap();
    let elsewhere = Source::V4([198, 51, 100]);
    let again = world.service.finish(&finish, elsewhere).unwrap_err();
    assert_eq!(again, ServiceError::ExpiredChallenge);
    let guess = |source| {
        let (finish, _) = world.prove("alice", "guess", "", 0).unwrap();
        world.service.finish(&finish, source).unwrap_err()
    };
    for n in 0..2 {
        let source = Source::V4([203, 0, n]);
        assert_eq!(guess(source), ServiceError::LoginFailed);
    }
    let limited = ServiceError::RateLimited(RetryAfter(6));
    assert_eq!(guess(elsewhere), limited);
    assert_eq!(guess(HERE), ServiceError::LoginFailed);
}

/// What a stranger sees of a login.
fn shape(challenge: &Challenge) -> impl PartialEq + std::fmt::Debug + use<> {
    let Challenge {
        suite,
        parameters,
        m,
        expires,
        epk,
        ..
    } = challenge;
    let lengths = (challenge.salt.len(), challenge.ctx.len());
    (*suite, *parameters, *m, *expires, epk.is_some(), lengths)
}

#[test]
fn nothing_tells_unknown_logins_from_known_ones() {
    let world = World::new();
    let ask = |world: &World, login: &str| {
        let start = Start {
            cnonce: [1; 32],
            ..world.message(login)
        };
        world.service.start(&start, HERE).unwrap()
    };
    let (alice, nobody) = (ask(&world, "alice"), ask(&world, "nobod"));
    assert_eq!(shape(&alice), shape(&nobody));
    assert_ne!(alice.salt, nobody.salt);
    assert_ne!(alice.snonce, nobody.snonce);
    // Stable, later and after a restart with the same secret.
    world.pass(DAY);
    for world in [&world, &World::new()] {
        assert_eq!(ask(world, "alice").salt, alice.salt);
        assert_eq!(ask(world, "nobod").salt, nobody.salt);
    }
    // Registering changes nothing.
    world.service.enrol("nobod", "x", "").unwrap();
    assert_eq!(ask(&world, "nobod").salt, nobody.salt);

    // The same answers to the same guesses, limits included.
    let answers = |login: &str| -> Vec<ServiceError> {
        let world = World::new();
        let answers = (0..12).map(|n| {
            world.pass(n / 11 * 10);
            wrong(&world, login)
        });
        answers.collect()
    };
    let known = answers("alice");
    assert_eq!(known, answers("nobody"));
    assert!(known.contains(&ServiceError::RateLimited(RetryAfter(10))));
    assert_eq!(known[11], ServiceError::LoginFailed);
}

#[test]
fn logins_are_prepared_and_of_the_realm_known_or_not() {
    let world = World::new();
    for login in [
        "Alice",
        "Nobody",
        "two words",
        "a\u{0308}",
        "\u{2163}",
        "\u{ff41}lice",
    ] {
        let error = world
            .service
            .start(&world.message(login), HERE)
            .unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest, "{login:?}");
        assert_eq!(world.service.enrol(login, "x", ""), Err(error), "{login:?}");
    }
    for login in ["alice", "nobody", "m\u{fc}ller", "juliet@example.com"] {
        world.service.start(&world.message(login), HERE).unwrap();
        let start = Start {
            realm: "other".into(),
            ..world.message(login)
        };
        let error = world.service.start(&start, HERE).unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest);
    }
}

#[test]
fn scopes_are_granted_in_the_asked_order() {
    let world = World::new();
    for (asked, granted) in [
        ("", ""),
        ("admin", ""),
        ("write read", "write read"),
        ("read admin write read", "read write"),
        ("Read", ""),
    ] {
        let client = world.login_with("alice", "alice", asked, 0).unwrap();
        assert_eq!(client.scopes, granted, "{asked:?}");
    }
}

#[test]
fn a_million_starts_leave_memory_flat() {
    let world = World::new();
    let known = world.start("alice", 1).message().clone();
    let unknown = world.start("nobody", 1).message().clone();
    let starts = |numbers: std::ops::Range<u32>| {
        for n in numbers {
            // Fifty from each source: its limit is sixty at once.
            let [_, a, b, c] = (n / 50).to_be_bytes();
            let message = if n % 2 == 0 { &known } else { &unknown };
            world.service.start(message, Source::V4([a, b, c])).unwrap();
            // A hundred a second; sometimes the challenge key is another.
            if n % 100 == 99 {
                world.pass(1);
            }
            if n % 6000 == 5999 {
                world.service.tick().unwrap();
            }
        }
    };
    // As many keys as are ever held at once.
    starts(0..200_000);
    let info = allocation_counter::measure(|| starts(200_000..1_200_000));
    assert!(info.count_total > 1_000_000);
    assert_eq!((info.count_current, info.bytes_current), (0, 0));
}

#[test]
fn enrolling_twice_changes_nothing() {
    let world = World::new();
    assert_eq!(world.service.enrol("alice", "other", "admin"), Ok(false));
    let client = world.login_with("alice", "alice", "read admin", 0).unwrap();
    assert_eq!(client.scopes, "read");
    for (login, password, allowed) in [("x", "", ""), ("", "x", ""), ("x", "x", " ")] {
        let error = world.service.enrol(login, password, allowed);
        assert_eq!(error, Err(ServiceError::InvalidRequest));
    }
}

fn registering(invites: bool) -> World {
    let store = Arc::new(MemoryStore::new());
    World::on(store, Limits::default(), |service| {
        let key = StaticKey::new(&[8; 32]);
        service.with_registration(key, "read", invites).unwrap()
    })
}

fn registration(
    world: &World,
    login: &str,
    invite: &str,
) -> (Registration, wcmp_auth::PendingRegistration) {
    let made_with = world.service.registration_parameters(login, HERE).unwrap();
    let PasswordParameters {
        suite,
        salt,
        parameters,
    } = made_with;
    let record = Record::enrol(REALM, login, "secret", &salt, parameters).unwrap();
    let spk = StaticKey::new(&[8; 32]);
    let mut random = world.random.clone();
    Registration::seal(&record, suite, invite, spk.public(), &mut random).unwrap()
}

#[test]
fn a_client_registers_and_logs_in() {
    let world = registering(false);
    let (ask, pending) = registration(&world, "carol", "");
    let registered = world.service.register(&ask, HERE).unwrap();
    assert!(pending.verify(&registered));
    let client = world
        .login_with("carol", "secret", "read write", 0)
        .unwrap();
    assert_eq!(client.scopes, "read");
    // Taken, as is one that an operator made.
    for login in ["carol", "alice"] {
        let (ask, _) = registration(&world, login, "");
        let error = world.service.register(&ask, HERE).unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest);
    }
    let changes: [fn(&mut Registration); 5] = [
        |r| r.mac[0] ^= 1,
        |r| r.realm = "other".into(),
        |r| r.login = "Dora".into(),
        |r| r.made_with.suite = Suite::Pbkdf2,
        |r| r.made_with.parameters.n = 3,
    ];
    for change in changes {
        let (mut ask, _) = registration(&world, "dora", "");
        change(&mut ask);
        let error = world.service.register(&ask, HERE).unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest);
    }
    let closed = World::new();
    let error = closed.service.register(&ask, HERE).unwrap_err();
    assert_eq!(error, ServiceError::NotFound);
    let error = closed.service.registration_parameters("x", HERE);
    assert_eq!(error, Err(ServiceError::NotFound));
}

#[test]
fn an_invite_makes_one_account() {
    let world = registering(true);
    let invite = world.service.invite("carol");
    assert_eq!(invite.len(), 43);
    for (login, invite) in [("carol", ""), ("carol", "x"), ("dora", &invite)] {
        let (ask, _) = registration(&world, login, invite);
        let error = world.service.register(&ask, HERE).unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest);
    }
    let (ask, _) = registration(&world, "carol", &invite);
    let good: usize = thread::scope(|scope| {
        let register = |_| scope.spawn(|| world.service.register(&ask, HERE).is_ok());
        let threads: Vec<_> = (0..16).map(register).collect();
        threads
            .into_iter()
            .map(|t| usize::from(t.join().unwrap()))
            .sum()
    });
    assert_eq!(good, 1);
}

/// The parameters for a registration say no more of a login than a start does.
#[test]
fn a_second_password_cannot_be_told_from_a_first() {
    let world = registering(false);
    world.login("alice").set_password("alice", "new").unwrap();
    for login in ["alice", "bob", "nobody"] {
        let shown = world.service.start(&world.message(login), HERE).unwrap();
        let said = world.service.registration_parameters(login, HERE).unwrap();
        assert_eq!((said.salt, said.parameters), (shown.salt, shown.parameters));
    }
}

#[test]
fn registrations_count_as_starts() {
    let world = registering(false);
    for _ in 0..60 {
        world.service.registration_parameters("x", HERE).unwrap();
    }
    let limited = ServiceError::RateLimited(RetryAfter(1));
    assert_eq!(
        world.service.registration_parameters("x", HERE),
        Err(limited)
    );
    assert_eq!(world.service.start(&world.message("x"), HERE), Err(limited));
    let elsewhere = Source::V4([198, 51, 100]);
    world.service.start(&world.message("x"), elsewhere).unwrap();
}

/// Several processes on one store.
fn fleet(secrets: &[[u8; 32]]) -> (Arc<MemoryStore>, Vec<World>) {
    let store = Arc::new(MemoryStore::new());
    let worlds = secrets.iter().map(|secret| {
        let keys: Arc<dyn KeyStore> = Arc::clone(&store) as _;
        World::on(Arc::clone(&store) as _, Limits::default(), |service| {
            service.with_fleet(secret, keys)
        })
    });
    let worlds: Vec<World> = worlds.collect();
    (store, worlds)
}

#[test]
fn a_challenge_begun_at_one_process_is_finished_at_another() {
    let (store, worlds) = fleet(&[[1; 32]; 3]);
    let [a, b, c] = &worlds[..] else { panic!() };
    for (from, to) in [(a, b), (b, a), (a, a)] {
        let (finish, pending) = from.prove("alice", "alice", "read", 0).unwrap();
        let grant = to.service.finish(&finish, HERE).unwrap();
        pending.verify(&grant).unwrap();
        let again = from.service.finish(&finish, HERE).unwrap_err();
        assert_eq!(again, ServiceError::ExpiredChallenge);
    }
    // In the next slot of ten minutes, and one whose clock is behind.
    let (late, pending) = a.prove("alice", "alice", "read", 0).unwrap();
    a.pass(100);
    b.pass(300);
    let (early, pending_early) = b.prove("alice", "alice", "read", 0).unwrap();
    pending_early
        .verify(&c.service.finish(&early, HERE).unwrap())
        .unwrap();
    pending
        .verify(&a.service.finish(&late, HERE).unwrap())
        .unwrap();

    // What the store holds is sealed, and forgotten when it is no good any more.
    let keys = store.keys_from(0).unwrap();
    assert_eq!(keys.len(), 2);
    b.service.tick().unwrap();
    assert_eq!(store.keys_from(0).unwrap().len(), 2);
    b.pass(80); // three minutes into the slot
    b.service.tick().unwrap();
    assert_eq!(store.keys_from(0).unwrap(), keys[1..]);
}

#[test]
fn another_fleet_s_secret_opens_nothing() {
    let (_, worlds) = fleet(&[[1; 32], [2; 32]]);
    let (finish, _) = worlds[0].prove("alice", "alice", "read", 0).unwrap();
    assert!(matches!(
        worlds[1].service.finish(&finish, HERE),
        Err(ServiceError::Store(_) | ServiceError::ExpiredChallenge)
    ));
}

#[test]
fn processes_that_start_at_once_share_a_key() {
    for _ in 0..20 {
        let (store, worlds) = fleet(&[[1; 32]; 4]);
        thread::scope(|scope| {
            for world in &worlds {
                scope.spawn(|| world.service.tick().unwrap());
            }
        });
        assert_eq!(store.keys_from(0).unwrap().len(), 1);
        let start = worlds[0].start("alice", 1);
        let challenge = worlds[0].service.start(start.message(), HERE).unwrap();
        let stretch = start.check(challenge, None).unwrap();
        let (finish, _) = stretch.run("alice").unwrap().finish("", "", 0).unwrap();
        worlds[3].service.finish(&finish, HERE).unwrap();
    }
}

#[test]
fn challenge_keys_are_replaced_and_forgotten() {
    let world = World::new();
    let (old, _) = world.prove("alice", "alice", "read", 0).unwrap();
    world.pass(119);
    world.service.tick().unwrap();
    world.service.finish(&old, HERE).unwrap();
    // Idle for as long as it takes all numbers to come back.
    let numbers: BTreeSet<u8> = (0..260)
        .map(|_| {
            world.pass(600);
            world.service.tick().unwrap();
            world
                .service
                .start(&world.message("alice"), HERE)
                .unwrap()
                .ctx[0]
        })
        .collect();
    assert_eq!(numbers.len(), 256);
    world.pass(256 * 600);
    world.login("alice");
}

#[test]
fn a_record_is_lifted_without_its_user() {
    use wcmp_auth::server::Policy;
    let store = Arc::new(MemoryStore::new());
    let world = World::on(Arc::clone(&store) as _, Limits::default(), |s| s);
    let parameters = *policy().parameters();
    let lifted = wcmp_auth::Parameters { n: 5, ..parameters };
    let parts = Parts {
        store,
        limits: Box::new(RateTable::new(Limits::default())),
        audit: Box::new(Audit::default()),
        clock: Box::new(|| NOW),
        rng: Box::new(Random(Arc::new(AtomicU64::new(1 << 63)))),
    };
    let policy = Policy::new(REALM, lifted, 6).unwrap();
    let service = Service::new(policy, &[5; 32], parts).unwrap();
    let client = world.login("alice");
    assert_eq!(service.lift("alice"), Ok(true));
    assert_eq!(service.lift("alice"), Ok(false));
    assert_eq!(service.lift("nobody"), Ok(false));
    client.call().unwrap(); // no session ends
    let world = World {
        service: Arc::new(service),
        ..world
    };
    world.login("alice");
}

#[test]
fn nothing_secret_is_shown() {
    use wcmp_auth::service::Store;
    let world = World::new();
    let client = world.login("alice");
    let next = client.refresh([1; 32]).unwrap();
    wrong(&world, "alice");
    world
        .login("alice")
        .set_password("alice", "new one")
        .unwrap();
    let store = MemoryStore::new();
    let session = world.service.session(&next.token).unwrap().unwrap();
    let dyn_store: &dyn Store = &store;
    assert!(!dyn_store.blocks());
    let mut shown = world.audit.0.lock().unwrap().clone();
    shown.push(format!("{session:?} {:?} {store:?}", world.service));
    shown.push(format!("{:?}", StaticKey::new(&[8; 32])));
    shown.push(format!("{:?}", next.key));
    let invite = world.service.invite("carol");
    let registration = Registration {
        realm: REALM.into(),
        login: "carol".into(),
        made_with: world
            .service
            .password_parameters(
                &world
                    .login_with("alice", "new one", "password", 0)
                    .unwrap()
                    .call()
                    .unwrap(),
            )
            .unwrap(),
        epk: [1; 32],
        sealed: [2; 32],
        invite: invite.clone(),
        mac: [3; 32],
    };
    shown.push(format!("{registration:?}"));
    let shown = shown.join("\n");
    assert!(
        shown.contains("carol") && !shown.contains(&invite),
        "{shown}"
    );
    for event in ["LoggedIn", "LoginFailed", "Refreshed", "PasswordSet"] {
        assert!(shown.contains(event), "{event}");
    }
    for key in [&client.key, &next.key] {
        for secret in [key.dangerous_bytes(), &*key.request(), &*key.response()] {
            // As bytes of a list, or in hex.
            let list = format!("{secret:?}");
            let list = &list[1..30];
            let hex = data_encoding::HEXLOWER.encode(secret);
            assert!(
                !shown.contains(list) && !shown.contains(&hex[..16]),
                "{shown}"
            );
        }
    }
    assert!(!shown.contains("new one") && !shown.contains("8, 8, 8"));
}
