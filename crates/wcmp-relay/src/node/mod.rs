//! A node: takes envelopes in, keeps them in a [`Store`], and hands them on (spec 9).
//!
//! # Non-interference
//! What a node stores, evicts, orders and hands on, and when, is a function of the bytes it was given, of `now`, of its
//! policy and of the entropy at its first opening. It cannot name a key, so it cannot depend on what its owner can
//! read (spec 9.1).
//!
//! # Holds
//! An envelope is handed on only after a random hold, uniform in the hours 0 to 23 by default, so that whoever meets a
//! node before and after somebody else cannot tell which envelopes came in between. The hold has to survive the end of
//! the process, and yet nothing about when an envelope came may be on the disk. So the hold is no time that is kept:
//! a key, drawn once for each store, gives every id an hour of the day, and an envelope is held until the clock has
//! passed that hour once since it came. What is kept is the set of those that are still held (8 bytes each of a hash
//! under the key), the key, and the hour of the last run.
//!
//! # What a seized disk shows
//! * Of envelopes that are no longer held, nothing: neither when they came nor that they were ever held.
//! * Of those still held, that they came within the [`MAX_HOLD`](crate::policy::MAX_HOLD) hours before the last run; with
//!   the key, which is on the same disk, that they came after their hour of the day last passed. No bounded hold that
//!   outlives its process can show less. Running the node once a day or more often, or with no hold at all, bounds
//!   this; deleting the store ends it.
//! * The hour of the last run.
//! * Not who brought what: a visit is counted in memory only ([`Visit`]).
//! * Not which envelopes are the owner's, see below.
//!
//! # Own messages
//! They enter by the same call, and are the same bytes on the disk: held like all others. For a hold may be over in the
//! hour in which it began, they should not enter at once, or a neighbour who gets a single new envelope knows its writer:
//! they leave after 8 later foreign intakes or 24 hours (spec 9.2). A note on the disk that says which envelopes wait for
//! that would say whose they are. So it is the client who keeps an own message back, in its keyring, which is encrypted:
//! [`Cover`] counts for it. When that is over, the message enters. It is not to be handed on without the hold then: the
//! key is on the disk, so an envelope that is not held although its hour has not come would be known for the owner's.
//!
//! # A state that is lost
//! If the state is missing though there are envelopes, or damaged, nobody knows any more what is held. Then a key is drawn
//! anew, all is held anew, and the clock is taken for one that stepped ([`Clock::Lost`]).
//!
//! # Clock
//! `now` is an argument, and never learnt from envelopes. If it is before the last run or more than 168 hours after it,
//! nothing is purged or handed on until somebody confirms the clock (spec 9.3); see [`Clock`]. Intake goes on.
//!
//! ```
//! use wcmp_relay::bundle::Stamp;
//! use wcmp_relay::node::Node;
//! use wcmp_relay::policy::{Policy, Visit};
//! use wcmp_relay::store::{MemoryStore, Quota};
//!
//! # let envelope = wcmp_wire::Envelope { suite: 0x0101, sender_nonce: [1; 16], sender_hint: [2; 16], expires: 494_100,
//! #     commitment: [3; 32], payload: vec![4; 1040], recipient_nonce: [5; 16], encapsulation: vec![6; 32],
//! #     hints: vec![[7; 16], [8; 16], [9; 16], [10; 16]], sealed_keys: vec![11; 192], signature: vec![12; 64] };
//! # let envelope = envelope.encode()?;
//! let entropy = [7; 32]; // from the system's randomness
//! let mut node = Node::open(MemoryStore::new(Quota::NONE), Policy::default(), 494_000, &entropy)?;
//! let mut visit = Visit::new(node.policy());
//! node.take_in(&mut visit, &[(Stamp::NONE, &envelope), (Stamp::NONE, b"rubbish")])?;
//! assert_eq!(visit.tally.kept, 1);
//!
//! node.set_now(494_024)?; // a day later
//! let ready = node.offered()?;
//! assert_eq!(node.hand(&ready[0].id)?.unwrap().envelope, envelope);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fit;
mod hold;

use alloc::vec::Vec;
use core::fmt;

use wcmp_wire::{EnvelopeRef, Id};

use crate::bundle::Stamp;
use crate::policy::{Header, Policy, Reason, Subject, Verdict, Visit};
use crate::store::{Entry, Incoming, Store, Stored, Taken, Totals};

pub use hold::Cover;
use hold::{Holds, NoState};

/// Hours that a clock may have run since the last time without anybody being asked (spec 9.3).
pub const MAX_STEP: u32 = 168;

/// What the clock did since the last run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Clock {
    /// It went on.
    Running,
    /// It went back by so many hours.
    Back(u32),
    /// It went on by so many hours, more than [`MAX_STEP`].
    Forward(u32),
    /// Nobody knows: the state was lost, and with it the hour of the last run.
    Lost,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("the clock goes on"),
            Self::Back(hours) => write!(f, "the clock is {hours} hours before the last run"),
            Self::Forward(hours) => write!(f, "the last run was {hours} hours ago"),
            Self::Lost => f.write_str("the hour of the last run is lost, and all is held anew"),
        }
    }
}

