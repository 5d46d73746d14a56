//! Hints equal spec 6.3 written out with an ordinary HMAC, and finding one equals looking for it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use hmac::{Hmac, KeyInit, Mac};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use sha2::{Digest, Sha256};
use wcmp_suite::{Form, KeyPair, KeyType, Suite, find_hint, slot, stranger_hint};
use wcmp_tests::kit::PROVIDERS;

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn first_16(mac: [u8; 32]) -> [u8; 16] {
    *mac.first_chunk().unwrap()
}

/// Expand of RFC 5869 for one block.
fn expand(prk: &[u8], info: &[&[u8]]) -> [u8; 32] {
    hmac(prk, &[info, &[&[1]]].concat())
}

/// kem_sk of spec 1.1.
fn kem_secret(key_type: KeyType, seed: &[u8; 32]) -> [u8; 32] {
    expand(
        &hmac(b"WCMP v1 key pair", &[seed]),
        &[b"kem", &key_type.id().to_be_bytes()],
    )
}

/// ExtractAndExpand of RFC 9180 section 4.1 for DHKEM(X25519, HKDF-SHA256).
fn extract_and_expand(dh: &[u8], enc: &[u8], recipient: &[u8]) -> [u8; 32] {
    let prk = hmac(&[], &[b"HPKE-v1", b"KEM\x00\x20", b"eae_prk", dh]);
    expand(
        &prk,
        &[
            &[0, 32],
            b"HPKE-v1",
            b"KEM\x00\x20",
            b"shared_secret",
            enc,
            recipient,
        ],
    )
}

fn suites(form: Form) -> impl Iterator<Item = Suite> {
    Suite::ALL
        .into_iter()
        .filter(move |suite| suite.form() == form)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn open_suites(provider in select(PROVIDERS.to_vec()), seed in any::<[u8; 32]>(), nonce in any::<[u8; 16]>()) {
        for suite in suites(Form::Open) {
            let keys = KeyPair::from_seed(&provider, suite.key_type(), &seed).unwrap();
            let public = keys.public();
            let hint_key: [u8; 32] = Sha256::new().chain_update(b"WCMP v1 hint key").chain_update(public.as_bytes()).finalize().into();
            let id = suite.id().0.to_be_bytes();
            let receiver = first_16(hmac(&hint_key, &[b"WCMP v1 receiver hint", &id, &nonce]));
            let sender = first_16(hmac(&hint_key, &[b"WCMP v1 sender hint", &id, &nonce]));
            // The receiver's own and what a contact makes from the public key alone.
            for key in [keys.hint_key(), &public.hint_key()] {
                prop_assert_eq!(key.receiver_hint(suite, &nonce), receiver);
                prop_assert_eq!(key.sender_hint(suite, &nonce), sender);
            }
        }
    }

    #[test]
    fn pairs(provider in select(PROVIDERS.to_vec()), seeds in any::<[[u8; 32]; 2]>(), body in any::<[u8; 32]>()) {
        let [alice, bob] = seeds.map(|seed| KeyPair::from_seed(&provider, KeyType::X25519, &seed).unwrap());
        let dh = provider.x25519.secret(&kem_secret(KeyType::X25519, &seeds[0])).agree(bob.public().kem().try_into().unwrap()).unwrap();
        let pair_key = hmac(b"WCMP v1 pair", &[&*dh]);
        for suite in suites(Form::Sealed) {
            let id = suite.id().0.to_be_bytes();
            for (sender, receiver) in [(alice.public(), bob.public()), (bob.public(), alice.public())] {
                let key = hmac(&pair_key, &[b"WCMP v1 pair hint", &id, sender.key_id(), receiver.key_id()]);
                let expected = first_16(hmac(&key, &[&body]));
                for (mine, theirs) in [(&alice, &bob), (&bob, &alice)] {
                    let pair = mine.pair_key(&provider, theirs.public()).unwrap();
                    prop_assert_eq!(pair.hint_key(&provider, suite, sender, receiver).hint(&body), expected);
                }
            }
        }
    }

    #[test]
    fn strangers(provider in select(PROVIDERS.to_vec()), seed in any::<[u8; 32]>(), ephemeral in any::<[u8; 32]>(), body in any::<[u8; 32]>()) {
        let keys = KeyPair::from_seed(&provider, KeyType::X25519, &seed).unwrap();
        let public = keys.public();
        let sender = slot::Ephemeral::new(&provider, ephemeral.into());
        let dh = provider.x25519.secret(&kem_secret(KeyType::X25519, &seed)).agree(sender.public()).unwrap();
        let shared_secret = extract_and_expand(&*dh, sender.public(), public.kem());
        for suite in suites(Form::Sealed) {
            let id = suite.id().0.to_be_bytes();
            let expected = first_16(hmac(&shared_secret, &[b"WCMP v1 stranger hint", &id, public.key_id(), &body]));
            for secret in [sender.encapsulate(&provider, public), slot::decapsulate(&provider, &keys, sender.public())] {
                prop_assert_eq!(stranger_hint(&provider, suite, &secret.unwrap(), public.key_id(), &body), expected);
            }
        }
    }
}

/// Hints, and one to look for: equal ones, ones a bit away, others, in any number and order.
fn haystack() -> impl Strategy<Value = (Vec<[u8; 16]>, [u8; 16])> {
    any::<[u8; 16]>().prop_flat_map(|wanted| {
        let near = (0..128_usize).prop_map(move |bit| {
            let mut hint = wanted;
            hint[bit / 8] ^= 1 << (bit % 8);
            hint
        });
        // Halves that are equal to the other's: a difference in one half must not hide behind the other.
        let swapped = any::<[u8; 8]>().prop_map(move |half| {
            let mut hint = wanted;
            hint[8..].copy_from_slice(&half);
            hint
        });
        let hint = prop_oneof![1 => Just(wanted), 8 => near, 4 => swapped, 4 => any::<[u8; 16]>()];
        (vec(hint, 0..80), Just(wanted))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn finding_equals_looking((hints, wanted) in haystack()) {
        prop_assert_eq!(find_hint(&hints, &wanted), hints.iter().position(|hint| *hint == wanted));
    }
}

/// Every bit counts, at every place of a vector register, and the first of equals is found.
#[test]
fn finding_at_every_place() {
    let wanted = [0xa5; 16];
    for length in 0..40 {
        for bit in 0..128 {
            let mut near = wanted;
            near[bit / 8] ^= 1 << (bit % 8);
            let mut hints = vec![near; length];
            assert_eq!(
                find_hint(&hints, &wanted),
                None,
                "{length} hints, bit {bit}"
            );
            for place in (0..length).rev() {
                hints[place] = wanted;
                assert_eq!(
                    find_hint(&hints, &wanted),
                    Some(place),
                    "{length} hints, bit {bit}"
                );
            }
        }
    }
}
