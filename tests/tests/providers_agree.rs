//! The providers compute the same, and open what the other sealed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wcmp_suite::{AeadAlgorithm, Provider};
use wcmp_tests::kit::PROVIDERS;

const RUST: Provider = Provider::rust_crypto();

fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(any::<u8>(), 0..200), 0..6)
}

/// Lengths around the block of SHA-256, and any.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![
        select(vec![0_usize, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200]),
        0..300_usize
    ];
    length.prop_flat_map(|length| vec(any::<u8>(), length))
}

proptest! {
    #[test]
    fn sha256(parts in parts()) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let hash = (RUST.sha256)(&parts);
        for provider in PROVIDERS {
            prop_assert_eq!(hash, (provider.sha256)(&parts));
        }
        prop_assert_eq!(hash, (RUST.sha256)(&[&parts.concat()]));
    }

    #[test]
    fn hmac(key in key(), parts in parts()) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mac = (RUST.hmac)(&key, &parts);
        for provider in PROVIDERS {
            prop_assert_eq!(mac, (provider.hmac)(&key, &parts));
        }
        prop_assert_eq!(mac, (RUST.hmac)(&key, &[&parts.concat()]));
    }

    #[test]
    fn aead(
        chacha in any::<bool>(),
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 12]>(),
        aad in vec(any::<u8>(), 0..100),
        plaintext in vec(any::<u8>(), 0..2000),
        bit in any::<prop::sample::Index>(),
    ) {
        let algorithm = if chacha { AeadAlgorithm::ChaCha20Poly1305 } else { AeadAlgorithm::Aes256Gcm };
        let mut sealed = plaintext.clone();
        let tag = RUST.aead.seal(algorithm, &key, &nonce, &aad, &mut sealed).unwrap();
        for provider in PROVIDERS {
            let mut again = plaintext.clone();
            prop_assert_eq!(provider.aead.seal(algorithm, &key, &nonce, &aad, &mut again), Ok(tag));
            prop_assert_eq!(&again, &sealed);
        }
        sealed.extend(tag);
        for provider in PROVIDERS {
            let opened = provider.aead.open(algorithm, &key, &nonce, &aad, &sealed);
            prop_assert_eq!(&*opened.unwrap(), &plaintext);
        }

        // One bit of ciphertext and tag, one byte more of aad: neither opens it.
        let mut changed = sealed.clone();
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        let longer = [&aad[..], &[0]].concat();
        for provider in PROVIDERS {
            prop_assert!(provider.aead.open(algorithm, &key, &nonce, &aad, &changed).is_err());
            prop_assert!(provider.aead.open(algorithm, &key, &nonce, &longer, &sealed).is_err());
        }
    }

    #[test]
    fn x25519(secret in any::<[u8; 32]>(), public in any::<[u8; 32]>()) {
        let (mine, theirs) = (RUST.x25519.secret(&secret), RUST.x25519.secret(&public).public());
        for provider in PROVIDERS {
            let other = provider.x25519.secret(&secret);
            prop_assert_eq!(other.public(), mine.public());
            // Any 32 bytes, a point of the curve or of its twist; and a public key.
            for peer in [&public, &theirs] {
                prop_assert_eq!(other.agree(peer), mine.agree(peer));
            }
        }
    }

    #[test]
    fn ed25519(seed in any::<[u8; 32]>(), message in vec(any::<u8>(), 0..300)) {
        let (public, signature) = (RUST.ed25519.public(&seed), RUST.ed25519.sign(&seed, &message));
        for provider in PROVIDERS {
            prop_assert_eq!(provider.ed25519.public(&seed), public);
            prop_assert_eq!(provider.ed25519.sign(&seed, &message), signature);
            prop_assert_eq!(provider.ed25519.verify_strict(&public, &message, &signature), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// What any provider encapsulates every provider decapsulates alike, also where it was damaged.
    #[test]
    fn xwing(secret in any::<[u8; 32]>(), randomness in vec(any::<u8>(), 64), bit in 0..1120 * 8_usize) {
        let randomness = randomness.try_into().unwrap();
        let secrets = PROVIDERS.map(|provider| provider.xwing.secret(&secret));
        let public = secrets[0].public();
        for provider in PROVIDERS {
            let mut ciphertext = [0; 1120];
            let shared = provider.xwing.encapsulate(&public, &randomness, &mut ciphertext).unwrap();
            let mut damaged = ciphertext;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let of_damaged = secrets[0].decapsulate(&damaged);
            prop_assert_ne!(&of_damaged, &Ok(shared.clone()));
            for secret in &secrets {
                prop_assert_eq!(secret.public(), public);
                prop_assert_eq!(secret.decapsulate(&ciphertext).unwrap(), shared.clone());
                prop_assert_eq!(secret.decapsulate(&damaged), of_damaged.clone());
            }
        }
    }
}
