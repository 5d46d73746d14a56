//! Stamps: work that somebody did for an envelope (spec 9.4).
//!
//! ```text
//! stamp of kind 1 = u64 nonce
//! v      = first 8 bytes of H("WCMP v1 stamp" || id || u64 nonce), as integer
//! effort = floor((2^64 - 1) / (v + 1))
//! ```
//! The effort is about the number of nonces that one had to try. It ranks envelopes when a store is full, and is a
//! condition for nothing. A stamp is a label that anybody can put on other people's envelopes, and so a mark by which
//! a copy can be followed: nodes carry stamps only where their policy says so.

use wcmp_wire::{Id, sha256};

use crate::bundle::Stamp;

/// The kind of a stamp that holds a nonce of 8 bytes, big-endian.
pub const KIND_NONCE: u8 = 1;

/// What a stamp beside the envelope of this id is worth: 0 without a stamp, and for every stamp that is not of kind 1
/// with 8 bytes.
///
/// ```
/// use wcmp_relay::bundle::Stamp;
/// use wcmp_relay::effort::effort;
/// use wcmp_wire::Id;
///
/// let id = Id([0; 32]);
/// assert_eq!(effort(Stamp::NONE, &id), 0);
/// assert!(effort(Stamp::new(1, &[0; 8]).unwrap(), &id) >= 1);
/// assert_eq!(effort(Stamp::new(1, &[0; 9]).unwrap(), &id), 0);
/// assert_eq!(effort(Stamp::new(2, &[0; 8]).unwrap(), &id), 0);
/// ```
#[must_use]
pub fn effort(stamp: Stamp<'_>, id: &Id) -> u64 {
    match <[u8; 8]>::try_from(stamp.bytes()) {
        Ok(nonce) if stamp.kind() == KIND_NONCE => of_nonce(id, u64::from_be_bytes(nonce)),
        _ => 0,
    }
}

/// The one of two stamps of the same envelope that is kept: that of the higher effort; at equal effort that of the
/// lesser bytes, kind and length included.
#[must_use]
pub fn merge<'a>(a: Stamp<'a>, b: Stamp<'a>, id: &Id) -> Stamp<'a> {
    let key = |stamp: &Stamp<'a>| (stamp.kind(), stamp.bytes().len(), stamp.bytes());
    let (effort_a, effort_b) = (effort(a, id), effort(b, id));
    if effort_a > effort_b || (effort_a == effort_b && key(&a) <= key(&b)) {
        a
    } else {
        b
    }
}

fn of_nonce(id: &Id, nonce: u64) -> u64 {
    let [
        v @ ..,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    ] = sha256(&[b"WCMP v1 stamp", &id.0, &nonce.to_be_bytes()]);
    // v + 1 needs 65 bits; the quotient never does.
    let effort = u128::from(u64::MAX) / (u128::from(u64::from_be_bytes(v)) + 1);
    u64::try_from(effort).unwrap_or(u64::MAX)
}

/// Looks for a stamp of great effort, nonce after nonce.
///
/// It does a bounded piece of work at a time, so that whoever calls it can show how far it is, and stop. Trying N
/// nonces gives an effort of about N.
///
/// ```
/// use wcmp_relay::effort::{Work, effort};
/// use wcmp_wire::Id;
///
/// let id = Id([7; 32]);
/// let mut work = Work::new(id, 0);
/// while work.effort() < 1000 {
///     work.run(100); // here one would draw a bar, or give up
/// }
/// assert_eq!(effort(work.stamp().stamp(), &id), work.effort());
/// ```
#[derive(Clone, Debug)]
pub struct Work {
    id: Id,
    next: u64,
    tried: u64,
    best: u64,
    found: NonceStamp,
}

/// A stamp of kind 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NonceStamp([u8; 8]);

impl NonceStamp {
    /// As it stands beside an envelope.
    #[must_use]
    pub fn stamp(&self) -> Stamp<'_> {
        Stamp::new(KIND_NONCE, &self.0).unwrap_or(Stamp::NONE)
    }
}

