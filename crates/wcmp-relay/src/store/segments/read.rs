//! Reading envelopes, their ids, and pages of both.

use alloc::vec::Vec;
use core::ops::{Range, RangeInclusive};

use wcmp_wire::{EnvelopeRef, Id};

use super::{INDEX, SEGMENT, SegmentStore, StoreError};
use crate::bundle::{Stamp, format};
use crate::store::fs::FileSystem;
use crate::store::index::{PIECE, Position, Record};
use crate::store::records::{Fixed, Indexed, Mark, Region};
use crate::store::{Entry, Incoming, Stored};

/// Bytes of a frame that are not its envelope, if it has a stamp of work.
const MOST_OVERHEAD: usize = format::FRAME_OVERHEAD + 2 + 8;

/// An intact frame.
struct Whole {
    id: Id,
    nonce: Option<[u8; 8]>,
    /// Bytes of the envelope.
    len: usize,
}

/// In an index file, the id of an envelope whose frame could not be read when the file was written anew.
const UNKNOWN: Id = Id([0; 32]);

/// Index records that are read at once.
const AT_ONCE: usize = 1 << 14;

/// What a frame holds, if its CRC does; `bytes` may go on behind it.
pub(super) fn unframe(bytes: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let body = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    let end = format::FRAME_OVERHEAD.checked_add(usize::try_from(body).ok()?)?;
    let frame = bytes.get(..end)?;
    format::crc_holds(frame).then_some(())?;
    let body = frame.get(8..end - 4)?;
    let (&[kind, len], rest) = body.split_first_chunk()?;
    let (stamp, envelope) = rest.split_at_checked(len.into())?;
    Some((Stamp::new(kind, stamp)?, envelope))
}

impl<F: FileSystem> SegmentStore<F> {
    /// Reads what should be the frame of a record, and perhaps a few bytes of the next.
    pub(super) fn read_frame(
        &mut self,
        segment: u32,
        record: &Record,
        bytes: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let name = self.segment_name(segment, SEGMENT);
        let n = record.size() as usize + MOST_OVERHEAD;
        self.read_up_to(&name, record.offset.into(), n, bytes)
    }

    /// Reads the frame of a record; `None` if it is not intact, or is another envelope's.
    fn whole(&mut self, at: Position, bytes: &mut Vec<u8>) -> Result<Option<Whole>, StoreError> {
        let Some((record, segment)) = self.record(at) else {
            return Ok(None);
        };
        self.read_frame(segment, &record, bytes)?;
        let whole = unframe(bytes).and_then(|(stamp, envelope)| {
            let incoming = Incoming::new(EnvelopeRef::parse(envelope).ok()?, stamp);
            Some(Whole {
                id: incoming.id(),
                nonce: stamp.nonce(),
                len: envelope.len(),
            })
        });
        Ok(whole.filter(|whole| record.is_of(self.index.fingerprint(&whole.id))))
    }

    /// The stored envelope of this id. Changes nothing.
    pub(super) fn read(&mut self, id: &Id) -> Result<Option<Stored>, StoreError> {
        let candidates: Vec<Position> = self.index.find(self.index.fingerprint(id)).collect();
        for at in candidates {
            let mut bytes = Vec::new();
            // Another envelope may have the same fingerprint.
            let whole = self.whole(at, &mut bytes)?.filter(|whole| whole.id == *id);
            if let Some((whole, (record, segment))) = whole.zip(self.record(at)) {
                let start = format::FRAME_HEAD + whole.nonce.map_or(0, |nonce| nonce.len());
                bytes.drain(..start.min(bytes.len()));
                bytes.truncate(whole.len);
                let later = self.nonces.get(&(segment, record.offset));
                return Ok(Some(Stored {
                    envelope: bytes,
                    nonce: later.copied().or(whole.nonce),
                }));
            }
        }
        Ok(None)
    }

    /// Whether the envelope is there and intact; one that is not is taken off the index.
    pub(super) fn check_one(&mut self, id: &Id) -> Result<bool, StoreError> {
        let candidates: Vec<Position> = self.index.find(self.index.fingerprint(id)).collect();
        let (mut bytes, mut found) = (Vec::new(), false);
        for at in candidates {
            match self.whole(at, &mut bytes)? {
                Some(whole) => found |= whole.id == *id,
                None => self.bury(at),
            }
        }
        Ok(found)
    }

