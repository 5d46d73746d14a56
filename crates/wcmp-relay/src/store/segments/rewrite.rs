//! Writing a segment anew: in the order of ids, and without what is gone.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use wcmp_wire::EnvelopeRef;

use super::logs::Marks;
use super::read::{index_bytes, unframe};
use super::scan::ColumnWriter;
use super::{COLUMN, INDEX, SEGMENT, START, Segment, SegmentStore, StoreError, UNFINISHED, name};
use crate::bundle::{Stamp, Writer, format};
use crate::store::Incoming;
use crate::store::fs::FileSystem;
use crate::store::index::Position;
use crate::store::records::{Indexed, Region, frame_len};

/// So many bytes are written at a time.
const AT_ONCE: usize = 1 << 20;

/// A segment that is being written anew.
struct Copy {
    day: u32,
    salt: u32,
    len: u64,
    indexed: Vec<Indexed>,
    column: ColumnWriter,
    /// Where frames were, and where they are.
    moved: Vec<(u32, u32)>,
}

impl Copy {
    fn unfinished(&self) -> String {
        name(self.day, self.salt, UNFINISHED)
    }

    /// Where a place between two frames is now, if frames kept their order.
    fn moved(&self, old: u32) -> u32 {
        let next = self.moved.partition_point(|(was, _)| *was < old);
        let end = u32::try_from(self.len).unwrap_or(u32::MAX);
        self.moved.get(next).map_or(end, |(_, is)| *is)
    }
}

impl<F: FileSystem> SegmentStore<F> {
    /// Writes those closed segments anew whose frames are in order of arrival although that is forgotten, or that are
    /// torn. One that cannot be written is left as it is until the store is opened again.
    pub(super) fn settle(&mut self) {
        let ready = |of: &Segment| of.closed && (!of.sorted || of.torn) && !of.stuck;
        let ready = self.segments.iter().filter(|(_, of)| ready(of));
        let ready: Vec<u32> = ready.map(|(salt, _)| *salt).collect();
        if ready.is_empty() {
            return;
        }
        let awaited = self.awaited();
        for salt in ready {
            let torn = self.segments.get(&salt).is_some_and(|of| of.torn);
            if torn || !awaited.contains(&salt) {
                self.try_rewrite(salt);
            }
        }
    }

    /// Writes a segment anew of which much is gone.
    pub(super) fn compact(&mut self, salt: u32) {
        let Some(of) = self.segments.get(&salt) else {
            return;
        };
        let live = of.live.bytes + frame_len(0, 0) * of.live.envelopes;
        if live == 0 {
            // If it cannot be unlinked, it is when the store is opened next.
            let _ = self.drop_segment(salt);
        } else if live * 4 < u64::from(of.len) * 3 && !of.stuck {
            self.try_rewrite(salt);
        }
    }

    fn try_rewrite(&mut self, salt: u32) {
        if self.rewrite(salt).is_err()
            && let Some(of) = self.segments.get_mut(&salt)
        {
            of.stuck = true;
        }
    }

