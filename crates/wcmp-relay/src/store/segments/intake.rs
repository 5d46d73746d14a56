//! Taking in a batch.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::io::ErrorKind;

use wcmp_wire::Id;

use super::logs::Marks;
use super::read::index_bytes;
use super::scan::ColumnWriter;
use super::{COLUMN, INDEX, SEGMENT, START, Segment, SegmentStore, StoreError};
use crate::bundle::{Stamp, Writer, format};
use crate::store::fs::FileSystem;
use crate::store::records::{Fixed as _, Indexed, Region, frame_len};
use crate::store::{Incoming, Taken};

/// An envelope of a batch that the store does not have.
pub(super) struct Candidate<'a> {
    pub(super) id: Id,
    pub(super) size: u32,
    pub(super) expires: u32,
    pub(super) effort: u64,
    nonce: Option<[u8; 8]>,
    incoming: &'a Incoming<'a>,
    /// Its place in the batch.
    place: usize,
}

impl<'a> Candidate<'a> {
    fn new(incoming: &'a Incoming<'a>, place: usize) -> Self {
        let id = incoming.id();
        let effort = incoming.stamp().effort(&id);
        Self {
            id,
            size: incoming.size(),
            expires: incoming.envelope().expires(),
            effort,
            // A stamp that shows no work is no stamp.
            nonce: incoming.stamp().nonce().filter(|_| effort > 0),
            incoming,
            place,
        }
    }

    /// Takes the better stamp of two.
    fn merge(&mut self, other: &Self) {
        let better = (other.effort, core::cmp::Reverse(other.nonce))
            > (self.effort, core::cmp::Reverse(self.nonce));
        if better {
            (self.effort, self.nonce) = (other.effort, other.nonce);
        }
    }

    fn day(&self) -> u32 {
        self.expires / 24
    }

    fn stamp(&self) -> Stamp<'_> {
        self.nonce.as_ref().map_or(Stamp::NONE, Stamp::work)
    }
}

/// A batch by expiry day, then id, each with its place.
fn sorted<'a>(batch: &'a [Incoming<'a>]) -> impl Iterator<Item = (usize, &'a Incoming<'a>)> {
    // Few ids begin alike: most of the time, the others do not have to be fetched.
    let key = |(place, incoming): (usize, &'a Incoming<'a>)| {
        let Id([a, b, c, d, e, f, g, h, ..]) = incoming.id();
        let begin = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        ((incoming.envelope().expires() / 24, begin), place, incoming)
    };
    let mut keyed: Vec<_> = batch.iter().enumerate().map(key).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.2.id().cmp(&b.2.id())));
    keyed
        .into_iter()
        .map(|(_, place, incoming)| (place, incoming))
}

/// What was appended to one segment, and what it takes to undo it.
struct Written {
    segment: u32,
    is_new: bool,
    /// Bytes of the segment and of its column before.
    len: u32,
    column_len: u64,
    indexed: Vec<Indexed>,
    column: ColumnWriter,
}

