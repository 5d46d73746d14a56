//! Whatever is changed on the way, nobody opens anything else than what was sent.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use wcmp::suite::Form;
use wcmp::{Content, EnvelopeRef, KeyType, Opened, ParseError, Receiver, Sealer, Sender, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, TestRng, code, keys, open, person, receiver};
use wcmp_wire::{Envelope, ParseErrorKind};

/// What the byte at `place` is XORed with: one bit, another from place to place; the outer bits; the whole byte. With
/// X-Wing, whose envelopes are four times as long and several times as slow to open, the one bit.
fn changes(suite: Suite, place: usize) -> Vec<u8> {
    let bit = 1 << (place % 8);
    match suite.key_type() {
        KeyType::X25519 => BTreeSet::from([bit, 1, 128, 255]).into_iter().collect(),
        KeyType::XWing => vec![bit],
    }
}

/// A message to Bob and Carol, from somebody or nobody. Bob knows the senders called "alice".
fn sealed(suite: Suite, sender: Option<&str>) -> (Vec<u8>, Receiver) {
    let sender = sender.map(person);
    let alice = person("alice");
    let bob = receiver(suite, "bob", &[alice.public()]);
    let carol = keys(suite.key_type(), "carol");
    let mut sealer = Sealer::new(suite, NOW + 24).to(carol.public());
    let as_contact = receiver(suite, "alice", &[bob.keys().public()]);
    sealer = match &sender {
        None => sealer.to(bob.keys().public()),
        Some(sender) if sender.public() == alice.public() && suite.form() == Form::Sealed => {
            sealer.from(&alice).to_contact(&as_contact.contacts()[0])
        }
        Some(sender) => sealer.from(sender).to(bob.keys().public()),
    };
    if sender
        .as_ref()
        .is_some_and(|sender| sender.public() != alice.public())
    {
        sealer = sealer.introduce();
    }
    let content = Content::new("text/plain", "the usual place");
    let entropy = &mut TestRng::new(1);
    (sealer.seal(&CRYPTO, &content, entropy).unwrap(), bob)
}

/// Every way to change one byte, with its place.
fn changed(suite: Suite, envelope: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..envelope.len()).flat_map(move |place| {
        changes(suite, place).into_iter().map(move |change| {
            let mut bytes = envelope.to_vec();
            bytes[place] ^= change;
            (place, bytes)
        })
    })
}

/// Where each field of `envelope` lies, its length not included.
struct Fields {
    slots: usize,
    slot_len: usize,
    sealed_keys: usize,
    signature: usize,
    /// The places of the varints.
    varints: [usize; 5],
}

fn fields(envelope: &[u8]) -> Fields {
    let view = EnvelopeRef::parse(envelope).unwrap();
    let varint = |len: usize| if len < 128 { 1 } else { 2 };
    let payload = 71;
    let encapsulation = payload + varint(view.payload().len()) + view.payload().len() + 16;
    let hints = encapsulation + 1 + view.encapsulation().len();
    let sealed_keys = hints + 1 + view.hints().as_flattened().len();
    let signature = sealed_keys + varint(view.sealed_keys().len()) + view.sealed_keys().len();
    assert_eq!(signature + 1 + 64, envelope.len());
    Fields {
        slots: view.slots(),
        slot_len: view.slot_len(),
        sealed_keys: signature - view.sealed_keys().len(),
        signature: signature + 1,
        varints: [payload, encapsulation, hints, sealed_keys, signature],
    }
}

/// Changes every byte of a message from `sender`; nothing may open. Returns the codes that came.
fn nothing_opens(suite: Suite, sender: &str) -> BTreeSet<&'static str> {
    let (envelope, bob) = sealed(suite, Some(sender));
    assert_eq!(code(&envelope, &bob), "opened", "{suite:?}");
    changed(suite, &envelope)
        .map(|(place, bytes)| {
            let code = code(&bytes, &bob);
            assert_ne!(code, "opened", "{suite:?}, byte {place}");
            code
        })
        .collect()
}

/// One who changes a byte of a contact's message gets nothing opened.
#[test]
fn every_byte_of_a_known_senders_envelope() {
    for suite in Suite::ALL {
        let codes = nothing_opens(suite, "alice");
        // The same bytes give the same answer everywhere, down to these codes: a payload that was touched is never
        // decrypted, as hints and slots depend on it or the signature comes first.
        let expected = [
            "version",
            "malformed",
            "suite",
            "expired",
            "not-for-me",
            "bad-signature",
        ];
        assert_eq!(codes, BTreeSet::from(expected), "{suite:?}");
    }
}

/// The same with a sender whom the receiver does not know, but who introduces himself.
#[test]
fn every_byte_of_an_introduced_senders_envelope() {
    for suite in Suite::ALL {
        let codes = nothing_opens(suite, "a stranger");
        assert!(codes.contains("bad-signature"), "{suite:?}: {codes:?}");
        assert!(!codes.contains("bad-payload"), "{suite:?}: {codes:?}");
    }
}

