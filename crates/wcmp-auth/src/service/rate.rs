//! Rate limits (auth 3): counted before a password is checked, and given back
//! where it was right or the challenge was used up.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::net::IpAddr;
use std::hash::RandomState;
use std::sync::{Mutex, PoisonError};
use std::vec;
use std::vec::Vec;

/// Where a request comes from, as far as limits tell: an IPv4 /24 or an IPv6 /56.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The first 24 bits of an IPv4 address.
    V4([u8; 3]),
    /// The first 56 bits of an IPv6 address.
    V6([u8; 7]),
}

impl From<IpAddr> for Source {
    /// An IPv4 address written as an IPv6 one is an IPv4 address.
    fn from(address: IpAddr) -> Source {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Source::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Source::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

/// Too much: the same request may be sent again after this many seconds, 1 to 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter(pub u32);

/// Counts. May be one process's own where several serve: a fleet of n is then n
/// times as generous.
pub trait RateLimiter: Send + Sync {
    /// Counts a start, or a registration.
    ///
    /// # Errors
    /// [`RetryAfter`], and nothing is counted.
    fn start(&self, source: Source, now: u64) -> Result<(), RetryAfter>;

    /// Counts a finish as if its password were wrong. `login` may be unknown.
    ///
    /// # Errors
    /// [`RetryAfter`], and nothing is counted.
    fn finish(&self, login: &str, source: Source, now: u64) -> Result<(), RetryAfter>;

    /// Takes back a finish that was no guess; `success`: since it was right.
    fn give_back(&self, login: &str, source: Source, success: bool, now: u64);
}

/// So many at once, and one more every so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// How many at once.
    pub burst: u32,
    /// Seconds until one is back; 0 counts as 1.
    pub refill: u32,
}

impl Bucket {
    fn interval(self) -> u64 {
        u64::from(self.refill.max(1))
    }

    fn depth(self) -> u64 {
        u64::from(self.burst) * self.interval()
    }
}

/// The limits of auth 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Guesses at one login from one source: 10, one back in 10 s.
    pub login_and_source: Bucket,
    /// Guesses at one login from anywhere: 100, one back in 6 s. Does not hold
    /// for a source from which this login succeeded lately.
    pub login: Bucket,
    /// Starts from one source: 60, one back in 1 s.
    pub starts: Bucket,
    /// Finishes a second, of all: 200.
    pub finishes: u32,
    /// How long a success is remembered, in seconds: 30 days.
    pub known: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        let bucket = |burst, refill| Bucket { burst, refill };
        Limits {
            login_and_source: bucket(10, 10),
            login: bucket(100, 6),
            starts: bucket(60, 1),
            finishes: 200,
            known: 30 * 24 * 60 * 60,
        }
    }
}

/// Limits in tables of fixed size (2 MiB), in memory, of this process.
///
/// A key has no entry of its own but a cell in each of four rows, which others
/// may share, and is refused when the least used of them is used up. So nobody
/// can push a counter out by making others, and sharing refuses too much, never
/// too little. What can be pushed out is that a source has succeeded.
pub struct RateTable {
    limits: Limits,
    hasher: RandomState,
    tables: Mutex<Tables>,
}

impl fmt::Debug for RateTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateTable({:?}, ..)", self.limits)
    }
}

struct Tables {
    login_and_source: Rows,
    login: Rows,
    starts: Rows,
    /// The second, and the finishes in it.
    finishes: (u64, u32),
    known: Known,
}

