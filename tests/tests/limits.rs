//! The same limits for senders, carriers and receivers: one less, the limit, one more.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use wcmp::message::MAX_CONTENT;
use wcmp::{
    Content, EnvelopeRef, Extension, KeyPair, KeyType, PublicKey, Readable, Receiver, SealError,
    Sealer, Suite, Ttl, hour,
};
use wcmp_tests::kit::{
    CRYPTO, Forge, NOW, Parts, Row, SEALED, TestRng, code, open, open_at, pad, person, receiver,
    varint,
};
use wcmp_wire::{Envelope, MAX_ENVELOPE, MAX_SLOTS, ParseErrorKind};

fn seal(sealer: &Sealer<'_>, content: &Content) -> Result<Vec<u8>, SealError> {
    sealer.seal(&CRYPTO, content, &mut TestRng::new(7))
}

fn slots(envelope: &[u8]) -> usize {
    EnvelopeRef::parse(envelope).unwrap().slots()
}

/// 4096 slots are sealed and opened, 4097 are refused, be they asked for or needed.
#[test]
fn slots_4096() {
    let bob = receiver(Suite::SealedAes256Gcm, "bob", &[]);
    let content = Content::new("", "hello");
    for suite in [
        Suite::OpenAes256Gcm,
        Suite::SealedAes256Gcm,
        Suite::SealedChaCha20Poly1305,
    ] {
        let sealer = |slots| Sealer::new(suite, NOW).to(bob.keys().public()).slots(slots);
        for wanted in [2048, 2049, 4095, 4096] {
            let envelope = seal(&sealer(wanted), &content).unwrap();
            assert_eq!(slots(&envelope), wanted.next_power_of_two());
            assert_eq!(code(&envelope, &bob), "opened", "{suite:?}");
        }
        for wanted in [4097, usize::MAX] {
            let error = seal(&sealer(wanted), &content).unwrap_err();
            assert_eq!((error, error.code()), (SealError::Slots, Some("size")));
        }
    }
    // More than that is no envelope for anybody.
    let too_many = Envelope {
        hints: (0..4097u128).map(u128::to_be_bytes).collect(),
        sealed_keys: vec![0; 4097],
        ..filled(0)
    };
    assert_eq!(
        too_many.encode().unwrap_err().kind(),
        ParseErrorKind::HintCount
    );
}

/// A message for 4096 people; all of them open it, none of the next four do, and a 4097th cannot be added.
#[test]
fn receivers_4096() {
    let mut rng = TestRng::new(8);
    let mut people: Vec<Receiver> = (0..MAX_SLOTS + 4)
        .map(|_| KeyPair::generate(&CRYPTO, KeyType::X25519, &mut rng).unwrap())
        .map(Receiver::new)
        .collect();
    let others = people.split_off(MAX_SLOTS);
    let keys: Vec<&PublicKey> = people.iter().map(|person| person.keys().public()).collect();
    for suite in SEALED {
        let sealer = keys
            .iter()
            .fold(Sealer::new(suite, NOW), |sealer, key| sealer.to(key));
        let envelope = seal(&sealer, &Content::new("", "to all")).unwrap();
        assert_eq!(slots(&envelope), MAX_SLOTS);
        let readable = Readable::parse(&envelope, NOW).unwrap();
        let mut slots = std::collections::BTreeSet::new();
        // Everybody once, half of them in each suite.
        for person in people
            .iter()
            .skip(usize::from(suite == SEALED[0]))
            .step_by(2)
        {
            let recognised = readable.recognise(&CRYPTO, person).unwrap();
            let opened = recognised.open(&CRYPTO, &[]).unwrap();
            assert_eq!(*opened.content.body, *b"to all");
            assert!(slots.insert(opened.slot), "each has a slot of their own");
        }
        assert!(
            others
                .iter()
                .all(|other| readable.recognise(&CRYPTO, other).is_none())
        );
        let one_more = sealer.to(others.first().unwrap().keys().public());
        let error = seal(&one_more, &Content::new("", "to all")).unwrap_err();
        assert_eq!(error, SealError::Slots);
    }
}

/// A body such that the content encodes to `len` bytes: two options, content type, length, body, no extension.
fn content_of(len: usize) -> Content {
    let body = len - 4 - varint(len).len();
    Content::new("", vec![0x55; body])
}

