//! Looking at an envelope that is somebody else's allocates nothing, in every suite and way; sealing allocates no more
//! for many receivers than for few.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use allocation_counter::measure;
use wcmp::suite::Form;
use wcmp::{Contact, Content, EnvelopeRef, Readable, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, TestRng, X25519_SUITES, person, receiver};

#[test]
fn recognising_allocates_nothing() {
    let contacts: Vec<_> = ["ben", "cleo", "dan"].map(person).into();
    let contacts: Vec<_> = contacts.iter().map(wcmp::KeyPair::public).collect();
    for suite in Suite::ALL {
        let me = receiver(suite, "me", &contacts);
        let envelope = Sealer::dummy(suite, NOW + 24)
            .slots(16)
            .seal(&CRYPTO, &Content::default(), &mut TestRng::new(1))
            .unwrap();
        let looked = measure(|| {
            let readable = Readable::parse(&envelope, NOW).unwrap();
            assert!(readable.recognise(&CRYPTO, &me).is_none());
        });
        assert_eq!(looked.count_total, 0, "{suite:?}: {looked:?}");
    }
}

#[test]
fn a_hit_allocates_nothing_before_it_is_opened() {
    for suite in Suite::ALL {
        let me = receiver(suite, "me", &[]);
        let envelope = Sealer::new(suite, NOW + 24)
            .to(me.keys().public())
            .seal(&CRYPTO, &Content::default(), &mut TestRng::new(2))
            .unwrap();
        let readable = Readable::parse(&envelope, NOW).unwrap();
        let looked = measure(|| assert!(readable.recognise(&CRYPTO, &me).is_some()));
        assert_eq!(looked.count_total, 0, "{suite:?}: {looked:?}");
        let opened = measure(|| {
            let recognised = readable.recognise(&CRYPTO, &me).unwrap();
            recognised.open(&CRYPTO, &[]).unwrap();
        });
        assert!(opened.count_total > 0, "the counter counts");
    }
}

#[test]
fn parsing_allocates_nothing() {
    let envelope = Sealer::dummy(Suite::OpenAes256Gcm, NOW)
        .slots(4096)
        .seal(&CRYPTO, &Content::default(), &mut TestRng::new(3))
        .unwrap();
    let parsed = measure(|| {
        let view = EnvelopeRef::parse(&envelope).unwrap();
        assert_eq!(view.slots(), 4096);
        let _ = view.id(CRYPTO.sha256);
    });
    assert_eq!(parsed.count_total, 0, "{parsed:?}");
}

/// The envelope, the lists of receivers and rows, the ephemeral key: however many receivers, however long the content.
#[test]
fn sealing_allocates_nothing_per_receiver() {
    for suite in X25519_SUITES {
        let sender = person("sender");
        let people: Vec<_> = (0..128).map(|n| person(&format!("{n}"))).collect();
        let contacts: Vec<_> = people
            .iter()
            .map(|them| Contact::new(&CRYPTO, &sender, them.public().clone()))
            .collect();
        let seal = |receivers: usize, paired: bool, body: usize| {
            let mut sealer = Sealer::new(suite, NOW).from(&sender).introduce();
            for contact in &contacts[..receivers] {
                sealer = match paired {
                    true => sealer.to_contact(contact),
                    false => sealer.to(contact.public()),
                };
            }
            let content = Content::new("text/plain", vec![7; body]);
            let mut envelope = Vec::new();
            let sealed = measure(|| {
                let rng = &mut TestRng::new(4);
                envelope = sealer.seal(&CRYPTO, &content, rng).unwrap();
            });
            assert_eq!(envelope.len(), envelope.capacity());
            (sealed, envelope.len() as u64)
        };
        for paired in [false, suite.form() == Form::Sealed] {
            let (few, _) = seal(4, paired, 10);
            for (receivers, body) in [(5, 10), (64, 10), (128, 10), (128, 1_000_000)] {
                let (many, len) = seal(receivers, paired, body);
                assert_eq!(many.count_total, few.count_total, "{suite:?}, {receivers}");
                // The content is written once, where it is sent from; the rest is small.
                let rest = 4096 + 400 * receivers as u64;
                assert!(many.bytes_total < len + rest, "{suite:?}: {many:?}, {len}");
            }
            assert!(few.count_total <= 8, "{suite:?}: {few:?}");
        }
    }
}

/// Opening decrypts into the memory in which the body is given out.
#[test]
fn opening_keeps_one_copy() {
    let me = receiver(Suite::SealedAes256Gcm, "me", &[]);
    let envelope = Sealer::new(Suite::SealedAes256Gcm, NOW)
        .to(me.keys().public())
        .seal(
            &CRYPTO,
            &Content::new("", vec![7; 1_000_000]),
            &mut TestRng::new(5),
        )
        .unwrap();
    let readable = Readable::parse(&envelope, NOW).unwrap();
    let recognised = readable.recognise(&CRYPTO, &me).unwrap();
    let mut opened = None;
    let used = measure(|| opened = recognised.open(&CRYPTO, &[]).ok());
    assert!(opened.is_some_and(|opened| *opened.content.body == [7; 1_000_000]));
    assert!(used.bytes_total < envelope.len() as u64 + 4096, "{used:?}");
}
