//! Looking at an envelope that is somebody else's allocates nothing, in every suite and way.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use allocation_counter::measure;
use wcmp::{Content, EnvelopeRef, Readable, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, TestRng, person, receiver};

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
