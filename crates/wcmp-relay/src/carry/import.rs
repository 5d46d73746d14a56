//! Files into a node.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use std::fs::File;
use std::io;
use std::path::Path;

use wcmp_wire::{EnvelopeRef, MAX_ENVELOPE, sha256};

use super::open_regular;
use super::source::Patient;
use crate::bundle::{Completeness, Event, Io, OpenError, Reader, Source, Stamp};
#[cfg(feature = "sealed")]
use crate::bundle::{SealedError, Secret, Unsealed};
use crate::node::{Node, NodeError};
use crate::policy::{Header, Reason, Subject, Verdict, Visit, VisitLimits};
use crate::store::Store;

/// Bytes and number of envelopes that are taken in at once.
const BATCH_BYTES: usize = 16 << 20;
const BATCH: usize = 10_000;

/// What a file was.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// A bundle.
    Bundle,
    /// A sealed bundle.
    Sealed,
    /// A single envelope.
    Envelope,
    /// None of these, as far as can be seen without a secret that fits.
    Unknown,
}

/// What was found in a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileReport {
    /// What it was.
    pub form: Form,
    /// Intact frames, whatever became of them.
    pub frames: u64,
    /// Places that are damaged.
    pub damaged: u64,
    /// Bytes in those.
    pub lost: u64,
    /// Whether it ends as its writer ended it.
    pub complete: bool,
    /// Whether its rest was not read: the visit may read no more, its medium failed, or a sealed bundle was damaged
    /// there.
    pub stopped: bool,
}

/// Why an import ended.
#[derive(Debug)]
pub enum ImportError<E> {
    /// This file cannot be opened, or is no regular file. Others may be.
    File(io::Error),
    /// There is not enough memory for the passphrase.
    Memory,
    /// The node failed. Nothing more can be taken in.
    Node(NodeError<E>),
}

impl<E: fmt::Display> fmt::Display for ImportError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Memory => f.write_str("not enough memory"),
            Self::Node(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for ImportError<E> {}

impl<E> From<NodeError<E>> for ImportError<E> {
    fn from(error: NodeError<E>) -> Self {
        Self::Node(error)
    }
}

/// A visit that brings files.
pub struct Import<'a, S> {
    node: &'a mut Node<S>,
    visit: Visit,
    limits: VisitLimits,
    max_size: usize,
    #[cfg(feature = "sealed")]
    secret: Option<&'a Secret>,
    batch: Batch,
}

impl<S> fmt::Debug for Import<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Import")
            .field("visit", &self.visit)
            .finish_non_exhaustive()
    }
}

impl<'a, S: Store> Import<'a, S> {
    /// Begins a visit.
    #[must_use]
    pub fn new(node: &'a mut Node<S>) -> Self {
        let policy = node.policy();
        Self {
            visit: Visit::new(policy),
            limits: policy.visit,
            max_size: usize::try_from(policy.max_size).unwrap_or(usize::MAX),
            #[cfg(feature = "sealed")]
            secret: None,
            batch: Batch::default(),
            node,
        }
    }

