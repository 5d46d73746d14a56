//! The segment store does what the model does, operation by operation, whether it is opened anew in between or not.

use wcmp_relay::store::{Cursor, MemoryStore, Options, Quota, SegmentStore, Store};
use wcmp_wire::Id;

use crate::kit::{Numbers, envelope, incoming};
use crate::sim::Disk;

fn run(seed: u64) {
    let mut numbers = Numbers(seed);
    let options = Options {
        quota: if numbers.one_in(2) {
            Quota {
                envelopes: 10 + numbers.below(60),
                bytes: 3000 + numbers.below(20_000),
            }
        } else {
            Quota::NONE
        },
        segment_limit: 500 + numbers.below(8000) as u32,
    };
    let disk = Disk::new(seed);
    let mut store = SegmentStore::open(disk.mount(), options, &numbers.bytes()).unwrap();
    let mut model = MemoryStore::new(options.quota);
    let (mut reader, mut model_reader) = (Cursor::START, Cursor::START);
    let mut now = 24 * 20_000;
    let mut made: Vec<(Id, Vec<u8>)> = Vec::new();

    for _ in 0..60 {
        match numbers.below(14) {
            0..=5 => {
                let mut batch = Vec::new();
                for _ in 0..numbers.below(12) {
                    let old = numbers.below(made.len().max(1) as u64) as usize;
                    let old = made.get(old).filter(|_| numbers.one_in(4));
                    let bytes = old.map(|(_, bytes)| bytes.clone()).unwrap_or_else(|| {
                        let expires = now + numbers.below(70) as u32;
                        // Few sizes, so that many are worth the same.
                        envelope(numbers.next(), expires, 16 * numbers.below(6) as usize)
                    });
                    let nonce = numbers.one_in(3).then(|| numbers.next().to_be_bytes());
                    batch.push((bytes, nonce));
                }
                let batch: Vec<_> = batch
                    .iter()
                    .map(|(bytes, nonce)| incoming(bytes, nonce.as_ref()))
                    .collect();
                for one in &batch {
                    made.push((one.id(), one.envelope().as_bytes().to_vec()));
                }
                assert_eq!(
                    store.insert(&batch, now).unwrap(),
                    model.insert(&batch, now).unwrap()
                );
            }
            6 => {
                now += numbers.below(15) as u32;
                assert_eq!(store.expire(now).unwrap(), model.expire(now).unwrap());
            }
            7 if !made.is_empty() => {
                // Another stamp for one that may be there.
                let (_, bytes) = made[numbers.below(made.len() as u64) as usize].clone();
                let nonce = numbers.next().to_be_bytes();
                let again = [incoming(&bytes, Some(&nonce))];
                assert_eq!(
                    store.insert(&again, now).unwrap(),
                    model.insert(&again, now).unwrap()
                );
                assert!(store.check(&again[0].id()).unwrap() == model.contains(&again[0].id()));
            }
            8 | 9 => {
                let arrivals = store.arrivals(reader).unwrap();
                let expected = model.arrivals(model_reader).unwrap();
                let entries = |a: &wcmp_relay::store::Arrivals| a.entries.clone();
                assert_eq!(
                    arrivals.as_ref().map(entries),
                    expected.as_ref().map(entries)
                );
                reader = arrivals.map_or(reader, |a| a.cursor);
                model_reader = expected.map_or(model_reader, |a| a.cursor);
            }
            10 => {
                store.forget_arrivals(reader).unwrap();
                model.forget_arrivals(model_reader).unwrap();
            }
            11 => store.tidy().unwrap(),
            12 => {
                let state = numbers.bytes();
                store.set_state(&state).unwrap();
                model.set_state(&state).unwrap();
            }
            _ => {
                drop(store);
                let entropy = numbers.bytes();
                store = SegmentStore::open(disk.mount(), options, &entropy).unwrap();
            }
        }
        assert_eq!(store.totals(), model.totals());
        assert_eq!(store.days(), model.days());
        assert_eq!(store.state().unwrap(), model.state().unwrap());
        let from = now + numbers.below(30) as u32;
        let hours = from..=from + numbers.below(50) as u32;
        assert_eq!(
            store.list(hours.clone()).unwrap(),
            model.list(hours).unwrap()
        );
    }
    for (id, _) in &made {
        assert_eq!(store.contains(id), model.contains(id));
        assert_eq!(store.get(id).unwrap(), model.get(id).unwrap());
    }
    assert_eq!(store.damaged(), 0);
}

#[test]
fn the_store_does_what_the_model_does() {
    for seed in 0..1500 {
        let result = std::panic::catch_unwind(|| run(seed));
        assert!(result.is_ok(), "seed {seed}");
    }
}
