//! Nothing that is covered can be changed: every bit of every signed part.

use crate::kit::{HELLO, Message, verifier};

/// `bytes` with each of its bits flipped in turn.
fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn text_flips(text: &str) -> impl Iterator<Item = String> {
    flips(text.as_bytes()).filter_map(|bytes| String::from_utf8(bytes).ok())
}

#[test]
fn every_bit_of_a_call() {
    let call = Message::signed_post();
    assert_eq!(call.verdict(), Ok(()));
    for method in text_flips(&call.method) {
        let changed = Message {
            method,
            ..call.clone()
        };
        assert!(changed.verdict().is_err(), "{changed:#?}");
    }
    for target in text_flips(&call.target) {
        let changed = Message {
            target,
            ..call.clone()
        };
        assert!(changed.verdict().is_err(), "{changed:#?}");
    }
    for name in [
        "content-type",
        "content-digest",
        "signature-input",
        "signature",
    ] {
        for value in flips(call.field(name).as_bytes()) {
            let changed = call.clone().without(name).with(name, value);
            assert!(changed.verdict().is_err(), "{changed:#?}");
        }
        assert!(call.clone().without(name).verdict().is_err());
    }
}

#[test]
fn every_byte_of_a_call_cut_off() {
    let call = Message::signed_post();
    for name in [
        "content-type",
        "content-digest",
        "signature-input",
        "signature",
    ] {
        let value = call.field(name).as_bytes();
        for len in 0..value.len() {
            let changed = call.clone().without(name).with(name, &value[..len]);
            assert!(changed.verdict().is_err(), "{changed:#?}");
        }
    }
}

#[test]
fn every_bit_of_a_body() {
    let (call, verifier) = (Message::signed_post(), verifier());
    let call = call.authenticate(&verifier).unwrap();
    let fits = |body: &[u8]| {
        let mut digests = call.digests().unwrap();
        digests.update(body);
        digests.verify().is_ok()
    };
    assert!(fits(b"hello"));
    for body in flips(b"hello") {
        assert!(!fits(&body));
    }
    assert!(!fits(b"") && !fits(b"hell") && !fits(b"hello\0"));
    assert_eq!(Message::post().field("content-digest"), HELLO);
}

#[test]
fn parts_of_other_calls_do_not_fit() {
    let (one, mut two) = (Message::signed_post(), Message::post());
    two.target = "/other".into();
    let two = two.signed(crate::kit::COMPONENTS, crate::kit::PARAMETERS);
    for name in ["signature", "signature-input"] {
        let mixed = one.clone().without(name).with(name, two.field(name));
        // All but the signature is the same in both.
        assert_eq!(mixed.verdict().is_ok(), name == "signature-input");
    }
}
