//! Files that are handed on: their bytes, names and times, and what is left after an error.
#![cfg(all(feature = "std", unix))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use wcmp_relay::bundle::{Completeness, Event, Export, ExportError, Io, Reader, Stamp};
use wcmp_wire::{Id, MAX_ENVELOPE};

fn random(seed: u8) -> impl FnMut(&mut [u8]) {
    let mut state = u64::from(seed) + 1;
    move |bytes| {
        bytes.fill_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
    }
}

/// The envelopes of a file that must be whole.
fn envelopes(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(Io(fs::File::open(path).unwrap()), MAX_ENVELOPE).unwrap();
    let mut envelopes = Vec::new();
    loop {
        match reader.next().unwrap() {
            Some(Event::Frame { envelope, .. }) => envelopes.push(envelope.to_vec()),
            Some(Event::End(Completeness::Complete)) => return envelopes,
            other => panic!("{other:?}"),
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn shows_nothing(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(modified, UNIX_EPOCH + Duration::from_secs(315_619_200));
}

fn is_random_name(path: &Path, extension: &str) -> bool {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    path.extension().unwrap() == extension
        && stem.len() == 8
        && stem.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7'))
}

#[test]
fn a_folder_gets_parts_with_names_that_tell_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::to_folder(folder.path(), random(1))
        .unwrap()
        .part_limit(40 + 3 * 114);
    for i in 0..8 {
        export.push(Id([i; 32]), Stamp::NONE, &[i; 100]).unwrap();
        assert!(
            names(folder.path())
                .iter()
                .all(|name| is_random_name(Path::new(name), "WCP"))
        );
    }
    let files = export.finish().unwrap();
    assert_eq!(files.len(), 3);
    assert_eq!(names(folder.path()).len(), 3);
    let mut all = Vec::new();
    let mut salts = Vec::new();
    for file in &files {
        assert!(is_random_name(file, "WCM"), "{file:?}");
        assert!(fs::metadata(file).unwrap().len() <= 40 + 3 * 114);
        shows_nothing(file);
        all.extend(envelopes(file));
        salts.push(fs::read(file).unwrap().get(12..16).unwrap().to_vec());
    }
    assert_eq!(all, (0..8).map(|i| vec![i; 100]).collect::<Vec<_>>());
    salts.dedup();
    assert_eq!(salts.len(), 3);
}

#[test]
fn a_file_gets_the_name_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asked for.wcmp");
    let mut export = Export::to_file(&path, false, random(2)).unwrap();
    export
        .push(Id([1; 32]), Stamp::new(1, &[1; 8]).unwrap(), b"one")
        .unwrap();
    assert!(!path.exists());
    assert_eq!(export.finish().unwrap(), std::slice::from_ref(&path));
    assert_eq!(envelopes(&path), [b"one"]);
    shows_nothing(&path);
    assert_eq!(names(folder.path()), ["asked for.wcmp"]);
}

#[test]
fn further_parts_stand_beside_the_file_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("A.WCM");
    let mut export = Export::to_file(&path, false, random(3))
        .unwrap()
        .part_limit(0);
    for i in 0..3 {
        export.push(Id([i; 32]), Stamp::NONE, &[i]).unwrap();
    }
    let files = export.finish().unwrap();
    assert_eq!(files.len(), 3);
    for (i, file) in (0..).zip(&files) {
        assert_eq!(envelopes(file), [[i]]);
        assert_eq!(file.parent(), Some(folder.path()));
        assert_eq!(i == 0, *file == path);
    }
}

#[test]
fn nothing_at_all_is_a_whole_bundle_too() {
    let folder = tempfile::tempdir().unwrap();
    let files = Export::to_folder(folder.path(), random(4))
        .unwrap()
        .finish()
        .unwrap();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    assert!(envelopes(file).is_empty());
}

#[test]
fn ids_must_ascend_and_envelopes_have_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::to_folder(folder.path(), random(5)).unwrap();
    export.push(Id([2; 32]), Stamp::NONE, b"two").unwrap();
    for id in [Id([2; 32]), Id([1; 32])] {
        assert!(matches!(
            export.push(id, Stamp::NONE, b"x"),
            Err(ExportError::Order)
        ));
    }
    let large = vec![0; MAX_ENVELOPE + 1];
    assert!(matches!(
        export.push(Id([3; 32]), Stamp::NONE, &large),
        Err(ExportError::Size)
    ));
    export.push(Id([3; 32]), Stamp::NONE, b"three").unwrap();
    assert_eq!(
        envelopes(&export.finish().unwrap().remove(0)),
        [&b"two"[..], b"three"]
    );
}

#[test]
fn a_file_that_exists_is_replaced_only_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.wcmp");
    fs::write(&path, b"precious").unwrap();
    assert!(matches!(
        Export::to_file(&path, false, random(6)),
        Err(ExportError::Exists)
    ));
    assert_eq!(names(folder.path()), ["bundle.wcmp"]);

    let export = Export::to_file(&path, true, random(6)).unwrap();
    drop(export);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["bundle.wcmp"]);

    Export::to_file(&path, true, random(6))
        .unwrap()
        .finish()
        .unwrap();
    assert!(envelopes(&path).is_empty());

    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(matches!(
        Export::to_file(&link, false, random(6)),
        Err(ExportError::Exists)
    ));
}

#[test]
fn a_file_that_appears_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.wcmp");
    let mut export = Export::to_file(&path, false, random(7))
        .unwrap()
        .part_limit(0);
    for i in 0..3 {
        export.push(Id([i; 32]), Stamp::NONE, &[i]).unwrap();
    }
    fs::write(&path, b"precious").unwrap();
    assert!(matches!(export.finish(), Err(ExportError::Exists)));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["bundle.wcmp"]);
}

#[test]
fn nothing_is_left_of_an_export_that_was_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = Export::to_folder(folder.path(), random(8))
        .unwrap()
        .part_limit(0);
    for i in 0..3 {
        export.push(Id([i; 32]), Stamp::NONE, &[i; 1000]).unwrap();
    }
    assert_eq!(names(folder.path()).len(), 3);
    drop(export);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_folder_that_takes_no_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [folder.path().join("missing"), file, PathBuf::from("/proc")] {
        assert!(
            matches!(Export::to_folder(&path, random(9)), Err(ExportError::Io(_))),
            "{path:?}"
        );
        assert!(
            matches!(
                Export::to_file(path.join("x"), false, random(9)),
                Err(ExportError::Io(_))
            ),
            "{path:?}"
        );
    }
    assert!(matches!(
        Export::to_file("..", false, random(9)),
        Err(ExportError::Io(_))
    ));
}

#[test]
fn nothing_is_left_when_the_last_step_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    let mut export = Export::to_file(&path, true, random(10)).unwrap();
    export.push(Id([1; 32]), Stamp::NONE, b"one").unwrap();
    assert!(matches!(export.finish(), Err(ExportError::Io(_))));
    assert_eq!(names(folder.path()), ["taken"]);
}
