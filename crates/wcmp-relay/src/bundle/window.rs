//! The part of a file that is in memory.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

/// A file to read from, at any place.
///
/// Its bytes must not change while it is read, or frames read twice may differ; nothing worse follows.
pub trait Source {
    /// Why a read failed.
    type Error;

    /// Bytes of the file.
    ///
    /// # Errors
    /// As the source has it.
    fn len(&mut self) -> Result<u64, Self::Error>;

    /// Reads bytes from `offset` on to the front of `buf` and returns how many: any number above zero, zero only at
    /// the end of the file. `buf` is not empty.
    ///
    /// # Errors
    /// As the source has it.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Self::Error>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As [`len`](Source::len).
    fn is_empty(&mut self) -> Result<bool, Self::Error> {
        Ok(self.len()? == 0)
    }
}

impl Source for &[u8] {
    type Error = Infallible;

    fn len(&mut self) -> Result<u64, Infallible> {
        Ok(<[u8]>::len(self) as u64)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Infallible> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..));
        let rest = rest.unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

impl<S: Source + ?Sized> Source for &mut S {
    type Error = S::Error;

    fn len(&mut self) -> Result<u64, S::Error> {
        (**self).len()
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, S::Error> {
        (**self).read_at(offset, buf)
    }
}

/// Bytes read at a time: many frames, few enough to stay in the processor's cache until their CRC is taken.
pub(super) const CHUNK: usize = 256 * 1024;

/// A source and a buffer that slides over it.
///
/// The buffer is as large as the longest piece that was asked for in one, at least [`CHUNK`], at most the file.
pub(super) struct Window<S> {
    source: S,
    len: u64,
    /// Where `buffer` begins.
    offset: u64,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were read.
    held: usize,
}

/// Without the bytes.
impl<S: fmt::Debug> fmt::Debug for Window<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("source", &self.source)
            .field("len", &self.len)
            .field("offset", &self.offset)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

impl<S: Source> Window<S> {
    pub(super) fn new(mut source: S) -> Result<Self, S::Error> {
        let len = source.len()?;
        Ok(Self {
            source,
            len,
            offset: 0,
            buffer: Vec::new(),
            held: 0,
        })
    }

    /// Bytes of the file: as its source told, or fewer where reading found the end before.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of memory taken.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    pub(super) fn into_source(self) -> S {
        self.source
    }

    /// The bytes from `offset` on: at least `n` unless the file ends before, and all that happen to be in memory.
    pub(super) fn peek(&mut self, offset: u64, n: usize) -> Result<&[u8], S::Error> {
        let left = self.len.saturating_sub(offset);
        let n = usize::try_from(left).map_or(n, |left| left.min(n));
        if self.held_from(offset).is_none_or(|held| held < n) {
            self.slide(offset, n)?;
        }
        let held = self.held_from(offset).unwrap_or(0);
        Ok(self
            .buffer
            .get(self.held - held..self.held)
            .unwrap_or_default())
    }

    /// How many of the bytes from `offset` on are in memory; `None` if it is outside the buffer.
    fn held_from(&self, offset: u64) -> Option<usize> {
        let into = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        self.held.checked_sub(into)
    }

    /// Moves the buffer to `offset` and reads until it holds `n` bytes, or the file ends.
    fn slide(&mut self, offset: u64, n: usize) -> Result<(), S::Error> {
        let kept = self.held_from(offset).unwrap_or(0);
        self.buffer.copy_within(self.held - kept..self.held, 0);
        self.held = kept;
        self.offset = offset;

        let left = self.len.saturating_sub(offset);
        let wanted = usize::try_from(left)
            .map_or(CHUNK, |left| left.min(CHUNK))
            .max(n);
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        while self.held < n {
            let space = self.buffer.get_mut(self.held..wanted).unwrap_or_default();
            let room = space.len();
            let at = self.offset + self.held as u64;
            let read = self.source.read_at(at, space)?.min(room);
            if read == 0 {
                self.len = at;
                break;
            }
            self.held += read;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most so many bytes at once, and no more than `ends` although it has more.
    struct Sparing<'a> {
        bytes: &'a [u8],
        at_once: usize,
        ends: usize,
    }

    impl Source for Sparing<'_> {
        type Error = Infallible;

        fn len(&mut self) -> Result<u64, Infallible> {
            Ok(self.bytes.len() as u64)
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Infallible> {
            let n = buf.len().min(self.at_once);
            (&self.bytes[..self.ends]).read_at(offset, &mut buf[..n])
        }
    }

    #[test]
    fn any_piece_at_any_place_is_right() {
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        for at_once in [1000, CHUNK - 1, usize::MAX] {
            let mut window = Window::new(Sparing {
                bytes: &bytes,
                at_once,
                ends: bytes.len(),
            })
            .unwrap();
            for (offset, n) in [
                (0, 4),
                (100, 300_000),
                (299_990, 4),
                (5, 10),
                (999_999, 20),
                (700_000, 300_000),
            ] {
                let piece = window.peek(offset as u64, n).unwrap();
                assert!(piece.len() >= n.min(bytes.len() - offset), "{offset} {n}");
                assert_eq!(piece, &bytes[offset..offset + piece.len()]);
            }
            assert!(window.peek(1_000_000, 4).unwrap().is_empty());
            assert!(window.peek(u64::MAX, 4).unwrap().is_empty());
            assert_eq!(window.capacity(), 300_000);
        }
    }

    #[test]
    fn a_small_file_takes_a_small_buffer() {
        let mut window = Window::new(&[7; 30][..]).unwrap();
        assert_eq!(window.peek(20, 20).unwrap(), [7; 10]);
        assert_eq!(window.peek(0, 4).unwrap(), [7; 30]);
        assert!(window.capacity() <= 30);
    }

    #[test]
    fn a_file_that_ends_early_is_a_shorter_file() {
        let bytes = [7; 100];
        let mut window = Window::new(Sparing {
            bytes: &bytes,
            at_once: 9,
            ends: 60,
        })
        .unwrap();
        assert_eq!(window.len(), 100);
        assert_eq!(window.peek(10, 80).unwrap(), [7; 50]);
        assert_eq!(window.len(), 60);
    }

    #[test]
    fn a_read_that_failed_can_be_tried_again() {
        struct Failing(bool);
        impl Source for Failing {
            type Error = ();
            fn len(&mut self) -> Result<u64, ()> {
                Ok(8)
            }
            fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, ()> {
                self.0 = !self.0;
                if self.0 {
                    Err(())
                } else {
                    (&[1, 2, 3, 4, 5, 6, 7, 8][..])
                        .read_at(offset, &mut buf[..1])
                        .map_err(|e| match e {})
                }
            }
        }
        let mut window = Window::new(Failing(false)).unwrap();
        let mut tries = 0;
        while window.peek(2, 5).is_err() {
            tries += 1;
        }
        assert_eq!(window.peek(2, 5).unwrap(), [3, 4, 5, 6, 7]);
        assert_eq!(tries, 5);
    }
}
