//! Finding the difference of two large sets: our exchange, and crate negentropy on the same sets.
//!
//! Bytes, symbols and round trips repeat exactly, so each case is run once; only the seconds vary. A session streams
//! its symbols, so its trips depend on the link and are not counted. Both sides run in this
//! process, one after the other: the seconds are those of both together, with the sets built in memory before. Half of the
//! differences are on either side, scattered over 30 days of expiry. `WCMP_BENCH_IDS` is the size of the sets (1 000 000).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

use std::convert::Infallible;
use std::env;
use std::ops::ControlFlow;
use std::time::Instant;

use negentropy::{Negentropy, NegentropyStorageVector};
use wcmp::relay::bundle::Stamp;
use wcmp::relay::exchange::riblt::{Decoder, Keys, Sketch};
use wcmp::relay::exchange::{Limits, Offer, Session, Shelf};
use wcmp::wire::{Id, sha256};

const HOUR: u32 = 494_000;

/// Ids and hours of expiry; nothing is handed over, so that what is counted is what finding the difference costs.
struct Ids(Vec<(Id, u32)>);

impl Shelf for Ids {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        for (id, expires) in &self.0 {
            each(Offer {
                id: *id,
                expires: *expires,
                len: 1000,
            });
        }
        Ok(())
    }

    fn fetch(&mut self, _: &Id, _: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        Ok(())
    }

    fn take(&mut self, _: Stamp<'_>, _: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        Ok(ControlFlow::Continue(()))
    }
}

fn ids(range: std::ops::Range<u32>) -> Vec<(Id, u32)> {
    let id = |n: u32| (Id(sha256(&[&n.to_be_bytes()])), HOUR + 1 + n % 720);
    range.map(id).collect()
}

/// Two sets of `size` ids or a few less, and so many differences.
fn sets(size: u32, differences: u32) -> (Ids, Ids) {
    let mut left = ids(0..size - differences);
    let mut right = left.clone();
    left.extend(ids(size..size + differences / 2));
    right.extend(ids(2 * size..2 * size + differences.div_ceil(2)));
    (Ids(left), Ids(right))
}

fn main() {
    let size: u32 = env::var("WCMP_BENCH_IDS").map_or(1_000_000, |ids| ids.parse().unwrap());
    println!("\nfinding d differences between two sets of {size} ids");
    println!(
        "{:>8} {:<22} {:>12} {:>9} {:>9} {:>7} {:>9}",
        "d", "", "bytes", "bytes/d", "symbols/d", "trips", "seconds"
    );
    let mut verdicts = Vec::new();
    for d in [1, 10, 100, 1000, 10_000] {
        if d > size / 2 {
            break;
        }
        let (mut left, mut right) = sets(size, d);
        symbols(&left, &right, d);
        let ours = session(&mut left, &mut right, d);
        let peer = negentropy(&left, &right, d);
        if d >= 1000 {
            verdicts.push((d, ours, peer));
        }
    }
    println!();
    for (d, (bytes, symbols), (peer, _)) in verdicts {
        verdict(d, "bytes of a session for each differing id", bytes, 60.0);
        verdict(d, "symbols for each difference", symbols, 1.45);
        println!(
            "d = {d}: negentropy takes {:.1} times the bytes",
            peer / bytes
        );
    }
}

fn verdict(d: u32, what: &str, is: f64, most: f64) {
    let kept = if is <= most { "kept" } else { "MISSED" };
    println!("d = {d}: {what}: {is:.2}, at most {most}: {kept}");
}

/// Prints it, and returns bytes and symbols for each difference.
fn row(
    d: u32,
    name: &str,
    bytes: u64,
    per_symbols: Option<f64>,
    trips: &str,
    start: Instant,
) -> (f64, f64) {
    let per = bytes as f64 / f64::from(d);
    let symbols = per_symbols.map_or(String::new(), |symbols| format!("{symbols:.3}"));
    let seconds = start.elapsed().as_secs_f64();
    println!("{d:>8} {name:<22} {bytes:>12} {per:>9.1} {symbols:>9} {trips:>7} {seconds:>9.3}");
    (per, per_symbols.unwrap_or(0.0))
}

/// The symbols alone.
fn symbols(left: &Ids, right: &Ids, d: u32) {
    let start = Instant::now();
    let keys = Keys::new(&sha256(&[b"bench", &d.to_be_bytes()]));
    let shorts = |set: &Ids| set.0.iter().map(|(id, _)| keys.short(id)).collect();
    let mut theirs = Sketch::new(keys, shorts(left));
    let mut decoder = Decoder::new(Sketch::new(keys, shorts(right)));
    while !decoder.push(theirs.next_symbol().unwrap()).unwrap() {}
    let symbols = decoder.symbols();
    let found = decoder.finish().unwrap();
    assert_eq!(found.ours.len() + found.theirs.len(), d as usize);
    row(
        d,
        "symbols",
        u64::try_from(24 * symbols).unwrap(),
        Some(symbols as f64 / f64::from(d)),
        "",
        start,
    );
}

/// A whole session, but for the envelopes.
fn session(left: &mut Ids, right: &mut Ids, d: u32) -> (f64, f64) {
    let start = Instant::now();
    let limits = Limits::default();
    let nonce = sha256(&[b"nonce", &d.to_be_bytes()]);
    let (one, other) = nonce.split_at(16);
    let mut a = Session::new(one.try_into().unwrap(), limits, HOUR);
    let mut b = Session::new(other.try_into().unwrap(), limits, HOUR);
    let mut wire = Vec::new();
    while !(a.is_done() && b.is_done()) {
        a.transmit(&mut wire, left).unwrap();
        b.receive(&wire, right).unwrap();
        wire.clear();
        b.transmit(&mut wire, right).unwrap();
        a.receive(&wire, left).unwrap();
        wire.clear();
    }
    let report = a.report();
    // Whoever found the difference says what it wants of it.
    let wanted = report.wanted + b.report().wanted;
    assert!(wanted == u64::from(d / 2) || wanted == u64::from(d.div_ceil(2)));
    let symbols = report.symbols as f64 / f64::from(d);
    row(
        d,
        "session",
        report.bytes_in + report.bytes_out,
        Some(symbols),
        "",
        start,
    )
}

fn negentropy(left: &Ids, right: &Ids, d: u32) -> (f64, f64) {
    let storage = |set: &Ids| {
        let mut storage = NegentropyStorageVector::with_capacity(set.0.len());
        for (id, expires) in &set.0 {
            storage
                .insert(u64::from(*expires), negentropy::Id::from_byte_array(id.0))
                .unwrap();
        }
        storage.seal().unwrap();
        storage
    };
    let start = Instant::now();
    let (left, right) = (storage(left), storage(right));
    let mut client = Negentropy::borrowed(&left, 0).unwrap();
    let mut server = Negentropy::borrowed(&right, 0).unwrap();
    let (mut have, mut need) = (Vec::new(), Vec::new());
    let (mut bytes, mut trips) = (0, 0);
    let mut query = Some(client.initiate().unwrap());
    while let Some(message) = query {
        trips += 1;
        let answer = server.reconcile(&message).unwrap();
        bytes += u64::try_from(message.len() + answer.len()).unwrap();
        query = client
            .reconcile_with_ids(&answer, &mut have, &mut need)
            .unwrap();
    }
    assert_eq!(have.len() + need.len(), d as usize);
    row(d, "negentropy", bytes, None, &trips.to_string(), start)
}
