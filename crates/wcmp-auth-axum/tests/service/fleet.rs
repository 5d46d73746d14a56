//! Several processes on one PostgreSQL behave as one.

use std::sync::Barrier;
use std::thread;

use data_encoding::BASE64URL_NOPAD;
use wcmp_auth::json::Json;

use crate::client::{PASSWORD, finish_at, log_in, post, prove, reason, send, verify};
use crate::cluster;
use crate::process::{Running, Setup};

fn two() -> Option<(Setup, Running, Running)> {
    let setup = Setup::postgres(cluster::database()?);
    let setup = setup.with("--burst", "1000").with("--refill", "1");
    // Both enrol the same logins: one does.
    let (one, other) = thread::scope(|scope| {
        let one = scope.spawn(|| setup.start());
        let other = scope.spawn(|| setup.start());
        (one.join().unwrap(), other.join().unwrap())
    });
    Some((setup, one, other))
}

#[test]
fn what_one_begins_another_ends() {
    let Some((_setup, one, other)) = two() else {
        return;
    };
    let (one, other) = (one.address, other.address);
    // A challenge of one is met at the other, once.
    let (finish, pending) = prove(one, "alice", PASSWORD, "read write").unwrap();
    let mut alice = finish_at(other, &finish, pending).unwrap();
    for server in [one, other] {
        let again = post(server, "/knh1/finish", &finish.to_json());
        assert_eq!(again.error(), "expired_challenge");
    }
    // A call is a replay at both.
    let sent = alice.sign("POST", "/echo", Some(("text/plain", b"once")));
    let answer = send(one, &sent.bytes);
    verify(&sent, &answer).unwrap();
    assert_eq!(answer.status, 200);
    for server in [other, one] {
        let again = send(server, &sent.bytes);
        verify(&sent, &again).unwrap();
        assert_eq!(reason(&again), "replayed");
    }
    // What is revoked at one is revoked at the other.
    let mut laptop = log_in(one, "alice", PASSWORD, "read").unwrap();
    alice.to = one;
    assert_eq!(alice.call("GET", "/whoami", None).status, 200);
    let token = BASE64URL_NOPAD.encode(&alice.session.token_id);
    let revoke = format!(r#"{{"token":"{token}"}}"#);
    laptop.to = other;
    assert_eq!(laptop.json("POST", "/knh1/revoke", &revoke).text(), "{}");
    assert_eq!(reason(&alice.call("GET", "/whoami", None)), "revoked");
}

#[test]
fn of_many_at_once_one_is_served() {
    let Some((_setup, one, other)) = two() else {
        return;
    };
    let to = [one.address, other.address];
    let mut alice = log_in(to[0], "alice", PASSWORD, "write").unwrap();
    let sent = alice.sign("POST", "/echo", Some(("text/plain", b"once")));
    let (finish, _pending) = prove(to[0], "alice", PASSWORD, "").unwrap();
    let finish = finish.to_json();
    const MANY: usize = 32;
    let barrier = Barrier::new(2 * MANY);
    let statuses = |request: &(dyn Fn(usize) -> u16 + Sync)| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..MANY)
                .map(|n| {
                    let barrier = &barrier;
                    scope.spawn(move || {
                        barrier.wait();
                        request(n)
                    })
                })
                .collect();
            let statuses = threads.into_iter().map(|thread| thread.join().unwrap());
            statuses.filter(|status| *status == 200).count()
        })
    };
    let (calls, logins) = thread::scope(|scope| {
        let calls = scope.spawn(|| statuses(&|n| send(to[n % 2], &sent.bytes).status));
        let logins = scope.spawn(|| statuses(&|n| post(to[n % 2], "/knh1/finish", &finish).status));
        (calls.join().unwrap(), logins.join().unwrap())
    });
    assert_eq!((calls, logins), (1, 1));
}
