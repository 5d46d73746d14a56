//! The vectors in `tests/vectors/`: both providers give the answers that are written
//! there, and the generator gives the same files again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wcmp::Provider;
use wcmp_tests::kit::PROVIDERS;
use wcmp_tests::protocol::{answer, written_out};
use wcmp_tests::vectors::{FOLDERS, Vector, differences, files, folder};

fn all() -> Vec<Vector> {
    files().iter().map(|path| Vector::read(path)).collect()
}

/// The codes of spec 12, but for `full`: keyrings are no matter of envelopes.
const CODES: [&str; 13] = [
    "bad-content",
    "bad-introduction",
    "bad-payload",
    "bad-reply",
    "bad-signature",
    "bundle",
    "expired",
    "key",
    "malformed",
    "not-for-me",
    "size",
    "suite",
    "version",
];

#[test]
fn all_providers_answer_as_written() {
    for provider in PROVIDERS {
        for vector in all() {
            let given = answer(&provider, &vector.request);
            let (name, provider) = (&vector.name, provider.name);
            assert_eq!(given, written_out(&vector.answer), "{name}, {provider}");
        }
    }
}

#[test]
fn all_providers_seal_what_is_opened() {
    for provider in PROVIDERS {
        let mut sealed = 0;
        for vector in all() {
            let Some(seal) = &vector.seal else {
                continue;
            };
            let mut given = answer(&provider, seal)["envelope"].clone();
            let mut stands = vector.request["envelope"].clone();
            // ML-KEM's randomness is aws-lc's own: the slots of type 2 are others each time.
            if provider.name == Provider::aws_lc().name && seal["suite"] == 3 {
                let inspect = |envelope: &Value| {
                    let inspected =
                        answer(&provider, &json!({ "op": "inspect", "envelope": envelope }));
                    inspected["core"].clone()
                };
                (given, stands) = (inspect(&given), inspect(&stands));
            }
            let (name, provider) = (&vector.name, provider.name);
            assert_eq!(given, stands, "{name}, {provider}");
            sealed += 1;
        }
        assert!(sealed >= 50, "{sealed}");
    }
}

/// A type 2 envelope is reproducible up to its slots (README.md).
#[test]
fn the_core_of_what_is_opened_is_the_core_of_what_was_sealed() {
    let crypto = Provider::rust_crypto();
    for vector in all().iter().filter(|vector| vector.seal.is_some()) {
        let inspect = json!({ "op": "inspect", "envelope": vector.request["envelope"] });
        if let Some(core) = vector.answer.get("core") {
            assert_eq!(answer(&crypto, &inspect)["core"], *core);
        }
    }
}

#[test]
fn there_are_vectors_of_everything() {
    let all = all();
    assert!(all.len() >= 380, "{}", all.len());
    let reached: BTreeSet<&str> = all.iter().map(|vector| vector.expect.as_str()).collect();
    for code in CODES.iter().chain(&["known", "introduced", "anonymous"]) {
        assert!(reached.contains(code), "{code}");
    }
    for name in FOLDERS {
        let prefix = format!("{name}/");
        assert!(all.iter().any(|vector| vector.name.starts_with(&prefix)));
    }
}

#[test]
fn every_folder_is_generated_or_external() {
    for entry in folder().read_dir().unwrap() {
        let name = entry.unwrap().file_name();
        let expected = FOLDERS.iter().chain(&["README.md", "external"]);
        let expected = expected.into_iter().any(|known| name == *known);
        assert!(expected, "{}", name.display());
    }
}

/// Else: `cargo run -p wcmp-tests --bin vectors`, and look at what changed.
#[test]
fn the_generator_gives_the_same_files() {
    assert_eq!(differences(), Vec::<String>::new());
}
