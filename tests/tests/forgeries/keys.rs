//! Reply keys that are another's, and keys made of two people's halves.

use wcmp::{KeyPair, KeyType, PublicKey, Receiver, Sealer, Sender, Suite};
use wcmp_tests::kit::{
    CRYPTO, Forge, Hint, NOW, Parts, Row, TestRng, X25519_SUITES, code, key_of, open, pad, person,
    reply_signature,
};

use super::People;

/// A message from `signer` with slots for `rows`, which offers `reply` with a signature made for its prefix. With an
/// introduction if `introduce`.
fn offering<'a>(
    suite: Suite,
    signer: &'a KeyPair,
    rows: Vec<Row<'a>>,
    introduce: bool,
    reply: &'a [u8],
    signature: impl Fn(&[u8; 39]) -> Vec<u8> + 'a,
) -> Forge<'a> {
    Forge {
        plaintext: Box::new(move |prefix| {
            let parts = Parts::new("answer here").replying(reply, &signature(prefix));
            pad(&match introduce {
                true => parts.introducing(signer.public().as_bytes()).encode(),
                false => parts.encode(),
            })
        }),
        ..Forge::new(suite, signer, rows, vec![])
    }
}

/// Mallory wants the answers to a message of hers to go to Victim's key. She has seen Victim's key offered in another
/// envelope, anonymously and by name; she can sign with her own keys only.
#[test]
fn foreign_key_as_reply_key() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let (victim, mallory) = (person("victim"), &people.mallory);
        let reply = victim.public();
        let key = reply.as_bytes();
        // Who reads, whether Mallory introduces herself, and who she then is to them.
        let cases = [
            (&people.carol, false, Some(mallory.public())),
            (&people.carol, true, Some(mallory.public())),
            (&people.dave, true, Some(mallory.public())),
            (&people.dave, false, None),
        ];
        for (reader, introduce, sender) in cases {
            let rows = || match reader.contacts().is_empty() {
                true => people.stranger_rows(reader),
                false => people.rows(mallory, reader),
            };
            let refused = |what: &str, signature: &dyn Fn(&[u8; 39]) -> Vec<u8>| {
                let forge = offering(suite, mallory, rows(), introduce, key, signature);
                assert_eq!(
                    code(&forge.bytes(), reader),
                    "bad-reply",
                    "{suite:?}: {what}"
                );
            };
            refused("her own signature", &|prefix| {
                reply_signature(mallory, sender, prefix, reply).to_vec()
            });
            refused("Victim's, for another sender", &|prefix| {
                reply_signature(&victim, Some(reply), prefix, reply).to_vec()
            });
            refused("Victim's, for another prefix", &|prefix| {
                let mut other = *prefix;
                other[3] ^= 1;
                reply_signature(&victim, sender, &other, reply).to_vec()
            });
            refused("Victim's, for another key", &|prefix| {
                reply_signature(&victim, sender, prefix, mallory.public()).to_vec()
            });
            let anonymous = sender.map_or(Some(reply), |_| None);
            refused(
                "Victim's, for nobody instead of Mallory, or the reverse",
                &|prefix| reply_signature(&victim, anonymous, prefix, reply).to_vec(),
            );
            for len in [0, 63, 65] {
                refused("too short or too long", &|prefix| {
                    let mut right = reply_signature(&victim, sender, prefix, reply).to_vec();
                    right.resize(len, 0);
                    right
                });
            }
            // With Victim's help it is Victim's wish, and opens.
            let willing = offering(suite, mallory, rows(), introduce, key, |prefix| {
                reply_signature(&victim, sender, prefix, reply).to_vec()
            });
            let opened = open(&willing.bytes(), reader).unwrap();
            assert_eq!(opened.reply.as_ref(), Some(reply));
            assert_eq!(opened.sender.public_key(), sender);
        }
    }
}

