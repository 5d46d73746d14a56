//! Where each envelope is: the index in memory.

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher as _;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use wcmp_wire::Id;

/// What memory holds of an envelope: 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Keyed hash of the id.
    fingerprint: u64,
    /// Effort of its stamp.
    pub(super) effort: u64,
    /// Where its frame is in the segment.
    pub(super) offset: u32,
    /// Bytes of the envelope (25 bits), the hour of its day (5 bits), whether it is gone (1 bit).
    packed: u32,
}

const HOUR_SHIFT: u32 = 25;
const GONE: u32 = 1 << 30;

impl Record {
    pub(super) fn new(fingerprint: u64, effort: u64, offset: u32, size: u32, hour: u32) -> Self {
        Self {
            fingerprint,
            effort,
            offset,
            packed: (size & ((1 << HOUR_SHIFT) - 1)) | ((hour & 31) << HOUR_SHIFT),
        }
    }

    pub(super) const fn size(&self) -> u32 {
        self.packed & ((1 << HOUR_SHIFT) - 1)
    }

    /// `expires % 24`.
    pub(super) const fn hour(&self) -> u32 {
        (self.packed >> HOUR_SHIFT) & 31
    }

    /// Whether it belongs to an id of this fingerprint.
    pub(super) const fn is_of(&self, fingerprint: u64) -> bool {
        self.fingerprint == fingerprint
    }

    pub(super) const fn is_live(&self) -> bool {
        self.packed & GONE == 0
    }
}

/// Records are kept in pieces of so many, each of one segment: a segment goes by giving back its pieces, and a vector
/// that doubles would leave half of its memory empty.
pub(super) const PIECE: u32 = 256;

#[derive(Default)]
struct Piece {
    segment: u32,
    records: Vec<Record>,
}

/// Names a record: its piece and its place therein.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Position(u32);

impl Position {
    fn new(piece: u32, place: usize) -> Option<Self> {
        let start = piece.checked_mul(PIECE)?;
        Some(Self(start.checked_add(u32::try_from(place).ok()?)?))
    }

    const fn piece(self) -> usize {
        (self.0 / PIECE) as usize
    }

    /// The place in its piece.
    pub(super) const fn place(self) -> usize {
        (self.0 % PIECE) as usize
    }

    /// Whether it is in the piece of this number.
    pub(super) const fn is_in(self, piece: u32) -> bool {
        self.0 / PIECE == piece
    }
}

/// All records, and a table that leads from a fingerprint to the live ones.
///
/// For each envelope 24 bytes of record and 6 to 12 of table. Fingerprints are 64 bits of SipHash-1-3 under a random
/// key of this opening, so nobody can choose ids that collide; by accident two of a million do once in 3 * 10^7 stores.
pub(super) struct Index {
    key: SipHasher13,
    table: HashTable<Position>,
    pieces: Vec<Piece>,
    free: Vec<u32>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} envelopes, ..)", self.table.len())
    }
}

impl Index {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self {
            key: SipHasher13::new_with_key(key),
            table: HashTable::new(),
            pieces: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn fingerprint(&self, id: &Id) -> u64 {
        let mut hasher = self.key;
        hasher.write(&id.0);
        hasher.finish()
    }

    /// Makes room for so many more live records at once.
    pub(super) fn reserve(&mut self, records: usize) {
        let needed = self.table.len() + records;
        if needed > self.table.capacity() {
            self.rebuild(needed);
        }
    }

    /// Makes the table anew, with room for so many. In the order of the records this takes half the time that it takes a
    /// table to grow by itself, and at no moment the memory of both.
    fn rebuild(&mut self, capacity: usize) {
        self.table = HashTable::new();
        self.table = HashTable::with_capacity(capacity);
        let pieces = &self.pieces;
        for (number, piece) in (0..).zip(pieces) {
            for (place, record) in piece.records.iter().enumerate() {
                if let Some(at) = Position::new(number, place).filter(|_| record.is_live()) {
                    let hasher = |at: &Position| fingerprint(pieces, *at);
                    self.table.insert_unique(record.fingerprint, at, hasher);
                }
            }
        }
    }

