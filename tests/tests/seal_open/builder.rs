//! What the builder refuses, each with its code (spec 7.4).

use core::fmt;

use rand_core::{TryCryptoRng, TryRng};
use wcmp::suite::KeyType;
use wcmp::{Contact, Content, KeyPair, PublicKey, SealError, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, OPEN, SEALED, TestRng, key_of, keys, person, receiver};

#[track_caller]
fn refused(sealer: &Sealer<'_>, expected: SealError, code: Option<&str>) {
    let result = sealer.seal(&CRYPTO, &Content::new("", "hello"), &mut TestRng::new(50));
    assert_eq!(result, Err(expected));
    assert_eq!(expected.code(), code);
}

/// Receivers: at least one, of the suite's type, none twice, not even by half.
#[test]
fn receivers() {
    for suite in Suite::ALL {
        let (alice, bob) = (person("alice"), keys(suite.key_type(), "bob"));
        let new = || Sealer::new(suite, NOW);
        refused(&new(), SealError::NoReceiver, Some("key"));
        refused(&new().from(&alice), SealError::NoReceiver, Some("key"));
        refused(
            &Sealer::dummy(suite, NOW).to(bob.public()),
            SealError::NoReceiver,
            Some("key"),
        );
        refused(
            &Sealer::dummy(suite, NOW).from(&alice),
            SealError::NoReceiver,
            Some("key"),
        );
        refused(
            &Sealer::dummy(suite, NOW).reply_key(&alice),
            SealError::NoReceiver,
            Some("key"),
        );

        let other_type = match suite.key_type() {
            KeyType::X25519 => KeyType::XWing,
            KeyType::XWing => KeyType::X25519,
        };
        let other = keys(other_type, "bob");
        refused(
            &new().to(other.public()),
            SealError::ReceiverType,
            Some("key"),
        );
        refused(
            &new().to(bob.public()).to(other.public()),
            SealError::ReceiverType,
            Some("key"),
        );

        let carol = keys(suite.key_type(), "carol");
        let twice = new().to(bob.public()).to(carol.public()).to(bob.public());
        refused(&twice, SealError::DuplicateReceiver, Some("key"));
        // Bob's KEM key with Carol's signature key is another public key and the same KEM key.
        let half = key_of(bob.public().kem(), carol.public().ed25519());
        let half = PublicKey::from_bytes(&half).unwrap();
        let halved = new().to(bob.public()).to(&half);
        refused(&halved, SealError::DuplicateReceiver, Some("key"));
    }
}

/// An introduction needs somebody to introduce.
#[test]
fn introduction_without_sender() {
    for suite in Suite::ALL {
        let bob = keys(suite.key_type(), "bob");
        let sealer = Sealer::new(suite, NOW).to(bob.public()).introduce();
        refused(&sealer, SealError::IntroductionWithoutSender, Some("key"));
    }
}

/// A pair hint needs a sealed suite, a sender, keys of type 1 on both sides, and a contact of this very sender.
#[test]
fn pair_hints() {
    let (alice, mallory, bob) = (person("alice"), person("mallory"), person("bob"));
    let of_alice = Contact::new(&CRYPTO, &alice, bob.public().clone());
    for suite in SEALED {
        let new = || Sealer::new(suite, NOW);
        refused(
            &new().to_contact(&of_alice),
            SealError::PairHint,
            Some("key"),
        );
        refused(
            &new().from(&mallory).to_contact(&of_alice),
            SealError::PairHint,
            Some("key"),
        );
        let hybrid = keys(KeyType::XWing, "alice");
        let of_hybrid = Contact::new(&CRYPTO, &hybrid, bob.public().clone());
        refused(
            &new().from(&hybrid).to_contact(&of_hybrid),
            SealError::PairHint,
            Some("key"),
        );
        let both = new().from(&alice).to_contact(&of_alice).to(bob.public());
        refused(&both, SealError::DuplicateReceiver, Some("key"));
    }
    for suite in OPEN {
        let (alice, bob) = (
            keys(suite.key_type(), "alice"),
            keys(suite.key_type(), "bob"),
        );
        let contact = Contact::new(&CRYPTO, &alice, bob.public().clone());
        let sealer = Sealer::new(suite, NOW).from(&alice).to_contact(&contact);
        refused(&sealer, SealError::PairHint, Some("key"));
    }
}

