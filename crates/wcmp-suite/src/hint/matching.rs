//! Which of my hints are among an envelope's.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::find_hint;
use crate::HINT_LEN;

/// Fewer hints than this are compared with each slot, which needs no preparation.
const WORTH_A_MAP: usize = 4;
/// Up to so many slots, 12 bits of a hint tell it from theirs often enough; beyond,
/// 16 do.
const FEW_SLOTS: usize = 128;
const FEW_BITS: u32 = 12;
const MANY_BITS: u32 = 16;

/// Looks for many hints among an envelope's slots.
///
/// Holds memory of 8 KiB at most, to be used for envelope after envelope.
///
/// # What time reveals
/// Few hints are compared with every slot, by [`find_hint`]: in constant time, but
/// for whether there was a match. Many are first looked up in a map of the slots'
/// first 12 or 16 bits, and only those that share them with a slot are compared. So
/// whoever can measure the time of a single look-up, or watch the processor's cache,
/// learns a few bits of hints *for this envelope*: of keys, nothing; of whether the
/// envelope is mine, as much as from the time of opening it that follows. Somebody
/// who runs programs on the same machine is no adversary of this comparison alone.
///
/// ```
/// use wcmp_suite::HintMatcher;
///
/// let slots = [[1; 16], [3; 16], [5; 16]];
/// let mine = [[9; 16], [5; 16], [2; 16], [1; 16]];
/// let mut found = Vec::new();
/// HintMatcher::new().each(&slots, &mine, |place, slot| found.push((place, slot)));
/// assert_eq!(found, [(1, 2), (3, 0)]);
/// ```
pub struct HintMatcher {
    /// A bit for each value of the first bits of a hint.
    map: Vec<u64>,
}

impl fmt::Debug for HintMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HintMatcher")
    }
}

impl Default for HintMatcher {
    fn default() -> Self {
        HintMatcher::new()
    }
}

impl HintMatcher {
    /// Allocates its memory.
    #[must_use]
    pub fn new() -> HintMatcher {
        HintMatcher {
            map: vec![0; 1 << (MANY_BITS - 6)],
        }
    }

    /// Calls `found` with the place in `wanted` and the slot, for each of `wanted`
    /// that is among `slots`, in the order of `wanted`.
    #[inline]
    pub fn each(
        &mut self,
        slots: &[[u8; HINT_LEN]],
        wanted: &[[u8; HINT_LEN]],
        mut found: impl FnMut(usize, usize),
    ) {
        if wanted.len() < WORTH_A_MAP {
            for (place, hint) in wanted.iter().enumerate() {
                if let Some(slot) = find_hint(slots, hint) {
                    found(place, slot);
                }
            }
            return;
        }
        let bits = if slots.len() <= FEW_SLOTS {
            FEW_BITS
        } else {
            MANY_BITS
        };
        let words = 1 << (bits - 6);
        let map = self.map.get_mut(..words).unwrap_or_default();
        map.fill(0);
        for hint in slots {
            let (word, bit) = place_in_map(hint, bits);
            if let Some(word) = map.get_mut(word) {
                *word |= bit;
            }
        }
        for (place, hint) in wanted.iter().enumerate() {
            let (word, bit) = place_in_map(hint, bits);
            if map.get(word).is_some_and(|word| word & bit != 0)
                && let Some(slot) = find_hint(slots, hint)
            {
                found(place, slot);
            }
        }
    }
}

/// Word and bit of a hint's first bits.
#[inline]
fn place_in_map(hint: &[u8; HINT_LEN], bits: u32) -> (usize, u64) {
    let [first, second, ..] = *hint;
    let index = u16::from_be_bytes([first, second]) >> (16 - bits);
    (usize::from(index >> 6), 1 << (index & 63))
}
