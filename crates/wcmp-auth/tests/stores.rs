//! Both stores behave as the model, one after another and all at once.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;

use wcmp_auth::service::conformance::{
    behaves_as_the_model, decides_once, remembers_across_a_restart, remembers_challenges,
    shares_keys,
};
use wcmp_auth::service::{MemoryStore, SqliteStore, StoreError};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn memory_behaves_as_the_model() {
    behaves_as_the_model(&MemoryStore::new(), 2000, 1);
}

#[test]
fn sqlite_behaves_as_the_model() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    behaves_as_the_model(&store, 40, 2);
}

#[test]
fn memory_remembers_challenges() {
    remembers_challenges(&MemoryStore::new());
}

#[test]
fn sqlite_remembers_challenges() {
    let folder = folder();
    let store = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    remembers_challenges(&store);
}

#[test]
fn memory_decides_once() {
    for _ in 0..20 {
        decides_once(&MemoryStore::new());
    }
}

#[test]
fn sqlite_decides_once() {
    let folder = folder();
    decides_once(&SqliteStore::open(&folder.path().join("auth.db")).unwrap());
}

#[test]
fn sqlite_remembers_across_a_restart() {
    let folder = folder();
    let path = folder.path().join("auth.db");
    let store = SqliteStore::open(&path).unwrap();
    remembers_across_a_restart(store, |store| {
        drop(store);
        SqliteStore::open(&path).unwrap()
    });
}

/// As after a power cut: the files as they are on the disk while the store is
/// open.
#[test]
fn sqlite_remembers_when_it_was_not_closed() {
    let (folder, copy) = (folder(), folder());
    let store = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    remembers_across_a_restart(store, |store| {
        for file in fs::read_dir(folder.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        drop(store);
        SqliteStore::open(&copy.path().join("auth.db")).unwrap()
    });
}

#[test]
fn memory_shares_keys() {
    shares_keys(&MemoryStore::new());
}

#[test]
fn sqlite_is_for_one_process_and_its_own_files() {
    let folder = folder();
    let path = folder.path().join("auth.db");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(
        SqliteStore::open(&path).unwrap_err(),
        StoreError::Unavailable
    );
    drop(store);
    SqliteStore::open(&path).unwrap();

    let other = folder.path().join("other");
    fs::write(&other, [b'x'; 4096]).unwrap();
    assert_eq!(SqliteStore::open(&other).unwrap_err(), StoreError::Corrupt);
    let nowhere = folder.path().join("no/such/folder");
    assert_eq!(
        SqliteStore::open(&nowhere).unwrap_err(),
        StoreError::Unavailable
    );
}

#[cfg(unix)]
#[test]
fn sqlite_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let _store = SqliteStore::open(&folder.path().join("auth.db")).unwrap();
    let mut names = BTreeSet::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.insert(file.file_name());
    }
    assert!(
        names.contains(std::ffi::OsStr::new("auth.db-wal")),
        "{names:?}"
    );
}
