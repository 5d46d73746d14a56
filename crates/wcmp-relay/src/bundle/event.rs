//! What a reader reports.

use core::fmt;

use super::format::HeaderError;
use super::stamp::Stamp;

/// What a [`Reader`](super::Reader) finds, in the order of the file. Every offset counts from the start of the file, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// An intact frame.
    Frame {
        /// Where its marker is.
        offset: u64,
        /// What lies beside the envelope.
        stamp: Stamp<'a>,
        /// The envelope: any bytes, at most as many as the reader was opened for.
        envelope: &'a [u8],
    },
    /// An intact frame of an envelope that is larger than the reader was opened for.
    Skipped {
        /// Where its marker is.
        offset: u64,
        /// Bytes of the frame, marker to CRC.
        len: u64,
    },
    /// Bytes that are no intact frame, or an intact frame with a stamp that reaches beyond it.
    Damaged {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        len: u64,
    },
    /// The end of the file. Nothing follows.
    End(Completeness),
}

/// Whether a bundle is all that its writer wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Completeness {
    /// Nothing was damaged, and an End frame with the right count closes the file.
    Complete,
    /// The file was cut or damaged, or not closed by its writer.
    Incomplete,
}

/// Why a bundle cannot be read at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OpenError<E> {
    /// The header is refused (error code `bundle`, spec 12).
    Header(HeaderError),
    /// The source failed.
    Source(E),
}

impl<E> OpenError<E> {
    /// The error code of spec section 12: `"bundle"`; `None` if the source failed.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Header(_) => Some("bundle"),
            Self::Source(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::Source(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for OpenError<E> {}