    /// Live records of this fingerprint: almost always none or one.
    pub(super) fn find(&self, fingerprint: u64) -> impl Iterator<Item = Position> {
        let all = self.table.iter_hash(fingerprint).copied();
        all.filter(move |at| self::fingerprint(&self.pieces, *at) == fingerprint)
    }

    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        self.find(fingerprint).next().is_some()
    }

    pub(super) fn get(&self, at: Position) -> Option<&Record> {
        self.pieces.get(at.piece())?.records.get(at.place())
    }

    pub(super) fn set_effort(&mut self, at: Position, effort: u64) {
        let piece = self.pieces.get_mut(at.piece());
        if let Some(record) = piece.and_then(|piece| piece.records.get_mut(at.place())) {
            record.effort = effort;
        }
    }

    /// The segment a record belongs to.
    pub(super) fn segment(&self, at: Position) -> Option<u32> {
        self.pieces.get(at.piece()).map(|piece| piece.segment)
    }

    /// Adds a live record behind those of a segment, to whose list of pieces it belongs. `None` if there are 2^32.
    pub(super) fn push(
        &mut self,
        segment: u32,
        pieces: &mut Vec<u32>,
        record: Record,
    ) -> Option<Position> {
        let last = pieces.last().copied();
        let room = last.filter(|last| {
            let piece = self.pieces.get(*last as usize);
            piece.is_some_and(|piece| piece.records.len() < PIECE as usize)
        });
        let number = match room {
            Some(number) => number,
            None => {
                let number = self.free_piece()?;
                pieces.push(number);
                number
            }
        };
        self.reserve(1);
        let piece = self.pieces.get_mut(number as usize)?;
        if piece.records.capacity() == 0 {
            piece.records.reserve_exact(PIECE as usize);
        }
        piece.segment = segment;
        let at = Position::new(number, piece.records.len())?;
        piece.records.push(record);
        let pieces = &self.pieces;
        let hasher = |at: &Position| fingerprint(pieces, *at);
        self.table.insert_unique(record.fingerprint, at, hasher);
        Some(at)
    }

    fn free_piece(&mut self) -> Option<u32> {
        if let Some(number) = self.free.pop() {
            return Some(number);
        }
        let number = u32::try_from(self.pieces.len()).ok()?;
        Position::new(number, PIECE as usize)?;
        self.pieces.push(Piece::default());
        Some(number)
    }

    /// Marks a record as gone; it keeps its place.
    pub(super) fn remove(&mut self, at: Position) {
        let Some(fingerprint) = self.get(at).map(|record| record.fingerprint) else {
            return;
        };
        if let Ok(entry) = self.table.find_entry(fingerprint, |other| *other == at) {
            entry.remove();
        }
        let piece = self.pieces.get_mut(at.piece());
        if let Some(record) = piece.and_then(|piece| piece.records.get_mut(at.place())) {
            record.packed |= GONE;
        }
    }

    /// Gives back all pieces of a segment.
    pub(super) fn release(&mut self, pieces: &[u32]) {
        for &number in pieces {
            let Some(piece) = self.pieces.get_mut(number as usize) else {
                continue;
            };
            let records = core::mem::take(&mut piece.records);
            for (place, record) in records.iter().enumerate() {
                if let Some(at) = Position::new(number, place).filter(|_| record.is_live())
                    && let Ok(entry) = self.table.find_entry(record.fingerprint, |o| *o == at)
                {
                    entry.remove();
                }
            }
            self.free.push(number);
        }
        // Memory follows the envelopes down as well as up.
        if self.table.capacity() > 4 * self.table.len() + PIECE as usize {
            self.rebuild(self.table.len() * 2);
        }
    }

