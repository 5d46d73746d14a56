//! Content-Digest (RFC 9530).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use data_encoding::BASE64;
use sha2::{Digest, Sha256, Sha512};

use super::sf::{Bare, Cursor, Syntax};

/// The body does not fit its digest, or there is no digest that we can check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadDigest;

impl fmt::Display for BadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("body does not fit its digest")
    }
}

impl core::error::Error for BadDigest {}

impl From<Syntax> for BadDigest {
    fn from(_: Syntax) -> BadDigest {
        BadDigest
    }
}

/// What a body has to fit, and how much of it was seen. Every sha-256 and
/// sha-512 member of the digest has to fit.
#[derive(Clone)]
pub struct Digests {
    sha256: Option<Box<(Sha256, [u8; 32])>>,
    sha512: Option<Box<(Sha512, [u8; 64])>>,
    seen: bool,
}

impl fmt::Debug for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digests")
            .field("sha256", &self.sha256.is_some())
            .field("sha512", &self.sha512.is_some())
            .finish_non_exhaustive()
    }
}

impl Digests {
    /// What no digest is there for: the empty content.
    pub(super) const EMPTY: Digests = Digests {
        sha256: None,
        sha512: None,
        seen: false,
    };

    /// Reads a Content-Digest.
    ///
    /// # Errors
    /// [`BadDigest`] for what is no dictionary, for a sha-256 or sha-512 that is
    /// no byte sequence of its length, and where there is neither.
    pub fn parse(field: &[u8]) -> Result<Digests, BadDigest> {
        let mut digests = Digests::EMPTY;
        let mut cursor = Cursor::new(field);
        let mut first = true;
        while cursor.member_follows(first)? {
            first = false;
            let key = cursor.key()?;
            match key {
                b"sha-256" => {
                    let want = value(&mut cursor)?;
                    if digests.sha256.as_ref().is_some_and(|other| other.1 != want) {
                        return Err(BadDigest);
                    }
                    digests.sha256 = Some(Box::new((Sha256::new(), want)));
                }
                b"sha-512" => {
                    let want = value(&mut cursor)?;
                    if digests.sha512.as_ref().is_some_and(|other| other.1 != want) {
                        return Err(BadDigest);
                    }
                    digests.sha512 = Some(Box::new((Sha512::new(), want)));
                }
                // No item but a byte sequence is a digest (RFC 9530, section 2).
                _ => {
                    if !cursor.eat(b'=') || !matches!(cursor.bare()?, Bare::Bytes(_)) {
                        return Err(BadDigest);
                    }
                }
            }
            cursor.skip_parameters()?;
        }
        match digests.sha256.is_some() || digests.sha512.is_some() {
            true => Ok(digests),
            false => Err(BadDigest),
        }
    }

    /// Takes the next bytes of the body, as received.
    pub fn update(&mut self, bytes: &[u8]) {
        self.seen |= !bytes.is_empty();
        if let Some(sha256) = &mut self.sha256 {
            sha256.0.update(bytes);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.0.update(bytes);
        }
    }

    /// Whether what was seen is all of it. Only then may the body be used.
    ///
    /// # Errors
    /// [`BadDigest`].
    pub fn verify(self) -> Result<(), BadDigest> {
        let Digests {
            sha256,
            sha512,
            seen,
        } = self;
        if sha256.is_none() && sha512.is_none() && seen {
            return Err(BadDigest);
        }
        let fits256 = sha256.is_none_or(|sha256| sha256.0.finalize()[..] == sha256.1);
        let fits512 = sha512.is_none_or(|sha512| sha512.0.finalize()[..] == sha512.1);
        match fits256 && fits512 {
            true => Ok(()),
            false => Err(BadDigest),
        }
    }
}

fn value<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u8; N], BadDigest> {
    if !cursor.eat(b'=') {
        return Err(BadDigest);
    }
    match cursor.bare()? {
        Bare::Bytes(text) => decode(text).ok_or(BadDigest),
        _ => Err(BadDigest),
    }
}

/// N bytes of padded base64 with zero unused bits. N is 32 or 64.
pub(super) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; 66];
    if text.len() != N.div_ceil(3) * 4 {
        return None;
    }
    let room = bytes.get_mut(..text.len() / 4 * 3)?;
    if BASE64.decode_mut(text, room).ok()? != N {
        return None;
    }
    bytes.first_chunk().copied()
}

/// The value of Content-Digest for `content`, by SHA-256.
///
/// ```
/// assert_eq!(
///     wcmp_auth::call::content_digest(b""),
///     "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:",
/// );
/// ```
#[must_use]
pub fn content_digest(content: &[u8]) -> String {
    digest_field(&Sha256::digest(content).into())
}

pub(super) fn digest_field(sha256: &[u8; 32]) -> String {
    let mut out = String::with_capacity(54);
    out.push_str("sha-256=:");
    BASE64.encode_append(sha256, &mut out);
    out.push(':');
    out
}
