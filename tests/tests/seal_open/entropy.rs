//! Sealing as a function of its inputs and of 32 bytes (spec 7.2).

use wcmp::{Content, Extension, KeyPair, KeyType, PublicKey, Receiver, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, SEALED, TestRng, X25519_SUITES, keys, person, receiver};
use wcmp_wire::{Envelope, EnvelopeRef};

/// All that sealing depends on.
#[derive(Clone)]
struct Inputs<'a> {
    suite: Suite,
    expires: u32,
    entropy: [u8; 32],
    sender: Option<&'a KeyPair>,
    to: Vec<&'a PublicKey>,
    introduce: bool,
    reply: Option<&'a KeyPair>,
    content: Content,
}

impl Inputs<'_> {
    /// `rng` is for X-Wing.
    fn seal(&self, rng: u64) -> Envelope {
        let mut sealer = Sealer::new(self.suite, self.expires);
        if let Some(sender) = self.sender {
            sealer = sealer.from(sender);
        }
        if self.introduce {
            sealer = sealer.introduce();
        }
        if let Some(reply) = self.reply {
            sealer = sealer.shared_reply_key(reply);
        }
        let sealer = self.to.iter().fold(sealer, |sealer, to| sealer.to(to));
        let rng = &mut TestRng::new(rng);
        let sealed = sealer.seal_with_entropy(&CRYPTO, &self.content, &self.entropy, rng);
        EnvelopeRef::parse(&sealed.unwrap()).unwrap().to_owned()
    }
}

struct People {
    alice: KeyPair,
    other: KeyPair,
    reply: KeyPair,
    receivers: [KeyPair; 3],
}

impl People {
    fn new(suite: Suite) -> People {
        People {
            alice: person("alice"),
            other: person("other"),
            reply: person("reply"),
            receivers: ["bob", "carol", "dave"].map(|name| keys(suite.key_type(), name)),
        }
    }

    fn inputs(&self, suite: Suite) -> Inputs<'_> {
        Inputs {
            suite,
            expires: NOW,
            entropy: [1; 32],
            sender: Some(&self.alice),
            to: self.receivers[..2].iter().map(KeyPair::public).collect(),
            introduce: true,
            reply: Some(&self.reply),
            content: Content {
                extensions: vec![Extension {
                    id: 1,
                    data: vec![2],
                }],
                ..Content::new("text/plain", "hello")
            },
        }
    }
}

/// With keys of type 1 the same inputs give the same envelope, whatever the RNG. With type 2 all but the sealed keys,
/// and what depends on them, is the same.
#[test]
fn sealing_is_a_function_of_inputs_and_entropy() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let inputs = people.inputs(suite);
        let (a, b) = (inputs.seal(1), inputs.seal(2));
        if suite.key_type() == KeyType::X25519 {
            assert!(a == b, "{suite:?}");
        } else {
            assert!(inputs.seal(1) == a, "{suite:?}");
            let sealed_keys = b.sealed_keys.clone();
            assert!(sealed_keys != a.sealed_keys && b.signature != a.signature);
            let signature = b.signature.clone();
            assert!(
                Envelope {
                    sealed_keys,
                    signature,
                    ..a
                } == b,
                "{suite:?}"
            );
        }
    }
}

/// The fields of an envelope that are random or depend on what is: one string each.
fn fields(envelope: &Envelope) -> Vec<Vec<u8>> {
    let mut fields = vec![
        envelope.sender_nonce.to_vec(),
        envelope.sender_hint.to_vec(),
        envelope.commitment.to_vec(),
        envelope.recipient_nonce.to_vec(),
        envelope.signature.clone(),
    ];
    fields.extend(envelope.payload.chunks(16).map(<[u8]>::to_vec));
    fields.extend(envelope.hints.iter().map(|hint| hint.to_vec()));
    let slot_len = envelope.sealed_keys.len() / envelope.hints.len();
    fields.extend(envelope.sealed_keys.chunks(slot_len).map(<[u8]>::to_vec));
    if !envelope.encapsulation.is_empty() {
        fields.push(envelope.encapsulation.clone());
    }
    fields
}

