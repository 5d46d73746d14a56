//! Opening: what the folder holds, in whatever state it was left.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint;
use core::num::NonZero;
use core::ops::Range;
use std::io::{self, ErrorKind};
use std::thread;

use wcmp_wire::{EnvelopeRef, MAX_ENVELOPE};

use super::logs::Marks;
use super::read::index_bytes;
use super::{
    ASIDE, COLUMN, INDEX, SEGMENT, START, Segment, SegmentStore, StoreError, UNFINISHED, name,
};
use crate::bundle::{Event, HEADER_LEN, OpenError, Reader, Source, Stamp, format};
use crate::store::Incoming;
use crate::store::fs::FileSystem;
use crate::store::index::Record;
use crate::store::records::{Fixed, Indexed};

/// Day, salt and kind in the name of a segment's file.
fn parse_name(file: &str) -> Option<(u32, u32, &str)> {
    let (stem, kind) = file.split_once('.')?;
    let (day, salt) = stem.split_once('-')?;
    let parse = |hex: &str| u32::from_str_radix(hex, 16).ok();
    let (day, salt) = (parse(day)?, parse(salt)?);
    (name(day, salt, kind) == file).then_some((day, salt, kind))
}

/// The part of a segment that its index does not cover, as a bundle: a header, then the file from `start` on.
///
/// If the header of the file is damaged, another is made from the salt in the name; so that costs nothing.
struct Tail<'a, F> {
    fs: &'a mut F,
    name: &'a str,
    header: [u8; HEADER_LEN],
    start: u64,
    end: u64,
}

impl<F: FileSystem> Source for Tail<'_, F> {
    type Error = io::Error;

    fn len(&mut self) -> io::Result<u64> {
        Ok(u64::from(START) + self.end - self.start)
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        match offset.checked_sub(u64::from(START)) {
            Some(into) => self.fs.read_at(self.name, self.start + into, buf),
            None => (&self.header[..])
                .read_at(offset, buf)
                .map_err(|never| match never {}),
        }
    }
}

