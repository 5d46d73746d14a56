//! Set reconciliation against known answers, against a naive difference, and against symbols that lie.

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use wcmp_relay::exchange::riblt::{
    Decoder, Difference, Inconsistent, Keys, SYMBOL_LEN, Short, Sketch, Symbol,
};
use wcmp_wire::{Id, sha256};

const KEYS: [u8; 32] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 31,
];

fn keys() -> Keys {
    Keys::new(&KEYS)
}

fn shorts(range: std::ops::Range<u32>) -> Vec<Short> {
    let id = |n: u32| keys().short(&Id(sha256(&[&n.to_be_bytes()])));
    range.map(id).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Symbols until the difference is known, and it.
fn reconcile(theirs: Vec<Short>, ours: Vec<Short>) -> (usize, Difference) {
    let mut theirs = Sketch::new(keys(), theirs);
    let mut decoder = Decoder::new(Sketch::new(keys(), ours));
    while !decoder.push(theirs.next_symbol().unwrap()).unwrap() {}
    (decoder.symbols(), decoder.finish().unwrap())
}

/// As `tests/foreign/exchange.py` makes them too, which was written from docs/spec/exchange.md alone.
#[test]
fn symbols_have_known_bytes() {
    let ids = (1..6).map(|n| keys().short(&Id([n; 32]))).collect();
    let mut sketch = Sketch::new(keys(), ids);
    let known = [
        "498e048876b5ba3c290c44ba1dcfdbf47b3cae5438570a76",
        "cbee6a07b4e9a70f2be7e665d8e5c662d91091337388cd9e",
        "1e8f4a74f64a0a2afeba2b190078b59e62470c1e1206754d",
        "a799e00498fbbcc13b02377effb3eb01c3289c82a4b16441",
        "ee17e48cee4e06fd120e73c4e27c30f5b81432d69ce66e37",
        "82606e8fc25c1d3302eba2dfc52a1d96a22c3f674bdfc7e8",
        "ee17e48cee4e06fd120e73c4e27c30f5b81432d69ce66e37",
        "68f5f6a4a5b6f01b5923b7c8e089f6419ab1891df438da1b",
        "6c778a032c121bce10e5d11b27562d631a380db1d739a9df",
        "000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000",
        "986d585cbdb2fcccb597ef15028d732a40e2b7d57ad8c161",
        "a31b9ca3115f571472c451ad386c302343a1182e87b01785",
        "000000000000000000000000000000000000000000000000",
        "a31b9ca3115f571472c451ad386c302343a1182e87b01785",
        "6c778a032c121bce10e5d11b27562d631a380db1d739a9df",
    ];
    for bytes in known {
        assert_eq!(hex(&sketch.next_symbol().unwrap().to_bytes()), bytes);
    }

    let id = |n: u16| keys().short(&Id(sha256(&[&n.to_be_bytes()])));
    let mut sketch = Sketch::new(keys(), (0..300).map(id).collect());
    let mut sequence = Vec::new();
    for _ in 0..4096 {
        sequence.extend(sketch.next_symbol().unwrap().to_bytes());
    }
    assert_eq!(
        hex(&sha256(&[&sequence])),
        "9a9d06123f0bf21492672ea33cc71fda51fc24c9edcbc998c08c4a0f750dc083"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_difference_is_that_of_the_sets(
        theirs in btree_set(0_u32..400, 0..300),
        ours in btree_set(0_u32..400, 0..300),
        key in any::<[u8; 32]>(),
    ) {
        let keys = Keys::new(&key);
        let short = |n: &u32| keys.short(&Id(sha256(&[&n.to_be_bytes()])));
        let mut sketch = Sketch::new(keys, theirs.iter().map(short).collect());
        let mut decoder = Decoder::new(Sketch::new(keys, ours.iter().map(short).collect()));
        while !decoder.push(sketch.next_symbol().unwrap()).unwrap() {
            prop_assert!(decoder.symbols() < 1000);
        }
        let found = decoder.finish().unwrap();
        let sorted = |set: BTreeSet<Short>| set.into_iter().collect::<Vec<_>>();
        prop_assert_eq!(found.ours, sorted(ours.difference(&theirs).map(short).collect()));
        prop_assert_eq!(found.theirs, sorted(theirs.difference(&ours).map(short).collect()));
    }

    /// Whatever comes, the decoder ends in bounded work: it says so, or finds no more ids than it took symbols.
    #[test]
    fn garbage_ends(bytes in vec(any::<u8>(), 0..4000), own in 0_u32..20) {
        let mut decoder = Decoder::new(Sketch::new(keys(), shorts(0..own)));
        for symbol in bytes.chunks_exact(SYMBOL_LEN) {
            if decoder.push(Symbol::from_bytes(symbol.try_into().unwrap())) != Ok(false) {
                return Ok(());
            }
        }
        let symbols = decoder.symbols();
        if let Ok(found) = decoder.finish() {
            prop_assert!(found.ours.len() + found.theirs.len() <= symbols);
        }
    }

    /// One changed symbol is noticed, or hinders, or changes what the other side is said to have; it never makes the
    /// decoder panic or run on.
    #[test]
    fn a_changed_symbol_is_survived(at in 0_usize..150, bit in 0_usize..SYMBOL_LEN * 8) {
        let mut theirs = Sketch::new(keys(), shorts(0..100));
        let mut decoder = Decoder::new(Sketch::new(keys(), shorts(50..150)));
        for n in 0..400 {
            let mut bytes = theirs.next_symbol().unwrap().to_bytes();
            if n == at {
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            match decoder.push(Symbol::from_bytes(&bytes)) {
                Ok(false) => {}
                Ok(true) => break,
                Err(Inconsistent) => return Ok(()),
            }
        }
        if let Ok(found) = decoder.finish() {
            // Nothing that both have is taken for a difference.
            let both: BTreeSet<Short> = shorts(50..100).into_iter().collect();
            prop_assert!(found.ours.iter().chain(&found.theirs).all(|short| !both.contains(short)));
        }
    }
}

/// The counts are exact, so they are asserted here and not only measured.
#[test]
fn few_symbols_a_difference() {
    for (differences, most) in [
        (0, 1),
        (1, 8),
        (10, 40),
        (100, 180),
        (1000, 1450),
        (10_000, 13_900),
    ] {
        let (symbols, found) = reconcile(shorts(0..20_000 + differences / 2), {
            let mut ours = shorts(0..20_000);
            ours.extend(shorts(100_000..100_000 + differences.div_ceil(2)));
            ours
        });
        println!("{differences} differences: {symbols} symbols");
        assert_eq!(found.ours.len() as u32, differences.div_ceil(2));
        assert_eq!(found.theirs.len() as u32, differences / 2);
        assert!(
            symbols <= most,
            "{symbols} symbols for {differences} differences"
        );
    }
}

#[test]
fn an_id_given_twice_counts_once() {
    let mut twice = shorts(0..10);
    twice.extend(shorts(0..10));
    let (symbols, found) = reconcile(twice, shorts(0..10));
    assert_eq!((symbols, found), (1, Difference::default()));
}

/// A sequence that is never solved: random symbols. The decoder takes each in little time and finds nothing.
#[test]
fn an_endless_stream_finds_nothing() {
    let mut decoder = Decoder::new(Sketch::new(keys(), shorts(0..1000)));
    for n in 0_u32..50_000 {
        let noise = sha256(&[b"noise", &n.to_be_bytes()]);
        let symbol = Symbol::from_bytes(noise[..SYMBOL_LEN].try_into().unwrap());
        assert_eq!(decoder.push(symbol), Ok(false));
    }
    assert_eq!(decoder.finish(), Ok(Difference::default()));
}

/// A peer that sends pure symbols only, and each time the same: an id where it does not belong.
#[test]
fn a_symbol_out_of_place_is_a_lie() {
    let mut one = Sketch::new(keys(), shorts(0..1));
    let pure = one.next_symbol().unwrap();
    let mut decoder = Decoder::new(Sketch::new(keys(), Vec::new()));
    assert_eq!(decoder.push(pure), Ok(true));
    let mut decoder = Decoder::new(Sketch::new(keys(), Vec::new()));
    decoder.push(Symbol::from_bytes(&[9; SYMBOL_LEN])).unwrap();
    let mut lied = false;
    for _ in 0..64 {
        match decoder.push(pure) {
            Ok(_) => {}
            Err(Inconsistent) => {
                lied = true;
                break;
            }
        }
    }
    assert!(lied);
}

/// Ids that somebody chose to share their first symbols under one key do not share them under another.
#[test]
fn chosen_ids_do_no_harm_under_another_key() {
    let target = Keys::new(&[1; 32]);
    // The attacker's best under a known key: ids whose second index is far away, so that symbols 1.. lack them.
    let sparse = |keys: Keys, id: &Id| {
        let mut alone = Sketch::new(keys, vec![keys.short(id)]);
        alone.next_symbol();
        (0..16).all(|_| alone.next_symbol().unwrap() == Symbol::default())
    };
    let chosen: Vec<Id> = (0_u32..)
        .map(|n| Id(sha256(&[&n.to_be_bytes()])))
        .filter(|id| sparse(target, id))
        .take(100)
        .collect();
    let symbols = |keys: Keys| {
        let mut theirs = Sketch::new(keys, chosen.iter().map(|id| keys.short(id)).collect());
        let mut decoder = Decoder::new(Sketch::new(keys, Vec::new()));
        while !decoder.push(theirs.next_symbol().unwrap()).unwrap() {}
        decoder.symbols()
    };
    assert!(symbols(Keys::new(&[2; 32])) < 180);
}
