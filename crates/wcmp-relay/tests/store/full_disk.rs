//! A full disk: intake says so, nothing is lost, and expiry makes room.

use wcmp_relay::store::{Options, Quota, SegmentStore, Store, StoreError};

use crate::kit::{Numbers, envelope, incoming};
use crate::sim::Disk;

#[test]
fn intake_says_so_and_expiry_still_works() {
    for seed in 0..100 {
        let mut numbers = Numbers(seed);
        let disk = Disk::new(seed);
        let capacity = 20_000 + numbers.below(20_000) as usize;
        disk.set_capacity(Some(capacity));
        let options = Options::default();
        let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
        let mut now = 480_000;
        let mut kept = Vec::new();
        for round in 0..4 {
            let mut full = 0;
            while full < 3 {
                let batch: Vec<Vec<u8>> = (0..5)
                    .map(|_| envelope(numbers.next(), now + numbers.below(72) as u32, 150))
                    .collect();
                let batch: Vec<_> = batch.iter().map(|bytes| incoming(bytes, None)).collect();
                match store.insert(&batch, now) {
                    Ok(_) => {
                        let new = batch.iter().map(|one| (one.id(), one.envelope().expires()));
                        kept.extend(new);
                    }
                    Err(StoreError::Full) => full += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            if round % 2 == 1 {
                // On a full disk, it is opened as on any other.
                drop(store);
                store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
            }
            for (id, _) in &kept {
                assert!(store.get(id).unwrap().is_some(), "seed {seed}: lost {id}");
            }
            let listed = store.list(0..=u32::MAX).unwrap();
            assert!(listed.len() >= kept.len());
            // No byte is free, and still it expires.
            disk.set_capacity(Some(0));
            now += 24;
            assert!(store.expire(now).unwrap().envelopes > 0);
            disk.set_capacity(Some(capacity));
            kept.retain(|(_, expires)| expires / 24 >= now / 24);
        }
        assert!(!kept.is_empty());
    }
}

/// Marks of what was evicted do not fill the disk, however long the store is open.
#[test]
fn marks_do_not_grow_without_bound() {
    let disk = Disk::new(1);
    let options = Options {
        quota: Quota {
            envelopes: 20,
            bytes: u64::MAX,
        },
        ..Options::default()
    };
    let mut store = SegmentStore::open(disk.mount(), options, &[7; 32]).unwrap();
    let mut most = 0;
    for number in 0..5000 {
        // Each is a little less of a burden than all before, so one of those goes.
        let expires = 480_719 - (number / 7) as u32;
        let bytes = envelope(3 * number, expires, 30 - (number % 7) as usize);
        store.insert(&[incoming(&bytes, None)], 480_000).unwrap();
        let marks = disk.files().into_iter().find(|(name, _)| name == "marks");
        most = most.max(marks.map_or(0, |(_, len)| len));
    }
    assert!((10_000..40_000).contains(&most), "{most}");
    let listed = store.list(0..=u32::MAX).unwrap();
    drop(store);
    let mut store = SegmentStore::open(disk.mount(), options, &[8; 32]).unwrap();
    assert_eq!(store.list(0..=u32::MAX).unwrap(), listed);
}
