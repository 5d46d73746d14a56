//! aws-lc-rs for AEAD and public-key cryptography, ring for hashes; what both lack or
//! do too loosely is RustCrypto's.
//!
//! Preparing a key fails only where memory is short. RustCrypto's then computes in
//! its place, so that nothing here has to panic.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use zeroize::{Zeroize, Zeroizing};

use super::rust_crypto::RustCrypto;
use super::xwing::{Composed, MlKem, MlKemSecret};
use super::{Aead, CryptoError, Ed25519, Provider, X25519, X25519Secret, ring, split_tag};
use crate::AeadAlgorithm;

pub(super) const PROVIDER: Provider = Provider {
    name: "aws-lc",
    aead: &AwsLc,
    x25519: &AwsLc,
    ed25519: &AwsLc,
    xwing: &Composed {
        ml_kem: &AwsLc,
        x25519: &AwsLc,
    },
    ..ring::PROVIDER
};

struct AwsLc;

fn aead_key(algorithm: AeadAlgorithm, key: &[u8; 32]) -> Result<LessSafeKey, CryptoError> {
    let algorithm = match algorithm {
        AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
        AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
    };
    UnboundKey::new(algorithm, key)
        .map(LessSafeKey::new)
        .map_err(|_| CryptoError)
}

impl Aead for AwsLc {
    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; 16], CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = aead_key(algorithm, key)?
            .seal_in_place_separate_tag(nonce, Aad::from(aad), buf)
            .map_err(|_| CryptoError)?;
        tag.as_ref().try_into().map_err(|_| CryptoError)
    }

    /// From one buffer into another, which ring cannot: a copy less.
    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (sealed, tag) = split_tag(sealed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut plaintext = Zeroizing::new(vec![0; sealed.len()]);
        aead_key(algorithm, key)?
            .open_separate_gather(nonce, Aad::from(aad), sealed, tag, &mut plaintext)
            .map_err(|_| CryptoError)?;
        Ok(plaintext)
    }
}

/// A key and its public half.
struct Secret(PrivateKey, [u8; 32]);

impl X25519 for AwsLc {
    fn secret(&self, secret: &[u8; 32]) -> Box<dyn X25519Secret> {
        let prepared = PrivateKey::from_private_key(&agreement::X25519, secret).ok();
        let prepared = prepared.and_then(|key| {
            let public = key.compute_public_key().ok()?;
            Some(Secret(key, public.as_ref().try_into().ok()?))
        });
        match prepared {
            Some(prepared) => Box::new(prepared),
            None => X25519::secret(&RustCrypto, secret),
        }
    }
}

impl X25519Secret for Secret {
    fn public(&self) -> [u8; 32] {
        self.1
    }

    fn agree(&self, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let public = UnparsedPublicKey::new(&agreement::X25519, public);
        agree(&self.0, public, CryptoError, shared)
    }
}

/// A shared secret out of the library's own memory, which the library wipes.
fn shared(secret: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let secret: &[u8; 32] = secret.try_into().map_err(|_| CryptoError)?;
    Ok(Zeroizing::new(*secret))
}

impl Ed25519 for AwsLc {
    fn public(&self, seed: &[u8; 32]) -> [u8; 32] {
        let key = Ed25519KeyPair::from_seed_unchecked(seed).ok();
        let public = key.and_then(|key| key.public_key().as_ref().try_into().ok());
        public.unwrap_or_else(|| Ed25519::public(&RustCrypto, seed))
    }

    fn sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        let key = Ed25519KeyPair::from_seed_unchecked(seed).ok();
        let signature = key.and_then(|key| key.sign(message).as_ref().try_into().ok());
        signature.unwrap_or_else(|| RustCrypto.sign(seed, message))
    }

    fn verify_strict(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        // The strict one (spec 1.4): the same for every provider.
        RustCrypto.verify_strict(public, message, signature)
    }
}

impl MlKem for AwsLc {
    fn secret(&self, key: ml_kem::ml_kem_768::DecapsulationKey) -> Box<dyn MlKemSecret> {
        #[expect(deprecated, reason = "the only form in which aws-lc-rs takes a key")]
        let mut expanded = ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&key);
        let prepared = DecapsulationKey::new(&ML_KEM_768, &expanded);
        expanded.zeroize();
        match prepared {
            Ok(prepared) => Box::new(prepared),
            Err(_) => MlKem::secret(&RustCrypto, key),
        }
    }

    /// aws-lc-rs draws the randomness itself.
    fn encapsulate(
        &self,
        public: &[u8; 1184],
        _: &[u8; 32],
        ciphertext: &mut [u8; 1088],
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let key = EncapsulationKey::new(&ML_KEM_768, public).map_err(|_| CryptoError)?;
        let (made, secret) = key.encapsulate().map_err(|_| CryptoError)?;
        *ciphertext = made.as_ref().try_into().map_err(|_| CryptoError)?;
        shared(secret.as_ref())
    }
}

impl MlKemSecret for DecapsulationKey {
    fn decapsulate(&self, ciphertext: &[u8; 1088]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let ciphertext = Ciphertext::from(ciphertext.as_slice());
        let secret = DecapsulationKey::decapsulate(self, ciphertext).map_err(|_| CryptoError)?;
        shared(secret.as_ref())
    }
}
