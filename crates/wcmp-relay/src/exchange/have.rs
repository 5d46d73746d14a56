//! What a node has, in a file of fixed size: for a stick that goes one way and comes back.
//!
//! Whoever gets the file can tell which of its own envelopes the other lacks, and put those alone on the stick. The
//! file has a random key of its own and as many symbols of [`riblt`](super::riblt) as fill 1 MiB, whatever the number of
//! envelopes (docs/spec/exchange.md 4). They are enough for any difference of up to [`MAX_DIFFERENCES`], and for some
//! 30 000 mostly; beyond it the newest envelopes go first, by the caller.
//!
//! **What it shows**: somebody who has some of the envelopes can tell which of them the writer has, and about how many
//! the writer has in all. So it is written only where it is asked for, and only of what may be handed on.

use alloc::vec::Vec;
use core::fmt;

use wcmp_wire::Id;

use super::riblt::{Decoder, Keys, SYMBOL_LEN, Sketch, Symbol};
use crate::bundle::crc;
use crate::node::{Node, NodeError};
use crate::store::Store;

/// The name of the file, beside bundles.
pub const FILE_NAME: &str = "have";

/// Bytes of the file.
pub const FILE_LEN: usize = 1 << 20;

/// So many differences are always found.
pub const MAX_DIFFERENCES: usize = 18_000;

const MAGIC: [u8; 8] = [0x89, b'W', b'C', b'M', b'H', 0x0D, 0x0A, 0x1A];
const VERSION_AND_FLAGS: [u8; 4] = [0, 1, 0, 0];
const HEADER_LEN: usize = 64;
const SYMBOLS: usize = (FILE_LEN - HEADER_LEN) / SYMBOL_LEN;

const _: () = assert!(HEADER_LEN + SYMBOLS * SYMBOL_LEN == FILE_LEN);

/// Why a file cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HaveError {
    /// It is no such file, of a later version, or damaged.
    Damaged,
    /// Its writer's set and ours differ too much.
    TooMany,
}

impl fmt::Display for HaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Damaged => "no summary of a store, or a damaged one",
            Self::TooMany => "differs too much from this store to be compared",
        })
    }
}

impl core::error::Error for HaveError {}

/// A summary that was read.
///
/// ```
/// use wcmp_relay::exchange::have::{FILE_LEN, Have};
/// use wcmp_wire::Id;
///
/// let ids = |range: core::ops::Range<u8>| range.map(|n| Id([n; 32])).collect::<Vec<_>>();
/// let file = Have::write(&[7; 32], &ids(0..200)); // a key from the system's randomness
/// assert_eq!(file.len(), FILE_LEN);
///
/// let difference = Have::read(&file)?.compare(&ids(100..210))?;
/// assert_eq!(difference.lacks, ids(200..210));
/// assert_eq!(difference.more, 100);
/// # Ok::<(), wcmp_relay::exchange::have::HaveError>(())
/// ```
#[derive(Debug)]
pub struct Have {
    keys: Keys,
    symbols: Vec<Symbol>,
}

/// How a summary differs from one's own set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// What the summary's writer lacks, ascending: what to bring.
    pub lacks: Vec<Id>,
    /// How many the writer has that we have not.
    pub more: usize,
}

impl Have {
    /// The file that says that these ids are there. The key is drawn for this file alone.
    #[must_use]
    pub fn write(key: &[u8; 32], ids: &[Id]) -> Vec<u8> {
        let keys = Keys::new(key);
        let mut sketch = Sketch::new(keys, ids.iter().map(|id| keys.short(id)).collect());
        let mut head = Vec::with_capacity(HEADER_LEN);
        head.extend(MAGIC);
        head.extend(VERSION_AND_FLAGS);
        head.extend(key);
        head.resize(HEADER_LEN - 4, 0);
        let mut symbols = Vec::with_capacity(FILE_LEN - HEADER_LEN);
        while let Some(symbol) = sketch.next_symbol() {
            symbols.extend(symbol.to_bytes());
            if symbols.len() == FILE_LEN - HEADER_LEN {
                break;
            }
        }
        let crc = crc::append(crc::append(0, &head), &symbols);
        head.extend(crc.to_be_bytes());
        head.append(&mut symbols);
        head
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`HaveError::Damaged`].
    pub fn read(file: &[u8]) -> Result<Self, HaveError> {
        Self::parse(file).ok_or(HaveError::Damaged)
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let (header, symbols) = file.split_first_chunk::<HEADER_LEN>()?;
        let (head, crc) = header.split_last_chunk::<4>()?;
        let key = head
            .strip_prefix(&MAGIC)?
            .strip_prefix(&VERSION_AND_FLAGS)?;
        let (key, zeros) = key.split_first_chunk::<32>()?;
        let whole = file.len() == FILE_LEN
            && zeros.iter().all(|zero| *zero == 0)
            && crc::append(crc::append(0, head), symbols) == u32::from_be_bytes(*crc);
        let (symbols, _) = symbols.as_chunks::<SYMBOL_LEN>();
        whole.then(|| Self {
            keys: Keys::new(key),
            symbols: symbols.iter().map(Symbol::from_bytes).collect(),
        })
    }

    /// Compares it with these ids, each of which may be handed on.
    ///
    /// # Errors
    /// [`HaveError::TooMany`] if there are too many differences, [`HaveError::Damaged`] if the symbols are of no set.
    pub fn compare(&self, ours: &[Id]) -> Result<Comparison, HaveError> {
        let short = |id: &Id| self.keys.short(id);
        let sketch = Sketch::new(self.keys, ours.iter().map(short).collect());
        let mut decoder = Decoder::new(sketch);
        for symbol in &self.symbols {
            if !decoder.push(*symbol).map_err(|_| HaveError::Damaged)? {
                continue;
            }
            let found = decoder.finish().map_err(|_| HaveError::Damaged)?;
            let is_ours = |id: &&Id| found.ours.binary_search(&short(id)).is_ok();
            let mut lacks: Vec<Id> = ours.iter().filter(is_ours).copied().collect();
            lacks.sort_unstable();
            lacks.dedup();
            return Ok(Comparison {
                lacks,
                more: found.theirs.len(),
            });
        }
        Err(HaveError::TooMany)
    }
}

/// The ids of all that a node may hand on now, for [`Have::write`] and [`Have::compare`]; ascending.
///
/// # Errors
/// If the clock stepped or the store fails.
pub fn offered<S: Store>(node: &mut Node<S>) -> Result<Vec<Id>, NodeError<S::Error>> {
    let offered = node.offered()?;
    Ok(offered.iter().map(|entry| entry.id).collect())
}
