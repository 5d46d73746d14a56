//! Messages and dummies, slots and dummy slots, measured.

use std::collections::BTreeSet;

use wcmp::{Content, EnvelopeRef, KeyType, Receiver, Sealer, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, SEALED, TestRng, keys, open, person, receiver};

use super::distinguisher::{
    HEAVY, HEAVY_AT_RANDOM, SAME_BITS, SAME_BYTES, bit_difference, byte_difference,
    heavy_coefficients, honest_x25519, unevenness,
};

/// The distinguisher sees what it is made to see: each measure fails on something that a careless dummy would show.
#[test]
fn the_distinguisher_distinguishes() {
    let mut rng = TestRng::new(20);
    let mut random = |len: usize| -> Vec<Vec<u8>> { (0..400).map(|_| rng.bytes(len)).collect() };
    let (a, b) = (random(64), random(64));
    assert!(byte_difference(&a.concat(), &b.concat()) < SAME_BYTES);
    assert!(bit_difference(&a, &b) < SAME_BITS);
    // A bit that is set one time in four instead of two; a byte that is never there.
    let mut biased = b.clone();
    biased
        .iter_mut()
        .step_by(2)
        .for_each(|string| string[40] &= 0xf7);
    assert!(bit_difference(&a, &biased) > SAME_BITS);
    let zeros = vec![vec![0; 64]; 400];
    assert!(bit_difference(&a, &zeros) > SAME_BITS);
    let patched = b
        .concat()
        .iter()
        .map(|byte| byte.max(&8))
        .copied()
        .collect::<Vec<_>>();
    assert!(byte_difference(&a.concat(), &patched) > SAME_BYTES);
    // Dummies that are always behind.
    assert!(unevenness(&[400, 0, 0, 0]) > 100.0);
    // Random bytes for an ephemeral key, or for an ML-KEM ciphertext.
    let honest = random(32).iter().filter(|u| honest_x25519(u)).count();
    assert!((1..40).contains(&honest), "{honest} of 400");
    let share = heavy_coefficients(&random(1120));
    assert!((share - HEAVY_AT_RANDOM).abs() < 0.01 && (share - HEAVY).abs() > 0.04);
}

type Field = (&'static str, fn(&EnvelopeRef<'_>) -> Vec<u8>);

/// The fields that vary, as one string each.
const FIELDS: [Field; 9] = [
    ("sender nonce", |e| e.sender_nonce().to_vec()),
    ("sender hint", |e| e.sender_hint().to_vec()),
    ("commitment", |e| e.commitment().to_vec()),
    ("payload", |e| e.payload().to_vec()),
    ("recipient nonce", |e| e.recipient_nonce().to_vec()),
    ("encapsulation", |e| e.encapsulation().to_vec()),
    ("hints", |e| e.hints().as_flattened().to_vec()),
    ("sealed keys", |e| e.sealed_keys().to_vec()),
    ("signature", |e| e.signature().to_vec()),
];

/// Messages of every kind that is as short as a dummy: known, introduced, anonymous; to one, two or four.
fn message<'a>(n: usize, suite: Suite, alice: &'a Receiver, others: &'a [Receiver]) -> Sealer<'a> {
    let new = Sealer::new(suite, NOW);
    let to = others.iter().take([1, 2, 4][n % 3]);
    let to = to.fold(new, |sealer, other| sealer.to(other.keys().public()));
    match n % 4 {
        0 => to,
        1 => to.from(alice.keys()).introduce(),
        2 => to
            .from(alice.keys())
            .introduce()
            .shared_reply_key(others[0].keys()),
        _ if SEALED.contains(&suite) => {
            let contact = &alice.contacts()[0];
            Sealer::new(suite, NOW)
                .from(alice.keys())
                .to_contact(contact)
        }
        _ => to.from(alice.keys()),
    }
}