    /// Reads every envelope, takes those off the index that are no longer intact, and says how many there were.
    /// `progress` is told how many envelopes have been read.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn verify(&mut self, mut progress: impl FnMut(u64)) -> Result<u64, StoreError> {
        let (before, mut read) = (self.damaged, 0);
        let segments: Vec<u32> = self.segments.keys().copied().collect();
        for segment in segments {
            self.verify_segment(segment, || {
                read += 1;
                progress(read);
            })?;
        }
        Ok(self.damaged - before)
    }

    pub(super) fn verify_segment(
        &mut self,
        segment: u32,
        mut progress: impl FnMut(),
    ) -> Result<(), StoreError> {
        let of = self.segments.get(&segment);
        let pieces = of.map_or(&[][..], |of| &of.pieces);
        let live = self.index.of(pieces).filter(|(_, record)| record.is_live());
        let live: Vec<Position> = live.map(|(at, _)| at).collect();
        let mut bytes = Vec::new();
        for at in live {
            if self.whole(at, &mut bytes)?.is_none() {
                self.bury(at);
            }
            progress();
        }
        Ok(())
    }

    pub(super) fn record(&self, at: Position) -> Option<(Record, u32)> {
        Some((*self.index.get(at)?, self.index.segment(at)?))
    }

    /// Takes an envelope off the index because its frame is damaged.
    pub(super) fn bury(&mut self, at: Position) {
        self.damaged += 1;
        if let Some((record, segment)) = self.record(at) {
            self.remove(at);
            let mark = Mark {
                segment,
                offset: record.offset,
                nonce: None,
            };
            // Found damaged again if this is lost.
            let _ = self.mark(&[mark], false);
        }
    }

    /// Takes an envelope off index and sums.
    pub(super) fn remove(&mut self, at: Position) {
        let Some((record, segment)) = self.record(at).filter(|(record, _)| record.is_live()) else {
            return;
        };
        self.index.remove(at);
        let size = u64::from(record.size());
        self.totals.envelopes -= 1;
        self.totals.bytes -= size;
        self.nonces.remove(&(segment, record.offset));
        if let Some(of) = self.segments.get_mut(&segment) {
            of.live.envelopes -= 1;
            of.live.bytes -= size;
        }
    }

    /// Index records of a segment, one for each of these records in memory and in their order.
    fn indexed(&mut self, segment: u32, places: Range<usize>) -> Result<Vec<Indexed>, StoreError> {
        let Some(of) = self.segments.get(&segment) else {
            return Ok(Vec::new());
        };
        if let Some(indexed) = &of.unwritten {
            return Ok(indexed.get(places).unwrap_or_default().to_vec());
        }
        let name = self.segment_name(segment, INDEX);
        let offset = (places.start * Indexed::LEN) as u64;
        let mut bytes = Vec::new();
        self.read_up_to(&name, offset, places.len() * Indexed::LEN, &mut bytes)?;
        let indexed: Vec<Indexed> = Indexed::read_all(&bytes).collect();
        if indexed.len() == places.len() {
            return Ok(indexed);
        }
        let all = self.heal_index(segment)?;
        Ok(all.get(places).unwrap_or_default().to_vec())
    }

    /// Writes the index file of a segment anew, which has rotted, from its frames. Of those that are damaged the id is
    /// not known any more; they stay until they are looked for ([`verify`](SegmentStore::verify)).
    fn heal_index(&mut self, segment: u32) -> Result<Vec<Indexed>, StoreError> {
        let Some(of) = self.segments.get(&segment) else {
            return Ok(Vec::new());
        };
        let day = of.day;
        let records: Vec<Record> = self.index.of(&of.pieces).map(|(_, r)| *r).collect();
        let mut indexed = Vec::with_capacity(records.len());
        let mut bytes = Vec::new();
        for record in records {
            self.read_frame(segment, &record, &mut bytes)?;
            let whole = unframe(&bytes).and_then(|(stamp, envelope)| {
                let incoming = Incoming::new(EnvelopeRef::parse(envelope).ok()?, stamp);
                Some((incoming.id(), stamp.effort(&incoming.id())))
            });
            let (id, effort) = whole.unwrap_or((UNKNOWN, 0));
            indexed.push(Indexed {
                id,
                offset: record.offset,
                size: record.size(),
                expires: day * 24 + record.hour(),
                effort,
            });
        }
        let bytes = index_bytes(&indexed);
        let name = self.segment_name(segment, INDEX);
        let written = self.replace(&name, &bytes);
        if let Some(of) = self.segments.get_mut(&segment).filter(|_| written.is_err()) {
            of.unwritten = Some(indexed.clone());
            of.closed = true;
        }
        Ok(indexed)
    }

    /// The live records of a segment, each with what its index file says, but for those of which it knows no id.
    pub(super) fn live(&mut self, segment: u32) -> Result<Vec<(Position, Indexed)>, StoreError> {
        let of = self.segments.get(&segment);
        let records = of.map_or(0, |of| of.records as usize);
        self.live_at(segment, 0..records)
    }

    fn live_at(
        &mut self,
        segment: u32,
        places: Range<usize>,
    ) -> Result<Vec<(Position, Indexed)>, StoreError> {
        let start = places.start;
        let indexed = self.indexed(segment, places)?;
        let Some(of) = self.segments.get(&segment) else {
            return Ok(Vec::new());
        };
        let pieces = of.pieces.get(start / PIECE as usize..).unwrap_or_default();
        let records = self.index.of(pieces).skip(start % PIECE as usize);
        let both = records.zip(indexed);
        let live = both.filter(|((_, record), indexed)| record.is_live() && indexed.id != UNKNOWN);
        Ok(live.map(|((at, _), indexed)| (at, indexed)).collect())
    }

    /// The id of one record.
    pub(super) fn id_at(&mut self, segment: u32, at: Position) -> Result<Option<Id>, StoreError> {
        let Some(of) = self.segments.get(&segment) else {
            return Ok(None);
        };
        let piece = of.pieces.iter().position(|piece| at.is_in(*piece));
        let Some(place) = piece.map(|piece| piece * PIECE as usize + at.place()) else {
            return Ok(None);
        };
        if let Some(indexed) = &of.unwritten {
            return Ok(indexed.get(place).map(|indexed| indexed.id));
        }
        let name = self.segment_name(segment, INDEX);
        let mut bytes = Vec::new();
        let offset = (place * Indexed::LEN) as u64;
        self.read_up_to(&name, offset, Indexed::LEN, &mut bytes)?;
        match Indexed::read(&bytes) {
            Some(indexed) => Ok(Some(indexed.id)),
            // It rotted.
            None => Ok(self.whole(at, &mut bytes)?.map(|whole| whole.id)),
        }
    }

    pub(super) fn all_of(
        &mut self,
        expires: RangeInclusive<u32>,
    ) -> Result<Vec<Entry>, StoreError> {
        let days = expires.start() / 24..=expires.end() / 24;
        let of_days = self
            .segments
            .iter()
            .filter(|(_, of)| days.contains(&of.day));
        let of_days = of_days.map(|(salt, of)| (*salt, of.records as usize, of.live.envelopes));
        let of_days: Vec<(u32, usize, u64)> = of_days.collect();
        let envelopes: u64 = of_days.iter().map(|(_, _, envelopes)| *envelopes).sum();
        let mut all = Vec::with_capacity(usize::try_from(envelopes).unwrap_or(0));
        for (segment, records, _) in of_days {
            for start in (0..records).step_by(AT_ONCE) {
                let places = start..records.min(start + AT_ONCE);
                for (at, indexed) in self.live_at(segment, places)? {
                    if let Some(record) = self.index.get(at)
                        && expires.contains(&indexed.expires)
                    {
                        all.push(entry(&indexed, record));
                    }
                }
            }
        }
        all.sort_unstable_by_key(|entry| entry.id);
        Ok(all)
    }

    /// Adds what is still there of a region.
    pub(super) fn entries(
        &mut self,
        region: Region,
        entries: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        let Some(of) = self.segments.get(&region.segment) else {
            return Ok(());
        };
        let place = |offset| self.index.places_before(&of.pieces, offset);
        let places = place(region.from)..place(region.to);
        for (at, indexed) in self.live_at(region.segment, places)? {
            if let Some(record) = self.index.get(at) {
                entries.push(entry(&indexed, record));
            }
        }
        Ok(())
    }
}

pub(super) fn index_bytes(indexed: &[Indexed]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(indexed.len() * Indexed::LEN);
    for record in indexed {
        record.append(&mut bytes);
    }
    bytes
}

fn entry(indexed: &Indexed, record: &Record) -> Entry {
    Entry {
        id: indexed.id,
        expires: indexed.expires,
        size: indexed.size,
        effort: record.effort,
    }
}
