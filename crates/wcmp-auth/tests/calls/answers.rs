//! Signed answers: what a client takes for the server's word.

use wcmp_auth::call::client::{Answer, AnswerError, Awaiting, Caller, Content, Request};
use wcmp_auth::call::{Answering, CallError, CallKey, Reason};

use crate::kit::{
    AUTHORITY, KEYID, Message, NO_BODY, PARAMETERS, TOKEN, key, mac, orders, verifier,
};

const NOW: u64 = 1_900_000_100;

fn caller() -> Caller {
    Caller::new(&TOKEN, &key(), AUTHORITY).unwrap()
}

/// A call of this method, as both sides keep it until the answer.
fn exchange(method: &str) -> (Answering, Awaiting) {
    let body = (method == "POST").then(|| Content::new(b"text/plain", b"hello"));
    let request = Request {
        method,
        target: "/echo?x",
        content: body,
        fields: &[],
    };
    let (fields, awaiting) = caller().sign(&request, NOW).unwrap();
    let mut message = Message::get()
        .with("signature", &fields.signature)
        .with("signature-input", &fields.signature_input);
    if let Some(digest) = fields.content_digest {
        message = message
            .with("content-digest", digest)
            .with("content-type", "text/plain");
    }
    message.method = method.into();
    message.target = "/echo?x".into();
    let verifier = verifier();
    let call = message.authenticate(&verifier).unwrap();
    (call.answering(&CallKey::new(&key().response())), awaiting)
}

#[derive(Clone, Debug)]
struct Signed {
    status: u16,
    headers: Message,
    content: Vec<u8>,
}

impl Signed {
    fn verify(&self, awaiting: Awaiting) -> Result<Answer, AnswerError> {
        awaiting.verify(self.status, || self.headers.pairs(), &self.content)
    }
}

fn answer(answering: Answering, status: u16, content_type: Option<&str>, content: &[u8]) -> Signed {
    let fields = answering
        .sign(status, content_type.map(str::as_bytes), content, NOW + 1)
        .unwrap();
    let mut headers = Message::get()
        .without("host")
        .with("Content-Digest", fields.content_digest)
        .with("Signature-Input", fields.signature_input)
        .with("Signature", fields.signature);
    if let Some(content_type) = content_type {
        headers = headers.with("Content-Type", content_type);
    }
    Signed {
        status,
        headers,
        content: content.to_vec(),
    }
}

fn good() -> (Signed, Awaiting) {
    let (answering, awaiting) = exchange("POST");
    let answer = answer(answering, 200, Some("text/plain"), b"hello");
    (answer, awaiting)
}

/// The signature of the call that [`exchange`] makes.
fn call_signature() -> String {
    let request = Request {
        method: "POST",
        target: "/echo?x",
        content: Some(Content::new(b"text/plain", b"hello")),
        fields: &[],
    };
    let (fields, _) = caller().sign(&request, NOW).unwrap();
    fields.signature.strip_prefix("sig1=").unwrap().into()
}

/// An answer signed rightly over `identifiers`, as a foreign server might.
fn foreign(identifiers: &[&str], parameters: &str) -> Signed {
    let (mut signed, _) = good();
    let request = Request {
        method: "POST",
        target: "/echo?x",
        content: Some(Content::new(b"text/plain", b"hello")),
        fields: &[],
    };
    let (fields, _) = caller().sign(&request, NOW).unwrap();
    let lines: Vec<(String, String)> = identifiers
        .iter()
        .map(|identifier| {
            let name = identifier.split('"').nth(1).unwrap();
            let value = match name {
                "@status" => "200".into(),
                "@method" => "POST".into(),
                "@path" => "/echo".into(),
                "@query" => "?x".into(),
                "@authority" => AUTHORITY.into(),
                "signature" => call_signature(),
                "signature-input" => fields.signature_input.strip_prefix("sig1=").unwrap().into(),
                "x-more" => "more".into(),
                name => signed.headers.field(name).to_string(),
            };
            (identifier.to_string(), value)
        })
        .collect();
    let input = format!("({}){parameters}", identifiers.join(" "));
    let mac = mac(&key().response(), &lines, &input);
    signed.headers = signed
        .headers
        .without("signature")
        .without("signature-input")
        .with("x-more", "more")
        .with("Signature-Input", format!("any=() , knh1={input}"))
        .with("Signature", format!("knh1={mac}, any=::"));
    signed
}

