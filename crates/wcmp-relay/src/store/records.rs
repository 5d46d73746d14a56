//! The small records beside the segments: what each has and where its bytes are.
//!
//! All have a fixed length, all integers are big-endian, and all end with the CRC32C of what is before. So a file of
//! them can be read up to the first record that a loss of power has torn.

use alloc::vec::Vec;

use wcmp_wire::Id;

use super::Cursor;
use crate::bundle::crc;

/// A record of fixed length.
pub(super) trait Fixed: Sized {
    /// Bytes, CRC included.
    const LEN: usize;

    /// Everything but the CRC.
    fn put(&self, to: &mut Vec<u8>);

    /// From the bytes before the CRC, which are of the right number.
    fn take(bytes: &mut &[u8]) -> Option<Self>;

    /// Appends the record.
    fn append(&self, to: &mut Vec<u8>) {
        let start = to.len();
        self.put(to);
        let crc = crc::append(0, to.get(start..).unwrap_or_default());
        to.extend_from_slice(&crc.to_be_bytes());
    }

    /// Reads one; `None` if its CRC does not hold.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (mut before, stored) = bytes.split_last_chunk()?;
        (crc::append(0, before).to_be_bytes() == *stored).then_some(())?;
        Self::take(&mut before)
    }

    /// Reads up to the first that does not hold.
    fn read_all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(Self::LEN).map_while(Self::read)
    }
}

fn array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn u32(bytes: &mut &[u8]) -> Option<u32> {
    array(bytes).map(u32::from_be_bytes)
}

fn u64(bytes: &mut &[u8]) -> Option<u64> {
    array(bytes).map(u64::from_be_bytes)
}

/// A frame of a segment, in its index file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Indexed {
    pub(super) id: Id,
    pub(super) offset: u32,
    pub(super) size: u32,
    pub(super) expires: u32,
    /// Effort of the stamp in the frame, which is there if this is above 0.
    pub(super) effort: u64,
}

impl Indexed {
    /// Where the frame ends.
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + frame_len(self.size, self.effort)
    }
}

/// Bytes of a frame in a segment: stamps there have 8 bytes or none.
pub(super) fn frame_len(size: u32, effort: u64) -> u64 {
    u64::from(size) + if effort > 0 { 22 } else { 14 }
}

impl Fixed for Indexed {
    const LEN: usize = 56;

    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.id.0);
        for number in [self.offset, self.size, self.expires] {
            to.extend_from_slice(&number.to_be_bytes());
        }
        to.extend_from_slice(&self.effort.to_be_bytes());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            id: Id(array(bytes)?),
            offset: u32(bytes)?,
            size: u32(bytes)?,
            expires: u32(bytes)?,
            effort: u64(bytes)?,
        })
    }
}

/// What has happened to a frame since it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) segment: u32,
    pub(super) offset: u32,
    /// The nonce of a better stamp; `None`: the envelope was evicted, or found damaged.
    pub(super) nonce: Option<[u8; 8]>,
}

impl Fixed for Mark {
    const LEN: usize = 21;

    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.segment.to_be_bytes());
        to.extend_from_slice(&self.offset.to_be_bytes());
        to.push(self.nonce.is_some().into());
        to.extend_from_slice(&self.nonce.unwrap_or_default());
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            segment: u32(bytes)?,
            offset: u32(bytes)?,
            nonce: match array(bytes)? {
                [0] => None,
                [_] => Some(array(bytes)?),
            },
        })
    }
}

/// The frames of one batch in one segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Region {
    /// Of the batch; [`Cursor::START`] for all batches that are forgotten.
    pub(super) cursor: Cursor,
    pub(super) segment: u32,
    /// Where the first frame begins.
    pub(super) from: u32,
    /// Where the last one ends.
    pub(super) to: u32,
}

impl Fixed for Region {
    const LEN: usize = 32;

    fn put(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.cursor.to_bytes());
        for number in [self.segment, self.from, self.to] {
            to.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Self> {
        Some(Self {
            cursor: Cursor::from_bytes(array(bytes)?),
            segment: u32(bytes)?,
            from: u32(bytes)?,
            to: u32(bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::fmt::Debug;

    fn check<R: Fixed + PartialEq + Debug + Copy>(record: R) {
        let mut bytes = Vec::new();
        record.append(&mut bytes);
        record.append(&mut bytes);
        assert_eq!(bytes.len(), 2 * R::LEN);
        assert_eq!(R::read(&bytes[..R::LEN]), Some(record));
        assert_eq!(R::read_all(&bytes[..2 * R::LEN - 1]).count(), 1);
        for i in 0..R::LEN {
            bytes[i] ^= 1;
            assert_eq!(R::read_all(&bytes).count(), 0);
            bytes[i] ^= 1;
        }
        assert_eq!(R::read(&alloc::vec![0; R::LEN]), None);
    }

    #[test]
    fn records_are_read_as_written_and_not_when_torn() {
        check(Indexed {
            id: Id([5; 32]),
            offset: 20,
            size: 1000,
            expires: 493_000,
            effort: 7,
        });
        check(Mark {
            segment: 9,
            offset: 20,
            nonce: None,
        });
        check(Mark {
            segment: 9,
            offset: 20,
            nonce: Some([3; 8]),
        });
        check(Region {
            cursor: Cursor { run: 1, batch: 2 },
            segment: 9,
            from: 20,
            to: 40,
        });
    }
}
