//! A scan of many envelopes for many keys finds what recognising each one for each key finds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use wcmp::suite::{Form, HintEngine, HintPath};
use wcmp::{
    Column, Content, Found, KeyPair, KeyType, Readable, Receiver, Row, ScanCursor, Scanned,
    Scanner, Sealer, Suite, Way,
};
use wcmp_tests::kit::{CRYPTO, NOW, TestRng, keys, person};

const SENDERS: [&str; 6] = ["ana", "ben", "cleo", "dan", "eve", "finn"];

/// My keys: open to strangers, closed, without contacts, of type 2, and one more.
static RECEIVERS: LazyLock<Vec<Receiver>> = LazyLock::new(|| {
    let mut receivers: Vec<Receiver> = ["one", "two", "three", "four"]
        .iter()
        .map(|name| Receiver::new(person(name)))
        .collect();
    receivers.push(Receiver::new(keys(KeyType::XWing, "five")));
    for (receiver, contacts) in receivers.iter_mut().zip([3, 6, 0, 1, 2]) {
        for name in &SENDERS[..contacts] {
            receiver.add_contact(&CRYPTO, person(name).public().clone());
        }
    }
    receivers[1].close_to_strangers();
    receivers
});

/// What is in an envelope: suite, sender, the receivers, whether by pair hint, slots, hours until it expires.
#[derive(Clone, Debug)]
struct Plan {
    suite: Suite,
    sender: usize,
    to: [bool; 5],
    pair: bool,
    slots: usize,
    hours: u32,
}

fn plan() -> impl Strategy<Value = Plan> {
    let slots = prop_oneof![Just(4_usize), Just(16), Just(256)];
    let parts = (0..Suite::ALL.len(), 0..SENDERS.len(), any::<[bool; 5]>());
    (parts, any::<bool>(), slots, 0..20_u32).prop_map(
        |((suite, sender, to), pair, slots, hours)| Plan {
            suite: Suite::ALL[suite],
            sender,
            to,
            pair,
            slots,
            hours,
        },
    )
}

/// The envelope, sealed at a time when it was not expired.
fn seal(plan: &Plan, receivers: &[Receiver], n: u64) -> Vec<u8> {
    let sender: KeyPair = person(SENDERS[plan.sender]);
    let expires = NOW - 2 + plan.hours;
    let mut sealer = Sealer::new(plan.suite, expires)
        .from(&sender)
        .slots(plan.slots);
    let mine = |(receiver, to): &(&Receiver, bool)| {
        *to && receiver.keys().key_type() == plan.suite.key_type()
    };
    let to: Vec<_> = receivers.iter().zip(plan.to).filter(mine).collect();
    let contacts: Vec<_> = to
        .iter()
        .map(|(receiver, _)| wcmp::Contact::new(&CRYPTO, &sender, receiver.keys().public().clone()))
        .collect();
    for ((receiver, _), contact) in to.iter().zip(&contacts) {
        let pair = plan.pair && plan.suite.form() == Form::Sealed;
        sealer = match pair {
            true => sealer.to_contact(contact),
            false => sealer.to(receiver.keys().public()),
        };
    }
    let content = Content::new("", "x");
    let mut rng = TestRng::new(n);
    match to.is_empty() {
        false => sealer.seal(&CRYPTO, &content, &mut rng).unwrap(),
        true => Sealer::dummy(plan.suite, expires)
            .slots(plan.slots)
            .seal(&CRYPTO, &Content::default(), &mut rng)
            .unwrap(),
    }
}

/// What recognising one by one finds.
fn one_by_one(envelopes: &[Vec<u8>], receivers: &[Receiver], now: u32) -> Vec<Found> {
    let mut found = Vec::new();
    for (row, envelope) in (0..).zip(envelopes) {
        let Ok(readable) = Readable::parse(envelope, now) else {
            continue;
        };
        for (receiver, who) in receivers.iter().enumerate() {
            if let Some(recognised) = readable.recognise(&CRYPTO, who) {
                found.push(Found {
                    row,
                    receiver,
                    way: recognised.way(),
                    slot: recognised.slot(),
                });
            }
        }
    }
    found
}

