//! A node: what it takes in and why not, when it hands on, what its clock stops.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use core::ops::RangeInclusive;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Clock, Cover, Node, NodeError};
use wcmp_relay::policy::{Condition, Field, Named, Policy, Reason, Visit};
use wcmp_relay::store::{
    Arrivals, Cursor, Day, Entry, Folder, Incoming, MemoryStore, Options, Quota, SegmentStore,
    Store, Stored, Taken, Totals,
};
use wcmp_relay::work::Work;
use wcmp_wire::{Envelope, EnvelopeRef, Id, sha256};

const NOW: u32 = 494_000;

fn envelope(n: u32, expires: u32, payload: usize) -> Vec<u8> {
    let hash = sha256(&[&n.to_be_bytes()]);
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: *hash.first_chunk().unwrap(),
        sender_hint: [2; 16],
        expires,
        commitment: hash,
        payload: vec![4; payload],
        recipient_nonce: [5; 16],
        encapsulation: vec![6; 32],
        hints: (0..4).map(|i| [i; 16]).collect(),
        sealed_keys: vec![11; 4 * 48],
        signature: vec![12; 64],
    };
    envelope.encode().unwrap()
}

fn id(bytes: &[u8]) -> Id {
    EnvelopeRef::parse(bytes).unwrap().id(sha256)
}

fn node(policy: Policy) -> Node<MemoryStore> {
    Node::open(MemoryStore::new(policy.quota), policy, NOW, &[7; 32]).unwrap()
}

/// A node that holds nothing back.
fn prompt(mut policy: Policy) -> Node<MemoryStore> {
    policy.hold = 0;
    node(policy)
}

fn take<S: Store>(node: &mut Node<S>, envelopes: &[Vec<u8>]) -> Visit
where
    S::Error: std::fmt::Debug,
{
    let mut visit = Visit::new(node.policy());
    let batch: Vec<_> = envelopes.iter().map(|e| (Stamp::NONE, &e[..])).collect();
    node.take_in(&mut visit, &batch).unwrap();
    visit
}

#[test]
fn each_reason_is_counted_and_the_good_ones_are_kept() {
    let mut policy = Policy::default();
    policy.max_size = 3000;
    policy.visit.envelopes = 4;
    policy.push(Named::drop(
        "small",
        Condition::within(Field::Size, 0..=1600),
    ));
    let mut node = prompt(policy);
    let good: Vec<Vec<u8>> = (0..3).map(|n| envelope(n, NOW + 100, 2000)).collect();
    let mut batch = good.clone();
    batch.extend([
        envelope(10, NOW - 1, 2000),
        envelope(11, NOW + 745, 2000),
        envelope(12, NOW + 1, 4000),
        envelope(13, NOW + 1, 1100),
        b"".to_vec(),
        vec![2; 100],
        good[0].clone(),
        good[0][..2000].to_vec(),
        vec![1; 16_777_217],
        envelope(14, NOW, 2000),
        envelope(15, NOW + 744, 2000),
    ]);
    let visit = take(&mut node, &batch);
    let dropped: Vec<_> = visit.tally.dropped().map(|(Reason(r), n)| (r, n)).collect();
    let wanted = [
        ("budget", 2),
        ("expired", 1),
        ("known", 1),
        ("malformed", 2),
        ("size", 1),
        ("small", 1),
        ("too-far-ahead", 1),
        ("too-large", 1),
        ("version", 1),
    ];
    // The one that came twice in the batch took a place of the budget.
    assert_eq!(dropped[1..], wanted[1..]);
    assert_eq!(visit.tally.kept + dropped[0].1, 5);
    assert!(visit.tally.kept <= 4);
    for good in &good {
        assert_eq!(node.hand(&id(good)).unwrap().unwrap().envelope, *good);
    }
    assert_eq!(take(&mut node, &good).tally.dropped_for(Reason::KNOWN), 3);
}

