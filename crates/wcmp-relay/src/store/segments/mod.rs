//! A store in a folder of bundle files.
//!
//! # Files
//! A *segment* is a bundle: anybody with a bundle reader can get the envelopes out. It holds envelopes of one expiry
//! day, and for each day one segment is open, to which batches are appended.
//!
//! | name | what | truth? |
//! |---|---|---|
//! | `DDDDDDDD-SSSSSSSS.wcmp` | segment: day and salt, in hex | yes |
//! | `DDDDDDDD-SSSSSSSS.idx` | for each of its frames id, place, expiry, effort: 56 bytes | rebuilt from it |
//! | `DDDDDDDD-SSSSSSSS.scan` | scan column, see [`Columns`] | rebuilt from it |
//! | `DDDDDDDD-SSSSSSSS.bad` | what was to be a segment, and nothing in it could be read | no |
//! | `marks` | frames that were evicted or found damaged, stamps that came later | stamps only |
//! | `arrivals` | which part of which segment is which batch | no: without it, all is new to readers |
//! | `state` | the caller's bytes | yes |
//! | `lock` | empty | |
//!
//! The index files are the checkpoint: opening reads them and nothing else, plus whatever of a segment they do not
//! cover (which is hashed by all processors). A record that a loss of power has torn shows by its CRC; what follows is
//! read from the segment. The name of a segment is drawn anew for each, so an index file cannot belong to an older one of
//! the same name.
//!
//! A segment that ends with the beginning of a frame was being written when the power went: that frame was never
//! acknowledged, and is cut off by writing the segment anew. Any other end that is no frame is reported as damage, and
//! goes in the same way. A segment with such damage and nothing that is intact is renamed and kept until its day is over.
//!
//! # Durability
//! A batch is appended, sorted by id, to the segment of each day that it touches; each of these is synced, then the
//! folder if a segment is new, and only then is the batch acknowledged. Ten thousand envelopes for thirty days thus
//! take thirty syncs; each begins when its segment is written, beside the work on the next, so that the medium is hardly
//! waited for. Nothing is written to a file again after writing to it or syncing it has failed; what the failed batch
//! left is cut off.
//!
//! Index and column are written without sync after the segment: they name nothing that is not durable.
//!
//! # Removing
//! A day that is over is unlinked, which needs no space; the system frees its space beside other work. Evicted
//! envelopes are marked; a segment in which they make up a quarter is written anew without them.
//!
//! # Order
//! In a batch, frames are sorted by id. A segment that has reached its size is closed, and written anew in the order of
//! ids once all its arrivals are forgotten; [`SegmentStore::tidy`] does so with every segment. Until then, the order
//! of frames in an open segment tells in which order batches came, though not when or from whom.

mod intake;
mod load;
mod logs;
mod quota;
mod read;
mod rewrite;
mod scan;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::Hasher as _;
use core::ops::RangeInclusive;
use std::io::{self, ErrorKind};

use siphasher::sip::SipHasher13;
use wcmp_wire::{Id, sha256};

use super::fs::{FileSystem, is_full};
use super::index::Index;
use super::records::{Indexed, Region};
use super::{Arrivals, Cursor, Day, Entry, Incoming, Quota, Store, Stored, Taken, Totals};
use crate::bundle::HEADER_LEN;
use logs::Log;

pub use scan::{Columns, Place};

/// Why a store in a folder failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// No space is left on the medium. Expiry still works, and makes some.
    Full,
    /// Another process uses the folder.
    Locked,
    /// The file system failed.
    Io(io::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("no space left"),
            Self::Locked => f.write_str("in use by another process"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for StoreError {}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        if is_full(&error) {
            Self::Full
        } else {
            Self::Io(error)
        }
    }
}

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much it may hold.
    pub quota: Quota,
    /// A segment of so many bytes is closed, and a new one begun. Writing a closed segment anew needs this much free
    /// space for a moment. At most 2^31.
    pub segment_limit: u32,
}

