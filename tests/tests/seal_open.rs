//! What is sealed opens, for all receivers and for nobody else, however the message was put together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "seal_open/builder.rs"]
mod builder;
#[path = "seal_open/entropy.rs"]
mod entropy;

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use wcmp::suite::Form;
use wcmp::{
    Content, Extension, KeyType, OpenError, Opened, Provider, Readable, Receiver, Sealer, Sender,
    Suite, Way,
};
use wcmp_tests::kit::{CRYPTO, NOW, PROVIDERS, SEALED, TestRng, code, keys, open, receiver};

/// How a receiver stands to Alice, who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// Knows her, and she knows that.
    Paired,
    /// Knows her, but she treats him as a stranger.
    KnowsHer,
    /// Does not know her.
    Stranger,
}

/// A message to be.
#[derive(Clone, Debug)]
struct Letter {
    suite: Suite,
    /// One a receiver; places in [`PEOPLE`] follow from it.
    receivers: Vec<Stands>,
    first: usize,
    named: bool,
    introduce: bool,
    reply: Option<KeyType>,
    slots: usize,
    content: Content,
    seed: u64,
}

fn content() -> impl Strategy<Value = Content> {
    let extension = (any::<u32>(), prop::collection::vec(any::<u8>(), 0..40));
    let extension = extension.prop_map(|(id, data)| Extension { id: id >> 1, data });
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..1200),
        // Around the steps of padding, and beyond the last power of two.
        (900usize..1100, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
        (60_000usize..90_000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ];
    let extensions = prop::collection::vec(extension, 0..6);
    ("\\PC{0,60}", body, extensions).prop_map(|(content_type, body, mut extensions)| {
        extensions.sort_by_key(|extension| extension.id);
        extensions.dedup_by_key(|extension| extension.id);
        Content {
            content_type,
            body: body.into(),
            extensions,
        }
    })
}

fn letter() -> impl Strategy<Value = Letter> {
    let stands = select(vec![Stands::Paired, Stands::KnowsHer, Stands::Stranger]);
    let reply = prop::option::of(select(vec![KeyType::X25519, KeyType::XWing]));
    (
        select(Suite::ALL.to_vec()),
        prop::collection::vec(stands, 1..20),
        0..20usize,
        (any::<bool>(), any::<bool>()),
        reply,
        prop_oneof![Just(0usize), 1..40usize],
        content(),
        any::<u64>(),
    )
        .prop_map(
            |(suite, receivers, first, (named, introduce), reply, slots, content, seed)| {
                let mut letter = Letter {
                    suite,
                    receivers,
                    first,
                    named,
                    introduce: introduce && named,
                    reply,
                    slots,
                    content,
                    seed,
                };
                // What the builder would refuse: pair hints without a sender, a reply key that cannot be attributed.
                let sealed = suite.form() == Form::Sealed;
                if !named || !sealed {
                    letter.receivers.iter_mut().for_each(|stands| {
                        if *stands == Stands::Paired {
                            *stands = Stands::KnowsHer;
                        }
                    });
                }
                let all_paired = letter
                    .receivers
                    .iter()
                    .all(|stands| *stands == Stands::Paired);
                letter.introduce |= named && letter.reply.is_some() && !all_paired;
                letter
            },
        )
}

/// Twenty people of each key type, twice: with Alice among their contacts, and without.
struct People {
    know_her: Vec<Receiver>,
    do_not: Vec<Receiver>,
    /// Alice as receiver, with all of them as contacts.
    alice: Receiver,
}

static PEOPLE: LazyLock<[People; 2]> = LazyLock::new(|| {
    [Suite::SealedAes256Gcm, Suite::OpenXWing].map(|suite| {
        let alice = keys(suite.key_type(), "alice");
        let all = |contacts: &[_]| {
            let names = (0..24).map(|n| format!("person {n}"));
            names
                .map(|name| receiver(suite, &name, contacts))
                .collect::<Vec<_>>()
        };
        let (know_her, do_not) = (all(&[alice.public()]), all(&[]));
        let contacts: Vec<_> = do_not.iter().map(|person| person.keys().public()).collect();
        let alice = receiver(suite, "alice", &contacts);
        People {
            know_her,
            do_not,
            alice,
        }
    })
});

