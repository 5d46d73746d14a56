//! What a clock stops that stepped, or whose state was lost.

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::{Clock, Node, NodeError};
use wcmp_relay::policy::Policy;
use wcmp_relay::store::{Incoming, MemoryStore, Quota, Store};
use wcmp_wire::EnvelopeRef;

use crate::kit::{Faulty, NOW, envelope, id, node, prompt, take};

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
fn a_stepped_clock_does_not_rank() {
    for (now, trusted) in [(NOW + 1, NOW + 1), (NOW + 400, NOW), (NOW - 400, NOW)] {
        let policy = Policy::default();
        let node = Node::open(Faulty::new(&policy), policy, NOW, &[7; 32]).unwrap();
        let mut node = Node::open(node.into_store(), Policy::default(), now, &[7; 32]).unwrap();
        take(&mut node, &[envelope(0, now + 2, 1040)]);
        assert_eq!(node.store().hours, [trusted]);
    }
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