impl RateTable {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(limits: Limits) -> RateTable {
        RateTable {
            limits,
            hasher: RandomState::new(),
            tables: Mutex::new(Tables {
                login_and_source: Rows::new(),
                login: Rows::new(),
                starts: Rows::new(),
                finishes: (0, 0),
                known: Known::new(),
            }),
        }
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Tables) -> T) -> T {
        // Counters are whole between any two writes.
        f(&mut self.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RateLimiter for RateTable {
    fn start(&self, source: Source, now: u64) -> Result<(), RetryAfter> {
        let (bucket, key) = (self.limits.starts, self.hash(source));
        self.with(|tables| {
            retry_after(tables.starts.wait(key, bucket, now))?;
            tables.starts.take(key, bucket, now);
            Ok(())
        })
    }

    fn finish(&self, login: &str, source: Source, now: u64) -> Result<(), RetryAfter> {
        let (pair, login) = (self.hash((login, source)), self.hash(login));
        let limits = &self.limits;
        self.with(|tables| {
            let known = tables.known.is(pair, now);
            let mut wait = tables
                .login_and_source
                .wait(pair, limits.login_and_source, now);
            if !known {
                wait = wait.max(tables.login.wait(login, limits.login, now));
            }
            if tables.finishes.0 != now {
                tables.finishes = (now, 0);
            }
            if tables.finishes.1 >= limits.finishes {
                wait = wait.max(1);
            }
            retry_after(wait)?;
            tables
                .login_and_source
                .take(pair, limits.login_and_source, now);
            if !known {
                tables.login.take(login, limits.login, now);
            }
            tables.finishes.1 += 1;
            Ok(())
        })
    }

    /// The second's count of all finishes stays: it protects the processor.
    fn give_back(&self, login: &str, source: Source, success: bool, now: u64) {
        let (pair, login) = (self.hash((login, source)), self.hash(login));
        let limits = &self.limits;
        self.with(|tables| {
            tables
                .login_and_source
                .give_back(pair, limits.login_and_source);
            if !tables.known.is(pair, now) {
                tables.login.give_back(login, limits.login);
            }
            if success {
                tables
                    .known
                    .set(pair, now, now.saturating_add(limits.known));
            }
        });
    }
}

fn retry_after(wait: u64) -> Result<(), RetryAfter> {
    match u32::try_from(wait.min(60)) {
        Ok(0) => Ok(()),
        Ok(wait) => Err(RetryAfter(wait)),
        Err(_) => Err(RetryAfter(60)),
    }
}

const CELL_BITS: u32 = 14;
const CELLS: usize = 1 << CELL_BITS;

/// Four rows of cells. Each holds when it will be full again, in seconds since
/// 1970: the generic cell rate algorithm.
struct Rows([Vec<u64>; 4]);

impl Rows {
    fn new() -> Rows {
        Rows(core::array::from_fn(|_| vec![0; CELLS]))
    }

    fn cells(&mut self, key: u64) -> impl Iterator<Item = &mut u64> {
        self.0.iter_mut().zip(0..).filter_map(move |(row, number)| {
            let at = key >> (number * CELL_BITS) & (CELLS as u64 - 1);
            row.get_mut(usize::try_from(at).ok()?)
        })
    }

    /// Seconds until one more is allowed: 0 if it is now.
    fn wait(&mut self, key: u64, bucket: Bucket, now: u64) -> u64 {
        let full = self.cells(key).map(|full| *full).min().unwrap_or_default();
        let after = full.max(now).saturating_add(bucket.interval());
        after.saturating_sub(now.saturating_add(bucket.depth()))
    }

    fn take(&mut self, key: u64, bucket: Bucket, now: u64) {
        for full in self.cells(key) {
            *full = (*full).max(now).saturating_add(bucket.interval());
        }
    }

    fn give_back(&mut self, key: u64, bucket: Bucket) {
        for full in self.cells(key) {
            *full = full.saturating_sub(bucket.interval());
        }
    }
}

const WAYS: usize = 8;

/// Hashes of (login, source) with a success, until when: the oldest of a set of
/// eight makes room.
struct Known(Vec<[(u64, u64); WAYS]>);

impl Known {
    fn new() -> Known {
        Known(vec![[(0, 0); WAYS]; 4096])
    }

    fn ways(&mut self, key: u64) -> Option<&mut [(u64, u64); WAYS]> {
        let sets = self.0.len();
        // The lowest bits choose cells elsewhere; here the highest.
        let at = usize::try_from(key >> 48).ok()?.checked_rem(sets)?;
        self.0.get_mut(at)
    }

    fn is(&mut self, key: u64, now: u64) -> bool {
        self.ways(key).is_some_and(|ways| {
            ways.iter()
                .any(|&(known, until)| known == key && now < until)
        })
    }

    fn set(&mut self, key: u64, now: u64, until: u64) {
        let Some(ways) = self.ways(key) else { return };
        let worth = |&(known, until): &(u64, u64)| match known == key || until <= now {
            true => 0,
            false => until,
        };
        // The same key's own entry first, whatever else is free.
        let own = ways.iter_mut().position(|(known, _)| *known == key);
        let way = match own {
            Some(at) => ways.get_mut(at),
            None => ways.iter_mut().min_by_key(|way| worth(way)),
        };
        if let Some(way) = way {
            *way = (key, until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Source = Source::V4([192, 0, 2]);
    const T: u64 = 1_800_000_000;

    fn table() -> RateTable {
        RateTable::new(Limits::default())
    }

    fn other(n: u32) -> Source {
        let [_, a, b, c] = n.to_be_bytes();
        Source::V4([a, b, c])
    }

    #[test]
    fn sources_are_networks() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("192.0.2.1"), source("192.0.2.254"));
        assert_ne!(source("192.0.2.1"), source("192.0.3.1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_eq!(source("2001:db8:0:1ff::1"), source("2001:db8:0:100::2"));
        assert_ne!(source("2001:db8:0:1ff::1"), source("2001:db8:0:200::1"));
    }

    #[test]
    fn ten_guesses_at_a_login_from_a_source_then_one_in_ten_seconds() {
        let table = table();
        for _ in 0..10 {
            assert_eq!(table.finish("alice", HERE, T), Ok(()));
        }
        assert_eq!(table.finish("alice", HERE, T), Err(RetryAfter(10)));
        assert_eq!(table.finish("alice", HERE, T + 9), Err(RetryAfter(1)));
        assert_eq!(table.finish("bob", HERE, T), Ok(()));
        assert_eq!(table.finish("alice", other(1), T), Ok(()));
        assert_eq!(table.finish("alice", HERE, T + 10), Ok(()));
        assert_eq!(table.finish("alice", HERE, T + 10), Err(RetryAfter(10)));
        // A long rest gives back ten and no more.
        for _ in 0..10 {
            assert_eq!(table.finish("alice", HERE, T + 10_000), Ok(()));
        }
        assert!(table.finish("alice", HERE, T + 10_000).is_err());
    }

    #[test]
    fn what_was_no_guess_is_given_back() {
        let table = table();
        for n in 0..500 {
            let now = T + n / 100;
            assert_eq!(table.finish("alice", HERE, now), Ok(()), "{n}");
            table.give_back("alice", HERE, n % 2 == 0, now);
        }
    }

    #[test]
    fn a_hundred_guesses_at_a_login_from_anywhere_but_where_it_succeeded() {
        let table = table();
        table.finish("alice", HERE, T).unwrap();
        table.give_back("alice", HERE, true, T);
        for n in 0..100 {
            assert_eq!(table.finish("alice", other(n), T), Ok(()));
        }
        assert_eq!(table.finish("alice", other(100), T), Err(RetryAfter(6)));
        // Her own network is not locked out; others' success is none of hers.
        table.give_back("bob", other(100), true, T);
        assert!(table.finish("alice", other(100), T).is_err());
        assert_eq!(table.finish("alice", HERE, T), Ok(()));
        // After thirty days it is like any other.
        let later = T + Limits::default().known;
        for n in 0..100 {
            assert_eq!(table.finish("alice", other(n), later), Ok(()));
        }
        assert!(table.finish("alice", HERE, later).is_err());
    }

    #[test]
    fn sixty_starts_a_minute_and_two_hundred_finishes_a_second() {
        let table = table();
        for _ in 0..60 {
            assert_eq!(table.start(HERE, T), Ok(()));
        }
        assert_eq!(table.start(HERE, T), Err(RetryAfter(1)));
        assert_eq!(table.start(other(1), T), Ok(()));
        assert_eq!(table.start(HERE, T + 1), Ok(()));
        assert_eq!(table.start(HERE, T + 1), Err(RetryAfter(1)));

        let login = |n: u32| std::format!("user{n}");
        for n in 0..200 {
            assert_eq!(table.finish(&login(n), other(n), T), Ok(()));
        }
        assert_eq!(table.finish("x", other(999), T), Err(RetryAfter(1)));
        assert_eq!(table.finish("x", other(999), T + 1), Ok(()));
    }

    #[test]
    fn retry_after_is_at_most_a_minute_and_limits_can_be_set() {
        let slow = Bucket {
            burst: 1,
            refill: 86_400,
        };
        let table = RateTable::new(Limits {
            login_and_source: slow,
            ..Limits::default()
        });
        table.finish("alice", HERE, T).unwrap();
        assert_eq!(table.finish("alice", HERE, T), Err(RetryAfter(60)));
        assert_eq!(table.finish("alice", HERE, T + 86_399), Err(RetryAfter(1)));
        assert_eq!(table.finish("alice", HERE, T + 86_400), Ok(()));
    }

    /// Who makes millions of counters neither frees a used-up one nor makes the
    /// table grow.
    #[test]
    fn many_others_do_not_push_a_counter_out() {
        let table = table();
        for _ in 0..10 {
            table.finish("alice", HERE, T).unwrap();
        }
        let info = allocation_counter::measure(|| {
            for n in 0..1_000_000 {
                let _ = table.start(other(n), T);
            }
        });
        assert_eq!(info.count_total, 0);
        assert!(table.finish("alice", HERE, T).is_err());
    }

    #[test]
    fn a_set_of_known_sources_forgets_its_oldest() {
        let mut known = Known::new();
        for key in 1..=9 {
            known.set(key, T, T + key);
        }
        assert!(!known.is(1, T));
        assert!((2..=9).all(|key| known.is(key, T)));
        known.set(5, T, T + 100);
        assert!((2..=9).all(|key| known.is(key, T)) && known.is(5, T + 50));
        assert!(!known.is(9, T + 9));
    }
}
