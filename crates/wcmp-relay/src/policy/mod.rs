//! What a node takes in: rules over what everybody can see of an envelope.
//!
//! A [`Policy`] is data: limits, and further rules made of [`Condition`]s. It is judged in phases, the cheap ones
//! first:
//!
//! | phase | looks at | by |
//! |---|---|---|
//! | A | the envelope's public fields and the clock; then what is left of the visit's budget | [`Policy::judge`] without effort, [`Visit`] |
//! | B | whether it is known; if there is no room, the effort of its stamp | the store, [`Policy::judge`] with effort |
//! | C | room: the store evicts the least by spec 9.4 | the store's quota |
//!
//! Each rule keeps, drops for a reason that is counted, or defers: it cannot tell in this phase. A rule that defers to
//! the end keeps. Nothing here can look at keys, contacts or at whom an envelope came from.
//!
//! ```
//! use wcmp_relay::policy::{Condition, Field, Header, Named, Policy, Reason, Subject, Verdict};
//!
//! let mut policy = Policy::default();
//! // More than 64 KiB only with work.
//! let small = Condition::within(Field::Size, 0..=65_536);
//! let stamped = Condition::within(Field::Effort, 1_000_000..=u64::MAX);
//! policy.push(Named::keep("large-needs-work", Condition::Any(vec![Box::new(small), Box::new(stamped)])));
//!
//! let header = Header { suite: 0x0101, expires: 494_100, size: 70_000, slots: 4 };
//! let mut subject = Subject { header, now: 494_000, effort: None };
//! assert_eq!(policy.judge(&subject), Verdict::Defer); // the stamp was not looked at yet
//! subject.effort = Some(5);
//! assert_eq!(policy.judge(&subject), Verdict::Drop(Reason("large-needs-work")));
//! subject.header.size = 1 << 21;
//! assert_eq!(policy.judge(&subject), Verdict::Drop(Reason::LARGE));
//! ```

mod condition;
#[cfg(feature = "policy")]
mod file;
mod visit;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use wcmp_wire::EnvelopeRef;

use crate::store::Quota;

pub use condition::{Condition, Field, Named};
#[cfg(feature = "policy")]
pub use file::FileError;
pub use visit::{Allowance, Tally, Visit};

/// Longest lifetime that any node takes, in hours: the longest that senders choose (spec 9.2).
pub const MAX_LIFETIME: u32 = 720;

/// By so many hours clocks may differ before an envelope seems to be from the future (spec 9.2).
pub const CLOCK_TOLERANCE: u32 = 24;

/// Longest hold, in hours.
pub const MAX_HOLD: u32 = 24;

/// What everybody can see of an envelope and rules look at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// The suite's number, perhaps of one that nobody here knows.
    pub suite: u16,
    /// The last hour in which it may be handed on.
    pub expires: u32,
    /// Bytes.
    pub size: u32,
    /// Slots, dummies among them.
    pub slots: u32,
}

impl From<&EnvelopeRef<'_>> for Header {
    fn from(envelope: &EnvelopeRef<'_>) -> Self {
        // A parsed envelope has at most 2^24 bytes.
        let fits = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self {
            suite: envelope.suite(),
            expires: envelope.expires(),
            size: fits(envelope.as_bytes().len()),
            slots: fits(envelope.slots()),
        }
    }
}

/// What is judged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subject {
    /// The envelope.
    pub header: Header,
    /// The hour.
    pub now: u32,
    /// The effort of its stamp; `None` as long as nobody has looked.
    pub effort: Option<u64>,
}

/// Why an envelope was dropped: a word that is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reason<'a>(pub &'a str);