const REQUIRED: [&str; 6] = [
    r#""@status""#,
    r#""content-type""#,
    r#""content-digest""#,
    r#""@method";req"#,
    r#""@path";req"#,
    r#""signature";req;key="sig1""#,
];

fn parameters() -> String {
    format!(r#";created=1900000101;keyid="{KEYID}";alg="hmac-sha256";tag="wcmp-auth-1""#)
}

#[test]
fn every_bit_of_an_answer() {
    let (signed, awaiting) = good();
    assert_eq!(signed.verify(awaiting).unwrap().created, NOW + 1);
    let refused = |changed: &Signed| {
        let (_, awaiting) = exchange("POST");
        assert!(changed.verify(awaiting).is_err(), "{changed:#?}");
    };
    for status in (100..600).filter(|status| *status != 200) {
        refused(&Signed {
            status,
            ..signed.clone()
        });
    }
    for name in [
        "content-type",
        "content-digest",
        "signature-input",
        "signature",
    ] {
        let value = signed.headers.field(name).as_bytes().to_vec();
        for bit in 0..value.len() * 8 {
            let mut value = value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            let headers = signed.headers.clone().without(name).with(name, value);
            refused(&Signed {
                headers,
                ..signed.clone()
            });
        }
        let headers = signed.headers.clone().without(name);
        refused(&Signed {
            headers,
            ..signed.clone()
        });
        let headers = signed.headers.clone().with(name, "text/plain");
        refused(&Signed {
            headers,
            ..signed.clone()
        });
    }
    for bit in 0..40 {
        let mut content = b"hello".to_vec();
        content[bit / 8] ^= 1 << (bit % 8);
        refused(&Signed {
            content,
            ..signed.clone()
        });
    }
    for name in ["Content-Encoding", "Content-Range"] {
        let headers = signed.headers.clone().with(name, "x");
        refused(&Signed {
            headers,
            ..signed.clone()
        });
    }
}

#[test]
fn unsigned_answers_are_none() {
    let (mut signed, awaiting) = good();
    signed.headers = Message::get().with("Content-Type", "text/plain");
    assert_eq!(
        signed.verify(awaiting),
        Err(AnswerError::Signature(CallError::Absent))
    );
}

#[test]
fn an_answer_is_to_one_call() {
    let (signed, _) = good();
    // The same call again, with its next counter.
    let mut caller = caller();
    caller.skip_to(2);
    let request = Request {
        method: "POST",
        target: "/echo?x",
        content: Some(Content::new(b"text/plain", b"hello")),
        fields: &[],
    };
    let (_, awaiting) = caller.sign(&request, NOW).unwrap();
    assert_eq!(
        signed.verify(awaiting),
        Err(AnswerError::Signature(CallError::Mac))
    );
    // Another session.
    let mut other = Caller::new(&[1; 16], &key(), AUTHORITY).unwrap();
    let (_, awaiting) = other.sign(&request, NOW).unwrap();
    assert_eq!(signed.verify(awaiting), Err(AnswerError::Token));
}

#[test]
fn all_required_components_in_any_order_and_more() {
    let verify = |signed: Signed| signed.verify(exchange("POST").1);
    for order in orders(&REQUIRED) {
        assert!(verify(foreign(&order, &parameters())).is_ok(), "{order:?}");
    }
    for missing in REQUIRED {
        let rest: Vec<&str> = REQUIRED
            .into_iter()
            .filter(|name| *name != missing)
            .collect();
        assert_eq!(
            verify(foreign(&rest, &parameters())),
            Err(AnswerError::Signature(CallError::Uncovered)),
            "{missing}"
        );
    }
    for more in [
        r#""x-more""#,
        r#""@query";req"#,
        r#""@authority";req"#,
        r#""content-digest";req"#,
        r#""signature-input";req;key="sig1""#,
    ] {
        let all: Vec<&str> = REQUIRED.into_iter().chain([more]).collect();
        assert!(verify(foreign(&all, &parameters())).is_ok(), "{more}");
    }
    // The order of a component's parameters is the server's.
    let mut other = REQUIRED;
    other[5] = r#""signature";key="sig1";req"#;
    assert!(verify(foreign(&other, &parameters())).is_ok());
    // Of the answer instead of the call, another label, a string of its own.
    for (at, wrong) in [
        (0, r#""@status";req"#),
        (3, r#""@method""#),
        (4, r#""@path""#),
        (5, r#""signature";req;key="sig2""#),
        (5, r#""signature";req"#),
        (2, r#""content-digest";req"#),
        (1, r#""content-type";sf"#),
    ] {
        let mut other = REQUIRED;
        other[at] = wrong;
        assert!(verify(foreign(&other, &parameters())).is_err(), "{wrong}");
    }
}

#[test]
fn parameters_of_an_answer() {
    let verify = |parameters: &str| foreign(&REQUIRED, parameters).verify(exchange("POST").1);
    let all = parameters();
    let parts: Vec<String> = all
        .split(';')
        .skip(1)
        .map(|part| format!(";{part}"))
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    for order in orders(&parts) {
        assert!(verify(&(order.concat() + ";unknown")).is_ok());
    }
    for part in parts {
        let without = all.replace(part, "");
        assert_eq!(verify(&without).is_ok(), part.starts_with(";alg"), "{part}");
    }
}

#[test]
fn answers_without_content() {
    let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    for (method, status) in [("HEAD", 200), ("POST", 204), ("GET", 304)] {
        let (answering, awaiting) = exchange(method);
        // Whatever the handler made, nothing of it is sent.
        let mut signed = answer(answering, status, None, b"not sent");
        signed.content.clear();
        assert_eq!(signed.headers.field("content-digest"), empty);
        let input = signed.headers.field("signature-input").to_string();
        assert!(!input.contains("content-type"), "{input}");
        assert!(signed.verify(awaiting).is_ok());
    }
    let (answering, awaiting) = exchange("POST");
    let mut signed = answer(answering, 200, None, b"hello");
    assert!(signed.verify(awaiting).is_ok());
    // A content type that the server did not send.
    signed.headers = signed.headers.with("Content-Type", "text/html");
    assert!(signed.verify(exchange("POST").1).is_err());
}

#[test]
fn what_cannot_be_signed() {
    let sign = |status, content_type: &[u8]| {
        exchange("GET")
            .0
            .sign(status, Some(content_type), b"", NOW)
            .is_ok()
    };
    assert!(sign(100, b"a/b") && sign(999, b"a/b"));
    assert!(!sign(99, b"a/b") && !sign(1000, b"a/b") && !sign(200, b"a\nb"));

    let mut caller = caller();
    let mut sign = |method, target, fields: &[(&str, &[u8])]| {
        let request = Request {
            method,
            target,
            content: None,
            fields,
        };
        caller.sign(&request, NOW).is_ok()
    };
    assert!(sign("GET", "/a", &[("x-y", b"z")]));
    assert!(!sign("GET", "/a/..", &[]) && !sign("", "/", &[]) && !sign("GET", "a", &[]));
    assert!(!sign("GET", "/", &[("X-Y", b"z")]) && !sign("GET", "/", &[("x", b"a\nb")]));
    assert_eq!(caller.counter(), 2, "what failed took no counter");
    caller.skip_to(u64::MAX);
    let request = Request {
        method: "GET",
        target: "/",
        content: None,
        fields: &[],
    };
    assert!(caller.sign(&request, NOW).is_err());
}

#[test]
fn a_label_of_the_clients_own() {
    let message = Message::get().signed(NO_BODY, PARAMETERS);
    let renamed = |name: &str| message.field(name).replace("sig1=", "*my.label-1=");
    let (input, signature) = (renamed("signature-input"), renamed("signature"));
    let message = Message::get()
        .with("signature", signature)
        .with("signature-input", input);
    let verifier = verifier();
    let call = message.authenticate(&verifier).unwrap();
    let fields = call
        .answering(&CallKey::new(&key().response()))
        .sign(200, None, b"", NOW)
        .unwrap();
    let expected = r#""signature";req;key="*my.label-1")"#;
    assert!(fields.signature_input.contains(expected), "{fields:?}");
}

#[test]
fn clocks_recover_once_and_only_by_prompt_answers() {
    let (signed, awaiting) = good();
    let answer = signed.verify(awaiting).unwrap();
    let (sent, mut caller) = (5000, caller());
    assert!(!caller.recover(Reason::Clock, &answer, sent, sent + 11));
    assert!(!caller.recover(Reason::Clock, &answer, sent, sent - 1));
    assert!(!caller.recover(Reason::Expired, &answer, sent, sent));
    let request = Request {
        method: "GET",
        target: "/",
        content: None,
        fields: &[],
    };
    let (fields, _) = caller.sign(&request, sent).unwrap();
    assert!(fields.signature_input.contains(";created=5000;"));
    assert!(caller.recover(Reason::Clock, &answer, sent, sent + 10));
    let (fields, _) = caller.sign(&request, sent + 20).unwrap();
    let created = answer.created + 10;
    assert!(
        fields
            .signature_input
            .contains(&format!(";created={created};"))
    );

    // A counter that was seen may have been that of a second copy.
    let replayed = Reason::Replayed { next: Some(77) };
    assert!(!caller.recover(replayed, &answer, sent, sent));
    assert_eq!(caller.counter(), 77);
    let behind = Reason::Replayed { next: Some(5) };
    assert!(!caller.recover(behind, &answer, sent, sent));
    assert_eq!(caller.counter(), 77);
    assert_eq!(Reason::from_code("replayed", Some(5)), Some(behind));
    assert_eq!(Reason::from_code("other", None), None);
}

#[test]
fn nothing_secret_is_shown() {
    let (answering, awaiting) = exchange("GET");
    let key_of_calls = CallKey::new(&key().request());
    let shown = format!("{answering:?} {awaiting:?} {key_of_calls:?} {:?}", caller());
    let keys = [*key().request(), *key().response()];
    for secret in keys.iter().map(|key| format!("{key:?}")) {
        let inside = secret.trim_matches(['[', ']']);
        assert!(!shown.contains(inside), "{shown}");
    }
}

/// The digest is one of the bytes as sent: what says how to read them is covered too.
#[test]
fn encodings_and_ranges_are_covered() {
    let fields = [
        ("content-encoding", "gzip"),
        ("content-range", "bytes 0-4/9"),
    ];
    let signed = |content_type| {
        let (mut answering, awaiting) = exchange("POST");
        for (name, value) in fields {
            answering = answering.covering(name, value.as_bytes()).unwrap();
        }
        let mut signed = answer(answering, 206, content_type, b"hello");
        for (name, value) in fields {
            signed.headers = signed.headers.with(name, value);
        }
        (signed, awaiting)
    };
    for content_type in [None, Some("text/plain")] {
        let (good, awaiting) = signed(content_type);
        assert!(good.verify(awaiting).is_ok());
        for (name, _) in fields {
            for headers in [
                good.headers.clone().without(name),
                good.headers.clone().without(name).with(name, "other"),
                good.headers.clone().with(name, "other"),
            ] {
                let changed = Signed {
                    headers,
                    ..good.clone()
                };
                let (_, awaiting) = exchange("POST");
                assert!(changed.verify(awaiting).is_err());
            }
        }
    }
    for (name, value) in [
        ("x-other", &b"x"[..]),
        ("content-encoding", b"\n"),
        ("Content-Encoding", b"\r"),
    ] {
        let (answering, _) = exchange("POST");
        assert!(answering.covering(name, value).is_err(), "{name}");
    }
    let (answering, _) = exchange("POST");
    let once = answering.covering("Content-Range", b"x").unwrap();
    assert!(once.covering("content-range", b"x").is_err());
}
