//! Every code of section 12 that opening gives, and which comes first when several things are wrong.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "opening_errors/content.rs"]
mod content;
#[path = "opening_errors/order.rs"]
mod order;

use std::collections::BTreeSet;

use wcmp::{KeyPair, OpenError, Receiver, Suite};
use wcmp_tests::kit::{Forge, NOW, Parts, Row, Stage, code, pad, person, receiver};
use wcmp_wire::Envelope;

/// Alice writes to Bob, who knows her and to whom her message is a contact's.
struct Letter {
    suite: Suite,
    alice: KeyPair,
    bob: Receiver,
    /// Does not know her.
    dave: Receiver,
}

impl Letter {
    fn new(suite: Suite) -> Letter {
        let alice = person("alice");
        Letter {
            suite,
            bob: receiver(suite, "bob", &[alice.public()]),
            dave: receiver(suite, "dave", &[]),
            alice,
        }
    }

    fn with(&self, plaintext: Vec<u8>) -> Forge<'_> {
        let bob = Row::paired(self.suite, &self.alice, self.bob.keys().public());
        let dave = Row::new(self.suite, self.dave.keys().public());
        Forge::new(self.suite, &self.alice, vec![bob, dave], plaintext)
    }

    fn saying(&self, parts: &Parts) -> Forge<'_> {
        self.with(pad(&parts.encode()))
    }

    /// Right, but for what `change` does at `stage`; what is computed after that fits.
    fn changed(&self, stage: Stage, change: impl Fn(&mut Envelope) + 'static) -> Forge<'_> {
        self.saying(&Parts::new("hello"))
            .hook(move |now, envelope| {
                if now == stage {
                    change(envelope);
                }
            })
    }
}

/// The builder of these tests does what the real one does, as long as it is not told otherwise.
#[test]
fn kit_builds_what_opens() {
    for suite in Suite::ALL {
        let letter = Letter::new(suite);
        let parts = Parts {
            content_type: b"text/plain".to_vec(),
            extensions: vec![(1, b"one".to_vec()), ((1 << 31) - 1, vec![])],
            ..Parts::new("hello").introducing(letter.alice.public().as_bytes())
        };
        let forged = letter.saying(&parts).bytes();
        for reader in [&letter.bob, &letter.dave] {
            let opened = wcmp_tests::kit::open(&forged, reader).unwrap();
            assert_eq!(opened.content.content_type, "text/plain");
            assert_eq!(*opened.content.body, *b"hello");
            assert_eq!(opened.content.extensions.len(), 2);
            assert_eq!(opened.sender.public_key(), Some(letter.alice.public()));
        }
    }
}

/// Each code is reached, from bytes that are wrong in one thing.
#[test]
fn every_opening_error_code_is_reached() {
    for suite in Suite::ALL {
        let letter = Letter::new(suite);
        let hello = Parts::new("hello");
        let honest = letter.saying(&hello).bytes();
        let version = [&[2], &honest[1..]].concat();
        let unknown = letter.changed(Stage::Signed, |e| e.suite = 0x0103).bytes();
        let old = Forge {
            expires: NOW - 1,
            ..letter.saying(&hello)
        }
        .bytes();
        let signed = letter
            .changed(Stage::Signed, |e| e.signature[9] ^= 1)
            .bytes();
        let payload = letter.changed(Stage::Body, |e| e.payload[700] ^= 1).bytes();
        let content = letter.with(pad(&[2])).bytes();
        let mallory = person("mallory");
        let introduction = letter.saying(&hello.clone().introducing(mallory.public().as_bytes()));
        let reply = letter.saying(
            &hello
                .clone()
                .replying(mallory.public().as_bytes(), &[7; 64]),
        );
        let cases = [
            ("size", vec![1; wcmp_wire::MAX_ENVELOPE + 1]),
            ("version", version),
            ("malformed", honest[..honest.len() - 1].to_vec()),
            ("suite", unknown),
            ("expired", old),
            ("bad-signature", signed),
            ("bad-payload", payload),
            ("bad-content", content),
            ("bad-introduction", introduction.bytes()),
            ("bad-reply", reply.bytes()),
            ("opened", honest.clone()),
        ];
        for (expected, bytes) in cases {
            assert_eq!(code(&bytes, &letter.bob), expected, "{suite:?}");
        }
        let carol = receiver(suite, "carol", &[letter.alice.public()]);
        assert_eq!(
            code(&honest, &carol),
            "not-for-me",
            "{suite:?}: not addressed"
        );
        let other_type = Suite::ALL
            .into_iter()
            .find(|s| s.key_type() != suite.key_type());
        let bob = receiver(other_type.unwrap(), "bob", &[letter.alice.public()]);
        assert_eq!(
            code(&honest, &bob),
            "not-for-me",
            "{suite:?}: of another key type"
        );
    }
}

