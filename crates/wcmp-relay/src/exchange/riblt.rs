//! Rateless set reconciliation: two sets of ids are compared at a cost that depends on their difference alone.
//!
//! One side describes its set by an endless sequence of [`Symbol`]s; the other subtracts its own and takes the rest
//! apart. For d differences about 1.36·d symbols are enough (1.72·d for the smallest d), whichever side has more and
//! however many ids both have, and neither has to know d. The idea is that of Yang, Gilad, Alizadeh, *Practical
//! Rateless Set Reconciliation* (2024); mapping and symbols are our own and are a wire format (docs/spec/exchange.md 3):
//!
//! ```text
//! short(id)   = SipHash-2-4-128(key 0, id)            16 bytes, as its reference implementation writes them
//! check(s)    = SipHash-2-4(key 1, s)                 u64
//! r(s, n)     = SplitMix64 with seed check(s), output n = 0, 1, ...
//! index(s, 0) = 0
//! index(s, n + 1) = i + 1 + floor((2i + 3)(2^32 - t) / 2t),   i = index(s, n),  t = 1 + max(high, low half of r(s, n))
//! symbol(i)   = XOR of s || check(s) over all s in the set that have i among their indices
//! ```
//!
//! The larger of two uniform numbers is distributed as the root of one, so that s is part of symbol i with
//! probability 2 / (i + 2), without a root and without floating point.
//!
//! **Bounds.** The keys are drawn for one exchange, hence nobody can choose ids that collide, or that share all their
//! symbols. A peer knows the keys and may send any symbols. It cannot make a [`Decoder`] do more than a fixed number
//! of steps for each symbol, nor find more ids than it sent symbols; what it makes us find is only its own claim.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::fmt;

use siphasher::sip::SipHasher24;
use siphasher::sip128;
use wcmp_wire::Id;

/// Most symbols of a sequence; indices from here on do not exist.
pub const MAX_SYMBOLS: u32 = 1 << 24;

/// Bytes of a symbol on the wire.
pub const SYMBOL_LEN: usize = 24;

/// An id under the keys of one exchange. As an integer, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Short(pub u128);

impl Short {
    /// Its bytes on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From its bytes on the wire.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// The two SipHash keys of one exchange.
#[derive(Clone, Copy)]
pub struct Keys {
    id: [u8; 16],
    check: [u8; 16],
}

// They are known to both sides and to nobody else.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Key 0 is the first half of these bytes, key 1 the second.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let (mut id, mut check) = ([0; 16], [0; 16]);
        let (first, second) = bytes.split_at(16);
        id.copy_from_slice(first);
        check.copy_from_slice(second);
        Self { id, check }
    }

    /// What an id is called in this exchange.
    #[must_use]
    pub fn short(&self, id: &Id) -> Short {
        let hash = sip128::SipHasher24::new_with_key(&self.id).hash(&id.0);
        Short::from_bytes(hash.as_bytes())
    }

    fn check(&self, short: u128) -> u64 {
        SipHasher24::new_with_key(&self.check).hash(&short.to_be_bytes())
    }
}

/// One element of a sequence: the XOR of some ids and of their checks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Symbol {
    sum: u128,
    check: u64,
}

impl Symbol {
    /// Its bytes on the wire: the ids' sum, the checks' sum, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SYMBOL_LEN] {
        let mut bytes = [0; SYMBOL_LEN];
        let (sum, check) = bytes.split_at_mut(16);
        sum.copy_from_slice(&self.sum.to_be_bytes());
        check.copy_from_slice(&self.check.to_be_bytes());
        bytes
    }

    /// From its bytes on the wire. Any bytes are a symbol.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; SYMBOL_LEN]) -> Self {
        let (mut sum, mut check) = ([0; 16], [0; 8]);
        let (first, second) = bytes.split_at(16);
        sum.copy_from_slice(first);
        check.copy_from_slice(second);
        Self {
            sum: u128::from_be_bytes(sum),
            check: u64::from_be_bytes(check),
        }
    }

    fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn add(&mut self, sum: u128, check: u64) {
        self.sum ^= sum;
        self.check ^= check;
    }
}

/// The indices of one id, ascending.
#[derive(Clone, Copy)]
struct Walk {
    check: u64,
    /// The index it stands at; [`MAX_SYMBOLS`] once there is no further one.
    index: u32,
    steps: u32,
}

impl Walk {
    const fn new(check: u64) -> Self {
        Self {
            check,
            index: 0,
            steps: 0,
        }
    }

