//! Reading a bundle through damage.

use alloc::boxed::Box;
use memchr::memmem::Finder;

use super::crc;
use super::event::{Completeness, Event, OpenError};
use super::format::{
    self, END_LEN, FRAME_HEAD, HEADER_LEN, Head, HeaderError, MAX_FRAME_WITHOUT_ENVELOPE,
};
use super::stamp::Stamp;
use super::window::{Source, Window};

/// A pull parser of bundles.
///
/// It returns every intact frame of the largest size asked for, and says where the rest is. Memory: one buffer of the
/// largest such frame in the file, at least 256 KiB, whatever the size of the file.
///
/// A frame counts as intact if its CRC holds. Whether it holds an envelope, and which, is for the caller to see: a CRC
/// is no proof against anybody who wants it to hold.
///
/// A crafted file can contain many places that look like frames of great length. Checking them costs at most the CRC
/// of eight times the bytes read and 64 MiB (and a frame); then the rest of the file is reported as damaged.
#[derive(Debug)]
pub struct Reader<S> {
    window: Window<S>,
    marker: [u8; 4],
    finder: Box<Finder<'static>>,
    max_envelope: usize,
    /// Where the bytes begin that no event has told of.
    at: u64,
    /// Where the next frame is looked for: what lies between is damaged.
    place: u64,
    /// The intact frame that was found there.
    found: Option<Head>,
    /// Frames so far, skipped ones included.
    frames: u64,
    /// Where the last End frame ends, and its count.
    closed: Option<(u64, u64)>,
    damaged: bool,
    ended: bool,
    budget: Budget,
}

/// What [`Reader::next`] is to report; the bytes are in the window.
enum Step {
    Frame {
        offset: u64,
        head: Head,
        envelope: usize,
    },
    Skipped {
        offset: u64,
        len: u64,
    },
    Damaged {
        offset: u64,
        len: u64,
    },
    End(Completeness),
    Nothing,
}

impl<S: Source> Reader<S> {
    /// Begins to read a bundle, skipping envelopes of more than `max_envelope` bytes. More than
    /// [`MAX_ENVELOPE`](wcmp_wire::MAX_ENVELOPE) means that many.
    ///
    /// A header that is damaged costs nothing if an intact frame follows it.
    ///
    /// # Errors
    /// If the source fails; if the header is damaged and no intact frame follows it, or it is of another format,
    /// version or with flags.
    pub fn open(source: S, max_envelope: usize) -> Result<Self, OpenError<S::Error>> {
        let mut window = Window::new(source).map_err(OpenError::Source)?;
        let start = window.peek(0, HEADER_LEN + 4).map_err(OpenError::Source)?;
        let Some((header, rest)) = start.split_first_chunk() else {
            return Err(OpenError::Header(HeaderError::Short));
        };
        let salt = format::salt(header);
        let marker = match salt {
            Ok(salt) => format::marker(salt),
            Err(HeaderError::Damaged) => match rest.first_chunk() {
                Some(marker) => *marker,
                None => return Err(OpenError::Header(HeaderError::Damaged)),
            },
            Err(error) => return Err(OpenError::Header(error)),
        };
        let mut reader = Self {
            window,
            marker,
            finder: Box::new(Finder::new(&marker).into_owned()),
            max_envelope: max_envelope.min(wcmp_wire::MAX_ENVELOPE),
            at: HEADER_LEN as u64,
            place: HEADER_LEN as u64,
            found: None,
            frames: 0,
            closed: None,
            damaged: false,
            ended: false,
            budget: Budget::default(),
        };
        if let Err(error) = salt {
            reader.found = reader.examine(reader.place).map_err(OpenError::Source)?;
            if reader.found.is_none() {
                return Err(OpenError::Header(error));
            }
        }
        Ok(reader)
    }

