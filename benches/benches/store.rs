//! The segment store and the engines one would else put under a relay, on the same envelopes in one run.
//!
//! `cargo bench -p wcmp-benches --bench store`: a million envelopes of 1 KiB that expire on thirty days, which takes
//! 6 GB and many minutes; `WCMP_COUNT` sets another number. The folder is made in `TMPDIR`, which has to be on a real
//! disk.
//!
//! Every engine gets the layout that serves it best: the key is the expiry day, then the id, so that a day is one
//! range. Only ours and SQLite look whether they have an envelope before they write it. Engines take in one after the
//! other, each with nothing else open, as one of them goes on working when a batch is durable; lookups take turns.
//! Beside the time stands that of the processor, of all threads: it changes less under load. Intake is also measured
//! through a node, with policy, holds and state, as an import does it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench stops at the first surprise"
)]

#[path = "store/engines.rs"]
mod engines;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, hint};

use engines::{Engine, Fjall, Key, Ours, Redb, Sqlite, key};
use rustix::time::{ClockId, clock_gettime};
use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Policy, Visit};
use wcmp_relay::store::{Folder, Incoming, Options, Quota, SegmentStore, Store as _, StoreError};
use wcmp_wire::{Envelope, EnvelopeRef, sha256};

const NOW: u32 = 480_000;
const DAYS: u64 = 30;
const BATCH: usize = 10_000;

fn noise(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// An envelope of 1 KiB with four slots.
fn envelope(number: u64) -> Vec<u8> {
    let mut noise = noise(number);
    let expires = NOW + (noise.next().unwrap() % (24 * DAYS)) as u32;
    let mut bytes = noise.flat_map(u64::to_be_bytes);
    let mut take = |n| bytes.by_ref().take(n).collect::<Vec<u8>>();
    let mut hints: Vec<[u8; 16]> = (0..4).map(|_| take(16).try_into().unwrap()).collect();
    hints.sort_unstable();
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: take(16).try_into().unwrap(),
        sender_hint: take(16).try_into().unwrap(),
        expires,
        commitment: take(32).try_into().unwrap(),
        payload: take(580),
        recipient_nonce: take(16).try_into().unwrap(),
        encapsulation: take(32),
        hints,
        sealed_keys: take(4 * 48),
        signature: take(64),
    };
    envelope.encode().unwrap()
}

fn incoming(envelope: &[u8]) -> Incoming<'_> {
    Incoming::new(EnvelopeRef::parse(envelope).unwrap(), Stamp::NONE)
}

/// Time by the clock, and of the processor.
#[derive(Clone, Copy, Default)]
struct Spent {
    wall: f64,
    cpu: f64,
}

fn time<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let cpu = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap();
    let (start, cpu_start) = (Instant::now(), cpu());
    let result = work();
    let wall = start.elapsed().as_secs_f64();
    let cpu = (cpu() - cpu_start).as_secs_f64();
    (result, Spent { wall, cpu })
}

fn median(mut all: Vec<Spent>) -> Spent {
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    all[all.len() / 2]
}

/// Bytes of the files in a folder and below, by the end of their names.
fn bytes(folder: &Path, kind: &str) -> f64 {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = entries.map(|entry| {
        let path = entry.path();
        match entry.metadata().unwrap() {
            of if of.is_dir() => bytes(&path, kind),
            of if path.to_string_lossy().ends_with(kind) => of.len() as f64,
            _ => 0.0,
        }
    });
    bytes.sum()
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISSED" }
}

const NAMES: [&str; 4] = ["wcmp-relay", "SQLite", "redb", "fjall"];

/// Prints rates, or times, of all engines; the first is ours, and `gate` how many times the best of the others it
/// has to be.
fn compare(
    what: &str,
    unit: &str,
    figures: [f64; 4],
    cpu: [f64; 4],
    more_is_better: bool,
    gate: f64,
) {
    println!("\n{what}");
    let others = figures[1..].iter().copied();
    let best = if more_is_better {
        others.fold(0.0, f64::max)
    } else {
        others.fold(f64::INFINITY, f64::min)
    };
    for (i, name) in NAMES.iter().enumerate() {
        let ratio = figures[i] / best;
        print!(
            "  {name:<12} {:>14.3} {unit:<5} {ratio:>8.3} x the best other   processor {:>9.2} s",
            figures[i], cpu[i]
        );
        match i {
            0 if more_is_better => println!("   gate >= {gate}: {}", verdict(ratio >= gate)),
            0 => println!("   gate <= {gate}: {}", verdict(ratio <= gate)),
            _ => println!(),
        }
    }
}

