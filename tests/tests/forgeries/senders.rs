//! Signatures, hints and introductions of somebody else.

use wcmp::suite::Form;
use wcmp::{Sender, Suite};
use wcmp_tests::kit::{Forge, Forged, Hint, Row, SEALED, Stage, code, open, person, sign};

use super::{People, introducing, text};

/// A receiver of Alice's message knows everything in it and puts another signature under it. Nobody who would take the
/// message for Alice's opens it: neither who knows her nor who learns her key from it.
#[test]
fn signature_replaced() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let cases = [
            (people.alices_letter().build(), &people.bob),
            (people.alices_introduction().build(), &people.dave),
        ];
        for (honest, reader) in cases {
            assert_eq!(code(&honest.bytes(), reader), "opened", "{suite:?}");

            let mut by_mallory = honest.clone();
            sign(
                &mut by_mallory.envelope,
                suite,
                &honest.content_key,
                &people.mallory,
            );
            assert_eq!(
                code(&by_mallory.bytes(), reader),
                "bad-signature",
                "{suite:?}"
            );

            let mut other = people.alices_letter();
            other.seed = 2;
            let mut of_another = honest.clone();
            of_another.envelope.signature = other.build().envelope.signature;
            assert_eq!(
                code(&of_another.bytes(), reader),
                "bad-signature",
                "{suite:?}"
            );

            // Not masked in a sealed suite, and masked in an open one.
            let mut unmasked = honest.clone();
            let keys = wcmp_tests::kit::schedule(&honest.content_key, &honest.envelope.prefix());
            let field = unmasked.envelope.signature.iter_mut();
            field.zip(keys.mask).for_each(|(byte, mask)| *byte ^= mask);
            assert_eq!(
                code(&unmasked.bytes(), reader),
                "bad-signature",
                "{suite:?}"
            );

            let mut zero = honest;
            zero.envelope.signature = vec![0; 64];
            assert_eq!(code(&zero.bytes(), reader), "bad-signature", "{suite:?}");
        }
    }
}

/// In open suites the sender's hint and signature stand in the clear, and whoever finds an envelope can put their own
/// there. The hint is part of the prefix, on which slots and payload depend: the message is nobody's then, whether the
/// reader knows the new sender (whose signature is right) or not.
#[test]
fn hint_and_signature_replaced() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        for known in [true, false] {
            let thief = person(if known { "mallory" } else { "nobody knows me" });
            let rows = people.rows(&people.alice, &people.carol);
            let honest = Forge::new(suite, &people.alice, rows, text("from Alice")).build();
            assert_eq!(code(&honest.bytes(), &people.carol), "opened");

            let Forged {
                mut envelope,
                content_key,
            } = honest;
            match suite.form() {
                Form::Open => {
                    let key = thief.public().hint_key();
                    envelope.sender_hint = key.sender_hint(suite, &envelope.sender_nonce);
                }
                // There it is random and names nobody; what names is the hint of the slot.
                Form::Sealed => envelope.sender_hint = [7; 16],
            }
            sign(&mut envelope, suite, &content_key, &thief);
            let bytes = envelope.encode().unwrap();
            assert_eq!(
                code(&bytes, &people.carol),
                "not-for-me",
                "{suite:?}, {known}"
            );
        }
    }
}

/// In sealed suites the hints of the slots name the sender. A receiver of the message who puts her own pair hint there,
/// with her own signature, gets a slot that does not open: it was sealed for other hints.
#[test]
fn slot_hint_and_signature_replaced() {
    for suite in SEALED {
        let people = People::new(suite);
        let rows = people.rows(&people.alice, &people.carol);
        let honest = Forge::new(suite, &people.alice, rows, text("from Alice")).build();
        let slot = open(&honest.bytes(), &people.carol).unwrap().slot;

        let body = honest.envelope.body(wcmp_wire::sha256).0;
        let to = people.carol.keys().public();
        let pair = people
            .mallory
            .pair_key(&wcmp_tests::kit::CRYPTO, to)
            .unwrap();
        let crypto = wcmp_tests::kit::CRYPTO;
        let hint = pair
            .hint_key(&crypto, suite, people.mallory.public(), to)
            .hint(&body);
        let mut envelope = honest.envelope.clone();
        envelope.hints[slot] = hint;
        // Keeping the order of hints takes the keys along.
        let mut rows: Vec<_> = envelope
            .hints
            .iter()
            .zip(envelope.sealed_keys.chunks(48))
            .collect();
        rows.sort();
        let keys = rows.iter().flat_map(|row| row.1).copied().collect();
        envelope.hints = rows.iter().map(|row| *row.0).collect();
        envelope.sealed_keys = keys;
        sign(&mut envelope, suite, &honest.content_key, &people.mallory);
        let bytes = envelope.encode().unwrap();
        assert_eq!(code(&bytes, &people.carol), "not-for-me", "{suite:?}");
    }
}