#[test]
fn a_visit_cannot_bring_more_than_its_budget_in_any_number_of_batches() {
    let mut policy = Policy::default();
    policy.visit.bytes = 20_000;
    let mut node = prompt(policy);
    let mut visit = Visit::new(node.policy());
    for n in 0..100 {
        let flood = envelope(n, NOW + 100, 1040);
        node.take_in(&mut visit, &[(Stamp::NONE, &flood)]).unwrap();
    }
    let size = envelope(0, NOW, 1040).len() as u64;
    assert_eq!(visit.tally.kept, 20_000 / size);
    assert_eq!(
        visit.tally.dropped_for(Reason::BUDGET),
        100 - visit.tally.kept
    );
    // Another neighbour has a budget of his own.
    assert_eq!(
        take(&mut node, &[envelope(200, NOW + 9, 1040)]).tally.kept,
        1
    );
}

#[test]
fn what_is_handed_on_is_past_its_hold_unexpired_and_in_order() {
    let mut node = node(Policy::default());
    let all: Vec<Vec<u8>> = (0..500)
        .map(|n| envelope(n, NOW + 12 + n % 24, 1040))
        .collect();
    assert_eq!(take(&mut node, &all).tally.kept, 500);
    let ids: Vec<Id> = all.iter().map(|bytes| id(bytes)).collect();
    let mut before = 0;
    for hour in NOW..=NOW + 24 {
        node.set_now(hour).unwrap();
        let offered = node.offered().unwrap();
        assert!(offered.is_sorted_by(|a, b| a.id < b.id));
        assert!(offered.iter().all(|entry| entry.expires >= hour));
        for id in &ids {
            let ready = offered.iter().any(|entry| entry.id == *id);
            assert_eq!(node.hand(id).unwrap().is_some(), ready);
        }
        if hour == NOW + 6 {
            // A quarter of the day, about.
            assert!((100..200).contains(&offered.len()), "{}", offered.len());
            before = offered.len();
        }
        if hour == NOW + 12 {
            assert!(offered.len() > before);
        }
    }
    let left = all
        .iter()
        .filter(|e| EnvelopeRef::parse(e).unwrap().expires() >= NOW + 24);
    assert_eq!(node.offered().unwrap().len(), left.count());
}

#[test]
fn holds_survive_the_process_whenever_it_runs() {
    let all: Vec<Vec<u8>> = (0..300).map(|n| envelope(n, NOW + 300, 1040)).collect();
    let mut lasting = node(Policy::default());
    take(&mut lasting, &all);
    let mut restarted = node(Policy::default());
    take(&mut restarted, &all);
    for hour in [NOW, NOW + 1, NOW + 1, NOW + 9, NOW + 23, NOW + 24] {
        lasting.set_now(hour).unwrap();
        let store = restarted.into_store();
        restarted = Node::open(store, Policy::default(), hour, &[99; 32]).unwrap();
        let (a, b) = (lasting.offered().unwrap(), restarted.offered().unwrap());
        assert_eq!(a, b);
        assert_eq!(lasting.store().state(), restarted.store().state());
    }
    assert_eq!(restarted.offered().unwrap().len(), 300);
    assert_eq!(restarted.held(), 0);
}

#[test]
fn the_state_names_no_hour_but_the_last_run() {
    // Two nodes that got the same at other hours and have both let it go keep the same bytes.
    let all: Vec<Vec<u8>> = (0..50).map(|n| envelope(n, NOW + 300, 1040)).collect();
    let state = |came: u32| {
        let mut node = node(Policy::default());
        node.set_now(came).unwrap();
        take(&mut node, &all);
        node.set_now(NOW + 60).unwrap();
        node.store().state().unwrap()
    };
    assert_eq!(state(NOW), state(NOW + 20));
    assert_eq!(state(NOW), state(NOW + 36));
    assert_ne!(state(NOW), state(NOW + 50), "some are held still");
    assert_eq!(state(NOW).len(), 41);
}

