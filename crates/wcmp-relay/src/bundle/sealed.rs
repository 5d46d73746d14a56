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

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::{fmt, mem};
use std::io::{self, Seek, SeekFrom, Write};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;
use wcmp_wire::padded_len;
use zeroize::{Zeroize, Zeroizing};

use super::{PART_LIMIT, Sink, Source};

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

/// What a file is sealed with.
pub struct Secret(Kind);

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

fn nonce(chunk: u64, last: bool) -> [u8; 12] {
    let [a, b, c, d, e, f, g, h] = chunk.to_be_bytes();
    [0, 0, 0, a, b, c, d, e, f, g, h, u8::from(last)]
}

/// Writes a sealed bundle. What it is given is the plain one.
///
/// The first chunk holds the length, so it is written last, by [`finish`](Sealing::finish). Without that, nobody can
/// read any of the file.
pub struct Sealing<W> {
    inner: W,
    cipher: Aes256Gcm,
    /// The first chunk, when there is a second.
    first: Option<Zeroizing<Vec<u8>>>,
    /// The chunk that is being filled, and its number.
    chunk: Zeroizing<Vec<u8>>,
    number: u64,
    /// Bytes of the bundle so far.
    len: u64,
}

impl<W> fmt::Debug for Sealing<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl<W: Write + Seek> Sealing<W> {
    /// Begins a file at the start of `inner`. `salt` is random, and another one for every file.
    ///
    /// # Errors
    /// If `inner` fails; [`io::ErrorKind::OutOfMemory`] if a passphrase finds no memory.
    pub fn new(mut inner: W, secret: &Secret, salt: [u8; SALT]) -> io::Result<Self> {
        let cipher = secret
            .cipher(&salt)
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        inner.seek(SeekFrom::Start(0))?;
        inner.write_all(&salt)?;
        Ok(Self {
            inner,
            cipher,
            first: None,
            chunk: Zeroizing::new(empty_chunk(&[0; LENGTH])),
            number: 0,
            len: 0,
        })
    }

    /// Writes what is missing, and gives back what was written to. It is not flushed.
    ///
    /// # Errors
    /// If the file fails, or can not be of this size on this machine.
    pub fn finish(mut self) -> io::Result<W> {
        let len = self.len;
        let plaintext = LENGTH as u64 + len;
        let mut zeros = padded(plaintext) - plaintext;
        while zeros > 0 {
            let piece = zeros.min(4096);
            self.push(&[0; 4096], piece)?;
            zeros -= piece;
        }
        let mut last = mem::take(&mut self.chunk);
        match self.first.take() {
            None => {
                put_len(&mut last, len);
                self.seal(&mut last, self.number, true)?;
            }
            Some(mut first) => {
                self.seal(&mut last, self.number, true)?;
                put_len(&mut first, len);
                self.inner.seek(SeekFrom::Start(SALT as u64))?;
                self.seal(&mut first, 0, false)?;
                self.inner.seek(SeekFrom::End(0))?;
            }
        }
        Ok(self.inner)
    }

    /// The first `n` of `bytes`.
    fn push(&mut self, bytes: &[u8], n: u64) -> io::Result<()> {
        let n = usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
        let mut bytes = bytes.get(..n).unwrap_or_default();
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK {
                self.next_chunk()?;
            }
            let room = (CHUNK - self.chunk.len()).min(bytes.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or_default();
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Only called when something follows: the last chunk is sealed otherwise.
    fn next_chunk(&mut self) -> io::Result<()> {
        if self.number == 0 {
            // Its place is kept.
            self.inner.write_all(&vec![0; CHUNK + TAG])?;
            let next = Zeroizing::new(empty_chunk(&[]));
            self.first = Some(mem::replace(&mut self.chunk, next));
        } else {
            let mut chunk = mem::take(&mut self.chunk);
            self.seal(&mut chunk, self.number, false)?;
            chunk.clear();
            self.chunk = chunk;
        }
        self.number += 1;
        Ok(())
    }

    fn seal(&mut self, chunk: &mut Vec<u8>, number: u64, last: bool) -> io::Result<()> {
        let nonce = nonce(number, last);
        let tag = self
            .cipher
            .encrypt_inout_detached((&nonce).into(), &[], chunk.as_mut_slice().into())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        chunk.extend_from_slice(&tag);
        self.inner.write_all(chunk)
    }
}

impl<W: Write + Seek> Sink for Sealing<W> {
    type Error = io::Error;

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(bytes, u64::MAX)?;
        self.len += bytes.len() as u64;
        Ok(())
    }
}

/// A chunk that takes its bytes and tag without moving.
fn empty_chunk(start: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(CHUNK + TAG);
    chunk.extend_from_slice(start);
    chunk
}

fn put_len(chunk: &mut [u8], len: u64) {
    let bytes = len.to_be_bytes();
    chunk
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = from);
}

/// Why a sealed bundle cannot be read, or not any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SealedError<E> {
    /// Wrong secret, or a file that is damaged, cut, put together from others, or no sealed bundle (error code
    /// `bundle`, spec 12). Which of these is not told.
    Refused,
    /// There is not enough memory to make the key of a passphrase.
    Memory,
    /// The source failed.
    Source(E),
}

