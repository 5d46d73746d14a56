//! What holds envelopes: one by itself, or a bundle. Read from files, pipes and standard input, through damage.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use indicatif::ProgressBar;
use wcmp::EnvelopeRef;
use wcmp::relay::bundle::{
    Completeness, Event, Io, MAGIC, OpenError, PART_LIMIT, Reader, SealedError, Secret, Source,
    Stamp, Unsealed, frame_len, is_sealed_len,
};
use wcmp::wire::MAX_ENVELOPE;

use crate::error::{Failure, Result};
use crate::io::{is_dash, name, open_file};
use crate::summary::{Ending, Fault, Place, Summary};

/// Whether the bytes begin like a bundle.
pub(crate) fn has_magic(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

pub(crate) trait Stream: Read + Seek {}
impl<T: Read + Seek> Stream for T {}

/// A file of envelopes.
pub(crate) enum Carrier {
    Envelope(Vec<u8>),
    Bundle(Bundle),
}

pub(crate) struct Bundle {
    reader: Reader<Bytes>,
    pub(crate) len: u64,
}

/// The bytes of a bundle, as they are or out of a sealed one.
enum Bytes {
    Plain(Io<Box<dyn Stream>>),
    Sealed(Box<Unsealed<Io<Box<dyn Stream>>>>),
}

impl Source for Bytes {
    type Error = SealedError<io::Error>;

    fn len(&mut self) -> core::result::Result<u64, Self::Error> {
        match self {
            Bytes::Plain(bytes) => bytes.len().map_err(SealedError::Source),
            Bytes::Sealed(bytes) => bytes.len(),
        }
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> core::result::Result<usize, Self::Error> {
        match self {
            Bytes::Plain(bytes) => bytes.read_at(offset, buf).map_err(SealedError::Source),
            Bytes::Sealed(bytes) => bytes.read_at(offset, buf),
        }
    }
}

/// What reading failed with.
fn unreadable(what: &str, error: SealedError<io::Error>) -> Box<Failure> {
    match error {
        SealedError::Source(error) => Failure::io(what, &error),
        SealedError::Refused => Failure::refused(
            what,
            "bundle",
            "the sealed bundle is damaged, cut off or put together from others",
        ),
        error => Failure::failed(what, error),
    }
}

impl Carrier {
    /// Opens what is either an envelope or a bundle.
    pub(crate) fn open(path: &Path) -> Result<Carrier> {
        let what = format!("reading {}", name(path));
        let (mut stream, len) = open_stream(path)?;
        let small = usize::try_from(len).is_ok_and(|len| len <= MAX_ENVELOPE);
        let wanted = if small { MAX_ENVELOPE } else { MAGIC.len() };
        let mut bytes = Vec::new();
        stream
            .by_ref()
            .take(wanted as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::io(&what, &error))?;
        if has_magic(&bytes) {
            return Ok(Carrier::Bundle(Bundle::of(&what, stream)?));
        }
        let error = if small {
            match EnvelopeRef::parse(&bytes) {
                Ok(_) => return Ok(Carrier::Envelope(bytes)),
                Err(error) => Failure::parse(&what, error),
            }
        } else {
            too_large(&what)
        };
        // A bundle whose first bytes are damaged is still one.
        match Bundle::of(&what, stream) {
            Ok(bundle) => Ok(Carrier::Bundle(bundle)),
            Err(_) => Err(error),
        }
    }

    /// Bytes of it.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Carrier::Envelope(bytes) => bytes.len() as u64,
            Carrier::Bundle(bundle) => bundle.len,
        }
    }
}

impl Bundle {
    /// Opens a bundle, and nothing else.
    pub(crate) fn open(path: &Path) -> Result<Bundle> {
        let what = format!("reading {}", name(path));
        let (stream, _) = open_stream(path)?;
        Bundle::of(&what, stream)
    }

    /// Opens a bundle, sealed if there is a secret.
    pub(crate) fn open_with(path: &Path, secret: Option<&Secret>) -> Result<Bundle> {
        let Some(secret) = secret else {
            return Bundle::open(path);
        };
        let what = format!("reading {}", name(path));
        let (stream, len) = open_stream(path)?;
        match Unsealed::open(Io(stream), secret) {
            Ok(unsealed) => Bundle::of_bytes(&what, Bytes::Sealed(Box::new(unsealed))),
            Err(SealedError::Refused) if is_sealed_len(len) => Err(Failure::locked(
                what,
                "it does not open: another passphrase or secret, or it is damaged",
            )),
            Err(SealedError::Refused) => Err(Failure::refused(
                what,
                "bundle",
                "not a sealed bundle, or cut off",
            )),
            Err(error) => Err(unreadable(&what, error)),
        }
    }

    fn of(what: &str, stream: Box<dyn Stream>) -> Result<Bundle> {
        Bundle::of_bytes(what, Bytes::Plain(Io(stream)))
    }

    fn of_bytes(what: &str, mut bytes: Bytes) -> Result<Bundle> {
        let len = bytes.len().map_err(|error| unreadable(what, error))?;
        match Reader::open(bytes, MAX_ENVELOPE) {
            Ok(reader) => Ok(Bundle { reader, len }),
            Err(OpenError::Source(error)) => Err(unreadable(what, error)),
            Err(error) => Err(Failure::refused(what, "bundle", error)),
        }
    }
}

