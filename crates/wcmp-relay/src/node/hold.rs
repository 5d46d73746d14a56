//! Holds that survive without a time on the disk, and the waiting of own messages.

use alloc::vec::Vec;

use wcmp_wire::{Id, sha256};

use crate::bundle::crc;

/// The state of a node, as it is kept in the store:
///
/// ```text
/// u8 version, 2 | u32 hour of the last run, FFFFFFFF if that was lost | 32 bytes key
/// | u64 mark of each held envelope, ascending | u32 CRC32C of all before
/// mark = first 8 bytes of H("WCMP hold" || key || id)
/// ```
/// An envelope's hour is its mark modulo the longest hold.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Holds {
    /// `None` from when the state was lost until somebody has confirmed the clock.
    last_run: Option<u32>,
    key: [u8; 32],
    /// Ascending.
    marks: Vec<u64>,
}

/// Why bytes are no state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoState {
    /// They are damaged, or never were one.
    Damaged,
    /// They are of another version.
    Version,
}

/// Without the key.
impl core::fmt::Debug for Holds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Holds")
            .field("last_run", &self.last_run)
            .field("held", &self.marks.len())
            .finish_non_exhaustive()
    }
}

const VERSION: u8 = 2;
/// Version, last run, key and CRC.
const OVERHEAD: usize = 1 + 4 + 32 + 4;
/// In the place of the last run's hour.
const LOST: u32 = u32::MAX;

impl Holds {
    pub(super) fn new(now: u32, entropy: &[u8; 32]) -> Self {
        Self {
            last_run: Some(now),
            ..Self::lost(entropy)
        }
    }