/// The limit: what a reply key signs in an anonymous message is the prefix and not the words. Whoever received the
/// message can send other words under the same prefix, with the same reply key; answers to them reach the one who
/// offered it and nobody else.
#[test]
fn limit_reply_key_of_an_anonymous_message_under_other_words() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let (nobody, victim) = (person("a throw-away key"), person("victim"));
        let rows = || people.stranger_rows(&people.dave);
        let offer =
            |prefix: &[u8; 39]| reply_signature(&victim, None, prefix, victim.public()).to_vec();
        let key = victim.public().as_bytes();
        let honest = offering(suite, &nobody, rows(), false, key, offer).build();

        let signature = offer(&honest.envelope.prefix());
        let words = Parts::new("other words").replying(key, &signature).encode();
        let mut forge = Forge::new(suite, &people.mallory, rows(), pad(&words));
        forge.hint_of = nobody.public();
        let forged = forge.build();
        assert_eq!(forged.envelope.prefix(), honest.envelope.prefix());
        let opened = open(&forged.bytes(), &people.dave).unwrap();
        assert_eq!(opened.sender, Sender::Anonymous);
        assert_eq!(opened.reply.as_ref(), Some(victim.public()));
    }
}

/// A public key made of the KEM half of one and the Ed25519 half of the other.
fn halves(kem: &KeyPair, ed25519: &KeyPair) -> PublicKey {
    let key = key_of(kem.public().kem(), ed25519.public().ed25519());
    PublicKey::from_bytes(&key).unwrap()
}

/// Mallory makes keys of half a key of Alice's.
///
/// Refused: *Alice's signing half* with Mallory's KEM half, as introduction or reply key, since whoever introduces or
/// offers a key signs with it.
///
/// Not refused, because a message alone cannot show it: *Mallory's signing half* with Alice's KEM half. But it is
/// another key with another key_id. Who gets it does not take its owner for Alice, and what is sealed to it nobody
/// opens: not Alice, to whose KEM half it was sealed, nor Mallory, who lacks that half. That second part is
/// [`sealed_to_two_halves_opens_for_neither`].
#[test]
fn key_of_two_halves() {
    for suite in X25519_SUITES {
        let people = People::new(suite);
        let (alice, mallory) = (&people.alice, &people.mallory);

        let alice_signs = halves(mallory, alice);
        let signature = people.alices_letter().build().envelope.signature;
        for reader in [&people.bob, &people.dave] {
            let introduction = Parts::new("me")
                .introducing(alice_signs.as_bytes())
                .encode();
            let rows = people.stranger_rows(reader);
            let mut forge = Forge::new(suite, mallory, rows.clone(), pad(&introduction));
            forge.hint_of = &alice_signs;
            let mut forged = forge.build();
            assert_eq!(code(&forged.bytes(), reader), "bad-signature", "{suite:?}");
            forged.envelope.signature.clone_from(&signature);
            assert_eq!(code(&forged.bytes(), reader), "bad-signature", "{suite:?}");

            let reply = offering(
                suite,
                mallory,
                rows,
                true,
                alice_signs.as_bytes(),
                |prefix| {
                    reply_signature(mallory, Some(mallory.public()), prefix, &alice_signs).to_vec()
                },
            );
            assert_eq!(code(&reply.bytes(), reader), "bad-reply", "{suite:?}");
        }

        let mallory_signs = halves(alice, mallory);
        let introduction = Parts::new("me")
            .introducing(mallory_signs.as_bytes())
            .encode();
        let rows = people.stranger_rows(&people.bob);
        let mut forge = Forge::new(suite, mallory, rows.clone(), pad(&introduction));
        forge.hint_of = &mallory_signs;
        let opened = open(&forge.bytes(), &people.bob).unwrap();
        assert_eq!(opened.sender, Sender::Introduced(mallory_signs.clone()));
        assert_ne!(mallory_signs, *alice.public());
        assert_ne!(mallory_signs.fingerprint(), alice.public().fingerprint());

        let reply = offering(
            suite,
            mallory,
            rows,
            true,
            mallory_signs.as_bytes(),
            |prefix| {
                reply_signature(mallory, Some(mallory.public()), prefix, &mallory_signs).to_vec()
            },
        );
        let opened = open(&reply.bytes(), &people.bob).unwrap();
        assert_eq!(opened.reply.as_ref(), Some(&mallory_signs));
    }
}

