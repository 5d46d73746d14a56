//! Sessions of the service: refresh, revocation, devices, introspection,
//! passwords.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod service_kit;

use std::sync::Arc;
use std::thread;

use service_kit::{ALLOWED, Client, DAY, NOW, World};
use wcmp_auth::call::{Facts, Nonce, Reason};
use wcmp_auth::message::Introspection;
use wcmp_auth::service::{
    Caller, Limits, MemoryStore, ServiceError, Session, SessionKeys, SqliteStore, Store,
};

const REVOKED: ServiceError = ServiceError::Refused(Reason::Revoked);
const EXPIRED: ServiceError = ServiceError::Refused(Reason::Expired);
const SPENT: ServiceError = ServiceError::Refused(Reason::Spent);
const REUSE: ServiceError = ServiceError::Refused(Reason::Reuse);

fn refused(call: Result<Caller, ServiceError>) -> ServiceError {
    call.map(|_| ()).unwrap_err()
}

#[test]
fn a_session_calls_until_it_expires() {
    let world = World::new();
    let client = world
        .login_with("alice", "alice", "write read", 60)
        .unwrap();
    assert_eq!(
        (client.scopes.as_str(), client.expires),
        ("write read", NOW + 60)
    );
    let caller = client.call().unwrap();
    assert_eq!((caller.login(), caller.device()), ("alice", "laptop"));
    assert!(caller.has("read") && !caller.has("rea") && !caller.has(""));
    assert_eq!(
        caller.require("admin"),
        Err(ServiceError::InsufficientScope)
    );
    world.pass(59);
    client.call().unwrap();
    world.pass(1);
    assert_eq!(refused(client.call()), EXPIRED);
}

#[test]
fn a_call_counts_once_and_in_time() {
    let world = World::new();
    let client = world.login("alice");
    let session = world.service.session(&client.token).unwrap().unwrap();
    let facts = client.facts();
    world.service.admit(&session, &facts).unwrap();
    let again = world.service.admit(&session, &facts).unwrap_err();
    assert_eq!(
        again,
        ServiceError::Refused(Reason::Replayed { next: Some(2) })
    );
    for (created, good) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let facts = Facts {
            created: NOW.checked_add_signed(created).unwrap(),
            ..client.facts()
        };
        let clock = ServiceError::Refused(Reason::Clock);
        let expected = if good { Ok(()) } else { Err(clock) };
        assert_eq!(world.service.admit(&session, &facts).map(|_| ()), expected);
        // What is refused is not recorded.
        let facts = Facts {
            created: NOW,
            ..facts
        };
        assert_eq!(world.service.admit(&session, &facts).is_ok(), !good);
    }
    let facts = Facts {
        token: world.login("bob").token,
        ..client.facts()
    };
    assert_eq!(
        world.service.admit(&session, &facts).unwrap_err(),
        ServiceError::Unknown
    );
}

