//! What one visit brought: counted, and limited. Kept in memory only, since who brought what is never stored (spec
//! 9.2).

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::{Policy, Reason, VisitLimits};

/// How many envelopes were kept, and how many dropped for which reason.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Envelopes that are in the store now and were not before.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
    dropped: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts a kept one.
    pub fn keep(&mut self, size: u32) {
        self.kept += 1;
        self.kept_bytes += u64::from(size);
    }

    /// Counts a dropped one.
    pub fn drop(&mut self, reason: Reason<'_>) {
        match self.dropped.get_mut(reason.0) {
            Some(count) => *count += 1,
            None => {
                self.dropped.insert(reason.0.into(), 1);
            }
        }
    }

    /// How many were dropped for which reason, in the order of the reasons' names.
    pub fn dropped(&self) -> impl Iterator<Item = (Reason<'_>, u64)> {
        let each = self.dropped.iter();
        each.map(|(reason, count)| (Reason(reason), *count))
    }

    /// How many were dropped for this reason.
    #[must_use]
    pub fn dropped_for(&self, reason: Reason<'_>) -> u64 {
        self.dropped.get(reason.0).copied().unwrap_or(0)
    }
}

/// A stick that is read, or a link that is open.
#[derive(Clone, Debug)]
pub struct Visit {
    limits: VisitLimits,
    /// What became of the envelopes.
    pub tally: Tally,
}

impl Visit {
    /// Begins one, with the whole budget.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            limits: policy.visit,
            tally: Tally::default(),
        }
    }

    /// Whether the budget has room for an envelope of this size, with so many that are about to be kept.
    #[must_use]
    pub fn allows(&self, size: u32, pending: u64, pending_bytes: u64) -> bool {
        let envelopes = self.tally.kept.saturating_add(pending);
        let bytes = self.tally.kept_bytes.saturating_add(pending_bytes);
        envelopes < self.limits.envelopes && bytes.saturating_add(size.into()) <= self.limits.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_by_what_is_kept() {
        let mut policy = Policy::default();
        policy.visit.envelopes = 3;
        policy.visit.bytes = 1000;
        let mut visit = Visit::new(&policy);
        assert!(visit.allows(1000, 0, 0) && !visit.allows(1001, 0, 0));
        for _ in 0..9 {
            visit.tally.drop(Reason::KNOWN);
        }
        visit.tally.keep(400);
        assert!(visit.allows(600, 0, 0) && !visit.allows(601, 0, 0));
        assert!(visit.allows(500, 1, 100) && !visit.allows(501, 1, 100));
        assert!(visit.allows(1, 1, 0) && !visit.allows(1, 2, 0));
        assert_eq!(visit.tally.dropped_for(Reason::KNOWN), 9);
        assert_eq!(visit.tally.dropped().count(), 1);
    }
}