/// What is sealed to a key of two halves opens for neither, whatever hint leads there: key_id is part of hint and slot.
#[test]
fn sealed_to_two_halves_opens_for_neither() {
    for suite in X25519_SUITES {
        let people = People::new(suite);
        let (alice, mallory, bob) = (&people.alice, &people.mallory, person("bob"));
        let mixed = halves(alice, mallory);
        let content = wcmp::Content::new("", "for whoever you are");
        let sealer = Sealer::new(suite, NOW + 24).to(&mixed);
        let envelope = sealer
            .seal(&CRYPTO, &content, &mut TestRng::new(6))
            .unwrap();
        let owners = [person("alice"), person("mallory")];
        let owners = owners.map(|keys| {
            let mut owner = Receiver::new(keys);
            owner.add_contact(&CRYPTO, bob.public().clone());
            owner
        });
        for owner in &owners {
            assert_eq!(code(&envelope, owner), "not-for-me", "{suite:?}");
        }

        // Even if the slot stood under a hint that its owner looks for.
        for owner in &owners {
            let lead = Forge::new(
                suite,
                &bob,
                vec![Row::new(suite, owner.keys().public())],
                vec![],
            );
            let lead = lead.build().envelope;
            let row = Row::paired(suite, &bob, owner.keys().public());
            let hint = match row.hint {
                // An open hint depends on the nonce alone, which is the same in both.
                Hint::Receiver => {
                    let key = owner.keys().hint_key();
                    Hint::Raw(key.receiver_hint(suite, &lead.recipient_nonce))
                }
                other => other,
            };
            let hint = match hint {
                Hint::Pair(sender) => {
                    let content = pad(&Parts::new("led there").encode());
                    let dry = Forge::new(suite, &bob, vec![], content).build().envelope;
                    let to = owner.keys().public();
                    let pair = sender.pair_key(&CRYPTO, to).unwrap();
                    let key = pair.hint_key(&CRYPTO, suite, sender.public(), to);
                    Hint::Raw(key.hint(&dry.body(wcmp_wire::sha256).0))
                }
                other => other,
            };
            let content = pad(&Parts::new("led there").encode());
            let right = Row {
                to: owner.keys().public(),
                hint,
                content_key: None,
            };
            let control = Forge::new(suite, &bob, vec![right], content.clone());
            assert_eq!(code(&control.bytes(), owner), "opened", "{suite:?}");
            let led = Row {
                to: &mixed,
                hint,
                content_key: None,
            };
            let led = Forge::new(suite, &bob, vec![led], content);
            assert_eq!(code(&led.bytes(), owner), "not-for-me", "{suite:?}");
        }
    }
}

/// The same with X-Wing: the KEM half decides who can decapsulate, key_id who can open.
#[test]
fn sealed_to_two_halves_of_type_2_opens_for_neither() {
    let suite = Suite::OpenXWing;
    let [alice, mallory] =
        ["alice", "mallory"].map(|name| wcmp_tests::kit::keys(KeyType::XWing, name));
    let mixed = halves(&alice, &mallory);
    let bob = person("bob");
    for owner in [Receiver::new(alice), Receiver::new(mallory)] {
        let nonce = Forge::new(suite, &bob, vec![], vec![])
            .build()
            .envelope
            .recipient_nonce;
        let hint = Hint::Raw(owner.keys().hint_key().receiver_hint(suite, &nonce));
        for (to, expected) in [(owner.keys().public(), "opened"), (&mixed, "not-for-me")] {
            let row = Row {
                to,
                hint,
                content_key: None,
            };
            let content = pad(&Parts::new("led there").encode());
            assert_eq!(
                code(&Forge::new(suite, &bob, vec![row], content).bytes(), &owner),
                expected
            );
        }
    }
}
