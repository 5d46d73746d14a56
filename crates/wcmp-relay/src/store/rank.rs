//! What goes first when a store is full (spec 9.4).

use core::cmp::Ordering;

/// The worth of an envelope to a full store: (effort + 1) / (size · max(1, expires - now)), compared exactly. One that has
/// expired, and only waits for its day to be over, is worth less than any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worth {
    effort: u64,
    /// Byte-hours: 25 + 32 bits.
    burden: u64,
}

impl Worth {
    pub(super) fn new(effort: u64, size: u32, expires: u32, now: u32) -> Self {
        if expires < now {
            return Self {
                effort: 0,
                burden: u64::MAX,
            };
        }
        Self {
            effort,
            burden: u64::from(size) * u64::from(expires.saturating_sub(now).max(1)),
        }
    }
}

impl Ord for Worth {
    fn cmp(&self, other: &Self) -> Ordering {
        // 65 and 64 bits would not fit, but a size of an envelope has 25 bits.
        let cross = |a: &Self, b: &Self| (u128::from(a.effort) + 1) * u128::from(b.burden);
        cross(self, other).cmp(&cross(other, self))
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worth {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Worth {}

#[cfg(test)]
mod tests {
    use super::Worth;

    #[test]
    fn large_long_lived_and_effortless_envelopes_are_worth_less() {
        let worth = |effort, size, left: u32| Worth::new(effort, size, 1000 + left, 1000);
        assert!(worth(0, 2048, 24) < worth(0, 1024, 24));
        assert!(worth(0, 1024, 48) < worth(0, 1024, 24));
        assert!(worth(0, 1024, 24) < worth(1, 1024, 24));
        assert_eq!(worth(0, 1024, 24), worth(1, 1024, 48));
        assert_eq!(worth(0, 1024, 0), worth(0, 1024, 1));
        assert_eq!(Worth::new(0, 9, 1000, 1000), Worth::new(0, 9, 1001, 1000));
    }

    #[test]
    fn what_has_expired_goes_first() {
        let expired = Worth::new(u64::MAX, 1, 999, 1000);
        assert!(expired < Worth::new(0, 1 << 24, u32::MAX, 1000));
        assert_eq!(expired, Worth::new(0, 9, 3, 1000));
    }

    #[test]
    fn the_greatest_numbers_are_compared_exactly() {
        let most = Worth::new(u64::MAX, 1 << 24, u32::MAX, 0);
        let less = Worth::new(u64::MAX - 1, 1 << 24, u32::MAX, 0);
        assert!(less < most);
        assert!(most < Worth::new(u64::MAX, 1, u32::MAX, 0));
    }
}