impl Reason<'_> {
    /// Its last hour has passed.
    pub const EXPIRED: Reason<'static> = Reason("expired");
    /// It expires later than any that was sealed by now could.
    pub const AHEAD: Reason<'static> = Reason("too-far-ahead");
    /// More bytes than the policy allows.
    pub const LARGE: Reason<'static> = Reason("too-large");
    /// More slots than the policy allows.
    pub const SLOTS: Reason<'static> = Reason("too-many-slots");
    /// A suite that is not on the policy's list.
    pub const SUITE: Reason<'static> = Reason("suite");
    /// This visit has brought as much as a visit may.
    pub const BUDGET: Reason<'static> = Reason("budget");
    /// It is in the store already.
    pub const KNOWN: Reason<'static> = Reason("known");
    /// The store is full of envelopes that are worth more.
    pub const ROOM: Reason<'static> = Reason("no-room");
    /// The medium of the store is full, and it did not fit.
    pub const DISK: Reason<'static> = Reason("disk-full");

    /// Words that rules in a file cannot have as their names: those above and the codes of spec 4.1.
    #[cfg(feature = "policy")]
    const TAKEN: [&'static str; 12] = [
        Self::EXPIRED.0,
        Self::AHEAD.0,
        Self::LARGE.0,
        Self::SLOTS.0,
        Self::SUITE.0,
        Self::BUDGET.0,
        Self::KNOWN.0,
        Self::ROOM.0,
        Self::DISK.0,
        "size",
        "version",
        "malformed",
    ];
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a rule says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict<'a> {
    /// Nothing against it.
    Keep,
    /// Away with it.
    Drop(Reason<'a>),
    /// To be told in a later phase.
    Defer,
}

/// A rule; those of an embedder too.
///
/// It has to be a function of its arguments: what a node keeps depends on nothing else (spec 9.1).
pub trait Rule: fmt::Debug + Send + Sync {
    /// What it says about the envelope.
    fn judge(&self, subject: &Subject) -> Verdict<'_>;

    /// What it says, for people. Rules that come from a file say it as the file does, in TOML.
    fn describe(&self) -> String {
        format!("{self:?}")
    }
}

/// What to take in, to keep and to hand on.
#[derive(Debug)]
pub struct Policy {
    /// Most bytes of an envelope: 1 MiB.
    pub max_size: u32,
    /// Longest lifetime in hours, at most [`MAX_LIFETIME`], which is also the default.
    pub max_lifetime: u32,
    /// Most slots: 64.
    pub max_slots: u32,
    /// The only suites; `None`, the default, for all, unknown ones too.
    pub suites: Option<Vec<u16>>,
    /// Longest hold before an envelope is handed on, in hours, at most [`MAX_HOLD`], which is also the default.
    pub hold: u32,
    /// Whether stamps are kept and handed on: no.
    pub stamps: bool,
    /// What one visit may bring.
    pub visit: VisitLimits,
    /// What the store may hold: 1 000 000 envelopes, 8 GiB.
    pub quota: Quota,
    rules: Vec<Box<dyn Rule>>,
}

/// How much one stick, or one meeting, may bring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VisitLimits {
    /// Most new envelopes: 200 000.
    pub envelopes: u64,
    /// Most bytes of new envelopes: 1 GiB.
    pub bytes: u64,
    /// Most files that are looked at: 4096.
    pub files: u64,
    /// Most bytes of files that are read: 64 GiB.
    pub read: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_size: 1 << 20,
            max_lifetime: MAX_LIFETIME,
            max_slots: 64,
            suites: None,
            hold: MAX_HOLD,
            stamps: false,
            visit: VisitLimits {
                envelopes: 200_000,
                bytes: 1 << 30,
                files: 4096,
                read: 64 << 30,
            },
            quota: Quota {
                envelopes: 1_000_000,
                bytes: 8 << 30,
            },
            rules: Vec::new(),
        }
    }
}

impl Policy {
    /// Adds a rule after those that there are. The first that drops gives the reason.
    pub fn push(&mut self, rule: impl Rule + 'static) {
        self.rules.push(Box::new(rule));
    }

    /// The rules beside the limits, in their order.
    pub fn rules(&self) -> impl Iterator<Item = &dyn Rule> {
        self.rules.iter().map(|rule| &**rule)
    }

