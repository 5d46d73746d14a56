//! Algorithm ids: what a suite id on the wire stands for (spec 2).

use core::fmt;

/// A suite id as it stands on the wire. Any value can be carried; only some are
/// a [`Suite`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SuiteId(pub u16);

impl fmt::Debug for SuiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SuiteId({self})")
    }
}

impl fmt::Display for SuiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#06x}", self.0)
    }
}

/// The id names nothing that this version knows (error code `suite` for suites,
/// `key` for key types).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownId(pub u16);

impl fmt::Display for UnknownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown id {:#06x}", self.0)
    }
}

impl core::error::Error for UnknownId {}

/// Who can recognise an envelope of a suite (spec 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Whoever holds a public key recognises its traffic, as in the seed.
    Open,
    /// Only holders of a private key do.
    Sealed,
}

/// A type of key pair (spec 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// X25519 and Ed25519: public keys of 66 bytes.
    X25519 = 1,
    /// X-Wing (ML-KEM-768 with X25519) and Ed25519: public keys of 1250 bytes.
    XWing = 2,
}

impl KeyType {
    /// The id on the wire.
    #[must_use]
    pub const fn id(self) -> u16 {
        self as u16
    }

    /// Bytes of the KEM public key: 32 or 1216.
    #[must_use]
    pub const fn kem_len(self) -> usize {
        match self {
            KeyType::X25519 => 32,
            KeyType::XWing => 1216,
        }
    }

    /// Bytes of an encoded public key: type, KEM key, signature key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        2 + self.kem_len() + 32
    }
}

impl TryFrom<u16> for KeyType {
    type Error = UnknownId;

    fn try_from(id: u16) -> Result<Self, UnknownId> {
        match id {
            1 => Ok(KeyType::X25519),
            2 => Ok(KeyType::XWing),
            _ => Err(UnknownId(id)),
        }
    }
}

/// An AEAD with 32-byte keys, 12-byte nonces and 16-byte tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AeadAlgorithm {
    /// AES-256-GCM, NIST SP 800-38D.
    Aes256Gcm,
    /// ChaCha20-Poly1305, RFC 8439.
    ChaCha20Poly1305,
}

impl AeadAlgorithm {
    /// The id in HPKE's registry (RFC 9180 section 7.3).
    #[must_use]
    pub const fn hpke_id(self) -> u16 {
        match self {
            AeadAlgorithm::Aes256Gcm => 0x0002,
            AeadAlgorithm::ChaCha20Poly1305 => 0x0003,
        }
    }
}

/// The suites of version 1 (spec 2).
///
/// ```
/// use wcmp_suite::{Form, Suite, SuiteId, UnknownId};
///
/// let suite = Suite::try_from(SuiteId(0x0101))?;
/// assert_eq!((suite.form(), suite.enc_len(), suite.slot_len()), (Form::Sealed, 32, 48));
/// assert_eq!(Suite::try_from(SuiteId(0x0103)), Err(UnknownId(0x0103)));
/// # Ok::<(), UnknownId>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 0x0001: X25519, AES-256-GCM, open. The seed's form and the fastest scan.
    OpenAes256Gcm = 0x0001,
    /// 0x0002: X25519, ChaCha20-Poly1305, open.
    OpenChaCha20Poly1305 = 0x0002,
    /// 0x0003: X-Wing, AES-256-GCM, open. Secrecy that outlives quantum computers.
    OpenXWing = 0x0003,
    /// 0x0101: X25519, AES-256-GCM, sealed. What a client sends by default.
    SealedAes256Gcm = 0x0101,
    /// 0x0102: X25519, ChaCha20-Poly1305, sealed.
    SealedChaCha20Poly1305 = 0x0102,
}

impl Suite {
    /// Every suite, in ascending order of their ids.
    pub const ALL: [Suite; 5] = [
        Suite::OpenAes256Gcm,
        Suite::OpenChaCha20Poly1305,
        Suite::OpenXWing,
        Suite::SealedAes256Gcm,
        Suite::SealedChaCha20Poly1305,
    ];

    /// The id on the wire.
    #[must_use]
    pub const fn id(self) -> SuiteId {
        SuiteId(self as u16)
    }

    /// The id as its two bytes on the wire.
    #[must_use]
    pub const fn id_bytes(self) -> [u8; 2] {
        (self as u16).to_be_bytes()
    }

    /// The type of every receiver's key.
    #[must_use]
    pub const fn key_type(self) -> KeyType {
        match self {
            Suite::OpenXWing => KeyType::XWing,
            _ => KeyType::X25519,
        }
    }

    /// The AEAD of payload and slots.
    #[must_use]
    pub const fn aead(self) -> AeadAlgorithm {
        match self {
            Suite::OpenChaCha20Poly1305 | Suite::SealedChaCha20Poly1305 => {
                AeadAlgorithm::ChaCha20Poly1305
            }
            _ => AeadAlgorithm::Aes256Gcm,
        }
    }

    /// Who can recognise an envelope of this suite.
    #[must_use]
    pub const fn form(self) -> Form {
        match self {
            Suite::SealedAes256Gcm | Suite::SealedChaCha20Poly1305 => Form::Sealed,
            _ => Form::Open,
        }
    }

    /// The KEM's id in HPKE's registry (RFC 9180 section 7.1; X-Wing's draft).
    #[must_use]
    pub const fn kem_id(self) -> u16 {
        match self.key_type() {
            KeyType::X25519 => 0x0020,
            KeyType::XWing => 0x647a,
        }
    }

    /// Bytes of the envelope's `encapsulation`: 32, or 0 for X-Wing.
    #[must_use]
    pub const fn enc_len(self) -> usize {
        match self.key_type() {
            KeyType::X25519 => 32,
            KeyType::XWing => 0,
        }
    }

    /// Bytes of one sealed key: 48, or 1168 for X-Wing.
    #[must_use]
    pub const fn slot_len(self) -> usize {
        match self.key_type() {
            KeyType::X25519 => 48,
            KeyType::XWing => 1168,
        }
    }
}

impl TryFrom<SuiteId> for Suite {
    type Error = UnknownId;

    fn try_from(id: SuiteId) -> Result<Self, UnknownId> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.id() == id)
            .ok_or(UnknownId(id.0))
    }
}
