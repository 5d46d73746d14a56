//! Nodes for tests: real envelopes, the model store, intake by the rules of spec 9.2, and links that can be cut.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::exchange::{Error, Limits, Offer, Report, Session, Shelf};
use wcmp_relay::store::{Incoming, MemoryStore, Quota, Store, Taken};
use wcmp_wire::{Envelope, EnvelopeRef, Id, sha256};

pub(crate) use crate::numbers::Numbers;

/// Now, unless a test says otherwise.
pub(super) const HOUR: u32 = 493_000;

/// An envelope of this number, with so many bytes of payload.
pub(super) fn envelope(number: u32, expires: u32, payload: usize) -> Vec<u8> {
    let seed = sha256(&[&number.to_be_bytes()]);
    let bytes = Envelope {
        suite: 0x0101,
        sender_nonce: seed[..16].try_into().unwrap(),
        sender_hint: seed[16..].try_into().unwrap(),
        expires,
        commitment: seed,
        payload: vec![4; payload.max(16)],
        recipient_nonce: [5; 16],
        encapsulation: vec![],
        hints: vec![[7; 16]],
        sealed_keys: vec![11; 48],
        signature: vec![12; 64],
    };
    bytes.encode().unwrap()
}

pub(super) fn id(envelope: &[u8]) -> Id {
    EnvelopeRef::parse(envelope).unwrap().id(sha256)
}

/// A node that follows the rules.
pub(super) struct Carrier {
    pub(super) store: MemoryStore,
    pub(super) hour: u32,
    /// What is not past its hold.
    pub(super) held: BTreeSet<Id>,
    pub(super) max_size: usize,
    /// How many envelopes it takes from now on.
    pub(super) budget: usize,
    pub(super) dropped: BTreeMap<&'static str, u32>,
}

impl Carrier {
    pub(super) fn new() -> Self {
        Self {
            store: MemoryStore::new(Quota::NONE),
            hour: HOUR,
            held: BTreeSet::new(),
            max_size: 1 << 20,
            budget: usize::MAX,
            dropped: BTreeMap::new(),
        }
    }

    /// With the envelopes of these numbers, of a few bytes each, which expire over 30 days.
    pub(super) fn with(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut carrier = Self::new();
        for number in numbers {
            carrier.put(&small(number));
        }
        carrier
    }

    pub(super) fn put(&mut self, envelope: &[u8]) -> Id {
        let incoming = Incoming::new(EnvelopeRef::parse(envelope).unwrap(), Stamp::NONE);
        self.store.insert(&[incoming], self.hour).unwrap();
        incoming.id()
    }

    pub(super) fn ids(&mut self) -> BTreeSet<Id> {
        let all = self.store.list(0..=u32::MAX).unwrap();
        all.into_iter().map(|entry| entry.id).collect()
    }

    fn drop(&mut self, reason: &'static str) -> ControlFlow<()> {
        *self.dropped.entry(reason).or_default() += 1;
        ControlFlow::Continue(())
    }
}

pub(super) fn small(number: u32) -> Vec<u8> {
    envelope(number, HOUR + 1 + number % 700, 16)
}

