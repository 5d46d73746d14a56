//! What makes a call count once (auth 4): pure data, which a store keeps beside
//! its session.
//!
//! A call's atomic step goes `check` everything, then `record`: between them
//! come the clock and the session's expiry, and a refused call leaves no trace.

use alloc::collections::BTreeMap;
use core::fmt;

/// Counters below the highest accepted one that are still good, once each.
pub const WINDOW: u64 = 1024;
/// How far ahead of the counters in use a [`Counters`] reserves.
pub const RESERVE: u64 = 1024;
/// Seconds after `created` for which a random nonce is remembered. Longer than
/// a call's time is accepted: what is forgotten is refused by the clock.
pub const NONCE_SECONDS: u64 = 600;
/// Random nonces remembered for one token.
pub const MAX_NONCES: usize = 100_000;

const WORDS: usize = 16;

/// The nonce of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nonce {
    /// A decimal counter, 1 to 2^64 - 1.
    Counter(u64),
    /// 22 to 64 characters of base64url.
    Random(RandomNonce),
}

impl Nonce {
    /// Reads a `nonce` parameter.
    ///
    /// ```
    /// use wcmp_auth::call::Nonce;
    /// assert_eq!(Nonce::parse("17"), Some(Nonce::Counter(17)));
    /// assert_eq!(Nonce::parse("017"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Nonce> {
        match text.as_bytes() {
            [b'1'..=b'9', ..] if text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().map(Nonce::Counter)
            }
            _ => RandomNonce::parse(text).map(Nonce::Random),
        }
    }
}

/// 22 to 64 characters of base64url, which a client drew at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RandomNonce {
    // Filled with NUL, which no nonce contains.
    text: [u8; 64],
}

impl RandomNonce {
    fn parse(text: &str) -> Option<RandomNonce> {
        let base64url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if text.len() < 22 || !text.bytes().all(base64url) {
            return None;
        }
        let mut out = [0; 64];
        out.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(RandomNonce { text: out })
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text)
            .unwrap_or_default()
            .trim_end_matches('\0')
    }
}

impl fmt::Debug for RandomNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RandomNonce").field(&self.as_str()).finish()
    }
}

/// The nonce was seen, or is below the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The smallest counter that is good, unless there is none.
    pub next: Option<u64>,
}

/// Which counters were accepted: the highest, and those among the [`WINDOW`]
/// below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Window {
    highest: u64,
    // Bit i: whether highest - 1 - i was accepted.
    below: [u64; WORDS],
}

impl Default for Window {
    fn default() -> Window {
        Window::new()
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({}, ..)", self.highest)
    }
}

impl Window {
    /// Bytes of [`Window::to_bytes`].
    pub const LEN: usize = 8 + 8 * WORDS;

    /// Every counter from 1 is good.
    #[must_use]
    pub fn new() -> Window {
        Window {
            highest: 0,
            below: [0; WORDS],
        }
    }

    /// No counter up to `bound` is good.
    #[must_use]
    pub fn closed(bound: u64) -> Window {
        Window {
            highest: bound,
            below: [u64::MAX; WORDS],
        }
    }

    /// The highest counter accepted; 0 before the first.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `counter` is good.
    #[must_use]
    pub fn is_good(&self, counter: u64) -> bool {
        match self.highest.checked_sub(counter) {
            None => true,
            Some(0) => false,
            Some(distance) => counter > 0 && distance <= WINDOW && !self.bit(distance - 1),
        }
    }

    /// Whether `counter` is good, and if not, which is.
    ///
    /// # Errors
    /// [`Replayed`].
    pub fn check(&self, counter: u64) -> Result<(), Replayed> {
        match self.is_good(counter) {
            true => Ok(()),
            false => Err(Replayed { next: self.next() }),
        }
    }