fn column(envelopes: &[Vec<u8>]) -> Column {
    let mut column = Column::new();
    for envelope in envelopes {
        // Expired ones are rows too.
        column.push(&CRYPTO, &Readable::parse(envelope, 0).unwrap());
    }
    column
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_engine_finds_the_same(plans in vec(plan(), 1..16), part in 1..30_usize) {
        let receivers = &*RECEIVERS;
        let envelopes: Vec<_> = (0..).zip(&plans).map(|(n, plan)| seal(plan, receivers, n)).collect();
        let expected = one_by_one(&envelopes, receivers, NOW);
        let column = column(&envelopes);
        prop_assert_eq!(column.len(), envelopes.len());
        let rows: Vec<Row<'_>> = column.rows().collect();
        for engine in HintPath::ALL.into_iter().filter_map(HintEngine::with) {
            let one_core = Scanner::new(&CRYPTO, receivers).with_engine(engine);
            let all_cores = Scanner::new(&CRYPTO, receivers).with_engine(engine).on_all_cores();
            for scanner in [one_core, all_cores] {
                let (mut cursor, mut budget) = (ScanCursor::default(), u64::MAX);
                let mut found = Vec::new();
                for part in rows.chunks(part) {
                    let mut told = 0;
                    let first = cursor.next();
                    let scanned = scanner.scan(part, first, NOW, &mut cursor, &mut budget, &mut |done| told = done);
                    prop_assert_eq!(told, part.len());
                    found.extend(scanned.found);
                }
                prop_assert_eq!(&found, &expected);
                let all = rows.len() as u64;
                prop_assert_eq!(cursor, ScanCursor { hints: all, strangers: all });
            }
        }
    }

    /// Visit after visit with little to spend finds everything once, and asks nothing twice.
    #[test]
    fn what_is_postponed_is_found_later(plans in vec(plan(), 1..16), budgets in vec(0..9_u64, 1..9)) {
        let receivers = &*RECEIVERS;
        let envelopes: Vec<_> = (0..).zip(&plans).map(|(n, plan)| seal(plan, receivers, n)).collect();
        let mut expected = one_by_one(&envelopes, receivers, NOW);
        let column = column(&envelopes);
        let rows: Vec<Row<'_>> = column.rows().collect();
        let scanner = Scanner::new(&CRYPTO, receivers);
        let mut cursor = ScanCursor::default();
        let (mut found, mut asked, mut budgets) = (Vec::new(), 0, budgets.into_iter());
        while cursor.next() < rows.len() as u64 {
            let before = cursor;
            let given = budgets.next().unwrap_or(9);
            let mut budget = given;
            let first = cursor.next();
            let rest = &rows[usize::try_from(first).unwrap()..];
            let Scanned { found: new, strangers, .. } = scanner.scan(rest, first, NOW, &mut cursor, &mut budget, &mut |_| ());
            prop_assert_eq!(budget, given - strangers);
            prop_assert!(before.strangers <= cursor.strangers && cursor.hints == rows.len() as u64);
            asked += strangers;
            prop_assert!(new.is_sorted_by_key(|found| (found.row, found.receiver)));
            found.extend(new);
        }
        let key = |found: &Found| (found.row, found.receiver);
        found.sort_by_key(key);
        expected.sort_by_key(key);
        prop_assert_eq!(found, expected);
        // Three of the keys are open to strangers.
        prop_assert!(asked <= 3 * rows.len() as u64);
    }

    /// Rows as a damaged store may have them.
    #[test]
    fn no_row_does_harm(
        rows in vec((0..0x0105_u16, any::<[u8; 32]>(), vec(any::<u8>(), 0..40), vec(any::<[u8; 16]>(), 0..20)), 0..12),
        first in prop_oneof![Just(0), any::<u64>(), Just(u64::MAX)],
        hints in any::<u64>(),
    ) {
        let receivers = &*RECEIVERS;
        let rows = rows.iter().map(|(suite, body, encapsulation, hints)| Row {
            suite: *suite,
            expires: NOW,
            recipient_nonce: body.first_chunk().unwrap(),
            body,
            encapsulation,
            hints,
        });
        let rows: Vec<Row<'_>> = rows.collect();
        let mut cursor = ScanCursor { hints, strangers: 0 };
        let scanned = Scanner::new(&CRYPTO, receivers).scan(&rows, first, NOW, &mut cursor, &mut 20, &mut |_| ());
        prop_assert!(scanned.found.is_empty() && scanned.strangers <= 20);
    }
}

/// Rows that are missing are not taken for looked at.
#[test]
fn a_gap_holds_the_cursor() {
    let receivers = &*RECEIVERS;
    let plan = Plan {
        suite: Suite::OpenAes256Gcm,
        sender: 0,
        to: [true, false, false, false, false],
        pair: false,
        slots: 4,
        hours: 20,
    };
    let envelopes = [seal(&plan, receivers, 0)];
    let column = column(&envelopes);
    let rows: Vec<Row<'_>> = column.rows().collect();
    let scanner = Scanner::new(&CRYPTO, receivers);
    let mut cursor = ScanCursor::default();
    let scan = |first, cursor: &mut ScanCursor| {
        scanner
            .scan(
                &rows,
                first,
                NOW,
                cursor,
                &mut u64::MAX.clone(),
                &mut |_| (),
            )
            .found
    };
    let found = scan(1, &mut cursor);
    assert_eq!((found[0].row, found[0].way), (1, Way::Receiver));
    assert_eq!(cursor, ScanCursor::default());
    assert_eq!(scan(0, &mut cursor).len(), 1);
    assert_eq!((cursor.hints, cursor.strangers), (1, 1));
    assert!(scan(0, &mut cursor).is_empty());
}
