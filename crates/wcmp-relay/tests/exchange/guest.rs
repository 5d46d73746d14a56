//! Sessions at real nodes: policy, budget and holds count on both sides.

use wcmp_relay::bundle::Stamp;
use wcmp_relay::exchange::{Guest, Limits, Session};
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Policy, Reason, Visit};
use wcmp_relay::store::{MemoryStore, Quota, Store};

use super::kit::{HOUR, envelope};

type Memory = Node<MemoryStore>;

/// A node that has these envelopes, past their hold.
fn node(numbers: std::ops::Range<u32>) -> Memory {
    let mut policy = Policy::default();
    policy.hold = 0;
    let store = MemoryStore::new(Quota::NONE);
    let mut node = Node::open(store, policy, HOUR, &[7; 32]).unwrap();
    let envelopes: Vec<Vec<u8>> = numbers.map(|n| envelope(n, HOUR + 100, 16)).collect();
    let batch: Vec<_> = envelopes
        .iter()
        .map(|bytes| (Stamp::NONE, &bytes[..]))
        .collect();
    let mut visit = Visit::new(node.policy());
    node.take_in(&mut visit, &batch).unwrap();
    Node::open(node.into_store(), Policy::default(), HOUR, &[7; 32]).unwrap()
}

/// A session between two nodes; what either made of its guest.
fn meet(left: &mut Memory, right: &mut Memory) -> (Guest, Guest) {
    let mut a = Session::new([1; 16], Limits::of(left.policy()), HOUR);
    let mut b = Session::new([2; 16], Limits::of(right.policy()), HOUR);
    let (mut at_left, mut at_right) = (Guest::new(left.policy()), Guest::new(right.policy()));
    let mut wire = Vec::new();
    while !(a.is_done() && b.is_done()) {
        a.transmit(&mut wire, &mut at_left.at(left)).unwrap();
        b.receive(&wire, &mut at_right.at(right)).unwrap();
        wire.clear();
        b.transmit(&mut wire, &mut at_right.at(right)).unwrap();
        a.receive(&wire, &mut at_left.at(left)).unwrap();
        wire.clear();
    }
    let _ = at_left.at(left).flush().unwrap();
    let _ = at_right.at(right).flush().unwrap();
    (at_left, at_right)
}

fn count(node: &mut Memory) -> u64 {
    node.store().totals().envelopes
}

#[test]
fn nodes_end_up_with_the_same() {
    let (mut a, mut b) = (node(0..60), node(40..100));
    let (at_a, at_b) = meet(&mut a, &mut b);
    assert_eq!((at_a.tally().kept, at_b.tally().kept), (40, 40));
    assert_eq!((count(&mut a), count(&mut b)), (100, 100));
}

#[test]
fn what_came_is_held_before_it_goes_on() {
    let (mut a, mut b) = (node(0..200), node(0..0));
    meet(&mut a, &mut b);
    assert_eq!(count(&mut b), 200);
    let mut c = node(0..0);
    meet(&mut b, &mut c);
    // One in 24 has its hour now.
    assert!(count(&mut c) < 40, "{}", count(&mut c));
    b.set_now(HOUR + 24).unwrap();
    meet(&mut b, &mut c);
    assert_eq!(count(&mut c), 200);
}

#[test]
fn a_budget_ends_a_visit_and_not_the_other_way() {
    let (mut a, mut b) = (node(0..50), node(50..90));
    let mut policy = Policy::default();
    policy.visit.envelopes = 10;
    let store = b.into_store();
    b = Node::open(store, policy, HOUR, &[7; 32]).unwrap();
    let (at_a, at_b) = meet(&mut a, &mut b);
    assert_eq!(at_a.tally().kept, 40);
    assert_eq!(at_b.tally().kept, 10);
    // The next visit brings others. Not asking again for those that are held would tell that they are here; so their hold
    // is waited for.
    b.set_now(HOUR + 24).unwrap();
    let (_, at_b) = meet(&mut a, &mut b);
    assert_eq!((at_b.tally().kept, count(&mut b)), (10, 60));
}

#[test]
fn a_policy_drops_and_counts() {
    let (mut a, mut b) = (node(0..50), node(50..60));
    let mut policy = Policy::default();
    policy.suites = Some(vec![0x0202]);
    b = Node::open(b.into_store(), policy, HOUR, &[7; 32]).unwrap();
    let (_, at_b) = meet(&mut a, &mut b);
    assert_eq!(at_b.tally().dropped_for(Reason::SUITE), 50);
    assert_eq!((count(&mut a), count(&mut b)), (60, 10));
}

/// A clock that stepped back hands nothing on: the session ends before it says anything of what is there.
#[test]
fn a_frozen_node_says_nothing() {
    let mut a = node(0..50);
    a.set_now(HOUR - 1).unwrap();
    let mut session = Session::new([1; 16], Limits::default(), HOUR - 1);
    let mut other = Session::new([2; 16], Limits::default(), HOUR - 1);
    let mut hello = Vec::new();
    other
        .transmit(&mut hello, &mut Guest::new(a.policy()).at(&mut node(0..0)))
        .unwrap();
    let mut guest = Guest::new(a.policy());
    assert!(session.receive(&hello, &mut guest.at(&mut a)).is_err());
    let mut said = Vec::new();
    session.transmit(&mut said, &mut guest.at(&mut a)).unwrap();
    assert_eq!(said.len(), 43, "a hello, which was ready before");
}