fn main() {
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    let count: u64 = env::var("WCMP_COUNT").map_or(1_000_000, |n| n.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let paths: [PathBuf; 4] = NAMES.map(|name| home.path().join(name));
    for path in &paths {
        fs::create_dir(path).unwrap();
    }
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{count} envelopes; load {}", load.trim());

    let open = |i: usize| -> Box<dyn Engine> {
        match i {
            0 => Box::new(Ours::open(&paths[0])),
            1 => Box::new(Sqlite::open(&paths[1])),
            2 => Box::new(Redb::open(&paths[2])),
            _ => Box::new(Fjall::open(&paths[3])),
        }
    };

    let mut keys = Vec::new();
    let mut raw = 0;
    let intake = [0, 1, 2, 3].map(|i| {
        let mut engine = open(i);
        let mut sum = Spent::default();
        let numbers: Vec<u64> = (0..count).collect();
        for batch in numbers.chunks(BATCH) {
            let batch: Vec<Vec<u8>> = batch.iter().map(|number| envelope(*number)).collect();
            let batch: Vec<Incoming<'_>> = batch.iter().map(|bytes| incoming(bytes)).collect();
            if i == 0 {
                let key = |one: &Incoming<'_>| key(one.envelope().expires() / 24, &one.id());
                keys.extend(batch.iter().map(key));
                raw += batch.iter().map(|one| u64::from(one.size())).sum::<u64>();
            }
            let ((), spent) = time(|| engine.insert(&batch));
            sum.wall += spent.wall;
            sum.cpu += spent.cpu;
        }
        sum
    });
    compare(
        "durable intake in batches of 10 000",
        "/s",
        intake.map(|spent| count as f64 / spent.wall),
        intake.map(|spent| spent.cpu),
        true,
        3.0,
    );

    through_a_node(home.path(), count, intake.map(|spent| spent.wall));

    let mut engines = Vec::from([0, 1, 2, 3].map(open));

    // Half are known, in no order.
    let mut random = noise(count);
    let mut asked = || -> Vec<Key> {
        let ask = |i: u64| {
            let number = random.next().unwrap();
            let mut key = keys[(number % count) as usize];
            if i.is_multiple_of(2) {
                key[4..].copy_from_slice(&sha256(&[&number.to_be_bytes()]));
            }
            key
        };
        (0..100_000).map(ask).collect()
    };
    let mut lookups: [Vec<Spent>; 4] = Default::default();
    for turn in 0..8 {
        let asked = asked();
        for i in 0..engines.len() {
            let (known, spent) = time(|| hint::black_box(engines[i].known(&asked)));
            assert_eq!(known, asked.len() / 2);
            // The first one is for caches.
            if turn > 0 {
                lookups[i].push(spent);
            }
        }
    }
    let lookups = lookups.map(median);
    compare(
        "lookups, half of them known",
        "/s",
        lookups.map(|spent| 100_000.0 / spent.wall),
        lookups.map(|spent| spent.cpu),
        true,
        3.0,
    );

    println!("\nspace, times the bytes of the envelopes");
    let share = |path: &Path, kind| bytes(path, kind) / raw as f64;
    let without = share(&paths[0], ".wcmp") + share(&paths[0], ".idx");
    let column = share(&paths[0], ".scan");
    println!(
        "  {:<12} {without:.3}   gate <= 1.1 for segments and index, without the scan column: {}",
        NAMES[0],
        verdict(without <= 1.1)
    );
    println!(
        "  {:<12} {:.3}   with the scan column, which is {column:.3}; no gate",
        "",
        without + column
    );
    for (name, path) in NAMES.iter().zip(&paths).skip(1) {
        println!("  {name:<12} {:.3}", share(path, ""));
    }

    let first = NOW / 24;
    let mut expiry = [Spent::default(); 4];
    for (i, engine) in engines.iter_mut().enumerate() {
        ((), expiry[i]) = time(|| engine.expire(first + DAYS as u32 / 10));
    }
    let left: Vec<u64> = engines.iter_mut().map(|engine| engine.count()).collect();
    assert!(left.iter().all(|count| *count == left[0]));
    compare(
        &format!("expiry of {} envelopes, synced", count - left[0]),
        "s",
        expiry.map(|spent| spent.wall),
        expiry.map(|spent| spent.cpu),
        false,
        0.1,
    );
    // The others free no space of the file system.
    let ((), spent) = time(|| drop(engines.remove(0)));
    println!(
        "  {:<12} {:>14.3} s more until its space is free",
        NAMES[0], spent.wall
    );
    drop(engines);
    for path in &paths[1..] {
        fs::remove_dir_all(path).unwrap();
    }

    opening(&paths[0], left[0]);
    full_disk(home.path());
}

/// Intake as an import does it: any bytes, judged by a policy, held, and stored.
fn through_a_node(home: &Path, count: u64, intake: [f64; 4]) {
    let path = home.join("node");
    let folder = Folder::new(&path).unwrap();
    let store = SegmentStore::open(folder, Options::default(), &[3; 32]).unwrap();
    let mut policy = Policy::default();
    policy.quota = Quota::NONE;
    let mut node = Node::open(store, policy, NOW, &[4; 32]).unwrap();
    let mut sum = Spent::default();
    let numbers: Vec<u64> = (0..count).collect();
    for batch in numbers.chunks(BATCH) {
        let batch: Vec<Vec<u8>> = batch.iter().map(|number| envelope(*number)).collect();
        let batch: Vec<_> = batch.iter().map(|b| (Stamp::NONE, &b[..])).collect();
        let mut visit = Visit::new(node.policy());
        let ((), spent) = time(|| node.take_in(&mut visit, &batch).unwrap());
        assert_eq!(visit.tally.kept, batch.len() as u64);
        sum.wall += spent.wall;
        sum.cpu += spent.cpu;
    }
    let best = intake[1..].iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "  {:<12} {:>14.3} /s    {:>8.3} x the best other   processor {:>9.2} s   parses, hashes, judges and holds too",
        "through node",
        count as f64 / sum.wall,
        best / sum.wall,
        sum.cpu
    );
    drop(node);
    fs::remove_dir_all(path).unwrap();
}