#[test]
fn a_clock_that_steps_stops_everything_but_intake() {
    for (now, clock) in [
        (NOW - 1, Clock::Back(1)),
        (0, Clock::Back(NOW)),
        (NOW + 169, Clock::Forward(169)),
        (u32::MAX, Clock::Forward(u32::MAX - NOW)),
    ] {
        let mut first = prompt(Policy::default());
        let old = envelope(0, NOW + 1, 1040);
        take(&mut first, std::slice::from_ref(&old));
        let mut node = Node::open(first.into_store(), Policy::default(), now, &[1; 32]).unwrap();
        assert_eq!(node.clock(), clock);
        assert_eq!(node.purge(), Err(NodeError::Frozen(clock)));
        assert_eq!(node.offered(), Err(NodeError::Frozen(clock)));
        assert_eq!(node.hand(&id(&old)), Err(NodeError::Frozen(clock)));
        assert!(node.store().contains(&id(&old)), "nothing is destroyed");
        let new = envelope(1, now.saturating_add(9), 1040);
        assert_eq!(take(&mut node, std::slice::from_ref(&new)).tally.kept, 1);

        // Another run does not get used to it.
        let node = Node::open(node.into_store(), Policy::default(), now, &[1; 32]).unwrap();
        assert_eq!(node.clock(), clock);
        // The old hour comes back: all is well, by itself.
        let mut node = if now > NOW {
            let mut back = Node::open(node.into_store(), Policy::default(), NOW, &[1; 32]).unwrap();
            assert_eq!(back.clock(), Clock::Running);
            assert!(back.hand(&id(&old)).unwrap().is_some());
            Node::open(back.into_store(), Policy::default(), now, &[1; 32]).unwrap()
        } else {
            node
        };
        node.confirm_clock().unwrap();
        assert_eq!(node.clock(), Clock::Running);
        assert_eq!(
            node.hand(&id(&new)),
            Ok(None),
            "what came meanwhile is held"
        );
        node.purge().unwrap();
        assert_eq!(node.store().contains(&id(&old)), now < NOW);
    }
    let mut node = prompt(Policy::default());
    node.set_now(NOW + 168).unwrap();
    assert_eq!(node.clock(), Clock::Running);
}

#[test]
fn stamps_go_only_where_the_policy_says_so() {
    let bytes = envelope(0, NOW + 100, 1040);
    let mut work = Work::new(id(&bytes), 0);
    work.run(5000);
    let nonce = work.nonce();
    let weaker = (0..)
        .map(u64::to_be_bytes)
        .find(|n| Stamp::work(n).effort(&id(&bytes)) < 5)
        .unwrap();
    for carried in [false, true] {
        let mut policy = Policy::default();
        policy.stamps = carried;
        let mut node = prompt(policy);
        let mut visit = Visit::new(node.policy());
        let unknown = Stamp::new(7, b"a label").unwrap();
        for stamp in [
            unknown,
            Stamp::work(&weaker),
            Stamp::work(&nonce),
            Stamp::work(&weaker),
        ] {
            node.take_in(&mut visit, &[(stamp, &bytes)]).unwrap();
        }
        assert_eq!(visit.tally.kept, 1);
        let handed = node.hand(&id(&bytes)).unwrap().unwrap();
        assert_eq!(handed.nonce, carried.then_some(nonce));
        // What is not carried is not on the disk either.
        let stored = node.store().get(&id(&bytes)).unwrap().unwrap();
        assert_eq!(stored.nonce, handed.nonce);
    }
}

