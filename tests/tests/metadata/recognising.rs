//! Who recognises what: everybody's public keys against envelopes.

use wcmp::suite::{Form, hpke, stranger_hint};
use wcmp::{Content, EnvelopeRef, KeyPair, PublicKey, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, OPEN, SEALED, TestRng, keys, open, person, receiver};
use wcmp_wire::sha256;

/// Everything that somebody with these public keys can compute for `envelope` and find there: hints of every open
/// construction with either nonce and every suite, and verified signatures. Empty: nothing was recognised.
fn found(envelope: &EnvelopeRef<'_>, keys: &[&PublicKey]) -> Vec<(usize, &'static str)> {
    let stands =
        |hint: &[u8; 16]| envelope.hints().contains(hint) || envelope.sender_hint() == hint;
    let core = envelope.core(sha256, &envelope.body(sha256));
    let digest = envelope.digest(sha256, &core).0;
    let signed = [&b"WCMP v1 envelope signature"[..], &digest].concat();
    let signature = envelope.signature().try_into().unwrap();
    let mut found = Vec::new();
    for (place, key) in keys.iter().enumerate() {
        let hint_key = key.hint_key();
        for suite in Suite::ALL {
            for nonce in [envelope.sender_nonce(), envelope.recipient_nonce()] {
                if stands(&hint_key.receiver_hint(suite, nonce)) {
                    found.push((place, "receiver hint"));
                }
                if stands(&hint_key.sender_hint(suite, nonce)) {
                    found.push((place, "sender hint"));
                }
            }
        }
        let verified = CRYPTO
            .ed25519
            .verify_strict(key.ed25519(), &signed, signature);
        if verified.is_ok() {
            found.push((place, "signature"));
        }
    }
    found
}

/// Alice writes to Bob, who knows her, and to Carol, who learns of her; as herself or anonymously; in every way that
/// `suite` has. Returns the envelopes.
fn envelopes(suite: Suite) -> Vec<Vec<u8>> {
    let alice = keys(suite.key_type(), "alice");
    let [bob, carol] = ["bob", "carol"].map(|name| keys(suite.key_type(), name));
    let as_alice = receiver(suite, "alice", &[bob.public()]);
    let bob_as_contact = &as_alice.contacts()[0];
    let to_both = || match suite.form() {
        Form::Sealed => Sealer::new(suite, NOW)
            .from(&alice)
            .to_contact(bob_as_contact),
        Form::Open => Sealer::new(suite, NOW).from(&alice).to(bob.public()),
    };
    let anonymous = Sealer::new(suite, NOW).to(bob.public()).to(carol.public());
    let mut rng = TestRng::new(13);
    let mut out = Vec::new();
    for n in 0..20 {
        let content = Content::new("", format!("message {n}"));
        for sealer in [
            &to_both(),
            &to_both().to(carol.public()).introduce(),
            &anonymous,
        ] {
            out.push(sealer.seal(&CRYPTO, &content, &mut rng).unwrap());
        }
    }
    out
}

/// Somebody holds the public keys of everybody: sender, receivers, bystanders. He recognises no envelope of a sealed
/// suite, by any hint that can be made of public keys, nor by verifying signatures. What he can compute for the sealed
/// constructions, with every shared secret he can think of, is not there either.
#[test]
fn sealed_envelope_matches_no_public_key() {
    for suite in SEALED {
        let people = ["alice", "bob", "carol", "dave"].map(person);
        let public = people.each_ref().map(KeyPair::public);
        for bytes in envelopes(suite) {
            let envelope = EnvelopeRef::parse(&bytes).unwrap();
            assert_eq!(found(&envelope, &public), [], "{suite:?}");

            let body = envelope.body(sha256).0;
            let enc: &[u8; 32] = envelope.encapsulation().try_into().unwrap();
            for key in public {
                let kem: &[u8; 32] = key.kem().try_into().unwrap();
                for dh in [[0; 32], *enc, *kem] {
                    let shared = hpke::dhkem_shared_secret(&CRYPTO, &dh, enc, kem);
                    let hint = stranger_hint(&CRYPTO, suite, &shared, key.key_id(), &body);
                    assert!(!envelope.hints().contains(&hint), "{suite:?}");
                }
            }
        }
    }
}

/// Carol is a receiver and holds everybody's public keys besides her own private one: she finds her own slot, and no
/// hint of another, in either direction and either suite. Nor does Dave, who is a contact of all of them.
#[test]
fn receivers_do_not_recognise_each_other() {
    for suite in SEALED {
        let people = ["alice", "bob", "carol", "dave"].map(person);
        for insider in ["carol", "dave"] {
            let insider = receiver(suite, insider, &people.each_ref().map(KeyPair::public));
            let mut own = 0;
            for bytes in envelopes(suite) {
                let envelope = EnvelopeRef::parse(&bytes).unwrap();
                let mine = open(&bytes, &insider).ok().map(|opened| opened.slot);
                own += usize::from(mine.is_some());
                let body = envelope.body(sha256).0;
                for (a, b) in people
                    .iter()
                    .flat_map(|a| people.iter().map(move |b| (a.public(), b.public())))
                {
                    for (with, hinted) in [(a, suite), (b, suite), (a, SEALED[0]), (b, SEALED[1])] {
                        let pair = insider.keys().pair_key(&CRYPTO, with).unwrap();
                        let hint = pair.hint_key(&CRYPTO, hinted, a, b).hint(&body);
                        let place = envelope.hints().iter().position(|h| *h == hint);
                        assert!(place.is_none() || place == mine, "{suite:?}");
                    }
                }
            }
            // Carol receives two of three; the others do not even know that.
            let receives = insider.keys().public() == people[2].public();
            assert_eq!(own, if receives { 40 } else { 0 });
        }
    }
}

/// The limit of open suites, shown: whoever holds the public keys finds sender and receivers of every envelope. The
/// same search finds nothing in sealed suites.
#[test]
fn open_suites_can_be_recognised_by_key_holders() {
    for suite in OPEN {
        let people = ["alice", "bob", "carol", "dave"].map(|name| keys(suite.key_type(), name));
        let public = people.each_ref().map(KeyPair::public);
        for (n, bytes) in envelopes(suite).iter().enumerate() {
            let found = found(&EnvelopeRef::parse(bytes).unwrap(), &public);
            let alice = [(0, "sender hint"), (0, "signature")];
            let (bob, carol) = ((1, "receiver hint"), (2, "receiver hint"));
            let expected = match n % 3 {
                0 => vec![alice[0], alice[1], bob],
                1 => vec![alice[0], alice[1], bob, carol],
                _ => vec![bob, carol],
            };
            assert_eq!(found, expected, "{suite:?}");
        }
    }
}