/// In an anonymous message the signature proves nothing, so exactly it and the slots of others can change; what opens
/// is the same message of the same core.
#[test]
fn anonymous_envelope_only_signature_and_foreign_slots_may_change() {
    for suite in Suite::ALL {
        let (envelope, bob) = sealed(suite, None);
        let original = open(&envelope, &bob).unwrap();
        let fields = fields(&envelope);
        let slot = |slot: usize| {
            let start = fields.sealed_keys + slot * fields.slot_len;
            start..start + fields.slot_len
        };
        let free = |place: usize| {
            let foreign = (0..fields.slots).filter(|other| *other != original.slot);
            place >= fields.signature || foreign.into_iter().any(|n| slot(n).contains(&place))
        };
        let mut opened = BTreeSet::new();
        for (place, bytes) in changed(suite, &envelope) {
            match open(&bytes, &bob) {
                Ok(changed) => {
                    assert!(free(place), "{suite:?}, byte {place} may not change");
                    same_message(&changed, &original);
                    opened.insert(place);
                }
                Err(error) => assert!(!free(place), "{suite:?}, byte {place}: {error}"),
            }
        }
        let free = 64 + (fields.slots - 1) * fields.slot_len;
        assert_eq!(opened.len(), free, "{suite:?}");
    }
}

fn same_message(a: &Opened, b: &Opened) {
    assert_eq!((a.core, a.slot, a.expires), (b.core, b.slot, b.expires));
    assert_eq!((&a.sender, &a.content), (&Sender::Anonymous, &b.content));
    assert_eq!(a.reply, b.reply);
}

/// No part of an envelope is an envelope, nor is one with something behind it; and no field can grow or shrink.
#[test]
fn every_truncation_and_extension() {
    for suite in Suite::ALL {
        // Anonymous: no signature helps to refuse it.
        let (envelope, bob) = sealed(suite, None);
        for end in 0..envelope.len() {
            assert_eq!(
                code(&envelope[..end], &bob),
                "malformed",
                "{suite:?}, {end}"
            );
            let start = code(&envelope[end + 1..], &bob);
            assert_ne!(start, "opened", "{suite:?}, from {}", end + 1);
        }
        for more in 0..=255 {
            let longer = [&envelope[..], &[more]].concat();
            assert_eq!(code(&longer, &bob), "malformed", "{suite:?}, {more}");
        }
        let twice = [&envelope[..], &envelope].concat();
        assert_eq!(code(&twice, &bob), "malformed", "{suite:?}, twice");

        type Change = fn(&mut Envelope);
        let resized: [(&str, Change); 12] = [
            ("payload longer", |e| e.payload.push(0)),
            ("payload shorter", |e| e.payload.truncate(1039)),
            ("payload of a tag", |e| e.payload.truncate(16)),
            ("encapsulation longer", |e| e.encapsulation.push(0)),
            ("encapsulation of 31 or other bytes", |e| {
                let len = if e.encapsulation.is_empty() { 32 } else { 31 };
                e.encapsulation.resize(len, 0);
            }),
            ("a slot more", |e| {
                e.hints.push([255; 16]);
                e.sealed_keys.resize(e.sealed_keys.len() / 4 * 5, 0);
            }),
            ("a slot less", |e| {
                e.hints.truncate(3);
                e.sealed_keys.truncate(e.sealed_keys.len() / 4 * 3);
            }),
            ("two slots", |e| {
                e.hints.truncate(2);
                e.sealed_keys.truncate(e.sealed_keys.len() / 2);
            }),
            ("slots longer", |e| e.sealed_keys.extend([0; 4])),
            ("slots shorter", |e| {
                e.sealed_keys.truncate(e.sealed_keys.len() - 4);
            }),
            ("signature longer", |e| e.signature.push(0)),
            ("signature shorter", |e| e.signature.truncate(63)),
        ];
        for (what, change) in resized {
            let mut fields = EnvelopeRef::parse(&envelope).unwrap().to_owned();
            change(&mut fields);
            let bytes = fields.encode().unwrap();
            assert_eq!(code(&bytes, &bob), "malformed", "{suite:?}: {what}");
        }
        // Well-formed, in the next step: refused by what binds all that is there.
        let mut longer = EnvelopeRef::parse(&envelope).unwrap().to_owned();
        longer.payload.resize(2048 + 16, 0);
        assert_eq!(
            code(&longer.encode().unwrap(), &bob),
            "not-for-me",
            "{suite:?}"
        );
        let mut more = EnvelopeRef::parse(&envelope).unwrap().to_owned();
        more.hints
            .extend([252, 253, 254, 255].map(|byte| [byte; 16]));
        more.hints.sort_unstable();
        more.sealed_keys.resize(more.sealed_keys.len() * 2, 0);
        assert_eq!(
            code(&more.encode().unwrap(), &bob),
            "not-for-me",
            "{suite:?}"
        );
    }
}

/// Each length in an envelope has one form: the same number in more bytes is refused where it stands.
#[test]
fn non_minimal_varints() {
    for suite in Suite::ALL {
        let (envelope, bob) = sealed(suite, None);
        for at in fields(&envelope).varints {
            let len = envelope[at..].iter().position(|b| *b < 128).unwrap() + 1;
            for longer in len + 1..=7 {
                let mut varint = envelope[at..at + len].to_vec();
                varint[len - 1] |= 0x80;
                varint.resize(longer - 1, 0x80);
                varint.push(0);
                let bytes = [&envelope[..at], &varint, &envelope[at + len..]].concat();
                let error: ParseError = EnvelopeRef::parse(&bytes).unwrap_err();
                let kind = match longer {
                    ..=5 => ParseErrorKind::VarintNotMinimal,
                    _ => ParseErrorKind::VarintOverflow,
                };
                assert_eq!((error.kind(), error.offset()), (kind, at), "{suite:?}");
                assert_eq!(code(&bytes, &bob), "malformed");
            }
        }
    }
}
