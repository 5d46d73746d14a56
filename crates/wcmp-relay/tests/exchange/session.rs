//! After a session both sides have what both may have, whatever they had before and however the link behaves.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::btree_set;
use proptest::prelude::*;
use wcmp_relay::exchange::{Error, Limits, MAX_SYMBOLS, Session};

use super::kit::{Carrier, HOUR, envelope, id, limits, meet, meet_over, small};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn both_have_the_union(
        left in btree_set(0_u32..300, 0..200),
        right in btree_set(0_u32..300, 0..200),
        at_once in 1_usize..5000,
        nonce: u32,
    ) {
        let (mut a, mut b) = (Carrier::with(left.clone()), Carrier::with(right.clone()));
        let both = (limits(&a), limits(&b));
        let meeting = meet_over((&mut a, both.0), (&mut b, both.1), (at_once, usize::MAX), nonce);
        prop_assert_eq!(&meeting.errors, &[None, None]);
        let union: BTreeSet<_> = left.union(&right).map(|n| id(&small(*n))).collect();
        prop_assert_eq!(a.ids(), union.clone());
        prop_assert_eq!(b.ids(), union);
        // Nothing went twice, and each side counts what the other does.
        prop_assert!(a.dropped.is_empty() && b.dropped.is_empty());
        prop_assert_eq!(meeting.left.received, right.difference(&left).count() as u64);
        prop_assert_eq!(meeting.right.received, meeting.left.sent);
        prop_assert_eq!(meeting.left.bytes_in, meeting.right.bytes_out);
        prop_assert!(!meeting.left.more && !meeting.right.more);
    }
}

#[test]
fn what_is_equal_costs_hellos_and_days() {
    let mut a = Carrier::with(0..3000);
    let mut b = Carrier::with(0..3000);
    let meeting = meet(&mut a, &mut b, 0);
    assert_eq!(meeting.left.symbols, 0);
    assert!(meeting.bytes < 2 * (43 + 5 + 31 * 24) + 100);
}

#[test]
fn days_that_agree_are_left_out() {
    let mut a = Carrier::with(0..1000);
    let mut b = Carrier::with(0..1000);
    for number in 5000..5010 {
        a.put(&envelope(number, HOUR + 100, 16));
    }
    assert!(meet(&mut a, &mut b, 0).left.symbols < 64);
    assert_eq!(a.ids(), b.ids());
}

#[test]
fn a_fresh_node_gets_everything() {
    for nonce in 0..2 {
        let (mut a, mut b) = (Carrier::new(), Carrier::with(0..2000));
        let meeting = meet(&mut a, &mut b, nonce);
        assert_eq!(a.ids(), b.ids());
        assert!(meeting.left.symbols < 3400, "{}", meeting.left.symbols);
    }
}

/// A link may break at any byte. What came whole is kept; the next session brings the rest.
#[test]
fn a_cut_at_every_byte_heals() {
    let numbers = |range| Carrier::with(range);
    let whole = {
        let (mut a, mut b) = (numbers(0..6), numbers(4..10));
        meet(&mut a, &mut b, 1).bytes
    };
    for most in 0..whole {
        let (mut a, mut b) = (numbers(0..6), numbers(4..10));
        let both = (limits(&a), limits(&b));
        let cut = meet_over((&mut a, both.0), (&mut b, both.1), (100, most), 1);
        assert_eq!((cut.done, cut.errors), (false, [None, None]), "at {most}");
        let before = a.ids().len() + b.ids().len();
        assert!(a.dropped.is_empty() && b.dropped.is_empty());
        let again = meet(&mut a, &mut b, 2);
        assert_eq!(
            before as u64 + again.left.received + again.right.received,
            20
        );
        assert_eq!(a.ids(), b.ids());
        assert_eq!(a.ids().len(), 10);
    }
}

#[test]
fn what_is_held_takes_no_part() {
    let (mut a, mut b) = (Carrier::with(0..50), Carrier::with(40..60));
    let held: BTreeSet<_> = (0..10).map(|n| id(&small(n))).collect();
    a.held = held.clone();
    meet(&mut a, &mut b, 3);
    let expected: BTreeSet<_> = (10..60).map(|n| id(&small(n))).collect();
    assert_eq!(b.ids(), expected);
    a.held.clear();
    meet(&mut a, &mut b, 4);
    assert_eq!(b.ids().len(), 60);
}

/// A node that holds an envelope behaves, byte by byte, as one that has not got it.
#[test]
fn holding_looks_like_not_having() {
    let bytes = |a: &mut Carrier| {
        let mut session = Session::new([1; 16], Limits::default(), HOUR);
        let mut other = Session::new([2; 16], Limits::default(), HOUR);
        let mut b = Carrier::with(0..5);
        let mut said = Vec::new();
        while !session.is_done() || !other.is_done() {
            let mut out = Vec::new();
            session.transmit(&mut out, a).unwrap();
            said.push(out.clone());
            other.receive(&out, &mut b).unwrap();
            out.clear();
            other.transmit(&mut out, &mut b).unwrap();
            session.receive(&out, a).unwrap();
        }
        said
    };
    let mut holding = Carrier::with(0..30);
    holding.held = (20..30).map(|n| id(&small(n))).collect();
    assert_eq!(bytes(&mut holding), bytes(&mut Carrier::with(0..20)));
}

