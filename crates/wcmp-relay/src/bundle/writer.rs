//! Writing a bundle.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use wcmp_wire::MAX_ENVELOPE;

use super::crc;
use super::format;
use super::stamp::Stamp;

/// What a bundle is written to.
pub trait Sink {
    /// Why a write failed.
    type Error;

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// As the sink has it. Some of the bytes may have been written.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;
}

impl Sink for Vec<u8> {
    type Error = Infallible;

    fn write(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

impl<W: Sink + ?Sized> Sink for &mut W {
    type Error = W::Error;

    fn write(&mut self, bytes: &[u8]) -> Result<(), W::Error> {
        (**self).write(bytes)
    }
}

/// Why a frame was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The envelope has more than [`MAX_ENVELOPE`] bytes (error code `size`, spec 12). Nothing was written.
    Size,
    /// The sink failed.
    Sink(E),
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size => write!(f, "envelope longer than {MAX_ENVELOPE} bytes"),
            Self::Sink(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for WriteError<E> {}

/// Writes one bundle, frame by frame, in the order given. Allocates nothing.
///
/// Without [`finish`](Writer::finish), and after any error, what was written is a bundle that was cut.
///
/// A file that is handed to somebody needs more than this, see the [module](super): its order is part of what it
/// tells.
#[derive(Debug)]
pub struct Writer<W> {
    sink: W,
    marker: [u8; 4],
    frames: u64,
}

impl<W: Sink> Writer<W> {
    /// Writes the header. `salt` is to be random, and another one for every file.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn new(mut sink: W, salt: [u8; 4]) -> Result<Self, W::Error> {
        sink.write(&format::header(salt))?;
        Ok(Self {
            sink,
            marker: format::marker(salt),
            frames: 0,
        })
    }

    /// Goes on with a bundle of this salt, whose header is written. Not to be finished: its frames are not counted.
    #[cfg(feature = "std")]
    pub(crate) fn resume(sink: W, salt: [u8; 4]) -> Self {
        Self {
            sink,
            marker: format::marker(salt),
            frames: 0,
        }
    }

    /// Writes a frame of [`frame_len`] bytes. The envelope is not looked at.
    ///
    /// # Errors
    /// If the envelope has more than [`MAX_ENVELOPE`] bytes, or if the sink fails.
    pub fn frame(&mut self, stamp: Stamp<'_>, envelope: &[u8]) -> Result<(), WriteError<W::Error>> {
        if envelope.len() > MAX_ENVELOPE {
            return Err(WriteError::Size);
        }
        let head =
            format::frame_head(self.marker, stamp, envelope.len()).ok_or(WriteError::Size)?;
        let mut crc = 0;
        for part in [&head, stamp.bytes(), envelope] {
            self.sink.write(part).map_err(WriteError::Sink)?;
            crc = crc::append(crc, part);
        }
        self.sink
            .write(&crc.to_be_bytes())
            .map_err(WriteError::Sink)?;
        self.frames += 1;
        Ok(())
    }

    /// Frames written so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes the End frame, which says that the bundle is whole, and gives the sink back. It is not flushed.
    ///
    /// # Errors
    /// If the sink fails.
    pub fn finish(mut self) -> Result<W, W::Error> {
        self.sink.write(&format::end(self.marker, self.frames))?;
        Ok(self.sink)
    }
}

/// Bytes of the frame of an envelope: 14 more than envelope and stamp have.
#[must_use]
pub const fn frame_len(stamp: Stamp<'_>, envelope: usize) -> u64 {
    (format::FRAME_OVERHEAD + 2 + stamp.bytes().len()) as u64 + envelope as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let mut writer = Writer::new(Vec::new(), [0; 4]).unwrap();
        writer.frame(Stamp::NONE, b"ab").unwrap();
        writer.frame(Stamp::new(1, &[9; 8]).unwrap(), b"").unwrap();
        assert_eq!(writer.frames(), 2);
        let file = writer.finish().unwrap();

        let mut expected = b"\x89WCMP\x0D\x0A\x1A\0\x01\0\0\0\0\0\0".to_vec();
        let seal = |bytes: &mut Vec<u8>, from: usize| {
            let crc = crc::append(0, &bytes[from..]);
            bytes.extend(crc.to_be_bytes());
        };
        seal(&mut expected, 0);
        expected.extend(b"\xF1\x57\x45\x1C\0\0\0\x04\0\0ab");
        seal(&mut expected, 20);
        expected.extend(b"\xF1\x57\x45\x1C\0\0\0\x0A\x01\x08\x09\x09\x09\x09\x09\x09\x09\x09");
        seal(&mut expected, 36);
        expected.extend(b"\xF1\x57\x45\x1C\0\0\0\0\0\0\0\0\0\0\0\x02");
        seal(&mut expected, 58);
        assert_eq!(file, expected);
    }

    #[test]
    fn the_salt_changes_every_marker_and_crc() {
        let file = |salt| {
            let mut writer = Writer::new(Vec::new(), salt).unwrap();
            writer.frame(Stamp::NONE, b"ab").unwrap();
            writer.finish().unwrap()
        };
        let (a, b) = (file([0; 4]), file([1, 2, 3, 4]));
        assert_eq!(b[20..24], [0xF0, 0x55, 0x46, 0x18]);
        assert_ne!(a[32..36], b[32..36]);
        assert_ne!(a[52..], b[52..]);
    }

    #[test]
    fn the_largest_envelope_fits_and_one_byte_more_does_not() {
        let largest = vec![5; MAX_ENVELOPE + 1];
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, [0; 4]).unwrap();
        assert_eq!(writer.frame(Stamp::NONE, &largest), Err(WriteError::Size));
        let stamp = Stamp::new(2, &[1; 255]).unwrap();
        writer.frame(stamp, &largest[1..]).unwrap();
        writer.finish().unwrap();
        assert_eq!(file.len() as u64, 20 + frame_len(stamp, MAX_ENVELOPE) + 20);
    }

    #[test]
    fn an_error_of_the_sink_is_passed_on() {
        #[derive(Debug)]
        struct Full(usize);
        impl Sink for Full {
            type Error = &'static str;
            fn write(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
                self.0 = self.0.checked_sub(bytes.len()).ok_or("full")?;
                Ok(())
            }
        }
        assert_eq!(Writer::new(Full(19), [0; 4]).unwrap_err(), "full");
        let mut writer = Writer::new(Full(40), [0; 4]).unwrap();
        assert_eq!(
            writer.frame(Stamp::NONE, &[0; 9]),
            Err(WriteError::Sink("full"))
        );
        assert_eq!(writer.frames(), 0);
        assert!(Writer::new(Full(39), [0; 4]).unwrap().finish().is_err());
    }
}
