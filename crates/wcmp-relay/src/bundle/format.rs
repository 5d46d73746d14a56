//! Where the bytes of a header and of a frame are.

use core::fmt;

use super::crc;
use super::stamp::{MAX_STAMP, Stamp};

/// The first bytes of a bundle, unless they are damaged.
pub const MAGIC: [u8; 8] = [0x89, b'W', b'C', b'M', b'P', 0x0D, 0x0A, 0x1A];

/// Bytes of the header of a bundle.
pub const HEADER_LEN: usize = 20;

/// Most bytes of a frame's body: the stamp's kind and length, 255 bytes of stamp, the largest envelope.
pub const MAX_BODY: u32 = 16_777_473;

/// Bytes of a frame that are not its body: marker, length, CRC.
pub(crate) const FRAME_OVERHEAD: usize = 12;
/// Bytes of a frame before the stamp's: marker, length, stamp kind, stamp length.
pub(crate) const FRAME_HEAD: usize = 10;
/// Bytes of an End frame.
pub(crate) const END_LEN: usize = 20;
/// Bytes of a frame with a stamp of the greatest length and an envelope of none.
pub(crate) const MAX_FRAME_WITHOUT_ENVELOPE: usize = FRAME_OVERHEAD + 2 + MAX_STAMP;

const VERSION: [u8; 2] = [0, 1];
const FLAGS: [u8; 2] = [0, 0];
const MARKER: [u8; 4] = [0xF1, 0x57, 0x45, 0x1C];

const _: () = assert!(MAX_BODY as usize == 2 + MAX_STAMP + wcmp_wire::MAX_ENVELOPE);

/// Why the first bytes are not the header of a bundle (error code `bundle`, spec 12).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum HeaderError {
    /// Fewer than [`HEADER_LEN`] bytes.
    Short,
    /// The magic is another one, though the CRC is right.
    Magic,
    /// The version is another one than 1.
    Version(u16),
    /// The flags are other ones than 0.
    Flags(u16),
    /// The CRC is wrong, and no intact frame follows that would tell the marker. This is no bundle, most likely.
    Damaged,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("shorter than the header of a bundle"),
            Self::Magic | Self::Damaged => f.write_str("not a bundle"),
            Self::Version(version) => write!(f, "a bundle of unknown version {version}"),
            Self::Flags(flags) => write!(f, "a bundle with unknown flags {flags:#06x}"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// The header of a file with this salt.
pub(crate) fn header(salt: [u8; 4]) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    put(&mut header, &[&MAGIC, &VERSION, &FLAGS, &salt]);
    seal(&mut header);
    header
}

/// The salt in a header.
pub(crate) fn salt(header: &[u8; HEADER_LEN]) -> Result<[u8; 4], HeaderError> {
    if !crc_holds(header) {
        return Err(HeaderError::Damaged);
    }
    let [magic @ .., v0, v1, f0, f1, s0, s1, s2, s3, _, _, _, _] = *header;
    if magic != MAGIC {
        Err(HeaderError::Magic)
    } else if [v0, v1] != VERSION {
        Err(HeaderError::Version(u16::from_be_bytes([v0, v1])))
    } else if [f0, f1] != FLAGS {
        Err(HeaderError::Flags(u16::from_be_bytes([f0, f1])))
    } else {
        Ok([s0, s1, s2, s3])
    }
}

/// What the frames of a file with this salt begin with.
pub(crate) fn marker(salt: [u8; 4]) -> [u8; 4] {
    (u32::from_be_bytes(MARKER) ^ u32::from_be_bytes(salt)).to_be_bytes()
}

/// What stands before stamp and envelope in a frame. `None` if they are longer than a frame can be.
pub(crate) fn frame_head(
    marker: [u8; 4],
    stamp: Stamp<'_>,
    envelope: usize,
) -> Option<[u8; FRAME_HEAD]> {
    let body = envelope.checked_add(2 + stamp.bytes().len())?;
    let body = u32::try_from(body).ok().filter(|body| *body <= MAX_BODY)?;
    let stamp_len = u8::try_from(stamp.bytes().len()).ok()?;
    let mut head = [0; FRAME_HEAD];
    put(
        &mut head,
        &[&marker, &body.to_be_bytes(), &[stamp.kind(), stamp_len]],
    );
    Some(head)
}

/// An End frame after this many frames.
pub(crate) fn end(marker: [u8; 4], frames: u64) -> [u8; END_LEN] {
    let mut end = [0; END_LEN];
    put(&mut end, &[&marker, &[0; 4], &frames.to_be_bytes()]);
    seal(&mut end);
    end
}

/// Whether the last four bytes are the CRC of those before.
pub(crate) fn crc_holds(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk()
        .is_some_and(|(before, stored)| crc::append(0, before).to_be_bytes() == *stored)
}

/// What the first bytes at a place say about the frame there, before its CRC is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Head {
    /// A frame with this much body, of which the stamp claims this much.
    Frame {
        /// 2 ..= [`MAX_BODY`].
        body: u32,
        stamp: u8,
    },
    End {
        frames: u64,
    },
}

impl Head {
    /// `None` if no frame can begin with `bytes`.
    pub(crate) fn parse(bytes: &[u8], marker: [u8; 4]) -> Option<Self> {
        let (found, rest) = bytes.split_first_chunk()?;
        let (body, rest) = rest.split_first_chunk()?;
        if *found != marker {
            return None;
        }
        match u32::from_be_bytes(*body) {
            0 => {
                let frames = u64::from_be_bytes(*rest.first_chunk()?);
                Some(Self::End { frames })
            }
            body @ 2..=MAX_BODY => {
                let stamp = *rest.get(1)?;
                Some(Self::Frame { body, stamp })
            }
            _ => None,
        }
    }

    /// Bytes from the marker to the CRC.
    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Frame { body, .. } => FRAME_OVERHEAD + body as usize,
            Self::End { .. } => END_LEN,
        }
    }

    /// Bytes of the envelope; `None` for an End frame and where the stamp is longer than the body.
    pub(crate) fn envelope_len(self) -> Option<usize> {
        match self {
            Self::Frame { stamp, .. } => {
                (self.len() - FRAME_OVERHEAD - 2).checked_sub(stamp.into())
            }
            Self::End { .. } => None,
        }
    }
}

/// Writes the parts one after the other to the front of `bytes`.
fn put(bytes: &mut [u8], parts: &[&[u8]]) {
    let parts = parts.iter().copied().flatten();
    bytes
        .iter_mut()
        .zip(parts)
        .for_each(|(byte, part)| *byte = *part);
}

/// Writes the CRC of what is before them to the last four bytes.
fn seal(bytes: &mut [u8]) {
    if let Some((before, crc)) = bytes.split_last_chunk_mut() {
        *crc = crc::append(0, before).to_be_bytes();
    }
}
