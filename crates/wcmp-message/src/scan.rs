//! Finding one's own among everyone's (spec 8, steps 1 and 2, for many envelopes
//! and many keys).

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use wcmp_suite::{
    Form, HINT_LEN, HintEngine, HintInput, HintKeys, HintMatcher, KeyPair, KeyType, Provider,
    Suite, SuiteId, find_hint, slot, stranger_hint,
};
use wcmp_wire::MAX_SLOTS;

use crate::{Receiver, Row, Way};

/// Rows between two calls of the progress callback.
const BLOCK: usize = 4096;
/// Rows that one core takes at a time: of hints, of X25519.
const HINT_ROWS: usize = 512;
const STRANGER_ROWS: usize = 16;
/// Hints that are computed before they are looked for: few enough for the nearest
/// cache, enough for every lane of the hint engine.
const HINTS_AT_ONCE: usize = 512;

/// How far scans have come, in rows that the caller numbers from 0 in the order of
/// arrival. What is before was looked at, found or not, and is never looked at again.
///
/// The hints of strangers have a position of their own: they cost an X25519 for
/// every envelope and key, and can be postponed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ScanCursor {
    /// The first row that was not looked at by receiver and pair hints.
    pub hints: u64,
    /// The first row that was not looked at for strangers.
    pub strangers: u64,
}

impl ScanCursor {
    /// The row to begin the next scan with.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.hints.min(self.strangers)
    }
}

/// A row that is addressed to a key of mine, as far as its hints tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The row's number.
    pub row: u64,
    /// The place of the key among the receivers.
    pub receiver: usize,
    /// How it was recognised.
    pub way: Way,
    /// The slot that is mine.
    pub slot: usize,
}

/// What a scan did.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scanned {
    /// In the order of arrival; for each row at most one for each receiver, in their
    /// order.
    pub found: Vec<Found>,
    /// How many receiver and pair hints were computed and looked for.
    pub hints: u64,
    /// How many hints of strangers were, each at the price of an X25519.
    pub strangers: u64,
}

/// The keys whose hints are made over the same messages, and whose they are.
struct Group<'a> {
    suite: Suite,
    keys: HintKeys<'a>,
    owners: Vec<(usize, Way)>,
}

/// Looks for what is addressed to many keys, from many contacts, among many
/// envelopes: what every device does all day.
///
/// It finds what [`Readable::recognise`](crate::Readable::recognise) would find for
/// every row and receiver, many times faster. What it finds is a candidate: to open
/// it, recognise the envelope for this receiver.
///
/// What its time reveals is told at [`HintMatcher`].
///
/// ```
/// use wcmp_message::{Column, Content, Readable, Receiver, Row, ScanCursor, Scanner, Sealer, Way};
/// use wcmp_suite::{KeyPair, KeyType, Provider, Suite};
/// # struct Rng(u8);
/// # impl rand_core::TryRng for Rng {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(7) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(7) }
/// #     fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Self::Error> {
/// #         self.0 += 1;
/// #         to.fill(self.0);
/// #         Ok(())
/// #     }
/// # }
/// # impl rand_core::TryCryptoRng for Rng {}
/// # let mut rng = Rng(0);
///
/// let crypto = Provider::rust_crypto();
/// let me = KeyPair::generate(&crypto, KeyType::X25519, &mut rng)?;
/// let (suite, expires, now) = (Suite::SealedAes256Gcm, 494_000, 493_900);
/// let envelopes = [
///     Sealer::dummy(suite, expires).seal(&crypto, &Content::default(), &mut rng)?,
///     Sealer::new(suite, expires).to(me.public()).seal(&crypto, &Content::new("", "hi"), &mut rng)?,
/// ];
/// let mut column = Column::new();
/// for envelope in &envelopes {
///     column.push(&crypto, &Readable::parse(envelope, now)?);
/// }
///
/// let receivers = [Receiver::new(me)];
/// let scanner = Scanner::new(&crypto, &receivers);
/// let rows: Vec<Row> = column.rows().collect();
/// let mut cursor = ScanCursor::default();
/// let mut budget = 1_000;
/// let scanned = scanner.scan(&rows, 0, now, &mut cursor, &mut budget, &mut |_| ());
/// assert_eq!((cursor.hints, cursor.strangers, budget), (2, 2, 998));
///
/// let found = scanned.found[0];
/// assert_eq!((found.row, found.receiver, found.way), (1, 0, Way::Stranger));
/// let readable = Readable::parse(&envelopes[1], now)?;
/// let recognised = readable.recognise(&crypto, &receivers[found.receiver]).unwrap();
/// assert_eq!(*recognised.open(&crypto, &[])?.content.body, *b"hi");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Scanner<'a> {
    provider: Provider,
    receivers: &'a [Receiver],
    engine: HintEngine,
    groups: Vec<Group<'a>>,
    /// Places of the receivers who are open to strangers.
    strangers: Vec<usize>,
    #[cfg(feature = "rayon")]
    all_cores: bool,
}

