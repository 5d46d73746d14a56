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

const RUST: Provider = Provider::rust_crypto();
const RING: Provider = Provider::ring();

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
        prop_assert_eq!(hash, (RING.sha256)(&parts));
        prop_assert_eq!(hash, (RUST.sha256)(&[&parts.concat()]));
    }

    #[test]
    fn hmac(key in key(), parts in parts()) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mac = (RUST.hmac)(&key, &parts);
        prop_assert_eq!(mac, (RING.hmac)(&key, &parts));
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
        let mut by_ring = plaintext.clone();
        prop_assert_eq!(RING.aead.seal(algorithm, &key, &nonce, &aad, &mut by_ring), Ok(tag));
        prop_assert_eq!(&by_ring, &sealed);

        for provider in [RUST, RING] {
            let mut opened = sealed.clone();
            prop_assert_eq!(provider.aead.open(algorithm, &key, &nonce, &aad, &mut opened, &tag), Ok(()));
            prop_assert_eq!(&opened, &plaintext);
        }

        // One bit of ciphertext and tag, one byte more of aad: neither opens it.
        let (mut ciphertext, mut wrong_tag) = (sealed.clone(), tag);
        let bit = bit.index((sealed.len() + 16) * 8);
        match ciphertext.get_mut(bit / 8) {
            Some(byte) => *byte ^= 1 << (bit % 8),
            None => wrong_tag[bit / 8 - sealed.len()] ^= 1 << (bit % 8),
        }
        let longer = [&aad[..], &[0]].concat();
        for provider in [RUST, RING] {
            let mut buf = ciphertext.clone();
            prop_assert!(provider.aead.open(algorithm, &key, &nonce, &aad, &mut buf, &wrong_tag).is_err());
            let mut buf = sealed.clone();
            prop_assert!(provider.aead.open(algorithm, &key, &nonce, &longer, &mut buf, &tag).is_err());
        }
    }
}
