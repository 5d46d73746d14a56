//! Sealed bundles: files that are noise to whoever lacks their passphrase or secret.
//!
//! ```text
//! file      = salt (32 random bytes) || chunk 0 || chunk 1 || ..
//! chunk     = AES-256-GCM of 65 536 bytes of plaintext, in the last chunk of 1 to 65 536; no aad
//! nonce     = u88 number of the chunk, from 0 || u8 (1 in the last chunk, else 0)
//! key       = Expand(Extract(salt, K), "WCMP v1 sealed bundle", 32)
//! K         = Argon2id(passphrase in UTF-8 NFC, salt, t=3, m=65536 KiB, p=4, 32 bytes), or a secret of 32 bytes
//! plaintext = u64 length || bundle || zeros up to padded_len(8 + length)
//! ```
//! [`Sealing`] is a [`Sink`] for a [`Writer`](super::Writer), [`Unsealed`] a [`Source`] for a
//! [`Reader`](super::Reader). Both hold two chunks in memory, whatever the size of the file; a passphrase takes another
//! 64 MiB while the key is made.
//!
//! There is no magic, so nothing in the file tells that it is one: the caller says so. Its size is one of those that
//! [`padded_len`] gives, 48 bytes and 16 for each chunk more.
//!
//! ```
//! use std::io::Cursor;
//! use wcmp_relay::bundle::{Event, Reader, Sealing, Secret, Stamp, Unsealed, Writer};
//!
//! let secret = Secret::paired([7; 32]); // handed over in person
//! let salt = [0x5a; 32]; // from the system's randomness
//! let sealing = Sealing::new(Cursor::new(Vec::new()), &secret, salt)?;
//! let mut writer = Writer::new(sealing, [1; 4])?;
//! writer.frame(Stamp::NONE, b"an envelope")?;
//! let file = writer.finish()?.finish()?.into_inner();
//! assert_eq!(file.len(), 32 + 1024 + 16);
//!
//! let mut reader = Reader::open(Unsealed::open(&file[..], &secret)?, 1 << 20)?;
//! let Some(Event::Frame { envelope, .. }) = reader.next()? else { panic!() };
//! assert_eq!(envelope, b"an envelope");
//! assert!(Unsealed::open(&file[..], &Secret::paired([8; 32])).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod write;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::KeyInit;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use wcmp_wire::padded_len;
use zeroize::{Zeroize, Zeroizing};

use super::PART_LIMIT;

pub use read::{SealedError, Unsealed};
pub use write::Sealing;

/// Bytes of plaintext in every chunk but the last.
const CHUNK: usize = 65_536;
/// Bytes of an AEAD tag.
const TAG: usize = 16;
/// Bytes of a whole chunk in the file.
const SEALED_CHUNK: u64 = (CHUNK + TAG) as u64;
/// Bytes of the salt.
const SALT: usize = 32;
/// Bytes of the length before the bundle.
const LENGTH: usize = 8;

/// Most bytes of a bundle whose sealed form has no more than [`PART_LIMIT`]: there, padding goes in steps of 2^24.
pub const SEALED_PART_LIMIT: u64 = PART_LIMIT - (1 << 24) - LENGTH as u64;

/// Bytes of the file that a bundle of so many bytes is sealed to.
///
/// ```
/// use wcmp_relay::bundle::{PART_LIMIT, SEALED_PART_LIMIT, sealed_len};
/// assert_eq!(sealed_len(0), 32 + 1024 + 16);
/// assert!(sealed_len(SEALED_PART_LIMIT) <= PART_LIMIT);
/// assert!(sealed_len(SEALED_PART_LIMIT + 1) > PART_LIMIT);
/// ```
#[must_use]
pub fn sealed_len(bundle: u64) -> u64 {
    let plaintext = padded(bundle.saturating_add(LENGTH as u64));
    let tags = plaintext.div_ceil(CHUNK as u64).saturating_mul(TAG as u64);
    (SALT as u64).saturating_add(plaintext).saturating_add(tags)
}

