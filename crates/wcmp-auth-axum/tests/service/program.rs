//! The example as a program: options, restarts, ends.

use wcmp_auth::client::{ClientConfig, LoginStart};
use wcmp_auth::json::Json;
use wcmp_auth::message::Challenge;

use crate::client::{PASSWORD, REALM, Random, log_in, post, reason, send, verify};
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
