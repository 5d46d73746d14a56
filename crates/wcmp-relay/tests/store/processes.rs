//! Real processes in a real folder: a second one is kept out, and one that is killed loses nothing it acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::{env, fs};

use wcmp_relay::store::{Folder, Options, SegmentStore, Store, StoreError, Taken};
use wcmp_wire::Id;

use crate::kit::{Numbers, envelope, incoming};

const FOLDER: &str = "WCMP_TEST_STORE";
const SEED: &str = "WCMP_TEST_STORE_SEED";
const NOW: u32 = 480_000;

fn open(path: &str, seed: u64) -> Result<SegmentStore<Folder>, StoreError> {
    let options = Options {
        segment_limit: 100_000,
        ..Options::default()
    };
    SegmentStore::open(Folder::new(path).unwrap(), options, &Numbers(seed).bytes())
}

/// Not a test by itself: the process that is killed. It says which numbers are acknowledged.
#[test]
fn child() {
    let Ok(path) = env::var(FOLDER) else { return };
    let seed: u64 = env::var(SEED).unwrap().parse().unwrap();
    let mut store = open(&path, seed).unwrap();
    let mut numbers = Numbers(seed);
    let mut out = std::io::stdout().lock();
    loop {
        let names: Vec<u64> = (0..20).map(|_| numbers.next()).collect();
        let batch: Vec<Vec<u8>> = names.iter().map(|n| make(*n)).collect();
        let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
        let taken = store.insert(&batch, NOW).unwrap();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
        let line: Vec<String> = names.iter().map(u64::to_string).collect();
        writeln!(out, "stored {}", line.join(" ")).unwrap();
        out.flush().unwrap();
    }
}

fn make(number: u64) -> Vec<u8> {
    envelope(number, NOW + (number % 100) as u32, 400)
}

#[test]
fn kill_minus_nine_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let path = path.to_str().unwrap();
    let mut acknowledged: BTreeMap<Id, Vec<u8>> = BTreeMap::new();
    for seed in 0..8 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["processes::child", "--exact", "--nocapture"])
            .env(FOLDER, path)
            .env(SEED, seed.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..3 + 4 * seed {
            let line = lines.next().unwrap().unwrap();
            let Some((_, names)) = line.split_once("stored ") else {
                continue;
            };
            for name in names.split(' ') {
                let bytes = make(name.parse().unwrap());
                acknowledged.insert(incoming(&bytes, None).id(), bytes);
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();

        let mut store = open(path, 1000 + seed).unwrap();
        for (id, bytes) in &acknowledged {
            assert_eq!(store.get(id).unwrap().unwrap().envelope, *bytes);
        }
        assert_eq!(store.damaged(), 0);
        if seed == 4 {
            store.tidy().unwrap();
        }
    }
    assert!(acknowledged.len() > 1000);
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let first = open(path, 1).unwrap();
    assert!(matches!(open(path, 2), Err(StoreError::Locked)));
    drop(first);
    assert!(open(path, 3).is_ok());
}

/// The folder's files are bundles that any reader of bundles reads.
#[test]
fn a_segment_is_a_bundle() {
    use wcmp_relay::bundle::{Event, Reader};

    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path().to_str().unwrap(), 1).unwrap();
    let bytes: Vec<Vec<u8>> = (0..50).map(make).collect();
    let batch: Vec<_> = bytes.iter().map(|bytes| incoming(bytes, None)).collect();
    store.insert(&batch, NOW).unwrap();
    let mut found = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "wcmp") {
            let file = fs::read(path).unwrap();
            let mut reader = Reader::open(&file[..], 1 << 20).unwrap();
            while let Some(event) = reader.next().unwrap() {
                match event {
                    Event::Frame { envelope, .. } => {
                        assert!(bytes.iter().any(|bytes| bytes == envelope));
                        found += 1;
                    }
                    Event::End(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert_eq!(found, 50);
}