    fn advance(&mut self) {
        self.steps += 1;
        let mut r = self
            .check
            .wrapping_add(u64::from(self.steps).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        r = (r ^ (r >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        r = (r ^ (r >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        r ^= r >> 31;
        let t = (r >> 32).max(r & 0xFFFF_FFFF) + 1;
        // No product overflows: the index is below 2^24, the difference below 2^32.
        let gap = (2 * u64::from(self.index) + 3) * ((1 << 32) - t) / (2 * t);
        let index = u64::from(self.index) + 1 + gap;
        self.index = u32::try_from(index).map_or(MAX_SYMBOLS, |index| index.min(MAX_SYMBOLS));
    }
}

/// A set of ids, and the sequence of symbols that describes it.
///
/// It takes 32 bytes an id; symbols are made in blocks that grow with the sequence.
pub struct Sketch {
    keys: Keys,
    /// Ascending, each once.
    shorts: Vec<u128>,
    walks: Vec<Walk>,
    block: Vec<Symbol>,
    /// The index of the block's first symbol, and the next place in it.
    start: u32,
    at: usize,
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({} ids, ..)", self.shorts.len())
    }
}

/// Symbols of the first block, and of the largest ones.
const FIRST_BLOCK: u32 = 64;
const LAST_BLOCK: u32 = 1 << 16;

impl Sketch {
    /// Of the set of these ids; one that is there twice counts once.
    #[must_use]
    pub fn new(keys: Keys, mut shorts: Vec<Short>) -> Self {
        shorts.sort_unstable();
        shorts.dedup();
        let shorts: Vec<u128> = shorts.into_iter().map(|short| short.0).collect();
        let walks = shorts.iter().map(|s| Walk::new(keys.check(*s))).collect();
        Self {
            keys,
            shorts,
            walks,
            block: Vec::new(),
            start: 0,
            at: 0,
        }
    }

    /// The number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shorts.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shorts.is_empty()
    }

    /// Whether the id is in the set.
    #[must_use]
    pub fn contains(&self, short: Short) -> bool {
        self.shorts.binary_search(&short.0).is_ok()
    }

    /// The next symbol of the sequence; `None` after [`MAX_SYMBOLS`].
    pub fn next_symbol(&mut self) -> Option<Symbol> {
        if self.at == self.block.len() {
            self.fill();
        }
        let symbol = self.block.get(self.at).copied()?;
        self.at += 1;
        Some(symbol)
    }

    /// Makes the next block. As blocks grow, few of them go over all ids; most of the work is for ids in the block.
    fn fill(&mut self) {
        // A block has at most LAST_BLOCK symbols.
        self.start += u32::try_from(self.block.len()).unwrap_or(LAST_BLOCK);
        self.at = 0;
        let len = self.start.clamp(FIRST_BLOCK, LAST_BLOCK);
        let end = MAX_SYMBOLS.min(self.start + len);
        self.block.clear();
        self.block
            .resize((end - self.start) as usize, Symbol::default());
        for (short, walk) in self.shorts.iter().zip(&mut self.walks) {
            while walk.index < end {
                if let Some(symbol) = self.block.get_mut((walk.index - self.start) as usize) {
                    symbol.add(*short, walk.check);
                }
                walk.advance();
            }
        }
    }
}

/// The symbols contradict each other, or describe more than they can: whoever sent them lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inconsistent;

impl fmt::Display for Inconsistent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("symbols that describe no set")
    }
}

impl core::error::Error for Inconsistent {}

/// What one set has and the other has not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Difference {
    /// In our own set only, ascending.
    pub ours: Vec<Short>,
    /// In the described set only, ascending: so its describer says.
    pub theirs: Vec<Short>,
}

/// Finds the difference between one's own set and one that comes as symbols.
///
/// ```
/// use wcmp_relay::exchange::riblt::{Decoder, Keys, Sketch};
/// use wcmp_wire::Id;
///
/// let keys = Keys::new(&[7; 32]); // drawn for this exchange
/// let set = |range: core::ops::Range<u8>| range.map(|n| keys.short(&Id([n; 32]))).collect();
/// let mut theirs = Sketch::new(keys, set(0..200));
/// let mut decoder = Decoder::new(Sketch::new(keys, set(1..203)));
/// while !decoder.push(theirs.next_symbol().unwrap())? {}
/// let difference = decoder.finish()?;
/// assert_eq!((difference.ours.len(), difference.theirs.len()), (3, 1));
/// # Ok::<(), wcmp_relay::exchange::riblt::Inconsistent>(())
/// ```
pub struct Decoder {
    own: Sketch,
    /// Their symbols less ours, less what was found.
    symbols: Vec<Symbol>,
    found: Vec<u128>,
    /// Where the found ids come next, beyond the symbols that are here.
    ahead: BinaryHeap<Reverse<Ahead>>,
    steps: u64,
}

