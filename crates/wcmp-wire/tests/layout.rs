//! Fields stand where spec 4 puts them.

mod common;

use common::sample;
use wcmp_wire::{Envelope, EnvelopeRef, encode_prefix};

#[test]
fn fields_by_offset() {
    let envelope = sample(4);
    let bytes = envelope.encode().unwrap();
    let mut at = 0;
    let mut next = |len: usize| {
        at += len;
        &bytes[at - len..at]
    };
    assert_eq!(next(1), [1]);
    assert_eq!(next(2), [0x01, 0x01]);
    assert_eq!(next(16), [0x11; 16]);
    assert_eq!(next(16), [0x22; 16]);
    assert_eq!(next(4), [0x00, 0x07, 0x86, 0x28]);
    assert_eq!(next(32), [0x33; 32]);
    assert_eq!(next(1), [64]);
    assert_eq!(next(64), envelope.payload);
    assert_eq!(next(16), [0x44; 16]);
    assert_eq!(next(1), [32]);
    assert_eq!(next(32), envelope.encapsulation);
    assert_eq!(next(1), [64]);
    assert_eq!(next(64), envelope.hints.as_flattened());
    assert_eq!(next(2), [0xc0, 0x01]);
    assert_eq!(next(192), envelope.sealed_keys);
    assert_eq!(next(1), [64]);
    assert_eq!(next(64), envelope.signature);
    assert_eq!(at, bytes.len());
    assert_eq!(at, envelope.encoded_len());
    assert_eq!(bytes.capacity(), bytes.len());
}

#[test]
fn the_view_points_at_them() {
    let envelope = sample(4);
    let bytes = envelope.encode().unwrap();
    let view = EnvelopeRef::parse(&bytes).unwrap();
    assert_eq!(view.as_bytes(), bytes);
    assert_eq!(view.prefix(), &bytes[..39]);
    assert_eq!(view.suite(), 0x0101);
    assert_eq!(view.sender_nonce(), &[0x11; 16]);
    assert_eq!(view.sender_hint(), &[0x22; 16]);
    assert_eq!(view.expires(), 493_096);
    assert_eq!(view.commitment(), &[0x33; 32]);
    assert_eq!(view.payload(), envelope.payload);
    assert_eq!(view.recipient_nonce(), &[0x44; 16]);
    assert_eq!(view.encapsulation(), envelope.encapsulation);
    assert_eq!(view.hints(), envelope.hints);
    assert_eq!((view.slots(), view.slot_len()), (4, 48));
    assert_eq!(view.sealed_keys(), envelope.sealed_keys);
    assert_eq!(view.sealed_key(0), Some(&envelope.sealed_keys[..48]));
    assert_eq!(view.sealed_key(3), Some(&envelope.sealed_keys[144..]));
    assert_eq!(view.sealed_key(4), None);
    assert_eq!(view.sealed_key(usize::MAX), None);
    assert_eq!(view.signature(), envelope.signature);
    assert_eq!(view.to_owned(), envelope);
    assert_eq!(Envelope::from(view), envelope);
}

#[test]
fn one_prefix() {
    let envelope = sample(1);
    let bytes = envelope.encode().unwrap();
    assert_eq!(envelope.prefix(), bytes[..39]);
    assert_eq!(
        encode_prefix(0x0101, &[0x11; 16], &[0x22; 16], 0x0007_8628),
        bytes[..39]
    );
}

#[test]
fn debug_shows_sizes_only() {
    let envelope = sample(4);
    let bytes = envelope.encode().unwrap();
    let sizes = "suite: 0x0101, expires: 493096, len: 509, slots: 4, ..";
    assert_eq!(format!("{envelope:?}"), format!("Envelope {{ {sizes} }}"));
    assert_eq!(
        format!("{:?}", EnvelopeRef::parse(&bytes).unwrap()),
        format!("EnvelopeRef {{ {sizes} }}")
    );
}