impl fmt::Debug for Scanner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Scanner({} receivers, {:?})",
            self.receivers.len(),
            self.engine
        )
    }
}

impl<'a> Scanner<'a> {
    /// Lays out the hint keys of the receivers and their contacts. No key is copied.
    #[must_use]
    pub fn new(provider: &Provider, receivers: &'a [Receiver]) -> Scanner<'a> {
        let strangers = receivers.iter().enumerate().filter(|(_, receiver)| {
            receiver.open_to_strangers() && receiver.keys().key_type() == KeyType::X25519
        });
        Scanner {
            provider: *provider,
            receivers,
            engine: HintEngine::detect(),
            groups: Suite::ALL.map(|suite| Group::new(suite, receivers)).into(),
            strangers: strangers.map(|(place, _)| place).collect(),
            #[cfg(feature = "rayon")]
            all_cores: false,
        }
    }

    /// Computes hints with this engine instead of the fastest: for tests, and to
    /// measure.
    #[must_use]
    pub fn with_engine(self, engine: HintEngine) -> Scanner<'a> {
        Scanner { engine, ..self }
    }

    /// Uses all cores, by rayon's pool of threads.
    #[cfg(feature = "rayon")]
    #[must_use]
    pub fn on_all_cores(self) -> Scanner<'a> {
        Scanner {
            all_cores: true,
            ..self
        }
    }

    /// Looks through `rows`, the first of which has the number `first`, at the hour
    /// `now`, and moves the cursor behind them.
    ///
    /// Rows before the cursor are passed over, each position for itself. The cursor
    /// stays where it is if rows between it and `first` are missing: they might be
    /// mine. A caller who knows them to be gone moves it over them.
    ///
    /// `budget` is how many X25519 may be spent on strangers, `u64::MAX` for as many as
    /// there are; what was spent is taken off. A row is done as a whole or not at all.
    /// Rows that are postponed are found again by giving them once more: a pair hint
    /// found in the meantime is not known then, so that a row can be found a second
    /// time, by another slot, if its sender has given its receiver two.
    ///
    /// `progress` is told now and then how many of `rows` are done.
    #[must_use]
    pub fn scan(
        &self,
        rows: &[Row<'_>],
        first: u64,
        now: u32,
        cursor: &mut ScanCursor,
        budget: &mut u64,
        progress: &mut dyn FnMut(usize),
    ) -> Scanned {
        let mut scanned = Scanned::default();
        let mut done = 0;
        for rows in rows.chunks(BLOCK) {
            let block = Block {
                scanner: self,
                rows,
                first: first.saturating_add(done as u64),
                now,
            };
            let mut found = Vec::new();
            let new = block.behind(cursor.hints);
            for (part, hints) in self.in_parts(new, HINT_ROWS, |rows| block.hints(rows)) {
                found.extend(part);
                scanned.hints += hints;
            }
            block.advance(&mut cursor.hints, rows.len());

            let (new, cost) = block.affordable(block.behind(cursor.strangers), &found, *budget);
            let end = new.end;
            let parts = self.in_parts(new, STRANGER_ROWS, |rows| block.strangers(rows, &found));
            found.extend(parts.into_iter().flatten());
            scanned.strangers += cost;
            *budget -= cost;
            block.advance(&mut cursor.strangers, end);

            found.sort_unstable_by_key(|found| (found.row, found.receiver));
            scanned.found.append(&mut found);
            done += rows.len();
            progress(done);
        }
        scanned
    }

    /// Does `work` for parts of `rows`, on all cores if that was asked for.
    fn in_parts<T: Send>(
        &self,
        rows: Range<usize>,
        part: usize,
        work: impl Fn(Range<usize>) -> T + Sync,
    ) -> Vec<T> {
        let parts = rows.len().div_ceil(part);
        let nth = |n: usize| {
            let start = rows.start + n * part;
            work(start..rows.end.min(start + part))
        };
        #[cfg(feature = "rayon")]
        if self.all_cores {
            use rayon::iter::{IntoParallelIterator, ParallelIterator};
            return (0..parts).into_par_iter().map(nth).collect();
        }
        (0..parts).map(nth).collect()
    }
}

