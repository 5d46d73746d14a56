//! Marks and arrivals: two files that are appended to, and written anew when they are torn or mostly stale.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use std::io::ErrorKind;

use super::{SegmentStore, StoreError};
use crate::store::fs::FileSystem;
use crate::store::records::{Fixed, Mark, Region};
use crate::store::{Arrivals, Cursor};

/// A file of records of fixed length.
#[derive(Debug)]
pub(super) struct Log {
    name: &'static str,
    len: u64,
    /// Its end is not a record's, or may not be.
    torn: bool,
    /// Its name is durable.
    named: bool,
}

impl Log {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            len: 0,
            torn: false,
            named: false,
        }
    }

    /// Appends records, and syncs them if they have to be `durable`.
    ///
    /// The log has to be written anew before this if it is torn.
    fn append(
        &mut self,
        fs: &mut impl FileSystem,
        bytes: &[u8],
        durable: bool,
    ) -> Result<(), StoreError> {
        let mut result = fs.append(self.name, bytes);
        if durable {
            result = result.and_then(|()| fs.sync_data(self.name));
            if !self.named {
                result = result.and_then(|()| fs.sync_folder());
                self.named = result.is_ok();
            }
        }
        match result {
            Ok(()) => self.len += bytes.len() as u64,
            Err(_) => self.torn = true,
        }
        Ok(result?)
    }
}

/// A file with more stale marks is written anew: fewer are not worth it.
const MOST_STALE: u64 = 1024;

/// All marks, by segment and offset.
#[derive(Default)]
pub(super) struct Marks {
    /// Frames that are gone.
    pub(super) gone: BTreeSet<(u32, u32)>,
    /// Stamps that came later.
    pub(super) nonces: BTreeMap<(u32, u32), [u8; 8]>,
}

fn bytes_of<R: Fixed>(records: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        record.append(&mut bytes);
    }
    bytes
}

impl<F: FileSystem> SegmentStore<F> {
    /// Reads a log; what is torn is noted.
    fn read_log<R: Fixed>(&mut self, log: fn(&mut Self) -> &mut Log) -> Result<Vec<R>, StoreError> {
        let name = log(self).name;
        let bytes = self.read_file(name)?;
        let records: Vec<R> = R::read_all(&bytes).collect();
        let log = log(self);
        log.len = bytes.len() as u64;
        log.torn = records.len() * R::LEN != bytes.len();
        Ok(records)
    }

    /// Writes a log anew; with nothing to write, there is no file.
    fn rewrite_log(
        &mut self,
        log: fn(&mut Self) -> &mut Log,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let name = log(self).name;
        if bytes.is_empty() {
            match self.fs.unlink(name) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        } else {
            self.replace(name, bytes)?;
        }
        *log(self) = Log {
            name,
            len: bytes.len() as u64,
            torn: false,
            named: !bytes.is_empty(),
        };
        Ok(())
    }

    /// Writes down what has happened to frames.
    pub(super) fn mark(&mut self, marks: &[Mark], durable: bool) -> Result<(), StoreError> {
        if marks.is_empty() {
            return Ok(());
        }
        if self.marks.torn {
            self.rewrite_marks()?;
        } else if self.stale_marks() > MOST_STALE {
            // Without space the old file does as well.
            let _ = self.rewrite_marks();
        }
        let bytes = bytes_of(marks.iter().copied());
        self.marks.append(&mut self.fs, &bytes, durable)
    }

    /// Marks in the file beyond twice those that are needed.
    fn stale_marks(&self) -> u64 {
        let gone = self.segments.values();
        let gone = gone.map(|of| u64::from(of.records).saturating_sub(of.live.envelopes));
        let needed = gone.sum::<u64>() + self.nonces.len() as u64;
        (self.marks.len / Mark::LEN as u64).saturating_sub(2 * needed)
    }

    fn rewrite_marks(&mut self) -> Result<(), StoreError> {
        // Segments that were removed must not come back without their marks.
        self.fs.sync_folder()?;
        let mut marks = Vec::new();
        for (&segment, of) in &self.segments {
            let records = self.index.of(&of.pieces);
            marks.extend(
                records
                    .filter(|(_, record)| !record.is_live())
                    .map(|(_, record)| Mark {
                        segment,
                        offset: record.offset,
                        nonce: None,
                    }),
            );
        }
        marks.extend(self.nonces.iter().map(|(at, nonce)| Mark {
            segment: at.0,
            offset: at.1,
            nonce: Some(*nonce),
        }));
        self.rewrite_log(|store| &mut store.marks, &bytes_of(marks))
    }

    pub(super) fn read_marks(&mut self) -> Result<Marks, StoreError> {
        let mut marks = Marks::default();
        for mark in self.read_log::<Mark>(|store| &mut store.marks)? {
            let at = (mark.segment, mark.offset);
            match mark.nonce {
                None => {
                    marks.gone.insert(at);
                }
                // The last one is the best.
                Some(nonce) => {
                    marks.nonces.insert(at, nonce);
                }
            }
        }
        Ok(marks)
    }

