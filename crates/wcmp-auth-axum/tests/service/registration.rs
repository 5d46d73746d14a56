//! Accounts that clients make themselves (auth 6), over the wire.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use axum::Router;
use wcmp_auth::json::Json;
use wcmp_auth::message::{Challenge, PasswordParameters, Registered, Registration};
use wcmp_auth::service::MemoryStore;
use wcmp_auth::{PendingRegistration, Record, StaticKey, Suites};

use crate::client::{PASSWORD, REALM, Random, Response, log_in, post, request, send};
use crate::layer::serve;

/// A service where clients can register, and an invite for carol.
fn registering(invites: bool) -> (SocketAddr, String) {
    let (tell, told) = mpsc::channel();
    let with = move |service: wcmp_auth::service::Service| {
        tell.send(service.invite("carol")).unwrap();
        let key = StaticKey::new(&[8; 32]);
        service.with_registration(key, "read", invites).unwrap()
    };
    let store = async { Arc::new(MemoryStore::new()) };
    let to = serve(store, with, |_| Router::new());
    (to, told.recv().unwrap())
}

/// What the server says that a record is to be made with.
fn parameters(to: SocketAddr, login: &str) -> Response {
    let target = format!("/knh1/register?login={login}");
    send(to, &request("GET", &target, &[], None))
}

fn sealed(
    to: SocketAddr,
    login: &str,
    password: &str,
    invite: &str,
) -> (Registration, PendingRegistration) {
    let PasswordParameters {
        suite,
        salt,
        parameters,
    } = PasswordParameters::from_json(&parameters(to, login).body).unwrap();
    let password = wcmp_auth::prepare::password(password).unwrap();
    let record = Record::enrol(REALM, login, &password, &salt, parameters).unwrap();
    // The public half is all that a client is configured with.
    let spk = *StaticKey::new(&[8; 32]).public();
    Registration::seal(&record, suite, invite, &spk, &mut Random).unwrap()
}

fn register(to: SocketAddr, ask: &Registration) -> Response {
    post(to, "/knh1/register", &ask.to_json())
}

/// All refusals are the same.
fn refused(response: &Response) {
    let refusal = r#"{"error":"invalid_request"}"#;
    assert_eq!((response.status, response.text()), (400, refusal));
}

#[test]
fn who_registers_can_log_in() {
    let (to, _) = registering(false);
    let (ask, pending) = sealed(to, "carol", "first choice", "");
    let answer = register(to, &ask);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(pending.verify(&Registered::from_json(&answer.body).unwrap()));
    let carol = log_in(to, "carol", "first choice", "read write").unwrap();
    assert_eq!(carol.session.scopes, "read");

    // Taken: by the same message, by another password, by an operator's account.
    refused(&register(to, &ask));
    for login in ["carol", "alice"] {
        refused(&register(to, &sealed(to, login, "second choice", "").0));
        let error = log_in(to, login, "second choice", "").err().unwrap();
        assert_eq!(error.error(), "login_failed");
    }
    log_in(to, "carol", "first choice", "").unwrap();
    log_in(to, "alice", PASSWORD, "").unwrap();
}

#[test]
fn what_was_changed_on_the_way_makes_no_account() {
    let (to, _) = registering(false);
    let (ask, _) = sealed(to, "carol", "secret", "");
    let changes: [fn(&mut Registration); 7] = [
        |r| r.mac[31] ^= 1,
        |r| r.sealed[0] ^= 1,
        |r| r.epk[0] ^= 2,
        |r| r.epk = [0; 32],
        |r| r.invite.push('x'),
        |r| r.login = "dora".into(),
        |r| r.made_with.salt[0] ^= 1,
    ];
    for change in changes {
        let mut changed = ask.clone();
        change(&mut changed);
        refused(&register(to, &changed));
    }
    // A key of somebody else's.
    let PasswordParameters {
        suite,
        salt,
        parameters,
    } = ask.made_with.clone();
    let record = Record::new(REALM, "carol", &salt, parameters, &[1; 32]).unwrap();
    let theirs = *StaticKey::new(&[9; 32]).public();
    let foreign = Registration::seal(&record, suite, "", &theirs, &mut Random).unwrap();
    refused(&register(to, &foreign.0));
    for login in ["carol", "dora"] {
        let error = log_in(to, login, "secret", "").err().unwrap();
        assert_eq!(error.error(), "login_failed");
    }
    assert_eq!(register(to, &ask).status, 200);
}

#[test]
fn an_invite_is_for_one_login_once() {
    let (to, invite) = registering(true);
    for (login, invite) in [("carol", ""), ("carol", "x"), ("dora", &invite)] {
        refused(&register(to, &sealed(to, login, "secret", invite).0));
    }
    let (ask, pending) = sealed(to, "carol", "secret", &invite);
    let answer = register(to, &ask);
    assert!(pending.verify(&Registered::from_json(&answer.body).unwrap()));
    refused(&register(to, &sealed(to, "carol", "another", &invite).0));
    log_in(to, "carol", "secret", "").unwrap();
}

/// Known or not, before and after: the salt of a login's start, and no more.
#[test]
fn the_parameters_say_no_more_than_a_start() {
    let (to, _) = registering(false);
    let shown = |login: &str| {
        let config = wcmp_auth::client::ClientConfig {
            suites: Suites::new(&[2]).unwrap(),
            ..wcmp_auth::client::ClientConfig::new(REALM)
        };
        let start = wcmp_auth::client::LoginStart::new(&config, login, &mut Random).unwrap();
        let challenge = post(to, "/knh1/start", &start.message().to_json());
        let challenge = Challenge::from_json(&challenge.body).unwrap();
        let response = parameters(to, login);
        assert_eq!(response.status, 200);
        let said = PasswordParameters::from_json(&response.body).unwrap();
        assert_eq!(said.salt, challenge.salt, "{login}");
        assert_eq!(said.parameters, challenge.parameters);
        assert_eq!(said.suite, challenge.suite);
        said
    };
    let before = shown("carol");
    assert_ne!(before.salt, shown("alice").salt);
    let answer = register(to, &sealed(to, "carol", "secret", "").0);
    assert_eq!(answer.status, 200);
    assert_eq!(shown("carol"), before);

    for login in ["", "Carol", "two%20words", "carol&login=dora"] {
        refused(&parameters(to, login));
    }
    refused(&send(to, &request("GET", "/knh1/register", &[], None)));
    refused(&post(to, "/knh1/register", "{}"));
    let long = format!("{:20000}", "{}");
    assert_eq!(post(to, "/knh1/register", &long).status, 413);
}
