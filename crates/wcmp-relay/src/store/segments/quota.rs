//! Stamps, and who goes when there is too much (spec 9.4).

use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::{Ordering, Reverse};

use wcmp_wire::Id;

use super::intake::Candidate;
use super::read::unframe;
use super::{SegmentStore, StoreError};
use crate::bundle::Stamp;
use crate::store::Totals;
use crate::store::fs::FileSystem;
use crate::store::index::Position;
use crate::store::rank::Worth;
use crate::store::records::Mark;

/// An envelope that may have to go: a stored one, or one of the batch by its place among the new ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Stored(Position),
    New(u32),
}

struct Ranked {
    worth: Worth,
    size: u32,
    who: Who,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.worth.cmp(&other.worth)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

/// What does not fit.
#[derive(Default)]
pub(super) struct Excess {
    pub(super) stored: Vec<Position>,
    /// Places among the new ones.
    pub(super) new: BTreeSet<usize>,
}

impl<F: FileSystem> SegmentStore<F> {
    /// Who of the stored and the new ones goes, so that the rest is within the quota.
    pub(super) fn excess(&mut self, new: &[Candidate<'_>], now: u32) -> Result<Excess, StoreError> {
        let mut excess = Excess::default();
        let sizes = new.iter().map(|new| u64::from(new.size));
        let mut totals = self.totals
            + Totals {
                envelopes: new.len() as u64,
                bytes: sizes.sum(),
            };
        let quota = self.options.quota;
        if quota.allows(totals) {
            return Ok(excess);
        }
        let over = Totals {
            envelopes: totals.envelopes.saturating_sub(quota.envelopes),
            bytes: totals.bytes.saturating_sub(quota.bytes),
        };
        let mut heap = self.ranked(new, now, over);
        while !quota.allows(totals) {
            let Some(Reverse(first)) = heap.pop() else {
                break;
            };
            let mut equals = alloc::vec![first];
            while let Some(Reverse(next)) = heap.peek()
                && equals.first().is_some_and(|first| first == next)
                && let Some(Reverse(next)) = heap.pop()
            {
                equals.push(next);
            }
            for ranked in self.by_id(equals, new)? {
                if quota.allows(totals) {
                    break;
                }
                totals.envelopes -= 1;
                totals.bytes -= u64::from(ranked.size);
                match ranked.who {
                    Who::Stored(at) => excess.stored.push(at),
                    Who::New(place) => {
                        excess.new.insert(place as usize);
                    }
                }
            }
        }
        Ok(excess)
    }

    /// Of all stored and new ones those with the least worth, enough to free this much, and all of equal worth.
    ///
    /// Looks at all of them twice, but keeps in memory only those that may go.
    fn ranked(&self, new: &[Candidate<'_>], now: u32, over: Totals) -> BinaryHeap<Reverse<Ranked>> {
        let mut least: BinaryHeap<Ranked> = BinaryHeap::new();
        let mut bytes = 0;
        let frees =
            |number: usize, bytes: u64| number as u64 >= over.envelopes && bytes >= over.bytes;
        for ranked in self.all(new, now) {
            let enough = frees(least.len(), bytes);
            if enough && least.peek().is_some_and(|most| ranked >= *most) {
                continue;
            }
            bytes += u64::from(ranked.size);
            least.push(ranked);
            while let Some(most) = least.peek()
                && frees(least.len() - 1, bytes - u64::from(most.size))
            {
                bytes -= u64::from(most.size);
                least.pop();
            }
        }
        let most = least.peek().map(|most| most.worth);
        let few = self.all(new, now).filter(|one| Some(one.worth) <= most);
        // Making a heap of it at once is linear.
        few.map(Reverse).collect::<Vec<_>>().into()
    }

    fn all(&self, new: &[Candidate<'_>], now: u32) -> impl Iterator<Item = Ranked> {
        let stored = self.segments.values().flat_map(move |of| {
            let live = self.index.of(&of.pieces).filter(|(_, r)| r.is_live());
            live.map(move |(at, record)| {
                let expires = of.day * 24 + record.hour();
                Ranked {
                    worth: Worth::new(record.effort, record.size(), expires, now),
                    size: record.size(),
                    who: Who::Stored(at),
                }
            })
        });
        let new = (0_u32..).zip(new).map(move |(place, new)| Ranked {
            worth: Worth::new(new.effort, new.size, new.expires, now),
            size: new.size,
            who: Who::New(place),
        });
        stored.chain(new)
    }

    /// Sorts envelopes by id.
    fn by_id(
        &mut self,
        equals: Vec<Ranked>,
        new: &[Candidate<'_>],
    ) -> Result<Vec<Ranked>, StoreError> {
        if equals.len() < 2 {
            return Ok(equals);
        }
        let mut segments = BTreeSet::new();
        let mut ids: BTreeMap<Position, Id> = BTreeMap::new();
        for ranked in &equals {
            if let Who::Stored(at) = ranked.who {
                segments.extend(self.index.segment(at));
                ids.insert(at, Id([0; 32]));
            }
        }
        for segment in segments {
            for (at, indexed) in self.live(segment)? {
                if let Some(id) = ids.get_mut(&at) {
                    *id = indexed.id;
                }
            }
        }
        let mut named: Vec<(Id, Ranked)> = Vec::with_capacity(equals.len());
        for ranked in equals {
            let id = match ranked.who {
                Who::Stored(at) => ids.get(&at).copied(),
                Who::New(place) => new.get(place as usize).map(|new| new.id),
            };
            named.extend(id.map(|id| (id, ranked)));
        }
        named.sort_unstable_by_key(|(id, _)| *id);
        Ok(named.into_iter().map(|(_, ranked)| ranked).collect())
    }

    /// Evicts envelopes; a segment with many gone is written anew.
    pub(super) fn evict(&mut self, gone: &[Position]) {
        let mut marks = Vec::new();
        let mut segments = BTreeSet::new();
        for &at in gone {
            if let Some((record, segment)) = self.record(at) {
                self.remove(at);
                segments.insert(segment);
                marks.push(Mark {
                    segment,
                    offset: record.offset,
                    nonce: None,
                });
            }
        }
        // Without the marks, evicted envelopes come back at the next opening, and are evicted again; but readers of
        // arrivals may have passed them.
        let _ = self.mark(&marks, true);
        for segment in segments {
            self.compact(segment);
        }
    }

    /// Puts better stamps beside stored envelopes, durably.
    pub(super) fn raise_all(&mut self, stamps: &[(Id, Stamp<'_>)]) -> Result<(), StoreError> {
        let mut better = Vec::new();
        let mut marks = Vec::new();
        for (id, stamp) in stamps {
            let at = self.index.find(self.index.fingerprint(id)).next();
            let Some((at, nonce)) = at.zip(stamp.nonce()) else {
                continue;
            };
            if let Some((record, segment)) = self.record(at)
                && self.is_better(id, at, nonce)?
            {
                better.push((*id, at, nonce));
                marks.push(Mark {
                    segment,
                    offset: record.offset,
                    nonce: Some(nonce),
                });
            }
        }
        self.mark(&marks, true)?;
        for (id, at, nonce) in better {
            self.set_nonce(&id, at, nonce);
        }
        Ok(())
    }

    /// Whether a nonce has more effort than that of the stored stamp, or is less at the same effort.
    fn is_better(&mut self, id: &Id, at: Position, nonce: [u8; 8]) -> Result<bool, StoreError> {
        let Some((record, segment)) = self.record(at) else {
            return Ok(false);
        };
        let effort = Stamp::work(&nonce).effort(id);
        Ok(match effort.cmp(&record.effort) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => {
                let before = match self.nonces.get(&(segment, record.offset)) {
                    Some(nonce) => Some(*nonce),
                    None => {
                        let mut bytes = Vec::new();
                        self.read_frame(segment, &record, &mut bytes)?;
                        unframe(&bytes).and_then(|(stamp, _)| stamp.nonce())
                    }
                };
                before.is_some_and(|before| nonce < before)
            }
        })
    }

    pub(super) fn set_nonce(&mut self, id: &Id, at: Position, nonce: [u8; 8]) {
        if let Some((record, segment)) = self.record(at).filter(|(record, _)| record.is_live()) {
            self.nonces.insert((segment, record.offset), nonce);
            self.index.set_effort(at, Stamp::work(&nonce).effort(id));
        }
    }
}