#[test]
fn work_is_asked_for_only_where_there_is_no_room() {
    let mut policy = Policy::default();
    policy.quota.envelopes = 2;
    policy.push(Named::keep(
        "work",
        Condition::within(Field::Effort, 100..=u64::MAX),
    ));
    let mut node = prompt(policy);
    let all: Vec<Vec<u8>> = (0..4).map(|n| envelope(n, NOW + 100, 1040)).collect();
    // In one batch or in two.
    assert_eq!(take(&mut node, &all[..1]).tally.kept, 1);
    let visit = take(&mut node, &all[1..3]);
    assert_eq!(
        (visit.tally.kept, visit.tally.dropped_for(Reason("work"))),
        (1, 1)
    );
    let mut work = Work::new(id(&all[3]), 0);
    while work.effort() < 100 {
        work.run(100);
    }
    let mut visit = Visit::new(node.policy());
    let nonce = work.nonce();
    node.take_in(&mut visit, &[(Stamp::work(&nonce), &all[3])])
        .unwrap();
    // The rule lets it pass; without carrying stamps the store ranks it like the others.
    assert_eq!(visit.tally.dropped_for(Reason("work")), 0);
}

#[test]
fn a_full_store_says_so() {
    let mut policy = Policy::default();
    policy.quota = Quota {
        envelopes: 2,
        bytes: u64::MAX,
    };
    let mut node = prompt(policy);
    let all: Vec<Vec<u8>> = (0..5)
        .map(|n| envelope(n, NOW + 10 * (n + 1), 1040))
        .collect();
    let visit = take(&mut node, &all);
    assert_eq!(
        (visit.tally.kept, visit.tally.dropped_for(Reason::ROOM)),
        (2, 3)
    );
    // Those that are a burden for the shortest time stay.
    assert!(
        node.hand(&id(&all[0])).unwrap().is_some() && node.hand(&id(&all[1])).unwrap().is_some()
    );
}

/// A state that is lost in any way releases nothing: all is held anew, and somebody is asked about the clock.
#[test]
fn a_lost_state_holds_all_and_freezes_the_clock() {
    let all: Vec<Vec<u8>> = (0..40).map(|n| envelope(n, NOW + 300, 1040)).collect();
    let mut first = node(Policy::default());
    take(&mut first, &all[..30]);
    first.set_now(NOW + 20).unwrap();
    take(&mut first, &all[30..]);
    let sound = first.into_store();
    let state = sound.clone().state().unwrap();
    let flipped = (0..state.len()).map(|at| {
        let mut state = state.clone();
        state[at] ^= 1 << (at % 8);
        state
    });
    let cut = (0..state.len()).map(|len| state[..len].to_vec());
    let other = [b"something else".to_vec(), vec![0; state.len()]];
    for state in flipped.chain(cut).chain(other) {
        let mut store = sound.clone();
        store.set_state(&state).unwrap();
        let open = |store, now| Node::open(store, Policy::default(), now, &[8; 32]).unwrap();
        let mut node = open(store, NOW + 20);
        assert_eq!(node.clock(), Clock::Lost);
        assert_eq!(node.held(), 40);
        let frozen = NodeError::Frozen(Clock::Lost);
        assert_eq!(node.offered(), Err(frozen));
        assert_eq!(node.hand(&id(&all[0])), Err(frozen));
        assert_eq!(node.purge(), Err(frozen));
        // Nobody gets used to it, by waiting or by starting again.
        node.set_now(NOW + 90).unwrap();
        assert_eq!(node.clock(), Clock::Lost);
        let mut node = open(node.into_store(), NOW + 100);
        assert_eq!(node.clock(), Clock::Lost);
        node.confirm_clock().unwrap();
        assert_eq!(node.offered(), Ok(vec![]), "held anew");
        node.set_now(NOW + 112).unwrap();
        let offered = node.offered().unwrap().len();
        assert!((5..35).contains(&offered), "{offered}");
        let mut node = open(node.into_store(), NOW + 124);
        assert_eq!((node.clock(), node.held()), (Clock::Running, 0));
        assert_eq!(node.offered().unwrap().len(), 40);
    }
}