/// A payload that does not belong to content key and prefix is `bad-payload`.
#[test]
fn bad_payload() {
    for suite in Suite::ALL {
        let letter = Letter::new(suite);
        let other = Forge {
            seed: 2,
            ..letter.saying(&Parts::new("another"))
        }
        .build()
        .envelope
        .payload;
        let cases: [(&str, Forge<'_>); 4] = [
            (
                "tag changed",
                letter.changed(Stage::Body, |e| *e.payload.last_mut().unwrap() ^= 1),
            ),
            (
                "plaintext not encrypted",
                letter.changed(Stage::Body, |e| e.payload[..1024].fill(0)),
            ),
            (
                "payload of another envelope",
                letter.changed(Stage::Body, move |e| e.payload.clone_from(&other)),
            ),
            (
                "exchanged halves",
                letter.changed(Stage::Body, |e| e.payload[..1024].rotate_left(512)),
            ),
        ];
        for (what, forge) in cases {
            assert_eq!(
                code(&forge.bytes(), &letter.bob),
                "bad-payload",
                "{suite:?}: {what}"
            );
        }
    }
}

/// Lengths that the structure allows and the suite does not.
#[test]
fn lengths_that_do_not_fit_the_suite() {
    for suite in Suite::ALL {
        let letter = Letter::new(suite);
        for slots in [1, 2, 3, 5, 6, 7, 12, 4095] {
            let honest = Forge {
                slots: slots.max(2),
                ..letter.saying(&Parts::new("hello"))
            };
            let forged = match (slots, suite) {
                // Thousands of X-Wing slots would only take time.
                (4095, Suite::OpenXWing) => continue,
                (1, _) => Forge {
                    slots: 1,
                    rows: honest.rows[..1].to_vec(),
                    ..honest
                },
                _ => honest,
            };
            assert_eq!(
                code(&forged.bytes(), &letter.bob),
                "malformed",
                "{suite:?}, {slots}"
            );
        }
        for len in [1, 63, 65, 128] {
            let forged = letter.changed(Stage::Signed, move |e| e.signature.resize(len, 0));
            assert_eq!(
                code(&forged.bytes(), &letter.bob),
                "malformed",
                "{suite:?}, {len}"
            );
        }
        for len in [0, 31, 32, 33, 64]
            .into_iter()
            .filter(|len| *len != suite.enc_len())
        {
            let forged = letter.changed(Stage::Body, move |e| e.encapsulation.resize(len, 9));
            assert_eq!(
                code(&forged.bytes(), &letter.bob),
                "malformed",
                "{suite:?}, {len}"
            );
        }
        for len in [0, 1, 1023, 1025, 1536, 2047, 65_537, 67_583] {
            let forged = letter.with(vec![0; len]);
            assert_eq!(
                code(&forged.bytes(), &letter.bob),
                "malformed",
                "{suite:?}, {len}"
            );
        }
    }
}

/// The codes of opening are those of section 12, no more.
#[test]
fn codes_are_those_of_the_specification() {
    let parse = |bytes: &[u8]| OpenError::from(wcmp::EnvelopeRef::parse(bytes).unwrap_err());
    let all = [
        parse(&[]),
        parse(&[9]),
        OpenError::Suite(wcmp::suite::UnknownId(9)),
        OpenError::Malformed,
        OpenError::Expired,
        OpenError::NotForMe,
        OpenError::BadSignature,
        OpenError::BadPayload,
        OpenError::BadContent,
        OpenError::BadIntroduction,
        OpenError::BadReply,
    ];
    let codes: BTreeSet<&str> = all.iter().map(OpenError::code).collect();
    let expected = "malformed version suite expired not-for-me bad-signature bad-payload bad-content bad-introduction bad-reply";
    assert_eq!(codes, expected.split(' ').collect());
    // Empty input is no envelope of an unknown version.
    assert_eq!(parse(&[]).code(), "malformed");
}