/// A dummy message differs from a message in nothing that is measured: lengths, and in each field the frequency of
/// every byte and of every bit; the ephemeral key is a real one, the signature as random as a masked one, or as valid
/// as another where it is not masked.
#[test]
fn dummy_and_message_are_alike() {
    const N: usize = 600;
    for suite in [
        Suite::SealedAes256Gcm,
        Suite::SealedChaCha20Poly1305,
        Suite::OpenAes256Gcm,
    ] {
        let names = ["bob", "carol", "dave", "eve"];
        let others = names.map(|name| receiver(suite, name, &[]));
        let bob = person("bob");
        let alice = receiver(suite, "alice", &[bob.public()]);
        let mut rng = TestRng::new(21);
        let mut messages = Vec::new();
        let mut dummies = Vec::new();
        for n in 0..N {
            let length = rng.below(500);
            let body = rng.bytes(length);
            let content = Content::new("text/plain", "a text that people write ".repeat(n % 20));
            let sealer = message(n, suite, &alice, &others);
            messages.push(sealer.seal(&CRYPTO, &content, &mut rng).unwrap());
            let content = Content::new("", if n % 2 == 0 { vec![] } else { body });
            let sealer = Sealer::dummy(suite, NOW);
            dummies.push(sealer.seal(&CRYPTO, &content, &mut rng).unwrap());
        }
        let lengths: BTreeSet<usize> = messages.iter().chain(&dummies).map(Vec::len).collect();
        assert_eq!(lengths.len(), 1, "{suite:?}");

        let parse = |bytes: &Vec<u8>, field: Field| field.1(&EnvelopeRef::parse(bytes).unwrap());
        for field in FIELDS {
            let a: Vec<_> = messages.iter().map(|bytes| parse(bytes, field)).collect();
            let b: Vec<_> = dummies.iter().map(|bytes| parse(bytes, field)).collect();
            let lengths: BTreeSet<usize> = a.iter().chain(&b).map(Vec::len).collect();
            assert_eq!(lengths.len(), 1, "{suite:?}: {}", field.0);
            let bytes = byte_difference(&a.concat(), &b.concat());
            assert!(bytes < SAME_BYTES, "{suite:?}: {}, bytes: {bytes}", field.0);
            let bits = bit_difference(&a, &b);
            assert!(bits < SAME_BITS, "{suite:?}: {}, bits: {bits}", field.0);
            if field.0 == "encapsulation" {
                assert!(a.iter().chain(&b).all(|u| honest_x25519(u)), "{suite:?}");
            }
            // An Ed25519 signature has three clear bits at its end, which the mask hides.
            if field.0 == "signature" {
                let unmasked = a.iter().chain(&b).filter(|s| s[63] < 0x20).count();
                let expected = if SEALED.contains(&suite) {
                    N / 4
                } else {
                    2 * N
                };
                assert!(unmasked.abs_diff(expected) < N / 8, "{suite:?}: {unmasked}");
            }
        }
    }
}

/// The slot of a receiver and a dummy slot differ in nothing that is measured, nor does the place tell them apart.
#[test]
fn dummy_slots_are_alike() {
    for suite in Suite::ALL {
        let n = if suite.key_type() == KeyType::XWing {
            200
        } else {
            800
        };
        let bob = receiver(suite, "bob", &[]);
        let sealer = Sealer::new(suite, NOW).to(bob.keys().public());
        let mut rng = TestRng::new(22);
        let mut places = [0; 4];
        let (mut hints, mut keys) = ([vec![], vec![]], [vec![], vec![]]);
        for _ in 0..n {
            let bytes = sealer
                .seal(&CRYPTO, &Content::new("", "hello"), &mut rng)
                .unwrap();
            let slot = open(&bytes, &bob).unwrap().slot;
            places[slot] += 1;
            let envelope = EnvelopeRef::parse(&bytes).unwrap();
            // The real one, and one of the three others, as often before it as after it.
            for (kind, place) in [slot, (slot + 1 + rng.below(3)) % 4]
                .into_iter()
                .enumerate()
            {
                hints[kind].push(envelope.hints()[place].to_vec());
                keys[kind].push(envelope.sealed_key(place).unwrap().to_vec());
            }
        }
        // Three degrees of freedom: above 25 once in 60 000 times.
        assert!(unevenness(&places) < 25.0, "{suite:?}: {places:?}");
        for [real, dummy] in [&hints, &keys] {
            let bytes = byte_difference(&real.concat(), &dummy.concat());
            assert!(bytes < SAME_BYTES, "{suite:?}, bytes: {bytes}");
            let bits = bit_difference(real, dummy);
            assert!(bits < SAME_BITS, "{suite:?}, bits: {bits}");
        }
        if suite == Suite::OpenXWing {
            for slots in &keys {
                // 153 600 coefficients: a standard deviation of 0.0012.
                let share = heavy_coefficients(slots);
                assert!((share - HEAVY).abs() < 0.006, "{share}");
                assert!(slots.iter().all(|slot| honest_x25519(&slot[1088..1120])));
            }
        }
    }
}

/// With more receivers too, every place is as likely for each of them, whatever the order in which they were named.
#[test]
fn places_do_not_follow_the_order_of_receivers() {
    for suite in SEALED {
        let people: Vec<Receiver> = (0..6)
            .map(|n| Receiver::new(keys(KeyType::X25519, &format!("person {n}"))))
            .collect();
        let new = Sealer::new(suite, NOW);
        let sealer = people
            .iter()
            .fold(new, |sealer, person| sealer.to(person.keys().public()));
        let mut rng = TestRng::new(23);
        let mut places = [[0usize; 8]; 6];
        for _ in 0..400 {
            let bytes = sealer.seal(&CRYPTO, &Content::default(), &mut rng).unwrap();
            for (person, places) in people.iter().zip(&mut places) {
                places[open(&bytes, person).unwrap().slot] += 1;
            }
        }
        for places in places {
            // Seven degrees of freedom: above 35 once in 90 000 times.
            assert!(unevenness(&places) < 35.0, "{suite:?}: {places:?}");
        }
    }
}
