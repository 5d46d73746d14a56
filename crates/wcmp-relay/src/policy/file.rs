//! Policies in TOML (see docs/policy.md).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::ops::RangeInclusive;
use core::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Unexpected, Visitor};

use super::{Condition, Field, MAX_HOLD, MAX_LIFETIME, Named, Policy, Reason, Rule};

/// Why a text is no policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileError {
    /// The line, from 1; 0 where none is to blame.
    pub line: usize,
    /// What is wrong there, in one line.
    pub what: String,
    /// The word that was meant, perhaps.
    pub meant: Option<String>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        f.write_str(&self.what)?;
        match &self.meant {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for FileError {}

/// Reads TOML. What the text does not mention is as in [`Policy::default`]; unknown keys are refused.
///
/// ```
/// use wcmp_relay::policy::Policy;
///
/// let policy: Policy = r#"
///     max_size = "256 KiB"
///     [[rule]]
///     name = "long-lived-are-small"
///     keep = { any = [{ hours = { max = 200 } }, { size = { max = "16 KiB" } }] }
/// "#.parse()?;
/// assert_eq!((policy.max_size, policy.max_slots), (262_144, 64));
///
/// let error = "max_size = 9\nmax_slot = 8".parse::<Policy>().unwrap_err();
/// assert_eq!((error.line, error.meant.as_deref()), (2, Some("max_slots")));
/// # Ok::<(), wcmp_relay::policy::FileError>(())
/// ```
impl FromStr for Policy {
    type Err = FileError;

    fn from_str(text: &str) -> Result<Self, FileError> {
        let file: File = toml::from_str(text).map_err(|error| blame(text, &error))?;
        file.policy().map_err(|what| FileError {
            line: 0,
            what,
            meant: None,
        })
    }
}

/// serde says "unknown field `x`, expected one of `a`, `b`".
fn blame(text: &str, error: &toml::de::Error) -> FileError {
    let what = error.message().lines().collect::<Vec<_>>().join(" ");
    let line = error.span().map_or(0, |span| {
        let before = text.get(..span.start).unwrap_or(text);
        before.matches('\n').count() + 1
    });
    let mut words = what.split('`').skip(1).step_by(2);
    let meant = what
        .starts_with("unknown field")
        .then(|| {
            let wrong = words.next()?;
            let near = words.map(|word| (distance(wrong, word), word)).min()?;
            (near.0 <= 1 + wrong.len() / 4).then(|| near.1.to_owned())
        })
        .flatten();
    FileError { line, what, meant }
}

/// How many letters one has to insert, leave out or replace.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (to, above) in b.chars().zip(row.iter().skip(1)) {
            let replaced = corner + usize::from(from != to);
            left = replaced.min(left + 1).min(above + 1);
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    max_size: Option<Size>,
    max_lifetime: Option<Hours>,
    max_slots: Option<u32>,
    suites: Option<Vec<u16>>,
    hold: Option<Hours>,
    stamps: Option<bool>,
    visit: Option<VisitTable>,
    store: Option<StoreTable>,
    #[serde(default)]
    rule: Vec<RuleTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VisitTable {
    envelopes: Option<u64>,
    bytes: Option<Size>,
    files: Option<u64>,
    read: Option<Size>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreTable {
    envelopes: Option<u64>,
    bytes: Option<Size>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    name: String,
    keep: Option<ConditionTable>,
    drop: Option<ConditionTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionTable {
    size: Option<Range<Size>>,
    slots: Option<Range<u64>>,
    hours: Option<Range<Hours>>,
    effort: Option<Range<u64>>,
    suites: Option<Vec<u16>>,
    all: Option<Vec<ConditionTable>>,
    any: Option<Vec<ConditionTable>>,
    not: Option<Box<ConditionTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range<T> {
    min: Option<T>,
    max: Option<T>,
}

/// Bytes: a number, or a text such as `64 KiB`.
struct Size(u64);

/// Hours: a number, or a text such as `24h` or `30d`.
struct Hours(u64);

impl From<Size> for u64 {
    fn from(size: Size) -> Self {
        size.0
    }
}

impl From<Hours> for u64 {
    fn from(hours: Hours) -> Self {
        hours.0
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const UNITS: &[(&str, u64)] = &[
            ("B", 1),
            ("KiB", 1 << 10),
            ("MiB", 1 << 20),
            ("GiB", 1 << 30),
            ("TiB", 1 << 40),
        ];
        let units = Units(UNITS, "a number of bytes, or a text such as \"64 KiB\"");
        from.deserialize_any(units).map(Size)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        const UNITS: &[(&str, u64)] = &[("h", 1), ("d", 24)];
        let units = Units(
            UNITS,
            "a number of hours, or a text such as \"24h\" or \"30d\"",
        );
        from.deserialize_any(units).map(Hours)
    }
}

struct Units(&'static [(&'static str, u64)], &'static str);

impl Visitor<'_> for Units {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u64, E> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, unit) = text.split_at_checked(digits).unwrap_or_default();
        let unit = unit.trim_start_matches(' ');
        let times = self.0.iter().find(|(name, _)| *name == unit);
        digits
            .parse::<u64>()
            .ok()
            .zip(times)
            .and_then(|(number, (_, times))| number.checked_mul(*times))
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl File {
    fn policy(self) -> Result<Policy, String> {
        let mut policy = Policy::default();
        // The format's own limits are the greatest.
        if let Some(size) = self.max_size {
            policy.max_size = bounded("max_size", size.0, wcmp_wire::MAX_ENVELOPE as u64)?;
        }
        if let Some(hours) = self.max_lifetime {
            policy.max_lifetime = bounded("max_lifetime", hours.0, MAX_LIFETIME.into())?;
        }
        if let Some(slots) = self.max_slots {
            policy.max_slots = bounded("max_slots", slots.into(), wcmp_wire::MAX_SLOTS as u64)?;
        }
        if let Some(hours) = self.hold {
            policy.hold = bounded("hold", hours.0, MAX_HOLD.into())?;
        }
        policy.suites = self.suites;
        policy.stamps = self.stamps.unwrap_or(policy.stamps);
        if let Some(visit) = self.visit {
            let limits = &mut policy.visit;
            limits.envelopes = visit.envelopes.unwrap_or(limits.envelopes);
            limits.bytes = visit.bytes.map_or(limits.bytes, u64::from);
            limits.files = visit.files.unwrap_or(limits.files);
            limits.read = visit.read.map_or(limits.read, u64::from);
        }
        if let Some(store) = self.store {
            let quota = &mut policy.quota;
            quota.envelopes = store.envelopes.unwrap_or(quota.envelopes);
            quota.bytes = store.bytes.map_or(quota.bytes, u64::from);
        }
        let mut names = BTreeSet::new();
        for rule in self.rule {
            let rule = rule.named()?;
            if !names.insert(rule.name().to_owned()) {
                return Err(format!("two rules are called `{}`", rule.name()));
            }
            policy.push(rule);
        }
        Ok(policy)
    }
}

fn bounded(key: &str, value: u64, most: u64) -> Result<u32, String> {
    let small = u32::try_from(value).ok().filter(|_| value <= most);
    small.ok_or_else(|| format!("{key} is {value}, and can be at most {most}"))
}

impl RuleTable {
    fn named(self) -> Result<Named, String> {
        let Self { name, keep, drop } = self;
        let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(word) {
            return Err(format!(
                "a rule is called `{name}`: names have 1 to 40 of a-z, 0-9 and -"
            ));
        }
        if Reason::TAKEN.contains(&name.as_str()) {
            return Err(format!(
                "a rule is called `{name}`, which is a reason already"
            ));
        }
        match (keep, drop) {
            (Some(condition), None) => {
                let condition = condition.condition(&name)?;
                Ok(Named::keep(name, condition))
            }
            (None, Some(condition)) => {
                let condition = condition.condition(&name)?;
                Ok(Named::drop(name, condition))
            }
            _ => Err(format!("the rule {name} needs either `keep` or `drop`")),
        }
    }
}

impl ConditionTable {
    /// All that stands in the table has to hold.
    fn condition(self, rule: &str) -> Result<Condition, String> {
        let mut parts: Vec<Condition> = Vec::new();
        let mut within = |field, range: Option<RangeInclusive<u64>>| {
            if let Some(range) = range {
                parts.push(Condition::within(field, range));
            }
        };
        within(Field::Size, range(self.size, rule)?);
        within(Field::Slots, range(self.slots, rule)?);
        within(Field::Hours, range(self.hours, rule)?);
        within(Field::Effort, range(self.effort, rule)?);
        if let Some(suites) = self.suites {
            parts.push(Condition::Suites(suites));
        }
        if let Some(all) = self.all {
            parts.push(Condition::All(conditions(all, rule)?));
        }
        if let Some(any) = self.any {
            parts.push(Condition::Any(conditions(any, rule)?));
        }
        if let Some(not) = self.not {
            parts.push(Condition::not(not.condition(rule)?));
        }
        match parts.len() {
            0 => Err(format!("a condition of the rule {rule} is empty")),
            1 => parts.pop().ok_or_else(String::new),
            _ => Ok(Condition::All(boxed(parts))),
        }
    }
}

fn conditions(tables: Vec<ConditionTable>, rule: &str) -> Result<Vec<Box<dyn Rule>>, String> {
    if tables.is_empty() {
        return Err(format!("a list of the rule {rule} is empty"));
    }
    let parts: Result<Vec<_>, _> = tables
        .into_iter()
        .map(|table| table.condition(rule))
        .collect();
    parts.map(boxed)
}

fn boxed(parts: Vec<Condition>) -> Vec<Box<dyn Rule>> {
    let boxed = |part| -> Box<dyn Rule> { Box::new(part) };
    parts.into_iter().map(boxed).collect()
}

fn range<T: Into<u64>>(
    range: Option<Range<T>>,
    rule: &str,
) -> Result<Option<RangeInclusive<u64>>, String> {
    let Some(Range { min, max }) = range else {
        return Ok(None);
    };
    if min.is_none() && max.is_none() {
        return Err(format!(
            "a range of the rule {rule} has neither min nor max"
        ));
    }
    let (min, max) = (min.map_or(0, T::into), max.map_or(u64::MAX, T::into));
    if min > max {
        return Err(format!("a range of the rule {rule} is empty: {min} to {max}").to_string());
    }
    Ok(Some(min..=max))
}
