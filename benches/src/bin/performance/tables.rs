//! The tables of the page.

use std::fmt::Write as _;

use crate::run::{Run, digits, time};

fn row(table: &mut String, cells: &[String]) {
    writeln!(table, "| {} |", cells.join(" | ")).unwrap();
}

fn head(cells: &[&str]) -> String {
    let line = cells.join(" | ");
    format!("| {line} |\n|{}\n", "---|".repeat(cells.len()))
}

/// All sides of a group, in the order given, with their ratios to the first.
pub(crate) fn all_of(run: &Run, group: &str, sides: &[&str]) -> String {
    let mut table = head(&["", "time", "of the first"]);
    let first = run.get(group, sides.first().unwrap());
    for side in sides {
        let ns = run.get(group, side);
        row(&mut table, &[(*side).into(), time(ns), digits(ns / first)]);
    }
    table
}

pub(crate) const STRANGER_SIDES: [&str; 4] = [
    "X25519 alone, x25519-dalek",
    "X25519 alone, aws-lc-rs",
    "wcmp, RustCrypto",
    "wcmp, fastest provider",
];

pub(crate) const ADDED_SIDES: [&str; 7] = [
    "hpke 0.15",
    "age 0.11",
    "crypto_box 0.9",
    "wcmp, RustCrypto",
    "wcmp, fastest provider",
    "X25519, RustCrypto",
    "X25519, fastest provider",
];

pub(crate) fn scans(run: &Run) -> String {
    let mut table = head(&[
        "keys",
        "slots",
        "with postcard",
        "with our parser",
        "wcmp",
        "times as fast",
    ]);
    for keys in [1, 10, 100, 1000] {
        for slots in [4, 16, 64] {
            let peers = ["postcard", "wcmp-wire"].map(|parser| run.stack(parser, keys, slots));
            let ours = run.scan(keys, slots);
            let [postcard, wire] = peers.map(|peer| digits(peer / ours));
            let mut cells = vec![keys.to_string(), slots.to_string()];
            cells.extend(peers.map(time));
            cells.extend([time(ours), format!("{postcard}, {wire}")]);
            row(&mut table, &cells);
        }
    }
    table
}

pub(crate) fn trial(run: &Run) -> String {
    let group = "is it for me? 16 slots";
    let age = run.get(group, "age 0.11 (new_buffered)");
    let mut table = head(&["", "time", "times as fast"]);
    for side in [
        "age 0.11 (new_buffered)",
        "open hints, 1 key",
        "pair hints, 10 contacts",
    ] {
        let ns = run.get(group, side);
        row(&mut table, &[side.into(), time(ns), digits(age / ns)]);
    }
    table.push_str("\nAmong 100 slots, without opening anything:\n\n");
    let group = "100 slots, without opening";
    let sides = [
        "age 0.11, not mine (new_buffered)",
        "age 0.11, mine, its header (new_buffered)",
        "wcmp, open suite, not mine",
        "wcmp, open suite, mine, which slot",
        "wcmp, sealed suite, mine, a stranger",
    ];
    let age = run.get(group, sides.first().unwrap());
    table.push_str(&head(&["", "time", "times as fast"]));
    for side in sides {
        let ns = run.get(group, side);
        row(&mut table, &[side.into(), time(ns), digits(age / ns)]);
    }
    table
}

pub(crate) fn touch(run: &Run) -> String {
    let sides = ["postcard, serde", "wcmp-wire", "column"];
    let mut table = head(&["slots", "payload", "postcard", "our parser", "column"]);
    for slots in [4, 16, 64] {
        for kib in [1, 64] {
            let group = format!("touch an envelope, {slots} slots, {kib} KiB");
            let times = sides.map(|side| time(run.get(&group, side)));
            let cells = [slots.to_string(), format!("{kib} KiB")];
            row(&mut table, &[&cells[..], &times[..]].concat());
        }
    }
    table
}

pub(crate) fn memory(run: &Run) -> String {
    let mut table = head(&["", "10 000 envelopes", "1 000 000 envelopes"]);
    for what in ["blocks", "the store's column"] {
        let peak = |n: u32| {
            let group = "peak memory of a scan for 10 keys, 4 slots";
            let bytes = run.get(group, &format!("{what}, {n} envelopes"));
            format!("{} KiB", digits(bytes / 1024.0))
        };
        row(&mut table, &[what.into(), peak(10_000), peak(1_000_000)]);
    }
    table
}