    /// What comes next in the file; `None` after [`Event::End`].
    ///
    /// # Errors
    /// If the source fails. The reader stays where it is, and can be asked again.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend from its own buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, S::Error> {
        Ok(Some(match self.step()? {
            Step::Frame {
                offset,
                head,
                envelope,
            } => {
                let len = head.len();
                let frame = self
                    .window
                    .peek(offset, len)?
                    .get(..len)
                    .unwrap_or_default();
                let (kind, rest) = match frame {
                    [_, _, _, _, _, _, _, _, kind, _, rest @ ..] => (*kind, rest),
                    _ => (0, &[][..]),
                };
                let stamp = len - FRAME_HEAD - 4 - envelope;
                let (stamp, rest) = rest.split_at_checked(stamp).unwrap_or_default();
                let envelope = rest.get(..envelope).unwrap_or_default();
                Event::Frame {
                    offset,
                    stamp: Stamp::read(kind, stamp),
                    envelope,
                }
            }
            Step::Skipped { offset, len } => Event::Skipped { offset, len },
            Step::Damaged { offset, len } => Event::Damaged { offset, len },
            Step::End(completeness) => Event::End(completeness),
            Step::Nothing => return Ok(None),
        }))
    }

    /// Gives the source back.
    #[must_use]
    pub fn into_source(self) -> S {
        self.window.into_source()
    }

    fn step(&mut self) -> Result<Step, S::Error> {
        loop {
            if self.ended {
                return Ok(Step::Nothing);
            }
            self.seek()?;
            let offset = self.at;
            if self.place > offset {
                self.damaged = true;
                self.at = self.place;
                let len = self.place - offset;
                return Ok(Step::Damaged { offset, len });
            }
            let Some(head) = self.found.take() else {
                self.ended = true;
                return Ok(Step::End(self.completeness()));
            };
            let len = head.len() as u64;
            self.at += len;
            self.place = self.at;
            if let Head::End { frames } = head {
                self.closed = Some((self.at, frames));
                continue;
            }
            let Some(envelope) = head.envelope_len() else {
                self.damaged = true;
                return Ok(Step::Damaged { offset, len });
            };
            self.frames += 1;
            return Ok(if envelope > self.max_envelope {
                Step::Skipped { offset, len }
            } else {
                Step::Frame {
                    offset,
                    head,
                    envelope,
                }
            });
        }
    }

    fn completeness(&self) -> Completeness {
        if !self.damaged && self.closed == Some((self.window.len(), self.frames)) {
            Completeness::Complete
        } else {
            Completeness::Incomplete
        }
    }

    /// The frame that begins at `offset`, if one begins there and its CRC holds.
    fn examine(&mut self, offset: u64) -> Result<Option<Head>, S::Error> {
        let start = self.window.peek(offset, END_LEN)?;
        let Some(head) = Head::parse(start, self.marker) else {
            return Ok(None);
        };
        let len = head.len();
        // Most frames are in memory already.
        let held = start.get(..len).map(format::crc_holds);
        // A frame that is cut off is no candidate, and costs nothing.
        let Some(end) = offset
            .checked_add(len as u64)
            .filter(|&end| end <= self.window.len())
        else {
            return Ok(None);
        };
        let holds = match held {
            Some(holds) => holds,
            None if len <= MAX_FRAME_WITHOUT_ENVELOPE + self.max_envelope => self
                .window
                .peek(offset, len)?
                .get(..len)
                .is_some_and(format::crc_holds),
            None => self.crc_holds_streamed(offset, len)?,
        };
        self.budget.reached(end);
        if holds {
            return Ok(Some(head));
        }
        self.budget.failed(len);
        Ok(None)
    }

    /// Whether the last four of `len` bytes from `offset` on are the CRC of those before, which need not fit memory.
    fn crc_holds_streamed(&mut self, offset: u64, len: usize) -> Result<bool, S::Error> {
        let (mut at, mut left, mut crc) = (offset, len.saturating_sub(4), 0);
        while left > 0 {
            let bytes = self.window.peek(at, 1)?;
            let bytes = bytes.get(..left).unwrap_or(bytes);
            if bytes.is_empty() {
                return Ok(false);
            }
            crc = crc::append(crc, bytes);
            left -= bytes.len();
            at += bytes.len() as u64;
        }
        let stored = self.window.peek(at, 4)?.first_chunk();
        Ok(stored.is_some_and(|stored| *stored == crc.to_be_bytes()))
    }

    /// Moves `place` on to the next intact frame, or to the end of the file, and `found` with it.
    fn seek(&mut self) -> Result<(), S::Error> {
        while self.found.is_none() && self.place < self.window.len() {
            self.found = self.examine(self.place)?;
            if self.found.is_none() {
                self.place += 1;
                self.seek_marker()?;
            }
        }
        Ok(())
    }

    /// Moves `place` on to the first marker from there on, or to the end of the file.
    fn seek_marker(&mut self) -> Result<(), S::Error> {
        while !self.budget.spent() {
            let bytes = self.window.peek(self.place, self.marker.len())?;
            if let Some(into) = self.finder.find(bytes) {
                self.place += into as u64;
                return Ok(());
            }
            // The last three bytes may begin a marker.
            match bytes.len().checked_sub(self.marker.len() - 1) {
                Some(passed @ 1..) => self.place += passed as u64,
                _ => break,
            }
        }
        self.place = self.window.len();
        Ok(())
    }
}