impl Work {
    /// For the envelope of this id. The first nonce tried is `start`: a random one, or stamps tell who started where.
    #[must_use]
    pub fn new(id: Id, start: u64) -> Self {
        let mut work = Self {
            id,
            next: start,
            tried: 0,
            best: 0,
            found: NonceStamp(start.to_be_bytes()),
        };
        work.run(1);
        work
    }

    /// Tries so many further nonces.
    pub fn run(&mut self, nonces: u64) {
        for _ in 0..nonces {
            let effort = of_nonce(&self.id, self.next);
            if effort > self.best {
                self.best = effort;
                self.found = NonceStamp(self.next.to_be_bytes());
            }
            self.next = self.next.wrapping_add(1);
        }
        self.tried = self.tried.saturating_add(nonces);
    }

    /// The greatest effort found so far, at least 1.
    #[must_use]
    pub const fn effort(&self) -> u64 {
        self.best
    }

    /// The stamp of that effort.
    #[must_use]
    pub const fn stamp(&self) -> NonceStamp {
        self.found
    }

    /// How many nonces were tried.
    #[must_use]
    pub const fn tried(&self) -> u64 {
        self.tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with the independent implementation in tests/foreign/wcmp.py.
    const KNOWN: [([u8; 32], u64, u64); 4] = [
        ([0; 32], 0, 15),
        (
            [
                0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                23, 24, 25, 26, 27, 28, 29, 30, 31,
            ],
            1,
            1,
        ),
        ([0xff; 32], u64::MAX, 1),
        ([7; 32], 708339, 14419359),
    ];

    #[test]
    fn known_efforts() {
        for (id, nonce, wanted) in KNOWN {
            let bytes = nonce.to_be_bytes();
            let stamp = Stamp::new(KIND_NONCE, &bytes).unwrap();
            assert_eq!(effort(stamp, &Id(id)), wanted);
        }
    }

    #[test]
    fn the_search_finds_the_best_of_what_it_tried() {
        let id = Id([3; 32]);
        let start = u64::MAX - 500;
        let mut work = Work::new(id, start);
        work.run(0);
        work.run(999);
        assert_eq!(work.tried(), 1000);
        let all = (0..1000).map(|i| of_nonce(&id, start.wrapping_add(i)));
        assert_eq!(work.effort(), all.max().unwrap());
        assert_eq!(effort(work.stamp().stamp(), &id), work.effort());
        assert_eq!(
            effort(work.stamp().stamp(), &Id([4; 32])) == work.effort(),
            false
        );
    }

    #[test]
    fn merging_keeps_the_effort_and_then_the_lesser_bytes() {
        let id = Id([3; 32]);
        let (one, two) = (1u64.to_be_bytes(), 2u64.to_be_bytes());
        let one = Stamp::new(1, &one).unwrap();
        let two = Stamp::new(1, &two).unwrap();
        let best = if effort(one, &id) > effort(two, &id) {
            one
        } else {
            two
        };
        let other = Stamp::new(9, b"label").unwrap();
        let longer = Stamp::new(1, b"nine byte").unwrap();
        for (a, b, kept) in [
            (one, two, best),
            (one, other, one),
            (one, longer, one),
            (one, Stamp::NONE, one),
            (Stamp::NONE, other, Stamp::NONE),
            (longer, other, longer),
            (
                Stamp::new(9, b"a").unwrap(),
                Stamp::new(9, b"b").unwrap(),
                Stamp::new(9, b"a").unwrap(),
            ),
            // Length comes before the bytes.
            (
                Stamp::new(9, b"b").unwrap(),
                Stamp::new(9, b"aa").unwrap(),
                Stamp::new(9, b"b").unwrap(),
            ),
        ] {
            assert_eq!(merge(a, b, &id), kept);
            assert_eq!(merge(b, a, &id), kept);
        }
    }
}
