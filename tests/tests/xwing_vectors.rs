//! X-Wing's vectors in full: those of its own draft, and those of the draft that brings it to HPKE.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_encoding::HEXLOWER;
use serde::Deserialize;
use wcmp_suite::{KeyType, Provider, PublicKey};

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
        for provider in [Provider::rust_crypto(), Provider::ring()] {
            let (secret, ciphertext, shared) =
                (array(&vector.sk), hex(&vector.ct), array(&vector.ss));
            let public = provider.xwing.public(&secret);
            assert_eq!(HEXLOWER.encode(&public), vector.pk);

            let (made, encapsulated) = provider
                .xwing
                .encapsulate(&public, &array(&vector.eseed))
                .unwrap();
            assert_eq!(HEXLOWER.encode(&made), vector.ct);
            assert_eq!(*encapsulated, shared);

            let decapsulated = provider.xwing.decapsulate(&secret, &ciphertext).unwrap();
            assert_eq!(*decapsulated, shared);
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