/// A found id and its next index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ahead {
    index: u32,
    steps: u32,
    check: u64,
    short: u128,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (symbols, found) = (self.symbols.len(), self.found.len());
        write!(f, "Decoder({symbols} symbols, {found} ids found, ..)")
    }
}

/// So many steps of walks for each symbol are enough: an id takes 2 ln m of them in m symbols, 32 in the longest
/// sequence, and there are fewer ids than symbols.
const STEPS_PER_SYMBOL: u64 = 64;
const STEPS_AT_ONCE: u64 = 4096;

impl Decoder {
    /// For the difference to this set, of which no symbol was taken yet.
    #[must_use]
    pub fn new(own: Sketch) -> Self {
        Self {
            own,
            symbols: Vec::new(),
            found: Vec::new(),
            ahead: BinaryHeap::new(),
            steps: 0,
        }
    }

    /// Symbols so far.
    #[must_use]
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Takes the next symbol of the other set. Tells whether the difference is known.
    ///
    /// # Errors
    /// [`Inconsistent`] if no set has such symbols, or after [`MAX_SYMBOLS`].
    pub fn push(&mut self, theirs: Symbol) -> Result<bool, Inconsistent> {
        let own = self.own.next_symbol().ok_or(Inconsistent)?;
        let at = self.symbols.len();
        let mut symbol = theirs;
        symbol.add(own.sum, own.check);
        while let Some(Reverse(next)) = self.ahead.peek().copied() {
            if next.index as usize != at {
                break;
            }
            symbol.add(next.short, next.check);
            let mut walk = Walk {
                check: next.check,
                index: next.index,
                steps: next.steps,
            };
            self.step(&mut walk)?;
            self.ahead.pop();
            self.look_ahead(walk, next.short);
        }
        self.symbols.push(symbol);
        if self.is_pure(symbol) {
            self.peel(at)?;
        }
        Ok(self.is_complete())
    }

    /// Whether everything is found: symbol 0 has every id in it.
    fn is_complete(&self) -> bool {
        self.symbols.first().is_some_and(|first| first.is_zero())
    }

    /// The difference, so far as it is known.
    ///
    /// # Errors
    /// [`Inconsistent`] if an id was found twice.
    pub fn finish(self) -> Result<Difference, Inconsistent> {
        let mut found = self.found;
        found.sort_unstable();
        if found
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return Err(Inconsistent);
        }
        let (ours, theirs) = found
            .into_iter()
            .map(Short)
            .partition(|short| self.own.contains(*short));
        Ok(Difference { ours, theirs })
    }

    /// Whether one id is in the symbol, and no other.
    fn is_pure(&self, symbol: Symbol) -> bool {
        !symbol.is_zero() && self.own.keys.check(symbol.sum) == symbol.check
    }

    /// Takes the id at this place out of all symbols, and those that become pure by it.
    fn peel(&mut self, at: usize) -> Result<(), Inconsistent> {
        let mut pure = alloc::vec![at];
        while let Some(at) = pure.pop() {
            let Some(symbol) = self.symbols.get(at).copied() else {
                continue;
            };
            // Another one of the same id may have come before it.
            if !self.is_pure(symbol) {
                continue;
            }
            // Each pure symbol is spent on its id.
            if self.found.len() == self.symbols.len() {
                return Err(Inconsistent);
            }
            self.found.push(symbol.sum);
            let mut walk = Walk::new(symbol.check);
            while let Some(met) = self.symbols.get_mut(walk.index as usize) {
                met.add(symbol.sum, symbol.check);
                let (met, index) = (*met, walk.index as usize);
                if self.is_pure(met) {
                    pure.push(index);
                }
                self.step(&mut walk)?;
            }
            self.look_ahead(walk, symbol.sum);
            // An id in a symbol that is none of its own.
            if self.symbols.get(at).is_some_and(|left| !left.is_zero()) {
                return Err(Inconsistent);
            }
        }
        Ok(())
    }

    fn step(&mut self, walk: &mut Walk) -> Result<(), Inconsistent> {
        self.steps += 1;
        if self.steps > STEPS_AT_ONCE + STEPS_PER_SYMBOL * (self.symbols.len() as u64 + 1) {
            return Err(Inconsistent);
        }
        walk.advance();
        Ok(())
    }

    fn look_ahead(&mut self, walk: Walk, short: u128) {
        if walk.index < MAX_SYMBOLS {
            self.ahead.push(Reverse(Ahead {
                index: walk.index,
                steps: walk.steps,
                check: walk.check,
                short,
            }));
        }
    }
}
