//! The hashes of spec 4.3, against hashing written down a second time and against Python's hashlib.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::sample;
use sha2::Digest as _;
use wcmp_wire::{Body, Core, Digest, Envelope, EnvelopeRef, Id, hash, sha256};

/// SHA-256 of `label`, then `before`, then each string behind its length.
fn hashed(label: &str, before: &[u8], strings: &[&[u8]]) -> [u8; 32] {
    let mut input = label.as_bytes().to_vec();
    input.extend(before);
    for string in strings {
        input.extend(u32::try_from(string.len()).unwrap().to_be_bytes());
        input.extend(*string);
    }
    sha2::Sha256::digest(input).into()
}

#[test]
fn each_hash_covers_what_the_spec_says() {
    for slots in [1, 4, 16, 4096] {
        let envelope = sample(slots);
        let bytes = envelope.encode().unwrap();
        let view = EnvelopeRef::parse(&bytes).unwrap();

        // body is not a row of LP alone: the receivers' nonce stands between the two strings.
        let mut input = b"WCMP v1 body".to_vec();
        input.extend(&bytes[..71]);
        input.extend([0, 0, 0, 64]);
        input.extend(&envelope.payload);
        input.extend([0x44; 16]);
        input.extend([0, 0, 0, 32]);
        input.extend(&envelope.encapsulation);
        let body = Body(sha2::Sha256::digest(input).into());
        let core = Core(hashed(
            "WCMP v1 core",
            &body.0,
            &[envelope.hints.as_flattened()],
        ));
        let digest = Digest(hashed("WCMP v1 digest", &core.0, &[&envelope.sealed_keys]));
        let id = Id(hashed("WCMP v1 id", &digest.0, &[&envelope.signature]));

        assert_eq!((view.body(sha256), envelope.body(sha256)), (body, body));
        assert_eq!(
            (view.core(sha256, &body), envelope.core(sha256, &body)),
            (core, core)
        );
        assert_eq!(
            (view.digest(sha256, &core), envelope.digest(sha256, &core)),
            (digest, digest)
        );
        assert_eq!(
            (
                view.id(sha256),
                hash::id(sha256, &digest, &envelope.signature)
            ),
            (id, id)
        );
    }
}

/// Computed with Python from the text of the specification.
#[test]
fn known_answers() {
    let bytes = |factor: u16, plus: u16, len: u16| {
        (0..len)
            .map(|i| (factor * i + plus).to_be_bytes()[1])
            .collect()
    };
    let hint = |i: u8| {
        let mut hint = [0xa0 + i; 16];
        hint[..2].copy_from_slice(&[0, i]);
        hint
    };
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: [0x11; 16],
        sender_hint: [0x22; 16],
        expires: 0x0007_8628,
        commitment: [0x33; 32],
        payload: bytes(7, 0, 64),
        recipient_nonce: [0x44; 16],
        encapsulation: bytes(1, 0, 32),
        hints: (1..=4).map(hint).collect(),
        sealed_keys: bytes(3, 1, 192),
        signature: bytes(1, 0, 64),
    };
    let encoded = envelope.encode().unwrap();
    let view = EnvelopeRef::parse(&encoded).unwrap();
    let body = view.body(sha256);
    let core = view.core(sha256, &body);
    let digest = view.digest(sha256, &core);
    assert_eq!(
        format!("{body:?}"),
        "Body(ebf466b7f25a39c2256c81735f4ab29f8bfc083b6497a80b1956673c5f898dcf)"
    );
    assert_eq!(
        format!("{core:?}"),
        "Core(d97dab9993a397919a4e7692a876249a442e832ea94ecfd15a8afa423658a251)"
    );
    assert_eq!(
        format!("{digest:?}"),
        "Digest(dd702dd52650499a1a885e0eae284853a898cdcb86b53ae7a517f420cf26077d)"
    );
    let id = "456d211734358feb3ee2a5347f792197cacb8618f7ff42db901bcfb4a13892a7";
    assert_eq!(view.id(sha256).to_string(), id);
    assert_eq!(format!("{:?}", view.id(sha256)), format!("Id({id})"));
}

#[test]
fn another_sha256_is_used_as_given() {
    fn counts(parts: &[&[u8]]) -> [u8; 32] {
        [u8::try_from(parts.len()).unwrap(); 32]
    }
    let envelope = sample(1);
    assert_eq!(envelope.body(counts), Body([8; 32]));
    assert_eq!(envelope.core(counts, &Body([0; 32])), Core([4; 32]));
}
