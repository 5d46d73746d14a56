//! Opening: what the folder holds, in whatever state it was left.

use alloc::string::String;
use alloc::vec::Vec;
use std::io::{self, ErrorKind};

use wcmp_wire::{EnvelopeRef, MAX_ENVELOPE};

use super::logs::Marks;
use super::read::index_bytes;
use super::{COLUMN, INDEX, SEGMENT, START, Segment, SegmentStore, StoreError, UNFINISHED, name};
use crate::bundle::{Event, HEADER_LEN, OpenError, Reader, Source, Stamp, format};
use crate::store::Incoming;
use crate::store::fs::FileSystem;
use crate::store::index::Record;
use crate::store::records::{Fixed, Indexed};

/// Day, salt and kind in the name of a segment's file.
fn parse_name(name: &str) -> Option<(u32, u32, &str)> {
    let (stem, kind) = name.split_once('.')?;
    let (day, salt) = stem.split_once('-')?;
    let parse = |hex: &str| (hex.len() == 8).then(|| u32::from_str_radix(hex, 16).ok())?;
    Some((parse(day)?, parse(salt)?, kind))
}

/// The part of a segment that its index does not cover, as a bundle: a header, then the file from `start` on.
///
/// The header is made from the salt in the name, so that damage to the one in the file costs nothing.
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
            if let Some((day, salt, SEGMENT)) = parse_name(name) {
                segments.push((day, salt));
            }
        }
        self.sweep(&names, &segments);
        segments.sort_unstable();
        let marks = self.read_marks()?;
        for (day, salt) in segments {
            self.load_segment(day, salt, &marks)?;
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
            self.drop_segment(salt)?;
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

    fn load_segment(&mut self, day: u32, salt: u32, marks: &Marks) -> Result<(), StoreError> {
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
        drop(written);

        let whole = self.read_tail(day, salt, covered..end.max(covered), &mut indexed)?;
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

        let mut header = Vec::new();
        self.read_up_to(&segment_name, 0, HEADER_LEN, &mut header)?;
        let sound = whole && header == format::header(salt.to_be_bytes());
        let full = end >= self.options.segment_limit.into();

        let mut segment = Segment::new(day);
        segment.closed = !sound || full || unwritten.is_some();
        segment.unwritten = unwritten;
        self.segments.insert(salt, segment);
        self.add(salt, &indexed, marks);
        Ok(())
    }

    /// Reads frames from a part of a segment, and says whether it is all frames.
    fn read_tail(
        &mut self,
        day: u32,
        salt: u32,
        part: core::ops::Range<u64>,
        indexed: &mut Vec<Indexed>,
    ) -> Result<bool, StoreError> {
        if part.is_empty() {
            return Ok(part.end >= u64::from(START));
        }
        let name = name(day, salt, SEGMENT);
        let tail = Tail {
            fs: &mut self.fs,
            name: &name,
            header: format::header(salt.to_be_bytes()),
            start: part.start,
            end: part.end,
        };
        let mut whole = true;
        let mut reader = match Reader::open(tail, MAX_ENVELOPE) {
            Ok(reader) => reader,
            Err(OpenError::Source(error)) => return Err(error.into()),
            Err(OpenError::Header(_)) => return Ok(false),
        };
        while let Some(event) = reader.next()? {
            match event {
                Event::Frame {
                    offset,
                    stamp,
                    envelope,
                } => {
                    let offset = part.start + offset - u64::from(START);
                    match examine(day, offset, stamp, envelope) {
                        Some(record) => indexed.push(record),
                        None => whole = false,
                    }
                }
                Event::Damaged { .. } | Event::Skipped { .. } => whole = false,
                Event::End(_) => {}
            }
        }
        self.damaged += u64::from(!whole);
        Ok(whole)
    }

    /// Adds frames to the index in memory, behind those of the segment that are there. Those that are gone only keep
    /// their place.
    pub(super) fn add(&mut self, salt: u32, indexed: &[Indexed], marks: &Marks) {
        self.index.reserve(indexed.len());
        for record in indexed {
            let fingerprint = self.index.fingerprint(&record.id);
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
