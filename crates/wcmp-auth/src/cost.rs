//! Costs and chain positions, and the bounds inside which anybody works (auth 3,
//! "Client checks BEFORE any work").

use alloc::vec::Vec;

use crate::Kdf;

/// What one stretch costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cost {
    /// PBKDF2-HMAC-SHA256.
    Pbkdf2 {
        /// c0.
        iterations: u32,
    },
    /// Argon2id v0x13.
    Argon2id {
        /// KiB.
        memory_kib: u32,
        /// Passes.
        time: u32,
        /// Lanes.
        lanes: u32,
    },
}

impl Cost {
    /// The KDF that this is a cost of.
    #[must_use]
    pub const fn kdf(&self) -> Kdf {
        match self {
            Cost::Pbkdf2 { .. } => Kdf::Pbkdf2,
            Cost::Argon2id { .. } => Kdf::Argon2id,
        }
    }

    /// 600 000 iterations of PBKDF2.
    pub const PBKDF2: Cost = Cost::Pbkdf2 {
        iterations: MIN_ITERATIONS,
    };
    /// 64 MiB, 3 passes, one lane of Argon2id.
    pub const ARGON2ID: Cost = Cost::Argon2id {
        memory_kib: 65_536,
        time: 3,
        lanes: 1,
    };

    /// Whether any part of this is lower than in `other`, of the same KDF.
    pub(crate) fn any_lower_than(&self, other: &Cost) -> bool {
        match (self, other) {
            (Cost::Pbkdf2 { iterations: a }, Cost::Pbkdf2 { iterations: b }) => a < b,
            (
                Cost::Argon2id {
                    memory_kib: m,
                    time: t,
                    lanes: l,
                },
                Cost::Argon2id {
                    memory_kib: m0,
                    time: t0,
                    lanes: l0,
                },
            ) => m < m0 || t < t0 || l < l0,
            // 3 may follow 1, not the reverse.
            (Cost::Argon2id { .. }, Cost::Pbkdf2 { .. }) => false,
            (Cost::Pbkdf2 { .. }, Cost::Argon2id { .. }) => true,
        }
    }
}

/// The least iterations of PBKDF2 that a client takes, unless configured lower.
pub const MIN_ITERATIONS: u32 = 600_000;
/// What no configuration goes below.
pub const FLOOR_ITERATIONS: u32 = 100_000;

/// All parameters of a record but its salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// KDF and cost of the stretch.
    pub cost: Cost,
    /// Iterations of one step.
    pub cs: u32,
    /// The position that a login shows: below N, so that the record does not log in.
    pub p: u32,
    /// The position of the record.
    pub n: u32,
}

impl Parameters {
    /// The defaults of auth 2 with this cost: cs = 1, P = 1, N = 2; M is 3.
    #[must_use]
    pub const fn new(cost: Cost) -> Parameters {
        Parameters {
            cost,
            cs: 1,
            p: 1,
            n: 2,
        }
    }

    /// cost.., cs, P, N as fields.
    pub(crate) fn fields(&self) -> Vec<[u8; 4]> {
        let Parameters { cost, cs, p, n } = *self;
        let mut fields = match cost {
            Cost::Pbkdf2 { iterations } => Vec::from([iterations]),
            Cost::Argon2id {
                memory_kib,
                time,
                lanes,
            } => Vec::from([memory_kib, time, lanes]),
        };
        fields.extend([cs, p, n]);
        fields.into_iter().map(u32::to_be_bytes).collect()
    }