/// The greatest content is sealed and opened, also with introduction and reply key counted in; one byte more is
/// refused by the builder, and by the reader where a builder does not.
#[test]
fn content_limit() {
    assert_eq!(MAX_CONTENT, (1 << 24) - (1 << 19));
    for suite in [Suite::SealedAes256Gcm, Suite::OpenChaCha20Poly1305] {
        let (alice, bob) = (person("alice"), receiver(suite, "bob", &[]));
        let plain = || Sealer::new(suite, NOW).from(&alice).to(bob.keys().public());
        // Key and its length; key, signature and their lengths.
        for (sealer, added) in [
            (plain(), 0),
            (plain().introduce(), 67),
            (plain().introduce().reply_key(&alice), 67 + 67 + 65),
        ] {
            for less in [1, 0] {
                let content = content_of(MAX_CONTENT - added - less);
                let envelope = seal(&sealer, &content).unwrap();
                assert!(
                    open(&envelope, &bob).unwrap().content == content,
                    "{suite:?}"
                );
            }
            let error = seal(&sealer, &content_of(MAX_CONTENT - added + 1)).unwrap_err();
            assert_eq!(
                (error, error.code()),
                (SealError::Size, Some("size")),
                "{suite:?}"
            );
        }

        for (more, expected) in [(0, "opened"), (1, "bad-content"), (70_000, "bad-content")] {
            let body = content_of(MAX_CONTENT + more).body.into_vec();
            let plaintext = pad(&Parts {
                body,
                ..Parts::default()
            }
            .encode());
            let row = Row::new(suite, bob.keys().public());
            let forged = Forge::new(suite, &alice, vec![row], plaintext);
            assert_eq!(
                code(&forged.bytes(), &bob),
                expected,
                "{suite:?}, {more} more"
            );
        }
        // Far above, and not only in the body.
        let content = Content {
            extensions: vec![Extension {
                id: 1,
                data: vec![0; MAX_ENVELOPE],
            }],
            ..content_of(100)
        };
        assert_eq!(seal(&plain(), &content), Err(SealError::Size));
    }
}

/// An envelope that is all payload, or nearly, with a suite that nobody knows.
fn filled(payload: usize) -> Envelope {
    Envelope {
        suite: 0xffff,
        sender_nonce: [1; 16],
        sender_hint: [2; 16],
        expires: NOW,
        commitment: [3; 32],
        payload: vec![4; payload.max(16)],
        recipient_nonce: [5; 16],
        encapsulation: Vec::new(),
        hints: vec![[6; 16]],
        sealed_keys: vec![7],
        signature: vec![8],
    }
}

/// 16 MiB are an envelope, a byte more is none; the greatest content leaves room for 2048 slots of type 1, and for 128
/// of type 2.
#[test]
fn envelope_limit() {
    let around = filled(MAX_ENVELOPE).encoded_len() - MAX_ENVELOPE;
    for less in [1, 0] {
        let bytes = filled(MAX_ENVELOPE - around - less).encode().unwrap();
        assert_eq!(bytes.len(), MAX_ENVELOPE - less);
        assert!(EnvelopeRef::parse(&bytes).is_ok());
        let error = Readable::parse(&bytes, NOW).unwrap_err();
        assert_eq!(error.code(), "suite", "carried, not read");
    }
    let too_long = filled(MAX_ENVELOPE - around + 1);
    assert_eq!(too_long.encode().unwrap_err().kind(), ParseErrorKind::Size);
    let error = EnvelopeRef::parse(&vec![1; MAX_ENVELOPE + 1]).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ParseErrorKind::Size, "size"));

    let content = content_of(MAX_CONTENT);
    for (suite, most) in [
        (Suite::SealedAes256Gcm, 2048),
        (Suite::OpenAes256Gcm, 2048),
        (Suite::OpenXWing, 128),
    ] {
        let bob = receiver(suite, "bob", &[]);
        let sealer = |slots| Sealer::new(suite, NOW).to(bob.keys().public()).slots(slots);
        let envelope = seal(&sealer(most), &content).unwrap();
        assert!(envelope.len() <= MAX_ENVELOPE);
        assert_eq!(slots(&envelope), most);
        assert_eq!(code(&envelope, &bob), "opened", "{suite:?}");
        assert_eq!(
            seal(&sealer(most + 1), &content),
            Err(SealError::Size),
            "{suite:?}"
        );
    }
}