    /// Writes every segment anew that has frames out of order or of envelopes that are gone, except for segments with
    /// arrivals that are not forgotten; and every one that is torn. Takes free space of the size of one segment.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        self.tidy_with(|_, _| ())
    }

    /// [`tidy`](SegmentStore::tidy), and tells how many of how many segments are done.
    ///
    /// # Errors
    /// If the file system fails.
    pub fn tidy_with(&mut self, mut progress: impl FnMut(u64, u64)) -> Result<(), StoreError> {
        let awaited = self.awaited();
        let untidy = self.segments.iter().filter(|(salt, of)| {
            let gone = u64::from(of.records) > of.live.envelopes;
            of.torn || (gone || !of.sorted) && !awaited.contains(salt)
        });
        let untidy: Vec<u32> = untidy.map(|(salt, _)| *salt).collect();
        let all = untidy.len() as u64;
        for (done, salt) in (0..).zip(untidy) {
            progress(done, all);
            self.rewrite(salt)?;
        }
        progress(all, all);
        Ok(())
    }

    /// Segments with arrivals that are not forgotten.
    fn awaited(&self) -> BTreeSet<u32> {
        self.regions.iter().map(|region| region.segment).collect()
    }

    /// Writes a segment anew, under another salt: sorted by id if its arrivals are forgotten, else in the order it has.
    fn rewrite(&mut self, salt: u32) -> Result<(), StoreError> {
        let of_segment = |region: &&Region| region.segment == salt;
        let regions: Vec<Region> = self.regions.iter().filter(of_segment).copied().collect();
        let mut live = self.live(salt)?;
        let counted = self.segments.get(&salt).map_or(0, |of| of.live.envelopes);
        if (live.len() as u64) < counted {
            // Some are damaged, so that nobody knows their ids.
            self.verify_segment(salt, || ())?;
            live = self.live(salt)?;
        }
        if regions.is_empty() {
            live.sort_unstable_by_key(|(_, indexed)| indexed.id);
        }
        let mut copy = Copy {
            day: self.segments.get(&salt).map_or(0, |of| of.day),
            salt: self.new_salt(),
            len: u64::from(START),
            indexed: Vec::with_capacity(live.len()),
            column: ColumnWriter::default(),
            moved: Vec::with_capacity(live.len()),
        };
        if let Err(error) = self.copy(salt, &live, &regions, &mut copy) {
            let _ = self.fs.unlink(&copy.unfinished());
            let _ = self.unlink_all(copy.day, copy.salt);
            return Err(error);
        }
        if copy.indexed.is_empty() {
            return self.drop_segment(salt);
        }
        self.swap(salt, &copy, regions.is_empty())
    }

    /// Writes the new files, durably.
    fn copy(
        &mut self,
        salt: u32,
        live: &[(Position, Indexed)],
        regions: &[Region],
        copy: &mut Copy,
    ) -> Result<(), StoreError> {
        let unfinished = copy.unfinished();
        let mut bounds = regions.iter().map(|region| region.to).peekable();
        let mut frames = format::header(copy.salt.to_be_bytes()).to_vec();
        let mut bytes = Vec::new();
        for (at, old) in live {
            while bounds.next_if(|end| *end <= old.offset).is_some() {
                copy.column.cut();
            }
            let Some((record, _)) = self.record(*at) else {
                continue;
            };
            self.read_frame(salt, &record, &mut bytes)?;
            let later = self.nonces.get(&(salt, old.offset)).copied();
            let incoming = unframe(&bytes).and_then(|(stamp, envelope)| {
                Some(Incoming::new(EnvelopeRef::parse(envelope).ok()?, stamp))
            });
            let Some(incoming) = incoming.filter(|incoming| incoming.id() == old.id) else {
                self.bury(*at);
                continue;
            };
            let nonce = later.or(incoming.stamp().nonce());
            let stamp = nonce.as_ref().map_or(Stamp::NONE, Stamp::work);
            let new = Indexed {
                offset: u32::try_from(copy.len).unwrap_or(u32::MAX),
                effort: stamp.effort(&old.id),
                ..*old
            };
            let end = u32::try_from(new.end()).unwrap_or(u32::MAX);
            let mut writer = Writer::resume(&mut frames, copy.salt.to_be_bytes());
            let _ = writer.frame(stamp, incoming.envelope().as_bytes());
            copy.column.push(&incoming, new.offset, end);
            copy.moved.push((old.offset, new.offset));
            copy.len = new.end();
            copy.indexed.push(new);
            if frames.len() >= AT_ONCE {
                self.fs.append(&unfinished, &frames)?;
                frames.clear();
            }
        }
        self.fs.append(&unfinished, &frames)?;
        self.fs.sync_data(&unfinished)?;
        let index = name(copy.day, copy.salt, INDEX);
        self.fs.append(&index, &index_bytes(&copy.indexed))?;
        let column = name(copy.day, copy.salt, COLUMN);
        self.fs.append(&column, copy.column.finish())?;
        let segment = name(copy.day, copy.salt, SEGMENT);
        self.fs.rename(&unfinished, &segment)?;
        Ok(self.fs.sync_folder()?)
    }

    /// Puts the new segment in the place of the old one, in memory and then in the folder.
    fn swap(&mut self, salt: u32, copy: &Copy, sorted: bool) -> Result<(), StoreError> {
        let was_open = self.open.get(&copy.day) == Some(&salt);
        let forgotten = self.segments.get(&salt).map_or(0, |of| of.forgotten);
        for region in &mut self.regions {
            if region.segment == salt {
                region.segment = copy.salt;
                region.from = copy.moved(region.from);
                region.to = copy.moved(region.to);
            }
        }
        let removed = self.drop_segment(salt);

        let mut segment = Segment::new(copy.day);
        segment.column = Some(copy.column.len());
        segment.forgotten = if sorted {
            u32::try_from(copy.len).unwrap_or(u32::MAX)
        } else if forgotten > 0 {
            copy.moved(forgotten)
        } else {
            0
        };
        segment.closed = !was_open || copy.len >= self.options.segment_limit.into();
        if !segment.closed {
            self.open.insert(copy.day, copy.salt);
        }
        self.segments.insert(copy.salt, segment);
        self.add(copy.salt, &copy.indexed, &Marks::default());
        // Without these two, envelopes have just arrived again, or are there twice, when the store is opened next.
        let _ = self.rewrite_arrivals();
        let _ = removed;
        Ok(())
    }
}
