//! Rules made of conditions, and how they combine.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::{Reason, Rule, Subject, Verdict};

/// A number that an envelope has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// Its bytes.
    Size,
    /// Its slots.
    Slots,
    /// Hours until it expires.
    Hours,
    /// The effort of its stamp: known from phase B on.
    Effort,
}

/// Something that holds for an envelope or does not. As a rule, it drops where it does not.
///
/// Where a part of it cannot tell yet, the whole defers, unless the other parts decide.
#[derive(Debug)]
pub enum Condition {
    /// The number is in the range.
    Within(Field, RangeInclusive<u64>),
    /// The suite is one of these.
    Suites(Vec<u16>),
    /// All of these keep; so do none.
    All(Vec<Box<dyn Rule>>),
    /// One of these keeps.
    Any(Vec<Box<dyn Rule>>),
    /// This one drops.
    Not(Box<dyn Rule>),
}

impl Condition {
    /// [`Condition::Within`].
    #[must_use]
    pub const fn within(field: Field, range: RangeInclusive<u64>) -> Self {
        Self::Within(field, range)
    }

    /// [`Condition::Not`].
    #[must_use]
    pub fn not(rule: impl Rule + 'static) -> Self {
        Self::Not(Box::new(rule))
    }
}

/// The reason of a condition that stands without a name.
const UNNAMED: Reason<'static> = Reason("rule");

impl Rule for Condition {
    fn judge(&self, subject: &Subject) -> Verdict<'_> {
        let holds = match self {
            Self::Within(field, range) => {
                let header = &subject.header;
                let value = match field {
                    Field::Size => header.size.into(),
                    Field::Slots => header.slots.into(),
                    Field::Hours => header.expires.saturating_sub(subject.now).into(),
                    Field::Effort => match subject.effort {
                        Some(effort) => effort,
                        None => return Verdict::Defer,
                    },
                };
                range.contains(&value)
            }
            Self::Suites(suites) => suites.contains(&subject.header.suite),
            Self::All(rules) => return all(rules, subject),
            Self::Any(rules) => return any(rules, subject),
            Self::Not(rule) => match rule.judge(subject) {
                Verdict::Keep => false,
                Verdict::Drop(_) => true,
                Verdict::Defer => return Verdict::Defer,
            },
        };
        if holds {
            Verdict::Keep
        } else {
            Verdict::Drop(UNNAMED)
        }
    }

    /// An inline table of TOML.
    fn describe(&self) -> String {
        let list = |rules: &[Box<dyn Rule>]| {
            let each: Vec<String> = rules.iter().map(|rule| rule.describe()).collect();
            each.join(", ")
        };
        match self {
            Self::Within(field, range) => {
                let key = match field {
                    Field::Size => "size",
                    Field::Slots => "slots",
                    Field::Hours => "hours",
                    Field::Effort => "effort",
                };
                let range = match (*range.start(), *range.end()) {
                    (min, u64::MAX) => format!("min = {min}"),
                    (0, max) => format!("max = {max}"),
                    (min, max) => format!("min = {min}, max = {max}"),
                };
                format!("{{ {key} = {{ {range} }} }}")
            }
            Self::Suites(suites) => {
                let suites: Vec<String> = suites.iter().map(|id| format!("{id:#06x}")).collect();
                format!("{{ suites = [{}] }}", suites.join(", "))
            }
            Self::All(rules) => format!("{{ all = [{}] }}", list(rules)),
            Self::Any(rules) => format!("{{ any = [{}] }}", list(rules)),
            Self::Not(rule) => format!("{NOT}{}{NOT_END}", rule.describe()),
        }
    }
}

const NOT: &str = "{ not = ";
const NOT_END: &str = " }";

/// The first that drops; else defers if one does.
pub(super) fn all<'a>(rules: &'a [Box<dyn Rule>], subject: &Subject) -> Verdict<'a> {
    let mut verdict = Verdict::Keep;
    for rule in rules {
        match rule.judge(subject) {
            Verdict::Keep => {}
            Verdict::Defer => verdict = Verdict::Defer,
            dropped @ Verdict::Drop(_) => return dropped,
        }
    }
    verdict
}

/// Keeps if one does; else defers if one does; else drops as the first does.
fn any<'a>(rules: &'a [Box<dyn Rule>], subject: &Subject) -> Verdict<'a> {
    let mut verdict = None;
    for rule in rules {
        match rule.judge(subject) {
            Verdict::Keep => return Verdict::Keep,
            Verdict::Defer => verdict = Some(Verdict::Defer),
            dropped @ Verdict::Drop(_) => verdict = verdict.or(Some(dropped)),
        }
    }
    verdict.unwrap_or(Verdict::Drop(UNNAMED))
}

/// A rule that drops under a name of its own.
#[derive(Debug)]
pub struct Named {
    name: String,
    rule: Box<dyn Rule>,
}

impl Named {
    /// Drops what `rule` drops.
    #[must_use]
    pub fn keep(name: impl Into<String>, rule: impl Rule + 'static) -> Self {
        Self {
            name: name.into(),
            rule: Box::new(rule),
        }
    }

