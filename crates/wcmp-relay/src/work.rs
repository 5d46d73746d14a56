//! Making stamps: work that somebody does for an envelope (spec 9.4). What a stamp is worth, [`Stamp::effort`] tells.
//!
//! ```text
//! stamp of kind 1 = u64 nonce
//! v      = first 8 bytes of H("WCMP v1 stamp" || id || u64 nonce), as integer
//! effort = floor((2^64 - 1) / (v + 1))
//! ```
//! The effort is about the number of nonces that one had to try. It ranks envelopes when a store is full, and is a
//! condition for nothing. A stamp is a label that anybody can put on other people's envelopes, and so a mark by which
//! a copy can be followed: nodes carry stamps only where their policy says so.

use wcmp_wire::Id;

use crate::bundle::Stamp;

/// Looks for a stamp of great effort, nonce after nonce.
///
/// It does a bounded piece of work at a time, so that whoever calls it can show how far it is, and stop. Trying N
/// nonces gives an effort of about N.
///
/// ```
/// use wcmp_relay::bundle::Stamp;
/// use wcmp_relay::work::Work;
/// use wcmp_wire::Id;
///
/// let id = Id([7; 32]);
/// let mut work = Work::new(id, 0);
/// while work.effort() < 1000 {
///     work.run(100); // here one would draw a bar, or give up
/// }
/// assert_eq!(Stamp::work(&work.nonce()).effort(&id), work.effort());
/// ```
#[derive(Clone, Debug)]
pub struct Work {
    id: Id,
    next: u64,
    tried: u64,
    best: u64,
    found: [u8; 8],
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
            found: start.to_be_bytes(),
        };
        work.run(1);
        work
    }

    /// Tries so many further nonces.
    pub fn run(&mut self, nonces: u64) {
        for _ in 0..nonces {
            let nonce = self.next.to_be_bytes();
            let effort = Stamp::work(&nonce).effort(&self.id);
            if effort > self.best {
                self.best = effort;
                self.found = nonce;
            }
            self.next = self.next.wrapping_add(1);
        }
        self.tried = self.tried.saturating_add(nonces);
    }

    /// The greatest effort found so far.
    #[must_use]
    pub const fn effort(&self) -> u64 {
        self.best
    }

    /// The nonce of that effort: what [`Stamp::work`] takes.
    #[must_use]
    pub const fn nonce(&self) -> [u8; 8] {
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
            assert_eq!(Stamp::work(&bytes).effort(&Id(id)), wanted);
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
        let efforts = (0..1000u64).map(|i| {
            let nonce = start.wrapping_add(i).to_be_bytes();
            Stamp::work(&nonce).effort(&id)
        });
        assert_eq!(work.effort(), efforts.max().unwrap());
        assert_eq!(Stamp::work(&work.nonce()).effort(&id), work.effort());
        assert_ne!(
            Stamp::work(&work.nonce()).effort(&Id([4; 32])),
            work.effort()
        );
    }
}
