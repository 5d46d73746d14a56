//! Items of the encoding rules (spec 3): fixed arrays, minimal LEB128 varints, length-prefixed byte strings.
//!
//! The same rules hold inside the content of a message, whose decoder uses this [`Reader`] too. They are a subset of
//! postcard 1.x: whatever is read here, postcard reads alike, but non-minimal varints are refused.
//!
//! ```
//! use wcmp_wire::varint::{Reader, put_varint};
//!
//! let mut bytes = vec![7];
//! put_varint(&mut bytes, 3);
//! bytes.extend_from_slice(b"abc");
//!
//! let mut reader = Reader::new(&bytes);
//! assert_eq!(reader.u8()?, 7);
//! assert_eq!(reader.bytes()?, b"abc");
//! reader.finish()?;
//! # Ok::<(), wcmp_wire::ParseError>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::error::{ParseError, ParseErrorKind, Result};

/// Length in bytes of the longest varint.
pub const MAX_VARINT_LEN: usize = 5;

/// Number of bytes of the minimal varint of `value`: 1 to [`MAX_VARINT_LEN`].
#[must_use]
pub const fn varint_len(value: u32) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x001f_ffff => 3,
        0x0020_0000..=0x0fff_ffff => 4,
        _ => 5,
    }
}

/// Appends the minimal varint of `value` to `out`.
pub fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let [.., low] = value.to_be_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Reads items from the front of a byte string. Borrows, never allocates; a failed read leaves it where it was.
#[derive(Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

/// Position and length; not the bytes, which may be somebody's message.
impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.position())
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// A reader at the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            total: bytes.len(),
        }
    }

    /// Bytes read so far: the offset of the next item.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.total - self.rest.len()
    }

    /// Bytes not read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnexpectedEnd`] when none is left.
    #[inline]
    pub fn u8(&mut self) -> Result<u8> {
        let (&byte, rest) = self
            .rest
            .split_first()
            .ok_or_else(|| self.error(ParseErrorKind::UnexpectedEnd))?;
        self.rest = rest;
        Ok(byte)
    }

    /// Reads `N` bytes that carry no length.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnexpectedEnd`] when fewer than `N` are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let (array, rest) = self
            .rest
            .split_first_chunk()
            .ok_or_else(|| self.error(ParseErrorKind::UnexpectedEnd))?;
        self.rest = rest;
        Ok(array)
    }

    /// Reads a minimal LEB128 varint below 2^32, 1 to [`MAX_VARINT_LEN`] bytes.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnexpectedEnd`], [`ParseErrorKind::VarintNotMinimal`] or [`ParseErrorKind::VarintOverflow`].
    #[inline]
    pub fn varint(&mut self) -> Result<u32> {
        match *self.rest {
            [byte @ 0..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(byte))
            }
            // Most payloads and sealed keys: 128 to 16383 bytes.
            [low, high @ 1..=0x7f, ref rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(low & 0x7f) | u32::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u32> {
        let mut value = 0;
        let mut rest = self.rest;
        for shift in [0, 7, 14, 21, 28] {
            let Some((&byte, tail)) = rest.split_first() else {
                return Err(self.error(ParseErrorKind::UnexpectedEnd));
            };
            rest = tail;
            // Only four bits of the fifth byte are left of 32; a sixth byte would be too many.
            if shift == 28 && byte > 0x0f {
                return Err(self.error(ParseErrorKind::VarintOverflow));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(self.error(ParseErrorKind::VarintNotMinimal));
                }
                break;
            }
        }
        self.rest = rest;
        Ok(value)
    }

    /// Reads a byte string: its length as a varint, then as many bytes. The length is checked against what remains.
    ///
    /// # Errors
    /// [`ParseErrorKind::UnexpectedEnd`] when the length exceeds what remains; those of [`Reader::varint`].
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let mut after_len = self.clone();
        let len = usize::try_from(after_len.varint()?).ok();
        let (bytes, rest) = len
            .and_then(|len| after_len.rest.split_at_checked(len))
            .ok_or_else(|| self.error(ParseErrorKind::UnexpectedEnd))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`ParseErrorKind::TrailingBytes`] when bytes are left.
    #[inline]
    pub fn finish(self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(ParseErrorKind::TrailingBytes))
        }
    }

    /// `kind` at the next item.
    #[cold]
    fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError::new(kind, self.position())
    }
}