#[test]
fn an_empty_store_without_a_state_is_new_and_one_with_envelopes_is_not() {
    let mut store = MemoryStore::new(Quota::NONE);
    let bytes = envelope(0, NOW + 100, 1040);
    let incoming = Incoming::new(EnvelopeRef::parse(&bytes).unwrap(), Stamp::NONE);
    let new = Node::open(store.clone(), Policy::default(), NOW, &[7; 32]).unwrap();
    assert_eq!(new.clock(), Clock::Running);
    store.insert(&[incoming], NOW).unwrap();
    let lost = Node::open(store, Policy::default(), NOW, &[7; 32]).unwrap();
    assert_eq!((lost.clock(), lost.held()), (Clock::Lost, 1));
}

#[test]
fn a_state_of_a_later_version_is_refused() {
    // Version 3, with the CRC32C of this one byte.
    let mut store = MemoryStore::new(Quota::NONE);
    let mut state = vec![3];
    state.extend(crc32c(&state).to_be_bytes());
    store.set_state(&state).unwrap();
    let opened = Node::open(store, Policy::default(), NOW, &[7; 32]);
    assert!(matches!(opened, Err(NodeError::State)));
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82F6_3B78 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

/// Why a [`Faulty`] store fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Full,
    Other,
}

/// A store whose state cannot be written for so many times, and which notes what it was asked for.
struct Faulty {
    store: MemoryStore,
    fault: Option<(Fault, u32)>,
    hours: Vec<u32>,
}

