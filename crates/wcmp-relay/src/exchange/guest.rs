//! A session at a node: what the peer brings is taken in by the node's rules, in batches.

use alloc::vec::Vec;
use core::mem;
use core::ops::ControlFlow;

use wcmp_wire::Id;

use super::{Limits, Offer, Shelf};
use crate::bundle::Stamp;
use crate::node::{Node, NodeError};
use crate::policy::{Allowance, CLOCK_TOLERANCE, Policy, Reason, Tally, Visit};
use crate::store::{Entry, Store};

/// A batch is taken in when it has so many envelopes, or so many bytes.
const BATCH: usize = 4096;
const BATCH_BYTES: usize = 8 << 20;

/// The peer of one session: its budget, and what it brought that is not taken in yet. In memory only, as who brought
/// what is never stored (spec 9.2).
#[derive(Debug)]
pub struct Guest {
    visit: Visit,
    batch: Vec<Waiting>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    kind: u8,
    stamp: Vec<u8>,
    envelope: Vec<u8>,
}

impl Waiting {
    fn stamp(&self) -> Stamp<'_> {
        Stamp::new(self.kind, &self.stamp).unwrap_or(Stamp::NONE)
    }
}

impl Guest {
    /// With the whole budget of a visit.
    #[must_use]
    pub fn new(policy: &Policy) -> Self {
        Self {
            visit: Visit::new(policy),
            batch: Vec::new(),
            bytes: 0,
        }
    }

    /// Binds it to what is left of its link's allowance: to be called before and after each step of its session.
    pub fn share(&mut self, allowance: &mut Allowance) {
        self.visit.share(allowance);
    }

    /// What became of the envelopes that it brought, so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.visit.tally
    }

    /// Its session's view of the node, for one step of it: a node can have several guests at once.
    pub const fn at<'a, S>(&'a mut self, node: &'a mut Node<S>) -> GuestAt<'a, S> {
        GuestAt { guest: self, node }
    }
}

impl Limits {
    /// What a node with this policy allows.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            envelope: policy.max_size,
            ttl: policy.max_lifetime.saturating_add(CLOCK_TOLERANCE),
            frames: u32::try_from(policy.visit.envelopes).unwrap_or(u32::MAX),
            bytes: policy.visit.bytes,
            ..Self::default()
        }
    }
}

/// A [`Guest`] at its node.
#[derive(Debug)]
pub struct GuestAt<'a, S> {
    guest: &'a mut Guest,
    node: &'a mut Node<S>,
}

impl<S: Store> GuestAt<'_, S> {
    /// Takes in what waits: to be called when a session has ended, however it has. What was kept is durable then. What did
    /// not fit on a full disk is counted as [`Reason::DISK`]: then no more is wanted, and the session goes on to give.
    ///
    /// # Errors
    /// If the store fails.
    pub fn flush(&mut self) -> Result<ControlFlow<()>, NodeError<S::Error>> {
        let Guest {
            visit,
            batch,
            bytes,
        } = &mut *self.guest;
        let waiting = mem::take(batch);
        *bytes = 0;
        let (kept, budget) = (visit.tally.kept, visit.tally.dropped_for(Reason::BUDGET));
        let room = visit.tally.dropped_for(Reason::ROOM);
        let frames: Vec<(Stamp<'_>, &[u8])> = waiting
            .iter()
            .map(|waiting| (waiting.stamp(), &waiting.envelope[..]))
            .collect();
        self.node.take_in_what_fits(visit, &frames)?;
        let spent = visit.tally.dropped_for(Reason::BUDGET) > budget;
        // One that is worth little is refused where others are not; if all of them are, the store is full.
        let full = visit.tally.dropped_for(Reason::ROOM) > room && visit.tally.kept == kept
            || visit.tally.dropped_for(Reason::DISK) > 0;
        Ok(if spent || full {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

impl From<Entry> for Offer {
    fn from(entry: Entry) -> Self {
        Self {
            id: entry.id,
            expires: entry.expires,
            len: entry.size as usize,
        }
    }
}

impl<S: Store> Shelf for GuestAt<'_, S> {
    type Error = NodeError<S::Error>;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Self::Error> {
        for entry in self.node.offered()? {
            each(entry.into());
        }
        Ok(())
    }

    fn fetch(
        &mut self,
        id: &Id,
        give: &mut dyn FnMut(Stamp<'_>, &[u8]),
    ) -> Result<(), Self::Error> {
        if let Some(stored) = self.node.hand(id)? {
            give(stored.stamp(), &stored.envelope);
        }
        Ok(())
    }

    fn take(&mut self, stamp: Stamp<'_>, envelope: &[u8]) -> Result<ControlFlow<()>, Self::Error> {
        self.guest.batch.push(Waiting {
            kind: stamp.kind(),
            stamp: stamp.bytes().to_vec(),
            envelope: envelope.to_vec(),
        });
        self.guest.bytes += envelope.len();
        if self.guest.batch.len() < BATCH && self.guest.bytes < BATCH_BYTES {
            return Ok(ControlFlow::Continue(()));
        }
        self.flush()
    }
}
