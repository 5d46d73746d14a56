//! RustCrypto and dalek.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aead::{AeadInOut, KeyInit};
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::traits::IsIdentity;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use ml_kem::Decapsulate;
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::xwing::{Composed, MlKem, MlKemSecret};
use super::{Aead, CryptoError, Ed25519, Provider, X25519, X25519Secret, split_tag};
use crate::AeadAlgorithm;

pub(super) const PROVIDER: Provider = Provider {
    name: "RustCrypto",
    sha256,
    hmac,
    aead: &RustCrypto,
    x25519: &RustCrypto,
    ed25519: &RustCrypto,
    xwing: &Composed {
        ml_kem: &RustCrypto,
        x25519: &RustCrypto,
    },
};

pub(super) struct RustCrypto;

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A whole block as key: `new` takes it as it is, whatever the key's length.
    let mut block = Zeroizing::new([0u8; 64]);
    if key.len() <= block.len() {
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
    } else {
        for (to, from) in block.iter_mut().zip(sha256(&[key])) {
            *to = from;
        }
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl Aead for RustCrypto {
    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; 16], CryptoError> {
        let (key, nonce, buf) = (key.into(), nonce.into(), buf.into());
        let tag = match algorithm {
            AeadAlgorithm::Aes256Gcm => {
                aes_gcm::Aes256Gcm::new(key).encrypt_inout_detached(nonce, aad, buf)
            }
            AeadAlgorithm::ChaCha20Poly1305 => {
                chacha20poly1305::ChaCha20Poly1305::new(key).encrypt_inout_detached(nonce, aad, buf)
            }
        };
        tag.map(Into::into).map_err(|_| CryptoError)
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (sealed, tag) = split_tag(sealed)?;
        let mut plaintext = Zeroizing::new(vec![0; sealed.len()]);
        let buf = InOutBuf::new(sealed, &mut plaintext).map_err(|_| CryptoError)?;
        let (key, nonce, tag) = (key.into(), nonce.into(), tag.into());
        match algorithm {
            AeadAlgorithm::Aes256Gcm => {
                aes_gcm::Aes256Gcm::new(key).decrypt_inout_detached(nonce, aad, buf, tag)
            }
            AeadAlgorithm::ChaCha20Poly1305 => chacha20poly1305::ChaCha20Poly1305::new(key)
                .decrypt_inout_detached(nonce, aad, buf, tag),
        }
        .map_err(|_| CryptoError)?;
        Ok(plaintext)
    }
}

impl X25519 for RustCrypto {
    fn secret(&self, secret: &[u8; 32]) -> Box<dyn X25519Secret> {
        Box::new(Scalar(Zeroizing::new(*secret)))
    }
}

/// Of X25519, not clamped yet.
struct Scalar(Zeroizing<[u8; 32]>);

impl X25519Secret for Scalar {
    fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(*self.0).0
    }

    /// dalek's vector code multiplies Edwards points: with the way there and back it
    /// takes three quarters of the time of the Montgomery ladder, which is not
    /// vectorised. Points of the twist have no way there. The choice depends on the
    /// processor and on `public`, which everybody sees, and not on the secret.
    fn agree(&self, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let public = MontgomeryPoint(*public);
        let edwards = match has_vectors() {
            true => public.to_edwards(0),
            false => None,
        };
        let shared = Zeroizing::new(match edwards {
            Some(public) => Zeroizing::new(public.mul_clamped(*self.0)).to_montgomery(),
            None => public.mul_clamped(*self.0),
        });
        // All zeros, or not (RFC 7748, section 6.1), in constant time.
        match shared.is_identity() {
            true => Err(CryptoError),
            false => Ok(Zeroizing::new(shared.0)),
        }
    }
}

#[cfg(target_arch = "x86_64")]
cpufeatures::new!(avx2, "avx2");

fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::get();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

impl Ed25519 for RustCrypto {
    fn public(&self, seed: &[u8; 32]) -> [u8; 32] {
        SigningKey::from_bytes(seed).verifying_key().to_bytes()
    }

    fn sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(seed).sign(message).to_bytes()
    }

    fn verify_strict(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError> {
        // `verify_strict` alone takes a non-canonical key (spec 1.4).
        crate::public_key::check_ed25519(public).map_err(|_| CryptoError)?;
        VerifyingKey::from_bytes(public)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .map_err(|_| CryptoError)
    }
}

impl MlKem for RustCrypto {
    fn secret(&self, key: DecapsulationKey) -> Box<dyn MlKemSecret> {
        Box::new(key)
    }

    fn encapsulate(
        &self,
        public: &[u8; 1184],
        randomness: &[u8; 32],
        ciphertext: &mut [u8; 1088],
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let key = EncapsulationKey::new(public.into()).map_err(|_| CryptoError)?;
        let (made, mut secret) = key.encapsulate_deterministic(randomness.into());
        *ciphertext = made.into();
        let shared = Zeroizing::new(secret.into());
        secret.zeroize();
        Ok(shared)
    }
}

impl MlKemSecret for DecapsulationKey {
    fn decapsulate(&self, ciphertext: &[u8; 1088]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let mut secret = Decapsulate::decapsulate(self, ciphertext.into());
        let shared = Zeroizing::new(secret.into());
        secret.zeroize();
        Ok(shared)
    }
}