    /// The records of a segment, in the order of its frames.
    pub(super) fn of<'a>(
        &'a self,
        pieces: &'a [u32],
    ) -> impl Iterator<Item = (Position, &'a Record)> {
        pieces.iter().flat_map(move |&number| {
            let piece = self.pieces.get(number as usize);
            let records = piece.map_or(&[][..], |piece| &piece.records);
            let numbered = records.iter().enumerate();
            numbered
                .filter_map(move |(place, record)| Some((Position::new(number, place)?, record)))
        })
    }

    /// The record of a segment whose frame begins at `offset`.
    pub(super) fn at_offset(&self, pieces: &[u32], offset: u32) -> Option<Position> {
        let before = self.places_before(pieces, offset);
        let place = before % PIECE as usize;
        let at = Position::new(*pieces.get(before / PIECE as usize)?, place)?;
        (self.get(at)?.offset == offset).then_some(at)
    }

    /// How many frames of a segment begin before `offset`.
    pub(super) fn places_before(&self, pieces: &[u32], offset: u32) -> usize {
        let records = |number: &u32| {
            let piece = self.pieces.get(*number as usize);
            piece.map_or(&[][..], |piece| &piece.records)
        };
        // All pieces are full but the last.
        let begin = |number: &u32| records(number).first().is_some_and(|r| r.offset < offset);
        let Some(full) = pieces.partition_point(begin).checked_sub(1) else {
            return 0;
        };
        let last = pieces.get(full).map_or(&[][..], records);
        full * PIECE as usize + last.partition_point(|r| r.offset < offset)
    }
}

fn fingerprint(pieces: &[Piece], at: Position) -> u64 {
    let record = pieces
        .get(at.piece())
        .and_then(|p| p.records.get(at.place()));
    record.map_or(0, |record| record.fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_24_bytes_and_keeps_what_it_was_given() {
        assert_eq!(size_of::<Record>(), 24);
        let record = Record::new(1, u64::MAX, u32::MAX, 1 << 24, 23);
        assert_eq!((record.size(), record.hour()), (1 << 24, 23));
        assert!(record.is_live());
    }

    #[test]
    fn an_envelope_takes_at_most_40_bytes_of_memory() {
        let mut index = Index::new(&[7; 16]);
        let mut pieces = Vec::new();
        // The table is emptiest just after it has grown.
        for count in [917_505, 1_000_000_u32] {
            for i in index.table.len() as u64..count.into() {
                let record = Record::new(i.wrapping_mul(0x9E37_79B9_7F4A_7C15), 0, 0, 0, 0);
                index.push(0, &mut pieces, record).unwrap();
            }
            let records = index
                .pieces
                .iter()
                .map(|piece| piece.records.capacity() * 24);
            let memory = records.sum::<usize>()
                + index.pieces.capacity() * size_of::<Piece>()
                + index.table.allocation_size();
            assert!(memory <= 40 * count as usize, "{memory} for {count}");
        }
    }

    #[test]
    fn records_are_found_until_they_or_their_segment_go() {
        let mut index = Index::new(&[7; 16]);
        let ids: Vec<Id> = (0..1000_u32)
            .map(|i| Id(wcmp_wire::sha256(&[&i.to_be_bytes()])))
            .collect();
        let mut pieces = [Vec::new(), Vec::new()];
        for (i, id) in (0_u32..).zip(&ids) {
            let offset = 20 + 100 * i;
            let record = Record::new(index.fingerprint(id), 0, offset, 86, 5);
            index
                .push(i % 2, &mut pieces[i as usize % 2], record)
                .unwrap();
        }
        let found = |index: &Index, id: &Id| index.find(index.fingerprint(id)).next();
        for (i, id) in (0_u32..).zip(&ids) {
            let at = found(&index, id).unwrap();
            assert_eq!(index.segment(at), Some(i % 2));
            let offset = 20 + 100 * i;
            assert_eq!(index.at_offset(&pieces[i as usize % 2], offset), Some(at));
            assert_eq!(index.at_offset(&pieces[i as usize % 2], offset + 1), None);
            let before = |offset| index.places_before(&pieces[i as usize % 2], offset);
            let place = i as usize / 2;
            assert_eq!((before(offset), before(offset + 1)), (place, place + 1));
        }
        let at = found(&index, &ids[3]).unwrap();
        index.remove(at);
        assert_eq!(found(&index, &ids[3]), None);
        assert!(!index.get(at).unwrap().is_live());
        index.release(&pieces[1]);
        for (i, id) in ids.iter().enumerate() {
            assert_eq!(found(&index, id).is_some(), i % 2 == 0);
        }
        assert_eq!(index.of(&pieces[0]).count(), 500);
        assert_eq!(index.free.len(), 2);
    }
}