impl Letter {
    fn people(&self) -> &'static People {
        &PEOPLE[usize::from(self.suite.key_type() == KeyType::XWing)]
    }

    /// Whom the letter is for, with their place.
    fn to(&self) -> impl Iterator<Item = (usize, Stands)> {
        let places = self.receivers.iter().enumerate();
        places.map(|(n, stands)| ((self.first + n) % 20, *stands))
    }

    fn seal(&self, provider: &Provider) -> Vec<u8> {
        self.seal_on(provider, false)
    }

    fn seal_on(&self, provider: &Provider, all_cores: bool) -> Vec<u8> {
        let people = self.people();
        let reply = self.reply.map(|key_type| keys(key_type, "reply"));
        let mut sealer = Sealer::new(self.suite, NOW).slots(self.slots);
        if self.named {
            sealer = sealer.from(people.alice.keys());
        }
        if self.introduce {
            sealer = sealer.introduce();
        }
        if let Some(reply) = &reply {
            sealer = sealer.shared_reply_key(reply);
        }
        for (place, stands) in self.to() {
            let contact = &people.alice.contacts()[place];
            sealer = match stands {
                Stands::Paired => sealer.to_contact(contact),
                _ => sealer.to(contact.public()),
            };
        }
        if all_cores {
            sealer = sealer.on_all_cores();
        }
        sealer
            .seal(provider, &self.content, &mut TestRng::new(self.seed))
            .unwrap()
    }

    /// Whether `opened` is what somebody who stands like this to Alice must get.
    fn check(&self, opened: &Opened, stands: Stands) -> Result<(), TestCaseError> {
        let alice = self.people().alice.keys().public().clone();
        let sealed = self.suite.form() == Form::Sealed;
        let expected = match stands {
            _ if !self.named => Sender::Anonymous,
            Stands::Paired => Sender::Known(alice),
            // In open suites her hint names her; in sealed ones only what comes with the message.
            Stands::KnowsHer if !sealed || self.introduce => Sender::Known(alice),
            Stands::Stranger if self.introduce => Sender::Introduced(alice),
            _ => Sender::Anonymous,
        };
        prop_assert_eq!(&opened.sender, &expected);
        prop_assert!(opened.content == self.content);
        let reply = self
            .reply
            .map(|key_type| keys(key_type, "reply").public().clone());
        prop_assert_eq!(&opened.reply, &reply);
        prop_assert_eq!(opened.expires, NOW);
        Ok(())
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(120))]

    /// All receivers open the same content, each in a slot of their own and with the sender they can know of; nobody
    /// else recognises the envelope.
    #[test]
    fn receivers_open_and_nobody_else_recognises(letter in letter()) {
        let envelope = letter.seal(&CRYPTO);
        let readable = Readable::parse(&envelope, NOW).unwrap();
        let people = letter.people();
        let mut slots = std::collections::BTreeSet::new();
        let mut cores = std::collections::BTreeSet::new();
        for (place, stands) in letter.to() {
            let reader = match stands {
                Stands::Stranger => &people.do_not[place],
                _ => &people.know_her[place],
            };
            let recognised = readable.recognise(&CRYPTO, reader).unwrap();
            let way = match letter.suite.form() {
                Form::Open => Way::Receiver,
                Form::Sealed if stands == Stands::Paired => Way::Pair(0),
                Form::Sealed => Way::Stranger,
            };
            prop_assert_eq!(recognised.way(), way);
            let slot = recognised.slot();
            let opened = recognised.open(&CRYPTO, &[]).unwrap();
            letter.check(&opened, stands)?;
            prop_assert_eq!(opened.slot, slot);
            prop_assert!(slots.insert(slot));
            cores.insert(opened.core);
        }
        prop_assert_eq!(cores.len(), 1);
        let addressed: Vec<usize> = letter.to().map(|(place, _)| place).collect();
        for place in (0..24).filter(|place| !addressed.contains(place)) {
            for reader in [&people.know_her[place], &people.do_not[place]] {
                prop_assert!(readable.recognise(&CRYPTO, reader).is_none());
            }
        }
        // Nor does the sender: there is no slot for her.
        prop_assert!(readable.recognise(&CRYPTO, &people.alice).is_none());
    }

    /// On one core or on all, from the same random numbers come the same bytes, X-Wing's too.
    #[test]
    fn all_cores_make_the_same_bytes(letter in letter()) {
        prop_assert_eq!(letter.seal_on(&CRYPTO, true), letter.seal(&CRYPTO));
    }

    /// What one provider seals every other opens, in every combination; with keys of type 1 they make the same bytes.
    #[test]
    fn sealed_by_one_provider_opened_by_every_other(letter in letter()) {
        let envelopes = PROVIDERS.each_ref().map(|provider| letter.seal(provider));
        if letter.suite.key_type() == KeyType::X25519 {
            prop_assert!(envelopes.iter().all(|envelope| *envelope == envelopes[0]));
        }
        let (place, stands) = letter.to().next().unwrap();
        let reader = match stands {
            Stands::Stranger => &letter.people().do_not[place],
            _ => &letter.people().know_her[place],
        };
        for (envelope, provider) in envelopes.iter().flat_map(|e| PROVIDERS.iter().map(move |p| (e, p))) {
            let readable = Readable::parse(envelope, NOW).unwrap();
            let opened = readable.recognise(provider, reader).unwrap().open(provider, &[]).unwrap();
            letter.check(&opened, stands)?;
        }
    }
}

