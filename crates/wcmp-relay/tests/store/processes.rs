//! Real processes in a real folder: a second one is kept out, and one that is killed loses nothing it acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};
use std::{env, fs};

use wcmp_relay::store::{Cursor, Folder, Options, SegmentStore, Store, StoreError, Taken};
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
        let names: Vec<u64> = (0..200).map(|_| numbers.next()).collect();
        let batch: Vec<Vec<u8>> = names.iter().map(|n| make(*n)).collect();
        let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
        let taken = store.insert(&batch, NOW).unwrap();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
        let line: Vec<String> = names.iter().map(u64::to_string).collect();
        writeln!(out, "stored {}.", line.join(" ")).unwrap();
        out.flush().unwrap();
    }
}

fn make(number: u64) -> Vec<u8> {
    envelope(number, NOW + (number % 100) as u32, 400)
}

/// 200 processes, each killed at some moment of its work: in a folder of its own for every twenty.
#[test]
fn kill_minus_nine_loses_nothing() {
    let mut numbers = Numbers(9);
    let mut all = 0;
    for round in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let path = path.to_str().unwrap();
        let mut acknowledged: BTreeMap<Id, Vec<u8>> = BTreeMap::new();
        for kill in 0..20 {
            let seed = 100 * round + kill;
            let mut child = Command::new(env::current_exe().unwrap())
                .args(["processes::child", "--exact", "--nocapture"])
                .env(FOLDER, path)
                .env(SEED, seed.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut note = |line: String| {
                let Some((_, names)) = line.split_once("stored ") else {
                    return;
                };
                for name in names.split(' ') {
                    let bytes = make(name.parse().unwrap());
                    acknowledged.insert(incoming(&bytes, None).id(), bytes);
                }
            };
            // Mostly while it writes, sometimes while it opens.
            for _ in 0..numbers.below(4) {
                let line = lines.next().unwrap().unwrap();
                note(line.trim_end_matches('.').to_string());
            }
            std::thread::sleep(Duration::from_micros(numbers.below(15_000)));
            child.kill().unwrap();
            child.wait().unwrap();
            // A line that was cut off says nothing.
            let rest: Vec<String> = lines.map_while(Result::ok).collect();
            for line in rest {
                if let Some(line) = line.strip_suffix('.') {
                    note(line.to_string());
                }
            }

            let mut store = open(path, 10_000 + seed).unwrap();
            for (id, bytes) in &acknowledged {
                assert_eq!(store.get(id).unwrap().unwrap().envelope, *bytes);
            }
            assert_eq!(store.damaged(), 0);
            assert_eq!(store.kept_aside(), 0);
            if numbers.one_in(4) {
                store.tidy().unwrap();
            }
        }
        all += acknowledged.len();
    }
    assert!(all > 5000, "{all}");
}

/// Nothing about when an envelope came is written to disk (spec 9.2): not as the time of a file either.
#[test]
fn the_times_of_the_files_tell_nothing() {
    let then = UNIX_EPOCH + Duration::from_secs(315_619_200);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("store");
    let dated = |what: &str| {
        let files = fs::read_dir(&path)
            .unwrap()
            .map(|file| file.unwrap().path());
        for path in files.chain([path.clone()]) {
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            assert_eq!(modified, then, "{what}: {}", path.display());
        }
    };
    let mut store = open(path.to_str().unwrap(), 1).unwrap();
    for round in 0..3 {
        let batch: Vec<Vec<u8>> = (0..100).map(|n| make(1000 * round + n)).collect();
        let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
        store.insert(&batch, NOW).unwrap();
        dated("a batch");
    }
    store.set_state(b"a state").unwrap();
    dated("a state");
    let mut cursor = Cursor::START;
    while let Some(arrivals) = store.arrivals(cursor).unwrap() {
        cursor = arrivals.cursor;
    }
    store.forget_arrivals(cursor).unwrap();
    store.tidy().unwrap();
    dated("written anew");
    store.expire(NOW + 48).unwrap();
    dated("expired");
    drop(store);
    open(path.to_str().unwrap(), 2).unwrap();
    dated("opened");
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
