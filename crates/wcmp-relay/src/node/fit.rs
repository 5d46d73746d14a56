//! Intake where the medium is nearly full.

use super::{Node, NodeError, Result};
use crate::bundle::Stamp;
use crate::policy::{Reason, Visit};
use crate::store::Store;

/// After so many envelopes that did not fit by themselves, no further one of the visit is tried: each costs a write.
const MISFITS: u32 = 16;

impl<S: Store> Node<S> {
    /// Takes in a batch like [`take_in`](Node::take_in). Where the medium is full, it takes in what fits, trying halves down
    /// to single envelopes, and counts the others as [`Reason::DISK`].
    ///
    /// # Errors
    /// If the store fails in another way.
    pub fn take_in_what_fits(
        &mut self,
        visit: &mut Visit,
        batch: &[(Stamp<'_>, &[u8])],
    ) -> Result<(), S> {
        let before = visit.tally.clone();
        if visit.misfits < MISFITS {
            match self.take_in(visit, batch) {
                Err(NodeError::Store(error)) if S::is_full(&error) => {}
                done => return done,
            }
        }
        // Of the batch that failed some may be counted as dropped.
        visit.tally = before;
        if batch.len() > 1 && visit.misfits < MISFITS {
            let (front, back) = batch.split_at(batch.len() / 2);
            self.take_in_what_fits(visit, front)?;
            return self.take_in_what_fits(visit, back);
        }
        visit.misfits = visit.misfits.saturating_add(1);
        for _ in batch {
            visit.tally.drop(Reason::DISK);
        }
        Ok(())
    }
}