impl<F: FileSystem> SegmentStore<F> {
    pub(super) fn take_in(
        &mut self,
        batch: &[Incoming<'_>],
        now: u32,
    ) -> Result<Vec<Taken>, StoreError> {
        let mut taken = vec![Taken::Known; batch.len()];
        let mut new: Vec<Candidate<'_>> = Vec::with_capacity(batch.len());
        let mut stamps = Vec::new();
        for (place, incoming) in sorted(batch) {
            let candidate = Candidate::new(incoming, place);
            if let Some(last) = new.last_mut().filter(|last| last.id == candidate.id) {
                last.merge(&candidate);
            } else if self.index.contains(self.index.fingerprint(&candidate.id)) {
                if candidate.nonce.is_some() {
                    stamps.push((candidate.id, incoming.stamp()));
                }
            } else {
                new.push(candidate);
            }
        }
        // One after the other where an id is there twice: the second is compared with the first.
        for stamp in stamps.chunk_by(|a, b| a.0 != b.0) {
            self.raise_all(stamp)?;
        }

        let excess = self.excess(&new, now)?;
        let kept: Vec<&Candidate<'_>> = new
            .iter()
            .enumerate()
            .filter(|(place, _)| !excess.new.contains(place))
            .map(|(_, candidate)| candidate)
            .collect();
        self.store(&kept)?;
        for candidate in &kept {
            if let Some(taken) = taken.get_mut(candidate.place) {
                *taken = Taken::New;
            }
        }
        if !excess.stored.is_empty() || !excess.new.is_empty() {
            self.evict(&excess.stored);
            for (taken, incoming) in taken.iter_mut().zip(batch) {
                let id = incoming.id();
                if !self.index.contains(self.index.fingerprint(&id)) {
                    *taken = Taken::Refused;
                }
            }
        }
        self.settle();
        Ok(taken)
    }

    /// Makes envelopes durable, sorted by day and id, and adds them to the index.
    fn store(&mut self, kept: &[&Candidate<'_>]) -> Result<(), StoreError> {
        if kept.is_empty() {
            return Ok(());
        }
        let mut written = Vec::new();
        let regions = match self.write(kept, &mut written) {
            Ok(regions) => regions,
            Err(error) => {
                self.undo(&written);
                return Err(error);
            }
        };
        for done in &written {
            self.add(done.segment, &done.indexed, &Marks::default());
            if let Some(of) = self.segments.get_mut(&done.segment) {
                of.column = Some(done.column_len + done.column.len());
                if of.len >= self.options.segment_limit {
                    of.closed = true;
                    self.open.remove(&of.day);
                }
            }
        }
        self.cursor.batch += 1;
        self.regions.extend(regions);
        Ok(())
    }

    /// Appends to the segments of all days concerned, syncs them, then writes what is rebuilt from them.
    fn write(
        &mut self,
        kept: &[&Candidate<'_>],
        written: &mut Vec<Written>,
    ) -> Result<Vec<Region>, StoreError> {
        let mut frames = Vec::new();
        for mut rest in kept.chunk_by(|a, b| a.day() == b.day()) {
            while let Some(first) = rest.first() {
                rest = self.append(first.day(), rest, &mut frames, written)?;
            }
        }
        let names = written.iter();
        let names: Vec<String> = names
            .map(|done| self.segment_name(done.segment, SEGMENT))
            .collect();
        self.fs.sync_each(&names)?;
        if written.iter().any(|done| done.is_new) {
            self.fs.sync_folder()?;
        }

        let mut cursor = self.cursor;
        cursor.batch += 1;
        let mut regions = Vec::with_capacity(written.len());
        for done in written {
            let index = self.segment_name(done.segment, INDEX);
            self.fs.append(&index, &index_bytes(&done.indexed))?;
            let column = self.segment_name(done.segment, COLUMN);
            self.fs.append(&column, done.column.finish())?;
            let end = done.indexed.last().map_or(0, Indexed::end);
            regions.push(Region {
                cursor,
                segment: done.segment,
                from: done.len,
                to: u32::try_from(end).unwrap_or(u32::MAX),
            });
        }
        self.log_regions(&regions)?;
        Ok(regions)
    }

    /// Appends as many envelopes of a day as its open segment takes, and returns the others.
    fn append<'a, 'b>(
        &mut self,
        day: u32,
        of_day: &'a [&'b Candidate<'b>],
        frames: &mut Vec<u8>,
        written: &mut Vec<Written>,
    ) -> Result<&'a [&'b Candidate<'b>], StoreError> {
        let open = self.open.get(&day).copied();
        let segment = match open {
            Some(segment) => segment,
            None => self.new_salt(),
        };
        let salt = segment.to_be_bytes();
        frames.clear();
        let (mut len, mut column_len) = (START, 0);
        if open.is_some() {
            column_len = self.column(segment)?;
            len = self.segments.get(&segment).map_or(len, |of| of.len);
        } else {
            frames.extend(format::header(salt));
        }
        let mut end = u64::from(len);
        let mut indexed = Vec::new();
        let mut column = ColumnWriter::default();
        let limit = u64::from(self.options.segment_limit);
        let mut writer = Writer::resume(&mut *frames, salt);
        for candidate in of_day {
            let frame = frame_len(candidate.size, candidate.effort);
            if end + frame > limit && end > u64::from(START) {
                break;
            }
            let envelope = candidate.incoming.envelope().as_bytes();
            let result = writer.frame(candidate.stamp(), envelope);
            // Cannot be: what was parsed is not too long.
            result.map_err(|_| StoreError::Io(ErrorKind::InvalidInput.into()))?;
            let record = Indexed {
                id: candidate.id,
                offset: u32::try_from(end).unwrap_or(u32::MAX),
                size: candidate.size,
                expires: candidate.expires,
                effort: candidate.effort,
            };
            indexed.push(record);
            end += frame;
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            column.push(candidate.incoming, record.offset, end);
        }
        let (_, rest) = of_day.split_at_checked(indexed.len()).unwrap_or_default();
        if !indexed.is_empty() {
            if open.is_none() {
                self.segments.insert(segment, Segment::new(day));
                self.open.insert(day, segment);
            }
            written.push(Written {
                segment,
                is_new: open.is_none(),
                len,
                column_len,
                indexed,
                column,
            });
            let name = self.segment_name(segment, SEGMENT);
            self.fs.append(&name, frames)?;
            self.fs.start_sync(&name);
        }
        if !rest.is_empty() {
            // It is full, and the rest goes to another one.
            self.open.remove(&day);
            if let Some(of) = self.segments.get_mut(&segment) {
                of.closed = true;
            }
        }
        Ok(rest)
    }

    /// Takes back what was written of a batch that failed, as far as that is possible. What cannot be cut off is found
    /// when the store is opened next, as envelopes that were never acknowledged.
    fn undo(&mut self, written: &[Written]) {
        for done in written {
            if done.is_new {
                let _ = self.drop_segment(done.segment);
                continue;
            }
            let Some(of) = self.segments.get_mut(&done.segment) else {
                continue;
            };
            // What the system makes of a file after a failure is not known, so nothing more is written to it.
            of.closed = true;
            of.column = None;
            let index_len = u64::from(of.records) * Indexed::LEN as u64;
            self.open.retain(|_, open| *open != done.segment);
            for (kind, len) in [
                (SEGMENT, done.len.into()),
                (INDEX, index_len),
                (COLUMN, done.column_len),
            ] {
                let name = self.segment_name(done.segment, kind);
                if self.fs.len(&name).is_ok_and(|now| now > len) {
                    let _ = self.fs.truncate(&name, len);
                }
            }
        }
    }
}
