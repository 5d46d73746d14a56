//! HPKE as RFC 9180 has it: the vectors of its appendix for X25519, HKDF-SHA256, base mode.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer};
use wcmp_suite::AeadAlgorithm;
use wcmp_suite::hpke::{self, DHKEM_X25519};
use wcmp_tests::kit::PROVIDERS;

/// Bytes, as hexadecimal text in the file.
struct Hex(Vec<u8>);

impl Hex {
    fn array<const N: usize>(&self) -> [u8; N] {
        self.0.as_slice().try_into().unwrap()
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        HEXLOWER
            .decode(text.as_bytes())
            .map(Hex)
            .map_err(serde::de::Error::custom)
    }
}

/// A vector; the names are the file's.
#[derive(Deserialize)]
#[allow(non_snake_case, reason = "the names of RFC 9180")]
struct Vector {
    aead_id: u16,
    info: Hex,
    skRm: Hex,
    skEm: Hex,
    pkRm: Hex,
    enc: Hex,
    key: Hex,
    base_nonce: Hex,
    first: First,
}

/// The first message of the vector's context.
#[derive(Deserialize)]
struct First {
    aad: Hex,
    pt: Hex,
    ct: Hex,
    nonce: Hex,
}

fn vectors() -> Vec<(AeadAlgorithm, Vector)> {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/external/rfc9180.json")).unwrap();
    vectors
        .into_iter()
        .map(|vector| {
            let aead = [AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305]
                .into_iter()
                .find(|aead| aead.hpke_id() == vector.aead_id);
            (aead.unwrap(), vector)
        })
        .collect()
}

#[test]
fn seals_and_opens_the_first_message() {
    let mut aeads = Vec::new();
    for (aead, vector) in vectors() {
        let (enc, recipient) = (vector.enc.array(), vector.pkRm.array());
        let (info, first): ([&[u8]; 4], _) = ([&vector.info.0, &[], &[], &[]], &vector.first);
        for provider in PROVIDERS {
            assert_eq!(provider.x25519.secret(&vector.skEm.array()).public(), enc);
            assert_eq!(
                provider.x25519.secret(&vector.skRm.array()).public(),
                recipient
            );

            let ephemeral = provider.x25519.secret(&vector.skEm.array());
            let secret = hpke::dhkem_encap(&provider, &*ephemeral, &enc, &recipient).unwrap();
            let mut sealed = first.pt.0.clone();
            let tag = hpke::seal(
                &provider,
                DHKEM_X25519,
                aead,
                &secret,
                &info,
                &first.aad.0,
                &mut sealed,
            );
            sealed.extend(tag.unwrap());
            assert_eq!(sealed, first.ct.0, "{provider:?}, {aead:?}");

            let mine = provider.x25519.secret(&vector.skRm.array());
            let secret = hpke::dhkem_decap(&provider, &*mine, &enc, &recipient).unwrap();
            let open = |info: &[&[u8]; 4]| {
                let (aad, sealed) = (&first.aad.0, &first.ct.0);
                hpke::open(&provider, DHKEM_X25519, aead, &secret, info, aad, sealed).unwrap()
            };
            assert_eq!(*open(&info), first.pt.0, "{provider:?}, {aead:?}");

            // The info is one string, wherever it is cut.
            for at in 0..vector.info.0.len() {
                let (left, right) = vector.info.0.split_at(at);
                assert_eq!(
                    *open(&[&[], left, right, &[]]),
                    first.pt.0,
                    "{provider:?}, {aead:?}, info cut at {at}"
                );
            }
        }
        aeads.push(aead);
    }
    assert_eq!(
        aeads,
        [AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305]
    );
}

/// So the test above shows key and nonce too: the first message has no other.
#[test]
fn the_first_message_is_under_key_and_base_nonce() {
    for (aead, vector) in vectors() {
        let first = &vector.first;
        assert_eq!(first.nonce.0, vector.base_nonce.0);
        for provider in PROVIDERS {
            let mut buf = first.pt.0.clone();
            let (key, nonce) = (vector.key.array(), vector.base_nonce.array());
            let tag = provider
                .aead
                .seal(aead, &key, &nonce, &first.aad.0, &mut buf)
                .unwrap();
            buf.extend(tag);
            assert_eq!(buf, first.ct.0, "{provider:?}, {aead:?}");
        }
    }
}

#[test]
fn refuses_what_was_changed() {
    for (aead, vector) in vectors() {
        let first = &vector.first;
        for provider in PROVIDERS {
            let open = |enc: &[u8; 32], info: &[u8], aad: &[u8], ct: &[u8]| {
                let mine = provider.x25519.secret(&vector.skRm.array());
                let secret = hpke::dhkem_decap(&provider, &*mine, enc, &vector.pkRm.array())?;
                let info = [info, &[], &[], &[]];
                hpke::open(&provider, DHKEM_X25519, aead, &secret, &info, aad, ct)
            };
            let (enc, info, aad, ct) = (
                vector.enc.array(),
                &vector.info.0,
                &first.aad.0,
                &first.ct.0,
            );
            assert!(open(&enc, info, aad, ct).is_ok());
            assert!(open(&enc, b"another", aad, ct).is_err());
            assert!(open(&enc, info, b"another", ct).is_err());
            for len in 0..ct.len() {
                assert!(open(&enc, info, aad, &ct[..len]).is_err(), "cut to {len}");
            }
            // kem_context holds the bytes as received: bit 255 changes no DH and yet the secret (spec 6.2).
            for bit in 0..256 {
                let mut changed = enc;
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(open(&changed, info, aad, ct).is_err(), "bit {bit} of enc");
            }
            assert!(open(&[0; 32], info, aad, ct).is_err(), "all-zero DH");
        }
    }
}
