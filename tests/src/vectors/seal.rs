//! Builders: dummies, what they sort and round, and what they refuse (7.3, 7.4).
//! Envelopes to somebody are in `open`, with the request that gave them.

use serde_json::{Value, json};
use wcmp::{KeyPair, KeyType, PublicKey, Suite};

use super::{Vector, parts};
use crate::kit::{NOW, key_of, keys, person};
use crate::protocol::hex;

/// A key pair in a request.
pub(super) fn pair(keys: &KeyPair) -> Value {
    json!({ "type": keys.key_type().id(), "seed": hex(keys.dangerous_seed()) })
}

/// A public key in a request.
pub(super) fn public(key: &PublicKey) -> Value {
    hex(key.as_bytes()).into()
}

/// The request to seal `body` for these receivers, its entropy taken from `name`. The
/// fields of `more` are added.
pub(super) fn request(name: &str, suite: Suite, to: &[&PublicKey], more: Value) -> Value {
    let mut request = json!({
        "op": "seal",
        "suite": suite.id().0,
        "expires": NOW + 24,
        "entropy": hex(&wcmp_wire::sha256(&[b"entropy of ", name.as_bytes()])),
        "to": to.iter().map(|key| public(key)).collect::<Value>(),
    });
    let Value::Object(more) = more else {
        panic!("{more} is no object");
    };
    request.as_object_mut().unwrap().extend(more);
    request
}

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    let mut out = Vec::new();
    dummies(&mut out);
    key_errors(&mut out);
    content_errors(&mut out);
    sizes(&mut out);
    out
}

fn dummies(out: &mut Vec<Vector>) {
    let x25519 = Suite::ALL
        .iter()
        .filter(|suite| suite.key_type() == KeyType::X25519);
    for suite in x25519 {
        let name = format!("seal/dummy-{}", suite_name(*suite));
        let what = "A message to nobody (7.3).";
        let request = request(&name, *suite, &[], json!({}));
        out.push(Vector::new(&name, what, "ok", request));
    }
    let more = json!({ "slots": 9, "body": hex(&[0; 1100]) });
    let name = "seal/dummy-of-sixteen-slots";
    let what = "A message to nobody with a body and sixteen slots.";
    let request = request(name, Suite::SealedAes256Gcm, &[], more);
    out.push(Vector::new(name, what, "ok", request));
}

/// The id of a suite as part of a name.
pub(super) fn suite_name(suite: Suite) -> String {
    format!("{:04x}", suite.id().0)
}

fn key_errors(out: &mut Vec<Vector>) {
    let (alice, bob, carol) = (person("alice"), person("bob"), person("carol"));
    let wing = keys(KeyType::XWing, "alice");
    let wing_bob = keys(KeyType::XWing, "bob");
    let (sealed, open) = (Suite::SealedAes256Gcm, Suite::OpenAes256Gcm);
    let (a, b, c) = (&pair(&alice), bob.public(), carol.public());
    let mut bad = |name: &str, what: &str, suite, to: &[&PublicKey], more| {
        let name = format!("seal/{name}");
        let request = request(&name, suite, to, more);
        out.push(Vector::new(&name, what, "key", request));
    };
    let what = "A receiver of another key type.";
    bad(
        "receiver-of-type-2",
        what,
        sealed,
        &[b, wing.public()],
        json!({ "from": a }),
    );
    bad(
        "receiver-of-type-1",
        what,
        Suite::OpenXWing,
        &[wing_bob.public(), b],
        json!({}),
    );
    bad(
        "receiver-twice",
        "A receiver twice.",
        sealed,
        &[b, c, b],
        json!({ "from": a }),
    );
    let halves = key_of(bob.public().kem(), carol.public().ed25519());
    let halves = PublicKey::from_bytes(&halves).unwrap();
    let what = "Two receivers with one KEM key.";
    bad(
        "kem-key-twice",
        what,
        sealed,
        &[b, &halves],
        json!({ "from": a }),
    );
    let what = "An introduction without a sender.";
    bad(
        "introduction-without-sender",
        what,
        sealed,
        &[b],
        json!({ "introduce": true }),
    );
    let what = "A pair hint without a sender.";
    bad(
        "pair-without-sender",
        what,
        sealed,
        &[b],
        json!({ "pair": [public(b)] }),
    );
    let what = "A pair hint for somebody who is no receiver.";
    let more = json!({ "from": a, "pair": [public(c)] });
    bad("pair-for-no-receiver", what, sealed, &[b], more);
    let what = "A pair hint in an open suite.";
    bad(
        "pair-in-open-suite",
        what,
        open,
        &[b],
        json!({ "from": a, "pair": [public(b)] }),
    );
    let what = "A pair hint of a sender of type 2.";
    let more = json!({ "from": pair(&wing), "pair": [public(b)] });
    bad("pair-with-type-2", what, sealed, &[b], more);
    let reply = pair(&person("reply"));
    let what = "A reply key for two receivers who were not said to share it.";
    let more = json!({ "from": a, "introduce": true, "reply": reply });
    bad("reply-not-shared", what, sealed, &[b, c], more);
    let what = "A named sender offers a reply key without an introduction.";
    let more = json!({ "from": a, "reply": reply });
    bad("reply-without-introduction", what, open, &[b], more);
    let what = "A reply key, and one of two receivers cannot know the sender.";
    let more = json!({ "from": a, "reply": reply, "shared_reply": true, "pair": [public(b)] });
    bad("reply-with-one-pair-hint", what, sealed, &[b, c], more);

    for suite in [0x0000, 0x0103, 0x0200, 0xffff] {
        let name = format!("seal/suite-{suite:04x}");
        let mut request = request(&name, sealed, &[b], json!({}));
        request["suite"] = suite.into();
        let what = "A suite that is unknown or reserved.";
        out.push(Vector::new(&name, what, "suite", request));
    }
}