impl<F: FileSystem> SegmentStore<F> {
    pub(super) fn load(&mut self) -> Result<(), StoreError> {
        match self.fs.lock() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(StoreError::Locked),
            result => result?,
        }
        let names = self.fs.list()?;
        let mut segments: Vec<(u32, u32)> = Vec::new();
        for name in &names {
            match parse_name(name) {
                Some((day, salt, SEGMENT)) => segments.push((day, salt)),
                Some((day, salt, ASIDE)) => self.aside.push((day, salt)),
                _ => {}
            }
        }
        self.sweep(&names, &segments);
        segments.sort_unstable();
        let marks = self.read_marks()?;
        self.reserve(&segments);
        // Of these something was lost.
        let mut damaged = BTreeSet::new();
        for (day, salt) in segments {
            if self.segments.contains_key(&salt) {
                // Copied or renamed by somebody: no two have one salt.
                self.damaged += 1;
                self.keep_aside(day, salt);
            } else if self.load_segment(day, salt, &marks)? {
                damaged.insert(salt);
            }
        }
        self.tidy_marks(&marks);
        self.load_arrivals()?;
        // What took the place of a segment has to be durable before the old one goes.
        self.fs.sync_folder()?;
        let empty = self
            .segments
            .iter()
            .filter(|(_, of)| of.live.envelopes == 0);
        let empty: Vec<u32> = empty.map(|(salt, _)| *salt).collect();
        for salt in empty {
            if damaged.contains(&salt)
                && let Some(of) = self.forget_segment(salt)
            {
                self.keep_aside(of.day, salt);
            } else {
                self.drop_segment(salt)?;
            }
        }
        for (&salt, of) in &self.segments {
            if !of.closed {
                self.open.insert(of.day, salt);
            }
        }
        Ok(())
    }

    /// Removes what was not finished and what belongs to no segment. What cannot be removed does no harm.
    fn sweep(&mut self, names: &[String], segments: &[(u32, u32)]) {
        for name in names {
            let stale = match parse_name(name) {
                Some((day, salt, INDEX | COLUMN)) => !segments.contains(&(day, salt)),
                _ => name.ends_with(UNFINISHED),
            };
            if stale {
                let _ = self.fs.unlink(name);
            }
        }
    }

    /// Makes room in memory for what the index files tell of, at once: growing by and by touches all of it again.
    fn reserve(&mut self, segments: &[(u32, u32)]) {
        let mut records = 0;
        for (day, salt) in segments {
            let len = self.fs.len(&name(*day, *salt, INDEX)).unwrap_or(0);
            records += usize::try_from(len).unwrap_or(0) / Indexed::LEN;
        }
        self.index.reserve(records);
    }

    /// Keeps a segment that cannot be read out of the way, under another name. If that fails, it is tried again at the
    /// next opening.
    fn keep_aside(&mut self, day: u32, salt: u32) {
        let aside = name(day, salt, ASIDE);
        let free = matches!(self.fs.len(&aside), Err(error) if error.kind() == ErrorKind::NotFound);
        if free && self.fs.rename(&name(day, salt, SEGMENT), &aside).is_ok() {
            self.aside.push((day, salt));
        }
        for kind in [INDEX, COLUMN] {
            let _ = self.fs.unlink(&name(day, salt, kind));
        }
    }

    /// Says whether something in the segment was lost.
    fn load_segment(&mut self, day: u32, salt: u32, marks: &Marks) -> Result<bool, StoreError> {
        let segment_name = name(day, salt, SEGMENT);
        let len = self.fs.len(&segment_name)?;
        let end = u64::from(u32::MAX).min(len);
        let index_name = name(day, salt, INDEX);
        let written = self.read_file(&index_name)?;
        let mut indexed = Vec::new();
        let mut covered = u64::from(START);
        for record in Indexed::read_all(&written) {
            let follows = u64::from(record.offset) >= covered && record.end() <= end;
            if !follows || record.expires / 24 != day {
                break;
            }
            covered = record.end();
            indexed.push(record);
        }
        let intact = indexed.len() * Indexed::LEN == written.len();
        let before = indexed.len();

        let mut bytes = Vec::new();
        self.read_up_to(&segment_name, 0, HEADER_LEN, &mut bytes)?;
        let usual = format::header(salt.to_be_bytes());
        let header = bytes
            .first_chunk()
            .filter(|file| format::salt(file).is_ok());
        let header = *header.unwrap_or(&usual);
        let tail = self.read_tail(day, &segment_name, header, covered..end, &mut indexed)?;
        let found = indexed.last().map_or(u64::from(START), Indexed::end);
        // What the index names was acknowledged.
        let lost = written.chunks_exact(Indexed::LEN).filter_map(Indexed::read);
        let lost = lost.filter(|record| !intact && u64::from(record.offset) >= found);
        let damaged = match lost.count() {
            0 => tail.damaged + u64::from(tail.rest == Rest::Damaged),
            lost => tail.damaged + lost as u64,
        };
        self.damaged += damaged;
        drop(written);

        let mut unwritten = None;
        if indexed.len() > before {
            // Known from now on, so it has to be durable from now on.
            self.fs.sync_data(&segment_name)?;
            self.fs.sync_folder()?;
        }
        if !intact || indexed.len() > before {
            let new = index_bytes(indexed.get(before..).unwrap_or_default());
            let result = if intact {
                self.fs.append(&index_name, &new).map_err(StoreError::from)
            } else {
                self.replace(&index_name, &index_bytes(&indexed))
            };
            if result.is_err() {
                unwritten = Some(indexed.clone());
            }
        }

        let sound = damaged == 0 && tail.rest == Rest::Nothing && bytes == usual;
        let full = end >= self.options.segment_limit.into();

        let mut segment = Segment::new(day);
        segment.closed = !sound || full || unwritten.is_some();
        segment.torn = tail.rest != Rest::Nothing;
        segment.unwritten = unwritten;
        self.segments.insert(salt, segment);
        self.add(salt, &indexed, marks);
        Ok(damaged > 0)
    }

    /// Reads frames from a part of a segment up to its end.
    fn read_tail(
        &mut self,
        day: u32,
        name: &str,
        header: [u8; HEADER_LEN],
        part: Range<u64>,
        indexed: &mut Vec<Indexed>,
    ) -> Result<Read, StoreError> {
        let mut read = Read {
            damaged: 0,
            rest: Rest::Nothing,
        };
        if part.is_empty() {
            return Ok(read);
        }
        let tail = Tail {
            fs: &mut self.fs,
            name,
            header,
            start: part.start,
            end: part.end,
        };
        let mut found = Found::default();
        // Where the last piece that is no frame begins, while no frame follows it.
        let mut rest = None;
        let mut reader = match Reader::open(tail, MAX_ENVELOPE) {
            Ok(reader) => reader,
            Err(OpenError::Source(error)) => return Err(error.into()),
            // Cannot be: the header is intact.
            Err(OpenError::Header(_)) => return Err(StoreError::Io(ErrorKind::InvalidData.into())),
        };
        let place = |offset: u64| (part.start + offset).saturating_sub(START.into());
        while let Some(event) = reader.next()? {
            match event {
                Event::Frame {
                    offset,
                    stamp,
                    envelope,
                } => {
                    read.damaged += u64::from(rest.take().is_some());
                    found.push(place(offset), stamp, envelope);
                    if found.bytes.len() >= AT_ONCE {
                        read.damaged += found.examine(day, indexed);
                    }
                }
                Event::Damaged { offset, .. } | Event::Skipped { offset, .. } => {
                    read.damaged += u64::from(rest.replace(place(offset)).is_some());
                }
                Event::End(_) => {}
            }
        }
        read.damaged += found.examine(day, indexed);
        if let Some(rest) = rest {
            read.rest = if self.is_cut(name, &header, rest..part.end)? {
                Rest::Cut
            } else {
                Rest::Damaged
            };
        }
        Ok(read)
    }

    /// Whether the end of a segment is the beginning of a frame: a batch that was not acknowledged, since the power went
    /// while it was written. Where another fault could look so, this says no.
    fn is_cut(
        &mut self,
        name: &str,
        header: &[u8; HEADER_LEN],
        rest: Range<u64>,
    ) -> Result<bool, StoreError> {
        let len = usize::try_from(rest.end - rest.start).unwrap_or(usize::MAX);
        if len > format::FRAME_OVERHEAD + format::MAX_BODY as usize {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        self.read_up_to(name, rest.start, len, &mut bytes)?;
        let marker = format::salt(header).map(format::marker).unwrap_or_default();
        if !bytes.iter().zip(&marker).all(|(a, b)| a == b) {
            return Ok(false);
        }
        let Some(body) = bytes.get_mut(4..8) else {
            return Ok(true);
        };
        let claimed = u32::from_be_bytes(*body.first_chunk().unwrap_or(&[0; 4]));
        let actual = len.saturating_sub(format::FRAME_OVERHEAD);
        if claimed > format::MAX_BODY || claimed as usize <= actual {
            return Ok(false);
        }
        // It may be the length that is damaged.
        body.copy_from_slice(&u32::try_from(actual).unwrap_or(0).to_be_bytes());
        Ok(!format::crc_holds(&bytes))
    }

    /// Adds frames to the index in memory, behind those of the segment that are there. Those that are gone only keep
    /// their place.
    pub(super) fn add(&mut self, salt: u32, indexed: &[Indexed], marks: &Marks) {
        self.index.reserve(indexed.len());
        for block in indexed.chunks(64) {
            self.add_block(salt, block, marks);
        }
    }

    fn add_block(&mut self, salt: u32, indexed: &[Indexed], marks: &Marks) {
        let fingerprints = indexed.iter().map(|one| self.index.fingerprint(&one.id));
        let fingerprints: Vec<u64> = fingerprints.collect();
        // Most of the time is waiting for memory. Asked for one right after the other, its places come together.
        for fingerprint in &fingerprints {
            hint::black_box(self.index.contains(*fingerprint));
        }
        for (record, fingerprint) in indexed.iter().zip(fingerprints) {
            let other = self.index.find(fingerprint).next();
            let Some(of) = self.segments.get_mut(&salt) else {
                return;
            };
            let place = (salt, record.offset);
            let later = marks.nonces.get(&place);
            let effort = later.map_or(record.effort, |nonce| Stamp::work(nonce).effort(&record.id));
            let new = Record::new(
                fingerprint,
                effort,
                record.offset,
                record.size,
                record.expires % 24,
            );
            let Some(at) = self.index.push(salt, &mut of.pieces, new) else {
                return;
            };
            of.records += 1;
            of.len = u32::try_from(record.end()).unwrap_or(u32::MAX);
            of.sorted &= of.last.is_none_or(|last| last < record.id);
            of.last = Some(record.id);
            of.live.envelopes += 1;
            of.live.bytes += u64::from(record.size);
            self.totals.envelopes += 1;
            self.totals.bytes += u64::from(record.size);
            self.nonces.extend(later.map(|nonce| (place, *nonce)));
            if marks.gone.contains(&place) {
                self.remove(at);
            } else if let Some(other) = other {
                // A segment was written anew, and the power went before the old one was removed.
                let better = self.index.get(other).is_none_or(|o| o.effort < effort);
                self.remove(if better { other } else { at });
            }
        }
    }
}

