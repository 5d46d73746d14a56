//! A million envelopes in a real folder: all of them are there, known, and take little memory; a day goes.
//!
//! They are as small as envelopes are, 230 MB in all, so that the hashes of their bytes do not take a minute.

use std::collections::BTreeSet;

use wcmp_relay::store::{Cursor, Folder, Incoming, Options, SegmentStore, Store, Taken};
use wcmp_wire::Id;

use crate::kit::{envelope, incoming};

const NOW: u32 = 480_000;
const COUNT: u64 = 1_000_000;
const BATCH: u64 = 50_000;
const DAYS: u64 = 30;

/// Envelopes of some numbers.
fn batch(first: u64) -> Vec<Vec<u8>> {
    let numbers = first..first + BATCH;
    let expires = |number: u64| NOW + (number * 7 % (24 * DAYS)) as u32;
    numbers
        .map(|number| envelope(number, expires(number), 16))
        .collect()
}

#[test]
fn a_million_envelopes() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let folder = Folder::new(folder.path()).unwrap();
        SegmentStore::open(folder, Options::default(), &[3; 32]).unwrap()
    };

    let mut store = open();
    let mut ids: Vec<Id> = Vec::new();
    for first in (0..COUNT).step_by(BATCH as usize) {
        let batch = batch(first);
        let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
        let taken = store.insert(&batch, NOW).unwrap();
        assert!(taken.iter().all(|taken| *taken == Taken::New));
        ids.extend(batch.iter().map(Incoming::id));
    }
    ids.sort_unstable();
    drop(store);

    // All that stays allocated when it is open.
    let mut store = None;
    let memory = allocation_counter::measure(|| store = Some(open()));
    let mut store = store.unwrap();
    assert!(
        memory.bytes_current <= 40 * COUNT.cast_signed(),
        "{memory:?}"
    );
    assert_eq!((store.totals().envelopes, store.damaged()), (COUNT, 0));

    let mut listed = Vec::new();
    let memory = allocation_counter::measure(|| listed = store.list(0..=u32::MAX).unwrap());
    assert!(listed.iter().map(|entry| entry.id).eq(ids.iter().copied()));
    // 48 for each, and a few MiB.
    assert!(memory.bytes_max <= 48 * COUNT + (16 << 20), "{memory:?}");

    assert!(ids.iter().all(|id| store.contains(id)));
    let again = batch(COUNT - BATCH);
    let again: Vec<_> = again.iter().map(|bytes| incoming(bytes, None)).collect();
    let taken = store.insert(&again, NOW).unwrap();
    assert!(taken.iter().all(|taken| *taken == Taken::Known));
    assert_eq!(store.totals().envelopes, COUNT);

    let mut shown = 0;
    store
        .scan(Cursor::START, |columns| shown += columns.len() as u64)
        .unwrap();
    assert_eq!(shown, COUNT);

    let gone = store.expire(NOW + 24).unwrap().envelopes;
    let over: BTreeSet<Id> = listed
        .iter()
        .filter(|entry| entry.expires < NOW + 24)
        .map(|entry| entry.id)
        .collect();
    assert_eq!(gone, over.len() as u64);
    assert!(gone > COUNT / DAYS - 1000);
    drop(store);
    let store = open();
    assert_eq!(store.totals().envelopes, COUNT - gone);
    assert!(ids.iter().all(|id| store.contains(id) != over.contains(id)));
}
