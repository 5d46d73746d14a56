//! Sealing a bundle.

use alloc::vec;
use alloc::vec::Vec;
use core::{fmt, mem};
use std::io::{self, Seek, SeekFrom, Write};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::AeadInOut;
use zeroize::Zeroizing;

use super::super::Sink;
use super::{CHUNK, LENGTH, SALT, Secret, TAG, empty_chunk, nonce, padded};

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
        let mut chunk = empty_chunk();
        chunk.extend_from_slice(&[0; LENGTH]);
        Ok(Self {
            inner,
            cipher,
            first: None,
            chunk,
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
            self.first = Some(mem::replace(&mut self.chunk, empty_chunk()));
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

fn put_len(chunk: &mut [u8], len: u64) {
    let bytes = len.to_be_bytes();
    chunk
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = from);
}
