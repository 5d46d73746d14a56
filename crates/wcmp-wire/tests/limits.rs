//! Every limit of spec 4.1 at N - 1, N and N + 1, through the encoder and through the reader.

mod common;

use ParseErrorKind::*;
use common::{sample, written_out};
use wcmp_wire::varint::varint_len;
use wcmp_wire::{Envelope, EnvelopeRef, ParseErrorKind};

/// What encoder and reader both say.
fn verdict(envelope: &Envelope) -> Option<ParseErrorKind> {
    let bytes = written_out(envelope);
    assert_eq!(envelope.encoded_len(), bytes.len());
    let read = EnvelopeRef::parse(&bytes).map(|view| view.as_bytes().to_vec());
    assert_eq!(envelope.encode(), read);
    read.err().map(|error| error.kind())
}

#[test]
fn total() {
    let mut envelope = sample(4);
    let fixed = envelope.encoded_len() - 65;
    for (total, expected) in [
        (16_777_215, None),
        (16_777_216, None),
        (16_777_217, Some(Size)),
    ] {
        envelope.payload = vec![0; total - fixed - 4];
        assert_eq!(envelope.encoded_len(), total);
        assert_eq!(verdict(&envelope), expected);
    }
}

#[test]
fn slots() {
    for (slots, expected) in [
        (0, Some(HintCount)),
        (1, None),
        (2, None),
        (4095, None),
        (4096, None),
        (4097, Some(HintCount)),
    ] {
        let mut envelope = sample(slots);
        assert_eq!(verdict(&envelope), expected, "{slots} slots");
        envelope.sealed_keys = vec![0; 4096];
        if slots == 0 {
            assert_eq!(verdict(&envelope), expected);
        }
    }
}

#[test]
fn slot_length() {
    for (len, expected) in [
        (0, Some(SealedKeysLength)),
        (1, Some(SealedKeysLength)),
        (3, Some(SealedKeysLength)),
        (4, None),
        (5, Some(SealedKeysLength)),
        (8, None),
        (400_000, None),
        (400_001, Some(SealedKeysLength)),
    ] {
        let envelope = Envelope {
            sealed_keys: vec![0; len],
            ..sample(4)
        };
        assert_eq!(verdict(&envelope), expected, "{len} bytes");
    }
}

#[test]
fn payload() {
    for (len, expected) in [
        (0, Some(PayloadLength)),
        (15, Some(PayloadLength)),
        (16, None),
        (17, None),
        (127, None),
        (128, None),
    ] {
        let envelope = Envelope {
            payload: vec![0; len],
            ..sample(4)
        };
        assert_eq!(verdict(&envelope), expected, "{len} bytes");
    }
}

#[test]
fn encapsulation() {
    for (len, expected) in [
        (0, None),
        (1, None),
        (65_534, None),
        (65_535, None),
        (65_536, Some(EncapsulationLength)),
    ] {
        let envelope = Envelope {
            encapsulation: vec![0; len],
            ..sample(4)
        };
        assert_eq!(verdict(&envelope), expected, "{len} bytes");
    }
}

#[test]
fn signature() {
    for (len, expected) in [
        (0, Some(SignatureLength)),
        (1, None),
        (2, None),
        (65_534, None),
        (65_535, None),
        (65_536, Some(SignatureLength)),
    ] {
        let envelope = Envelope {
            signature: vec![0; len],
            ..sample(4)
        };
        assert_eq!(verdict(&envelope), expected, "{len} bytes");
    }
}

#[test]
fn hours_and_suites_have_no_limits() {
    for (suite, expires) in [(0, 0), (u16::MAX, u32::MAX)] {
        assert_eq!(
            verdict(&Envelope {
                suite,
                expires,
                ..sample(4)
            }),
            None
        );
    }
}

#[test]
fn hints_ascend_as_strings_of_bytes() {
    let mut first_byte_less = [0xff; 16];
    first_byte_less[0] = 0;
    let mut first_byte_more = [0; 16];
    first_byte_more[0] = 1;
    let mut last_byte_more = [0; 16];
    last_byte_more[15] = 1;
    for (low, high) in [
        ([0; 16], last_byte_more),
        ([0; 16], [0xff; 16]),
        (first_byte_less, first_byte_more),
        ([0x7f; 16], [0x80; 16]),
    ] {
        let two = |hints: [[u8; 16]; 2]| {
            verdict(&Envelope {
                hints: hints.into(),
                ..sample(2)
            })
        };
        assert_eq!(two([low, high]), None);
        assert_eq!(two([high, low]), Some(HintOrder));
        assert_eq!(two([low, low]), Some(HintOrder));
    }
}

#[test]
fn one_pair_out_of_order_anywhere() {
    for slots in [2_u16, 3, 7, 16, 4096] {
        for at in (1..usize::from(slots)).step_by(usize::from(slots) / 16 + 1) {
            let mut envelope = sample(slots);
            envelope.hints[at] = envelope.hints[at - 1];
            let error = envelope.encode().unwrap_err();
            let hints_at = 185 + varint_len(16 * u32::from(slots));
            assert_eq!(
                (error.kind(), error.offset()),
                (HintOrder, hints_at + 16 * at)
            );
        }
    }
}