/// How much may still be checksummed in vain.
#[derive(Clone, Copy, Default, Debug)]
struct Budget {
    /// Bytes checksummed in candidates that failed.
    failed: u64,
    /// Where the furthest candidate ends: the bytes read.
    reached: u64,
}

impl Budget {
    const FACTOR: u64 = 8;
    const START: u64 = 64 << 20;

    fn reached(&mut self, end: u64) {
        self.reached = self.reached.max(end);
    }

    /// `len`: bytes of the candidate, of which all but the CRC were checksummed.
    fn failed(&mut self, len: usize) {
        self.failed = self.failed.saturating_add(len.saturating_sub(4) as u64);
    }

    fn spent(&self) -> bool {
        self.failed
            > self
                .reached
                .saturating_mul(Self::FACTOR)
                .saturating_add(Self::START)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;
    use core::convert::Infallible;

    use super::super::window::CHUNK;
    use super::super::{Stamp, Writer};
    use super::*;

    /// A bundle of any length: the same frames again and again, some of them damaged.
    struct Endless {
        file: Vec<u8>,
        len: u64,
    }

    impl Source for Endless {
        type Error = Infallible;

        fn len(&mut self) -> Result<u64, Infallible> {
            Ok(self.len)
        }

        fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<usize, Infallible> {
            let header = HEADER_LEN as u64;
            let frames = self.file.len() as u64 - header;
            let at = if offset < header {
                offset
            } else {
                header + (offset - header) % frames
            };
            (&self.file[..]).read_at(at, buf)
        }
    }

    #[test]
    fn memory_does_not_grow_with_the_file() {
        const LARGEST: usize = 1_000_000;
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, [6; 4]).unwrap();
        for len in [100, LARGEST, 2000, 2 * LARGEST, 1] {
            writer.frame(Stamp::NONE, &vec![8; len]).unwrap();
        }
        writer.finish().unwrap();
        file[HEADER_LEN + 50] ^= 1;
        let len = HEADER_LEN as u64 + 100 * (file.len() - HEADER_LEN) as u64;

        let mut reader = Reader::open(Endless { file, len }, LARGEST).unwrap();
        let (mut frames, mut skipped, mut damaged) = (0, 0, 0);
        while let Ok(Some(event)) = reader.next() {
            match event {
                Event::Frame { .. } => frames += 1,
                Event::Skipped { .. } => skipped += 1,
                Event::Damaged { .. } => damaged += 1,
                Event::End(completeness) => assert_eq!(completeness, Completeness::Incomplete),
            }
        }
        assert!(len > 300_000_000);
        assert_eq!((frames, skipped, damaged), (300, 100, 100));
        let largest = LARGEST + MAX_FRAME_WITHOUT_ENVELOPE;
        assert!((CHUNK..=largest).contains(&reader.window.capacity()));
    }
}