/// 64 extensions and content types of 255 bytes, in the builder; the reader's limits are in opening_errors.rs.
#[test]
fn extensions_and_content_type() {
    let bob = receiver(Suite::SealedAes256Gcm, "bob", &[]);
    let sealer = Sealer::new(Suite::SealedAes256Gcm, NOW).to(bob.keys().public());
    let extensions = |ids: &mut dyn Iterator<Item = u32>| Content {
        extensions: ids.map(|id| Extension { id, data: vec![1] }).collect(),
        ..Content::default()
    };
    for n in [0, 1, 63, 64] {
        // In descending order: they are sent in ascending order.
        let envelope = seal(&sealer, &extensions(&mut (0..n).rev())).unwrap();
        let opened = open(&envelope, &bob).unwrap();
        assert!(opened.content == extensions(&mut (0..n)));
    }
    for content in [
        extensions(&mut (0..65)),
        extensions(&mut [3, 4, 3].into_iter()),
    ] {
        let error = seal(&sealer, &content).unwrap_err();
        assert_eq!(
            (error, error.code()),
            (SealError::Extensions, Some("bad-content"))
        );
    }
    let typed = |len: usize| Content::new(&"é".repeat(len / 2), "");
    let odd = |len: usize| Content::new(&"x".repeat(len), "");
    for content in [odd(0), odd(254), odd(255), typed(254)] {
        let envelope = seal(&sealer, &content).unwrap();
        assert!(open(&envelope, &bob).unwrap().content == content);
    }
    // Bytes count, not characters.
    for content in [odd(256), typed(256)] {
        let error = seal(&sealer, &content).unwrap_err();
        assert_eq!(
            (error, error.code()),
            (SealError::ContentType, Some("bad-content"))
        );
    }
}

/// An envelope is read up to and including its hour of expiry; hours saturate at both ends.
#[test]
fn expiry() {
    let bob = receiver(Suite::SealedAes256Gcm, "bob", &[]);
    let expiring = |expires| {
        let sealer = Sealer::new(Suite::SealedAes256Gcm, expires).to(bob.keys().public());
        seal(&sealer, &Content::new("", "hello")).unwrap()
    };
    let at = |expires, now| open_at(&expiring(expires), &bob, now).map_err(|error| error.code());
    for (expires, now, fresh) in [
        (NOW, NOW - 1, true),
        (NOW, NOW, true),
        (NOW, NOW + 1, false),
        (0, 0, true),
        (0, 1, false),
        (u32::MAX, 0, true),
        (u32::MAX, u32::MAX, true),
        (u32::MAX - 1, u32::MAX, false),
    ] {
        match at(expires, now) {
            Ok(opened) => assert!(fresh && opened.expires == expires),
            Err(code) => assert!(!fresh && code == "expired", "{expires}, {now}: {code}"),
        }
    }

    let last = i64::from(u32::MAX);
    for (seconds, expected) in [
        (i64::MIN, 0),
        (-1, 0),
        (0, 0),
        (3599, 0),
        (3600, 1),
        (last * 3600 - 1, u32::MAX - 1),
        (last * 3600, u32::MAX),
        ((last + 2) * 3600, u32::MAX),
        (i64::MAX, u32::MAX),
    ] {
        assert_eq!(hour(seconds), expected, "{seconds}");
    }

    let mut rng = TestRng::new(9);
    for ttl in [Ttl::Day, Ttl::Week, Ttl::Month] {
        let (mut least, mut most) = (u32::MAX, 0);
        for _ in 0..20_000 {
            let Ok(drawn) = ttl.expires(NOW, &mut rng);
            (least, most) = (least.min(drawn), most.max(drawn));
        }
        // Every hour of [T/2, T] is drawn, and no other.
        assert_eq!((least, most), (NOW + ttl.hours() / 2, NOW + ttl.hours()));
        assert_eq!(ttl.expires(u32::MAX - 3, &mut rng), Ok(u32::MAX));
    }
}

/// Lengths that promise gigabytes are compared with what is there, whichever field they belong to.
#[test]
fn promised_lengths_are_checked_against_what_is_there() {
    let honest = filled(0).encode().unwrap();
    // Payload, encapsulation, hints, sealed keys, signature: each with a length of one byte.
    for at in [71, 71 + 17 + 16, 105, 122, 124] {
        for length in [
            [0xff, 0xff, 0xff, 0xff, 0x0f],
            [0xff, 0xff, 0xff, 0xff, 0x07],
        ] {
            let mut bytes = honest.clone();
            bytes.splice(at..=at, length);
            let error = EnvelopeRef::parse(&bytes).unwrap_err();
            let expected = (ParseErrorKind::UnexpectedEnd, at);
            assert_eq!((error.kind(), error.offset()), expected);
        }
    }
}