impl Default for Options {
    /// No quota, segments of 64 MiB.
    fn default() -> Self {
        Self {
            quota: Quota::NONE,
            segment_limit: 64 << 20,
        }
    }
}

/// A store in a folder of segments, as the source of this module describes.
///
/// For each envelope it takes 30 to 36 bytes of memory.
///
/// ```
/// use wcmp_relay::store::{Folder, Options, SegmentStore, Store};
///
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("store");
/// # fn random() -> [u8; 32] { [7; 32] }
/// let entropy = random(); // from the system's randomness
/// let mut store = SegmentStore::open(Folder::new(path)?, Options::default(), &entropy)?;
/// store.set_state(b"something of the caller's")?;
/// assert_eq!(store.totals().envelopes, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SegmentStore<F> {
    fs: F,
    options: Options,
    index: Index,
    /// By salt.
    segments: BTreeMap<u32, Segment>,
    /// The salt of each day's segment that is appended to.
    open: BTreeMap<u32, u32>,
    totals: Totals,
    /// Batches that are not forgotten, in the order they came.
    regions: Vec<Region>,
    /// Behind the newest batch.
    cursor: Cursor,
    /// Nonces of stamps that came after their frame, by segment and offset.
    nonces: BTreeMap<(u32, u32), [u8; 8]>,
    marks: Log,
    arrivals: Log,
    salts: Salts,
    damaged: u64,
    /// Day and salt of segments that are kept aside.
    aside: Vec<(u32, u32)>,
}

impl<F: fmt::Debug> fmt::Debug for SegmentStore<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentStore")
            .field("fs", &self.fs)
            .field("segments", &self.segments.len())
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

/// What memory holds of a segment.
#[derive(Debug)]
struct Segment {
    day: u32,
    /// Bytes, up to the end of the last frame that is known.
    len: u32,
    /// Its part of the index.
    pieces: Vec<u32>,
    /// Frames known, those gone included.
    records: u32,
    live: Totals,
    /// The id of the last frame, while ids ascend.
    last: Option<Id>,
    sorted: bool,
    /// Nothing is appended any more.
    closed: bool,
    /// Frames that begin before here are of batches that are forgotten.
    forgotten: u32,
    /// Bytes of the scan column; `None` if it was not looked at since opening.
    column: Option<u64>,
    /// Its index, where that could not be written.
    unwritten: Option<Vec<Indexed>>,
    /// It ends with something that is no frame, and is to be written anew.
    torn: bool,
    /// Writing it anew has failed, and is not tried again.
    stuck: bool,
}

impl Segment {
    const fn new(day: u32) -> Self {
        Self {
            day,
            len: START,
            pieces: Vec::new(),
            records: 0,
            live: Totals {
                envelopes: 0,
                bytes: 0,
            },
            last: None,
            sorted: true,
            closed: false,
            forgotten: 0,
            column: None,
            unwritten: None,
            torn: false,
            stuck: false,
        }
    }
}

/// Where the first frame of a segment begins.
const START: u32 = 20;
const _: () = assert!(START as usize == HEADER_LEN);

/// Kinds of files of a segment.
const SEGMENT: &str = "wcmp";
const INDEX: &str = "idx";
const COLUMN: &str = "scan";
/// A segment in which nothing could be read.
const ASIDE: &str = "bad";
/// A file that is not whole yet.
const UNFINISHED: &str = "tmp";
const STATE: &str = "state";

fn name(day: u32, salt: u32, kind: &str) -> String {
    format!("{day:08x}-{salt:08x}.{kind}")
}

/// Random numbers for salts and the like.
struct Salts {
    key: SipHasher13,
    drawn: u64,
}

impl Salts {
    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        let mut hasher = self.key;
        hasher.write_u64(self.drawn);
        hasher.finish()
    }
}

