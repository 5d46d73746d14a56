//! Peak memory of a scan: the same for ten thousand envelopes and a million.

use std::path::Path;

use criterion::Criterion;
use wcmp::relay::bundle::Stamp;
use wcmp::relay::store::{
    Columns, Cursor, Folder, Incoming, Options, SegmentStore, Store as _, Taken,
};
use wcmp::wire::{Envelope, EnvelopeRef};
use wcmp::{Column, Provider, Readable, Receiver, Row, ScanCursor, Scanner};
use wcmp_benches::record;

use crate::kit::{EXPIRES, OPEN, key, numbers};

/// Rows that are looked through at once.
const BLOCK: usize = 4096;
const FEW: usize = 10_000;
const MANY: usize = 1_000_000;

/// Envelopes of four slots and the least payload: right in form, noise inside.
fn envelopes(from: usize, n: usize) -> Vec<Vec<u8>> {
    let noise = numbers(1 << 10, 5);
    let one = |number: usize| {
        let noise = |place: usize| noise.get((number + place) % noise.len()).copied().unwrap();
        let mut hints = vec![noise(1), noise(2), noise(3), noise(4)];
        hints.sort_unstable();
        let mut recipient_nonce = noise(5);
        for (to, from) in recipient_nonce.iter_mut().zip(number.to_be_bytes()) {
            *to ^= from;
        }
        let envelope = Envelope {
            suite: OPEN.id().0,
            sender_nonce: recipient_nonce,
            sender_hint: noise(6),
            expires: EXPIRES,
            commitment: [7; 32],
            payload: vec![8; wcmp::message::padded_len(1) + 16],
            recipient_nonce,
            encapsulation: vec![9; OPEN.enc_len()],
            hints,
            sealed_keys: vec![10; 4 * OPEN.slot_len()],
            signature: vec![11; 64],
        };
        envelope.encode().unwrap()
    };
    (from..from + n).map(one).collect()
}

/// Scans so many rows in blocks: read, put into a column, scanned, forgotten.
fn blocks(rows: usize, envelopes: &[Vec<u8>], scanner: &Scanner<'_>, crypto: &Provider) {
    let (mut column, mut cursor) = (Column::new(), ScanCursor::default());
    let mut done = 0;
    while done < rows {
        for envelope in envelopes.iter().take(rows - done) {
            column.push(crypto, &Readable::parse(envelope, 0).unwrap());
        }
        let rows: Vec<Row<'_>> = column.rows().collect();
        let first = done as u64;
        let scanned = scanner.scan(&rows, first, 0, &mut cursor, &mut 0, &mut |_| ());
        assert!(scanned.found.is_empty());
        done += rows.len();
        drop(rows);
        column.clear();
    }
}

/// The rows of a piece of a store's column.
fn rows<'a>(columns: &Columns<'a>) -> Option<Vec<Row<'a>>> {
    let mut hints = columns.hints();
    let row = |i: usize| {
        let (mine, rest) = hints.split_at_checked(columns.slots(i)?.into())?;
        hints = rest;
        Some(Row {
            suite: columns.suite(i)?,
            expires: columns.expires(i)?,
            recipient_nonce: columns.recipient_nonces().get(i)?,
            body: columns.bodies().get(i)?,
            encapsulation: columns.encapsulation(i)?,
            hints: mine,
        })
    };
    (0..columns.len()).map(row).collect()
}

fn fill(folder: &Path, n: usize) -> SegmentStore<Folder> {
    let folder = Folder::new(folder).unwrap();
    let mut store = SegmentStore::open(folder, Options::default(), &[3; 32]).unwrap();
    for from in (0..n).step_by(10_000) {
        let batch = envelopes(from, 10_000.min(n - from));
        let parse = |bytes: &'_ Vec<u8>| EnvelopeRef::parse(bytes).map(|_| ());
        assert!(batch.iter().all(|bytes| parse(bytes).is_ok()));
        let incoming = |bytes| Incoming::new(EnvelopeRef::parse(bytes).unwrap(), Stamp::NONE);
        let batch: Vec<Incoming<'_>> = batch.iter().map(|bytes| incoming(bytes)).collect();
        let taken = store.insert(&batch, EXPIRES - 1).unwrap();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
    }
    store
}

fn from_store(store: &mut SegmentStore<Folder>, scanner: &Scanner<'_>) -> u64 {
    let (mut cursor, mut first) = (ScanCursor::default(), 0);
    let each = |columns: &Columns<'_>| {
        let rows = rows(columns).unwrap();
        let scanned = scanner.scan(&rows, first, 0, &mut cursor, &mut 0, &mut |_| ());
        assert!(scanned.found.is_empty());
        first += rows.len() as u64;
    };
    store.scan(Cursor::START, each).unwrap();
    first
}

/// Not in turns: bytes repeat.
pub(crate) fn memory(_: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let receivers: Vec<Receiver> = (0..10).map(|_| Receiver::new(key(&crypto))).collect();
    let scanner = Scanner::new(&crypto, &receivers);
    let block = envelopes(0, BLOCK);
    let group = "peak memory of a scan for 10 keys, 4 slots";
    let show = |what: &str, rows: usize, bytes: u64| {
        let side = format!("{what}, {rows} envelopes");
        println!("  {group}: {side}: {bytes} bytes");
        record(group, &side, bytes as f64);
    };
    for rows in [FEW, MANY] {
        let memory = allocation_counter::measure(|| blocks(rows, &block, &scanner, &crypto));
        show("blocks", rows, memory.bytes_max);
        let home = tempfile::tempdir().unwrap();
        let mut store = fill(home.path(), rows);
        let mut seen = 0;
        let memory = allocation_counter::measure(|| seen = from_store(&mut store, &scanner));
        assert_eq!(seen, rows as u64);
        show("the store's column", rows, memory.bytes_max);
    }
}
