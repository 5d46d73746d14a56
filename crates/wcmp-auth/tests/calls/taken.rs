//! What a verifier has to take, because the MAC is right and no rule is broken.

use wcmp_auth::SessionKey;
use wcmp_auth::call::client::{AnswerError, Awaiting, CallFields, Caller, Request};
use wcmp_auth::call::{AnswerFields, CallError, CallKey, CallVerifier, Nonce};

use crate::kit::{
    AUTHORITY, COMPONENTS, KEYID, Message, NO_BODY, PARAMETERS, TOKEN, orders, verifier,
};

fn taken(message: &Message) {
    assert_eq!(message.verdict(), Ok(()), "{message:#?}");
}

#[test]
fn every_order_of_parameters_with_unknown_ones() {
    let keyid = format!(";keyid=\"{KEYID}\"");
    let five = [
        ";created=1900000100",
        ";nonce=\"1\"",
        keyid.as_str(),
        ";alg=\"hmac-sha256\"",
        ";tag=\"wcmp-auth-1\"",
    ];
    let all = orders(&five);
    assert_eq!(all.len(), 120);
    for order in all {
        taken(&Message::post().signed(COMPONENTS, &order.concat()));
    }
    for unknown in [
        ";x",
        ";x=?0",
        ";x=1.5",
        ";x=tok/en",
        ";x=\"a\\\"b\"",
        ";x=:aGk=:",
        ";x=@1",
        ";x=%\"%c3%bc\"",
        ";expires=1900000100",
        ";x;x=1;*y=2",
        "; x=1",
    ] {
        let six: Vec<&str> = five.into_iter().chain([unknown]).collect();
        let all = orders(&six);
        assert_eq!(all.len(), 720);
        // All of them for one, every seventh for the others.
        let step = if unknown == ";x=?0" { 1 } else { 7 };
        for order in all.into_iter().step_by(step) {
            taken(&Message::post().signed(COMPONENTS, &order.concat()));
        }
    }
}

#[test]
fn every_order_of_components() {
    let six: Vec<&str> = COMPONENTS.split(' ').collect();
    for order in orders(&six) {
        taken(&Message::post().signed(&order.join(" "), PARAMETERS));
    }
}

#[test]
fn spaces_in_the_list_are_hashed_as_received() {
    taken(&Message::get().signed(&format!("  {}  ", NO_BODY.replace(' ', "   ")), PARAMETERS));
}

#[test]
fn the_algorithm_may_be_left_out() {
    taken(&Message::get().signed(NO_BODY, &PARAMETERS.replace(";alg=\"hmac-sha256\"", "")));
}

#[test]
fn further_fields_are_covered() {
    let message = Message::post()
        .with("X-Two-Words", " a  b\t")
        .with("Content-Encoding", "gzip")
        .with("Content-Range", "bytes 0-4/10")
        .with("X-HTTP-Method-Override", "PUT");
    let more =
        r#""x-two-words" "content-encoding" "content-range" "x-http-method-override" "host""#;
    taken(&message.signed(&format!("{COMPONENTS} {more}"), PARAMETERS));
}

