//! X-Wing's vectors in full: those of its own draft, and those of the draft that brings it to HPKE.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_encoding::HEXLOWER;
use serde::Deserialize;
use wcmp_suite::{KeyType, Provider, PublicKey};
use wcmp_tests::kit::PROVIDERS;

/// A vector, in hexadecimal.
#[derive(Deserialize)]
struct Vector {
    sk: String,
    eseed: String,
    pk: String,
    ct: String,
    ss: String,
}

#[derive(Deserialize)]
struct File {
    x_wing_draft: Vec<Vector>,
    hpke_pq_draft: Vec<Vector>,
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

#[test]
fn drafts_agree() {
    let file: File = serde_json::from_str(include_str!("../vectors/external/xwing.json")).unwrap();
    assert_eq!((file.x_wing_draft.len(), file.hpke_pq_draft.len()), (3, 2));
    for vector in file.x_wing_draft.iter().chain(&file.hpke_pq_draft) {
        for provider in PROVIDERS {
            let (secret, ciphertext, shared) =
                (array(&vector.sk), array(&vector.ct), array(&vector.ss));
            let secret = provider.xwing.secret(&secret);
            let public = secret.public();
            assert_eq!(HEXLOWER.encode(&public), vector.pk);

            let mut made = [0; 1120];
            let encapsulated = provider
                .xwing
                .encapsulate(&public, &array(&vector.eseed), &mut made)
                .unwrap();
            // aws-lc-rs takes no randomness for ML-KEM: of what it makes, the X25519 half is the vector's.
            if provider.name == Provider::aws_lc().name {
                assert_eq!(made[1088..], ciphertext[1088..]);
                let judge = Provider::rust_crypto().xwing.secret(&array(&vector.sk));
                assert_eq!(judge.decapsulate(&made).unwrap(), encapsulated);
            } else {
                assert_eq!(made, ciphertext);
                assert_eq!(*encapsulated, shared);
            }

            assert_eq!(*secret.decapsulate(&ciphertext).unwrap(), shared);
        }
    }
}

/// The drafts' public keys pass the validation of spec 1.3.
#[test]
fn public_keys_are_valid() {
    let file: File = serde_json::from_str(include_str!("../vectors/external/xwing.json")).unwrap();
    let ed25519 = Provider::rust_crypto().ed25519.public(&[1; 32]);
    for vector in file.x_wing_draft.iter().chain(&file.hpke_pq_draft) {
        let encoded = [
            &KeyType::XWing.id().to_be_bytes()[..],
            &hex(&vector.pk),
            &ed25519,
        ]
        .concat();
        let key = PublicKey::from_bytes(&encoded).unwrap();
        assert_eq!(HEXLOWER.encode(key.kem()), vector.pk);
    }
}
