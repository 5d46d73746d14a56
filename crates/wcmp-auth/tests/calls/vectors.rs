//! The signed call and the signed answer of auth 7, byte for byte.

use wcmp_auth::call::client::{Caller, Content, Request};
use wcmp_auth::call::{CallKey, Nonce};

use crate::kit::{AUTHORITY, HELLO, Message, TOKEN, key, verifier};

const VECTORS: &str = include_str!("../../vectors/knh1.txt");

/// The input (from "@signature-params") and the signature under `heading`.
fn published(heading: &str) -> (&'static str, &'static str) {
    let mut lines = VECTORS
        .lines()
        .skip_while(|line| !line.starts_with(heading));
    let input = lines
        .find_map(|line| line.strip_prefix(r#""@signature-params": "#))
        .unwrap();
    (input, lines.next().unwrap().trim_start())
}

#[test]
fn signed_call_and_answer() {
    let mut caller = Caller::new(&TOKEN, &key(), AUTHORITY).unwrap();
    let request = Request {
        method: "POST",
        target: "/echo?x=%2F&y",
        content: Some(Content::new(b"text/plain", b"hello")),
        fields: &[],
    };
    let (fields, awaiting) = caller.sign(&request, 1_900_000_100).unwrap();
    let (input, signature) = published("signed call");
    assert_eq!(fields.signature_input, format!("sig1={input}"));
    assert_eq!(fields.signature, signature);
    assert_eq!(fields.content_digest.as_deref(), Some(HELLO));
    assert_eq!(caller.counter(), 2);

    let message = Message::post()
        .with("signature-input", &fields.signature_input)
        .with("signature", &fields.signature);
    let verifier = verifier();
    let call = message.authenticate(&verifier).unwrap();
    assert_eq!(call.facts().token, TOKEN);
    assert_eq!(call.facts().nonce, Nonce::Counter(1));
    assert_eq!(call.facts().created, 1_900_000_100);
    let mut digests = call.digests().unwrap();
    digests.update(b"hel");
    digests.update(b"lo");
    digests.verify().unwrap();

    let answer = call
        .answering(&CallKey::new(&key().response()))
        .sign(200, Some(b"text/plain"), b"hello", 1_900_000_101)
        .unwrap();
    let (input, signature) = published("signed answer");
    assert_eq!(answer.signature_input, format!("knh1={input}"));
    assert_eq!(answer.signature, signature);
    assert_eq!(answer.content_digest, HELLO);

    let headers = [
        ("content-type", "text/plain"),
        ("content-digest", &answer.content_digest),
        ("signature-input", &answer.signature_input),
        ("signature", &answer.signature),
    ];
    let headers = || {
        headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
    };
    let answer = awaiting.verify(200, headers, b"hello").unwrap();
    assert_eq!(answer.created, 1_900_000_101);
}

#[test]
fn the_test_kit_signs_as_published() {
    let (input, signature) = published("signed call");
    let message = Message::signed_post();
    assert_eq!(message.field("signature-input"), format!("sig1={input}"));
    assert_eq!(message.field("signature"), signature);
    assert_eq!(message.verdict(), Ok(()));
}
