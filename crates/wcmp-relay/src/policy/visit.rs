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

/// What all visits over one link may bring together: as much as one visit may, and in each day as much again, an hour's
/// part at a time. Else whoever comes back again and again has no limit. In memory only, like the visits.
#[derive(Clone, Debug)]
pub struct Allowance {
    whole: VisitLimits,
    spent: (u64, u64),
    hour: u32,
}

impl Allowance {
    /// The whole, at this hour.
    #[must_use]
    pub const fn new(policy: &Policy, now: u32) -> Self {
        Self {
            whole: policy.visit,
            spent: (0, 0),
            hour: now,
        }
    }

    /// Goes on to another hour. A clock that goes back gives nothing.
    pub fn set_now(&mut self, now: u32) {
        let hours = u64::from(now.saturating_sub(self.hour));
        self.hour = self.hour.max(now);
        let back = |whole: u64| (whole / 24).saturating_add(1).saturating_mul(hours);
        self.spent.0 = self.spent.0.saturating_sub(back(self.whole.envelopes));
        self.spent.1 = self.spent.1.saturating_sub(back(self.whole.bytes));
    }

    /// What may still be brought.
    #[must_use]
    pub const fn left(&self) -> VisitLimits {
        VisitLimits {
            envelopes: self.whole.envelopes.saturating_sub(self.spent.0),
            bytes: self.whole.bytes.saturating_sub(self.spent.1),
            ..self.whole
        }
    }

    fn spend(&mut self, envelopes: u64, bytes: u64) {
        self.spent.0 = self.spent.0.saturating_add(envelopes);
        self.spent.1 = self.spent.1.saturating_add(bytes);
    }
}

/// A stick that is read, or a link that is open.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What may be kept, and what might be if this were the link's only visit.
    limits: VisitLimits,
    whole: VisitLimits,
    /// What an allowance was charged with.
    charged: (u64, u64),
    /// Envelopes that did not fit on the medium by themselves.
    pub(crate) misfits: u32,
    /// What became of the envelopes.
    pub tally: Tally,
}

impl Visit {
    /// Begins one, with the whole budget.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            limits: policy.visit,
            whole: policy.visit,
            charged: (0, 0),
            misfits: 0,
            tally: Tally::default(),
        }
    }

    /// Lets a link's allowance bound what is left of this visit, and charges it with what was kept since the last time. To be
    /// called before and after something is taken in.
    pub fn share(&mut self, allowance: &mut Allowance) {
        let (kept, bytes) = (self.tally.kept, self.tally.kept_bytes);
        let (charged, charged_bytes) = self.charged;
        allowance.spend(kept - charged, bytes - charged_bytes);
        self.charged = (kept, bytes);
        let left = allowance.left();
        self.limits.envelopes = self
            .whole
            .envelopes
            .min(kept.saturating_add(left.envelopes));
        self.limits.bytes = self.whole.bytes.min(bytes.saturating_add(left.bytes));
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

    #[test]
    fn a_link_has_one_allowance_for_all_its_visits_and_gets_it_back_in_a_day() {
        let mut policy = Policy::default();
        policy.visit.envelopes = 48;
        policy.visit.bytes = 48_000;
        let mut allowance = Allowance::new(&policy, 100);
        let (mut a, mut b) = (Visit::new(&policy), Visit::new(&policy));
        a.share(&mut allowance);
        for _ in 0..30 {
            assert!(a.allows(100, 0, 0));
            a.tally.keep(100);
        }
        a.share(&mut allowance);
        a.share(&mut allowance);
        assert_eq!(allowance.left().envelopes, 18);
        b.share(&mut allowance);
        assert!(b.allows(100, 17, 0) && !b.allows(100, 18, 0));
        for _ in 0..18 {
            b.tally.keep(2500);
        }
        b.share(&mut allowance);
        assert!(!b.allows(1, 0, 0), "nothing is left for this one");
        a.share(&mut allowance);
        assert!(!a.allows(1, 0, 0), "or for the other");
        assert!(!{
            let mut again = Visit::new(&policy);
            again.share(&mut allowance);
            again.allows(1, 0, 0)
        });
        // An hour gives an hour's part, and a day all.
        allowance.set_now(99);
        assert_eq!(allowance.left().envelopes, 0);
        allowance.set_now(101);
        assert_eq!(allowance.left().envelopes, 3);
        allowance.set_now(125);
        assert_eq!(allowance.left(), policy.visit);
    }
}
