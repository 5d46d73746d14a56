//! The scan column: what it takes to look for one's own messages, without the rest.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use std::io::ErrorKind;

use wcmp_wire::{EnvelopeRef, Id};

use super::read::unframe;
use super::{COLUMN, SegmentStore, StoreError};
use crate::bundle::crc;
use crate::store::fs::FileSystem;
use crate::store::index::Record;
use crate::store::records::Region;
use crate::store::{Cursor, Incoming};

/// Bytes of an envelope that do not depend on it.
const FIXED: usize = 16 + 32 + 4 + 4 + 4 + 4;
/// Bytes of a chunk's header.
const HEAD: usize = 28;
/// A chunk ends with so many envelopes, or bytes.
const MOST_ENVELOPES: usize = 4096;
const MOST_BYTES: usize = 256 << 10;

/// Envelopes of one batch and one expiry day, field by field: all values of a field are next to each other.
///
/// Looking for hints touches, for each envelope of R slots, its recipient nonce (16 bytes) and hints (16·R), suite and
/// number of slots (4), and in sealed suites its body hash (32); expiry and encapsulation are read for few. The sender's
/// nonce and hint are not here: they are of use when an envelope is opened.
///
/// # In the file
/// A chunk has a header of seven u32, big-endian: envelopes n, hints in all, bytes of encapsulations, where the first
/// frame begins in the segment and the last one ends, CRC32C of what follows the header, CRC32C of the six numbers before.
/// Then, without gaps: n recipient nonces, n body hashes, all hints, and for each envelope u16 suite, u16 slots;
/// u32 expires; u32 end of its encapsulation among all; u32 offset of its frame; then the encapsulations.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    segment: u32,
    recipient_nonces: &'a [[u8; 16]],
    bodies: &'a [[u8; 32]],
    hints: &'a [[u8; 16]],
    kinds: &'a [[u8; 4]],
    expires: &'a [[u8; 4]],
    ends: &'a [[u8; 4]],
    offsets: &'a [[u8; 4]],
    encapsulations: &'a [u8],
}

/// Where an envelope of a column is; [`SegmentStore::id`] tells its name. Good until the store is next written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    segment: u32,
    offset: u32,
}

impl<'a> Columns<'a> {
    fn parse(segment: u32, head: &Head, bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let n = head.envelopes;
        let columns = Self {
            segment,
            recipient_nonces: column(&mut rest, n)?,
            bodies: column(&mut rest, n)?,
            hints: column(&mut rest, head.hints)?,
            kinds: column(&mut rest, n)?,
            expires: column(&mut rest, n)?,
            ends: column(&mut rest, n)?,
            offsets: column(&mut rest, n)?,
            encapsulations: rest,
        };
        Some(columns)
    }

    /// How many envelopes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.recipient_nonces.len()
    }

    /// Never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.recipient_nonces.is_empty()
    }

    /// The recipient nonce of each.
    #[must_use]
    pub const fn recipient_nonces(&self) -> &'a [[u8; 16]] {
        self.recipient_nonces
    }

    /// The body hash of each.
    #[must_use]
    pub const fn bodies(&self) -> &'a [[u8; 32]] {
        self.bodies
    }

    /// The hints of all, one envelope's after the other's: as many as [`slots`](Columns::slots) says.
    #[must_use]
    pub const fn hints(&self) -> &'a [[u8; 16]] {
        self.hints
    }

    /// The suite of one.
    #[must_use]
    pub fn suite(&self, envelope: usize) -> Option<u16> {
        self.kinds
            .get(envelope)
            .map(|[a, b, _, _]| u16::from_be_bytes([*a, *b]))
    }

    /// The number of slots of one, 1 to 4096.
    #[must_use]
    pub fn slots(&self, envelope: usize) -> Option<u16> {
        self.kinds
            .get(envelope)
            .map(|[_, _, a, b]| u16::from_be_bytes([*a, *b]))
    }

    /// The last hour in which one may be handed on.
    #[must_use]
    pub fn expires(&self, envelope: usize) -> Option<u32> {
        self.expires.get(envelope).copied().map(u32::from_be_bytes)
    }

    /// The encapsulation of one.
    #[must_use]
    pub fn encapsulation(&self, envelope: usize) -> Option<&'a [u8]> {
        let end = |i: usize| {
            self.ends
                .get(i)
                .map(|end| u32::from_be_bytes(*end) as usize)
        };
        let start = envelope.checked_sub(1).map_or(Some(0), end)?;
        self.encapsulations.get(start..end(envelope)?)
    }

    /// Where one is.
    #[must_use]
    pub fn place(&self, envelope: usize) -> Option<Place> {
        let offset = self.offsets.get(envelope)?;
        Some(Place {
            segment: self.segment,
            offset: u32::from_be_bytes(*offset),
        })
    }
}

/// Takes `n` values of `N` bytes off the front.
fn column<'a, const N: usize>(bytes: &mut &'a [u8], n: usize) -> Option<&'a [[u8; N]]> {
    let (front, rest) = bytes.split_at_checked(n.checked_mul(N)?)?;
    *bytes = rest;
    Some(front.as_chunks().0)
}

