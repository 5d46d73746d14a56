//! Every input in the fuzzers' corpora passes the check of its target.

use std::fs;
use std::path::Path;

use wcmp_tests::checks;

type Check = fn(&[u8]);

/// The fuzz targets and their checks.
const TARGETS: &[(&str, Check)] = &[
    ("bundle", checks::bundle::bundle),
    ("call", checks::call::call),
    ("content", checks::content::content),
    ("exchange", checks::exchange::exchange),
    ("have", checks::have::have),
    ("hints", checks::hints::hints),
    ("json", checks::json::json),
    ("policy", checks::policy::policy),
    ("sealed", checks::sealed::sealed),
    ("store", checks::store::store),
    ("wire", checks::wire::wire),
];

#[test]
fn every_corpus_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for &(target, check) in TARGETS {
        let mut replayed = 0;
        for entry in fs::read_dir(corpora.join(target)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            check(&fs::read(path).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0, "the corpus of {target} is empty");
    }
}

#[test]
fn every_corpus_has_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for entry in fs::read_dir(corpora).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            TARGETS.iter().any(|(target, _)| name == *target),
            "{} is not replayed",
            name.display()
        );
    }
}
