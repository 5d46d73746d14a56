//! The arithmetic behind the suites, as values that are passed explicitly.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(feature = "ring")]
mod ring;
mod rust_crypto;
mod xwing;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::AeadAlgorithm;

/// A key, tag, signature or encapsulation was refused. Says no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoError;

impl fmt::Display for CryptoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused by the cryptography")
    }
}

impl core::error::Error for CryptoError {}

/// Everything the suites compute. A provider is this struct with its fields
/// filled in; mixing the parts of two providers is fine.
///
/// Features only make a provider available. They never change what another one
/// does, and there is no global default.
#[derive(Clone, Copy)]
pub struct Provider {
    /// For messages to people, e.g. `"RustCrypto"`.
    pub name: &'static str,
    /// SHA-256 of the concatenation of the parts (FIPS 180-4).
    pub sha256: fn(parts: &[&[u8]]) -> [u8; 32],
    /// HMAC-SHA-256 of the concatenation of the parts under `key` (RFC 2104).
    pub hmac: fn(key: &[u8], parts: &[&[u8]]) -> [u8; 32],
    /// AES-256-GCM and ChaCha20-Poly1305.
    pub aead: &'static dyn Aead,
    /// RFC 7748.
    pub x25519: &'static dyn X25519,
    /// RFC 8032, verified strictly (spec 1.4).
    pub ed25519: &'static dyn Ed25519,
    /// draft-connolly-cfrg-xwing-kem.
    pub xwing: &'static dyn XWing,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", self.name)
    }
}

impl Provider {
    /// All parts from RustCrypto and dalek, in Rust throughout.
    #[must_use]
    pub const fn rust_crypto() -> Provider {
        rust_crypto::PROVIDER
    }

    /// AEAD, X25519, ML-KEM and Ed25519 signatures by aws-lc-rs, HMAC and SHA-256 as
    /// in [`Provider::ring`], the rest as in [`Provider::rust_crypto`]: the fastest.
    #[cfg(feature = "aws-lc")]
    #[must_use]
    pub const fn aws_lc() -> Provider {
        aws_lc::PROVIDER
    }

    /// AEAD, HMAC and SHA-256 by ring, the rest as in [`Provider::rust_crypto`]
    /// (ring keeps no X25519 secrets, and its Ed25519 accepts what spec 1.4
    /// refuses).
    #[cfg(feature = "ring")]
    #[must_use]
    pub const fn ring() -> Provider {
        ring::PROVIDER
    }
}

/// Authenticated encryption with 32-byte keys, 12-byte nonces, 16-byte tags.
pub trait Aead: Send + Sync {
    /// Encrypts `buf` in place and returns the tag.
    ///
    /// # Errors
    /// Only if `buf` is longer than the algorithm allows (64 GiB and more).
    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buf: &mut [u8],
    ) -> Result<[u8; 16], CryptoError>;

    /// The plaintext of `sealed`, which is ciphertext || tag. Nothing of it is seen by
    /// anybody unless the tag fits.
    ///
    /// # Errors
    /// If the tag does not fit, or `sealed` is shorter than a tag.
    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, CryptoError>;
}

/// Ciphertext and tag of what [`Aead::open`] is given.
fn split_tag(sealed: &[u8]) -> Result<(&[u8], &[u8; 16]), CryptoError> {
    sealed.split_last_chunk().ok_or(CryptoError)
}

/// X25519 (RFC 7748).
pub trait X25519: Send + Sync {
    /// Prepares a secret, once for all that is computed with it: a library that has
    /// to parse its keys does so here.
    fn secret(&self, secret: &[u8; 32]) -> Box<dyn X25519Secret>;
}

/// A prepared X25519 secret. Wiped when dropped.
pub trait X25519Secret: Send + Sync {
    /// X25519(secret, 9).
    fn public(&self) -> [u8; 32];

    /// X25519(secret, public), bit 255 of `public` ignored.
    ///
    /// # Errors
    /// If the result is all zero (RFC 7748 section 6.1).
    fn agree(&self, public: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// Ed25519 (RFC 8032) with the strict verification of spec 1.4.
pub trait Ed25519: Send + Sync {
    /// The public key of a 32-byte seed.
    fn public(&self, seed: &[u8; 32]) -> [u8; 32];

    /// The deterministic signature of RFC 8032 section 5.1.6.
    fn sign(&self, seed: &[u8; 32], message: &[u8]) -> [u8; 64];

    /// Verifies without the cofactor. R and the key must be canonical points, not
    /// of small order; S must be below the order.
    ///
    /// # Errors
    /// If any of that does not hold.
    fn verify_strict(
        &self,
        public: &[u8; 32],
        message: &[u8],
        signature: &[u8; 64],
    ) -> Result<(), CryptoError>;
}

/// X-Wing (draft-connolly-cfrg-xwing-kem-06 and later).
pub trait XWing: Send + Sync {
    /// Prepares a 32-byte decapsulation key, which is the seed of an ML-KEM key that
    /// takes about as long to expand as to use.
    fn secret(&self, secret: &[u8; 32]) -> Box<dyn XWingSecret>;

    /// Encapsulates for a key of 1216 bytes: writes the ciphertext and returns the
    /// shared secret.
    ///
    /// The last 32 bytes of `randomness` are the X25519 scalar. The first 32 are
    /// ML-KEM's, where the library takes them; where it does not, it draws its own
    /// from the system, and only the X25519 half of the ciphertext, its last 32
    /// bytes, is a function of `randomness`.
    ///
    /// # Errors
    /// If `public` is not a valid encapsulation key, or its X25519 part is of
    /// small order. `ciphertext` is then unspecified.
    fn encapsulate(
        &self,
        public: &[u8],
        randomness: &[u8; 64],
        ciphertext: &mut [u8; 1120],
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// A prepared X-Wing decapsulation key. Wiped when dropped.
pub trait XWingSecret: Send + Sync {
    /// The encapsulation key.
    fn public(&self) -> [u8; 1216];

    /// The shared secret of a ciphertext.
    ///
    /// # Errors
    /// If the X25519 output is all zero. A ciphertext that is wrong in its ML-KEM
    /// part gives another secret, not an error (FIPS 203).
    fn decapsulate(&self, ciphertext: &[u8; 1120]) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}
