//! What a node takes in, and why not: rules, budgets, stamps, room.

use wcmp_relay::bundle::Stamp;
use wcmp_relay::node::Node;
use wcmp_relay::policy::{Condition, Field, Named, Policy, Reason, Visit};
use wcmp_relay::store::{Folder, Options, Quota, SegmentStore, Store};
use wcmp_relay::work::Work;

use crate::kit::{Faulty, NOW, envelope, id, prompt, take};

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