#[test]
fn limits_of_both_sides_hold_for_both() {
    let (mut a, mut b) = (Carrier::with(0..5), Carrier::with(5..9));
    let large = a.put(&envelope(100, HOUR + 5, 5000));
    let late = a.put(&envelope(101, HOUR + 700, 16));
    b.max_size = 4000;
    let short = Limits {
        ttl: 600,
        ..limits(&b)
    };
    let both = (limits(&a), short);
    for nonce in 0..4 {
        let meeting = meet_over((&mut a, both.0), (&mut b, both.1), (999, usize::MAX), nonce);
        assert!(meeting.done);
        assert_eq!(meeting.right.oversized, 0);
    }
    assert!(!b.ids().contains(&large) && !b.ids().contains(&late));
    assert_eq!(b.ids().len(), 9);
    assert_eq!(a.ids().len(), 11);

    // Also where the one that takes less has some already: they are not offered again and again.
    let b_large = Carrier::with([]).put(&envelope(100, HOUR + 5, 5000));
    assert_eq!(b_large, large);
    b.put(&envelope(100, HOUR + 5, 5000));
    let meeting = meet_over((&mut a, both.0), (&mut b, both.1), (999, usize::MAX), 9);
    assert_eq!((meeting.left.received, meeting.right.received), (0, 0));
}

#[test]
fn enough_is_enough() {
    for nonce in 0..4 {
        let (mut a, mut b) = (Carrier::with(0..3000), Carrier::with(3000..3100));
        b.budget = 100;
        let meeting = meet(&mut a, &mut b, nonce);
        assert_eq!(b.ids().len(), 200);
        assert_eq!(a.ids().len(), 3100, "what goes the other way goes on");
        assert!(meeting.right.more);
        assert!(meeting.right.surplus < 2900);
    }
}

#[test]
fn limits_of_number_and_bytes_end_a_session_in_good_order() {
    for nonce in 0..4 {
        for tight in [
            Limits {
                frames: 10,
                ..Limits::default()
            },
            Limits {
                bytes: 3000,
                ..Limits::default()
            },
        ] {
            let (mut a, mut b) = (Carrier::with(0..1000), Carrier::with(1000..1010));
            let roomy = limits(&a);
            let meeting = meet_over((&mut a, roomy), (&mut b, tight), (500, usize::MAX), nonce);
            assert_eq!((meeting.done, meeting.errors), (true, [None, None]));
            assert!(meeting.right.more);
            assert!((20..=22).contains(&b.ids().len()), "{}", b.ids().len());
            assert_eq!(a.ids().len(), 1010);
        }
    }
}

/// More differences than symbols are allowed: the later days first, and everything after some sessions.
#[test]
fn too_many_differences_are_found_in_parts() {
    for nonce in 0..2 {
        let (mut a, mut b) = (Carrier::with(0..700), Carrier::with(600..1300));
        let few = Limits {
            symbols: 200,
            ..Limits::default()
        };
        let mut sessions = 0;
        while a.ids().len() + b.ids().len() < 2600 {
            let before = a.ids().len() + b.ids().len();
            let meeting = meet_over(
                (&mut a, few),
                (&mut b, few),
                (900, usize::MAX),
                nonce + 2 * sessions,
            );
            assert_eq!((meeting.done, meeting.errors), (true, [None, None]));
            assert!(
                a.ids().len() + b.ids().len() > before,
                "every session brings some"
            );
            sessions += 1;
        }
        assert!(sessions > 1);
        assert!(!meet(&mut a, &mut b, 99).left.more);
    }
}

#[test]
fn a_day_with_too_many_is_given_up() {
    let (mut a, mut b) = (Carrier::new(), Carrier::new());
    for number in 0..400 {
        let day = HOUR / 24 * 24 + 48;
        [&mut a, &mut b][number as usize % 2].put(&envelope(number, day, 16));
    }
    let few = Limits {
        symbols: 50,
        ..Limits::default()
    };
    let meeting = meet_over((&mut a, few), (&mut b, few), (900, usize::MAX), 5);
    assert!(meeting.done && meeting.left.more && meeting.right.more);
    assert_eq!(a.ids().len(), 200);
    const { assert!(MAX_SYMBOLS >= 1 << 20) };
}

#[test]
fn patience_ends_and_only_without_progress() {
    let mut a = Carrier::with(0..10);
    let mut session = Session::new([1; 16], Limits::default(), HOUR);
    let mut out = Vec::new();
    session.transmit(&mut out, &mut a).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(session.tick::<()>(seconds(1000)), Ok(()));
    assert_eq!(session.tick::<()>(seconds(1060)), Ok(()));
    assert_eq!(session.tick::<()>(seconds(1061)), Err(Error::Stalled));
}

/// A peer with which something always moves does not keep its place for ever.
#[test]
fn a_session_ends_after_its_time_whatever_moves() {
    let node = Carrier::with(0..10);
    let mut patient = Session::new(
        [1; 16],
        Limits {
            patience: Duration::MAX,
            ..limits(&node)
        },
        HOUR,
    );
    let seconds = Duration::from_secs;
    assert_eq!(patient.tick::<()>(seconds(10)), Ok(()));
    assert_eq!(patient.tick::<()>(seconds(3610)), Ok(()));
    assert_eq!(patient.tick::<()>(seconds(3611)), Err(Error::Long));
}
