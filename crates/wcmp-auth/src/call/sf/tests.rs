use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use data_encoding::{BASE32, BASE64};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// A bare item in the form of the httpwg tests.
fn bare(item: Bare<'_>) -> Result<Value, Syntax> {
    let typed = |name: &str, value: Value| json!({"__type": name, "value": value});
    Ok(match item {
        Bare::Integer(value) => json!(value),
        Bare::Decimal(thousandths) => json!(thousandths as f64 / 1000.0),
        Bare::String(text) => {
            let mut out = String::new();
            let mut chars = str::from_utf8(text).unwrap().chars();
            while let Some(c) = chars.next() {
                out.push(if c == '\\' { chars.next().unwrap() } else { c });
            }
            json!(out)
        }
        Bare::Token(text) => typed("token", json!(str::from_utf8(text).unwrap())),
        Bare::Bytes(text) => {
            let bytes = BASE64.decode(text).map_err(|_| Syntax)?;
            typed("binary", json!(BASE32.encode(&bytes)))
        }
        Bare::Boolean(value) => json!(value),
        Bare::Date(seconds) => typed("date", json!(seconds)),
        Bare::Display(text) => {
            let mut bytes = Vec::new();
            let mut rest = text;
            while let Some((first, after)) = rest.split_first() {
                rest = after;
                bytes.push(match first {
                    b'%' => {
                        let digits = str::from_utf8(&rest[..2]).unwrap();
                        rest = &rest[2..];
                        u8::from_str_radix(digits, 16).unwrap()
                    }
                    other => *other,
                });
            }
            typed("displaystring", json!(String::from_utf8(bytes).unwrap()))
        }
    })
}

/// Puts `key` into a list of pairs, in the place of a former one.
fn put(pairs: &mut Vec<Value>, key: &[u8], value: Value) {
    let key = str::from_utf8(key).unwrap();
    let pair = json!([key, value]);
    match pairs.iter_mut().find(|pair| pair[0] == key) {
        Some(former) => *former = pair,
        None => pairs.push(pair),
    }
}

fn parameters(cursor: &mut Cursor<'_>) -> Result<Value, Syntax> {
    let mut pairs = Vec::new();
    while let Some((key, value)) = cursor.parameter()? {
        put(&mut pairs, key, bare(value)?);
    }
    Ok(json!(pairs))
}

fn item(cursor: &mut Cursor<'_>) -> Result<Value, Syntax> {
    let value = bare(cursor.bare()?)?;
    Ok(json!([value, parameters(cursor)?]))
}

fn item_or_list(cursor: &mut Cursor<'_>) -> Result<Value, Syntax> {
    if !cursor.eat(b'(') {
        return item(cursor);
    }
    let mut items = Vec::new();
    while cursor.item_follows(items.is_empty())? {
        items.push(item(cursor)?);
    }
    Ok(json!([items, parameters(cursor)?]))
}

fn dictionary(field: &[u8]) -> Result<Value, Syntax> {
    let mut pairs = Vec::new();
    let mut cursor = Cursor::new(field);
    let mut first = true;
    while cursor.member_follows(first)? {
        first = false;
        let key = cursor.key()?;
        let value = match cursor.eat(b'=') {
            true => item_or_list(&mut cursor)?,
            false => json!([true, parameters(&mut cursor)?]),
        };
        put(&mut pairs, key, value);
    }
    Ok(json!(pairs))
}

fn parse(kind: &str, field: &[u8]) -> Result<Value, Syntax> {
    let mut cursor = Cursor::new(field);
    match kind {
        "dictionary" => dictionary(field),
        "list" => {
            let mut members = Vec::new();
            while cursor.member_follows(members.is_empty())? {
                members.push(item_or_list(&mut cursor)?);
            }
            Ok(json!(members))
        }
        _ => {
            let value = item(&mut cursor)?;
            cursor.spaces();
            match cursor.rest {
                [] => Ok(value),
                _ => Err(Syntax),
            }
        }
    }
}

