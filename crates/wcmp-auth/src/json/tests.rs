use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use proptest::prelude::*;

use super::parse::{Members, Value, value};
use super::*;
use crate::call::Reason;
use crate::message::{Challenge, Finish, Grant, Start};
use crate::{Cost, Misuse, Parameters, Suite, Suites};

/// Every message, for each way it can look.
fn round<T: Json + PartialEq + fmt::Debug>(message: &T, text: &str) {
    assert_eq!(message.to_json(), text);
    assert_eq!(&T::from_json(text.as_bytes()).unwrap(), message);
    let spaced = text.replace(',', " ,\n\t").replace('{', "\r\n{ ");
    assert_eq!(&T::from_json(spaced.as_bytes()).unwrap(), message);
    // Unknown members are passed over, in front and behind.
    let more = format!(r#"{{"xx":{{"token":[1.5e3,-0,null]}},{}"#, &text[1..]);
    assert_eq!(&T::from_json(more.as_bytes()).unwrap(), message);
    // No member may be left out, be null or be there twice.
    let Value::Object(_) = value(text.as_bytes()).unwrap() else {
        panic!("{text}")
    };
    let members: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    for name in members.keys() {
        let mut without = members.clone();
        without.remove(name);
        let without = serde_json::to_string(&without).unwrap();
        if !["reason", "next"].contains(&name.as_str()) {
            assert!(T::from_json(without.as_bytes()).is_err(), "{without}");
        }
        let mut ill = members.clone();
        ill.insert(name.clone(), serde_json::Value::Null);
        let ill = serde_json::to_string(&ill).unwrap();
        assert!(T::from_json(ill.as_bytes()).is_err(), "{ill}");
        let first = format!("\\u{:04x}", name.chars().next().unwrap() as u32);
        let again = format!(r#"{{"{first}{}":1,{}"#, &name[1..], &text[1..]);
        let refused = T::from_json(again.as_bytes());
        assert!(matches!(refused, Err(JsonError::Duplicate(_))), "{again}");
    }
}

const K1: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const K2: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
const T1: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

fn parameters() -> (PasswordParameters, String) {
    let argon2id = PasswordParameters {
        suite: Suite::Argon2id,
        salt: vec![1; 16],
        parameters: Parameters::new(Cost::ARGON2ID),
    };
    let text =
        format!(r#""suite":3,"salt":"{T1}","mem":65536,"time":3,"lanes":1,"cs":1,"P":1,"N":2"#);
    (argon2id, text)
}

#[test]
fn logins_come_back() {
    let mut start = Start {
        suites: Suites::new(&[2, 1, 77]).unwrap(),
        realm: "api".into(),
        login: "jos\u{e9}\u{1f511}".into(),
        cnonce: [1; 32],
        epk: Some([2; 32]),
    };
    let text = |suites: &str, epk: &str| {
        format!(
            r#"{{"suites":{suites},"realm":"api","login":"josé🔑","cnonce":"{K1}","epk":"{epk}"}}"#
        )
    };
    round(&start, &text("[2,1,77]", K2));
    let escaped = text("[2,1,77]", K2).replace("é🔑", r"\u00E9\uD83D\udd11");
    assert_eq!(Start::from_json(escaped.as_bytes()).unwrap(), start);
    (start.suites, start.epk) = (Suites::new(&[1]).unwrap(), None);
    round(&start, &text("[1]", ""));
    for bad in [
        "[256]", "[-1]", "[1.0]", "[]", "[1,1]", "1", "[\"1\"]", "[null]",
    ] {
        assert!(Start::from_json(text(bad, "").as_bytes()).is_err(), "{bad}");
    }
    for bad in [
        "AA",
        K1.trim_end_matches('E'),
        &format!("{K2}="),
        &format!("{K2}A"),
    ] {
        let refused = Start::from_json(text("[2]", bad).as_bytes());
        assert_eq!(refused, Err(JsonError::Type("epk")), "{bad}");
    }
    let refused = Start::from_json(text("[1]", K2).as_bytes());
    assert_eq!(refused, Err(JsonError::Misuse(Misuse::Ephemeral)));

    let (made_with, members) = parameters();
    let mut challenge = Challenge {
        suite: Suite::Argon2id,
        salt: made_with.salt,
        parameters: made_with.parameters,
        m: 3,
        snonce: [2; 32],
        expires: MAX_INTEGER,
        epk: None,
        ctx: vec![0xfb, 0xff],
    };
    let rest = format!(r#""M":3,"snonce":"{K2}","expires":9007199254740991"#);
    round(
        &challenge,
        &format!(r#"{{{members},{rest},"epk":"","ctx":"-_8"}}"#),
    );
    (challenge.suite, challenge.epk) = (Suite::Pbkdf2X25519, Some([1; 32]));
    challenge.parameters = Parameters::new(Cost::PBKDF2);
    let members = format!(r#""suite":2,"salt":"{T1}","c0":600000,"cs":1,"P":1,"N":2"#);
    round(
        &challenge,
        &format!(r#"{{{members},{rest},"epk":"{K1}","ctx":"-_8"}}"#),
    );
    let late = format!(r#"{{{members},{rest},"epk":"{K1}","ctx":"-_8"}}"#).replace("991", "992");
    assert_eq!(
        Challenge::from_json(late.as_bytes()),
        Err(JsonError::Type("expires"))
    );

    let finish = Finish {
        ctx: vec![7],
        proof: [1; 32],
        device: "B\"\\\u{fc}ro".into(),
        scopes: "read write".into(),
        ttl: u32::MAX,
        cmac: [2; 32],
    };
    let text = format!(
        r#"{{"ctx":"Bw","proof":"{K1}","device":"B\"\\üro","scopes":"read write","ttl":4294967295,"cmac":"{K2}"}}"#
    );
    round(&finish, &text);
    for (good, bad) in [
        ("4294967295", "4294967296"),
        ("4294967295", "1e3"),
        ("4294967295", "1.0"),
        ("4294967295", "-0"),
        ("4294967295", "\"1\""),
        ("\"Bw\"", "\"Bx\""), // unused bits
        ("\"Bw\"", "\"Bw==\""),
        ("\"Bw\"", "\"B w\""),
        ("\"Bw\"", "\"\""), // 1 to 4096 bytes
        ("read write", "read  write"),
        ("üro", "\\u0000"),
    ] {
        let text = text.replace(good, bad);
        assert!(Finish::from_json(text.as_bytes()).is_err(), "{text}");
    }

    let grant = Grant {
        token_id: [1; 16],
        wrapped: [1; 32],
        expires: 5,
        scopes: "read".into(),
        smac: [2; 32],
    };
    let text =
        format!(r#"{{"token":"{T1}","wrapped":"{K1}","expires":5,"scopes":"read","smac":"{K2}"}}"#);
    round(&grant, &text);
}

#[test]
fn everything_else_comes_back() {
    let refresh = Refresh {
        rnonce: [1; 32],
        scopes: String::new(),
        ttl: 0,
    };
    round(
        &refresh,
        &format!(r#"{{"rnonce":"{K1}","scopes":"","ttl":0}}"#),
    );
    let refreshed = Refreshed {
        token: [1; 16],
        expires: 9,
        scopes: "a b".into(),
    };
    round(
        &refreshed,
        &format!(r#"{{"token":"{T1}","expires":9,"scopes":"a b"}}"#),
    );
    round(
        &Revoke::Token(vec![1; 16]),
        &format!(r#"{{"token":"{T1}"}}"#),
    );
    round(&Revoke::All, r#"{"all":true}"#);
    let both = format!(r#"{{"all":true,"token":"{T1}"}}"#);
    assert_eq!(
        Revoke::from_json(both.as_bytes()),
        Err(JsonError::Type("all"))
    );
    assert!(Revoke::from_json(br#"{"all":false}"#).is_err());
    round(
        &Introspect { token: vec![1; 16] },
        &format!(r#"{{"token":"{T1}"}}"#),
    );
    round(&Introspection::Inactive, r#"{"active":false}"#);
    let active = Introspection::Active {
        scope: "read".into(),
        username: "alice".into(),
        exp: 2,
        iat: 1,
    };
    round(
        &active,
        r#"{"active":true,"scope":"read","username":"alice","exp":2,"iat":1,"token_type":"KNH1"}"#,
    );
    let device = |device: &str, current| Device {
        token: [1; 16],
        device: device.into(),
        scopes: "read".into(),
        created: 1,
        seen: 2,
        expires: 3,
        current,
    };
    let text = |device: &str, current| {
        format!(
            r#"{{"token":"{T1}","device":"{device}","scopes":"read","created":1,"seen":2,"expires":3,"current":{current}}}"#
        )
    };
    let devices = vec![device("a", true), device("b", false)];
    let list = format!("{},{}", text("a", true), text("b", false));
    round(&Devices { devices }, &format!(r#"{{"devices":[{list}]}}"#));
    round(&Devices { devices: vec![] }, r#"{"devices":[]}"#);
    assert!(Devices::from_json(br#"{"devices":[1]}"#).is_err());

    let (made_with, members) = parameters();
    round(&made_with, &format!("{{{members}}}"));
    let change = PasswordChange {
        made_with: made_with.clone(),
        rnonce: [1; 32],
        sealed: [2; 32],
    };
    round(
        &change,
        &format!(r#"{{{members},"rnonce":"{K1}","sealed":"{K2}"}}"#),
    );
    let registration = Registration {
        realm: "api".into(),
        login: "bob".into(),
        made_with,
        epk: [1; 32],
        sealed: [2; 32],
        invite: "x".into(),
        mac: [1; 32],
    };
    let rest = format!(r#""epk":"{K1}","sealed":"{K2}","invite":"x","mac":"{K1}""#);
    round(
        &registration,
        &format!(r#"{{"realm":"api","login":"bob",{members},{rest}}}"#),
    );
    round(
        &Registered { done: [2; 32] },
        &format!(r#"{{"done":"{K2}"}}"#),
    );
    let mut refusal = Refusal::from(Reason::Replayed { next: Some(7) });
    round(
        &refusal,
        r#"{"error":"invalid_signature","reason":"replayed","next":7}"#,
    );
    refusal.next = Some(MAX_INTEGER + 1);
    assert!(!refusal.to_json().contains("next"));
    round(
        &Refusal::from(Reason::Clock),
        r#"{"error":"invalid_signature","reason":"clock"}"#,
    );
}

#[test]
fn freedoms_of_json_are_refused() {
    for (text, error) in [
        (&b""[..], JsonError::Syntax(0)),
        (b"  ", JsonError::Syntax(2)),
        (b"[]", JsonError::NoObject),
        (b"null", JsonError::NoObject),
        (b"{} {}", JsonError::Syntax(3)),
        (b"\xef\xbb\xbf{}", JsonError::Syntax(0)), // a byte order mark
        (b"{\"a\":\"\xff\"}", JsonError::Syntax(6)),
        (b"{\"a\":\"\xed\xa0\x80\"}", JsonError::Syntax(6)), // a surrogate as UTF-8
        (br#"{"a":1,"a":1}"#, JsonError::Duplicate(10)),
        (br#"{"x":[{"a":1,"\u0061":2}]}"#, JsonError::Duplicate(21)),
        (br#"{"a":"\ud800"}"#, JsonError::Syntax(7)),
        (br#"{"a":"\ud800\u0041"}"#, JsonError::Syntax(7)),
        (br#"{"a":"\udc00\ud800"}"#, JsonError::Syntax(7)),
        (br#"{"\udc00":1}"#, JsonError::Syntax(3)),
        (b"{\"a\":\"\n\"}", JsonError::Syntax(6)),
        (br#"{"a":"\x41"}"#, JsonError::Syntax(7)),
        (br#"{"a":"\u12g4"}"#, JsonError::Syntax(11)),
        (br#"{"a":1,}"#, JsonError::Syntax(7)),
        (br#"{,}"#, JsonError::Syntax(1)),
        (br#"{"a" 1}"#, JsonError::Syntax(5)),
        (br#"{a:1}"#, JsonError::Syntax(1)),
        (br#"{"a":[1,]}"#, JsonError::Syntax(8)),
        (br#"{"a":01}"#, JsonError::Syntax(6)),
        (br#"{"a":+1}"#, JsonError::Syntax(5)),
        (br#"{"a":.5}"#, JsonError::Syntax(5)),
        (br#"{"a":1.}"#, JsonError::Syntax(7)),
        (br#"{"a":1e}"#, JsonError::Syntax(7)),
        (br#"{"a":-}"#, JsonError::Syntax(6)),
        (br#"{"a":nul}"#, JsonError::Syntax(8)),
        (br#"{"a":NaN}"#, JsonError::Syntax(5)),
        (b"{\"a\"\x0b:1}", JsonError::Syntax(4)),
        (br#"{"a":1}//"#, JsonError::Syntax(7)),
    ] {
        let text_ = String::from_utf8_lossy(text);
        assert_eq!(Members::read(text).unwrap_err(), error, "{text_}");
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(Members::read(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    let error = Members::read(nested(MAX_DEPTH).as_bytes()).unwrap_err();
    assert_eq!(error, JsonError::Depth(5 + MAX_DEPTH - 1));
    assert!(Members::read(nested(1_000_000).as_bytes()).is_err());
    let objects = r#"{"a":"#.repeat(1_000_000);
    assert!(Members::read(objects.as_bytes()).is_err());
}

/// What an ordinary parser made of it.
fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Boolean(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Integer(a), serde_json::Value::Number(b)) => b.as_u64() == Some(*a),
        (Value::OtherNumber, serde_json::Value::Number(b)) => {
            b.as_u64().is_none_or(|b| b > MAX_INTEGER)
        }
        (Value::Text(a), serde_json::Value::String(b)) => a == b,
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => a.same(b),
        _ => false,
    }
}

impl Members {
    fn same(&self, other: &serde_json::Map<String, serde_json::Value>) -> bool {
        let mut pairs = other.iter();
        other.len() == self.len()
            && pairs.all(|(name, b)| self.any(name).is_some_and(|a| same(a, b)))
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        (0..100_u32).prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[a-c\\\\\"é\u{1f511}]{0,2}", inner, 0..5)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The text with everything escaped that can be.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii() {
            true => out.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out += &format!("\\u{unit:04X}");
                }
            }
        }
    }
    out
}

proptest! {
    #[test]
    fn what_others_write_is_read_alike(json in any_json()) {
        let text = json.to_string();
        for text in [escaped(&text), serde_json::to_string_pretty(&json).unwrap(), text] {
            prop_assert!(same(&value(text.as_bytes()).unwrap(), &json), "{}", text);
        }
    }

    /// Of damaged texts we read none that an ordinary parser refuses, and refuse
    /// of those that it reads only what is ours to refuse.
    #[test]
    fn no_more_is_read_than_by_others(
        json in any_json(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), prop::sample::select(&b"{}[]\",:\\u0aed8-+.19 tn"[..])
        ]), 0..4),
    ) {
        let mut text = json.to_string().into_bytes();
        for (at, byte) in damage {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        match (value(&text), theirs) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs)),
            (Err(JsonError::Duplicate(_)), _) | (Err(_), Err(_)) => {}
            // We do not compute numbers that we do not want.
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{error}"),
            (Err(error), Ok(_)) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_bytes_end_in_a_value_or_an_error(bytes in any::<Vec<u8>>()) {
        let _ = value(&bytes);
    }

    #[test]
    fn any_text_comes_back(text in any::<String>()) {
        let refusal = Refusal::new(&text);
        prop_assert_eq!(Refusal::from_json(refusal.to_json().as_bytes()).unwrap(), refusal);
    }
}
