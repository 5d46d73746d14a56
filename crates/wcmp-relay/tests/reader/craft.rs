//! Bundles made by hand, byte by byte, and what a reader sees in them.

use std::convert::Infallible;

use wcmp_relay::bundle::{Completeness, Event, HeaderError, OpenError, Reader, Source};

pub(crate) const SALT: [u8; 4] = [0xA1, 0xB2, 0xC3, 0xD4];
pub(crate) const MARKER: [u8; 4] = [0x50, 0xE5, 0x86, 0xC8];

/// An event that owns its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Frame(u64, Vec<u8>),
    Skipped(u64, u64),
    Damaged(u64, u64),
    Complete,
    Incomplete,
}
use Seen::{Complete, Damaged, Frame, Incomplete, Skipped};

pub(crate) fn read_from<S: Source<Error = Infallible>>(
    source: S,
    max: usize,
) -> Result<Vec<Seen>, HeaderError> {
    let mut reader = match Reader::open(source, max) {
        Ok(reader) => reader,
        Err(OpenError::Header(error)) => return Err(error),
        Err(error) => panic!("{error:?}"),
    };
    let mut seen = Vec::new();
    while let Ok(Some(event)) = reader.next() {
        seen.push(match event {
            Event::Frame {
                offset, envelope, ..
            } => Frame(offset, envelope.to_vec()),
            Event::Skipped { offset, len } => Skipped(offset, len),
            Event::Damaged { offset, len } => Damaged(offset, len),
            Event::End(Completeness::Complete) => Complete,
            Event::End(Completeness::Incomplete) => Incomplete,
        });
    }
    assert_eq!(reader.next(), Ok(None));
    Ok(seen)
}

/// What is in a file of these pieces, when envelopes have at most 100 bytes.
pub(crate) fn read(pieces: &[&[u8]]) -> Vec<Seen> {
    read_from(&pieces.concat()[..], 100).unwrap()
}

pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&bytes);
    bytes.extend(crc.to_be_bytes());
    bytes
}

pub(crate) fn header() -> Vec<u8> {
    header_of(b"\x89WCMP\x0D\x0A\x1A\0\x01\0\0")
}

pub(crate) fn header_of(before_salt: &[u8; 12]) -> Vec<u8> {
    sealed([&before_salt[..], &SALT].concat())
}

/// A frame with any body.
pub(crate) fn raw(body: &[u8]) -> Vec<u8> {
    sealed([&MARKER[..], &(body.len() as u32).to_be_bytes(), body].concat())
}

/// A frame with an envelope and no stamp: 14 bytes more.
pub(crate) fn frame(envelope: &[u8]) -> Vec<u8> {
    raw(&[&[0, 0], envelope].concat())
}

pub(crate) fn end(count: u64) -> Vec<u8> {
    sealed([&MARKER[..], &[0; 4], &count.to_be_bytes()].concat())
}

/// The piece with a byte changed.
pub(crate) fn spoilt(mut piece: Vec<u8>, at: usize) -> Vec<u8> {
    piece[at] ^= 0x40;
    piece
}

/// Where a frame would begin, but for its CRC: as many bytes as a frame of `body`.
pub(crate) fn candidate(body: u32) -> Vec<u8> {
    [&MARKER[..], &body.to_be_bytes()].concat()
}
