//! Bits rot anywhere: what is hit is reported and dropped, the rest lives, and nothing wrong is given out.

use std::collections::BTreeMap;

use wcmp_relay::store::{Options, SegmentStore, Store};

use crate::kit::{Numbers, envelope, incoming};
use crate::sim::Disk;

#[test]
fn rot_costs_what_it_hits() {
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let disk = Disk::new(seed);
        let options = Options::default();
        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        let mut made = BTreeMap::new();
        for _ in 0..3 {
            let batch: Vec<Vec<u8>> = (0..8)
                .map(|_| envelope(numbers.next(), 480_000 + numbers.below(40) as u32, 100))
                .collect();
            let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
            store.insert(&batch, 480_000).unwrap();
            for one in &batch {
                made.insert(one.id(), one.envelope().as_bytes().to_vec());
            }
        }
        drop(store);
        // One bit of one file.
        let files = disk.files();
        let files: Vec<_> = files.iter().filter(|(_, len)| *len > 0).collect();
        let (name, len) = files[numbers.below(files.len() as u64) as usize];
        let at = numbers.below(*len as u64) as usize;
        disk.damage(name, |bytes| bytes[at] ^= 1 << (at % 8));
        let hit = u64::from(name.ends_with("wcmp"));

        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        store.verify(|_| {}).unwrap();
        let mut lost = 0;
        for (id, bytes) in &made {
            match store.get(id).unwrap() {
                Some(stored) => assert_eq!(stored.envelope, *bytes),
                None => lost += 1,
            }
        }
        assert!(lost <= hit, "seed {seed}: {name} {at}");
        assert!(store.damaged() >= lost);
        let listed = store.list(0..=u32::MAX).unwrap();
        assert_eq!(listed.len() as u64, made.len() as u64 - lost);
    }
}
