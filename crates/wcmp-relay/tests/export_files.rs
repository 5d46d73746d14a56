//! Files that are handed on: their bytes, names and times, and what is left after an error.
#![cfg(all(feature = "std", unix))]
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, UNIX_EPOCH};
use std::{fmt, fs, thread};

use getrandom::SysRng;
use rand_core::{TryCryptoRng, TryRng};
use wcmp_relay::bundle::{Completeness, Event, Export, ExportError, Io, Reader, Stamp};
use wcmp_wire::{Id, MAX_ENVELOPE};

/// Counts in steps, and fails after so many draws.
struct Counter {
    next: u8,
    step: u8,
    draws: u32,
}

impl TryRng for Counter {
    type Error = fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), fmt::Error> {
        self.draws = self.draws.checked_sub(1).ok_or(fmt::Error)?;
        for byte in bytes {
            *byte = self.next;
            self.next = self.next.wrapping_add(self.step);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

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
    let mut export = Export::to_folder(folder.path(), SysRng)
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
    let mut export = Export::to_file(&path, false, SysRng).unwrap();
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
    let mut export = Export::to_file(&path, false, SysRng).unwrap().part_limit(0);
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
    let files = Export::to_folder(folder.path(), SysRng)
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
    let mut export = Export::to_folder(folder.path(), SysRng).unwrap();
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
        Export::to_file(&path, false, SysRng),
        Err(ExportError::Exists)
    ));
    assert_eq!(names(folder.path()), ["bundle.wcmp"]);

    let export = Export::to_file(&path, true, SysRng).unwrap();
    drop(export);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["bundle.wcmp"]);

    Export::to_file(&path, true, SysRng)
        .unwrap()
        .finish()
        .unwrap();
    assert!(envelopes(&path).is_empty());

    let link = folder.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    assert!(matches!(
        Export::to_file(&link, false, SysRng),
        Err(ExportError::Exists)
    ));
}

#[test]
fn a_file_that_appears_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.wcmp");
    let mut export = Export::to_file(&path, false, SysRng).unwrap().part_limit(0);
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
    let mut export = Export::to_folder(folder.path(), SysRng)
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
            matches!(Export::to_folder(&path, SysRng), Err(ExportError::Io(_))),
            "{path:?}"
        );
        assert!(
            matches!(
                Export::to_file(path.join("x"), false, SysRng),
                Err(ExportError::Io(_))
            ),
            "{path:?}"
        );
    }
    assert!(matches!(
        Export::to_file("..", false, SysRng),
        Err(ExportError::Io(_))
    ));
}

#[test]
fn nothing_is_left_when_the_last_step_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken");
    fs::create_dir(&path).unwrap();
    let mut export = Export::to_file(&path, true, SysRng).unwrap();
    export.push(Id([1; 32]), Stamp::NONE, b"one").unwrap();
    assert!(matches!(export.finish(), Err(ExportError::Io(_))));
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn of_many_that_finish_at_once_one_gets_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.wcmp");
    for _ in 0..20 {
        let barrier = Barrier::new(8);
        let finish = |i: u8| {
            let mut export = Export::to_file(&path, false, SysRng).unwrap();
            export.push(Id([i; 32]), Stamp::NONE, &[i]).unwrap();
            barrier.wait();
            export.finish()
        };
        let results = thread::scope(|scope| {
            let threads = [0, 1, 2, 3, 4, 5, 6, 7].map(|i| scope.spawn(move || finish(i)));
            threads.map(|thread| thread.join().unwrap())
        });
        let mut won = (0..).zip(&results).filter(|(_, result)| result.is_ok());
        let (winner, _) = won.next().unwrap();
        assert!(won.next().is_none());
        for result in &results {
            assert!(matches!(result, Ok(_) | Err(ExportError::Exists)));
        }
        assert_eq!(envelopes(&path), [[winner]]);
        assert_eq!(names(folder.path()), ["bundle.wcmp"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_random_name_that_is_taken_is_drawn_again() {
    let folder = tempfile::tempdir().unwrap();
    let export = |step| {
        let (next, draws) = (0, u32::MAX);
        Export::to_folder(folder.path(), Counter { next, step, draws }).and_then(Export::finish)
    };
    for step in [0, 1] {
        assert!(export(step).is_ok());
    }
    // The same salt and the same names.
    assert!(export(1).is_ok());
    assert_eq!(names(folder.path()).len(), 3);
    // A broken RNG gives no other.
    assert!(matches!(export(0), Err(ExportError::Exists)));
    assert_eq!(names(folder.path()).len(), 3);
}

#[test]
fn nothing_is_left_when_the_rng_fails() {
    let folder = tempfile::tempdir().unwrap();
    let export = |draws| {
        let (next, step) = (0, 1);
        let rng = Counter { next, step, draws };
        let mut export = Export::to_folder(folder.path(), rng)?.part_limit(0);
        for i in 0..3 {
            export.push(Id([i; 32]), Stamp::NONE, &[i])?;
        }
        export.finish()
    };
    // Each of three files has a salt, a temporary name and a name.
    for draws in 0..9 {
        assert!(matches!(export(draws), Err(ExportError::Random)));
        assert!(names(folder.path()).is_empty());
    }
    assert_eq!(export(9).unwrap().len(), 3);
}

/// Names that stand beside bundles for a moment, too, are short and upper case: longer ones leave readable entries on FAT.
#[test]
fn a_single_file_has_its_name_at_once_and_a_short_one_before() {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};
    use wcmp_relay::bundle::write_once;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("have");
    let (done, bytes) = (AtomicBool::new(false), vec![7; 64 << 20]);
    let seen: BTreeSet<String> = thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
                seen.extend(entries.map(|entry| entry.file_name().into_string().unwrap()));
            }
            seen
        });
        write_once(&path, &bytes, false, &mut SysRng).unwrap();
        done.store(true, Ordering::Relaxed);
        looking.join().unwrap()
    });
    let temporary: Vec<&String> = seen.iter().filter(|name| *name != "have").collect();
    assert_eq!(temporary.len(), 1, "{seen:?}");
    let (name, ending) = temporary.first().unwrap().split_once('.').unwrap();
    assert_eq!((name.len(), ending), (8, "TMP"));
    assert!(
        name.bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
    );
    assert_eq!(fs::read(&path).unwrap().len(), bytes.len());
    let refused = write_once(&path, b"other", false, &mut SysRng);
    assert!(matches!(refused, Err(ExportError::Exists)));
    write_once(&path, b"other", true, &mut SysRng).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"other");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