impl<E> SealedError<E> {
    /// The error code of spec section 12: `"bundle"`; `None` if the machine failed.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Refused => Some("bundle"),
            Self::Memory | Self::Source(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for SealedError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => {
                f.write_str("wrong passphrase or secret, or not a whole sealed bundle")
            }
            Self::Memory => f.write_str("not enough memory"),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for SealedError<E> {}

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

/// The plain bundle in a sealed one.
///
/// Bytes are given once the chunk that they are in has been authenticated. The last one is given once all of the file
/// has, padding included: a bundle that could be read to its end was whole. Where that fails, frames that were read
/// before may be kept.
pub struct Unsealed<S> {
    source: S,
    cipher: Aes256Gcm,
    chunks: Chunks,
    /// Bytes of the bundle.
    len: u64,
    /// Whether the length told agrees with the size of the file.
    consistent: bool,
    /// Whether all that follows the bundle was looked at.
    tail_is_right: bool,
    /// A chunk, and its number.
    chunk: Zeroizing<Vec<u8>>,
    number: Option<u64>,
}

impl<S> fmt::Debug for Unsealed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsealed")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl<S: Source> Unsealed<S> {
    /// Opens a sealed bundle: its first chunk has to be whole.
    ///
    /// # Errors
    /// [`SealedError::Refused`] if it is not; if the source fails.
    pub fn open(mut source: S, secret: &Secret) -> Result<Self, SealedError<S::Error>> {
        let chunks = Chunks::of(source.len().map_err(SealedError::Source)?);
        let mut salt = [0; SALT];
        // Before the work of the passphrase.
        if chunks.plaintext() < 1024 || fill(&mut source, 0, &mut salt)? < SALT {
            return Err(SealedError::Refused);
        }
        let mut unsealed = Self {
            source,
            cipher: secret.cipher(&salt).ok_or(SealedError::Memory)?,
            chunks,
            len: 0,
            consistent: false,
            tail_is_right: false,
            chunk: Zeroizing::new(empty_chunk(&[])),
            number: None,
        };
        let first = unsealed.load(0)?.first_chunk();
        let len = u64::from_be_bytes(*first.ok_or(SealedError::Refused)?);
        unsealed.consistent = len
            .checked_add(LENGTH as u64)
            .is_some_and(|plaintext| padded(plaintext) == chunks.plaintext());
        // In a file that was cut, as far as there are chunks.
        unsealed.len = len.min(chunks.count * CHUNK as u64 - LENGTH as u64);
        Ok(unsealed)
    }

    /// The plaintext of a chunk.
    fn load(&mut self, number: u64) -> Result<&[u8], SealedError<S::Error>> {
        if self.number != Some(number) {
            self.number = None;
            let at = number * SEALED_CHUNK;
            let len = self.chunks.bytes.saturating_sub(at).min(SEALED_CHUNK);
            let len = usize::try_from(len).unwrap_or(0);
            self.chunk.resize(len, 0);
            let read = fill(&mut self.source, SALT as u64 + at, &mut self.chunk)?;
            let nonce = nonce(number, number + 1 == self.chunks.count);
            let Some((text, tag)) = self.chunk.split_last_chunk_mut::<TAG>() else {
                return Err(SealedError::Refused);
            };
            let opened = self.cipher.decrypt_inout_detached(
                (&nonce).into(),
                &[],
                text.into(),
                (&*tag).into(),
            );
            if read < len || opened.is_err() {
                return Err(SealedError::Refused);
            }
            let text = len - TAG;
            self.chunk.truncate(text);
            self.number = Some(number);
        }
        Ok(&self.chunk)
    }

    /// Whether nothing but zeros follows the bundle, as many as are to.
    fn check_tail(&mut self) -> Result<(), SealedError<S::Error>> {
        if self.tail_is_right {
            return Ok(());
        }
        if !self.consistent {
            return Err(SealedError::Refused);
        }
        let end = LENGTH as u64 + self.len;
        for number in end / CHUNK as u64..self.chunks.count {
            let skip = end.saturating_sub(number * CHUNK as u64);
            let skip = usize::try_from(skip).unwrap_or(usize::MAX);
            if self.load(number)?.iter().skip(skip).any(|byte| *byte != 0) {
                return Err(SealedError::Refused);
            }
        }
        self.tail_is_right = true;
        Ok(())
    }
}

impl<S: Source> Source for Unsealed<S> {
    type Error = SealedError<S::Error>;

    fn len(&mut self) -> Result<u64, Self::Error> {
        Ok(self.len)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let Some(before_last) = self.len.checked_sub(offset.saturating_add(1)) else {
            self.check_tail()?;
            return Ok(0);
        };
        // The last byte comes by itself.
        let most = match before_last {
            0 => {
                self.check_tail()?;
                1
            }
            n => usize::try_from(n).unwrap_or(usize::MAX),
        };
        let at = LENGTH as u64 + offset;
        let into = usize::try_from(at % CHUNK as u64).unwrap_or(usize::MAX);
        let text = self.load(at / CHUNK as u64)?.get(into..);
        let text @ [_, ..] = text.unwrap_or_default() else {
            return Err(SealedError::Refused);
        };
        let n = text.len().min(buf.len()).min(most);
        if let (Some(to), Some(from)) = (buf.get_mut(..n), text.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

/// Reads until `buf` is full or the file ends, and returns how many bytes.
fn fill<S: Source>(
    source: &mut S,
    offset: u64,
    buf: &mut [u8],
) -> Result<usize, SealedError<S::Error>> {
    let mut done = 0;
    while let Some(rest @ [_, ..]) = buf.get_mut(done..) {
        let n = source
            .read_at(offset + done as u64, rest)
            .map_err(SealedError::Source)?;
        if n == 0 {
            break;
        }
        done += n;
    }
    Ok(done)
}
