//! Reading a sealed bundle.

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut;
use zeroize::Zeroizing;

use super::super::Source;
use super::{CHUNK, Chunks, LENGTH, SALT, SEALED_CHUNK, Secret, TAG, empty_chunk, nonce, padded};

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
            chunk: empty_chunk(),
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
