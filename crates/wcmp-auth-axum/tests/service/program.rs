//! The example as a program: options, restarts, ends.

use wcmp_auth::client::{ClientConfig, LoginStart};
use wcmp_auth::json::Json;
use wcmp_auth::message::{Challenge, PasswordChange, PasswordParameters};
use wcmp_auth::{Cost, Record};

use crate::client::{Client, PASSWORD, REALM, Random, log_in, post, reason, send, verify};
use crate::cluster;
use crate::process::Setup;

#[test]
fn a_restart_admits_nothing_twice() {
    let mut setups = vec![Setup::sqlite()];
    setups.extend(cluster::database().map(Setup::postgres));
    for setup in setups {
        let service = setup.start();
        let mut alice = log_in(service.address, "alice", PASSWORD, "read write").unwrap();
        let sent = alice.sign("POST", "/echo", Some(("text/plain", b"once")));
        let answer = send(service.address, &sent.bytes);
        verify(&sent, &answer).unwrap();
        assert_eq!(answer.status, 200);
        // Killed.
        drop(service);
        let service = setup.start();
        let again = send(service.address, &sent.bytes);
        verify(&sent, &again).unwrap();
        assert_eq!(reason(&again), "replayed");
        // The session goes on where the server says.
        let next = wcmp_auth::json::Refusal::from_json(&again.body)
            .unwrap()
            .next;
        alice.caller.skip_to(next.unwrap());
        alice.to = service.address;
        assert_eq!(alice.call("GET", "/whoami", None).status, 200);
        assert!(service.interrupt().success());
    }
}

#[test]
fn enrolling_again_changes_nothing() {
    let setup = Setup::sqlite();
    let salt = || {
        let service = setup.start();
        let config = ClientConfig {
            suites: wcmp_auth::Suites::new(&[2]).unwrap(),
            ..ClientConfig::new(REALM)
        };
        let start = LoginStart::new(&config, "alice", &mut Random).unwrap();
        let answer = post(service.address, "/knh1/start", &start.message().to_json());
        Challenge::from_json(&answer.body).unwrap().salt
    };
    let before = salt();
    std::fs::write(setup.folder().join("alice"), "another").unwrap();
    assert_eq!(salt(), before);
    assert!(setup.log().contains("alice has an account"));
    log_in(setup.start().address, "alice", PASSWORD, "").unwrap();
}

/// Sets alice's password to what it is, with what the server says, as a client does
/// whose server has raised the work.
fn upgrade(alice: &mut Client) -> PasswordParameters {
    let said = alice.call("GET", "/knh1/password", None);
    let made_with = PasswordParameters::from_json(&said.body).unwrap();
    let password = wcmp_auth::prepare::password(PASSWORD).unwrap();
    let (salt, parameters) = (&made_with.salt, made_with.parameters);
    let record = Record::enrol(REALM, "alice", &password, salt, parameters).unwrap();
    let (key, token) = (&alice.session.key, &alice.session.token_id);
    let change = PasswordChange::seal(key, token, made_with.clone(), &record, &[3; 32]);
    let answer = alice.json("POST", "/knh1/password", &change.to_json());
    assert_eq!((answer.status, answer.text()), (200, "{}"));
    made_with
}

/// Who restarts the service with another work locks nobody out: accounts are served as
/// they are, and raised by their next password.
#[test]
fn a_restart_with_other_costs_locks_nobody_out() {
    let c0 = |iterations| Cost::Pbkdf2 { iterations };
    let mut databases = vec![None];
    databases.extend(cluster::database().map(Some));
    for url in databases {
        let setup = match url {
            None => Setup::sqlite(),
            Some(url) => Setup::postgres(url),
        };
        log_in(setup.start().address, "alice", PASSWORD, "").unwrap();
        assert!(!setup.log().contains("until its next password"));

        let setup = setup.with("--c0", "120000");
        let service = setup.start();
        let log = setup.log();
        assert!(log.contains("alice has an account of Parameters"), "{log}");
        assert!(log.contains("iterations: 100000"), "{log}");
        let mut alice = log_in(service.address, "alice", PASSWORD, "password").unwrap();
        assert_eq!(upgrade(&mut alice).parameters.cost, c0(120_000));
        log_in(service.address, "alice", PASSWORD, "").unwrap();
        // Bob's is as it was.
        log_in(service.address, "bob", PASSWORD, "").unwrap();
        drop(service);

        // Lowered: the same way.
        let setup = setup.with("--c0", "110000");
        let service = setup.start();
        let mut alice = log_in(service.address, "alice", PASSWORD, "password").unwrap();
        assert_eq!(upgrade(&mut alice).parameters.cost, c0(110_000));
        log_in(service.address, "alice", PASSWORD, "").unwrap();
        log_in(service.address, "bob", PASSWORD, "").unwrap();
        drop(service);

        // A first suite of the other KDF: new accounts have it, old ones are served.
        let setup = setup.without("--c0").with("--suites", "4,2");
        let service = setup.start();
        let mut alice = log_in(service.address, "alice", PASSWORD, "password").unwrap();
        let said = alice.call("GET", "/knh1/password", None);
        let said = PasswordParameters::from_json(&said.body).unwrap();
        assert_eq!((said.suite.id(), said.parameters.cost), (4, Cost::ARGON2ID));
        drop(service);

        // Suites that leave an account behind are no silent lock-out.
        let output = setup.with("--suites", "4").output();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("service: --enroll alice: its account is of"),
            "{said}"
        );
    }
}

#[test]
fn wrong_options_are_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("damaged");
    std::fs::write(&file, [7; 3000]).unwrap();
    let damaged = format!("sqlite:{}", file.display());
    for (option, value, code, says) in [
        ("--c0", "99999", 1, "--c0"),
        ("--enroll", "carol=/nonexistent", 1, "--enroll carol"),
        ("--enroll", "two words=/dev/null", 1, "--enroll two words"),
        ("--enroll", "carol", 2, "LOGIN=PASSWORDFILE"),
        ("--suites", "9", 2, "suites 1 to 4"),
        ("--suites", "3", 1, "--c0"),
        ("--database", "mysql://", 2, "postgres://"),
        ("--database", "sqlite:/nonexistent/db", 1, "--database"),
        (
            "--database",
            "postgres:///x?host=/nonexistent",
            1,
            "--database",
        ),
        ("--database", &damaged, 1, "--database"),
        ("--burst", "5", 2, "--refill"),
        ("--authority", "", 1, "--authority"),
        ("--realm", "", 1, "--realm"),
        ("--listen", "192.0.2.1:1", 1, "--listen"),
        ("--nonsense", "x", 2, "--nonsense"),
    ] {
        let output = Setup::sqlite().with(option, value).output();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{option} {value}: {said}");
        assert!(said.contains(says), "{option} {value}: {said}");
        assert!(
            output.stdout.is_empty() && !said.contains("panicked"),
            "{said}"
        );
        if code == 1 {
            let lines = said.lines().filter(|line| line.starts_with("service: "));
            assert_eq!(lines.count(), 1, "{said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let setup = Setup::sqlite();
    drop(setup.start());
    for name in ["knh1.db", "knh1.db.secret"] {
        let mode = setup
            .folder()
            .join(name)
            .metadata()
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