/// Half of a hash of entropy, for one use.
fn key(entropy: &[u8; 32], label: &[u8]) -> [u8; 16] {
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = sha256(&[label, entropy]);
    half
}

impl<F: FileSystem> SegmentStore<F> {
    /// Opens the store in a folder, or makes one in an empty folder.
    ///
    /// `entropy` is to be random, and never the same again; nobody may know it who wants to choose ids that collide.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process has the store open; if the file system fails. A full disk is no
    /// error here.
    pub fn open(fs: F, options: Options, entropy: &[u8; 32]) -> Result<Self, StoreError> {
        let mut salts = Salts {
            key: SipHasher13::new_with_key(&key(entropy, b"salts")),
            drawn: 0,
        };
        let mut store = Self {
            fs,
            options: Options {
                segment_limit: options.segment_limit.min(1 << 31),
                ..options
            },
            index: Index::new(&key(entropy, b"fingerprints")),
            segments: BTreeMap::new(),
            open: BTreeMap::new(),
            totals: Totals::default(),
            regions: Vec::new(),
            cursor: Cursor {
                // With room for the runs that follow.
                run: salts.draw() >> 2,
                batch: 0,
            },
            nonces: BTreeMap::new(),
            marks: Log::new("marks"),
            arrivals: Log::new("arrivals"),
            salts,
            damaged: 0,
            aside: Vec::new(),
        };
        store.load()?;
        Ok(store)
    }

    /// Frames that were found damaged since opening, each of which is one envelope lost, or bytes that never were one.
    #[must_use]
    pub const fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Behind everything that came.
    #[must_use]
    pub const fn latest(&self) -> Cursor {
        self.cursor
    }

    /// Files of segments that are kept aside, since nothing in them could be read. They go when their day is over.
    #[must_use]
    pub const fn kept_aside(&self) -> usize {
        self.aside.len()
    }

    /// What all is kept in.
    #[must_use]
    pub const fn file_system(&self) -> &F {
        &self.fs
    }

    fn segment_name(&self, salt: u32, kind: &str) -> String {
        let day = self.segments.get(&salt).map_or(0, |segment| segment.day);
        name(day, salt, kind)
    }

    /// A salt that no segment has.
    fn new_salt(&mut self) -> u32 {
        loop {
            #[expect(clippy::cast_possible_truncation, reason = "any 32 bits serve")]
            let salt = self.salts.draw() as u32;
            if !self.segments.contains_key(&salt) {
                return salt;
            }
        }
    }

    /// Removes a segment and its files.
    fn drop_segment(&mut self, salt: u32) -> Result<(), StoreError> {
        match self.forget_segment(salt) {
            Some(segment) => self.unlink_all(segment.day, salt),
            None => Ok(()),
        }
    }

    /// Removes a segment from memory.
    fn forget_segment(&mut self, salt: u32) -> Option<Segment> {
        let segment = self.segments.remove(&salt)?;
        self.index.release(&segment.pieces);
        self.totals.envelopes -= segment.live.envelopes;
        self.totals.bytes -= segment.live.bytes;
        self.open.retain(|_, open| *open != salt);
        self.regions.retain(|region| region.segment != salt);
        self.nonces.retain(|(segment, _), _| *segment != salt);
        Some(segment)
    }

    fn unlink_all(&mut self, day: u32, salt: u32) -> Result<(), StoreError> {
        let mut result = Ok(());
        for kind in [SEGMENT, INDEX, COLUMN] {
            match self.fs.unlink(&name(day, salt, kind)) {
                Err(error) if error.kind() != ErrorKind::NotFound => result = Err(error.into()),
                _ => {}
            }
        }
        result
    }

