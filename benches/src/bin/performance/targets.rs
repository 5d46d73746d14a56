//! What was set out to be reached, and whether it was in this run.

use std::fmt::Write as _;

use crate::run::{Run, digits};

/// On which side of the limit it has to be.
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

use Limit::{AtLeast, AtMost};

struct Target {
    what: &'static str,
    limit: Limit,
    found: f64,
    /// Behind the numbers.
    unit: &'static str,
}

const fn target(what: &'static str, limit: Limit, found: f64, unit: &'static str) -> Target {
    Target {
        what,
        limit,
        found,
        unit,
    }
}

const FASTEST: &str = "wcmp, fastest provider";
const SHA2: &str = "hmac + sha2, cloned state";

fn targets(run: &Run) -> Vec<Target> {
    let hint = |keys: u32| run.hint(keys) / run.get(&format!("one hint, {keys} keys"), SHA2);
    let scan = |parser, keys| run.stack(parser, keys, 16) / run.scan(keys, 16);
    let ready = "postcard";
    let compare = |keys: u32| {
        let group = format!("comparing one hint with an envelope, {keys} keys, 64 slots");
        run.get(&group, "wcmp")
    };
    let mine = |way| {
        let group = "is it for me? 16 slots";
        run.get(group, "age 0.11 (new_buffered)") / run.get(group, way)
    };
    let added = |side| run.get("seal, per added receiver at 100", side);
    let times = |group, peer, side| run.get(group, peer) / run.get(group, side);
    let age_open = "age 0.11 (new_buffered)";
    let hundred = "100 slots, without opening";
    let payload = |kib: u32| run.get(&format!("touch an envelope, 16 slots, {kib} KiB"), "column");
    let memory = |what: &str| {
        let peak = |n: u32| {
            let group = "peak memory of a scan for 10 keys, 4 slots";
            run.get(group, &format!("{what}, {n} envelopes"))
        };
        peak(1_000_000) / peak(10_000)
    };
    vec![
        target(
            "a hint, 10 keys, of hmac + sha2's time",
            AtMost(0.27),
            hint(10),
            "",
        ),
        target("a hint, 100 keys", AtMost(0.27), hint(100), ""),
        target("a hint, 1 key", AtMost(0.42), hint(1), ""),
        target(
            "scan from the column, 1 key, 16 slots, times ready-made parts with postcard",
            AtLeast(3.0),
            scan(ready, 1),
            "",
        ),
        target(
            "the same, their parser replaced by ours",
            AtLeast(3.0),
            scan("wcmp-wire", 1),
            "",
        ),
        target(
            "scan from the column, 100 keys, 16 slots, with postcard",
            AtLeast(4.0),
            scan(ready, 100),
            "",
        ),
        target(
            "the same, their parser replaced by ours",
            AtLeast(4.0),
            scan("wcmp-wire", 100),
            "",
        ),
        target(
            "envelopes a second, 1 key, 16 slots, scaled to where ready-made parts do 3.2 M",
            AtLeast(10.0),
            scan(ready, 1) * 3.2,
            " M",
        ),
        target(
            "the same, not scaled",
            AtLeast(10.0),
            1e3 / run.scan(1, 16),
            " M",
        ),
        target(
            "comparing a hint with 64 slots, 100 keys",
            AtMost(3.0),
            compare(100),
            " ns",
        ),
        target(
            "comparing a hint with 64 slots, 1000 keys",
            AtMost(3.0),
            compare(1000),
            " ns",
        ),
        target(
            "touching a row, payloads of 64 KiB to 1 KiB",
            AtMost(1.1),
            payload(64) / payload(1),
            "",
        ),
        target(
            "is it for me? 16 slots, open hints, times age",
            AtLeast(5000.0),
            mine("open hints, 1 key"),
            "",
        ),
        target(
            "the same, pair hints of 10 contacts",
            AtLeast(1000.0),
            mine("pair hints, 10 contacts"),
            "",
        ),
        target(
            "seal, per added receiver at 100, of hpke's time",
            AtMost(0.35),
            added(FASTEST) / added("hpke 0.15"),
            "",
        ),
        target(
            "the same, of one X25519 of the provider",
            AtMost(1.2),
            added(FASTEST) / added("X25519, fastest provider"),
            "",
        ),
        target(
            "100 slots, open suite, not mine, times age",
            AtLeast(1000.0),
            run.get(hundred, "age 0.11, not mine (new_buffered)")
                / run.get(hundred, "wcmp, open suite, not mine"),
            "",
        ),
        target(
            "100 slots, open suite, which is mine, times age",
            AtLeast(1000.0),
            run.get(hundred, "age 0.11, mine, its header (new_buffered)")
                / run.get(hundred, "wcmp, open suite, mine, which slot"),
            "",
        ),
        target(
            "open 1 KiB whole as the last of 100, times age",
            AtLeast(1000.0),
            times("open 1 KiB as the last of 100", age_open, FASTEST),
            "",
        ),
        target(
            "seal 15 MiB, times age",
            AtLeast(1.5),
            times("seal 15 MiB for 1", "age 0.11", FASTEST),
            "",
        ),
        target(
            "open 15 MiB, times age",
            AtLeast(1.1),
            times("open 15 MiB as the last of 1", age_open, FASTEST),
            "",
        ),
        target(
            "X-Wing, encapsulate, times crate x-wing",
            AtLeast(3.0),
            times("X-Wing, encapsulate", "x-wing 0.1", FASTEST),
            "",
        ),
        target(
            "X-Wing, decapsulate",
            AtLeast(3.0),
            times("X-Wing, decapsulate", "x-wing 0.1", FASTEST),
            "",
        ),
        target(
            "peak memory of a scan in blocks, 1 M envelopes to 10 k",
            AtMost(1.01),
            memory("blocks"),
            "",
        ),
        target(
            "peak memory of a scan of the store's column",
            AtMost(1.5),
            memory("the store's column"),
            "",
        ),
    ]
}

/// As Markdown.
pub(crate) fn table(run: &Run) -> String {
    let mut table = String::from("| | wanted | this run | |\n|---|---|---|---|\n");
    for target in targets(run) {
        let Target {
            what,
            limit,
            found,
            unit,
        } = target;
        let (wanted, reached) = match limit {
            AtMost(most) => (format!("at most {most}{unit}"), found <= most),
            AtLeast(least) => (format!("at least {least}{unit}"), found >= least),
        };
        let reached = if reached {
            "reached"
        } else {
            "**not reached**"
        };
        writeln!(
            table,
            "| {what} | {wanted} | {}{unit} | {reached} |",
            digits(found)
        )
        .unwrap();
    }
    table
}
