//! The scan column says of every envelope what the envelope says.

use std::collections::BTreeMap;

use wcmp_relay::store::{Columns, Cursor, Options, SegmentStore, Store};
use wcmp_wire::{Envelope, EnvelopeRef, Id, sha256};

use crate::kit::{Numbers, incoming};
use crate::sim::{Disk, SimFs};

const NOW: u32 = 480_000;

/// An envelope of which every field is random.
fn random(numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = |n: u64| -> Vec<u8> { (0..n).map(|_| numbers.next() as u8).collect() };
    let [nonce, hint, recipient] = [0; 3].map(|_| bytes(16).try_into().unwrap());
    let commitment = bytes(32).try_into().unwrap();
    let slots = 1 + numbers.below(9);
    let mut bytes = |n: u64| -> Vec<u8> { (0..n).map(|_| numbers.next() as u8).collect() };
    let mut hints: Vec<[u8; 16]> = (0..slots).map(|_| bytes(16).try_into().unwrap()).collect();
    hints.sort_unstable();
    let lens = [bytes(1)[0], bytes(1)[0], bytes(1)[0], bytes(1)[0]].map(u64::from);
    let envelope = Envelope {
        suite: u16::from_be_bytes(bytes(2).try_into().unwrap()),
        sender_nonce: nonce,
        sender_hint: hint,
        expires: NOW + u32::from(bytes(1)[0]),
        commitment,
        payload: bytes(16 + lens[0]),
        recipient_nonce: recipient,
        encapsulation: bytes(lens[1]),
        hints,
        sealed_keys: bytes(slots * (1 + lens[2])),
        signature: bytes(1 + lens[3]),
    };
    envelope.encode().unwrap()
}

/// Compares each envelope of some columns with what the store says it is, and notes which ones these are.
fn compare(
    columns: &[(Vec<Row>, Vec<wcmp_relay::store::Place>)],
    store: &mut SegmentStore<SimFs>,
) -> BTreeMap<Id, usize> {
    let mut seen = BTreeMap::new();
    for (rows, places) in columns {
        for (row, place) in rows.iter().zip(places) {
            let id = store.id(*place).unwrap().unwrap();
            *seen.entry(id).or_default() += 1;
            let stored = store.get(&id).unwrap().unwrap();
            let envelope = EnvelopeRef::parse(&stored.envelope).unwrap();
            let expected = Row {
                suite: envelope.suite(),
                expires: envelope.expires(),
                recipient_nonce: *envelope.recipient_nonce(),
                body: envelope.body(sha256).0,
                hints: envelope.hints().to_vec(),
                encapsulation: envelope.encapsulation().to_vec(),
            };
            assert_eq!(*row, expected);
        }
    }
    seen
}

#[derive(PartialEq, Debug)]
struct Row {
    suite: u16,
    expires: u32,
    recipient_nonce: [u8; 16],
    body: [u8; 32],
    hints: Vec<[u8; 16]>,
    encapsulation: Vec<u8>,
}

fn rows(columns: &Columns<'_>) -> (Vec<Row>, Vec<wcmp_relay::store::Place>) {
    let mut hints = columns.hints().iter().copied();
    let all = (0..columns.len()).map(|i| Row {
        suite: columns.suite(i).unwrap(),
        expires: columns.expires(i).unwrap(),
        recipient_nonce: columns.recipient_nonces()[i],
        body: columns.bodies()[i],
        hints: hints
            .by_ref()
            .take(columns.slots(i).unwrap().into())
            .collect(),
        encapsulation: columns.encapsulation(i).unwrap().to_vec(),
    });
    let all = all.collect();
    assert_eq!(hints.next(), None);
    let places = (0..columns.len()).map(|i| columns.place(i).unwrap());
    (all, places.collect())
}

#[test]
fn a_column_says_what_its_envelopes_say() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let disk = Disk::new(seed);
        let options = Options {
            segment_limit: 4000 + numbers.below(40_000) as u32,
            ..Options::default()
        };
        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        let (mut cursor, mut since) = (Cursor::START, BTreeMap::new());
        let mut all = 0;
        for _ in 0..4 {
            let batch: Vec<Vec<u8>> = (0..numbers.below(60))
                .map(|_| random(&mut numbers))
                .collect();
            let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
            store.insert(&batch, NOW).unwrap();
            all += batch.len();
            // What came since shows once.
            let mut columns = Vec::new();
            cursor = store
                .scan(cursor, |shown| columns.push(rows(shown)))
                .unwrap();
            since.extend(compare(&columns, &mut store));
        }
        assert_eq!(since.len(), all);
        // As written, rebuilt from the segments, and written anew.
        for round in 0..3 {
            let mut columns = Vec::new();
            store
                .scan(Cursor::START, |shown| columns.push(rows(shown)))
                .unwrap();
            let seen = compare(&columns, &mut store);
            assert_eq!(seen.len(), all);
            assert!(seen.values().all(|times| *times == 1));
            if round == 0 {
                drop(store);
                let columns = disk
                    .files()
                    .into_iter()
                    .filter(|(name, _)| name.ends_with(".scan"));
                for (name, _) in columns.collect::<Vec<_>>() {
                    disk.remove(&name);
                }
                store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
            } else {
                store.forget_arrivals(cursor).unwrap();
                store.tidy().unwrap();
            }
        }
    }
}
