//! One message for many receivers by age, hpke and crypto_box. The latter two seal to
//! one receiver; so a content key is sealed to each, and the message is encrypted once
//! with AES-256-GCM by crate aes-gcm. None of them says which slot is whose: a receiver
//! tries one after the other.

use std::io::{Cursor, Read as _};

use aes_gcm::aead::{Aead as _, KeyInit as _};
use age::x25519::{Identity, Recipient};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem, OpModeR, OpModeS};
use rand_08::rngs::OsRng;

use crate::kit::age_seal;

type HpkeSecret = <X25519HkdfSha256 as Kem>::PrivateKey;
type HpkePublic = <X25519HkdfSha256 as Kem>::PublicKey;
type HpkeEncapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// So many receivers, of all peers.
pub(crate) struct Peers {
    ages: Vec<(Identity, Recipient)>,
    hpkes: Vec<(HpkeSecret, HpkePublic)>,
    boxes: Vec<(crypto_box::SecretKey, crypto_box::PublicKey)>,
}

fn encrypt(key: &[u8; 32], body: &[u8]) -> Vec<u8> {
    let aes = aes_gcm::Aes256Gcm::new(key.into());
    aes.encrypt(&[0; 12].into(), body).unwrap()
}

fn decrypt(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let aes = aes_gcm::Aes256Gcm::new_from_slice(key).unwrap();
    aes.decrypt(&[0; 12].into(), payload).unwrap()
}

impl Peers {
    pub(crate) fn new(receivers: usize) -> Peers {
        let age = |_| {
            let identity = Identity::generate();
            let public = identity.to_public();
            (identity, public)
        };
        let crypto_box = |_| {
            let secret = crypto_box::SecretKey::generate(&mut OsRng);
            let public = secret.public_key();
            (secret, public)
        };
        Peers {
            ages: (0..receivers).map(age).collect(),
            hpkes: (0..receivers)
                .map(|_| X25519HkdfSha256::gen_keypair())
                .collect(),
            boxes: (0..receivers).map(crypto_box).collect(),
        }
    }

    pub(crate) fn age_publics(&self) -> Vec<Recipient> {
        self.ages.iter().map(|(_, public)| public.clone()).collect()
    }

    pub(crate) fn age_seal(&self, body: &[u8]) -> Vec<u8> {
        age_seal(&self.age_publics(), body)
    }

    /// By the last receiver.
    pub(crate) fn age_open(&self, file: &[u8]) -> Vec<u8> {
        let (identity, _) = self.ages.last().unwrap();
        let decryptor = age::Decryptor::new_buffered(Cursor::new(file)).unwrap();
        let identity = identity as &dyn age::Identity;
        let mut reader = decryptor.decrypt(core::iter::once(identity)).unwrap();
        let mut out = Vec::with_capacity(file.len());
        reader.read_to_end(&mut out).unwrap();
        out
    }

    pub(crate) fn hpke_seal(&self, body: &[u8]) -> (Vec<(HpkeEncapped, Vec<u8>)>, Vec<u8>) {
        let key = crate::random();
        let publics = self.hpkes.iter().map(|(_, public)| public);
        let slots = publics.map(|public| hpke_slot(public, &key)).collect();
        (slots, encrypt(&key, body))
    }

    /// By the last receiver, who tries all slots.
    pub(crate) fn hpke_open(
        &self,
        (slots, payload): &(Vec<(HpkeEncapped, Vec<u8>)>, Vec<u8>),
    ) -> Vec<u8> {
        let (secret, _) = self.hpkes.last().unwrap();
        let key = hpke_find(secret, slots).unwrap();
        decrypt(&key, payload)
    }

    pub(crate) fn box_seal(&self, body: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let key = crate::random();
        let slot = |(_, public): &(_, crypto_box::PublicKey)| public.seal(&mut OsRng, &key);
        let slots = self.boxes.iter().map(|keys| slot(keys).unwrap());
        (slots.collect(), encrypt(&key, body))
    }

    /// By the last receiver, who tries all slots.
    pub(crate) fn box_open(&self, (slots, payload): &(Vec<Vec<u8>>, Vec<u8>)) -> Vec<u8> {
        let (secret, _) = self.boxes.last().unwrap();
        let key = slots.iter().find_map(|slot| secret.unseal(slot).ok());
        decrypt(&key.unwrap(), payload)
    }
}

fn hpke_slot(public: &HpkePublic, key: &[u8; 32]) -> (HpkeEncapped, Vec<u8>) {
    hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        public,
        b"info",
        key,
        &[],
    )
    .unwrap()
}

fn hpke_find(secret: &HpkeSecret, slots: &[(HpkeEncapped, Vec<u8>)]) -> Option<Vec<u8>> {
    slots.iter().find_map(|(encapped, slot)| {
        hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            secret,
            encapped,
            b"info",
            slot,
            &[],
        )
        .ok()
    })
}