pub(crate) fn hints(run: &Run) -> String {
    let mut table = head(&["one hint", "1 key", "4 keys", "10 keys", "100 keys"]);
    let sha2 = "hmac + sha2, cloned state";
    for side in [
        sha2,
        "ring, key reused",
        "aws-lc-rs, key reused",
        "wcmp, portable",
        "wcmp, AVX2",
        "wcmp, SHA extensions",
    ] {
        let cell = |keys: u32| {
            let group = format!("one hint, {keys} keys");
            let ns = run.find(&group, side)?;
            let share = ns / run.get(&group, sha2);
            Some(format!("{} ({})", time(ns), digits(share)))
        };
        let cells = [1, 4, 10, 100].map(|keys| cell(keys).unwrap_or_else(|| "-".into()));
        row(&mut table, &[&[side.to_owned()][..], &cells[..]].concat());
    }
    table.push_str("\nIn brackets: of the time of hmac + sha2.\n");
    table
}

pub(crate) fn comparing(run: &Run) -> String {
    let mut table = head(&["hints", "slots", "==, one by one", "wcmp"]);
    for slots in [4, 16, 64] {
        for keys in [1, 10, 100, 1000] {
            let group = format!("comparing one hint with an envelope, {keys} keys, {slots} slots");
            let times = ["==, one by one", "wcmp"].map(|side| time(run.get(&group, side)));
            let cells = [keys.to_string(), slots.to_string()];
            row(&mut table, &[&cells[..], &times[..]].concat());
        }
    }
    table
}

pub(crate) fn one_envelope(run: &Run) -> String {
    let mut table = head(&["", "4 slots", "16 slots", "64 slots"]);
    for side in [
        "hmac + sha2, cloned state: the hint alone",
        "open suite, 1 key",
        "sealed suite, 10 contacts, closed",
        "sealed suite, a stranger",
        "sealed suite, a stranger, fastest provider",
    ] {
        let cells =
            [4, 16, 64].map(|slots| time(run.get(&format!("one envelope, {slots} slots"), side)));
        row(&mut table, &[&[side.to_owned()][..], &cells[..]].concat());
    }
    table
}

pub(crate) fn parse(run: &Run) -> String {
    let mut table = head(&["", "4 slots", "16 slots", "64 slots"]);
    for side in ["postcard, serde", "wcmp-wire"] {
        let group = |slots| format!("parse an envelope of {slots} slots");
        let cells = [4, 16, 64].map(|slots| time(run.get(&group(slots), side)));
        row(&mut table, &[&[side.to_owned()][..], &cells[..]].concat());
    }
    table
}

const SIZES: [&str; 3] = ["1 KiB", "64 KiB", "15 MiB"];

pub(crate) fn seal(run: &Run) -> String {
    let sides = [
        "age 0.11",
        "hpke 0.15",
        "crypto_box 0.9",
        "wcmp, RustCrypto",
        "wcmp, fastest provider",
    ];
    let group = |size: &str, receivers: u32| format!("seal {size} for {receivers}");
    messages(run, &sides, group)
}

pub(crate) fn open(run: &Run) -> String {
    let sides = [
        "age 0.11 (new_buffered)",
        "hpke 0.15",
        "crypto_box 0.9",
        "wcmp, RustCrypto",
        "wcmp, fastest provider",
        "wcmp, fastest provider, open suite",
    ];
    let group = |size: &str, receivers: u32| format!("open {size} as the last of {receivers}");
    messages(run, &sides, group)
}

fn messages(run: &Run, sides: &[&str], group: impl Fn(&str, u32) -> String) -> String {
    let mut table = head(&[&["", "receivers"][..], sides].concat());
    for size in SIZES {
        for receivers in [1, 10, 100, 1000] {
            let group = group(size, receivers);
            let times = sides.iter().map(|side| time(run.get(&group, side)));
            let cells = [size.to_owned(), receivers.to_string()];
            row(
                &mut table,
                &cells.into_iter().chain(times).collect::<Vec<_>>(),
            );
        }
    }
    table
}

pub(crate) fn xwing(run: &Run) -> String {
    let sides = ["x-wing 0.1", "wcmp, RustCrypto", "wcmp, fastest provider"];
    let mut table = head(&[&[""][..], &sides[..]].concat());
    for job in [
        "encapsulate",
        "decapsulate",
        "seal 1 KiB for 1",
        "open 1 KiB",
    ] {
        let group = format!("X-Wing, {job}");
        let cell = |side| run.find(&group, side).map_or_else(|| "-".into(), time);
        row(
            &mut table,
            &[&[job.to_owned()][..], &sides.map(cell)[..]].concat(),
        );
    }
    table
}

pub(crate) fn all_cores(run: &Run) -> String {
    let mut table = head(&["by the clock", "one core", "all cores"]);
    for group in [
        "4096 rows, 1 keys, 16 slots",
        "4096 rows, 100 keys, 16 slots",
        "64 strangers' hints",
        "seal 1 KiB for 1000",
    ] {
        let timed = format!("{group}, by the clock");
        let times = ["one core", "all cores"].map(|side| time(run.get(&timed, side)));
        row(&mut table, &[&[group.to_owned()][..], &times[..]].concat());
    }
    table
}
