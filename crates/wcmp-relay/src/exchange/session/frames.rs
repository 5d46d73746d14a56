//! What is wanted, and envelopes (docs/spec/exchange.md 2.4).

use alloc::vec::{self, Vec};
use core::ops::ControlFlow;

use wcmp_wire::Id;

use super::super::message::{self, Kind};
use super::super::riblt::{Short, Sketch};
use super::super::{Error, Shelf};
use super::{Phase, Session};
use crate::bundle::Stamp;

/// Frames are sent so many bytes at a time, or one at a time if they are larger.
const BURST: usize = 1 << 16;

/// What may still come of frames after we had enough: they were under way.
const UNDER_WAY: u64 = 16 << 20;

impl Session {
    pub(super) fn want<N: Shelf>(
        &mut self,
        sketch: Sketch,
        left: u32,
        mut wanted: Vec<Short>,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        let (wants, rest) = body.as_chunks::<16>();
        if !rest.is_empty() || wants.is_empty() {
            return Err(Error::Malformed);
        }
        let count = u32::try_from(wants.len()).map_err(|_| Error::Malformed)?;
        let left = left.checked_sub(count).ok_or(Error::Flood)?;
        for want in wants {
            let want = Short::from_bytes(*want);
            if wanted.last().is_some_and(|last| *last >= want) || !sketch.contains(want) {
                return Err(Error::Inconsistent);
            }
            wanted.push(want);
        }
        if left > 0 {
            return Ok(Phase::Wants {
                sketch,
                left,
                wanted,
            });
        }
        drop(sketch);
        Ok(Phase::Receiving(Some(self.named(&wanted, node)?)))
    }

    pub(super) fn send<N: Shelf>(
        &mut self,
        out: &mut Vec<u8>,
        mut wants: vec::IntoIter<Short>,
        mut frames: vec::IntoIter<Id>,
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        if wants.len() > 0 {
            let mut body = Vec::new();
            for want in wants.by_ref().take(message::WANTS_AT_ONCE) {
                body.extend(want.to_bytes());
            }
            message::put(out, Kind::Want, &[&body]);
            return Ok(Phase::Sending { wants, frames });
        }
        let (terms, before) = (self.terms, out.len());
        while out.len() - before < BURST {
            let Some(id) = frames.next() else {
                message::put(out, Kind::Done, &[]);
                return Ok(match terms.describe {
                    true => Phase::Done,
                    false => Phase::Receiving(None),
                });
            };
            let mut sent = 0;
            let mut give = |stamp: Stamp<'_>, envelope: &[u8]| {
                let stamp = if terms.stamps { stamp } else { Stamp::NONE };
                let len = u8::try_from(stamp.bytes().len()).unwrap_or(u8::MAX);
                let parts = [&[stamp.kind(), len], stamp.bytes(), envelope];
                message::put(out, Kind::Frame, &parts);
                sent = 1;
            };
            node.fetch(&id, &mut give).map_err(Error::Node)?;
            self.report.sent += sent;
        }
        Ok(Phase::Sending { wants, frames })
    }

    pub(super) fn frame<N: Shelf>(
        &mut self,
        body: &[u8],
        node: &mut N,
    ) -> Result<(), Error<N::Error>> {
        let over = self.count_frame(body.len() as u64)?;
        let Some((stamp, envelope)) = read_frame(body) else {
            self.report.malformed += 1;
            return Ok(());
        };
        if envelope.len() > self.limits.envelope as usize {
            self.report.oversized += 1;
        } else if self.enough || over {
            self.report.surplus += 1;
        } else {
            self.report.received += 1;
            if node.take(stamp, envelope).map_err(Error::Node)? == ControlFlow::Break(()) {
                self.say_enough();
            }
        }
        if over {
            self.say_enough();
        }
        Ok(())
    }

    pub(super) fn oversized<E>(&mut self, len: u32) -> Result<(), Error<E>> {
        if !matches!(self.phase, Phase::Receiving(_)) {
            return Err(Error::Unexpected);
        }
        self.report.oversized += 1;
        if self.count_frame(u64::from(len))? {
            self.say_enough();
        }
        Ok(())
    }

    /// Counts a frame against the limits, and tells whether it is over them.
    pub(super) fn count_frame<E>(&mut self, len: u64) -> Result<bool, Error<E>> {
        self.taken_bytes = self.taken_bytes.saturating_add(len);
        let report = &self.report;
        let frames = report.received + report.malformed + report.oversized + report.surplus + 1;
        if self.enough {
            // Counted anew since then.
            let most = UNDER_WAY + u64::from(self.limits.envelope);
            return if self.taken_bytes > most {
                Err(Error::Flood)
            } else {
                Ok(true)
            };
        }
        // Whoever named its wants knows how many there can be.
        if !self.terms.describe && frames > report.wanted {
            return Err(Error::Flood);
        }
        Ok(self.taken_bytes > self.limits.bytes || frames > u64::from(self.limits.frames))
    }

    pub(super) fn say_enough(&mut self) {
        if !self.enough {
            self.enough = true;
            self.taken_bytes = 0;
            self.report.more = true;
            message::put(&mut self.outbox, Kind::Enough, &[]);
        }
    }
}

/// Stamp and envelope in the body of a frame, as in a bundle's.
fn read_frame(body: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let (&[kind, len], rest) = body.split_first_chunk()?;
    let (stamp, envelope) = rest.split_at_checked(usize::from(len))?;
    Some((Stamp::new(kind, stamp)?, envelope))
}