fn content_errors(out: &mut Vec<Vector>) {
    let bob = person("bob");
    let mut add = |name: &str, what: &str, code: &str, more| {
        let name = format!("seal/{name}");
        let request = request(&name, Suite::SealedAes256Gcm, &[bob.public()], more);
        out.push(Vector::new(&name, what, code, request));
    };
    let many = |count: u32| (0..count).map(|id| json!([id, ""])).collect::<Value>();
    let what = "A content type of 255 bytes.";
    add(
        "content-type-255",
        what,
        "ok",
        json!({ "content_type": "t".repeat(255) }),
    );
    let what = "A content type of 256 bytes, in 128 characters.";
    let more = json!({ "content_type": "\u{e9}".repeat(128) });
    add("content-type-256", what, "bad-content", more);
    add(
        "extensions-64",
        "64 extensions.",
        "ok",
        json!({ "extensions": many(64) }),
    );
    let what = "65 extensions.";
    add(
        "extensions-65",
        what,
        "bad-content",
        json!({ "extensions": many(65) }),
    );
    let twice = json!([[4, "aa"], [2, ""], [4, "bb"]]);
    let what = "An extension twice.";
    add(
        "extension-twice",
        what,
        "bad-content",
        json!({ "extensions": twice }),
    );
    let unsorted = json!([[4_000_000_000u32, "aa"], [2, ""], [300, "bb"]]);
    let what = "The builder sorts extensions.";
    add(
        "extensions-sorted",
        what,
        "ok",
        json!({ "extensions": unsorted }),
    );
}

fn sizes(out: &mut Vec<Vector>) {
    let bob = person("bob");
    let mut add = |name: &str, what: &str, code: &str, more| {
        let name = format!("seal/{name}");
        let request = request(&name, Suite::SealedAes256Gcm, &[bob.public()], more);
        out.push(Vector::new(&name, what, code, request));
    };
    add(
        "slots-5",
        "Five slots are wanted: eight.",
        "ok",
        json!({ "slots": 5 }),
    );
    add(
        "slots-4097",
        "More than 4096 slots.",
        "size",
        json!({ "slots": 4097 }),
    );
    let most = 16_252_928 - 8;
    let what = "Encoded content of one byte too many.";
    let body = parts(&[(&[0x5a], most + 1)]);
    add("content-too-large", what, "size", json!({ "body": body }));
    let what = "The largest content with 4096 slots: above 2^24 bytes in all.";
    let body = parts(&[(&[0x5a], most)]);
    add(
        "total-too-large",
        what,
        "size",
        json!({ "body": body, "slots": 4096 }),
    );
}