    /// The bounds inside which a client works for a server that names position
    /// `m`. `min_iterations` below [`FLOOR_ITERATIONS`] counts as that.
    ///
    /// # Errors
    /// The [`Bound`] that does not hold.
    pub fn check(&self, m: u32, min_iterations: u32) -> Result<(), Bound> {
        let Parameters { cost, cs, p, n } = *self;
        let steps = 1 <= p && p < n && n < m && m - n <= 1000 && n - p <= 4096 && m <= 11_002;
        if !steps {
            return Err(Bound::Steps);
        }
        let work = u64::from(cs) * u64::from(m);
        let (cost, work) = match cost {
            Cost::Pbkdf2 { iterations } => (
                iterations >= min_iterations.max(FLOOR_ITERATIONS),
                u64::from(iterations) + work,
            ),
            Cost::Argon2id {
                memory_kib,
                time,
                lanes,
            } => (
                u64::from(memory_kib) * u64::from(time) >= 19_456
                    && memory_kib <= 1 << 20
                    && time <= 64
                    && (1..=16).contains(&lanes)
                    && memory_kib >= 8 * lanes,
                work,
            ),
        };
        if (1..=1000).contains(&cs) && cost && work <= 10_000_000 {
            Ok(())
        } else {
            Err(Bound::Cost)
        }
    }
}

/// A bound that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// P, N, M.
    Steps,
    /// The stretch, or cs.
    Cost,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pbkdf2(iterations: u32, cs: u32, [p, n, m]: [u32; 3]) -> Result<(), Bound> {
        let cost = Cost::Pbkdf2 { iterations };
        Parameters { cost, cs, p, n }.check(m, MIN_ITERATIONS)
    }

    #[test]
    fn steps_have_bounds() {
        for good in [
            [1, 2, 3],
            [1, 4097, 5097],
            [5906, 10_002, 11_002],
            [5907, 10_002, 10_003],
        ] {
            assert_eq!(pbkdf2(600_000, 1, good), Ok(()), "{good:?}");
        }
        for bad in [
            [0, 1, 2],
            [1, 1, 2],
            [2, 1, 3],
            [1, 2, 2],
            [1, 3, 2],
            [1, 2, 1003],
            [1, 4098, 4099],
            [10_002, 10_003, 11_003],
            [u32::MAX, u32::MAX, u32::MAX],
            [0, 0, 0],
            [1, 2, u32::MAX],
        ] {
            assert_eq!(pbkdf2(600_000, 1, bad), Err(Bound::Steps), "{bad:?}");
        }
    }

    #[test]
    fn costs_have_bounds() {
        let s = [1, 2, 3];
        assert_eq!(pbkdf2(9_999_997, 1, s), Ok(()));
        for (iterations, cs) in [
            (9_999_998, 1),
            (u32::MAX, 1),
            (599_999, 1),
            (0, 1),
            (600_000, 0),
            (600_000, 1001),
        ] {
            assert_eq!(
                pbkdf2(iterations, cs, s),
                Err(Bound::Cost),
                "{iterations} {cs}"
            );
        }
        let lowered = Parameters::new(Cost::Pbkdf2 {
            iterations: 100_000,
        });
        assert_eq!(lowered.check(3, 0), Ok(()));
        let too_low = Parameters::new(Cost::Pbkdf2 { iterations: 99_999 });
        assert_eq!(too_low.check(3, 0), Err(Bound::Cost));

        let argon = |memory_kib, time, lanes| {
            Parameters::new(Cost::Argon2id {
                memory_kib,
                time,
                lanes,
            })
            .check(3, 0)
        };
        for good in [(19_456, 1, 1), (304, 64, 16), (1 << 20, 64, 16)] {
            assert_eq!(argon(good.0, good.1, good.2), Ok(()), "{good:?}");
        }
        for bad in [
            (19_455, 1, 1),
            (303, 64, 1),
            ((1 << 20) + 1, 1, 1),
            (u32::MAX, u32::MAX, 1),
            (19_456, 65, 1),
            (19_456, 0, 1),
            (19_456, 2, 0),
            (19_456, 2, 17),
            (127, 64, 16),
        ] {
            assert_eq!(argon(bad.0, bad.1, bad.2), Err(Bound::Cost), "{bad:?}");
        }
    }
}