#[test]
fn structured_field_tests_of_httpwg() {
    let tests = include_str!("../../../vectors/structured-fields/tests.json");
    let tests: Vec<Value> = serde_json::from_str(tests).unwrap();
    assert_eq!(tests.len(), 1540);
    for test in tests {
        let lines: Vec<&str> = test["raw"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        let parsed = parse(
            test["header_type"].as_str().unwrap(),
            lines.join(", ").as_bytes(),
        );
        match parsed {
            Ok(value) => assert_eq!(value, test["expected"], "{test}"),
            Err(Syntax) => assert!(
                test["must_fail"] == true || test["can_fail"] == true,
                "{test}"
            ),
        }
    }
}

/// What the crate `sfv` makes of a dictionary, in the same form.
fn oracle(field: &[u8]) -> Option<Value> {
    fn bare(item: &sfv::BareItem) -> Value {
        let typed = |name: &str, value: Value| json!({"__type": name, "value": value});
        match item {
            sfv::BareItem::Integer(value) => json!(i64::from(*value)),
            sfv::BareItem::Decimal(value) => {
                json!(i64::from(value.as_integer_scaled_1000()) as f64 / 1000.0)
            }
            sfv::BareItem::String(value) => json!(value.as_str()),
            sfv::BareItem::Token(value) => typed("token", json!(value.as_str())),
            sfv::BareItem::ByteSequence(bytes) => typed("binary", json!(BASE32.encode(bytes))),
            sfv::BareItem::Boolean(value) => json!(value),
            sfv::BareItem::Date(date) => typed("date", json!(i64::from(date.unix_seconds()))),
            sfv::BareItem::DisplayString(text) => typed("displaystring", json!(text)),
        }
    }
    fn parameters(parameters: &sfv::Parameters) -> Value {
        parameters
            .iter()
            .map(|(key, value)| json!([key.as_str(), bare(value)]))
            .collect()
    }
    fn item(item: &sfv::Item) -> Value {
        json!([bare(&item.bare_item), parameters(&item.params)])
    }
    let dictionary = sfv::Parser::new(field).parse::<sfv::Dictionary>().ok()?;
    let pairs = dictionary.iter().map(|(key, entry)| {
        let value = match entry {
            sfv::ListEntry::Item(one) => item(one),
            sfv::ListEntry::InnerList(list) => {
                let items: Vec<Value> = list.items.iter().map(item).collect();
                json!([items, parameters(&list.params)])
            }
        };
        json!([key.as_str(), value])
    });
    Some(pairs.collect())
}

const PIECES: &[&str] = &[
    "a",
    "b1",
    "*k",
    "a-._*",
    "A",
    "=",
    "=",
    "=",
    ";",
    "; ",
    "(",
    ")",
    "()",
    " ",
    ", ",
    ",",
    "\t",
    "1",
    "-",
    "-12",
    "12.5",
    "1.2345",
    "999999999999999",
    "1000000000000000",
    "1234567890123.1",
    "\"x\"",
    "\"\\\"\"",
    "\"",
    "\\",
    ":aGVsbG8=:",
    "::",
    ":",
    "?1",
    "?0",
    "?",
    "@12",
    "@1.5",
    "@",
    "%\"f%c3%bc\"",
    "%\"%c3\"",
    "%\"%C3%BC\"",
    "%",
    "tok",
    "T/x:",
    "\u{fc}",
    "\u{0}",
    "a=1",
    "b=(1 2)",
    "c=\"d\";e",
    ";f=g",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn dictionaries_are_what_sfv_takes_them_for(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
    ) {
        let field = pieces.concat();
        prop_assert_eq!(dictionary(field.as_bytes()).ok(), oracle(field.as_bytes()), "{}", field);
    }

    #[test]
    fn a_slice_since_a_mark_is_what_was_read(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..6),
    ) {
        let field = pieces.concat();
        let mut cursor = Cursor::new(field.as_bytes());
        let start = cursor;
        if cursor.bare().is_ok() {
            let read = cursor.since(start);
            prop_assert!(start.rest.starts_with(read) && !read.is_empty());
            prop_assert_eq!(&start.rest[read.len()..], cursor.rest);
            let mut again = Cursor::new(read);
            prop_assert!(again.bare().is_ok() && again.rest.is_empty());
        }
    }
}

#[test]
fn numbers_end_at_fifteen_digits() {
    fn integer(text: &str) -> Result<Bare<'_>, Syntax> {
        Cursor::new(text.as_bytes()).bare()
    }
    assert_eq!(
        integer("99999999999999"),
        Ok(Bare::Integer(99_999_999_999_999))
    );
    assert_eq!(
        integer("999999999999999"),
        Ok(Bare::Integer(999_999_999_999_999))
    );
    assert_eq!(integer("1000000000000000"), Err(Syntax));
    assert_eq!(integer(&"9".repeat(100_000)), Err(Syntax));
}

#[test]
fn base64_is_whole() {
    let bytes = |text: &str| {
        let field = format!(":{text}:");
        let read = Cursor::new(field.as_bytes()).bare();
        read.is_ok_and(|bare| bare == Bare::Bytes(text.as_bytes()))
    };
    for good in [
        "", "AA==", "AA", "AAA=", "AAA", "AAAA", "AB==", "AAAAAA", "+/+/",
    ] {
        assert!(bytes(good), "{good}");
    }
    for bad in [
        "=", "==", "A", "A=", "A=A", "A=A=", "AA=", "AA=A", "=AAA", "AAA==", "AAAA=", "AAAA==",
        "AAAA====", "AA===", "AAAAA", "A===", "A_==", "A-==",
    ] {
        assert!(!bytes(bad), "{bad}");
    }
}
