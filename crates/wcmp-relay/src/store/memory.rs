//! The model of a store.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::ops::RangeInclusive;

use wcmp_wire::Id;

use super::rank::Worth;
use super::{Arrivals, Cursor, Day, Entry, Incoming, Quota, Store, Stored, Taken, Totals};
use crate::bundle::Stamp;

/// A store in memory, as simple as it can be: what every other store has to agree with.
#[derive(Clone)]
pub struct MemoryStore {
    quota: Quota,
    envelopes: BTreeMap<Id, Kept>,
    /// The number of the newest batch.
    batch: u64,
    state: Vec<u8>,
}

/// Without the state: a node keeps the key of its holds there.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("quota", &self.quota)
            .field("envelopes", &self.envelopes.len())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Kept {
    expires: u32,
    stored: Stored,
    effort: u64,
    /// In which batch it came; 0 if that is forgotten.
    batch: u64,
}

/// A store in memory numbers its batches in one run.
const RUN: u64 = 1;

impl Kept {
    fn size(&self) -> u32 {
        u32::try_from(self.stored.envelope.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, id: Id) -> Entry {
        Entry {
            id,
            expires: self.expires,
            size: self.size(),
            effort: self.effort,
        }
    }

    fn totals(&self) -> Totals {
        Totals {
            envelopes: 1,
            bytes: self.size().into(),
        }
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub const fn new(quota: Quota) -> Self {
        Self {
            quota,
            envelopes: BTreeMap::new(),
            batch: 0,
            state: Vec::new(),
        }
    }

    /// Puts a stamp beside a stored envelope if it is the better one.
    fn raise(&mut self, id: &Id, stamp: Stamp<'_>) {
        let Some((kept, nonce)) = self.envelopes.get_mut(id).zip(stamp.nonce()) else {
            return;
        };
        let effort = stamp.effort(id);
        let lesser = kept.stored.nonce.is_some_and(|before| nonce < before);
        if effort > kept.effort || (effort == kept.effort && lesser) {
            kept.effort = effort;
            kept.stored.nonce = Some(nonce);
        }
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn is_full(error: &Infallible) -> bool {
        match *error {}
    }

    fn insert(&mut self, batch: &[Incoming<'_>], now: u32) -> Result<Vec<Taken>, Infallible> {
        self.batch += 1;
        let mut taken = Vec::with_capacity(batch.len());
        for incoming in batch {
            let known = self.envelopes.contains_key(&incoming.id());
            taken.push(if known { Taken::Known } else { Taken::New });
            if !known {
                let kept = Kept {
                    expires: incoming.envelope().expires(),
                    stored: Stored {
                        envelope: incoming.envelope().as_bytes().to_vec(),
                        nonce: None,
                    },
                    effort: 0,
                    batch: self.batch,
                };
                self.envelopes.insert(incoming.id(), kept);
            }
            self.raise(&incoming.id(), incoming.stamp());
        }

        let mut totals = self.totals();
        if !self.quota.allows(totals) {
            let envelopes = self.envelopes.iter();
            let mut ranked: Vec<(Worth, Id)> = envelopes
                .map(|(id, kept)| {
                    let worth = Worth::new(kept.effort, kept.size(), kept.expires, now);
                    (worth, *id)
                })
                .collect();
            ranked.sort_unstable();
            for (_, id) in ranked {
                if self.quota.allows(totals) {
                    break;
                }
                if let Some(kept) = self.envelopes.remove(&id) {
                    totals.envelopes -= 1;
                    totals.bytes -= u64::from(kept.size());
                }
            }
            for (taken, incoming) in taken.iter_mut().zip(batch) {
                if !self.contains(&incoming.id()) {
                    *taken = Taken::Refused;
                }
            }
        }
        Ok(taken)
    }

    fn contains(&self, id: &Id) -> bool {
        self.envelopes.contains_key(id)
    }

    fn get(&mut self, id: &Id) -> Result<Option<Stored>, Infallible> {
        Ok(self.envelopes.get(id).map(|kept| kept.stored.clone()))
    }

    fn check(&mut self, id: &Id) -> Result<bool, Infallible> {
        Ok(self.contains(id))
    }

    fn list(&mut self, expires: RangeInclusive<u32>) -> Result<Vec<Entry>, Infallible> {
        let all = self.envelopes.iter();
        let listed = all.filter(|(_, kept)| expires.contains(&kept.expires));
        Ok(listed.map(|(id, kept)| kept.entry(*id)).collect())
    }

    fn days(&self) -> Vec<Day> {
        let mut days = BTreeMap::new();
        for kept in self.envelopes.values() {
            let totals: &mut Totals = days.entry(kept.expires / 24).or_default();
            *totals = *totals + kept.totals();
        }
        let day = |(day, totals)| Day { day, totals };
        days.into_iter().map(day).collect()
    }

    fn arrivals(&mut self, after: Cursor) -> Result<Option<Arrivals>, Infallible> {
        let passed = if after.run == RUN { after.batch } else { 0 };
        let since = || {
            self.envelopes
                .iter()
                .filter(|(_, kept)| kept.batch > passed)
        };
        let Some(next) = since().map(|(_, kept)| kept.batch).min() else {
            return Ok(None);
        };
        Ok(Some(Arrivals {
            cursor: Cursor {
                run: RUN,
                batch: next,
            },
            entries: since()
                .filter(|(_, kept)| kept.batch == next)
                .map(|(id, kept)| kept.entry(*id))
                .collect(),
        }))
    }

    fn forget_arrivals(&mut self, up_to: Cursor) -> Result<(), Infallible> {
        if up_to.run == RUN {
            for kept in self.envelopes.values_mut() {
                if kept.batch <= up_to.batch {
                    kept.batch = 0;
                }
            }
        }
        Ok(())
    }

    fn expire(&mut self, now: u32) -> Result<Totals, Infallible> {
        let mut gone = Totals::default();
        self.envelopes.retain(|_, kept| {
            let keep = kept.expires / 24 >= now / 24;
            if !keep {
                gone = gone + kept.totals();
            }
            keep
        });
        Ok(gone)
    }

    fn state(&mut self) -> Result<Vec<u8>, Infallible> {
        Ok(self.state.clone())
    }

    fn set_state(&mut self, state: &[u8]) -> Result<(), Infallible> {
        self.state = state.to_vec();
        Ok(())
    }
}