/// A reply key: for several only if they are to share it, and such that everybody can tell who offers it.
#[test]
fn reply_keys() {
    for suite in Suite::ALL {
        let (alice, reply) = (person("alice"), person("reply"));
        let [bob, carol] = ["bob", "carol"].map(|name| keys(suite.key_type(), name));
        let one = || Sealer::new(suite, NOW).to(bob.public());
        let two = || one().to(carol.public());
        refused(
            &two().reply_key(&reply),
            SealError::SharedReplyKey,
            Some("key"),
        );
        let named = one().from(&alice).reply_key(&reply);
        refused(&named, SealError::UnattributableReplyKey, Some("key"));
        let named = two().from(&alice).shared_reply_key(&reply);
        refused(&named, SealError::UnattributableReplyKey, Some("key"));

        let seal = |sealer: Sealer<'_>| {
            let sealed = sealer.seal(&CRYPTO, &Content::default(), &mut TestRng::new(51));
            assert!(sealed.is_ok(), "{suite:?}");
        };
        seal(one().reply_key(&reply));
        seal(two().shared_reply_key(&reply));
        seal(two().from(&alice).introduce().shared_reply_key(&reply));
        if SEALED.contains(&suite) {
            let people = receiver(suite, "alice", &[bob.public(), carol.public()]);
            let (to_bob, to_carol) = (&people.contacts()[0], &people.contacts()[1]);
            let new = || Sealer::new(suite, NOW).from(people.keys());
            seal(new().to_contact(to_bob).reply_key(&reply));
            seal(
                new()
                    .to_contact(to_bob)
                    .to_contact(to_carol)
                    .shared_reply_key(&reply),
            );
            let mixed = new()
                .to_contact(to_bob)
                .to(to_carol.public())
                .shared_reply_key(&reply);
            refused(&mixed, SealError::UnattributableReplyKey, Some("key"));
        }
    }
}

/// Fails after some bytes.
struct Failing(usize);

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no random numbers")
    }
}

impl core::error::Error for Failure {}

impl TryRng for Failing {
    type Error = Failure;

    fn try_next_u32(&mut self) -> Result<u32, Failure> {
        Err(Failure)
    }

    fn try_next_u64(&mut self) -> Result<u64, Failure> {
        Err(Failure)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Failure> {
        self.0 = self.0.checked_sub(out.len()).ok_or(Failure)?;
        Ok(())
    }
}

impl TryCryptoRng for Failing {}

/// A generator that fails, at once or half-way, is an error that is no fault of the input; nothing is sealed with what
/// it did not give.
#[test]
fn failing_random_numbers() {
    for suite in Suite::ALL {
        let bob = keys(suite.key_type(), "bob");
        let sealer = Sealer::new(suite, NOW).to(bob.public());
        let enough = match suite.key_type() {
            KeyType::X25519 => 32,
            // Entropy; randomness for each of four slots; a seed for each of three throw-away keys.
            KeyType::XWing => 32 + 4 * 64 + 3 * 32,
        };
        for bytes in (0..enough).step_by(16) {
            let result = sealer.seal(&CRYPTO, &Content::default(), &mut Failing(bytes));
            assert_eq!(result, Err(SealError::Random), "{suite:?}, {bytes}");
            assert_eq!(SealError::Random.code(), None);
        }
        assert!(
            sealer
                .seal(&CRYPTO, &Content::default(), &mut Failing(enough))
                .is_ok()
        );
    }
    let generated = KeyPair::generate(&CRYPTO, KeyType::X25519, &mut Failing(31));
    assert!(matches!(generated, Err(wcmp::KeyError::Random)));
}
