//! A node: what it takes in and why not, when it hands on, what its clock stops.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Clock, Node, NodeError};
use wcmp_relay::policy::{Condition, Field, Named, Policy, Reason, Visit};
use wcmp_relay::store::{MemoryStore, Quota, Store};
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