impl<'a> Group<'a> {
    fn new(suite: Suite, receivers: &'a [Receiver]) -> Group<'a> {
        let receivers = receivers.iter().enumerate();
        let mine = receivers.filter(|(_, r)| r.keys().key_type() == suite.key_type());
        if suite.form() == Form::Open {
            return Group {
                suite,
                owners: mine
                    .clone()
                    .map(|(place, _)| (place, Way::Receiver))
                    .collect(),
                keys: mine
                    .map(|(_, receiver)| receiver.keys())
                    .map(KeyPair::hint_key)
                    .collect(),
            };
        }
        let (mut owners, mut keys) = (Vec::new(), Vec::new());
        for (place, receiver) in mine {
            for (contact, person) in receiver.contacts().iter().enumerate() {
                if let Some(key) = person.pair_hint_key(suite) {
                    owners.push((place, Way::Pair(contact)));
                    keys.push(key);
                }
            }
        }
        Group {
            suite,
            owners,
            keys: keys.into_iter().collect(),
        }
    }
}

/// Rows that are scanned together.
struct Block<'s> {
    scanner: &'s Scanner<'s>,
    rows: &'s [Row<'s>],
    first: u64,
    now: u32,
}

/// Rows of one suite whose hints are to be computed.
#[derive(Default)]
struct Pending {
    rows: Vec<usize>,
    messages: Vec<HintInput>,
}