/// The header of a chunk.
struct Head {
    envelopes: usize,
    hints: usize,
    /// Bytes that follow.
    len: usize,
    first: u32,
    end: u32,
    crc: u32,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (numbers, _) = bytes.get(..HEAD)?.as_chunks();
        let mut numbers = numbers.iter().copied().map(u32::from_be_bytes);
        let mut next = || numbers.next();
        let (envelopes, hints, encapsulations) = (next()?, next()?, next()?);
        let (first, end, crc) = (next()?, next()?, next()?);
        (next()? == crc::append(0, bytes.get(..HEAD - 4)?)).then_some(())?;
        let len =
            u64::from(envelopes) * FIXED as u64 + u64::from(hints) * 16 + u64::from(encapsulations);
        Some(Self {
            envelopes: envelopes as usize,
            hints: hints as usize,
            len: usize::try_from(len).ok()?,
            first,
            end,
            crc,
        })
    }
}

/// Makes chunks.
#[derive(Default)]
pub(super) struct ColumnWriter {
    done: Vec<u8>,
    envelopes: usize,
    first: u32,
    end: u32,
    recipient_nonces: Vec<u8>,
    bodies: Vec<u8>,
    hints: Vec<u8>,
    kinds: Vec<u8>,
    expires: Vec<u8>,
    ends: Vec<u8>,
    offsets: Vec<u8>,
    encapsulations: Vec<u8>,
}

impl ColumnWriter {
    /// Adds an envelope whose frame begins at `offset`, behind the one before, and reaches to `end`.
    pub(super) fn push(&mut self, incoming: &Incoming<'_>, offset: u32, end: u32) {
        let envelope = incoming.envelope();
        if self.envelopes == 0 {
            self.first = offset;
        }
        self.envelopes += 1;
        self.end = end;
        self.recipient_nonces
            .extend_from_slice(envelope.recipient_nonce());
        self.bodies.extend_from_slice(&incoming.body().0);
        self.hints
            .extend_from_slice(envelope.hints().as_flattened());
        self.kinds
            .extend_from_slice(&envelope.suite().to_be_bytes());
        let slots = u16::try_from(envelope.slots()).unwrap_or(u16::MAX);
        self.kinds.extend_from_slice(&slots.to_be_bytes());
        self.expires
            .extend_from_slice(&envelope.expires().to_be_bytes());
        self.encapsulations
            .extend_from_slice(envelope.encapsulation());
        self.ends
            .extend_from_slice(&number(self.encapsulations.len()));
        self.offsets.extend_from_slice(&offset.to_be_bytes());
        let bytes = self.hints.len() + self.encapsulations.len() + FIXED * self.envelopes;
        if self.envelopes == MOST_ENVELOPES || bytes >= MOST_BYTES {
            self.cut();
        }
    }

    /// A frame without an envelope reaches to `end`.
    fn pass(&mut self, end: u32) {
        if self.envelopes > 0 {
            self.end = end;
        }
    }

    /// Ends the chunk, if one is begun.
    pub(super) fn cut(&mut self) {
        if self.envelopes == 0 {
            return;
        }
        let (mut done, hints) = (core::mem::take(&mut self.done), self.hints.len() / 16);
        let start = done.len();
        for n in [self.envelopes, hints, self.encapsulations.len()] {
            done.extend_from_slice(&number(n));
        }
        done.extend_from_slice(&self.first.to_be_bytes());
        done.extend_from_slice(&self.end.to_be_bytes());
        let fields = [
            &mut self.recipient_nonces,
            &mut self.bodies,
            &mut self.hints,
            &mut self.kinds,
            &mut self.expires,
            &mut self.ends,
            &mut self.offsets,
            &mut self.encapsulations,
        ];
        let crc = fields.iter().fold(0, |crc, field| crc::append(crc, field));
        done.extend_from_slice(&crc.to_be_bytes());
        let crc = crc::append(0, done.get(start..).unwrap_or_default());
        done.extend_from_slice(&crc.to_be_bytes());
        for field in fields {
            done.append(field);
        }
        self.done = done;
        self.envelopes = 0;
    }

    /// All chunks.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.cut();
        &self.done
    }

    /// Bytes of all chunks that are ended.
    pub(super) fn len(&self) -> u64 {
        self.done.len() as u64
    }
}

fn number(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes()
}

