//! Suites (auth 1): a KDF, with or without X25519.

use crate::limits::Misuse;
use alloc::vec::Vec;

/// What a suite number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// 1: PBKDF2 alone. A listener can guess the password offline (auth 8).
    Pbkdf2,
    /// 2: PBKDF2 and X25519.
    Pbkdf2X25519,
    /// 3: Argon2id alone. A listener can guess the password offline (auth 8).
    Argon2id,
    /// 4: Argon2id and X25519.
    Argon2idX25519,
}

/// A suite number that nobody here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSuite(pub u8);

/// How a password is stretched; one record serves both suites of a KDF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kdf {
    /// 1: PBKDF2-HMAC-SHA256 (RFC 8018).
    Pbkdf2,
    /// 3: Argon2id (RFC 9106).
    Argon2id,
}

impl Suite {
    /// The number on the wire.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Suite::Pbkdf2 => 1,
            Suite::Pbkdf2X25519 => 2,
            Suite::Argon2id => 3,
            Suite::Argon2idX25519 => 4,
        }
    }

    /// Its KDF.
    #[must_use]
    pub const fn kdf(self) -> Kdf {
        match self {
            Suite::Pbkdf2 | Suite::Pbkdf2X25519 => Kdf::Pbkdf2,
            Suite::Argon2id | Suite::Argon2idX25519 => Kdf::Argon2id,
        }
    }

    /// Whether both sides send an ephemeral X25519 key.
    #[must_use]
    pub const fn x25519(self) -> bool {
        matches!(self, Suite::Pbkdf2X25519 | Suite::Argon2idX25519)
    }
}

impl TryFrom<u8> for Suite {
    type Error = UnknownSuite;

    fn try_from(id: u8) -> Result<Suite, UnknownSuite> {
        match id {
            1 => Ok(Suite::Pbkdf2),
            2 => Ok(Suite::Pbkdf2X25519),
            3 => Ok(Suite::Argon2id),
            4 => Ok(Suite::Argon2idX25519),
            other => Err(UnknownSuite(other)),
        }
    }
}

impl Kdf {
    /// The number that is hashed.
    #[must_use]
    pub const fn id(self) -> u8 {
        match self {
            Kdf::Pbkdf2 => 1,
            Kdf::Argon2id => 3,
        }
    }
}

/// An offer: 1 to 16 suite numbers without duplicates, in the order of
/// preference. Numbers that are unknown here are kept: they are hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suites(Vec<u8>);

impl Suites {
    /// The offer of these numbers.
    ///
    /// # Errors
    /// [`Misuse::Suites`] unless they are 1 to 16 without duplicates.
    pub fn new(ids: &[u8]) -> Result<Suites, Misuse> {
        let mut rest = ids;
        while let Some((first, others)) = rest.split_first() {
            if others.contains(first) {
                return Err(Misuse::Suites);
            }
            rest = others;
        }
        if !(1..=16).contains(&ids.len()) {
            return Err(Misuse::Suites);
        }
        Ok(Suites(ids.to_vec()))
    }

    /// The numbers.
    #[must_use]
    pub fn ids(&self) -> &[u8] {
        &self.0
    }

    /// The known ones among them, in order.
    pub fn known(&self) -> impl Iterator<Item = Suite> {
        self.0.iter().filter_map(|&id| Suite::try_from(id).ok())
    }

    /// Whether an ephemeral key goes with the offer (auth 3, m1).
    #[must_use]
    pub fn x25519(&self) -> bool {
        self.known().any(Suite::x25519)
    }

    /// Whether `suite` is offered.
    #[must_use]
    pub fn offers(&self, suite: Suite) -> bool {
        self.0.contains(&suite.id())
    }
}

/// By default the two with X25519, Argon2id first.
impl Default for Suites {
    fn default() -> Suites {
        Suites([Suite::Argon2idX25519.id(), Suite::Pbkdf2X25519.id()].to_vec())
    }
}
