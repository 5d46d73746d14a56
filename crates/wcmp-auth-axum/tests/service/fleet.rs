//! Several processes on one PostgreSQL behave as one.

use std::sync::Barrier;
use std::thread;

use data_encoding::BASE64URL_NOPAD;
use wcmp_auth::Record;
use wcmp_auth::client::Session;
use wcmp_auth::json::Json;
use wcmp_auth::message::{PasswordChange, PasswordParameters, Refresh, Refreshed};

use crate::client::{
    Client, PASSWORD, REALM, finish_at, log_in, post, prove, reason, send, verify,
};
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

#[test]
fn what_one_refreshes_another_knows() {
    let Some((_setup, one, other)) = two() else {
        return;
    };
    let (one, other) = (one.address, other.address);
    let mut old = log_in(one, "alice", PASSWORD, "read write").unwrap();
    let ask = Refresh {
        rnonce: [7; 32],
        scopes: "read".into(),
        ttl: 60,
    };
    // The answer of one is lost: the other gives the same.
    let lost = old.json("POST", "/knh1/refresh", &ask.to_json());
    old.to = other;
    assert_eq!(reason(&old.call("GET", "/whoami", None)), "spent");
    let more = Refresh {
        scopes: "read write".into(),
        ..ask.clone()
    };
    let again = old.json("POST", "/knh1/refresh", &more.to_json());
    assert_eq!((lost.status, &lost.body), (200, &again.body));
    let mut new = succeed(&old, &ask, &lost.body);
    assert_eq!(new.call("GET", "/whoami", None).status, 200);
    // The successor is in use at the other: to one, this is reuse.
    old.to = one;
    let reused = old.json("POST", "/knh1/refresh", &ask.to_json());
    assert_eq!(reason(&reused), "reuse");
    for server in [one, other] {
        new.to = server;
        assert_eq!(reason(&new.call("GET", "/whoami", None)), "revoked");
        old.to = server;
        assert_eq!(reason(&old.call("GET", "/whoami", None)), "revoked");
    }
}

#[test]
fn of_many_refreshes_at_two_there_is_one_successor() {
    let Some((_setup, one, other)) = two() else {
        return;
    };
    let to = [one.address, other.address];
    let mut old = log_in(to[0], "alice", PASSWORD, "read").unwrap();
    let ask = Refresh {
        rnonce: [7; 32],
        scopes: String::new(),
        ttl: 60,
    };
    let json = ask.to_json();
    let body = Some(("application/json", json.as_bytes()));
    let sent: Vec<_> = (0..16)
        .map(|_| old.sign("POST", "/knh1/refresh", body))
        .collect();
    let answers: Vec<Vec<u8>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let (sent, to) = (&sent[n], to[n % 2]);
                scope.spawn(move || {
                    let answer = send(to, &sent.bytes);
                    verify(sent, &answer).unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    answer.body
                })
            })
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join().unwrap());
        answers.collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let mut new = succeed(&old, &ask, &answers[0]);
    assert_eq!(new.call("GET", "/whoami", None).status, 200);
}

#[test]
fn a_password_changed_at_one_is_changed_at_the_other() {
    let Some((_setup, one, other)) = two() else {
        return;
    };
    let (one, other) = (one.address, other.address);
    let mut here = log_in(one, "alice", PASSWORD, "read password").unwrap();
    let mut there = log_in(other, "alice", PASSWORD, "read").unwrap();
    assert_eq!(there.call("GET", "/whoami", None).status, 200);
    // Begun before, at both, and ended after.
    let halves = [one, other].map(|server| prove(server, "alice", PASSWORD, "read").unwrap());
    let made_with = here.call("GET", "/knh1/password", None);
    let made_with = PasswordParameters::from_json(&made_with.body).unwrap();
    let (salt, parameters) = (&made_with.salt, made_with.parameters);
    let record = Record::enrol(REALM, "alice", "another", salt, parameters).unwrap();
    let (key, token) = (&here.session.key, here.session.token_id);
    let change = PasswordChange::seal(key, &token, made_with, &record, &[5; 32]).to_json();
    // What the other server said holds at this one.
    here.to = other;
    assert_eq!(here.json("POST", "/knh1/password", &change).text(), "{}");
    for server in [one, other] {
        there.to = server;
        assert_eq!(reason(&there.call("GET", "/whoami", None)), "revoked");
        here.to = server;
        assert_eq!(here.call("GET", "/whoami", None).status, 200);
        let former = log_in(server, "alice", PASSWORD, "read");
        assert_eq!(former.err().unwrap().error(), "login_failed");
        log_in(server, "alice", "another", "read").unwrap();
    }
    for (finish, pending) in halves {
        let refused = finish_at(one, &finish, pending).err().unwrap();
        assert_eq!(refused.error(), "login_failed");
    }
}

/// The session that a refresh has made.
fn succeed(old: &Client, ask: &Refresh, answer: &[u8]) -> Client {
    let refreshed = Refreshed::from_json(answer).unwrap();
    let (token, key) = (&old.session.token_id, &old.session.key);
    let session = Session {
        token_id: refreshed.token,
        key: key.next(token, &ask.rnonce, &refreshed),
        expires: refreshed.expires,
        scopes: refreshed.scopes,
        server_time: old.session.server_time,
        pins: old.session.pins,
    };
    Client::new(old.to, session)
}