impl Faulty {
    fn new(policy: &Policy) -> Self {
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

#[test]
fn a_hold_that_was_not_saved_is_saved_at_the_next_attempt() {
    for fault in [Fault::Full, Fault::Other] {
        let policy = Policy::default();
        let store = Faulty::new(&policy);
        let mut node = Node::open(store, policy, NOW, &[7; 32]).unwrap();
        let all: Vec<Vec<u8>> = (0..50).map(|n| envelope(n, NOW + 300, 1040)).collect();
        let batch: Vec<_> = all.iter().map(|e| (Stamp::NONE, &e[..])).collect();
        node.store().fault = Some((fault, 1));
        let mut visit = Visit::new(node.policy());
        let failed = node.take_in(&mut visit, &batch);
        assert_eq!(failed, Err(NodeError::Store(fault)));
        assert_eq!((visit.tally.kept, node.store().totals().envelopes), (0, 0));
        // The neighbour tries again; then the process ends.
        node.take_in(&mut visit, &batch).unwrap();
        assert_eq!(visit.tally.kept, 50);
        let offered = node.offered().unwrap();
        let mut node = Node::open(node.into_store(), Policy::default(), NOW, &[8; 32]).unwrap();
        assert_eq!(node.offered().unwrap(), offered);
        assert!(offered.len() < 10, "held: {}", node.held());
    }
}

#[test]
fn only_a_full_disk_leaves_a_state_unsaved() {
    for (fault, goes_on) in [(Fault::Full, true), (Fault::Other, false)] {
        let policy = Policy::default();
        let mut node = Node::open(Faulty::new(&policy), policy, NOW, &[7; 32]).unwrap();
        take(&mut node, &[envelope(0, NOW + 2, 1040)]);
        node.store().fault = Some((fault, 1));
        assert_eq!(node.set_now(NOW + 30).is_ok(), goes_on);
        // It expires all the same, and the state is written when there is room.
        if goes_on {
            assert_eq!(node.purge().unwrap().envelopes, 1);
            let node = Node::open(node.into_store(), Policy::default(), NOW + 30, &[8; 32]);
            assert_eq!(node.unwrap().held(), 0);
        }
    }
}

#[test]
fn a_stepped_clock_does_not_rank() {
    for (now, trusted) in [(NOW + 1, NOW + 1), (NOW + 400, NOW), (NOW - 400, NOW)] {
        let policy = Policy::default();
        let node = Node::open(Faulty::new(&policy), policy, NOW, &[7; 32]).unwrap();
        let mut node = Node::open(node.into_store(), Policy::default(), now, &[7; 32]).unwrap();
        take(&mut node, &[envelope(0, now + 2, 1040)]);
        assert_eq!(node.store().hours, [trusted]);
    }
}

#[test]
fn stamps_for_what_is_known_go_in_with_the_batch() {
    let mut policy = Policy::default();
    policy.stamps = true;
    let mut node = Node::open(Faulty::new(&policy), policy, NOW, &[7; 32]).unwrap();
    let all: Vec<Vec<u8>> = (0..20).map(|n| envelope(n, NOW + 99, 1040)).collect();
    take(&mut node, &all[..19]);
    let nonces: Vec<[u8; 8]> = (0..20u64).map(u64::to_be_bytes).collect();
    let both = all.iter().zip(&nonces);
    let batch: Vec<_> = both.map(|(e, n)| (Stamp::work(n), &e[..])).collect();
    let mut visit = Visit::new(node.policy());
    node.take_in(&mut visit, &batch).unwrap();
    assert_eq!(node.store().hours.len(), 2, "one call for all of them");
    assert_eq!(
        (visit.tally.kept, visit.tally.dropped_for(Reason::KNOWN)),
        (1, 19)
    );
    for (bytes, nonce) in all.iter().zip(&nonces) {
        assert_eq!(
            node.store().get(&id(bytes)).unwrap().unwrap().nonce,
            Some(*nonce)
        );
    }
}

#[test]
fn purging_enforces_a_quota_that_was_lowered() {
    let folder = tempfile::tempdir().unwrap();
    let open = |envelopes| {
        let mut policy = Policy::default();
        policy.quota.envelopes = envelopes;
        let options = Options {
            quota: policy.quota,
            ..Options::default()
        };
        let folder = Folder::new(folder.path()).unwrap();
        let store = SegmentStore::open(folder, options, &[7; 32]).unwrap();
        Node::open(store, policy, NOW, &[7; 32]).unwrap()
    };
    let all: Vec<Vec<u8>> = (0..9).map(|n| envelope(n, NOW + 30 + n, 1040)).collect();
    take(&mut open(9), &all);
    let mut node = open(4);
    assert_eq!(node.store().totals().envelopes, 9);
    let gone = node.purge().unwrap();
    assert_eq!((gone.envelopes, node.store().totals().envelopes), (5, 4));
    assert!(
        node.store().contains(&id(&all[0])),
        "the least burden stays"
    );
}

/// What is on the disk of one who writes and of one who only carries is the same, and of the same shape: an envelope is
/// held exactly if its hour has not come since it entered.
#[test]
fn own_messages_are_held_like_all_others() {
    let all: Vec<Vec<u8>> = (0..300).map(|n| envelope(n, NOW + 300, 1040)).collect();
    let mut cover = Cover::new(NOW);
    let mut writer = node(Policy::default());
    // Three of its own, which waited until 8 foreign ones had come.
    let kept = take(&mut writer, &all[3..]).tally.kept;
    cover.came(kept);
    assert!(cover.is_over(NOW));
    take(&mut writer, &all[..3]);
    let mut carrier = node(Policy::default());
    take(&mut carrier, &all[3..]);
    take(&mut carrier, &all[..3]);
    let (mut writer, mut carrier) = (writer.into_store(), carrier.into_store());
    let state = writer.state().unwrap();
    assert_eq!(state, carrier.state().unwrap());
    assert_eq!(
        writer.list(0..=u32::MAX).unwrap(),
        carrier.list(0..=u32::MAX).unwrap()
    );

    let (key, marks) = (&state[5..37], &state[37..state.len() - 4]);
    let held: Vec<&[u8]> = marks.chunks(8).collect();
    for bytes in &all {
        let mark = sha256(&[b"WCMP hold", key, &id(bytes).0]);
        let hour = u64::from_be_bytes(*mark.first_chunk().unwrap()) % 24;
        let waits = hour != u64::from(NOW) % 24;
        assert_eq!(held.contains(&&mark[..8]), waits);
    }
}