impl Block<'_> {
    /// Places of the rows from the number `from` on.
    fn behind(&self, from: u64) -> Range<usize> {
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        skip.min(self.rows.len())..self.rows.len()
    }

    /// The number of the row at a place.
    fn number(&self, place: usize) -> u64 {
        self.first.saturating_add(place as u64)
    }

    /// Moves a position behind the row before `end`, unless rows are missing before.
    fn advance(&self, position: &mut u64, end: usize) {
        if self.first <= *position {
            *position = (*position).max(self.number(end));
        }
    }

    /// The suite of a row that can be for somebody here (spec 4.2, step 1 of 8).
    #[inline]
    fn suite(&self, row: &Row<'_>) -> Option<Suite> {
        let slots = row.hints.len();
        let fits = (4..=MAX_SLOTS).contains(&slots) && slots.is_power_of_two();
        (fits && self.now <= row.expires).then_some(())?;
        Suite::try_from(SuiteId(row.suite)).ok()
    }

    /// What receiver and pair hints find, ascending by row and receiver, and how many
    /// were computed.
    fn hints(&self, places: Range<usize>) -> (Vec<Found>, u64) {
        let groups = &self.scanner.groups;
        let mut work = Work {
            hints: Vec::new(),
            matcher: HintMatcher::new(),
            found: Vec::new(),
            computed: 0,
        };
        let mut pending: Vec<Pending> = Vec::new();
        pending.resize_with(groups.len(), Pending::default);
        for place in places {
            let Some((row, suite)) = self.rows.get(place).and_then(|r| Some((r, self.suite(r)?)))
            else {
                continue;
            };
            let of_suite = groups.iter().zip(&mut pending);
            let Some((group, pending)) = of_suite.into_iter().find(|(g, _)| g.suite == suite)
            else {
                continue;
            };
            if group.keys.is_empty() {
                continue;
            }
            let enough = (HINTS_AT_ONCE / group.keys.len()).clamp(8, 64);
            if pending.rows.capacity() == 0 {
                pending.rows.reserve_exact(enough);
                pending.messages.reserve_exact(enough);
            }
            pending.rows.push(place);
            pending.messages.push(match suite.form() {
                Form::Open => HintInput::receiver(suite, row.recipient_nonce),
                Form::Sealed => HintInput::pair(row.body),
            });
            if pending.rows.len() >= enough {
                self.flush(group, pending, &mut work);
            }
        }
        for (group, pending) in groups.iter().zip(&mut pending) {
            self.flush(group, pending, &mut work);
        }
        let mut found = work.found;
        // Of several contacts the first: that is the order in which opening tries.
        found.sort_by_key(|found| (found.row, found.receiver));
        found.dedup_by_key(|found| (found.row, found.receiver));
        (found, work.computed)
    }

    fn flush(&self, group: &Group<'_>, pending: &mut Pending, work: &mut Work) {
        let Work {
            hints,
            matcher,
            found,
            computed,
        } = work;
        self.scanner
            .engine
            .hints(&group.keys, &pending.messages, hints);
        *computed += hints.len() as u64;
        let keys = group.keys.len().max(1);
        for (place, hints) in pending.rows.drain(..).zip(hints.chunks_exact(keys)) {
            let Some(row) = self.rows.get(place) else {
                continue;
            };
            matcher.each(row.hints, hints, |key, slot| {
                if let Some((receiver, way)) = group.owners.get(key) {
                    found.push(Found {
                        row: self.number(place),
                        receiver: *receiver,
                        way: *way,
                        slot,
                    });
                }
            });
        }
        pending.messages.clear();
    }

    /// The receivers for whom a row may come from a stranger: all that are open to
    /// strangers, but for those who have found it already.
    fn asking(&self, place: usize, found: &[Found]) -> impl Iterator<Item = usize> {
        let row = self.rows.get(place).and_then(|row| self.suite(row));
        let sealed = row.is_some_and(|suite| suite.form() == Form::Sealed);
        let number = self.number(place);
        let strangers: &[usize] = if sealed { &self.scanner.strangers } else { &[] };
        let known = move |receiver: &usize| {
            let by = |found: &Found| (found.row, found.receiver).cmp(&(number, *receiver));
            found.binary_search_by(by).is_ok()
        };
        strangers
            .iter()
            .copied()
            .filter(move |receiver| !known(receiver))
    }

    /// The first of the rows that `budget` suffices for, and what they cost. `found`
    /// is ascending.
    fn affordable(&self, rows: Range<usize>, found: &[Found], budget: u64) -> (Range<usize>, u64) {
        let mut spent = 0;
        for place in rows.clone() {
            let cost = self.asking(place, found).count() as u64;
            if cost > budget - spent {
                return (rows.start..place, spent);
            }
            spent += cost;
        }
        (rows, spent)
    }

    /// What the hints of strangers find.
    fn strangers(&self, places: Range<usize>, found: &[Found]) -> Vec<Found> {
        let asking = |place| {
            self.asking(place, found)
                .map(move |receiver| (place, receiver))
        };
        let found = places.flat_map(asking).filter_map(|(place, receiver)| {
            let row = self.rows.get(place)?;
            let keys = self.scanner.receivers.get(receiver)?.keys();
            Some(Found {
                row: self.number(place),
                receiver,
                way: Way::Stranger,
                slot: stranger_slot(&self.scanner.provider, row, keys)?,
            })
        });
        found.collect()
    }
}

/// Memory that serves for all rows.
struct Work {
    hints: Vec<[u8; HINT_LEN]>,
    matcher: HintMatcher,
    found: Vec<Found>,
    computed: u64,
}

fn stranger_slot(provider: &Provider, row: &Row<'_>, keys: &KeyPair) -> Option<usize> {
    let suite = Suite::try_from(SuiteId(row.suite)).ok()?;
    let shared = slot::decapsulate(provider, keys, row.encapsulation).ok()?;
    let hint = stranger_hint(provider, suite, &shared, keys.public().key_id(), row.body);
    find_hint(row.hints, &hint)
}
