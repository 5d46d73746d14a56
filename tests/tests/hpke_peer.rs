//! Slots of WCMP and the independent HPKE library `hpke`: either opens what the other sealed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use core::convert::Infallible;

use hpke::aead::{Aead, AesGcm256, ChaCha20Poly1305};
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem, X25519HkdfSha256, XWing};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use proptest::prelude::*;
use proptest::sample::select;
use rand_core::{TryCryptoRng, TryRng};
use wcmp_suite::slot::{self, Ephemeral};
use wcmp_suite::{KeyPair, KeyType, Provider, PublicKey, Suite, hpke as ours, kdf};
use wcmp_tests::kit::PROVIDERS;

/// Random numbers of the library: SHA-256 in counter mode over a seed.
struct Seeded([u8; 32], u64);

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.try_fill_bytes(&mut out)
            .map(|()| u32::from_be_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.try_fill_bytes(&mut out)
            .map(|()| u64::from_be_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            self.1 += 1;
            let block = (Provider::rust_crypto().sha256)(&[&self.0, &self.1.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}

/// What a slot is made from.
#[derive(Clone, Debug)]
struct Slot {
    receiver_seed: [u8; 32],
    ephemeral: [u8; 32],
    randomness: [u8; 32],
    core: [u8; 32],
    content_key: [u8; 32],
}

impl Slot {
    fn any() -> impl Strategy<Value = Slot> {
        any::<[[u8; 32]; 5]>().prop_map(
            |[receiver_seed, ephemeral, randomness, core, content_key]| Slot {
                receiver_seed,
                ephemeral,
                randomness,
                core,
                content_key,
            },
        )
    }

    fn receiver(&self, provider: &Provider, key_type: KeyType) -> KeyPair {
        KeyPair::from_seed(provider, key_type, &self.receiver_seed).unwrap()
    }

    /// The receiver's KEM secret, from its seed as spec 1.1 says; the crate keeps its own copy to itself.
    fn kem_secret(&self, provider: &Provider, key_type: KeyType) -> [u8; 32] {
        let prk = kdf::extract(provider, b"WCMP v1 key pair", &[&self.receiver_seed]);
        *kdf::expand(provider, &*prk, &[b"kem", &key_type.id().to_be_bytes()])
    }

    /// The info of spec 6.2, written out.
    fn info(&self, suite: Suite, receiver: &PublicKey) -> Vec<u8> {
        [
            b"WCMP v1 slot",
            &suite.id().0.to_be_bytes()[..],
            &self.core,
            receiver.key_id(),
        ]
        .concat()
    }
}

/// The library opens a slot of 32 bytes and tag under a base mode context.
fn library_opens<A: Aead, K: Kem>(
    secret: &[u8; 32],
    encapsulation: &[u8],
    info: &[u8],
    sealed: &[u8],
) -> Vec<u8> {
    hpke::single_shot_open::<A, HkdfSha256, K>(
        &OpModeR::Base,
        &K::PrivateKey::from_bytes(secret).unwrap(),
        &K::EncappedKey::from_bytes(encapsulation).unwrap(),
        info,
        sealed,
        &[],
    )
    .unwrap()
}

/// The library seals: encapsulation, ciphertext and tag.
fn library_seals<A: Aead, K: Kem>(
    slot: &Slot,
    receiver: &PublicKey,
    info: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let (encapsulation, sealed) = hpke::single_shot_seal_with_rng::<A, HkdfSha256, K>(
        &OpModeS::Base,
        &K::PublicKey::from_bytes(receiver.kem()).unwrap(),
        info,
        &slot.content_key,
        &[],
        &mut Seeded(slot.randomness, 0),
    )
    .unwrap();
    (encapsulation.to_bytes().to_vec(), sealed)
}

fn x25519<A: Aead>(provider: &Provider, suite: Suite, slot: &Slot) {
    let keys = slot.receiver(provider, KeyType::X25519);
    let (receiver, info) = (keys.public(), slot.info(suite, keys.public()));

    let ephemeral = Ephemeral::new(provider, slot.ephemeral.into());
    let secret = ephemeral.encapsulate(provider, receiver).unwrap();
    let sealed = slot::seal(
        provider,
        suite,
        &secret,
        &slot.core,
        receiver.key_id(),
        &slot.content_key,
    )
    .unwrap();
    assert_eq!(
        (sealed.len(), suite.kem_id()),
        (48, X25519HkdfSha256::KEM_ID)
    );
    assert_eq!(suite.aead().hpke_id(), A::AEAD_ID);
    let kem_secret = slot.kem_secret(provider, KeyType::X25519);
    let opened =
        library_opens::<A, X25519HkdfSha256>(&kem_secret, ephemeral.public(), &info, &sealed);
    assert_eq!(opened, slot.content_key);

    let (encapsulation, sealed) = library_seals::<A, X25519HkdfSha256>(slot, receiver, &info);
    assert_eq!(
        (encapsulation.len(), sealed.len()),
        (suite.enc_len(), suite.slot_len())
    );
    let secret = slot::decapsulate(provider, &keys, &encapsulation).unwrap();
    let opened = slot::open(
        provider,
        suite,
        &secret,
        &slot.core,
        receiver.key_id(),
        &sealed,
    )
    .unwrap();
    assert_eq!(*opened, slot.content_key);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn x25519_slots(slot in Slot::any(), provider in select(PROVIDERS.to_vec())) {
        x25519::<AesGcm256>(&provider, Suite::OpenAes256Gcm, &slot);
        x25519::<ChaCha20Poly1305>(&provider, Suite::OpenChaCha20Poly1305, &slot);
        x25519::<AesGcm256>(&provider, Suite::SealedAes256Gcm, &slot);
        x25519::<ChaCha20Poly1305>(&provider, Suite::SealedChaCha20Poly1305, &slot);
    }

    #[test]
    fn xwing_slots(slot in Slot::any(), provider in select(PROVIDERS.to_vec())) {
        let suite = Suite::OpenXWing;
        let keys = slot.receiver(&provider, KeyType::XWing);
        let (receiver, info) = (keys.public(), slot.info(suite, keys.public()));
        prop_assert_eq!((suite.kem_id(), suite.aead().hpke_id()), (XWing::KEM_ID, AesGcm256::AEAD_ID));
        prop_assert_eq!(suite.kem_id(), ours::X_WING);

        let mut randomness = [0; 64];
        randomness[..32].copy_from_slice(&slot.randomness);
        randomness[32..].copy_from_slice(&slot.ephemeral);
        let sealed = slot::seal_xwing(&provider, suite, receiver, &randomness, &slot.core, &slot.content_key).unwrap();
        let (encapsulation, ciphertext) = sealed.split_at(1120);
        let kem_secret = slot.kem_secret(&provider, KeyType::XWing);
        let opened = library_opens::<AesGcm256, XWing>(&kem_secret, encapsulation, &info, ciphertext);
        prop_assert_eq!(opened, slot.content_key);

        let (encapsulation, ciphertext) = library_seals::<AesGcm256, XWing>(&slot, receiver, &info);
        let sealed = [encapsulation, ciphertext].concat();
        prop_assert_eq!((0, sealed.len()), (suite.enc_len(), suite.slot_len()));
        let opened = slot::open_xwing(&provider, suite, &keys, &slot.core, &sealed).unwrap();
        prop_assert_eq!(*opened, slot.content_key);
        for length in [0, 32, 48, 1119, 1120, 1167] {
            prop_assert!(slot::open_xwing(&provider, suite, &keys, &slot.core, &sealed[..length]).is_err());
        }
        let longer = [&sealed[..], &[0]].concat();
        prop_assert!(slot::open_xwing(&provider, suite, &keys, &slot.core, &longer).is_err());
    }
}