/// Closed to strangers, a key is blind to stranger hints and to nothing else.
#[test]
fn closed_to_strangers() {
    for suite in Suite::ALL {
        let alice = keys(suite.key_type(), "alice");
        let mut bob = receiver(suite, "bob", &[alice.public()]);
        let as_alice = receiver(suite, "alice", &[bob.keys().public()]);
        let seal = |sealer: Sealer<'_>| {
            let content = Content::new("", "hello");
            sealer
                .seal(&CRYPTO, &content, &mut TestRng::new(40))
                .unwrap()
        };
        let new = || Sealer::new(suite, NOW).from(&alice);
        let to = bob.keys().public().clone();
        let stranger = seal(new().to(&to).introduce());
        let anonymous = seal(Sealer::new(suite, NOW).to(&to));
        let sealed = suite.form() == Form::Sealed;
        let known = match sealed {
            true => seal(new().to_contact(&as_alice.contacts()[0])),
            false => seal(new().to(&to)),
        };
        for envelope in [&stranger, &anonymous, &known] {
            assert_eq!(code(envelope, &bob), "opened", "{suite:?}");
        }
        bob.close_to_strangers();
        let expected = if sealed { "not-for-me" } else { "opened" };
        for envelope in [&stranger, &anonymous] {
            assert_eq!(code(envelope, &bob), expected, "{suite:?}");
        }
        assert_eq!(code(&known, &bob), "opened", "{suite:?}");
    }
}

/// A contact whose key is of type 2 has no pair hint and does no harm; an introduction of such a key makes it known.
#[test]
fn contacts_of_the_other_type() {
    for suite in SEALED {
        let alice = keys(KeyType::XWing, "alice");
        let carol = keys(KeyType::X25519, "carol");
        let bob = receiver(suite, "bob", &[alice.public(), carol.public()]);
        let content = Content::new("", "hello");
        let sealer = Sealer::new(suite, NOW).from(&alice).to(bob.keys().public());
        let named = sealer
            .introduce()
            .seal(&CRYPTO, &content, &mut TestRng::new(41))
            .unwrap();
        let opened = open(&named, &bob).unwrap();
        assert_eq!(opened.sender, Sender::Known(alice.public().clone()));
    }
}

/// A dummy is an envelope that everybody reads and nobody finds anything in.
#[test]
fn dummies_are_for_nobody() {
    for suite in Suite::ALL {
        let alice = keys(suite.key_type(), "alice");
        let bob = receiver(suite, "bob", &[alice.public()]);
        for body in [0, 1, 900, 5000] {
            let content = Content::new("", vec![1; body]);
            let sealer = Sealer::dummy(suite, NOW).slots(7);
            let dummy = sealer
                .seal(&CRYPTO, &content, &mut TestRng::new(42))
                .unwrap();
            assert_eq!(
                open(&dummy, &bob).unwrap_err(),
                OpenError::NotForMe,
                "{suite:?}"
            );
            assert_eq!(Readable::parse(&dummy, NOW).unwrap().envelope().slots(), 8);
        }
    }
}
