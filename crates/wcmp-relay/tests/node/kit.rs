//! Nodes and envelopes to try them with, and a store that fails.

use core::ops::RangeInclusive;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Policy, Visit};
use wcmp_relay::store::{
    Arrivals, Cursor, Day, Entry, Incoming, MemoryStore, Store, Stored, Taken, Totals,
};
use wcmp_wire::{EnvelopeRef, Id, sha256};

#[path = "../envelopes/mod.rs"]
mod envelopes;

pub(crate) use envelopes::{NOW, envelope};

pub(crate) fn id(bytes: &[u8]) -> Id {
    EnvelopeRef::parse(bytes).unwrap().id(sha256)
}

pub(crate) fn node(policy: Policy) -> Node<MemoryStore> {
    Node::open(MemoryStore::new(policy.quota), policy, NOW, &[7; 32]).unwrap()
}

/// A node that holds nothing back.
pub(crate) fn prompt(mut policy: Policy) -> Node<MemoryStore> {
    policy.hold = 0;
    node(policy)
}

pub(crate) fn take<S: Store>(node: &mut Node<S>, envelopes: &[Vec<u8>]) -> Visit
where
    S::Error: std::fmt::Debug,
{
    let mut visit = Visit::new(node.policy());
    let batch: Vec<_> = envelopes.iter().map(|e| (Stamp::NONE, &e[..])).collect();
    node.take_in(&mut visit, &batch).unwrap();
    visit
}

/// Why a [`Faulty`] store fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Full,
    Other,
}

/// A store whose state cannot be written for so many times, and which notes what it was asked for.
pub(crate) struct Faulty {
    store: MemoryStore,
    pub(crate) fault: Option<(Fault, u32)>,
    pub(crate) hours: Vec<u32>,
}

impl Faulty {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            store: MemoryStore::new(policy.quota),
            fault: None,
            hours: Vec::new(),
        }
    }
}

impl Store for Faulty {
    type Error = Fault;

    fn is_full(error: &Fault) -> bool {
        *error == Fault::Full
    }
    fn insert(&mut self, batch: &[Incoming<'_>], now: u32) -> Result<Vec<Taken>, Fault> {
        self.hours.push(now);
        Ok(self.store.insert(batch, now).unwrap())
    }
    fn contains(&self, id: &Id) -> bool {
        self.store.contains(id)
    }
    fn get(&mut self, id: &Id) -> Result<Option<Stored>, Fault> {
        Ok(self.store.get(id).unwrap())
    }
    fn check(&mut self, id: &Id) -> Result<bool, Fault> {
        Ok(self.store.check(id).unwrap())
    }
    fn list(&mut self, expires: RangeInclusive<u32>) -> Result<Vec<Entry>, Fault> {
        Ok(self.store.list(expires).unwrap())
    }
    fn days(&self) -> Vec<Day> {
        self.store.days()
    }
    fn arrivals(&mut self, after: Cursor) -> Result<Option<Arrivals>, Fault> {
        Ok(self.store.arrivals(after).unwrap())
    }
    fn forget_arrivals(&mut self, up_to: Cursor) -> Result<(), Fault> {
        self.store.forget_arrivals(up_to).unwrap();
        Ok(())
    }
    fn expire(&mut self, now: u32) -> Result<Totals, Fault> {
        Ok(self.store.expire(now).unwrap())
    }
    fn state(&mut self) -> Result<Vec<u8>, Fault> {
        Ok(self.store.state().unwrap())
    }
    fn set_state(&mut self, state: &[u8]) -> Result<(), Fault> {
        match &mut self.fault {
            Some((fault, times @ 1..)) => {
                *times -= 1;
                Err(*fault)
            }
            _ => {
                self.store.set_state(state).unwrap();
                Ok(())
            }
        }
    }
}
