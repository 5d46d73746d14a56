//! When a node hands on, and what it keeps to know that.

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Cover, Node, NodeError};
use wcmp_relay::policy::{Policy, Visit};
use wcmp_relay::store::Store;
use wcmp_wire::{EnvelopeRef, Id, sha256};

use crate::kit::{Fault, Faulty, NOW, envelope, id, node, take};

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