/// What was found in a part of a segment.
struct Read {
    /// Places that are damaged, with something intact behind them, and frames with something else than envelopes of the
    /// day.
    damaged: u64,
    /// What is at the end.
    rest: Rest,
}

/// What the end of a segment is, behind its last frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// A frame that was not written to its end, so was not acknowledged.
    Cut,
    /// Something that may have been acknowledged.
    Damaged,
}

/// Bytes of frames that are examined at once.
const AT_ONCE: usize = 4 << 20;

/// Most threads that examine them.
const MOST_THREADS: usize = 8;

/// Frames that were read and are to be examined by all processors: it takes a hash over all their bytes.
#[derive(Default)]
struct Found {
    frames: Vec<Frame>,
    /// Stamp and envelope of each.
    bytes: Vec<u8>,
}

struct Frame {
    offset: u64,
    stamp_kind: u8,
    stamp: Range<usize>,
    envelope: Range<usize>,
}

impl Found {
    fn push(&mut self, offset: u64, stamp: Stamp<'_>, envelope: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend(stamp.bytes());
        let middle = self.bytes.len();
        self.bytes.extend(envelope);
        self.frames.push(Frame {
            offset,
            stamp_kind: stamp.kind(),
            stamp: start..middle,
            envelope: middle..self.bytes.len(),
        });
    }

