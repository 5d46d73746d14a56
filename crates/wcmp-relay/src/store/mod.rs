//! Envelopes kept until they expire.
//!
//! [`Store`] is what intake, hand-over and exchange need of a store; an embedder can put a database behind it.
//! `SegmentStore` (feature `std`) keeps them in a folder of bundle files.
//! [`MemoryStore`] is the model that every other implementation is compared with, and serves where nothing has to
//! survive.
//!
//! A store looks at the public fields of envelopes and knows no key. It does not judge them either: whoever calls
//! [`Store::insert`] has applied structure, policy and expiry (spec 9.2). It has no clock and no randomness: `now` and
//! entropy are arguments.
//!
//! Times are hours since 1970-01-01 UTC, as in the envelope; a *day* is 24 of them, `expires / 24`.
//!
//! ```
//! use wcmp_relay::bundle::Stamp;
//! use wcmp_relay::store::{Cursor, Incoming, MemoryStore, Quota, Store, Taken};
//! use wcmp_wire::{Envelope, EnvelopeRef};
//!
//! let bytes = Envelope {
//!     suite: 0x0101,
//!     sender_nonce: [1; 16],
//!     sender_hint: [2; 16],
//!     expires: 493_000,
//!     commitment: [3; 32],
//!     payload: vec![4; 1040],
//!     recipient_nonce: [5; 16],
//!     encapsulation: vec![6; 32],
//!     hints: vec![[7; 16], [8; 16], [9; 16], [10; 16]],
//!     sealed_keys: vec![11; 4 * 48],
//!     signature: vec![12; 64],
//! }
//! .encode()?;
//!
//! let now = 492_900;
//! let mut store = MemoryStore::new(Quota::NONE);
//! let incoming = Incoming::new(EnvelopeRef::parse(&bytes)?, Stamp::NONE);
//! assert_eq!(store.insert(&[incoming], now)?, [Taken::New]);
//! assert_eq!(store.insert(&[incoming], now)?, [Taken::Known]);
//!
//! let arrivals = store.arrivals(Cursor::START)?.unwrap();
//! assert_eq!(arrivals.entries[0].id, incoming.id());
//! assert!(store.arrivals(arrivals.cursor)?.is_none());
//! assert_eq!(store.get(&incoming.id())?.unwrap().envelope, bytes);
//!
//! store.expire(493_000 + 24)?;
//! assert!(!store.contains(&incoming.id()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "std")]
mod background;
#[cfg(feature = "std")]
mod fs;
#[cfg(feature = "std")]
mod index;
mod memory;
mod rank;
#[cfg(feature = "std")]
mod records;
#[cfg(feature = "std")]
mod segments;
mod types;

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use wcmp_wire::Id;

#[cfg(feature = "std")]
pub use fs::{FileSystem, Folder};
pub use memory::MemoryStore;
#[cfg(feature = "std")]
pub use segments::{Columns, Options, Place, SegmentStore, StoreError};
pub use types::{Arrivals, Cursor, Day, Entry, Incoming, Quota, Stored, Taken, Totals};

/// A set of envelopes, each under its id, until its expiry day is over.
///
/// The methods that write return when what they wrote is durable. After an error of one of them the store may hold
/// some of what it was given, all of what it had acknowledged, and goes on working.
pub trait Store {
    /// Why the store failed.
    type Error;

    /// Whether it failed because no space is left on the medium, so that it can still be read and emptied.
    fn is_full(error: &Self::Error) -> bool;

    /// Takes in a batch, whose order is not kept, and returns what became of each envelope, in the order given.
    ///
    /// What is new or known when this returns is durable. A stamp beside a known envelope replaces the one in the store
    /// if it has more effort, or equal effort and lesser bytes (spec 9.4); stamps that are not of kind 1 with 8 bytes have
    /// no effort and are never kept. If quota demands it, the least of stored and new envelopes go,
    /// by (effort + 1) / (size · max(1, expires - now)) and then by id (spec 9.4): stored ones are evicted, new ones
    /// refused. An empty batch only enforces the quota.
    ///
    /// # Errors
    /// If the store fails, for instance on a full disk. Then nothing of the batch is acknowledged.
    fn insert(&mut self, batch: &[Incoming<'_>], now: u32) -> Result<Vec<Taken>, Self::Error>;

    /// Whether the store has the envelope. Fast: looks at no disk.
    fn contains(&self, id: &Id) -> bool;

    /// The envelope and its stamp, checked against the id; `None` if the store does not have it, or no longer has it
    /// intact. Changes nothing, so that the store does not tell what its owner reads (spec 9.1).
    ///
    /// # Errors
    /// If the store fails.
    fn get(&mut self, id: &Id) -> Result<Option<Stored>, Self::Error>;

    /// Whether the store has the envelope, and has it intact: one that is damaged is dropped, so that it can be taken in
    /// again. For whoever treats all envelopes alike.
    ///
    /// # Errors
    /// If the store fails.
    fn check(&mut self, id: &Id) -> Result<bool, Self::Error>;

    /// All envelopes that expire in these hours, each once, ascending by id.
    ///
    /// `now..=u32::MAX` is all that may be handed on. Takes 48 bytes of memory for each envelope, and less than 16 MiB
    /// beside.
    ///
    /// # Errors
    /// If the store fails.
    fn list(&mut self, expires: RangeInclusive<u32>) -> Result<Vec<Entry>, Self::Error>;

    /// What the store holds for each expiry day, ascending, without days that have nothing.
    fn days(&self) -> Vec<Day>;

    /// What the store holds.
    fn totals(&self) -> Totals {
        self.days()
            .iter()
            .fold(Totals::default(), |sum, day| sum + day.totals)
    }

    /// The first batch after `after` of which something is still there, with a cursor behind it; `None` if nothing
    /// came since.
    ///
    /// Each envelope comes once, except after a crash, which may show some again. Never is one left out.
    ///
    /// # Errors
    /// If the store fails.
    fn arrivals(&mut self, after: Cursor) -> Result<Option<Arrivals>, Self::Error>;

    /// Forgets in which batch envelopes came that came at or before `up_to`; they remain in the store, but no cursor
    /// leads to them. To be called with the least cursor of all readers: the order of arrival is what a thief of the
    /// disk would like to know.
    ///
    /// # Errors
    /// If the store fails.
    fn forget_arrivals(&mut self, up_to: Cursor) -> Result<(), Self::Error>;

    /// Removes the days that are over at the hour `now`, and says how much that was. An envelope is thus kept up to 23
    /// hours longer than it may be handed on. Needs no space on the disk.
    ///
    /// # Errors
    /// If the store fails.
    fn expire(&mut self, now: u32) -> Result<Totals, Self::Error>;

    /// What was given to [`Store::set_state`] last; empty if nothing was.
    ///
    /// # Errors
    /// If the store fails.
    fn state(&mut self) -> Result<Vec<u8>, Self::Error>;

    /// Replaces, at once or not at all, a few bytes that belong to the caller, such as a clock.
    ///
    /// # Errors
    /// If the store fails.
    fn set_state(&mut self, state: &[u8]) -> Result<(), Self::Error>;
}
