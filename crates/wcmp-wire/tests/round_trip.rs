//! What is encoded is read back; the encoder refuses what the reader would.

mod common;

use core::ops::Range;

use common::written_out;
use proptest::collection::vec;
use proptest::prelude::*;
use wcmp_wire::{Envelope, EnvelopeRef};

/// Any fields, about half of them allowed.
fn any_fields() -> impl Strategy<Value = Envelope> {
    let fixed = (
        any::<u16>(),
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<u32>(),
        any::<[u8; 32]>(),
    );
    let hints = (vec(any::<[u8; 16]>(), 0..20), prop::bool::weighted(0.9));
    let strings = (
        bytes(16..300, 0..16),
        any::<[u8; 16]>(),
        vec(any::<u8>(), 0..300),
        bytes(1..300, 0..1),
    );
    let slots = (0..60_usize, prop_oneof![8 => Just(0), 1 => 0..3_usize]);
    (fixed, hints, strings, slots).prop_map(
        |(fixed, (mut hints, sorted), strings, (slot_len, odd))| {
            if sorted {
                hints.sort_unstable();
            }
            Envelope {
                suite: fixed.0,
                sender_nonce: fixed.1,
                sender_hint: fixed.2,
                expires: fixed.3,
                commitment: fixed.4,
                payload: strings.0,
                recipient_nonce: strings.1,
                encapsulation: strings.2,
                sealed_keys: vec![0x5a; slot_len * hints.len() + odd],
                hints,
                signature: strings.3,
            }
        },
    )
}

/// Mostly of an allowed length.
fn bytes(allowed: Range<usize>, refused: Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![9 => vec(any::<u8>(), allowed), 1 => vec(any::<u8>(), refused)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn encoder_and_reader_agree(envelope in any_fields()) {
        let bytes = written_out(&envelope);
        prop_assert_eq!(envelope.encoded_len(), bytes.len());
        match EnvelopeRef::parse(&bytes) {
            Ok(view) => {
                prop_assert_eq!(view.to_owned(), envelope.clone());
                prop_assert_eq!(envelope.encode(), Ok(bytes));
            }
            Err(error) => prop_assert_eq!(envelope.encode(), Err(error)),
        }
    }

    #[test]
    fn accepted_bytes_are_the_only_ones(envelope in any_fields(), at: prop::sample::Index, new: u8) {
        let mut bytes = written_out(&envelope);
        let at = at.index(bytes.len());
        bytes[at] = new;
        if let Ok(view) = EnvelopeRef::parse(&bytes) {
            prop_assert_eq!(view.to_owned().encode(), Ok(bytes.clone()));
        }
    }
}