impl<F: FileSystem> SegmentStore<F> {
    /// Shows `each` the envelopes that came after a cursor, in the order of their arrival, and returns the cursor behind
    /// them. After [`Cursor::START`] these are all envelopes, those with forgotten arrivals included.
    ///
    /// Envelopes that were evicted meanwhile may be among them. An error may come after some were shown.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn scan(
        &mut self,
        after: Cursor,
        mut each: impl FnMut(&Columns<'_>),
    ) -> Result<Cursor, StoreError> {
        let everything = |(&segment, of): (&u32, &super::Segment)| Region {
            cursor: self.cursor,
            segment,
            from: 0,
            to: of.len,
        };
        let regions: Vec<Region> = if after == Cursor::START {
            self.segments.iter().map(everything).collect()
        } else {
            self.regions_after(after).to_vec()
        };
        // Where the next chunk of a segment begins.
        let mut next: BTreeMap<u32, u64> = BTreeMap::new();
        let mut bytes = Vec::new();
        for region in regions {
            self.column(region.segment)?;
            let mut at = next.get(&region.segment).copied().unwrap_or(0);
            let mut healed = false;
            while let Some(head) = self.chunk_head(region.segment, at, &mut bytes)? {
                if head.first >= region.to {
                    break;
                }
                let body = at + HEAD as u64;
                if head.end > region.from {
                    let name = self.segment_name(region.segment, COLUMN);
                    self.read_up_to(&name, body, head.len, &mut bytes)?;
                    let sound = crc::append(0, &bytes) == head.crc;
                    match Columns::parse(region.segment, &head, &bytes).filter(|_| sound) {
                        Some(columns) => each(&columns),
                        None if healed => {
                            return Err(StoreError::Io(ErrorKind::InvalidData.into()));
                        }
                        None => {
                            // It rotted; what was shown of this region is shown again.
                            self.rebuild_column(region.segment)?;
                            (at, healed) = (0, true);
                            continue;
                        }
                    }
                }
                at = body + head.len as u64;
            }
            next.insert(region.segment, at);
        }
        Ok(self.cursor)
    }

    /// The name of an envelope that a column showed; `None` if it is gone.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn id(&mut self, place: Place) -> Result<Option<Id>, StoreError> {
        let of = self.segments.get(&place.segment);
        let at = of.and_then(|of| self.index.at_offset(&of.pieces, place.offset));
        match at.filter(|at| self.index.get(*at).is_some_and(Record::is_live)) {
            Some(at) => self.id_at(place.segment, at),
            None => Ok(None),
        }
    }

    /// The header of the chunk that begins at `at`; `None` at the end, or where there is none.
    fn chunk_head(
        &mut self,
        segment: u32,
        at: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<Option<Head>, StoreError> {
        let name = self.segment_name(segment, COLUMN);
        self.read_up_to(&name, at, HEAD, bytes)?;
        Ok(Head::parse(bytes))
    }

    /// Bytes of the column of a segment, after seeing to it that it is whole.
    pub(super) fn column(&mut self, segment: u32) -> Result<u64, StoreError> {
        let Some(of) = self.segments.get(&segment) else {
            return Ok(0);
        };
        if let Some(len) = of.column {
            return Ok(len);
        }
        let of_len = of.len;
        let name = self.segment_name(segment, COLUMN);
        let len = match self.fs.len(&name) {
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            len => len?,
        };
        let (mut at, mut end, mut bytes) = (0, 0, Vec::new());
        while at < len
            && let Some(head) = self.chunk_head(segment, at, &mut bytes)?
            && head.first >= end
        {
            at += (HEAD + head.len) as u64;
            end = head.end;
        }
        // It may also tell of frames that were lost before they were acknowledged.
        if at != len || end != of_len {
            return self.rebuild_column(segment);
        }
        if let Some(of) = self.segments.get_mut(&segment) {
            of.column = Some(len);
        }
        Ok(len)
    }

    /// Writes the column of a segment anew from its frames.
    fn rebuild_column(&mut self, segment: u32) -> Result<u64, StoreError> {
        let Some(of) = self.segments.get(&segment) else {
            return Ok(0);
        };
        // Those gone as well: some may only be gone because they are there twice.
        let records = self.index.of(&of.pieces);
        let records: Vec<Record> = records.map(|(_, record)| *record).collect();
        let following = records.iter().skip(1).map(|next| next.offset);
        let following: Vec<u32> = following.chain([of.len]).collect();
        let ends = self
            .regions
            .iter()
            .filter(|region| region.segment == segment);
        let ends: Vec<u32> = ends.flat_map(|region| [region.from, region.to]).collect();
        let mut ends = ends.into_iter().peekable();
        let (mut column, mut bytes) = (ColumnWriter::default(), Vec::new());
        for (record, following) in records.into_iter().zip(following) {
            while ends.next_if(|end| *end <= record.offset).is_some() {
                column.cut();
            }
            self.read_frame(segment, &record, &mut bytes)?;
            let incoming = unframe(&bytes).and_then(|(stamp, envelope)| {
                Some(Incoming::new(EnvelopeRef::parse(envelope).ok()?, stamp))
            });
            match incoming {
                Some(incoming) => column.push(&incoming, record.offset, following),
                // Damaged. Whoever looks for their own changes nothing (spec 9.1).
                None => column.pass(following),
            }
        }
        let name = self.segment_name(segment, COLUMN);
        self.replace(&name, column.finish())?;
        if let Some(of) = self.segments.get_mut(&segment) {
            of.column = Some(column.len());
        }
        Ok(column.len())
    }
}