    /// Drops what `rule` keeps.
    #[must_use]
    pub fn drop(name: impl Into<String>, rule: impl Rule + 'static) -> Self {
        Self::keep(name, Condition::not(rule))
    }
}

impl Named {
    /// The reason for which it drops.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Rule for Named {
    fn judge(&self, subject: &Subject) -> Verdict<'_> {
        match self.rule.judge(subject) {
            Verdict::Drop(_) => Verdict::Drop(Reason(&self.name)),
            other => other,
        }
    }

    /// The keys of a table `[[rule]]` of TOML.
    fn describe(&self) -> String {
        let (name, rule) = (&self.name, self.rule.describe());
        let negated = rule
            .strip_prefix(NOT)
            .and_then(|rest| rest.strip_suffix(NOT_END));
        match negated {
            Some(rule) => format!("name = \"{name}\"\ndrop = {rule}"),
            None => format!("name = \"{name}\"\nkeep = {rule}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::super::Header;
    use super::*;

    #[derive(Debug)]
    struct Says(Verdict<'static>);

    impl Rule for Says {
        fn judge(&self, _: &Subject) -> Verdict<'_> {
            self.0
        }
    }

    const SUBJECT: Subject = Subject {
        header: Header {
            suite: 0x0101,
            expires: 1100,
            size: 5000,
            slots: 8,
        },
        now: 1000,
        effort: None,
    };
    const DROP: Verdict<'static> = Verdict::Drop(Reason("no"));
    const THREE: [Verdict<'static>; 3] = [Verdict::Keep, Verdict::Defer, DROP];

    fn rules(verdicts: &[Verdict<'static>]) -> Vec<Box<dyn Rule>> {
        let boxed = |verdict: &Verdict<'static>| -> Box<dyn Rule> { Box::new(Says(*verdict)) };
        verdicts.iter().map(boxed).collect()
    }

    #[test]
    fn combinations_are_those_of_three_valued_logic() {
        // False < unknown < true.
        fn rank(verdict: Verdict<'_>) -> usize {
            match verdict {
                Verdict::Drop(_) => 0,
                Verdict::Defer => 1,
                Verdict::Keep => 2,
            }
        }
        let judge = |condition: Condition| -> usize { rank(condition.judge(&SUBJECT)) };
        for a in THREE {
            assert_eq!(judge(Condition::not(Says(a))), 2 - rank(a));
            for b in THREE {
                for c in THREE {
                    let each = [a, b, c];
                    let ranks = each.map(rank);
                    assert_eq!(
                        judge(Condition::All(rules(&each))),
                        *ranks.iter().min().unwrap()
                    );
                    assert_eq!(
                        judge(Condition::Any(rules(&each))),
                        *ranks.iter().max().unwrap()
                    );
                }
            }
        }
        assert_eq!(judge(Condition::All(vec![])), 2);
        assert_eq!(judge(Condition::Any(vec![])), 0);
    }

    #[test]
    fn the_first_reason_counts_and_names_cover_what_is_inside() {
        let both = Condition::All(rules(&[
            Verdict::Defer,
            DROP,
            Verdict::Drop(Reason("later")),
        ]));
        assert_eq!(both.judge(&SUBJECT), DROP);
        let named = Named::keep("mine", both);
        assert_eq!(named.judge(&SUBJECT), Verdict::Drop(Reason("mine")));
        let named = Named::drop("mine", Says(Verdict::Keep));
        assert_eq!(named.judge(&SUBJECT), Verdict::Drop(Reason("mine")));
        assert_eq!(
            Named::drop("mine", Says(DROP)).judge(&SUBJECT),
            Verdict::Keep
        );
        assert_eq!(
            Named::drop("mine", Says(Verdict::Defer)).judge(&SUBJECT),
            Verdict::Defer
        );
    }

    #[test]
    fn ranges_hold_at_both_ends() {
        for (field, value) in [(Field::Size, 5000), (Field::Slots, 8), (Field::Hours, 100)] {
            let keeps = |range| Condition::within(field, range).judge(&SUBJECT) == Verdict::Keep;
            assert!(keeps(value..=value));
            assert!(!keeps(value + 1..=u64::MAX));
            assert!(!keeps(0..=value - 1));
        }
        let effort = Condition::within(Field::Effort, 7..=9);
        assert_eq!(effort.judge(&SUBJECT), Verdict::Defer);
        for (effort_is, keep) in [(6, false), (7, true), (9, true), (10, false)] {
            let effort_is = Some(effort_is);
            let subject = Subject {
                effort: effort_is,
                ..SUBJECT
            };
            assert_eq!(effort.judge(&subject) == Verdict::Keep, keep);
        }
        assert_eq!(
            Condition::Suites(vec![1, 0x0101]).judge(&SUBJECT),
            Verdict::Keep
        );
        assert_eq!(
            Condition::Suites(vec![1]).judge(&SUBJECT),
            Verdict::Drop(UNNAMED)
        );
    }
}