/// Mallory introduces Alice. She can take Alice's hint or her own, be known to the reader or not: she cannot sign.
#[test]
fn introduction_of_somebody_else() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let sealed = suite.form() == Form::Sealed;
        let plaintext = introducing(&people.alice);
        for (reader, hint_of, paired, expected) in [
            // Under Alice's hint: who knows her checks her signature at once, who does not checks it when she
            // is introduced. Sealed: there is no hint of hers.
            (&people.bob, &people.alice, false, "bad-signature"),
            (&people.dave, &people.alice, false, "bad-signature"),
            // Under Mallory's own hint.
            (
                &people.bob,
                &people.mallory,
                false,
                if sealed {
                    "bad-signature"
                } else {
                    "bad-introduction"
                },
            ),
            (
                &people.dave,
                &people.mallory,
                false,
                if sealed {
                    "bad-signature"
                } else {
                    "bad-introduction"
                },
            ),
            // Recognised as Mallory, and introducing Alice.
            (&people.carol, &people.mallory, true, "bad-introduction"),
        ] {
            let rows = match paired {
                true => people.rows(&people.mallory, reader),
                false => people.stranger_rows(reader),
            };
            let mut forge = Forge::new(suite, &people.mallory, rows, plaintext.clone());
            forge.hint_of = hint_of.public();
            assert_eq!(code(&forge.bytes(), reader), expected, "{suite:?}");
        }
        // The same, signed by Alice for another envelope.
        let other = people.alices_introduction().build().envelope.signature;
        let rows = people.stranger_rows(&people.dave);
        let mut forge = Forge::new(suite, &people.mallory, rows, plaintext.clone());
        forge.hint_of = people.alice.public();
        forge.seed = 2;
        let forge = forge.hook(move |stage, envelope| {
            if stage == Stage::Signed {
                envelope.signature.clone_from(&other);
            }
        });
        assert_eq!(
            code(&forge.bytes(), &people.dave),
            "bad-signature",
            "{suite:?}"
        );
    }
}

/// Bob and Alice share a pair key. What it makes serves one direction, one receiver and one suite: Bob cannot use
/// Alice's hint towards Carol, nor send it back to Alice as if it came from somebody she knows.
#[test]
fn pair_hint_replayed_to_another_receiver() {
    for suite in SEALED {
        let people = People::new(suite);
        let bob = person("bob");
        let carol = people.carol.keys().public();
        let alice = wcmp_tests::kit::receiver(suite, "alice", &[bob.public(), carol]);
        let crypto = wcmp_tests::kit::CRYPTO;
        let pair = bob.pair_key(&crypto, people.alice.public()).unwrap();
        let other_suite = SEALED[usize::from(suite == SEALED[0])];

        // Alice -> Bob, as both can compute it, in an envelope with slots for the others. Everything else is right.
        let with_hint = |suite_of_hint: Suite, to, back: bool| {
            let (from, towards) = match back {
                false => (people.alice.public(), bob.public()),
                true => (bob.public(), people.alice.public()),
            };
            let key = pair.hint_key(&crypto, suite_of_hint, from, towards);
            // Which body it has is known after the first building, and does not depend on the hints.
            let rows = |hint| {
                vec![Row {
                    hint,
                    ..Row::new(suite, to)
                }]
            };
            let dry = Forge::new(suite, &bob, rows(Hint::Raw([0; 16])), text("forged")).build();
            let hint = key.hint(&dry.envelope.body(wcmp_wire::sha256).0);
            Forge::new(suite, &bob, rows(Hint::Raw(hint)), text("forged")).bytes()
        };
        let to_bob = with_hint(suite, bob.public(), false);
        assert_eq!(
            code(&to_bob, &people.bob),
            "bad-signature",
            "what Bob writes to himself as Alice"
        );
        assert_eq!(
            code(&with_hint(suite, carol, false), &people.carol),
            "not-for-me"
        );
        assert_eq!(
            code(&with_hint(suite, alice.keys().public(), false), &alice),
            "not-for-me"
        );
        assert_eq!(
            code(&with_hint(other_suite, alice.keys().public(), true), &alice),
            "not-for-me"
        );
        let honest = with_hint(suite, alice.keys().public(), true);
        assert_eq!(code(&honest, &alice), "opened", "from Bob, his own hint");
    }
}

/// Mallory got a message from Alice and sends its content on, as Alice: with Alice's hint, her introduction, her
/// signature or Mallory's own. The signature is over hints and slots, so over the receivers whom Alice chose.
#[test]
fn envelope_for_me_forwarded_in_my_name() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        for plaintext in [text("to Mallory only"), introducing(&people.alice)] {
            let rows = vec![people.to_mallory()];
            let to_mallory = Forge::new(suite, &people.alice, rows, plaintext.clone()).build();
            let signature = to_mallory.envelope.signature.clone();
            for reader in [&people.bob, &people.dave] {
                // Prefix, content key, payload: everything as Alice made it, but for another receiver.
                let rows = people.stranger_rows(reader);
                let again = Forge::new(suite, &people.mallory, rows, plaintext.clone());
                let again = Forge {
                    hint_of: people.alice.public(),
                    ..again
                };
                let (mut kept, mut own) = (again.build(), again.build());
                assert_eq!(kept.envelope.prefix(), to_mallory.envelope.prefix());
                assert_eq!(kept.envelope.payload, to_mallory.envelope.payload);
                kept.envelope.signature.clone_from(&signature);
                sign(&mut own.envelope, suite, &own.content_key, &people.mallory);
                for forged in [kept, own] {
                    match open(&forged.bytes(), reader) {
                        Err(error) => assert_eq!(error.code(), "bad-signature", "{suite:?}"),
                        // Where Alice neither is recognised nor introduces herself, it is an anonymous message.
                        Ok(opened) => {
                            assert_eq!(opened.sender, Sender::Anonymous, "{suite:?}");
                            assert_eq!(*opened.content.body, *b"to Mallory only", "{suite:?}");
                        }
                    }
                }
            }
        }
    }
}