/// A random generator that gives the same bytes again does not repeat anything: another input, whichever, changes
/// every nonce, hint, key and every block of the payload. (Two messages that are the same in everything are one
/// envelope, which tells that they are the same and no more.)
#[test]
fn any_different_input_changes_everything() {
    for suite in Suite::ALL {
        let people = People::new(suite);
        let base = people.inputs(suite);
        type Change = for<'a> fn(&mut Inputs<'a>, &'a People);
        let changes: [(&str, Change); 15] = [
            ("nothing", |_, _| {}),
            ("entropy", |i, _| i.entropy[31] ^= 1),
            ("expires", |i, _| i.expires += 1),
            ("sender", |i, p| i.sender = Some(&p.other)),
            ("anonymous", |i, _| (i.sender, i.introduce) = (None, false)),
            ("receivers in another order", |i, _| i.to.swap(0, 1)),
            ("another receiver", |i, p| i.to[1] = p.receivers[2].public()),
            ("a receiver more", |i, p| i.to.push(p.receivers[2].public())),
            ("a receiver less", |i, _| i.to.truncate(1)),
            ("no reply key", |i, _| i.reply = None),
            ("another reply key", |i, p| i.reply = Some(&p.other)),
            ("content type", |i, _| i.content.content_type.push(' ')),
            ("body", |i, _| {
                let mut body = i.content.body.to_vec();
                body[4] ^= 1;
                i.content.body = body.into();
            }),
            ("extension", |i, _| i.content.extensions[0].id = 2),
            ("no introduction and no reply key", |i, _| {
                (i.introduce, i.reply) = (false, None);
            }),
        ];
        let mut seen = std::collections::BTreeMap::new();
        for (what, change) in changes {
            let mut inputs = base.clone();
            change(&mut inputs, &people);
            // The same RNG each time: with X-Wing it is a broken one too, and what it encapsulates comes again where
            // the receiver is the same. The spec says that type 2 relies on it, so there only hints are looked at.
            let envelope = inputs.seal(3);
            let mut fields = fields(&envelope);
            if suite.key_type() == KeyType::XWing {
                fields.retain(|field| field.len() != suite.slot_len());
            }
            for field in fields {
                if let Some(before) = seen.insert(field, what) {
                    panic!("{suite:?}: {what} has a field of {before}");
                }
            }
        }
        // Suites differ too, with the same keys.
        if suite.key_type() == KeyType::X25519 {
            for other in X25519_SUITES.into_iter().filter(|other| *other != suite) {
                let envelope = Inputs {
                    suite: other,
                    ..base.clone()
                }
                .seal(3);
                for field in fields(&envelope) {
                    assert!(!seen.contains_key(&field), "{suite:?} and {other:?}");
                }
            }
        }
    }
}

/// What the hedge does not cover is of no harm: another number of slots, or another sort of hint, gives the same
/// payload under the same key, and slots sealed for other hints.
#[test]
fn slots_and_ways_are_not_hedged() {
    for suite in SEALED {
        let alice = person("alice");
        let bob: Receiver = receiver(suite, "bob", &[alice.public()]);
        let as_alice = receiver(suite, "alice", &[bob.keys().public()]);
        let new = || Sealer::new(suite, NOW).from(&alice);
        let seal = |sealer: Sealer<'_>| {
            let content = Content::new("", "hello");
            let sealed =
                sealer.seal_with_entropy(&CRYPTO, &content, &[1; 32], &mut TestRng::new(1));
            EnvelopeRef::parse(&sealed.unwrap()).unwrap().to_owned()
        };
        let base = seal(new().to(bob.keys().public()));
        let more = seal(new().to(bob.keys().public()).slots(8));
        let paired = seal(new().to_contact(&as_alice.contacts()[0]));
        for other in [more, paired] {
            assert_eq!(base.prefix(), other.prefix());
            assert_eq!(base.payload, other.payload);
            let dummies = |e: &Envelope| -> Vec<Vec<u8>> {
                e.sealed_keys.chunks(48).map(<[u8]>::to_vec).collect()
            };
            let (a, b) = (dummies(&base), dummies(&other));
            // Three dummies are the same in both; the receiver's slot is another.
            assert_eq!(a.iter().filter(|slot| b.contains(slot)).count(), 3);
            assert_ne!(base.signature, other.signature);
        }
    }
}
