//! Clients of KNH1 in other languages, written from the specification alone: their vectors,
//! and the service's answers to them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod example;
mod rust;
mod service;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use service::{PASSWORD, Service};
use wcmp_tests::foreign::{folder, installed, interpreter, node_modules};

/// Where cargo lets tests keep files.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A program of the folder, as a command that needs its arguments. Those that need nothing
/// but the language run where there is no network to install anything from.
fn python(program: &str) -> Option<Command> {
    let mut command = Command::new(match program {
        "knh1.py" | "attacks.py" => installed("python3")?,
        _ => interpreter(target())?,
    });
    command.arg("-B").arg(folder().join(program));
    Some(command)
}

fn node(program: &str) -> Option<Command> {
    let mut command = Command::new(installed("node")?);
    command.arg(folder().join(program));
    if program == "calls.mjs" {
        command.arg(node_modules(target())?);
    }
    Some(command)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}\n{failed}");
    output
}

/// Of a run that has to fail: the last line it says.
fn last_words(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?}\n{failed}");
    failed.lines().last().unwrap_or_default().into()
}

#[test]
fn vectors_of_the_specification() {
    for program in ["knh1.py", "calls.py"] {
        python(program).map(|mut command| run(command.arg("--selftest")));
    }
    for program in ["knh1.mjs", "calls.mjs"] {
        node(program).map(|mut command| run(command.arg("--selftest")));
    }
}

/// What is shown to those who write a client is to be short, and theirs to copy: nothing
/// but the standard library.
#[test]
fn a_client_is_a_page() {
    let page = fs::read_to_string(folder().join("knh1.py")).unwrap();
    assert!(page.lines().count() < 150);
    let page = fs::read_to_string(folder().join("knh1.mjs")).unwrap();
    let imports = page.lines().filter(|line| line.contains("import"));
    let foreign: Vec<&str> = imports
        .filter(|line| line.contains("from \"") || line.contains("require("))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

/// The specification repeats the vectors that the library is held to.
#[test]
fn the_specification_has_the_vectors_of_the_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/spec/auth.md")).unwrap();
    let vectors = root.join("crates/wcmp-auth/vectors/knh1.txt");
    let values = fs::read_to_string(vectors).unwrap();
    let values = values
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let mut compared = 0;
    for value in values.filter(|value| value.len() >= 40) {
        assert!(page.contains(value), "{value}");
        compared += 1;
    }
    assert!(compared > 40, "only {compared}");
}

#[test]
fn python_logs_in_and_calls() {
    let Some(mut whoami) = python("knh1.py") else {
        return;
    };
    let service = Service::start(&["--suites", "2,1"]);
    let output = run(whoami.args(service.login(PASSWORD)));
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let wanted = serde_json::json!({"login": "alice", "device": "knh1.py", "scopes": "read write"});
    assert_eq!(answer, wanted);

    let body = service.file("body", "grüße\r\n");
    let mut echo = python("knh1.py").unwrap();
    let echo = echo.args(service.login(PASSWORD));
    let output = run(echo.args(["--call", "POST", "/echo?x=%2F&y"]).arg(body));
    assert_eq!(output.stdout, "grüße\r\n".as_bytes());

    let mut wrong = python("knh1.py").unwrap();
    let said = last_words(wrong.args(service.login("wrong password")));
    assert!(said.ends_with("Refused: login_failed"), "{said}");
}

/// Who listens to suite 1 can guess (auth 8), so somebody has to have allowed it.
#[test]
fn suite_1_is_off_unless_allowed() {
    let Some(mut client) = python("knh1.py") else {
        return;
    };
    let service = Service::start(&[]);
    let said = last_words(client.args(service.login(PASSWORD)));
    assert!(said.ends_with("Refused: unsupported_suite"), "{said}");
}

#[test]
fn javascript_logs_in() {
    let Some(mut client) = node("knh1.mjs") else {
        return;
    };
    let service = Service::start(&[]);
    let token = run(client.args(service.login(PASSWORD))).stdout;
    assert_eq!(token.len(), 22 + 1, "16 bytes in base64url, and a line end");
    let mut wrong = node("knh1.mjs").unwrap();
    let output = wrong
        .args(service.login("wrong password"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("Refused: login_failed"),
        "{said}"
    );
}

/// Each says of every single thing whether it went as it should.
fn against_the_service(client: Option<Command>, options: &[&str], more: &[&str], least: usize) {
    let Some(mut client) = client else { return };
    let service = Service::start(options);
    let output = run(client.args(service.login(PASSWORD)).args(more));
    let said = String::from_utf8(output.stdout).unwrap();
    let good = said.lines().filter(|line| line.starts_with("ok: "));
    assert!(good.count() >= least, "{said}");
}

/// Out of the way of who means to try things a thousand times.
const GENEROUS: [&str; 6] = ["--suites", "2,1", "--burst", "100000", "--refill", "1"];

#[test]
fn calls_by_the_package_of_pypi() {
    against_the_service(python("calls.py"), &GENEROUS, &[], 35);
}

#[test]
fn calls_by_the_package_of_npm() {
    against_the_service(node("calls.mjs"), &GENEROUS, &[], 25);
}

/// For many logins: the least work that a client can be configured to accept.
const CHEAP: [&str; 2] = ["--c0", "100000"];

#[test]
fn attacks_by_python() {
    let options = [&GENEROUS[..], &CHEAP].concat();
    against_the_service(python("attacks.py"), &options, &[], 200);
}

#[test]
fn rate_limits() {
    let options = ["--suites", "2,1", "--burst", "3", "--refill", "10"];
    let options = [&options[..], &CHEAP].concat();
    against_the_service(python("attacks.py"), &options, &["3"], 8);
}