/// Why a node did not do as it was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NodeError<E> {
    /// Nothing is purged or handed on before the clock is confirmed.
    Frozen(Clock),
    /// The state kept in the store is of a later version.
    State,
    /// The store failed.
    Store(E),
}

impl<E> From<E> for NodeError<E> {
    fn from(error: E) -> Self {
        Self::Store(error)
    }
}

impl<E: fmt::Display> fmt::Display for NodeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen(clock) => clock.fmt(f),
            Self::State => f.write_str("the store belongs to a later version"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for NodeError<E> {}

/// A store under a policy and a clock.
#[derive(Debug)]
pub struct Node<S> {
    store: S,
    policy: Policy,
    now: u32,
    clock: Clock,
    holds: Holds,
    /// The state on the disk is older than this one, since the disk did not take it.
    unsaved: bool,
}

type Result<T, S> = core::result::Result<T, NodeError<<S as Store>::Error>>;

impl<S: Store> Node<S> {
    /// Begins to work on a store at the hour `now`. `entropy` is random; it is used where the store is new, or its state
    /// lost.
    ///
    /// # Errors
    /// If the store fails, or holds the state of a later version.
    pub fn open(mut store: S, policy: Policy, now: u32, entropy: &[u8; 32]) -> Result<Self, S> {
        let state = store.state()?;
        let is_new = state.is_empty() && store.totals().envelopes == 0;
        let (holds, lost) = if is_new {
            (Holds::new(now, entropy), false)
        } else {
            match Holds::decode(&state) {
                Ok(holds) => (holds, false),
                Err(NoState::Damaged) => (Holds::lost(entropy), true),
                Err(NoState::Version) => return Err(NodeError::State),
            }
        };
        let mut node = Self {
            store,
            policy,
            now,
            clock: Clock::Running,
            holds,
            unsaved: false,
        };
        if is_new {
            node.save()?;
        } else if lost {
            let all = node.store.list(0..=u32::MAX)?;
            let ids = all.iter().map(|entry| entry.id);
            node.holds.add(ids, now, node.policy.hold, true);
            node.save_if_it_fits()?;
        }
        node.set_now(now)?;
        Ok(node)
    }

    /// Goes on to another hour, and ends the holds that are over.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_now(&mut self, now: u32) -> Result<(), S> {
        self.now = now;
        let Some(last) = self.holds.last_run() else {
            self.clock = Clock::Lost;
            return Ok(());
        };
        self.clock = match now.checked_sub(last) {
            None => Clock::Back(last - now),
            Some(step) if step > MAX_STEP => Clock::Forward(step),
            Some(0) => Clock::Running,
            Some(_) => {
                self.holds.pass(now, self.policy.hold);
                self.save_if_it_fits()?;
                Clock::Running
            }
        };
        Ok(())
    }

    fn save(&mut self) -> Result<(), S> {
        self.unsaved = true;
        self.store.set_state(&self.holds.encode())?;
        self.unsaved = false;
        Ok(())
    }

    /// A full disk has to be opened, read and purged, too. If the state does not fit, the older one stays there: by that
    /// nothing is handed on earlier, and a clock that was confirmed has to be confirmed again.
    fn save_if_it_fits(&mut self) -> Result<(), S> {
        match self.save() {
            Err(NodeError::Store(error)) if S::is_full(&error) => Ok(()),
            result => result,
        }
    }

    /// What the clock did. Unless it goes on, nothing is purged or handed on.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Somebody has looked at a clock that stepped, and it is right. Holds begin anew, since nobody knows for how
    /// long they have lasted.
    ///
    /// # Errors
    /// If the store fails.
    pub fn confirm_clock(&mut self) -> Result<(), S> {
        if self.clock != Clock::Running {
            self.holds.restart(self.now);
            self.save_if_it_fits()?;
        }
        self.clock = Clock::Running;
        Ok(())
    }

    fn not_frozen(&self) -> Result<(), S> {
        match self.clock {
            Clock::Running => Ok(()),
            stepped => Err(NodeError::Frozen(stepped)),
        }
    }

    /// The hour by which a full store decides: that of a clock which stepped is not to be trusted (spec 9.3). Without any,
    /// it hardly counts.
    fn trusted(&self) -> u32 {
        match self.clock {
            Clock::Running => self.now,
            _ => self.holds.last_run().unwrap_or(0),
        }
    }

    /// Takes in what a visit brings: stamps, and **any bytes**. Checks them in the order of spec 9.2, then by the
    /// policy's rules, those about stamps only when the quota is reached, and counts in the visit what became of each.
    /// What was kept is durable when this returns, and held for a random time.
    ///
    /// # Errors
    /// If the store fails, for instance on a full disk. What was kept before stays kept; of this batch nothing is
    /// counted as kept.
    pub fn take_in(&mut self, visit: &mut Visit, batch: &[(Stamp<'_>, &[u8])]) -> Result<(), S> {
        let mut incoming = Vec::with_capacity(batch.len());
        // Stamps for what is there already.
        let mut known = Vec::new();
        let totals = self.store.totals();
        let (mut pending, mut pending_bytes) = (0, 0);
        for (stamp, bytes) in batch {
            let envelope = match EnvelopeRef::parse(bytes) {
                Ok(envelope) => envelope,
                Err(error) => {
                    visit.tally.drop(Reason(error.code()));
                    continue;
                }
            };
            let header = Header::from(&envelope);
            let mut subject = Subject {
                header,
                now: self.now,
                effort: None,
            };
            if let Verdict::Drop(reason) = self.policy.judge(&subject) {
                visit.tally.drop(reason);
                continue;
            }
            let carried = if self.policy.stamps {
                *stamp
            } else {
                Stamp::NONE
            };
            let candidate = Incoming::new(envelope, carried);
            let id = candidate.id();
            if self.store.contains(&id) {
                if carried.effort(&id) > 0 {
                    known.push(candidate);
                }
                visit.tally.drop(Reason::KNOWN);
                continue;
            }
            if !visit.allows(header.size, pending, pending_bytes) {
                visit.tally.drop(Reason::BUDGET);
                continue;
            }
            // Work is asked for only where there is no room (spec 9.4); else a rule about it defers, and so keeps.
            let with_this = Totals {
                envelopes: pending + 1,
                bytes: pending_bytes + u64::from(header.size),
            };
            if !self.policy.quota.allows(totals + with_this) {
                subject.effort = Some(stamp.effort(&id));
                if let Verdict::Drop(reason) = self.policy.judge(&subject) {
                    visit.tally.drop(reason);
                    continue;
                }
            }
            pending += 1;
            pending_bytes += u64::from(header.size);
            incoming.push(candidate);
        }
        // Before the envelopes: if the process ends between, some are held that never came, and none leaves early.
        let frozen = self.clock != Clock::Running;
        let ids = incoming.iter().map(Incoming::id);
        self.unsaved |= self.holds.add(ids, self.now, self.policy.hold, frozen);
        if self.unsaved && !incoming.is_empty() {
            self.save()?;
        }
        let new = incoming.len();
        incoming.append(&mut known);
        if incoming.is_empty() {
            return Ok(());
        }
        let taken = self.store.insert(&incoming, self.trusted())?;
        for (taken, incoming) in taken.iter().zip(&incoming).take(new) {
            match taken {
                Taken::New => visit.tally.keep(incoming.size()),
                Taken::Known => visit.tally.drop(Reason::KNOWN),
                Taken::Refused => visit.tally.drop(Reason::ROOM),
            }
        }
        Ok(())
    }

    /// What may be handed on now, ascending by id. Takes memory for all of it: 48 bytes for each envelope in the store.
    ///
    /// # Errors
    /// [`NodeError::Frozen`] if the clock stepped; if the store fails.
    pub fn offered(&mut self) -> Result<Vec<Entry>, S> {
        self.not_frozen()?;
        let mut offered = self.store.list(self.now..=u32::MAX)?;
        offered.retain(|entry| !self.holds.holds(&entry.id));
        Ok(offered)
    }

    /// An envelope as it is handed on: `None` if it is not there, expired or held. It has a stamp only if the policy
    /// carries them, and only one that shows work (spec 9.4). One that is damaged is dropped.
    ///
    /// # Errors
    /// [`NodeError::Frozen`] if the clock stepped; if the store fails.
    pub fn hand(&mut self, id: &Id) -> Result<Option<Stored>, S> {
        self.not_frozen()?;
        if self.holds.holds(id) {
            return Ok(None);
        }
        let Some(mut stored) = self.store.get(id)? else {
            self.store.check(id)?;
            return Ok(None);
        };
        let expires = EnvelopeRef::parse(&stored.envelope).map(|envelope| envelope.expires());
        if !self.policy.stamps {
            stored.nonce = None;
        }
        Ok(expires.is_ok_and(|hour| hour >= self.now).then_some(stored))
    }

    /// Removes what has expired, and what is more than the quota allows, and says how much it was.
    ///
    /// # Errors
    /// [`NodeError::Frozen`] if the clock stepped; if the store fails.
    pub fn purge(&mut self) -> Result<Totals, S> {
        self.not_frozen()?;
        let before = self.store.totals();
        self.store.expire(self.now)?;
        self.store.insert(&[], self.now)?;
        let after = self.store.totals();
        if self.unsaved {
            self.save_if_it_fits()?;
        }
        Ok(Totals {
            envelopes: before.envelopes.saturating_sub(after.envelopes),
            bytes: before.bytes.saturating_sub(after.bytes),
        })
    }

    /// How many envelopes are held, about: some may not be there any more.
    #[must_use]
    pub fn held(&self) -> usize {
        self.holds.len()
    }

    /// The hour.
    #[must_use]
    pub const fn now(&self) -> u32 {
        self.now
    }

    /// What it goes by.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What it keeps envelopes in. Whoever looks for their own there reads, and changes nothing ([`Store::get`]).
    #[must_use]
    pub const fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Gives the store back.
    #[must_use]
    pub fn into_store(self) -> S {
        self.store
    }
}