    /// Writes the marks anew if most of them are of segments that are no more.
    pub(super) fn tidy_marks(&mut self, marks: &Marks) {
        let at = marks.gone.iter().chain(marks.nonces.keys());
        let stale = at.filter(|(segment, _)| !self.segments.contains_key(segment));
        if self.marks.torn || stale.count() > (marks.gone.len() + marks.nonces.len()) / 2 {
            // Without space the old file does as well.
            let _ = self.rewrite_marks();
        }
    }

    /// Writes down where the frames of a batch are.
    pub(super) fn log_regions(&mut self, regions: &[Region]) -> Result<(), StoreError> {
        if self.arrivals.torn {
            self.rewrite_arrivals()?;
        }
        let bytes = bytes_of(regions.iter().copied());
        self.arrivals.append(&mut self.fs, &bytes, false)
    }

    pub(super) fn rewrite_arrivals(&mut self) -> Result<(), StoreError> {
        let forgotten = self.segments.iter().filter(|(_, of)| of.forgotten > 0);
        let forgotten = forgotten.map(|(&segment, of)| Region {
            cursor: Cursor::START,
            segment,
            from: 0,
            to: of.forgotten,
        });
        let bytes = bytes_of(forgotten.chain(self.regions.iter().copied()));
        self.rewrite_log(|store| &mut store.arrivals, &bytes)
    }

    /// Reads which batch is where; what no record tells of has just arrived.
    pub(super) fn load_arrivals(&mut self) -> Result<(), StoreError> {
        let logged: Vec<Region> = self.read_log(|store| &mut store.arrivals)?;
        // This run comes after all others; how many these were is nobody's business.
        if let Some(last) = logged.iter().map(|region| region.cursor.run).max()
            && last > 0
        {
            let step = 1 + self.salts.draw() % (1 << 20);
            self.cursor.run = last.saturating_add(step);
        }
        let mut covered = BTreeMap::new();
        let mut stale = 0_usize;
        for region in &logged {
            let of = self.segments.get_mut(&region.segment);
            let Some(of) = of.filter(|of| region.to <= of.len) else {
                stale += 1;
                continue;
            };
            let end = covered.entry(region.segment).or_insert(0);
            *end = region.to.max(*end);
            if region.cursor == Cursor::START {
                of.forgotten = of.forgotten.max(region.to);
            } else {
                self.regions.push(*region);
            }
        }
        let mut unknown = Vec::new();
        for (&segment, of) in &self.segments {
            let from = covered.get(&segment).copied().unwrap_or(0);
            if from < of.len && of.records > 0 {
                self.cursor.batch += 1;
                unknown.push(Region {
                    cursor: self.cursor,
                    segment,
                    from,
                    to: of.len,
                });
            }
        }
        self.regions.extend(&unknown);
        // If this fails, they have just arrived again when the store is opened next.
        let _ = if self.arrivals.torn || stale > logged.len() / 2 {
            self.rewrite_arrivals()
        } else if unknown.is_empty() {
            Ok(())
        } else {
            self.log_regions(&unknown)
        };
        Ok(())
    }

    /// The regions that came after `after`: all of them, if that is not known.
    pub(super) fn regions_after(&self, after: Cursor) -> &[Region] {
        let next = if after.run > self.cursor.run {
            0
        } else {
            self.regions
                .partition_point(|region| region.cursor <= after)
        };
        self.regions.get(next..).unwrap_or_default()
    }

    pub(super) fn next_arrivals(&mut self, after: Cursor) -> Result<Option<Arrivals>, StoreError> {
        let mut rest = self.regions_after(after).to_vec();
        while let Some(cursor) = rest.first().map(|region| region.cursor) {
            let same = rest
                .iter()
                .take_while(|region| region.cursor == cursor)
                .count();
            let mut entries = Vec::new();
            for region in rest.drain(..same) {
                self.entries(region, &mut entries)?;
            }
            if !entries.is_empty() {
                entries.sort_unstable_by_key(|entry| entry.id);
                return Ok(Some(Arrivals { cursor, entries }));
            }
        }
        Ok(None)
    }

    pub(super) fn forget(&mut self, up_to: Cursor) -> Result<(), StoreError> {
        let kept = self.regions_after(up_to).len();
        let forgotten = self.regions.len() - kept;
        if forgotten == 0 {
            return Ok(());
        }
        for region in self.regions.drain(..forgotten) {
            if let Some(of) = self.segments.get_mut(&region.segment) {
                of.forgotten = of.forgotten.max(region.to);
            }
        }
        self.rewrite_arrivals()?;
        self.settle();
        Ok(())
    }
}