    /// In the place of a state that was lost.
    pub(super) fn lost(entropy: &[u8; 32]) -> Self {
        Self {
            last_run: None,
            key: sha256(&[b"WCMP hold key", entropy]),
            marks: Vec::new(),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(OVERHEAD + 8 * self.marks.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.last_run.unwrap_or(LOST).to_be_bytes());
        bytes.extend_from_slice(&self.key);
        bytes.extend(self.marks.iter().flat_map(|mark| mark.to_be_bytes()));
        bytes.extend(crc::append(0, &bytes).to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, NoState> {
        let (before, stored) = bytes.split_last_chunk().ok_or(NoState::Damaged)?;
        if crc::append(0, before).to_be_bytes() != *stored {
            return Err(NoState::Damaged);
        }
        Self::parse(before).ok_or(NoState::Version)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (last_run, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (marks, partial) = rest.as_chunks();
        let last_run = u32::from_be_bytes(*last_run);
        (*version == VERSION && partial.is_empty()).then(|| Self {
            last_run: (last_run != LOST).then_some(last_run),
            key: *key,
            marks: marks.iter().copied().map(u64::from_be_bytes).collect(),
        })
    }

    pub(super) const fn last_run(&self) -> Option<u32> {
        self.last_run
    }

    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    fn mark(&self, id: &Id) -> u64 {
        let hash = sha256(&[b"WCMP hold", &self.key, &id.0]);
        hash.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    pub(super) fn holds(&self, id: &Id) -> bool {
        !self.marks.is_empty() && self.marks.binary_search(&self.mark(id)).is_ok()
    }

    /// Holds these, except for those whose hour is now. Says whether anything changed.
    pub(super) fn add(
        &mut self,
        ids: impl Iterator<Item = Id>,
        now: u32,
        longest: u32,
        frozen: bool,
    ) -> bool {
        if longest == 0 {
            return false;
        }
        let before = self.marks.len();
        let marks: Vec<u64> = ids.map(|id| self.mark(&id)).collect();
        let held = |mark: &u64| frozen || wait(*mark, now, longest) > 0;
        self.marks.extend(marks.into_iter().filter(held));
        self.marks.sort_unstable();
        self.marks.dedup();
        self.marks.len() > before
    }

    /// Ends the holds whose hour has come since the last run.
    pub(super) fn pass(&mut self, now: u32, longest: u32) {
        let last_run = self.last_run.unwrap_or(now);
        let step = now.saturating_sub(last_run);
        let next = last_run.saturating_add(1);
        self.marks
            .retain(|mark| longest > 0 && wait(*mark, next, longest) >= step);
        self.last_run = Some(now);
    }

    /// Holds begin anew at another hour.
    pub(super) const fn restart(&mut self, now: u32) {
        self.last_run = Some(now);
    }
}

/// Hours from `hour` until the hour of a mark comes: 0 to `longest` - 1.
fn wait(mark: u64, hour: u32, longest: u32) -> u32 {
    let longest = longest.max(1);
    let phase = u32::try_from(mark % u64::from(longest)).unwrap_or(0);
    (phase + longest - hour % longest) % longest
}

/// How long a client keeps a message of its own back before it enters the node, where it is held like every other: until
/// 8 foreign envelopes came later, or for 24 hours (spec 9.2). It belongs into the keyring beside the message, and
/// nowhere else.
///
/// ```
/// use wcmp_relay::node::Cover;
///
/// let mut cover = Cover::new(494_000);
/// cover.came(5);
/// assert!(!cover.is_over(494_001));
/// cover.came(3);
/// assert!(cover.is_over(494_001));
/// assert!(Cover::new(494_000).is_over(494_024));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cover {
    written: u32,
    missing: u64,
}

impl Cover {
    /// For a message written in this hour.
    #[must_use]
    pub const fn new(now: u32) -> Self {
        Self {
            written: now,
            missing: 8,
        }
    }

    /// So many foreign envelopes were kept since.
    pub const fn came(&mut self, foreign: u64) {
        self.missing = self.missing.saturating_sub(foreign);
    }

    /// Whether the message may enter. A clock that went back does not shorten the wait.
    #[must_use]
    pub const fn is_over(&self, now: u32) -> bool {
        self.missing == 0 || now.saturating_sub(self.written) >= 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: u32) -> impl Iterator<Item = Id> {
        (0..n).map(|i| Id(sha256(&[&i.to_be_bytes()])))
    }

    /// How long each of 24 000 envelopes that come at `now` is held, when the node runs at these hours.
    fn waits(now: u32, hours: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut holds = Holds::new(now, &[9; 32]);
        assert!(holds.add(ids(24_000), now, 24, false));
        let mut waited = alloc::vec![24_000 - u32::try_from(holds.len()).unwrap()];
        for hour in hours {
            let before = holds.len();
            holds.pass(hour, 24);
            waited.push(u32::try_from(before - holds.len()).unwrap());
        }
        assert_eq!(holds.len(), 0, "all are over after a day");
        waited
    }

    #[test]
    fn holds_are_uniform_in_the_hours_of_a_day_whenever_they_begin() {
        for now in [0, 23, 494_000, 494_013] {
            let waited = waits(now, now + 1..=now + 24);
            assert_eq!(waited.len(), 25);
            assert_eq!(waited[24], 0);
            for (hour, count) in waited[..24].iter().enumerate() {
                // A thousand, give or take five standard deviations.
                assert!(count.abs_diff(1000) < 160, "{hour}: {count}");
            }
        }
    }

    #[test]
    fn runs_that_were_missed_are_made_up_for() {
        let now = 494_005;
        let hourly = waits(now, now + 1..=now + 24);
        let thrice = waits(now, [now + 7, now + 8, now + 30].into_iter());
        assert_eq!(thrice[1], hourly[1..=7].iter().sum());
        assert_eq!(thrice[2], hourly[8]);
        assert_eq!(waits(now, [now + 168].into_iter())[1], 24_000 - hourly[0]);
    }

    #[test]
    fn the_same_hour_again_ends_nothing() {
        let mut holds = Holds::new(77, &[9; 32]);
        holds.add(ids(1000), 77, 24, false);
        let before = holds.clone();
        holds.pass(77, 24);
        assert_eq!(holds, before);
        assert!(!holds.add(ids(1000), 77, 24, false), "known already");
    }

    #[test]
    fn the_state_comes_back_and_anything_else_is_refused() {
        let mut holds = Holds::new(77, &[9; 32]);
        holds.add(ids(50), 77, 24, false);
        let bytes = holds.encode();
        assert_eq!(Holds::decode(&bytes), Ok(holds));
        for cut in 0..bytes.len() {
            assert_eq!(Holds::decode(&bytes[..cut]), Err(NoState::Damaged));
        }
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            assert_eq!(Holds::decode(&other), Err(NoState::Damaged));
        }
        let mut lost = Holds::lost(&[9; 32]);
        assert_eq!(Holds::decode(&lost.encode()).as_ref(), Ok(&lost));
        lost.restart(78);
        assert_eq!(Holds::decode(&lost.encode()), Ok(lost));
    }

    #[test]
    fn a_state_of_another_version_is_told_from_a_damaged_one() {
        let mut bytes = Holds::new(77, &[9; 32]).encode();
        let end = bytes.len() - 4;
        bytes[0] = 3;
        let crc = crc::append(0, &bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_be_bytes());
        assert_eq!(Holds::decode(&bytes), Err(NoState::Version));
    }

    #[test]
    fn no_hold_is_none_and_a_frozen_clock_holds_all() {
        let mut holds = Holds::new(77, &[9; 32]);
        assert!(!holds.add(ids(100), 77, 0, false));
        holds.add(ids(100), 77, 24, true);
        assert_eq!(holds.len(), 100);
        holds.pass(78, 0);
        assert_eq!(
            holds.len(),
            0,
            "a policy without holds ends those there are"
        );
    }
}