/// The way of every call, with the store in memory.
#[test]
fn a_call_allocates_nothing() {
    let world = World::new();
    let client = world.login("alice");
    client.call().unwrap();
    let info = allocation_counter::measure(|| {
        for counter in 2..1000 {
            let session = world.service.session(&client.token).unwrap().unwrap();
            let facts = Facts {
                token: client.token,
                nonce: Nonce::Counter(counter),
                created: NOW,
                expires: None,
            };
            let caller = world.service.admit(&session, &facts).unwrap();
            assert!(caller.has("read"));
        }
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn a_token_takes_a_hundred_thousand_random_nonces() {
    let world = World::new();
    let client = world.login("alice");
    let session = world.service.session(&client.token).unwrap().unwrap();
    let admit = |n: u32| {
        let nonce = Nonce::parse(&format!("{n:021}x")).unwrap();
        let facts = Facts {
            nonce,
            ..client.facts()
        };
        world.service.admit(&session, &facts).map(|_| ())
    };
    for n in 0..100_000 {
        assert_eq!(admit(n), Ok(()));
    }
    assert_eq!(admit(100_000).unwrap_err().code(), Some("rate_limited"));
    client.call().unwrap();
    world.pass(600);
    assert_eq!(admit(100_000), Ok(()));
}

#[test]
fn a_lost_answer_to_a_refresh_locks_nobody_out() {
    let world = World::new();
    let old = world.login("alice");
    old.call().unwrap();
    let first = old.refresh_with([1; 32], "", 0).unwrap();
    // The client saw nothing, and asks again, with whatever else.
    world.pass(10);
    assert_eq!(old.refresh_with([1; 32], "read", 5).unwrap(), first);
    assert_eq!(refused(old.call()), SPENT);
    let new = old.succeed([1; 32], &first);
    new.call().unwrap();
    // The successor is in use: whoever asks now is somebody else.
    assert_eq!(old.refresh_with([1; 32], "", 0).unwrap_err(), REUSE);
    assert_eq!(refused(new.call()), REVOKED);
    assert_eq!(old.refresh_with([1; 32], "", 0).unwrap_err(), REVOKED);
    assert_eq!(refused(old.call()), REVOKED);
    let audit = world.audit.0.lock().unwrap();
    assert_eq!(
        audit.iter().filter(|line| line.contains("Reused")).count(),
        1
    );
}

#[test]
fn a_spent_session_refreshed_otherwise_ends_its_family() {
    let world = World::new();
    let (old, other) = (world.login("alice"), world.login("alice"));
    let new = old.refresh([1; 32]).unwrap();
    let newer = new.refresh([2; 32]).unwrap();
    newer.call().unwrap();
    assert_eq!(old.refresh_with([9; 32], "", 0).unwrap_err(), REUSE);
    for client in [&old, &new, &newer] {
        assert_eq!(refused(client.call()), REVOKED);
        assert_eq!(client.refresh([7; 32]).map(|_| ()).unwrap_err(), REVOKED);
    }
    other.call().unwrap();
}

#[test]
fn a_refresh_is_possible_until_thirty_days_after_the_login() {
    let world = World::new();
    let mut client = world.login_with("alice", "alice", "read", 60).unwrap();
    for day in 1..=29 {
        world.pass(DAY);
        assert_eq!(refused(client.call()), EXPIRED, "{day}");
        client = client.refresh([day; 32]).unwrap();
        assert_eq!(client.expires, world.now() + 3600);
        client.call().unwrap();
    }
    world.pass(DAY - 1);
    client = client.refresh([99; 32]).unwrap();
    world.pass(1);
    client.call().unwrap();
    assert_eq!(client.refresh([100; 32]).map(|_| ()).unwrap_err(), EXPIRED);
}

/// The root's row is what says whether the family is revoked: it has to be there as
/// long as a successor can call, which is up to a day longer than refreshing.
#[test]
fn a_session_refreshed_at_the_end_lives_on_while_the_store_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(sqlite)];
    for store in stores {
        let world = World::on(store, Limits::default(), |service| service);
        let sweep = || while world.service.tick().unwrap() {};
        let root = world.login_with("alice", "alice", "read", 60).unwrap();
        world.pass(30 * DAY - 1);
        sweep();
        let last = root.refresh_with([1; 32], "", 86_400).unwrap();
        let last = root.succeed([1; 32], &last);
        for _ in 0..24 {
            last.call().unwrap();
            sweep();
            world.pass(3600);
        }
        assert_eq!(refused(last.call()), EXPIRED);
        assert_eq!(last.refresh([2; 32]).map(|_| ()).unwrap_err(), EXPIRED);
        // What is left can be of no use: a root that nobody refreshed is no device.
        let fresh = world.login("alice");
        let devices = world.service.devices(&fresh.call().unwrap()).unwrap();
        assert_eq!(devices.devices.len(), 1);
        world.pass(DAY);
        sweep();
        assert!(world.service.session(&root.token).unwrap().is_none());
        assert!(world.service.session(&last.token).unwrap().is_none());
    }
}

#[test]
fn a_refresh_gives_no_more_scopes_and_never_password() {
    let world = World::new();
    for (asked, granted) in [
        ("", "read write introspect"),
        ("write read", "write read"),
        ("password read admin read", "read"),
        ("admin", ""),
    ] {
        let client = world.login("alice");
        assert_eq!(client.scopes, ALLOWED);
        let refreshed = client.refresh_with([1; 32], asked, 0).unwrap();
        assert_eq!(refreshed.scopes, granted);
        let next = client.succeed([1; 32], &refreshed);
        let more = next.refresh_with([2; 32], "read write password introspect", 0);
        let more = more.unwrap().scopes;
        assert!(
            more.split(' ').all(|scope| granted.contains(scope)),
            "{more}"
        );
    }
    let client = world.login("alice");
    for bad in [" ", "a  b", "\u{e4}"] {
        let error = client.refresh_with([1; 32], bad, 0).unwrap_err();
        assert_eq!(error, ServiceError::InvalidRequest);
    }
    client.call().unwrap();
}

#[test]
fn refreshes_at_once_have_one_successor() {
    let world = World::new();
    for round in 0..20 {
        let client = world.login("alice");
        let answers: Vec<_> = thread::scope(|scope| {
            let refresh = |_| scope.spawn(|| client.refresh_with([round; 32], "", 0));
            let threads: Vec<_> = (0..8).map(refresh).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let first = answers[0].as_ref().unwrap();
        assert!(answers.iter().all(|answer| answer.as_ref() == Ok(first)));
        client.succeed([round; 32], first).call().unwrap();
    }
}

#[test]
fn of_two_who_refresh_at_once_nobody_is_left() {
    let world = World::new();
    for _ in 0..20 {
        let client = world.login("alice");
        let answers: Vec<_> = thread::scope(|scope| {
            let client = &client;
            let refresh = |n| scope.spawn(move || (n, client.refresh_with([n; 32], "", 0)));
            let threads: Vec<_> = (0..2).map(refresh).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for (n, answer) in answers {
            if let Ok(refreshed) = answer {
                let next = client.succeed([n; 32], &refreshed);
                assert_eq!(refused(next.call()), REVOKED);
            }
        }
    }
}

#[test]
fn revoking_beats_a_refresh_that_races_with_it() {
    let world = World::new();
    for round in 0..40 {
        world.pass(3); // sixty starts a minute
        let (client, own) = (world.login("alice"), world.login("alice"));
        thread::scope(|scope| {
            let refreshing = scope.spawn(|| {
                let mut chain = vec![];
                let mut last = client.refresh([0; 32]).ok()?;
                for n in 1..50 {
                    let Ok(next) = last.refresh([n; 32]) else {
                        break;
                    };
                    chain.push(core::mem::replace(&mut last, next));
                }
                chain.push(last);
                Some(chain)
            });
            for _ in 0..round * 20 {
                thread::yield_now();
            }
            let caller = own.call().unwrap();
            match round % 2 {
                0 => world.service.revoke(&caller, &client.token).unwrap(),
                _ => world.service.revoke_others(&caller).unwrap(),
            }
            // Whatever the chain has come to.
            for client in refreshing.join().unwrap().into_iter().flatten() {
                assert_eq!(refused(client.call()), REVOKED);
            }
        });
        own.call().unwrap();
    }
}

#[test]
fn revoking_is_for_own_sessions() {
    let world = World::new();
    let (a, b, c) = (
        world.login("alice"),
        world.login("alice"),
        world.login("alice"),
    );
    let foreign = world.login("bob");
    let caller = a.call().unwrap();
    world.service.revoke(&caller, &foreign.token).unwrap();
    world.service.revoke(&caller, &[9; 16]).unwrap();
    world.service.revoke(&caller, b"no token").unwrap();
    for client in [&a, &b, &c, &foreign] {
        client.call().unwrap();
    }
    world.service.revoke(&caller, &b.token).unwrap();
    assert_eq!(refused(b.call()), REVOKED);
    c.call().unwrap();
    // A predecessor's name ends the family.
    let successor = c.refresh([1; 32]).unwrap();
    world.service.revoke(&caller, &c.token).unwrap();
    assert_eq!(refused(successor.call()), REVOKED);
    // One's own.
    world.service.revoke(&caller, &a.token).unwrap();
    assert_eq!(refused(a.call()), REVOKED);
    foreign.call().unwrap();
}

#[test]
fn all_is_every_other_session_of_the_login() {
    let world = World::new();
    let (a, b, foreign) = (
        world.login("alice"),
        world.login("alice"),
        world.login("bob"),
    );
    let b2 = b.refresh([1; 32]).unwrap();
    world.service.revoke_others(&a.call().unwrap()).unwrap();
    for client in [&b, &b2] {
        assert_eq!(refused(client.call()), REVOKED);
        assert_eq!(client.refresh([1; 32]).map(|_| ()).unwrap_err(), REVOKED);
    }
    // The caller's family goes on, new logins too; and again from there.
    let a2 = a.refresh([2; 32]).unwrap();
    let d = world.login("alice");
    a2.call().unwrap();
    world.service.revoke_others(&d.call().unwrap()).unwrap();
    assert_eq!(refused(a2.call()), REVOKED);
    d.call().unwrap();
    foreign.call().unwrap();
}

#[test]
fn introspection_tells_one_s_own_and_with_its_scope_all() {
    let world = World::new();
    let with = world.login("alice");
    let without = world.login_with("bob", "bob", "read", 60).unwrap();
    let active = |client: &Client, login: &str| Introspection::Active {
        scope: client.scopes.clone(),
        username: login.into(),
        exp: client.expires,
        iat: NOW,
    };
    let ask = |by: &Client, token: &[u8]| {
        world
            .service
            .introspect(&by.call().unwrap(), token)
            .unwrap()
    };
    assert_eq!(ask(&with, &with.token), active(&with, "alice"));
    assert_eq!(ask(&with, &without.token), active(&without, "bob"));
    assert_eq!(ask(&without, &without.token), active(&without, "bob"));
    assert_eq!(ask(&without, &with.token), Introspection::Inactive);
    assert_eq!(ask(&with, &[0; 16]), Introspection::Inactive);
    assert_eq!(ask(&with, b"x"), Introspection::Inactive);
    let spent = world.login("alice");
    let next = spent.refresh([1; 32]).unwrap();
    assert_eq!(ask(&with, &spent.token), Introspection::Inactive);
    world
        .service
        .revoke(&with.call().unwrap(), &next.token)
        .unwrap();
    assert_eq!(ask(&with, &next.token), Introspection::Inactive);
    world.pass(60);
    assert_eq!(ask(&with, &without.token), Introspection::Inactive);
}

#[test]
fn devices_are_listed_and_deleted() {
    let world = World::new();
    let first = world.login("alice");
    world.pass(10);
    let second = world.login("alice");
    let _foreign = world.login("bob");
    let first = first.refresh([1; 32]).unwrap();
    world.pass(10);
    first.call().unwrap();
    world.pass(10);
    let caller = second.call().unwrap();
    let devices = world.service.devices(&caller).unwrap().devices;
    let seen: Vec<_> = devices
        .iter()
        .map(|d| {
            (
                d.token,
                d.created - NOW,
                d.seen - NOW,
                d.current,
                d.device.as_str(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (second.token, 10, 30, true, "laptop"),
            (first.token, 0, 20, false, "laptop")
        ]
    );
    let delete = |token: &[u8]| world.service.delete_device(&caller, token);
    assert_eq!(delete(&_foreign.token), Err(ServiceError::NotFound));
    assert_eq!(delete(b"x"), Err(ServiceError::NotFound));
    assert_eq!(delete(&first.token), Ok(()));
    assert_eq!(delete(&first.token), Err(ServiceError::NotFound));
    assert_eq!(refused(first.call()), REVOKED);
    assert_eq!(world.service.devices(&caller).unwrap().devices.len(), 1);
}

#[test]
fn a_new_password_ends_all_other_sessions_in_the_same_step() {
    let world = World::new();
    let (a, b) = (world.login("alice"), world.login("alice"));
    let in_flight = world.prove("alice", "alice", "read", 0).unwrap().0;
    a.set_password("alice", "new one").unwrap();
    assert_eq!(refused(b.call()), REVOKED);
    let a2 = a.refresh([1; 32]).unwrap();
    a2.call().unwrap();
    // A login with the old one, half made, and a whole one.
    let error = world
        .service
        .finish(&in_flight, service_kit::HERE)
        .unwrap_err();
    assert_eq!(error, ServiceError::LoginFailed);
    let old = world.login_with("alice", "alice", "", 0);
    assert_eq!(old.map(|_| ()).unwrap_err(), ServiceError::LoginFailed);
    let new = world.login_with("alice", "new one", ALLOWED, 0).unwrap();
    // Again, as an upgrade of work: the same password.
    new.set_password("alice", "new one").unwrap();
    assert_eq!(refused(a2.call()), REVOKED);
    new.call().unwrap();
    world.login_with("alice", "new one", ALLOWED, 0).unwrap();
}

#[test]
fn a_password_is_set_by_who_has_just_typed_it() {
    let world = World::new();
    let denied = Err(ServiceError::InsufficientScope);
    let without = world.login_with("alice", "alice", "read", 0).unwrap();
    assert_eq!(without.set_password("alice", "x"), denied);
    let client = world.login("alice");
    world.pass(300);
    let parameters = world.service.password_parameters(&client.call().unwrap());
    assert!(parameters.is_ok());
    world.pass(1);
    assert_eq!(client.set_password("alice", "x"), denied);
    let fresh = world.login("alice").refresh([1; 32]).unwrap();
    assert_eq!(fresh.set_password("alice", "x"), denied);
    world.login("alice");
}

#[test]
fn a_password_is_made_with_what_the_server_said() {
    use wcmp_auth::message::PasswordChange;
    use wcmp_auth::{Record, Suite};
    let world = World::new();
    let client = world.login("alice");
    let made_with = || {
        let caller = client.call().unwrap();
        world.service.password_parameters(&caller).unwrap()
    };
    let said = made_with();
    assert_eq!(said, made_with());
    let changes: [fn(&mut wcmp_auth::message::PasswordParameters); 5] = [
        |m| m.suite = Suite::Pbkdf2,
        |m| m.salt[0] ^= 1,
        |m| m.parameters.p = 2,
        |m| m.parameters.n = 4,
        |m| m.parameters.cs = 2,
    ];
    for change in changes {
        let mut made_with = said.clone();
        change(&mut made_with);
        let (salt, parameters) = (&made_with.salt.clone(), made_with.parameters);
        let h = [9; 32];
        let Ok(record) = Record::new(service_kit::REALM, "alice", salt, parameters, &h) else {
            continue;
        };
        let change = PasswordChange::seal(&client.key, &client.token, made_with, &record, &[1; 32]);
        let error = world.service.set_password(&client.call().unwrap(), &change);
        assert_eq!(error, Err(ServiceError::InvalidRequest));
    }
    world.login("alice");
}

/// Whoever logs in again and again ends what was not used for longest, and fills
/// neither the store nor the list of devices.
#[test]
fn a_login_has_a_thousand_families_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(sqlite)];
    for store in stores {
        let world = World::on(Arc::clone(&store), Limits::default(), |service| service);
        let (oldest, foreign) = (world.login("alice"), world.login("bob"));
        let used = world.login("alice").refresh([1; 32]).unwrap();
        world.pass(10);
        let devices = |client: &Client| {
            let caller = client.call().unwrap();
            world.service.devices(&caller).unwrap().devices.len()
        };
        for n in 2..1000u64 {
            let mut token = [0; 16];
            token[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
            let row = Session {
                token,
                family: token,
                login: "alice".into(),
                device: String::new(),
                scopes: String::new(),
                keys: SessionKeys::new(wcmp_auth::SessionKey::new(&[1; 32])),
                epoch: 0,
                logged_in: world.now(),
                created: world.now(),
                expires: world.now() + 60,
            };
            assert!(store.create(row).unwrap());
        }
        world.pass(10);
        assert_eq!((devices(&used), store.families("alice")), (1000, Ok(1000)));
        // A tenth is revoked, and those are told so.
        let one = world.login("alice");
        assert_eq!((devices(&one), store.families("alice")), (901, Ok(1001)));
        assert_eq!(refused(oldest.call()), REVOKED);
        used.call().unwrap();
        // Then they are forgotten.
        let other = world.login("alice");
        assert_eq!((devices(&other), store.families("alice")), (902, Ok(902)));
        let unknown = world.service.session(&oldest.token).unwrap();
        assert!(unknown.is_none());
        for client in [&used, &one, &other, &foreign] {
            client.call().unwrap();
        }
        let audit = world.audit.0.lock().unwrap();
        let revoked = audit.iter().filter(|line| line.contains("Revoked"));
        assert_eq!(revoked.count(), 100);
    }
}
