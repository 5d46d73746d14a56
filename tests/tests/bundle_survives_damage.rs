//! A bundle that was damaged in any way is read as the model reads it, and gives back every frame that is intact.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use core::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wcmp_relay::bundle::{Stamp, Writer};
use wcmp_tests::checks::bundle::{Seen, describe, judge, real};

const POLICIES: [usize; 7] = [0, 1, 10, 100, 300, 4096, usize::MAX];

/// A whole bundle of these envelopes, and where each frame is.
fn bundle(salt: [u8; 4], envelopes: &[Vec<u8>]) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, salt).unwrap();
    for envelope in envelopes {
        writer.frame(Stamp::NONE, envelope).unwrap();
    }
    writer.finish().unwrap();
    let mut at = 20;
    let mut frames = Vec::new();
    for envelope in envelopes {
        frames.push(at..at + 14 + envelope.len());
        at += 14 + envelope.len();
    }
    (file, frames)
}

/// Something that happens to a file, at a place in it.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Zeros(usize),
    Insert(Vec<u8>),
    Remove(usize),
    Double(usize),
    Marker,
    Cut,
    Append(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (0..8_u8).prop_map(Damage::Flip),
        1 => (1..2000_usize).prop_map(Damage::Zeros),
        1 => vec(any::<u8>(), 1..50).prop_map(Damage::Insert),
        1 => (1..500_usize).prop_map(Damage::Remove),
        1 => (1..2000_usize).prop_map(Damage::Double),
        1 => Just(Damage::Marker),
        1 => Just(Damage::Cut),
        1 => (any::<[u8; 4]>(), vec(vec(any::<u8>(), 0..50), 0..5))
            .prop_map(|(salt, envelopes)| Damage::Append(bundle(salt, &envelopes).0)),
    ]
}

fn apply(file: &mut Vec<u8>, at: Index, damage: &Damage) {
    if file.is_empty() {
        return;
    }
    let at = at.index(file.len());
    let upto = |n: &usize| at..file.len().min(at + n);
    match damage {
        Damage::Flip(bit) => file[at] ^= 1 << bit,
        Damage::Zeros(n) => {
            let zeroed = upto(n);
            file[zeroed].fill(0);
        }
        Damage::Insert(bytes) => drop(file.splice(at..at, bytes.iter().copied())),
        Damage::Remove(n) => drop(file.drain(upto(n))),
        Damage::Double(n) => {
            let doubled = file[upto(n)].to_vec();
            drop(file.splice(at..at, doubled));
        }
        Damage::Marker => {
            let marker: Vec<u8> = file.iter().copied().skip(20).take(4).collect();
            drop(file.splice(at..at, marker));
        }
        Damage::Cut => file.truncate(at),
        Damage::Append(bytes) => file.extend(bytes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn described_files_are_read_as_the_model_reads_them(
        description in vec(any::<u8>(), 0..200),
        policy in prop::sample::select(&POLICIES),
        at_once in 1..5000_usize,
    ) {
        judge(&describe(&description), policy, at_once);
    }

    #[test]
    fn every_frame_that_is_still_there_is_returned(
        salt in any::<[u8; 4]>(),
        envelopes in vec(vec(any::<u8>(), 0..600), 1..20),
        damages in vec((any::<Index>(), damage()), 0..6),
        policy in prop::sample::select(&POLICIES),
        at_once in 1..5000_usize,
    ) {
        let (whole, frames) = bundle(salt, &envelopes);
        let mut file = whole.clone();
        for (at, damage) in &damages {
            apply(&mut file, *at, damage);
        }
        judge(&file, policy, at_once);

        let Some(seen) = real(&file, usize::MAX, at_once) else {
            // Refused: neither the header nor a first frame is there.
            prop_assert_ne!(file.get(..20), whole.get(..20));
            return Ok(());
        };
        for (frame, envelope) in frames.iter().zip(&envelopes) {
            let bytes = &whole[frame.clone()];
            let places = file.windows(bytes.len()).enumerate().skip(20).filter(|(_, window)| *window == bytes);
            for (offset, _) in places {
                let returned = Seen::Frame { offset, stamp: (0, vec![]), envelope: envelope.clone() };
                prop_assert!(seen.contains(&returned), "the frame at {}", offset);
            }
        }
    }

    #[test]
    fn every_prefix_is_a_bundle(envelopes in vec(vec(any::<u8>(), 0..60), 0..8), policy in prop::sample::select(&POLICIES)) {
        let (file, frames) = bundle([9; 4], &envelopes);
        for len in 20..=file.len() {
            judge(&file[..len], policy, usize::MAX);
            let seen = real(&file[..len], usize::MAX, usize::MAX).unwrap();
            let whole = frames.iter().filter(|frame| frame.end <= len).count();
            prop_assert_eq!(seen.iter().filter(|event| matches!(event, Seen::Frame { .. })).count(), whole);
            prop_assert_eq!(seen.last() == Some(&Seen::Complete), len == file.len());
        }
        for len in 0..20 {
            prop_assert!(real(&file[..len], usize::MAX, 1).is_none());
        }
    }
}
