//! Clients of KNH1 in other languages, written from the specification alone: their vectors,
//! and the service's answers to them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use wcmp_tests::foreign::{folder, interpreter, node_modules};

/// Where cargo lets tests keep files.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A program of the folder, as a command that needs its arguments.
fn python(program: &str) -> Option<Command> {
    let mut command = Command::new(interpreter(target())?);
    command.arg("-B").arg(folder().join(program));
    Some(command)
}

fn node(program: &str) -> Option<Command> {
    let modules = node_modules(target())?;
    let mut command = Command::new("node");
    command.arg(folder().join(program));
    if program == "calls.mjs" {
        command.arg(modules);
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