    /// Writes a file anew: all of it is there, durably, or the old one still is.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let unfinished = format!("{name}.{UNFINISHED}");
        // What an earlier attempt has left must not stand before this.
        match self.fs.unlink(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let result = self
            .fs
            .append(&unfinished, bytes)
            .and_then(|()| self.fs.sync_data(&unfinished))
            .and_then(|()| self.fs.rename(&unfinished, name));
        if let Err(error) = result {
            let _ = self.fs.unlink(&unfinished);
            return Err(error.into());
        }
        Ok(self.fs.sync_folder()?)
    }

    /// A whole file, empty if there is none.
    fn read_file(&mut self, name: &str) -> Result<Vec<u8>, StoreError> {
        let len = match self.fs.len(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            len => len?,
        };
        let mut bytes = Vec::new();
        self.read_up_to(
            name,
            0,
            usize::try_from(len).unwrap_or(usize::MAX),
            &mut bytes,
        )?;
        Ok(bytes)
    }

    /// Replaces `bytes` by `n` bytes of a file, or what there is of them.
    fn read_up_to(
        &mut self,
        name: &str,
        offset: u64,
        n: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        bytes.clear();
        bytes.resize(n, 0);
        let mut held = 0;
        while let Some(space) = bytes.get_mut(held..).filter(|space| !space.is_empty()) {
            match self.fs.read_at(name, offset + held as u64, space)? {
                0 => break,
                read => held += read,
            }
        }
        bytes.truncate(held);
        Ok(())
    }
}

impl<F: FileSystem> Store for SegmentStore<F> {
    type Error = StoreError;

    fn is_full(error: &StoreError) -> bool {
        matches!(error, StoreError::Full)
    }

    fn insert(&mut self, batch: &[Incoming<'_>], now: u32) -> Result<Vec<Taken>, StoreError> {
        self.take_in(batch, now)
    }

    fn contains(&self, id: &Id) -> bool {
        self.index.contains(self.index.fingerprint(id))
    }

    fn get(&mut self, id: &Id) -> Result<Option<Stored>, StoreError> {
        self.read(id)
    }

    fn check(&mut self, id: &Id) -> Result<bool, StoreError> {
        self.check_one(id)
    }

    fn list(&mut self, expires: RangeInclusive<u32>) -> Result<Vec<Entry>, StoreError> {
        self.all_of(expires)
    }

    fn days(&self) -> Vec<Day> {
        let mut days: BTreeMap<u32, Totals> = BTreeMap::new();
        for segment in self.segments.values() {
            let totals = days.entry(segment.day).or_default();
            *totals = *totals + segment.live;
        }
        let some = days.into_iter().filter(|(_, totals)| totals.envelopes > 0);
        some.map(|(day, totals)| Day { day, totals }).collect()
    }

    fn totals(&self) -> Totals {
        self.totals
    }

    fn arrivals(&mut self, after: Cursor) -> Result<Option<Arrivals>, StoreError> {
        self.next_arrivals(after)
    }

    fn forget_arrivals(&mut self, up_to: Cursor) -> Result<(), StoreError> {
        self.forget(up_to)
    }

    fn expire(&mut self, now: u32) -> Result<Totals, StoreError> {
        let over: Vec<u32> = self
            .segments
            .iter()
            .filter(|(_, segment)| segment.day < now / 24)
            .map(|(salt, _)| *salt)
            .collect();
        let before = self.totals;
        let mut result = Ok(());
        for salt in over {
            result = self.drop_segment(salt).and(result);
        }
        let fs = &mut self.fs;
        self.aside.retain(|(day, salt)| {
            *day >= now / 24 || fs.unlink(&name(*day, *salt, ASIDE)).is_err()
        });
        result.map(|()| Totals {
            envelopes: before.envelopes - self.totals.envelopes,
            bytes: before.bytes - self.totals.bytes,
        })
    }

    fn state(&mut self) -> Result<Vec<u8>, StoreError> {
        self.read_file(STATE)
    }

    fn set_state(&mut self, state: &[u8]) -> Result<(), StoreError> {
        self.replace(STATE, state)
    }
}