    /// The smallest counter that is good, unless all are used up.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        let lowest = self.highest.saturating_sub(WINDOW).max(1);
        (lowest..self.highest)
            .find(|counter| self.is_good(*counter))
            .or(self.highest.checked_add(1))
    }

    /// Accepts `counter`, which is good, and never again.
    pub fn record(&mut self, counter: u64) {
        match counter.checked_sub(self.highest) {
            Some(0) => {}
            Some(ahead) => {
                self.shift(ahead);
                self.set(ahead - 1); // the former highest
                self.highest = counter;
            }
            None => self.set(self.highest - counter - 1),
        }
    }

    /// For a store: the highest counter (u64be), then the bits below it, the
    /// nearest in the lowest bit of the first word (16 x u64be).
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Window::LEN] {
        let mut out = [0; Window::LEN];
        let words = [self.highest].into_iter().chain(self.below);
        for (to, word) in out.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        out
    }

    /// The window of these bytes: any bytes are one.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Window::LEN]) -> Window {
        let mut words = bytes.as_chunks().0.iter().copied().map(u64::from_be_bytes);
        let highest = words.next().unwrap_or_default();
        let mut below = [0; WORDS];
        for (to, word) in below.iter_mut().zip(words) {
            *to = word;
        }
        Window { highest, below }
    }

    fn bit(&self, index: u64) -> bool {
        self.word(usize::try_from(index / 64).ok()) >> (index % 64) & 1 == 1
    }

    /// Does nothing beyond the window.
    fn set(&mut self, index: u64) {
        let word = usize::try_from(index / 64)
            .ok()
            .and_then(|at| self.below.get_mut(at));
        if let Some(word) = word {
            *word |= 1 << (index % 64);
        }
    }

    fn shift(&mut self, by: u64) {
        let words = usize::try_from(by / 64).map_or(WORDS, |words| words.min(WORDS));
        self.below.rotate_right(words);
        self.below.iter_mut().take(words).for_each(|word| *word = 0);
        let bits = by % 64;
        if bits > 0 {
            let mut carry = 0;
            for word in &mut self.below {
                let carried = *word >> (64 - bits);
                *word = *word << bits | carry;
                carry = carried;
            }
        }
    }

    fn word(&self, at: Option<usize>) -> u64 {
        at.and_then(|at| self.below.get(at))
            .copied()
            .unwrap_or_default()
    }
}

/// A [`Window`] in memory whose store keeps one number only: a bound that no
/// accepted counter exceeds. After a restart nothing up to it is good, so a
/// call is never accepted twice; and a store is written to once in [`RESERVE`]
/// calls.
///
/// ```
/// use wcmp_auth::call::replay::Counters;
/// let mut stored = 0; // 0 for a new session
/// let mut counters = Counters::resume(stored);
/// for counter in [1, 2, 5] {
///     counters.check(counter)?;
///     if let Some(bound) = counters.to_reserve(counter) {
///         stored = bound; // lasting before it is used
///         counters.reserved(bound);
///     }
///     counters.record(counter);
/// }
/// let counters = Counters::resume(stored); // a restart
/// assert!(counters.check(3).is_err() && counters.check(stored + 1).is_ok());
/// # Ok::<(), wcmp_auth::call::replay::Replayed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    window: Window,
    bound: u64,
}

impl Counters {
    /// With what a store has kept; 0 for a new session.
    #[must_use]
    pub fn resume(stored: u64) -> Counters {
        Counters {
            window: Window::closed(stored),
            bound: stored,
        }
    }

    /// Whether `counter` is good.
    ///
    /// # Errors
    /// [`Replayed`].
    pub fn check(&self, counter: u64) -> Result<(), Replayed> {
        self.window.check(counter)
    }

    /// The smallest counter that is good, unless all are used up.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.window.next()
    }

    /// The bound that has to be stored before `counter` is recorded, if the
    /// stored one does not cover it.
    #[must_use]
    pub fn to_reserve(&self, counter: u64) -> Option<u64> {
        (counter > self.bound).then(|| counter.saturating_add(RESERVE))
    }

    /// Tells that `bound` was stored.
    pub fn reserved(&mut self, bound: u64) {
        self.bound = self.bound.max(bound);
    }

    /// Accepts `counter`, which is good and covered by the stored bound.
    pub fn record(&mut self, counter: u64) {
        self.window.record(counter);
    }
}

/// Why a random nonce is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceRefused {
    /// It was seen.
    Replayed,
    /// [`MAX_NONCES`] are remembered: 429.
    TooMany,
}

/// The random nonces of one token, in memory.
#[derive(Clone, Debug, Default)]
pub struct Nonces {
    // Until when each is remembered.
    until: BTreeMap<RandomNonce, u64>,
    swept: u64,
}

impl Nonces {
    /// None seen.
    #[must_use]
    pub fn new() -> Nonces {
        Nonces::default()
    }

    /// How many are in memory; among them some that may be forgotten.
    #[must_use]
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Whether none is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    /// Whether `nonce` may be recorded.
    ///
    /// # Errors
    /// [`NonceRefused`].
    pub fn check(&mut self, nonce: &RandomNonce, now: u64) -> Result<(), NonceRefused> {
        if self.until.get(nonce).is_some_and(|until| now < *until) {
            return Err(NonceRefused::Replayed);
        }
        // A scan of all: once a minute, or once a second where there is no room.
        let full = self.until.len() >= MAX_NONCES;
        if now.saturating_sub(self.swept) >= if full { 1 } else { 60 } {
            self.until.retain(|_, until| now < *until);
            self.swept = now;
        }
        match self.until.len() < MAX_NONCES {
            true => Ok(()),
            false => Err(NonceRefused::TooMany),
        }
    }

    /// Remembers `nonce` of a call made at `created`.
    pub fn record(&mut self, nonce: RandomNonce, created: u64) {
        self.until
            .insert(nonce, created.saturating_add(NONCE_SECONDS));
    }
}