/// Fills a small file system to the last byte, and expires a third of it there.
fn full_disk(home: &Path) {
    println!("\nexpiry on a full disk");
    let path = home.join("full");
    fs::create_dir(&path).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
        .arg(&path)
        .output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        println!("  nothing can be mounted here; the tests have a simulated one");
        return;
    }
    let mut ours = Ours::open(&path);
    'full: for first in (0..).step_by(1000) {
        let batch: Vec<Vec<u8>> = (first..first + 1000).map(envelope).collect();
        // Smaller and smaller, until not one more fits.
        for size in [1000, 100, 10, 1] {
            for batch in batch.chunks(size) {
                let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes)).collect();
                if let Err(error) = ours.0.insert(&batch, NOW) {
                    assert!(matches!(error, StoreError::Full), "{error}");
                    if size == 1 {
                        break 'full;
                    }
                    break;
                }
            }
        }
    }
    let free = || rustix::fs::statvfs(&path).unwrap().f_bavail * 4096;
    let (full, before) = (ours.count(), free());
    let (gone, spent) = time(|| ours.0.expire(NOW + 24 * DAYS as u32 / 3));
    let gone = gone.unwrap().envelopes;
    assert_eq!(ours.count(), full - gone);
    // All of it, once nothing goes on any more.
    drop(ours);
    let freed = free() - before;
    println!(
        "  {before} bytes free, {full} envelopes; {gone} gone in {:.4} s, {freed} bytes freed: {}",
        spent.wall,
        verdict(gone > 0 && freed > gone * 1000)
    );
    let _ = Command::new("umount").arg(&path).status();
}

/// Open with and without index files. The gates are for a million.
fn opening(path: &Path, count: u64) {
    println!("\nopening {count} envelopes, scaled to a million; medians of 5");
    let million = 1e6 / count as f64;
    let open = || {
        let (store, spent) = time(|| Ours::open(path));
        assert_eq!(store.0.totals().envelopes, count);
        spent
    };
    let print = |what: &str, spent: Spent, gate: f64| {
        let wall = spent.wall * million;
        let cpu = spent.cpu * million;
        println!(
            "  {what:<20} {wall:>7.3} s   processor {cpu:>7.3} s   gate <= {gate} s: {}",
            verdict(wall <= gate)
        );
    };
    print(
        "with index files",
        median((0..5).map(|_| open()).collect()),
        0.3,
    );

    let mut store = None;
    let memory = allocation_counter::measure(|| store = Some(Ours::open(path)));
    drop(store);
    let each = memory.bytes_current as f64 / count as f64;
    println!(
        "  memory of an envelope {each:.1} B   gate <= 40: {}",
        verdict(each <= 40.0)
    );

    let rebuild = |_| {
        for file in fs::read_dir(path).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|kind| kind != "wcmp") {
                fs::remove_file(path).unwrap();
            }
        }
        open()
    };
    print(
        "from segments alone",
        median((0..5).map(rebuild).collect()),
        3.0,
    );
}