    /// Judges by limits and rules: in phase A without effort, in phase B with it. The rules of spec 9.2 come first.
    #[must_use]
    pub fn judge(&self, subject: &Subject) -> Verdict<'_> {
        let Header {
            suite,
            expires,
            size,
            slots,
        } = subject.header;
        let last = subject
            .now
            .saturating_add(self.max_lifetime.min(MAX_LIFETIME) + CLOCK_TOLERANCE);
        let limit = if expires < subject.now {
            Reason::EXPIRED
        } else if expires > last {
            Reason::AHEAD
        } else if size > self.max_size {
            Reason::LARGE
        } else if slots > self.max_slots {
            Reason::SLOTS
        } else if self
            .suites
            .as_ref()
            .is_some_and(|suites| !suites.contains(&suite))
        {
            Reason::SUITE
        } else {
            return condition::all(&self.rules, subject);
        };
        Verdict::Drop(limit)
    }

    /// What a reason means under this policy, for people.
    #[must_use]
    pub fn explain(&self, reason: Reason<'_>) -> String {
        match reason {
            Reason::EXPIRED => "its last hour has passed".into(),
            Reason::AHEAD => format!(
                "it expires more than {} hours from now, {} of them for clocks that differ",
                self.max_lifetime + CLOCK_TOLERANCE,
                CLOCK_TOLERANCE
            ),
            Reason::LARGE => format!("it has more than {} bytes", self.max_size),
            Reason::SLOTS => format!("it has more than {} slots", self.max_slots),
            Reason::SUITE => "its suite is not on the list".into(),
            Reason::BUDGET => format!(
                "this visit has brought {} new envelopes or {} bytes of them",
                self.visit.envelopes, self.visit.bytes
            ),
            Reason::KNOWN => "it is in the store already".into(),
            Reason::ROOM => "the store is full of envelopes that are worth more".into(),
            Reason::DISK => "the disk of the store is full".into(),
            Reason("size" | "version" | "malformed") => "it is no envelope".into(),
            Reason(name) => format!("the rule {name} says so"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(expires: u32, size: u32, slots: u32) -> Subject {
        let header = Header {
            suite: 0x0101,
            expires,
            size,
            slots,
        };
        Subject {
            header,
            now: 1000,
            effort: None,
        }
    }

    #[test]
    fn each_limit_holds_at_its_number_and_not_one_further() {
        let policy = Policy::default();
        let good = (1744, 1 << 20, 64);
        let judge = |(expires, size, slots)| policy.judge(&subject(expires, size, slots));
        assert_eq!(judge(good), Verdict::Keep);
        assert_eq!(judge((1000, 0, 0)), Verdict::Keep);
        for (wrong, reason) in [
            ((999, 1, 1), Reason::EXPIRED),
            ((1745, 1, 1), Reason::AHEAD),
            ((u32::MAX, 1, 1), Reason::AHEAD),
            ((1744, (1 << 20) + 1, 64), Reason::LARGE),
            ((1744, 1 << 20, 65), Reason::SLOTS),
            // The order of spec 9.2.
            ((999, u32::MAX, 65), Reason::EXPIRED),
            ((1745, u32::MAX, 65), Reason::AHEAD),
        ] {
            assert_eq!(judge(wrong), Verdict::Drop(reason), "{wrong:?}");
            assert!(!policy.explain(reason).contains("rule"));
        }
    }

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let policy = Policy::default();
        let mut late = subject(u32::MAX, 1, 1);
        late.now = u32::MAX;
        assert_eq!(policy.judge(&late), Verdict::Keep);
    }

    #[test]
    fn no_policy_takes_what_lives_longer_than_the_longest_lifetime() {
        let mut policy = Policy {
            max_lifetime: u32::MAX,
            ..Policy::default()
        };
        assert_eq!(
            policy.judge(&subject(1745, 1, 1)),
            Verdict::Drop(Reason::AHEAD)
        );
        policy.max_lifetime = 24;
        assert_eq!(policy.judge(&subject(1048, 1, 1)), Verdict::Keep);
        assert_eq!(
            policy.judge(&subject(1049, 1, 1)),
            Verdict::Drop(Reason::AHEAD)
        );
    }

    #[test]
    fn a_list_of_suites_is_a_list() {
        let mut policy = Policy {
            suites: Some(alloc::vec![1, 3]),
            ..Policy::default()
        };
        assert_eq!(
            policy.judge(&subject(1100, 1, 1)),
            Verdict::Drop(Reason::SUITE)
        );
        policy.suites = Some(alloc::vec![3, 0x0101]);
        assert_eq!(policy.judge(&subject(1100, 1, 1)), Verdict::Keep);
    }
}
