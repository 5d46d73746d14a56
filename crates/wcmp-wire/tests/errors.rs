//! Codes, kinds and offsets of refused bytes, in the order of spec 4.1.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use ParseErrorKind::*;
use common::sample;
use wcmp_wire::{Envelope, EnvelopeRef, ParseError, ParseErrorKind};

fn refuse(bytes: &[u8]) -> ParseError {
    EnvelopeRef::parse(bytes).unwrap_err()
}

fn kind_and_offset(bytes: &[u8]) -> (ParseErrorKind, usize) {
    let error = refuse(bytes);
    (error.kind(), error.offset())
}

#[test]
fn size_then_version_then_the_rest() {
    let mut bytes = vec![9; 16_777_217];
    assert_eq!(refuse(&bytes).code(), "size");
    assert_eq!(kind_and_offset(&bytes), (Size, 16_777_216));
    bytes.pop();
    assert_eq!(refuse(&bytes).code(), "version");
    assert_eq!(kind_and_offset(&bytes), (Version, 0));
    bytes[0] = 1;
    assert_eq!(refuse(&bytes).code(), "malformed");
    assert_eq!(refuse(&[0]).code(), "version");
    assert_eq!(refuse(&[2]).code(), "version");
    assert_eq!(refuse(&[1]).code(), "malformed");
    assert_eq!(refuse(&[]).code(), "malformed");
}

#[test]
fn every_cut_names_the_item_that_is_cut() {
    let bytes = sample(4).encode().unwrap();
    // Offsets of version, suite, nonce, hint, expires, commitment, payload, nonce, encapsulation, hints, keys, signature.
    let items = [0, 1, 3, 19, 35, 39, 71, 136, 152, 185, 250, 444, 509];
    assert_eq!(bytes.len(), 509);
    for item in items.windows(2) {
        for end in item[0]..item[1] {
            assert_eq!(
                kind_and_offset(&bytes[..end]),
                (UnexpectedEnd, item[0]),
                "cut at {end}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_signature() {
    let mut bytes = sample(4).encode().unwrap();
    bytes.push(0);
    assert_eq!(kind_and_offset(&bytes), (TrailingBytes, 509));
}

#[test]
fn lengths_that_are_no_varints_of_the_spec() {
    let bytes = sample(4).encode().unwrap();
    let with = |length: &[u8]| kind_and_offset(&[&bytes[..71], length, &bytes[72..]].concat());
    assert_eq!(with(&[0xc0, 0x00]), (VarintNotMinimal, 71));
    assert_eq!(
        with(&[0xc0, 0x80, 0x80, 0x80, 0x00]),
        (VarintNotMinimal, 71)
    );
    assert_eq!(
        with(&[0xc0, 0x80, 0x80, 0x80, 0x80, 0x00]),
        (VarintOverflow, 71)
    );
    assert_eq!(with(&[0xff, 0xff, 0xff, 0xff, 0x10]), (VarintOverflow, 71));
    assert_eq!(with(&[0xff, 0xff, 0xff, 0xff, 0x0f]), (UnexpectedEnd, 71));
}

#[test]
fn broken_rules_are_reported_in_the_order_of_the_spec() {
    let mut envelope = Envelope {
        payload: vec![0; 15],
        encapsulation: vec![0; 65_536],
        hints: vec![[1; 16]; 3],
        sealed_keys: vec![0; 4],
        signature: Vec::new(),
        ..sample(1)
    };
    let after_encapsulation = 71 + 16 + 16 + 3 + 65_536;
    let mut expect = |kind: ParseErrorKind, offset: usize, mend: fn(&mut Envelope)| {
        let error = envelope.encode().unwrap_err();
        assert_eq!(
            (error.kind(), error.offset(), error.code()),
            (kind, offset, "malformed")
        );
        mend(&mut envelope);
    };
    expect(HintOrder, after_encapsulation + 1 + 16, |e| {
        e.hints[1] = [2; 16];
    });
    expect(HintOrder, after_encapsulation + 1 + 32, |e| {
        e.hints[2] = [3; 16];
    });
    expect(SealedKeysLength, after_encapsulation + 1 + 48, |e| {
        e.sealed_keys = vec![0; 3];
    });
    expect(PayloadLength, 71, |e| e.payload.push(0));
    expect(EncapsulationLength, 71 + 17 + 16, |e| {
        e.encapsulation.truncate(65_535);
    });
    expect(SignatureLength, after_encapsulation + 1 + 48 + 1 + 3, |e| {
        e.signature.push(0);
    });
    assert!(envelope.encode().is_ok());
}

#[test]
fn hints_of_a_length_that_is_no_multiple() {
    let bytes = sample(1).encode().unwrap();
    let behind = &bytes[185 + 17..];
    for len in [15, 17] {
        let hints = [&[len][..], &vec![1; usize::from(len)]].concat();
        assert_eq!(
            kind_and_offset(&[&bytes[..185], &hints, behind].concat()),
            (HintCount, 185)
        );
    }
}

#[test]
fn errors_are_one_line_without_input() {
    assert_eq!(refuse(&[1, 0xab]).to_string(), "unexpected end at byte 1");
    assert_eq!(refuse(&[0xab]).to_string(), "unknown version at byte 0");
    let dynamic: Box<dyn core::error::Error> = Box::new(refuse(&[]));
    assert_eq!(dynamic.to_string(), "unexpected end at byte 0");
}
