//! Writing in place gives what encoding gives, and refuses what does not fit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{sample, written_out};
use wcmp_wire::{Envelope, Lengths, MAX_ENVELOPE, ParseErrorKind, Writer, sha256};

fn lengths(envelope: &Envelope) -> Lengths {
    Lengths {
        payload: envelope.payload.len(),
        encapsulation: envelope.encapsulation.len(),
        hints: 16 * envelope.hints.len(),
        sealed_keys: envelope.sealed_keys.len(),
        signature: envelope.signature.len(),
    }
}

fn write(envelope: &Envelope, lengths: Lengths) -> Result<Vec<u8>, ParseErrorKind> {
    let mut writer = Writer::new(lengths).map_err(|error| error.kind())?;
    writer.put(&envelope.payload);
    writer.head(&envelope.prefix(), &envelope.commitment);
    writer.encapsulation(&envelope.recipient_nonce, &envelope.encapsulation);
    assert_eq!(writer.body(sha256), envelope.body(sha256));
    writer.hints(envelope.hints.iter().copied());
    let core = writer.core(sha256, &envelope.body(sha256));
    assert_eq!(core, envelope.core(sha256, &envelope.body(sha256)));
    let sealed_keys = writer.sealed_keys();
    assert_eq!(sealed_keys.len(), lengths.sealed_keys);
    for (to, from) in sealed_keys.iter_mut().zip(&envelope.sealed_keys) {
        *to = *from;
    }
    if lengths.sealed_keys == envelope.sealed_keys.len() {
        let digest = envelope.digest(sha256, &core);
        assert_eq!(writer.digest(sha256, &core), digest);
    }
    writer
        .finish(&envelope.signature)
        .map_err(|error| error.kind())
}

#[test]
fn writes_what_the_specification_says() {
    for slots in [1, 4, 5, 300] {
        let envelope = sample(slots);
        let bytes = write(&envelope, lengths(&envelope)).unwrap();
        assert_eq!(bytes, written_out(&envelope));
        assert_eq!(bytes.len(), lengths(&envelope).envelope());
        assert_eq!(bytes.capacity(), bytes.len(), "one allocation");
    }
}

/// A length that is not the announced one, by one or by so much that a varint is longer.
#[test]
fn refuses_other_lengths_than_announced() {
    let envelope = sample(4);
    for by in [-1_isize, 1, 999] {
        let add = |length: &mut usize| *length = length.saturating_add_signed(by);
        let changes: [fn(&mut Lengths) -> &mut usize; 5] = [
            |l| &mut l.payload,
            |l| &mut l.encapsulation,
            |l| &mut l.hints,
            |l| &mut l.sealed_keys,
            |l| &mut l.signature,
        ];
        for (field, change) in changes.iter().enumerate() {
            let mut lengths = lengths(&envelope);
            add(change(&mut lengths));
            assert!(write(&envelope, lengths).is_err(), "{field} by {by}");
        }
    }
    let mut writer = Writer::new(lengths(&envelope)).unwrap();
    writer.head(&envelope.prefix(), &envelope.commitment);
    assert!(writer.finish(&[1; 64]).is_err(), "steps left out");
}

/// A longer payload and a shorter encapsulation than announced, so that the sum is right, and so that it reads well.
#[test]
fn refuses_a_field_that_runs_into_the_next() {
    let envelope = sample(4);
    let mut announced = lengths(&envelope);
    announced.payload -= 1;
    announced.encapsulation += 1;
    assert!(write(&envelope, announced).is_err());
}

#[test]
fn refuses_what_the_reader_refuses() {
    let mut envelope = sample(4);
    envelope.hints.reverse();
    let written = write(&envelope, lengths(&envelope));
    assert_eq!(written, Err(ParseErrorKind::HintOrder));
}

#[test]
fn the_size_is_checked_before_anything_is_allocated() {
    let mut lengths = lengths(&sample(4));
    lengths.payload = MAX_ENVELOPE - lengths.envelope() + lengths.payload - 3;
    assert_eq!(lengths.envelope(), MAX_ENVELOPE);
    assert!(Writer::new(lengths).is_ok());
    for payload in [lengths.payload + 1, 1 << 40, usize::MAX] {
        let lengths = Lengths { payload, ..lengths };
        let error = Writer::new(lengths).unwrap_err();
        assert_eq!(error.kind(), ParseErrorKind::Size);
    }
}
