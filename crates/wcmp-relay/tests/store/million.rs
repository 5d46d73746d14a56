//! A million envelopes in a real folder. Takes 1.4 GB and minutes, so only when asked for:
//! `cargo test --release -p wcmp-relay --test store million -- --ignored --nocapture`; `WCMP_COUNT` sets another number.

use std::time::{Duration, Instant};
use std::{env, fs};

use wcmp_relay::store::{Cursor, Folder, Options, SegmentStore, Store, Taken};

use crate::kit::{envelope, incoming};

const NOW: u32 = 480_000;

fn make(number: u64) -> Vec<u8> {
    envelope(number, NOW + (number * 7 % 720) as u32, 870)
}

#[test]
#[ignore = "1.4 GB, minutes"]
fn a_million_envelopes() {
    let count: u64 = env::var("WCMP_COUNT").map_or(1_000_000, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let folder = Folder::new(folder.path()).unwrap();
        SegmentStore::open(folder, Options::default(), &[3; 32]).unwrap()
    };
    let per_second = |n: u64, time: Duration| n as f64 / time.as_secs_f64();

    let mut store = open();
    let mut intake = Duration::ZERO;
    let mut bytes = 0;
    for first in (0..count).step_by(10_000) {
        let batch: Vec<Vec<u8>> = (first..(first + 10_000).min(count)).map(make).collect();
        let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
        bytes += batch.iter().map(|one| u64::from(one.size())).sum::<u64>();
        let start = Instant::now();
        let taken = store.insert(&batch, NOW).unwrap();
        intake += start.elapsed();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
    }
    println!("intake: {:.0} envelopes/s", per_second(count, intake));
    drop(store);

    let start = Instant::now();
    let mut store = open();
    println!("open: {:.3} s", start.elapsed().as_secs_f64());
    assert_eq!(store.totals().envelopes, count);

    let some: Vec<_> = (0..10_000)
        .map(|i| incoming(&make(i * (count / 10_000)), None).id())
        .collect();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(some.iter().all(|id| store.contains(id)));
    }
    println!("lookups: {:.0}/s", per_second(1_000_000, start.elapsed()));

    let start = Instant::now();
    let mut seen = 0;
    store
        .scan(Cursor::START, |columns| seen += columns.len() as u64)
        .unwrap();
    assert_eq!(seen, count);
    println!(
        "column: {:.0} envelopes/s",
        per_second(count, start.elapsed())
    );

    let start = Instant::now();
    let (mut after, mut listed) = (None, 0);
    loop {
        let page = store.list(0..=u32::MAX, after.as_ref(), 65_536).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed += page.len() as u64;
    }
    assert_eq!(listed, count);
    println!("list: {:.3} s", start.elapsed().as_secs_f64());

    let mut size = [0; 3];
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let kinds = ["wcmp", "idx", "scan"];
        let path = file.path();
        let kind = kinds
            .iter()
            .position(|kind| path.extension().is_some_and(|of| of == *kind));
        kind.inspect(|kind| size[*kind] += file.metadata().unwrap().len());
    }
    let shares = size.map(|size| size as f64 / bytes as f64);
    println!(
        "space: segments {:.3}, index {:.3}, column {:.3}",
        shares[0], shares[1], shares[2]
    );

    let start = Instant::now();
    let gone = store.expire(NOW + 72).unwrap();
    println!(
        "expiry of {}: {:.4} s",
        gone.envelopes,
        start.elapsed().as_secs_f64()
    );

    drop(store);
    for file in fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "wcmp") {
            fs::remove_file(path).unwrap();
        }
    }
    let start = Instant::now();
    let store = open();
    println!("rebuild: {:.3} s", start.elapsed().as_secs_f64());
    assert_eq!(store.totals().envelopes, count - gone.envelopes);
}