    /// Tries this secret on files that are no plain bundles. A passphrase costs some tenths of a second for each.
    #[cfg(feature = "sealed")]
    #[must_use]
    pub const fn secret(mut self, secret: &'a Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Takes in what is in a file, through damage. `progress` is told how far in the file the reader is, in bytes.
    ///
    /// # Errors
    /// [`ImportError::File`] if it is no regular file or cannot be opened: others may still be taken in. If the node
    /// fails.
    pub fn file(
        &mut self,
        path: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<FileReport, ImportError<S::Error>> {
        let (file, metadata) = open_regular(path).map_err(ImportError::File)?;
        if self.limits.files == 0 || self.limits.read == 0 {
            return Ok(FileReport {
                stopped: true,
                ..REPORT
            });
        }
        let source = Patient::new(Io(file), self.limits.read);
        let cut = metadata.len() > self.limits.read;
        self.limits.files -= 1;
        self.limits.read = self.limits.read.saturating_sub(metadata.len());
        let mut report = self.source(source, progress)?;
        report.stopped |= cut;
        Ok(report)
    }

    fn source(
        &mut self,
        mut source: Patient<Io<File>>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<FileReport, ImportError<S::Error>> {
        match Reader::open(&mut source, self.max_size) {
            Ok(reader) => {
                let report = FileReport {
                    form: Form::Bundle,
                    ..REPORT
                };
                return self.bundle(reader, report, progress);
            }
            Err(OpenError::Source(error)) => return Err(ImportError::File(error)),
            Err(OpenError::Header(_)) => {}
        }
        #[cfg(feature = "sealed")]
        if let Some(secret) = self.secret {
            match Unsealed::open(&mut source, secret) {
                Ok(unsealed) => match Reader::open(unsealed, self.max_size) {
                    Ok(reader) => {
                        let report = FileReport {
                            form: Form::Sealed,
                            ..REPORT
                        };
                        return self.bundle(reader, report, progress);
                    }
                    Err(_) => return Ok(REPORT),
                },
                Err(SealedError::Refused) => {}
                Err(SealedError::Memory) => return Err(ImportError::Memory),
                Err(SealedError::Source(error)) => return Err(ImportError::File(error)),
            }
        }
        self.envelope(source)
    }

    /// A file that is nothing but an envelope.
    fn envelope(
        &mut self,
        mut source: Patient<Io<File>>,
    ) -> Result<FileReport, ImportError<S::Error>> {
        let len = source.len().map_err(ImportError::File)?;
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= MAX_ENVELOPE) else {
            return Ok(REPORT);
        };
        let mut bytes = alloc::vec![0; len];
        let mut done = 0;
        while let Some(rest @ [_, ..]) = bytes.get_mut(done..) {
            match source
                .read_at(done as u64, rest)
                .map_err(ImportError::File)?
            {
                0 => break,
                n => done += n,
            }
        }
        if EnvelopeRef::parse(&bytes).is_err() {
            return Ok(REPORT);
        }
        self.push(Stamp::NONE, &bytes)?;
        Ok(FileReport {
            form: Form::Envelope,
            frames: 1,
            complete: true,
            ..REPORT
        })
    }

    fn bundle<T: Source>(
        &mut self,
        mut reader: Reader<T>,
        mut report: FileReport,
        progress: &mut dyn FnMut(u64),
    ) -> Result<FileReport, ImportError<S::Error>> {
        loop {
            match reader.next() {
                Ok(Some(Event::Frame {
                    offset,
                    stamp,
                    envelope,
                })) => {
                    report.frames += 1;
                    self.push(stamp, envelope)?;
                    progress(offset + envelope.len() as u64);
                }
                Ok(Some(Event::Skipped { offset, len })) => {
                    report.frames += 1;
                    self.visit.tally.drop(Reason::LARGE);
                    progress(offset + len);
                }
                Ok(Some(Event::Damaged { offset, len })) => {
                    report.damaged += 1;
                    report.lost += len;
                    progress(offset + len);
                }
                Ok(Some(Event::End(completeness))) => {
                    report.complete = completeness == Completeness::Complete;
                }
                Ok(None) => return Ok(report),
                // What was read before is kept; of a sealed bundle only what was authenticated was given.
                Err(_) => {
                    report.stopped = true;
                    return Ok(report);
                }
            }
        }
    }

    /// How many envelopes came so far that the node does not have and that fit its policy: behind which a message of one's own
    /// can hide (spec 9.2).
    pub fn cover(&mut self) -> u64 {
        let new = self.batch.frames().filter(|(_, bytes)| {
            EnvelopeRef::parse(bytes).is_ok_and(|envelope| {
                let subject = Subject {
                    header: Header::from(&envelope),
                    now: self.node.now(),
                    effort: None,
                };
                !matches!(self.node.policy().judge(&subject), Verdict::Drop(_))
                    && !self.node.store().contains(&envelope.id(sha256))
            })
        });
        self.visit.tally.kept + new.count() as u64
    }

    fn push(&mut self, stamp: Stamp<'_>, envelope: &[u8]) -> Result<(), NodeError<S::Error>> {
        if self.batch.is_full(envelope.len()) {
            self.flush()?;
        }
        self.batch.push(stamp, envelope);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), NodeError<S::Error>> {
        let frames: Vec<_> = self.batch.frames().collect();
        let taken = self.node.take_in_what_fits(&mut self.visit, &frames);
        self.batch.clear();
        taken
    }

    /// Takes in what has been read and not yet taken in, and says what became of everything; also how the node failed, if
    /// it did. What did not fit on a full disk is no failure, and is counted as [`Reason::DISK`].
    pub fn finish(mut self) -> (Visit, Result<(), NodeError<S::Error>>) {
        let flushed = self.flush();
        (self.visit, flushed)
    }
}

const REPORT: FileReport = FileReport {
    form: Form::Unknown,
    frames: 0,
    damaged: 0,
    lost: 0,
    complete: false,
    stopped: false,
};

/// Envelopes one after the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    frames: Vec<(u8, Range<usize>, Range<usize>)>,
}

impl Batch {
    fn is_full(&self, next: usize) -> bool {
        let bytes = self.bytes.len().saturating_add(next);
        !self.frames.is_empty() && (bytes > BATCH_BYTES || self.frames.len() >= BATCH)
    }

    fn push(&mut self, stamp: Stamp<'_>, envelope: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(stamp.bytes());
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(envelope);
        let end = self.bytes.len();
        self.frames.push((stamp.kind(), start..middle, middle..end));
    }

    fn frames(&self) -> impl Iterator<Item = (Stamp<'_>, &[u8])> {
        self.frames.iter().map(|(kind, stamp, envelope)| {
            let stamp = self.bytes.get(stamp.clone()).unwrap_or_default();
            let envelope = self.bytes.get(envelope.clone()).unwrap_or_default();
            (Stamp::new(*kind, stamp).unwrap_or(Stamp::NONE), envelope)
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
    }
}
