//! What envelopes show to those who hold no private key, and what they do not.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "metadata/alike.rs"]
mod alike;
#[path = "metadata/distinguisher.rs"]
mod distinguisher;
#[path = "metadata/recognising.rs"]
mod recognising;

use std::collections::BTreeSet;

use wcmp::message::{Sealer, padded_len};
use wcmp::{Content, EnvelopeRef, Sender, Suite};
use wcmp_tests::kit::{
    CRYPTO, NOW, SEALED, TestRng, X25519_SUITES, code, keys, open, person, receiver,
};

/// The length of an envelope depends on the step of the content and on the power of two of the slots, and on nothing
/// else: not on who writes, how they are recognised, whether a key is introduced or offered, or how many receivers
/// there are within the power.
#[test]
fn sizes_come_in_steps() {
    for suite in X25519_SUITES {
        let (alice, bob) = (person("alice"), person("bob"));
        let to_alice = receiver(suite, "alice", &[bob.public()]);
        let people: Vec<_> = (0..9).map(|n| person(&format!("person {n}"))).collect();
        let mut rng = TestRng::new(10);
        let mut seal = |sealer: Sealer<'_>, body: usize| {
            let content = Content::new("text/plain", vec![b'x'; body]);
            let bytes = sealer.seal(&CRYPTO, &content, &mut rng).unwrap();
            let view = EnvelopeRef::parse(&bytes).unwrap();
            (bytes.len(), view.payload().len() - 16, view.slots())
        };
        let new = || Sealer::new(suite, NOW).to(bob.public());

        // Content: two options, type and length, body and length, number of extensions.
        let mut steps = BTreeSet::new();
        for body in (0..3000)
            .step_by(61)
            .chain([60_000, 65_517, 65_520, 70_000, 300_000, 1_000_000])
        {
            let varint = [1, 2, 3][usize::from(body > 127) + usize::from(body > 16_383)];
            let (len, padded, _) = seal(new(), body);
            assert_eq!(padded, padded_len(2 + 11 + varint + body + 1 + 1), "{body}");
            steps.insert((padded, len));
        }
        let payloads: BTreeSet<usize> = steps.iter().map(|(padded, _)| *padded).collect();
        assert_eq!(payloads.len(), steps.len(), "one length a step");
        assert_eq!(payloads.range(..=4096).count(), 3, "1024, 2048, 4096");

        // The least step holds a short text with all that can come along.
        let mut kinds = vec![
            seal(new(), 0),
            seal(new(), 300),
            seal(new().reply_key(&people[0]), 300),
            seal(new().from(&alice), 300),
            seal(new().from(&alice).introduce().reply_key(&people[0]), 300),
            seal(Sealer::dummy(suite, NOW), 300),
        ];
        if SEALED.contains(&suite) {
            let paired = Sealer::new(suite, NOW).from(to_alice.keys());
            kinds.push(seal(paired.to_contact(&to_alice.contacts()[0]), 300));
        }
        let mut all = new();
        for person in &people[..3] {
            all = all.to(person.public());
            kinds.push(seal(
                Sealer::new(suite, NOW).to(person.public()).slots(3),
                300,
            ));
        }
        kinds.push(seal(all, 300));
        assert_eq!(BTreeSet::from_iter(kinds).len(), 1, "{suite:?}");

        // Slots.
        for (receivers, slots) in [(1, 4), (4, 4), (5, 8), (8, 8), (9, 16)] {
            let to = people.iter().take(receivers);
            let sealer = to.fold(Sealer::new(suite, NOW), |sealer, to| sealer.to(to.public()));
            assert_eq!(seal(sealer, 0).2, slots);
        }
    }
}

/// Alice is a contact of Bob's key pair K1. She writes to K2, which she suspects to be his: nothing that K2 makes of it
/// knows her, whatever K1 would make of it. Both are asked about every envelope; what one finds never mixes with what
/// the other does.
#[test]
fn second_persona_shows_nothing() {
    for suite in Suite::ALL {
        let alice = keys(suite.key_type(), "alice");
        let first = receiver(suite, "bob, as friends know him", &[alice.public()]);
        let second = receiver(suite, "bob, as nobody knows him", &[]);
        let as_alice = [&first, &second].map(|to| receiver(suite, "alice", &[to.keys().public()]));
        let content = Content::new("", "is it you?");
        let mut rng = TestRng::new(11);
        let sealed = SEALED.contains(&suite);

        // As a contact would write: with her sender hint, or with pair hints.
        let new = || Sealer::new(suite, NOW).from(&alice);
        let known_to = |n: usize| match sealed {
            true => new().to_contact(&as_alice[n].contacts()[0]),
            false => new().to(as_alice[n].contacts()[0].public()),
        };
        let to_second = known_to(1).seal(&CRYPTO, &content, &mut rng).unwrap();
        assert_eq!(code(&to_second, &first), "not-for-me", "{suite:?}");
        match sealed {
            true => assert_eq!(code(&to_second, &second), "not-for-me", "{suite:?}"),
            false => assert_eq!(open(&to_second, &second).unwrap().sender, Sender::Anonymous),
        }

        // As a stranger, introducing herself: K2 learns her key as that of a stranger.
        let introduced = new().to(second.keys().public()).introduce();
        let introduced = introduced.seal(&CRYPTO, &content, &mut rng).unwrap();
        assert_eq!(code(&introduced, &first), "not-for-me", "{suite:?}");
        let sender = open(&introduced, &second).unwrap().sender;
        assert_eq!(
            sender,
            Sender::Introduced(alice.public().clone()),
            "{suite:?}"
        );

        // To both at once.
        let both = known_to(0).to(second.keys().public()).introduce();
        let both = both.seal(&CRYPTO, &content, &mut rng).unwrap();
        let (one, two) = (open(&both, &first).unwrap(), open(&both, &second).unwrap());
        assert_eq!(
            one.sender,
            Sender::Known(alice.public().clone()),
            "{suite:?}"
        );
        assert_eq!(
            two.sender,
            Sender::Introduced(alice.public().clone()),
            "{suite:?}"
        );
        assert_ne!(one.slot, two.slot);

        // A slot of K1 in an envelope whose other slots are K2's says nothing about K2: after K1 opened it, K2 gives
        // the same answer as before.
        assert_eq!(open(&both, &second).unwrap().sender, two.sender);
    }
}

/// Same sender, same receivers, same content: no eight bytes come twice, within an envelope or between two.
#[test]
fn envelopes_have_nothing_in_common() {
    for suite in Suite::ALL {
        let (alice, bob) = (person("alice"), keys(suite.key_type(), "bob"));
        let sealer = Sealer::new(suite, NOW)
            .from(&alice)
            .to(bob.public())
            .introduce();
        let content = Content::new("text/plain", "the same words");
        let mut rng = TestRng::new(12);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..40 {
            let bytes = sealer.seal(&CRYPTO, &content, &mut rng).unwrap();
            let envelope = EnvelopeRef::parse(&bytes).unwrap();
            let random: [&[u8]; 8] = [
                envelope.sender_nonce(),
                envelope.sender_hint(),
                envelope.commitment(),
                envelope.payload(),
                envelope.recipient_nonce(),
                envelope.encapsulation(),
                envelope.hints().as_flattened(),
                envelope.signature(),
            ];
            for field in random.into_iter().chain([envelope.sealed_keys()]) {
                for window in field.windows(8) {
                    let window = <[u8; 8]>::try_from(window).unwrap();
                    assert!(seen.insert(window), "{suite:?}: {window:02x?}");
                }
            }
        }
    }
}
