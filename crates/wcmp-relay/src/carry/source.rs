//! Reading from media that fail.

use std::io;

use crate::bundle::Source;

/// A block of a medium, by which one reads around places that cannot be read.
const BLOCK: u64 = 4096;
/// After so many of them the medium is given up.
const MOST_LOST: u64 = 4096;

/// The first bytes of a source; where it cannot be read, zeros.
///
/// A bundle's reader reports those as damage, and finds what is behind them.
pub(super) struct Patient<S> {
    source: S,
    most: u64,
    /// Blocks that could not be read.
    pub(super) lost: u64,
}

impl<S> Patient<S> {
    /// No more than `most` bytes of it: a prefix of a bundle is a bundle.
    pub(super) const fn new(source: S, most: u64) -> Self {
        Self {
            source,
            most,
            lost: 0,
        }
    }
}

impl<S: Source<Error = io::Error>> Source for Patient<S> {
    type Error = io::Error;

    fn len(&mut self) -> io::Result<u64> {
        Ok(self.source.len()?.min(self.most))
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.most.saturating_sub(offset)).unwrap_or(usize::MAX);
        let n = left.min(buf.len());
        let Some(buf @ [_, ..]) = buf.get_mut(..n) else {
            return Ok(0);
        };
        if let Ok(read) = self.source.read_at(offset, buf) {
            return Ok(read);
        }
        // Once more, one block only.
        let block = usize::try_from(BLOCK - offset % BLOCK).unwrap_or(1);
        let n = block.min(buf.len());
        let block = buf.get_mut(..n).unwrap_or_default();
        match self.source.read_at(offset, block) {
            Ok(read) => Ok(read),
            Err(error) if self.lost >= MOST_LOST || is_final(&error) => Err(error),
            Err(_) => {
                self.lost += 1;
                block.fill(0);
                Ok(n)
            }
        }
    }
}

/// Whether the medium is gone, and not only a block of it.
fn is_final(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::bundle::{Event, Reader, Stamp, Writer};

    /// Fails for every read that touches one of these blocks.
    struct Bad(Vec<u8>, Vec<u64>);

    impl Source for Bad {
        type Error = io::Error;

        fn len(&mut self) -> io::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let end = offset + buf.len() as u64 - 1;
            if (offset / BLOCK..=end / BLOCK).any(|block| self.1.contains(&block)) {
                return Err(io::Error::other("bad block"));
            }
            (&self.0[..])
                .read_at(offset, buf)
                .map_err(|never| match never {})
        }
    }

    #[test]
    fn what_lies_behind_bad_blocks_is_found() {
        let mut writer = Writer::new(Vec::new(), [1; 4]).unwrap();
        for i in 0..100u8 {
            writer.frame(Stamp::NONE, &vec![i; 1000]).unwrap();
        }
        let file = writer.finish().unwrap();
        let mut patient = Patient::new(Bad(file.clone(), vec![3, 4, 20]), u64::MAX);
        let mut reader = Reader::open(&mut patient, 1 << 20).unwrap();
        let (mut frames, mut damaged) = (0, 0);
        while let Some(event) = reader.next().unwrap() {
            match event {
                Event::Frame { envelope, .. } => {
                    assert!(envelope.iter().all(|byte| *byte == envelope[0]));
                    frames += 1;
                }
                Event::Damaged { .. } => damaged += 1,
                _ => {}
            }
        }
        // Two blocks touch at most 10 frames of 1014 bytes, one at most 6.
        assert!(frames >= 84, "{frames}");
        assert_eq!((damaged, patient.lost), (2, 3));
    }

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let mut patient = Patient::new(Bad(vec![7; 100], vec![]), 10);
        assert_eq!(patient.len().unwrap(), 10);
        assert_eq!(patient.read_at(4, &mut [0; 50]).unwrap(), 6);
        assert_eq!(patient.read_at(10, &mut [0; 50]).unwrap(), 0);
    }
}
