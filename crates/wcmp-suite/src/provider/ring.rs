//! ring for bulk work; what it lacks or does too loosely is RustCrypto's.

use alloc::vec::Vec;

use ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::{digest, hmac};
use zeroize::Zeroizing;

use super::{Aead, CryptoError, Provider, rust_crypto, split_tag};
use crate::AeadAlgorithm;

pub(super) const PROVIDER: Provider = Provider {
    name: "ring",
    sha256,
    hmac: hmac_sha256,
    aead: &Ring,
    ..rust_crypto::PROVIDER
};

struct Ring;

fn take<const N: usize>(from: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(from) {
        *to = *from;
    }
    out
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(part);
    }
    take(hash.finish().as_ref())
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        mac.update(part);
    }
    take(mac.sign().as_ref())
}

fn key(algorithm: AeadAlgorithm, key: &[u8; 32]) -> Result<LessSafeKey, CryptoError> {
    let algorithm = match algorithm {
        AeadAlgorithm::Aes256Gcm => &AES_256_GCM,
        AeadAlgorithm::ChaCha20Poly1305 => &CHACHA20_POLY1305,
    };
    UnboundKey::new(algorithm, key)
        .map(LessSafeKey::new)
        .map_err(|_| CryptoError)
}

impl Aead for Ring {
    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        secret: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; 16], CryptoError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        key(algorithm, secret)?
            .seal_in_place_separate_tag(nonce, Aad::from(aad), buf)
            .map(|tag| take(tag.as_ref()))
            .map_err(|_| CryptoError)
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        secret: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (sealed, tag) = split_tag(sealed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut buf = Zeroizing::new(sealed.to_vec());
        key(algorithm, secret)?
            .open_in_place_separate_tag(nonce, Aad::from(aad), Tag::from(*tag), &mut buf, 0..)
            .map_err(|_| CryptoError)?;
        Ok(buf)
    }
}