/// Whether a whole sealed bundle can have so many bytes: the only thing to be seen without the secret.
#[must_use]
pub fn is_sealed_len(file: u64) -> bool {
    let plaintext = Chunks::of(file).plaintext();
    plaintext >= 1024 && sealed_len(plaintext - LENGTH as u64) == file
}

fn padded(n: u64) -> u64 {
    usize::try_from(n).map_or(u64::MAX, |n| padded_len(n) as u64)
}

/// Where the chunks of a file are.
#[derive(Clone, Copy, Debug)]
struct Chunks {
    count: u64,
    /// Bytes after the salt.
    bytes: u64,
}

impl Chunks {
    fn of(file: u64) -> Self {
        let bytes = file.saturating_sub(SALT as u64);
        let count = bytes.div_ceil(SEALED_CHUNK);
        Self { count, bytes }
    }

    fn plaintext(self) -> u64 {
        self.bytes.saturating_sub(self.count * TAG as u64)
    }
}

/// What a file is sealed with.
#[derive(Clone)]
pub struct Secret(Kind);

#[derive(Clone)]
enum Kind {
    Passphrase(Zeroizing<String>),
    Paired(Zeroizing<[u8; 32]>),
}

impl Secret {
    /// A passphrase, in any normal form of Unicode. It costs 64 MiB and some tenths of a second for every file.
    #[must_use]
    pub fn passphrase(text: &str) -> Self {
        // In UTF-8, NFC is at most three times as long (UAX 15); so it does not move and leave copies.
        let mut nfc = Zeroizing::new(String::with_capacity(text.len().saturating_mul(3)));
        nfc.extend(text.nfc());
        Self(Kind::Passphrase(nfc))
    }

    /// 32 random bytes that two people exchanged when they met.
    #[must_use]
    pub fn paired(secret: [u8; 32]) -> Self {
        Self(Kind::Paired(Zeroizing::new(secret)))
    }

    /// `None` if there is not enough memory.
    fn cipher(&self, salt: &[u8; SALT]) -> Option<Aes256Gcm> {
        let secret = match &self.0 {
            Kind::Passphrase(text) => argon2id(text.as_bytes(), salt)?,
            Kind::Paired(secret) => secret.clone(),
        };
        let prk = Zeroizing::new(hmac(salt, &[&*secret]));
        // The first and only block of Expand (RFC 5869, 2.3).
        let key = Zeroizing::new(hmac(&prk, &[b"WCMP v1 sealed bundle", &[1]]));
        Some(Aes256Gcm::new((&*key).into()))
    }
}

/// Which sort of secret it is.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Passphrase(_) => "Secret::passphrase(..)",
            Kind::Paired(_) => "Secret::paired(..)",
        })
    }
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A whole block as key: `new` takes it as it is.
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn argon2id(passphrase: &[u8], salt: &[u8; SALT]) -> Option<Zeroizing<[u8; 32]>> {
    struct Blocks(Vec<Block>);
    impl Zeroize for Blocks {
        fn zeroize(&mut self) {
            self.0.iter_mut().for_each(Zeroize::zeroize);
        }
    }
    let params = Params::new(65_536, 3, 4, Some(32)).ok()?;
    let mut blocks = Zeroizing::new(Blocks(Vec::new()));
    blocks.0.try_reserve_exact(params.block_count()).ok()?;
    blocks.0.resize(params.block_count(), Block::new());
    let mut out = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut *out, &mut blocks.0)
        .ok()?;
    Some(out)
}

/// A chunk that takes its bytes and tag without moving, which would leave copies.
fn empty_chunk() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(CHUNK + TAG))
}

fn nonce(chunk: u64, last: bool) -> [u8; 12] {
    let [a, b, c, d, e, f, g, h] = chunk.to_be_bytes();
    [0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)]
}
