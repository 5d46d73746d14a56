//! The hand-written reader and the postcard crate accept the same bytes, whatever is done to an envelope.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;
use wcmp_tests::checks::wire::wire;
use wcmp_wire::Envelope;
use wcmp_wire::varint::varint_len;

/// Any allowed envelope of up to 40 slots.
fn envelope() -> impl Strategy<Value = Envelope> {
    let fixed = (
        any::<u16>(),
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<u32>(),
        any::<[u8; 32]>(),
    );
    let strings = (
        vec(any::<u8>(), 16..300),
        any::<[u8; 16]>(),
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 1..200),
    );
    let slots = (
        btree_set(any::<[u8; 16]>(), 1..40),
        1..60_usize,
        any::<u8>(),
    );
    (fixed, strings, slots).prop_map(|(fixed, strings, (hints, slot_len, fill))| Envelope {
        suite: fixed.0,
        sender_nonce: fixed.1,
        sender_hint: fixed.2,
        expires: fixed.3,
        commitment: fixed.4,
        payload: strings.0,
        recipient_nonce: strings.1,
        encapsulation: strings.2,
        sealed_keys: vec![fill; slot_len * hints.len()],
        hints: hints.into_iter().collect(),
        signature: strings.3,
    })
}

/// Offset and length of the five varints of the encoding.
fn varints(envelope: &Envelope) -> [(usize, usize); 5] {
    let mut at = 71;
    [
        (envelope.payload.len(), 16),
        (envelope.encapsulation.len(), 0),
        (envelope.hints.len() * 16, 0),
        (envelope.sealed_keys.len(), 0),
        (envelope.signature.len(), 0),
    ]
    .map(|(len, fixed_behind)| {
        let varint = (at, varint_len(u32::try_from(len).unwrap()));
        at += varint.1 + len + fixed_behind;
        varint
    })
}

#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Truncate(Index),
    Insert(Index, Vec<u8>),
    Remove(Index),
    Extend(Vec<u8>),
}

impl Edit {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<Index>(), 1..=u8::MAX).prop_map(|(at, mask)| Self::Flip(at, mask)),
            any::<Index>().prop_map(Self::Truncate),
            (any::<Index>(), vec(any::<u8>(), 1..20))
                .prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            any::<Index>().prop_map(Self::Remove),
            vec(any::<u8>(), 1..20).prop_map(Self::Extend),
        ]
    }

    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let len = bytes.len();
        match self {
            Self::Flip(at, mask) => bytes[at.index(len)] ^= mask,
            Self::Truncate(at) => bytes.truncate(at.index(len)),
            Self::Insert(at, new) => {
                let at = at.index(len);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at) => {
                bytes.remove(at.index(len));
            }
            Self::Extend(new) => bytes.extend(new),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn valid_envelopes(envelope in envelope()) {
        let bytes = envelope.encode().unwrap();
        prop_assert_eq!(wcmp_wire::EnvelopeRef::parse(&bytes).unwrap().to_owned(), envelope);
        wire(&bytes);
    }

    #[test]
    fn edited_envelopes(envelope in envelope(), edits in vec(Edit::any(), 1..4)) {
        let mut bytes = envelope.encode().unwrap();
        for edit in &edits {
            edit.apply(&mut bytes);
            wire(&bytes);
        }
    }

    #[test]
    fn lengths_in_other_varints(envelope in envelope(), which in 0..5_usize, padding in 0..10_usize, value in any::<u64>()) {
        let bytes = envelope.encode().unwrap();
        let (at, len) = varints(&envelope)[which];

        // The same number, longer.
        let mut longer = bytes.clone();
        longer[at + len - 1] |= 0x80;
        longer.splice(at + len..at + len, core::iter::repeat_n(0x80, padding).chain([0]));
        wire(&longer);
        prop_assert!(wcmp_wire::EnvelopeRef::parse(&longer).is_err());

        // Another number, of up to ten bytes.
        let mut other = bytes;
        other.splice(at..at + len, postcard::to_allocvec(&(value >> (value % 64))).unwrap());
        wire(&other);
    }

    #[test]
    fn random_bytes(mut bytes in vec(any::<u8>(), 0..400)) {
        wire(&bytes);
        if let Some(version) = bytes.first_mut() {
            *version = 1;
        }
        wire(&bytes);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_of_one_envelope() {
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: [1; 16],
        sender_hint: [2; 16],
        expires: 3,
        commitment: [4; 32],
        payload: vec![5; 130],
        recipient_nonce: [6; 16],
        encapsulation: vec![7; 32],
        hints: [8, 9, 10, 11].map(|hint| [hint; 16]).into(),
        sealed_keys: vec![12; 4 * 48],
        signature: vec![13; 64],
    };
    let mut bytes = envelope.encode().unwrap();
    for at in 0..bytes.len() {
        wire(&bytes[..at]);
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            wire(&bytes);
            bytes[at] ^= 1 << bit;
        }
    }
    wire(&bytes);
}