fn too_large(what: &str) -> Box<Failure> {
    Failure::refused(what, "size", format!("longer than {MAX_ENVELOPE} bytes"))
}

/// Something to read at any place, and its length. What comes through a pipe is kept: in memory, and in a temporary
/// file if it is a bundle larger than an envelope.
fn open_stream(path: &Path) -> Result<(Box<dyn Stream>, u64)> {
    let what = || format!("reading {}", name(path));
    let failed = |error: io::Error| Failure::io(what(), &error);
    if is_dash(path) {
        return keep(io::stdin().lock(), &what());
    }
    let (mut file, metadata) = open_file(path)?;
    // Stick and partition images are read where they are.
    let len = match file.seek(SeekFrom::End(0)) {
        Ok(len) if metadata.is_file() || len > 0 => len,
        _ => return keep(file, &what()),
    };
    file.rewind().map_err(failed)?;
    Ok((Box::new(file), len))
}

fn keep(mut input: impl Read, what: &str) -> Result<(Box<dyn Stream>, u64)> {
    let failed = |error: io::Error| Failure::io(what, &error);
    let mut start = Vec::new();
    let limit = MAX_ENVELOPE as u64 + 1;
    input
        .by_ref()
        .take(limit)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let len = start.len() as u64;
    if len < limit {
        return Ok((Box::new(Cursor::new(start)), len));
    }
    if !has_magic(&start) {
        return Err(too_large(what));
    }
    let mut file = tempfile::tempfile().map_err(failed)?;
    let mut copy = |file: &mut File| {
        file.write_all(&start)?;
        let rest = (PART_LIMIT + 1).saturating_sub(len);
        let len = len + io::copy(&mut input.by_ref().take(rest), file)?;
        file.rewind()?;
        Ok(len)
    };
    let len = copy(&mut file).map_err(failed)?;
    if len > PART_LIMIT {
        let why = format!("longer than the {PART_LIMIT} bytes that a bundle may have in a pipe");
        return Err(Failure::refused(what, "size", why).hint("name the file instead"));
    }
    Ok((Box::new(file), len))
}

/// What [`walk`] finds.
pub(crate) enum Found<'a> {
    Envelope {
        /// Where its frame begins; `None` if it stands by itself.
        offset: Option<u64>,
        stamp: Stamp<'a>,
        view: EnvelopeRef<'a>,
    },
    Place(Place),
}

/// Shows `each` everything in the order of the file. `what` says what is being done.
pub(crate) fn walk(
    carrier: Carrier,
    what: &str,
    bar: &ProgressBar,
    mut each: impl FnMut(Found<'_>) -> Result<()>,
) -> Result<Summary> {
    match carrier {
        Carrier::Bundle(bundle) => walk_bundle(bundle, what, bar, each),
        Carrier::Envelope(bytes) => {
            let view = EnvelopeRef::parse(&bytes).map_err(|error| Failure::parse(what, error))?;
            each(Found::Envelope {
                offset: None,
                stamp: Stamp::NONE,
                view,
            })?;
            let mut summary = Summary::default();
            summary.envelopes = 1;
            Ok(summary)
        }
    }
}

pub(crate) fn walk_bundle(
    bundle: Bundle,
    what: &str,
    bar: &ProgressBar,
    mut each: impl FnMut(Found<'_>) -> Result<()>,
) -> Result<Summary> {
    let Bundle { mut reader, len } = bundle;
    let mut summary = Summary::default();
    // Where the last frame ends. Undamaged bytes after that are End frames.
    let mut end = 20;
    loop {
        let event = reader.next().map_err(|error| unreadable(what, error))?;
        let place = match event {
            None => return Ok(summary),
            Some(Event::Frame {
                offset,
                stamp,
                envelope,
            }) => {
                let frame = frame_len(stamp, envelope.len());
                end = offset + frame;
                bar.set_position(end);
                match EnvelopeRef::parse(envelope) {
                    Ok(view) => {
                        summary.envelopes += 1;
                        let offset = Some(offset);
                        each(Found::Envelope {
                            offset,
                            stamp,
                            view,
                        })?;
                        continue;
                    }
                    Err(error) => Place {
                        offset,
                        len: frame,
                        fault: Fault::NotAnEnvelope(error),
                    },
                }
            }
            Some(Event::Skipped { offset, len }) => {
                end = offset + len;
                Place {
                    offset,
                    len,
                    fault: Fault::Skipped,
                }
            }
            Some(Event::Damaged { offset, len }) => {
                end = offset + len;
                Place {
                    offset,
                    len,
                    fault: Fault::Damaged,
                }
            }
            Some(Event::End(Completeness::Complete)) => continue,
            Some(Event::End(_)) => {
                summary.ending = match summary.damaged {
                    _ if end >= len => Ending::Cut,
                    0 => Ending::Miscounted,
                    _ => Ending::Damaged,
                };
                continue;
            }
        };
        bar.set_position(end);
        summary.add(&place);
        each(Found::Place(place))?;
    }
}