    /// Adds the records of all frames and forgets these; says how many were no envelopes of this day.
    fn examine(&mut self, day: u32, indexed: &mut Vec<Indexed>) -> u64 {
        let bytes = &self.bytes;
        let one = |frame: &Frame| {
            let stamp = Stamp::read(frame.stamp_kind, bytes.get(frame.stamp.clone())?);
            examine(day, frame.offset, stamp, bytes.get(frame.envelope.clone())?)
        };
        let all = |part: &[Frame]| part.iter().map(one).collect::<Vec<_>>();
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let parts = self.frames.len().div_ceil(threads.min(MOST_THREADS));
        let mut parts = self.frames.chunks(parts.max(1));
        let own = parts.next().unwrap_or_default();
        let records = thread::scope(|scope| {
            let start = |part| {
                let thread = thread::Builder::new().spawn_scoped(scope, move || all(part));
                (part, thread)
            };
            let others: Vec<_> = parts.map(start).collect();
            let mut records = all(own);
            for (part, thread) in others {
                // Where there are no more threads, this one does it.
                let done = thread.ok().and_then(|thread| thread.join().ok());
                records.extend(done.unwrap_or_else(|| all(part)));
            }
            records
        });
        let before = indexed.len();
        indexed.extend(records.into_iter().flatten());
        let others = self.frames.len().saturating_sub(indexed.len() - before);
        self.frames.clear();
        self.bytes.clear();
        others as u64
    }
}

/// The index record of a frame, if it holds an envelope of this day and no strange stamp.
fn examine(day: u32, offset: u64, stamp: Stamp<'_>, envelope: &[u8]) -> Option<Indexed> {
    let incoming = Incoming::new(EnvelopeRef::parse(envelope).ok()?, stamp);
    let id = incoming.id();
    let ours = stamp.is_none() || stamp.effort(&id) > 0;
    let expires = incoming.envelope().expires();
    (ours && expires / 24 == day).then_some(())?;
    Some(Indexed {
        id,
        offset: u32::try_from(offset).ok()?,
        size: incoming.size(),
        expires,
        effort: stamp.effort(&id),
    })
}