impl Shelf for Carrier {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        for entry in self.store.list(self.hour..=u32::MAX)? {
            if !self.held.contains(&entry.id) {
                each(Offer {
                    id: entry.id,
                    expires: entry.expires,
                    len: entry.size as usize,
                });
            }
        }
        Ok(())
    }

    fn fetch(&mut self, id: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        if let Some(stored) = self.store.get(id)? {
            give(stored.stamp(), &stored.envelope);
        }
        Ok(())
    }

    fn take(&mut self, stamp: Stamp<'_>, bytes: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        let Ok(view) = EnvelopeRef::parse(bytes) else {
            return Ok(self.drop("malformed"));
        };
        if view.expires() < self.hour {
            return Ok(self.drop("expired"));
        }
        if view.expires() > self.hour + 744 {
            return Ok(self.drop("too far"));
        }
        if bytes.len() > self.max_size {
            return Ok(self.drop("size"));
        }
        if self.budget == 0 {
            return Ok(ControlFlow::Break(()));
        }
        let incoming = Incoming::new(view, stamp);
        match self.store.insert(&[incoming], self.hour)?[..] {
            [Taken::New] => self.budget -= 1,
            _ => return Ok(self.drop("known")),
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// How a session went, from each side.
pub(super) struct Meeting {
    pub(super) left: Report,
    pub(super) right: Report,
    pub(super) errors: [Option<Error<Infallible>>; 2],
    pub(super) done: bool,
    /// Bytes that went over the link, both ways.
    pub(super) bytes: usize,
}

pub(super) fn limits(carrier: &Carrier) -> Limits {
    Limits {
        envelope: carrier.max_size as u32,
        ..Limits::default()
    }
}

/// Two nodes meet; their link carries `at_once` bytes at a time and `most` bytes in all.
pub(super) fn meet_over<A, B>(
    (left, left_limits): (&mut A, Limits),
    (right, right_limits): (&mut B, Limits),
    (at_once, most): (usize, usize),
    nonce: u32,
) -> Meeting
where
    A: Shelf<Error = Infallible>,
    B: Shelf<Error = Infallible>,
{
    let nonce = sha256(&[b"nonce", &nonce.to_be_bytes()]);
    let mut a = Session::new(nonce[..16].try_into().unwrap(), left_limits, HOUR);
    let mut b = Session::new(nonce[16..].try_into().unwrap(), right_limits, HOUR);
    let mut meeting = Meeting {
        left: Report::default(),
        right: Report::default(),
        errors: [None, None],
        done: false,
        bytes: 0,
    };
    // One clock for both, which goes on by a second where nothing moves.
    let mut clock = Duration::ZERO;
    loop {
        let moved = meeting.bytes;
        if let Err(error) = carry(
            &mut a,
            left,
            &mut b,
            right,
            at_once,
            most,
            &mut meeting.bytes,
        ) {
            meeting.errors = error;
            break;
        }
        if let Err([right_error, left_error]) = carry(
            &mut b,
            right,
            &mut a,
            left,
            at_once,
            most,
            &mut meeting.bytes,
        ) {
            meeting.errors = [left_error, right_error];
            break;
        }
        if a.is_done() && b.is_done() {
            meeting.done = true;
            break;
        }
        if meeting.bytes == most {
            break;
        }
        if meeting.bytes == moved {
            clock += Duration::from_secs(1);
        }
        let stalled = [a.tick(clock).err(), b.tick(clock).err()];
        if stalled != [None, None] {
            meeting.errors = stalled;
            break;
        }
    }
    meeting.left = *a.report();
    meeting.right = *b.report();
    meeting
}

/// One burst from one side to the other.
fn carry<A, B>(
    from: &mut Session,
    sender: &mut A,
    to: &mut Session,
    receiver: &mut B,
    at_once: usize,
    most: usize,
    carried: &mut usize,
) -> Result<(), [Option<Error<Infallible>>; 2]>
where
    A: Shelf<Error = Infallible>,
    B: Shelf<Error = Infallible>,
{
    let mut bytes = Vec::new();
    from.transmit(&mut bytes, sender)
        .map_err(|error| [Some(error), None])?;
    bytes.truncate(most - *carried);
    for piece in bytes.chunks(at_once) {
        *carried += piece.len();
        to.receive(piece, receiver)
            .map_err(|error| [None, Some(error)])?;
    }
    Ok(())
}

pub(super) fn meet(left: &mut Carrier, right: &mut Carrier, nonce: u32) -> Meeting {
    let (a, b) = (limits(left), limits(right));
    let meeting = meet_over((left, a), (right, b), (usize::MAX, usize::MAX), nonce);
    assert_eq!(meeting.errors, [None, None]);
    assert!(meeting.done);
    meeting
}
