//! Public keys: encoding, validation, ids, text and fingerprint (spec 1.2 to 1.5).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use ml_kem::ml_kem_768::EncapsulationKey;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{HintKey, KeyType, text};

const TEXT_PREFIX: &str = "wcmp1";
const TEXT_LABEL: &[u8] = b"WCMP v1 text";

/// Why a key was refused (error code `key`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The type is unknown, or not the one that is needed here.
    Type,
    /// The length is not that of the type.
    Length,
    /// The X25519 part is not canonical or of small order.
    X25519,
    /// The ML-KEM part fails FIPS 203's encapsulation key check.
    MlKem,
    /// The Ed25519 part is not canonical, not on the curve, or of small order.
    Ed25519,
    /// The text is not exactly what the key encodes to.
    Text,
    /// The RNG failed while a key pair was made. The only kind that is no fault of a
    /// key.
    Random,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyError::Type => "key of an unknown or unfit type",
            KeyError::Length => "key of a wrong length",
            KeyError::X25519 => "X25519 key not canonical or of small order",
            KeyError::MlKem => "ML-KEM key out of range",
            KeyError::Ed25519 => "Ed25519 key not a canonical point of the prime order's curve",
            KeyError::Text => "not the text of a key: mistyped, cut or changed",
            KeyError::Random => "no random numbers",
        })
    }
}

impl core::error::Error for KeyError {}

/// A validated public key: type, KEM key, Ed25519 key (spec 1.2).
///
/// Confidential: whoever holds it recognises its traffic in open suites. So it is
/// wiped when dropped, compared in constant time, and never printed by `Debug`.
#[derive(Clone)]
pub struct PublicKey {
    key_type: KeyType,
    encoded: Box<[u8]>,
    ed25519: [u8; 32],
    key_id: [u8; 32],
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({:?}, ..)", self.key_type)
    }
}

impl Drop for PublicKey {
    fn drop(&mut self) {
        self.encoded.zeroize();
        self.ed25519.zeroize();
        self.key_id.zeroize();
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.encoded.ct_eq(&other.encoded).into()
    }
}

impl Eq for PublicKey {}

impl PublicKey {
    /// Decodes and validates a key of 66 or 1250 bytes (spec 1.3).
    ///
    /// # Errors
    /// [`KeyError`], one kind for each rule.
    pub fn from_bytes(bytes: &[u8]) -> Result<PublicKey, KeyError> {
        let (id, rest) = bytes.split_first_chunk::<2>().ok_or(KeyError::Length)?;
        let key_type = KeyType::try_from(u16::from_be_bytes(*id)).map_err(|_| KeyError::Type)?;
        if bytes.len() != key_type.public_len() {
            return Err(KeyError::Length);
        }
        let (kem, ed25519) = rest.split_last_chunk::<32>().ok_or(KeyError::Length)?;
        let x25519 = kem.last_chunk::<32>().ok_or(KeyError::Length)?;
        if !x25519_canonical(x25519) || x25519_small_order(x25519) {
            return Err(KeyError::X25519);
        }
        if key_type == KeyType::XWing {
            let (ml_kem, _) = kem.split_first_chunk::<1184>().ok_or(KeyError::Length)?;
            EncapsulationKey::new(ml_kem.into()).map_err(|_| KeyError::MlKem)?;
        }
        check_ed25519(ed25519)?;
        Ok(PublicKey {
            key_type,
            encoded: bytes.into(),
            ed25519: *ed25519,
            key_id: hash(b"WCMP v1 key id", bytes),
        })
    }

    /// Reads the text form `wcmp1...` (spec 1.5) and validates the key.
    ///
    /// ```
    /// use wcmp_suite::{KeyError, KeyPair, KeyType, Provider, PublicKey};
    ///
    /// let keys = KeyPair::from_seed(&Provider::rust_crypto(), KeyType::X25519, &[7; 32])?;
    /// let text = keys.public().to_text();
    /// assert_eq!(PublicKey::from_text(&text)?, *keys.public());
    /// // Nothing is stripped, folded or corrected.
    /// assert_eq!(PublicKey::from_text(&format!("{}\n", *text)), Err(KeyError::Text));
    /// # Ok::<(), KeyError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError::Text`] if the text is not exactly what the key encodes to, else
    /// as [`PublicKey::from_bytes`].
    pub fn from_text(text: &str) -> Result<PublicKey, KeyError> {
        let bytes = text::decode(TEXT_PREFIX, TEXT_LABEL, text).ok_or(KeyError::Text)?;
        PublicKey::from_bytes(&bytes)
    }

    /// The text form: 117 characters for type 1, 2012 for type 2.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        text::encode(TEXT_PREFIX, TEXT_LABEL, &self.encoded)
    }

    /// The encoding: u16 type, KEM key, Ed25519 key; 66 or 1250 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.encoded
    }

    /// The type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The KEM's public key, 32 or 1216 bytes.
    #[must_use]
    pub fn kem(&self) -> &[u8] {
        let end = 2 + self.key_type.kem_len();
        self.encoded.get(2..end).unwrap_or_default()
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn ed25519(&self) -> &[u8; 32] {
        &self.ed25519
    }

    /// key_id (spec 1.2). As confidential as the key.
    #[must_use]
    pub fn key_id(&self) -> &[u8; 32] {
        &self.key_id
    }

    /// The precomputed hint key (spec 1.2).
    #[must_use]
    pub fn hint_key(&self) -> HintKey {
        let key = Zeroizing::new(hash(b"WCMP v1 hint key", &self.encoded));
        HintKey::new(&key)
    }

    /// Twenty-four characters in six groups, for reading aloud (spec 1.5).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (short, _) = self.key_id.split_at(15);
        let mut out = String::with_capacity(29);
        for (i, c) in text::base32(short).chars().enumerate() {
            if i > 0 && i % 4 == 0 {
                out.push(' ');
            }
            out.push(c);
        }
        out
    }
}

fn hash(label: &[u8], bytes: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(label)
        .chain_update(bytes)
        .finalize()
        .into()
}

/// Below 2^255 - 19 as a little-endian integer, so bit 255 is clear too.
fn x25519_canonical(u: &[u8; 32]) -> bool {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    u.iter().rev().lt(prime.iter().rev())
}

/// Whether 8 times the point is the identity (spec 1.3). Any 32 bytes, read as
/// RFC 7748 does.
fn x25519_small_order(u: &[u8; 32]) -> bool {
    let eight = [true, false, false, false];
    MontgomeryPoint(*u)
        .mul_bits_be(eight.into_iter())
        .to_bytes()
        == [0; 32]
}

/// A canonical point of edwards25519, not of small order (spec 1.3).
pub(crate) fn check_ed25519(bytes: &[u8; 32]) -> Result<(), KeyError> {
    let point = CompressedEdwardsY(*bytes)
        .decompress()
        .ok_or(KeyError::Ed25519)?;
    // Encoding it again differs for y >= 2^255 - 19 and for x = 0 with a sign.
    if point.compress().to_bytes() != *bytes || point.is_small_order() {
        return Err(KeyError::Ed25519);
    }
    Ok(())
}
