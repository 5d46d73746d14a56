//! Every test that the threat model, the page on KNH1's security and the specification
//! name exists.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The source of a test file as the pages name it: with a folder under `crates`; without one
/// among the tests here, and then that of the modules in the folder of its name too.
fn source(file: &str) -> Option<String> {
    if file.contains('/') {
        return fs::read_to_string(root().join("crates").join(file)).ok();
    }
    let tests = root().join("tests/tests");
    let path = tests.join(file);
    let (folder, main) = if path.is_file() {
        (path.with_extension(""), fs::read_to_string(path).unwrap())
    } else {
        let folder = path.with_extension("");
        let main = fs::read_to_string(folder.join("main.rs")).ok()?;
        (folder, main)
    };
    let modules = fs::read_dir(folder).into_iter().flatten();
    let modules = modules.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    Some(modules.fold(main, |all, module| all + &module))
}

/// `file.rs` and each `function` in backticks after it, line by line.
fn named(line: &str) -> Vec<(String, Vec<String>)> {
    let mut named: Vec<(String, Vec<String>)> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if bare.ends_with(".rs") {
            named.push((bare.into(), Vec::new()));
        } else if word.starts_with('`')
            && bare.contains('_')
            && bare
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && let Some((_, functions)) = named.last_mut()
        {
            functions.push(bare.into());
        }
    }
    named
}

/// The same for the page on KNH1, which names foreign tests too.
fn source_of_auth(file: &str) -> Option<String> {
    source(file).or_else(|| fs::read_to_string(root().join("tests/foreign").join(file)).ok())
}

/// What follows `test:` in a line of that page: files, each with names of functions.
fn tests_of_auth(line: &str) -> Vec<(String, Vec<String>)> {
    let mut tests: Vec<(String, Vec<String>)> = Vec::new();
    let (_, named) = line.split_once("`test:`").unwrap_or_default();
    for word in named.split_whitespace() {
        let word = word.trim_end_matches([',', ';', '.', '|']);
        if [".rs", ".py", ".mjs"].iter().any(|end| word.ends_with(end)) {
            tests.push((word.into(), Vec::new()));
        } else if word.len() > 2
            && let Some(name) = word
                .strip_prefix('`')
                .and_then(|name| name.strip_suffix('`'))
            && let Some((_, names)) = tests.last_mut()
        {
            names.push(name.into());
        }
    }
    tests
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let mut functions = 0;
    for line in text.lines().filter(|line| line.contains("`test:`")) {
        for (file, names) in named(line) {
            let source = source(&file).unwrap_or_else(|| panic!("no {file}: {line}"));
            for name in names {
                let there = source.contains(&format!("fn {name}("));
                assert!(there, "no {name} in {file}: {line}");
                functions += 1;
            }
        }
    }
    assert!(functions > 40, "only {functions} are named");
}

#[test]
fn every_test_that_the_page_on_knh1_names_exists() {
    let text = fs::read_to_string(root().join("docs/auth-security.md")).unwrap();
    let mut functions = 0;
    for (file, names) in text.lines().flat_map(tests_of_auth) {
        let source = source_of_auth(&file).unwrap_or_else(|| panic!("no {file}"));
        for name in names {
            let there = ["fn ", "def ", "function "]
                .iter()
                .any(|before| source.contains(&format!("{before}{name}(")));
            assert!(there, "no {name} in {file}");
            functions += 1;
        }
    }
    assert!(functions > 40, "only {functions} are named");
}

#[test]
fn every_test_file_that_the_specification_names_exists() {
    let text = fs::read_to_string(root().join("docs/spec/envelope.md")).unwrap();
    let (_, attacks) = text.split_once("\n## 14").unwrap();
    let mut files = 0;
    for (file, _) in attacks.lines().flat_map(named) {
        assert!(source(&file).is_some(), "no {file}");
        files += 1;
    }
    assert!(files > 10, "only {files} are named");
}
