//! Policies in TOML: what is written is what is judged, and what is written wrongly is named.
#![cfg(feature = "policy")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use wcmp_relay::policy::{FileError, Header, Policy, Reason, Subject, Verdict};
use wcmp_relay::store::Quota;

const ALL: &str = r#"
max_size = "2 MiB"
max_lifetime = "7d"
max_slots = 128
suites = [0x0101, 1]
hold = "6h"
stamps = true

[visit]
envelopes = 10
bytes = "1 GiB"
files = 20
read = 4096

[store]
envelopes = 30
bytes = "5 TiB"

[[rule]]
name = "long-lived-are-small"
keep = { any = [{ hours = { max = "2d" } }, { size = { max = "4 KiB" } }] }

[[rule]]
name = "no-lone-large"
drop = { size = { min = 100000 }, slots = { min = 2, max = 4 }, not = { effort = { min = 50 } } }
"#;

fn subject(size: u32, hours: u32, slots: u32, effort: Option<u64>) -> Subject {
    let header = Header {
        suite: 0x0101,
        expires: 1000 + hours,
        size,
        slots,
    };
    Subject {
        header,
        now: 1000,
        effort,
    }
}

#[test]
fn every_key_means_what_it_says() {
    let policy: Policy = ALL.parse().unwrap();
    assert_eq!((policy.max_size, policy.max_lifetime), (2 << 20, 168));
    assert_eq!(
        (policy.max_slots, policy.hold, policy.stamps),
        (128, 6, true)
    );
    assert_eq!(policy.suites, Some(vec![0x0101, 1]));
    let visit = policy.visit;
    assert_eq!((visit.envelopes, visit.bytes), (10, 1 << 30));
    assert_eq!((visit.files, visit.read), (20, 4096));
    let quota = Quota {
        envelopes: 30,
        bytes: 5 << 40,
    };
    assert_eq!(policy.quota, quota);

    let lone = Verdict::Drop(Reason("no-lone-large"));
    let long = Verdict::Drop(Reason("long-lived-are-small"));
    for (subject, verdict) in [
        (subject(4096, 100, 4, None), Verdict::Keep),
        (subject(4097, 49, 4, None), long),
        (subject(4097, 48, 4, None), Verdict::Keep),
        (subject(100_000, 40, 4, None), Verdict::Defer),
        (subject(100_000, 40, 4, Some(49)), lone),
        (subject(100_000, 40, 4, Some(50)), Verdict::Keep),
        (subject(100_000, 40, 5, None), Verdict::Keep),
        (subject(99_999, 40, 4, None), Verdict::Keep),
        (subject(100_000, 60, 4, None), long),
    ] {
        assert_eq!(policy.judge(&subject), verdict, "{subject:?}");
    }
    assert!(
        policy
            .explain(Reason("no-lone-large"))
            .contains("no-lone-large")
    );
}

#[test]
fn an_empty_file_is_the_default() {
    let (empty, default): (Policy, Policy) = ("".parse().unwrap(), Policy::default());
    assert_eq!(format!("{empty:?}"), format!("{default:?}"));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_what_was_meant() {
    let error = |text: &str| -> FileError {
        match text.parse::<Policy>() {
            Err(error) => error,
            Ok(policy) => panic!("{text:?} is {policy:?}"),
        }
    };
    for (text, line, meant) in [
        ("max_size = 1\nmaxslots = 2", 2, Some("max_slots")),
        ("\n\nhodl = 3", 3, Some("hold")),
        ("[visit]\nbytse = 3", 2, Some("bytes")),
        ("[stroe]\nbytes = 3", 1, Some("store")),
        ("quux = 1", 1, None),
        (
            "[[rule]]\nname = 'a'\nkeep = { slot = { max = 3 } }",
            3,
            Some("slots"),
        ),
        (
            "[[rule]]\nname = 'a'\nkeep = { any = [{ slots = { maxx = 3 } }] }",
            3,
            Some("max"),
        ),
        ("a = ", 1, None),
        ("max_size = \"12 KB\"", 1, None),
        ("max_size = -1", 1, None),
        ("max_size = 99999999999999999999", 1, None),
        ("hold = \"1 week\"", 1, None),
        ("suites = [70000]", 1, None),
        ("hold = 1\nhold = 2", 2, None),
    ] {
        let error = error(text);
        assert_eq!(
            (error.line, error.meant.as_deref()),
            (line, meant),
            "{text:?}: {error}"
        );
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
    for (text, word) in [
        ("max_size = \"17 MiB\"", "max_size"),
        ("max_lifetime = \"31d\"", "720"),
        ("max_slots = 4097", "4096"),
        ("hold = 25", "24"),
        ("[[rule]]\nname = 'a'", "keep"),
        (
            "[[rule]]\nname = 'a'\nkeep = {slots={max=1}}\ndrop = {slots={max=1}}",
            "keep",
        ),
        ("[[rule]]\nname = 'a'\nkeep = {}", "empty"),
        ("[[rule]]\nname = 'a'\nkeep = { any = [] }", "empty"),
        ("[[rule]]\nname = 'a'\nkeep = { slots = {} }", "min"),
        (
            "[[rule]]\nname = 'a'\nkeep = { slots = { min = 3, max = 2 } }",
            "empty",
        ),
        (
            "[[rule]]\nname = 'A b'\nkeep = { slots = { max = 2 } }",
            "A b",
        ),
        (
            "[[rule]]\nname = 'known'\nkeep = { slots = { max = 2 } }",
            "known",
        ),
        (
            "[[rule]]\nname='a'\nkeep={slots={max=2}}\n[[rule]]\nname='a'\nkeep={slots={max=2}}",
            "two rules",
        ),
    ] {
        let error = error(text).to_string();
        assert!(error.contains(word), "{text:?}: {error}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let deep = |n: usize| {
        let open = "{ not = ".repeat(n);
        let close = " }".repeat(n);
        format!("[[rule]]\nname = 'a'\nkeep = {open}{{ slots = {{ max = 1 }} }}{close}")
    };
    assert!(deep(10).parse::<Policy>().is_ok());
    assert!(deep(100_000).parse::<Policy>().is_err());
    let wide = "keep = { any = [".to_owned() + &"[".repeat(100_000);
    assert!(wide.parse::<Policy>().is_err());
}