#[test]
fn other_signatures_are_passed_over() {
    let ours = Message::signed_get();
    let (input, signature) = (ours.field("signature-input"), ours.field("signature"));
    let base = ours.clone().without("signature").without("signature-input");
    for (other_input, other_signature) in [
        (
            r#"proxy=("@scheme" "x";sf "y";bs "z";tr);created=1;tag="other""#,
            "proxy=:AAAA:",
        ),
        ("a=()", "a=::"),
        (r#"b=("@method");tag="wcmp-auth-2""#, "c=:AA==:"),
    ] {
        taken(
            &base
                .clone()
                .with("Signature-Input", format!("{other_input}, {input}"))
                .with("Signature", format!("{signature} ,\t{other_signature}")),
        );
        taken(
            &base
                .clone()
                .with("Signature-Input", format!("{input},{other_input}"))
                .with("Signature", format!("{other_signature},{signature}")),
        );
    }
    // One label more than 16 is too many.
    for (others, verdict) in [(15, true), (16, false)] {
        let other: String = (0..others).map(|n| format!("l{n}=(),")).collect();
        let message = base
            .clone()
            .with("Signature-Input", format!("{other}{input}"))
            .with("Signature", signature);
        assert_eq!(message.verdict().is_ok(), verdict);
    }
}

#[test]
fn no_body_needs_no_digest() {
    taken(&Message::signed_get());
    taken(
        &Message::get()
            .with("Content-Length", "0")
            .signed(NO_BODY, PARAMETERS),
    );
    taken(
        &Message::get()
            .with("content-length", " 0 ")
            .signed(NO_BODY, PARAMETERS),
    );
    // An uncovered digest means nothing: anybody may have set it.
    taken(&Message::signed_get().with("Content-Digest", "nonsense"));
}

/// Anybody on the way may set it: neither a hindrance nor a proof.
#[test]
fn a_digest_that_is_not_covered_means_nothing() {
    for digest in ["garbage", crate::kit::HELLO] {
        let message = Message::signed_get().with("Content-Digest", digest);
        let verifier = verifier();
        let fits = |body: &[u8]| {
            let mut digests = message.authenticate(&verifier).unwrap().digests().unwrap();
            digests.update(body);
            digests.verify().is_ok()
        };
        assert!(fits(b""), "{digest}");
        assert!(!fits(b"hello"), "{digest}");
    }
}

#[test]
fn targets() {
    for target in [
        "/",
        "/?",
        "/a?",
        "/a//b",
        "/...",
        "/.a",
        "/a.",
        "/%2e%2e%2e",
        "/%2ea",
        "/a/?../.",
        "/a%2F..%2Fb",
    ] {
        let mut message = Message::get();
        message.target = target.into();
        let message = message.signed(NO_BODY, PARAMETERS);
        taken(&message);
        // A client of this crate signs the same.
        let mut caller = Caller::new(&TOKEN, &crate::kit::key(), AUTHORITY).unwrap();
        let request = Request {
            method: "GET",
            target,
            content: None,
            fields: &[],
        };
        let (fields, _) = caller.sign(&request, 1_900_000_100).unwrap();
        assert_eq!(fields.signature, message.field("signature"));
    }
}

#[test]
fn nonces() {
    for good in ["1", "18446744073709551615"] {
        assert_eq!(
            Nonce::parse(good),
            Some(Nonce::Counter(good.parse().unwrap()))
        );
    }
    for good in [
        "a".repeat(22),
        "-_".repeat(32),
        "1".repeat(22),
        "0".repeat(64),
    ] {
        let Some(Nonce::Random(nonce)) = Nonce::parse(&good) else {
            panic!("{good}")
        };
        assert_eq!(nonce.as_str(), good);
    }
    for bad in [
        "",
        "0",
        "01",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1a",
        "18446744073709551616",
        "999999999999999999999",
    ] {
        assert_eq!(Nonce::parse(bad), None, "{bad}");
    }
    for bad in [
        "a".repeat(21),
        "a".repeat(65),
        "a".repeat(21) + "+",
        "a".repeat(21) + "=",
        "\0".repeat(22),
    ] {
        assert_eq!(Nonce::parse(&bad), None, "{bad}");
    }
}

#[test]
fn times() {
    let verifier = verifier();
    let check = |parameters: &str, now| {
        let message = Message::get().signed(NO_BODY, parameters);
        message
            .authenticate(&verifier)
            .unwrap()
            .facts()
            .is_timely(now)
    };
    let at = |now| check(PARAMETERS, now);
    assert!(at(1_899_999_800) && at(1_900_000_400));
    assert!(!at(1_899_999_799) && !at(1_900_000_401));
    let until = |now| check(&format!("{PARAMETERS};expires=1900000200"), now);
    assert!(until(1_900_000_200) && !until(1_900_000_201));
    let early = PARAMETERS.replace("1900000100", "-1");
    assert!(!check(&early, 1_900_000_100));
    assert!(!check(&format!("{PARAMETERS};expires=-1"), 1_900_000_100));
}

#[test]
fn a_resource_server_has_keys_of_its_own() {
    const NOW: u64 = 1_900_000_100;
    let key = SessionKey::new(&[0x77; 32]);
    let mut caller = Caller::of_audience(&TOKEN, &key, "Files.Example.com").unwrap();
    let request = Request {
        method: "GET",
        target: "/f",
        content: None,
        fields: &[],
    };
    let mut sign = || caller.sign(&request, NOW).unwrap();
    let call = |fields: &CallFields, at: &str, k_req: &[u8; 32]| {
        let headers = [
            ("signature", &fields.signature),
            ("signature-input", &fields.signature_input),
        ];
        let headers = || {
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
        };
        let verifier = CallVerifier::new(at).unwrap();
        let call = verifier
            .parse("GET", "/f", headers)?
            .authenticate(&CallKey::new(k_req))?;
        Ok::<_, CallError>(call.answering(&CallKey::new(&key.audience_response(at))))
    };
    let (here, other) = ("files.example.com", "other.example.com");
    let (fields, awaiting) = sign();
    let answering = call(&fields, here, &key.audience_request(here)).unwrap();
    // Neither another audience nor the server of the login takes it for its own.
    for (at, k_req) in [
        (here, key.audience_request(other)),
        (other, key.audience_request(other)),
        (other, key.audience_request(here)),
        (here, key.request()),
        ("api.example.com", key.request()),
    ] {
        assert_eq!(call(&fields, at, &k_req).err(), Some(CallError::Mac));
    }
    let verify = |awaiting: Awaiting, signed: &AnswerFields| {
        let headers = [
            ("content-type", "text/plain"),
            ("content-digest", &signed.content_digest),
            ("signature-input", &signed.signature_input),
            ("signature", &signed.signature),
        ];
        let headers = || {
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
        };
        awaiting.verify(200, headers, b"hello")
    };
    let signed = answering
        .sign(200, Some(b"text/plain"), b"hello", NOW + 1)
        .unwrap();
    assert_eq!(verify(awaiting, &signed).unwrap().created, NOW + 1);

    // What signs the login server's answers, or another audience's, signs none here.
    for k_resp in [
        key.response(),
        key.audience_response(other),
        key.audience_request(here),
    ] {
        let (fields, awaiting) = sign();
        let headers = [
            ("signature", &fields.signature),
            ("signature-input", &fields.signature_input),
        ];
        let headers = || {
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
        };
        let verifier = CallVerifier::new(here).unwrap();
        let call = verifier.parse("GET", "/f", headers).unwrap();
        let call = call
            .authenticate(&CallKey::new(&key.audience_request(here)))
            .unwrap();
        let signed =
            call.answering(&CallKey::new(&k_resp))
                .sign(200, Some(b"text/plain"), b"hello", NOW);
        let wrong = verify(awaiting, &signed.unwrap()).unwrap_err();
        assert_eq!(wrong, AnswerError::Signature(CallError::Mac));
    }
}
