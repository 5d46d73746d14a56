//! Every rule of auth 4, broken alone: the MAC over what is there is right.

use wcmp_auth::call::{CallError, CallKey, CallVerifier, www_authenticate};

use crate::kit::{COMPONENTS, HELLO, Message, NO_BODY, PARAMETERS, key, verifier};

#[track_caller]
fn refused(message: &Message, error: CallError) {
    assert_eq!(message.verdict(), Err(error), "{message:#?}");
}

fn get(components: &str, parameters: &str) -> Message {
    Message::get().signed(components, parameters)
}

#[test]
fn parameters() {
    let without = |part: &str| {
        assert!(PARAMETERS.contains(part), "{part}");
        get(NO_BODY, &PARAMETERS.replace(part, ""))
    };
    let keyid = ";keyid=\"cHBwcHBwcHBwcHBwcHBwcA\"";
    refused(&without(";created=1900000100"), CallError::Parameter);
    refused(&without(";nonce=\"1\""), CallError::Parameter);
    refused(&without(keyid), CallError::Parameter);
    refused(&without(";tag=\"wcmp-auth-1\""), CallError::Absent);

    let changed = |from: &str, to: &str| {
        assert!(PARAMETERS.contains(from), "{from}");
        get(NO_BODY, &PARAMETERS.replace(from, to))
    };
    for (from, to) in [
        // Ill-typed, not absent.
        ("created=1900000100", "created=\"1900000100\""),
        ("created=1900000100", "created=1900000100.0"),
        ("created=1900000100", "created=@1900000100"),
        ("created=1900000100", "created"),
        ("nonce=\"1\"", "nonce=1"),
        ("nonce=\"1\"", "nonce=:AQ==:"),
        ("nonce=\"1\"", "nonce=n1"),
        ("alg=\"hmac-sha256\"", "alg=hmac-sha256"),
        ("alg=\"hmac-sha256\"", "alg"),
        ("tag=\"wcmp-auth-1\"", "tag=wcmp-auth-1"),
        ("tag=\"wcmp-auth-1\"", "tag"),
        (keyid, ";keyid=cHBwcHBwcHBwcHBwcHBwcA"),
        (keyid, ";keyid=:cHBwcHBwcHBwcHBwcHBwcA==:"),
        (
            "created=1900000100",
            "created=1900000100;expires=\"1900000200\"",
        ),
        (
            "created=1900000100",
            "created=1900000100;expires=1900000200.0",
        ),
        ("created=1900000100", "created=1900000100;expires"),
        // Other values.
        ("nonce=\"1\"", "nonce=\"0\""),
        ("nonce=\"1\"", "nonce=\"01\""),
        ("nonce=\"1\"", "nonce=\"\""),
        ("nonce=\"1\"", "nonce=\"\\\"\""),
        ("nonce=\"1\"", "nonce=\"18446744073709551616\""),
        ("hmac-sha256", "HMAC-SHA256"),
        ("hmac-sha256", "hmac-sha512"),
        ("hmac-sha256", "none"),
        ("hmac-sha256", ""),
        // Unused bits, padding, the other alphabet, other lengths.
        ("cHBwcHBwcHBwcHBwcHBwcA", "cHBwcHBwcHBwcHBwcHBwcB"),
        ("cHBwcHBwcHBwcHBwcHBwcA", "cHBwcHBwcHBwcHBwcHBwcA=="),
        ("cHBwcHBwcHBwcHBwcHBwcA", "cHBwcHBwcHBwcHBwcHBw+A"),
        ("cHBwcHBwcHBwcHBwcHBwcA", "cHBwcHBwcHBwcHBwcHBw"),
        ("cHBwcHBwcHBwcHBwcHBwcA", ""),
    ] {
        refused(&changed(from, to), CallError::Parameter);
    }
    for (from, to) in [
        ("wcmp-auth-1", "wcmp-auth-2"),
        ("wcmp-auth-1", "WCMP-AUTH-1"),
        ("wcmp-auth-1", ""),
    ] {
        refused(&changed(from, to), CallError::Absent);
    }
    for twice in [
        ";created=1900000100",
        ";nonce=\"1\"",
        keyid,
        ";alg=\"hmac-sha256\"",
        ";tag=\"wcmp-auth-1\"",
    ] {
        refused(
            &get(NO_BODY, &format!("{PARAMETERS}{twice}")),
            CallError::Twice,
        );
    }
    let twice = format!("{PARAMETERS};expires=1900000200;expires=1900000200");
    refused(&get(NO_BODY, &twice), CallError::Twice);
}

#[test]
fn components() {
    refused(&get("", PARAMETERS), CallError::Uncovered);
    for missing in COMPONENTS.split(' ') {
        let rest: Vec<&str> = COMPONENTS
            .split(' ')
            .filter(|name| *name != missing)
            .collect();
        refused(
            &Message::post().signed(&rest.join(" "), PARAMETERS),
            CallError::Uncovered,
        );
    }
    for twice in COMPONENTS.split(' ') {
        let components = format!("{COMPONENTS} {twice}");
        refused(
            &Message::post().signed(&components, PARAMETERS),
            CallError::Twice,
        );
    }
    for parameter in [
        ";sf",
        ";bs",
        ";tr",
        ";req",
        ";key=\"a\"",
        ";name=\"x\"",
        ";x",
        ";req=?0",
        ";req=1",
        ";key=a",
    ] {
        for name in ["@method", "@query", "content-type", "host"] {
            let with = format!("\"{name}\"{parameter}");
            let components = COMPONENTS.replace(&format!("\"{name}\""), &with);
            let components = if name == "host" {
                format!("{COMPONENTS} {with}")
            } else {
                components
            };
            refused(
                &Message::post().signed(&components, PARAMETERS),
                CallError::Component,
            );
        }
    }
    // Unknown, not there, not lower case, no names at all, no strings.
    for name in [
        "\"@scheme\"",
        "\"@target-uri\"",
        "\"@status\"",
        "\"@signature-params\"",
        "\"@\"",
        "\"Host\"",
        "\"x-absent\"",
        "\"\"",
        "\"a b\"",
        "\"a:\"",
        "\"\\\"\"",
    ] {
        let input = format!("sig1=({NO_BODY} {name}){PARAMETERS}");
        let message = Message::signed_get()
            .without("signature-input")
            .with("Signature-Input", input);
        refused(&message, CallError::Component);
    }
    for item in ["host", "1", ":aGk=:", "?1"] {
        let input = format!("sig1=({NO_BODY} {item}){PARAMETERS}");
        let message = Message::signed_get()
            .without("signature-input")
            .with("Signature-Input", input);
        refused(&message, CallError::Component);
    }
    // 32 components are taken, 33 are not.
    for (further, error) in [(28, CallError::Mac), (29, CallError::Syntax)] {
        let names: String = (0..further).map(|n| format!(" \"x-{n}\"")).collect();
        let mut message = Message::signed_get().without("signature-input").with(
            "Signature-Input",
            format!("sig1=({NO_BODY}{names}){PARAMETERS}"),
        );
        for n in 0..further {
            message = message.with(&format!("X-{n}"), "");
        }
        refused(&message, error);
    }
}

#[test]
fn fields_twice() {
    for name in [
        "Signature",
        "Signature-Input",
        "Content-Type",
        "Content-Digest",
    ] {
        let message = Message::signed_post();
        let value = message.field(name).to_string();
        refused(&message.clone().with(name, &value), CallError::Twice);
        refused(
            &message.with(&name.to_lowercase(), "other"),
            CallError::Twice,
        );
    }
    let message = Message::get()
        .with("X-Mine", "1")
        .signed(&format!("{NO_BODY} \"x-mine\""), PARAMETERS)
        .with("x-mine", "1");
    refused(&message, CallError::Twice);
}

#[test]
fn control_characters_in_a_covered_field() {
    for value in ["a\nb", "a\r\n b", "a\0b", "a\u{7f}b", "\n", "a\r"] {
        let message = Message::get().with("X-Mine", value);
        refused(
            &message.signed(&format!("{NO_BODY} \"x-mine\""), PARAMETERS),
            CallError::Component,
        );
    }
}

#[test]
fn labels_and_members() {
    let call = Message::signed_get();
    let (input, signature) = (call.field("signature-input"), call.field("signature"));
    let with = |input: String, signature: String| {
        call.clone()
            .without("signature")
            .without("signature-input")
            .with("Signature-Input", input)
            .with("Signature", signature)
    };
    let two = |other: &str| {
        with(
            format!("{input}, {other}"),
            format!("{signature}, x=:AA==:"),
        )
    };

    // Twice our tag, under two labels.
    refused(&two(&input.replace("sig1=", "x=")), CallError::Twice);
    refused(&two("x=();tag=\"wcmp-auth-1\""), CallError::Twice);
    // One label for two members, whatever they are.
    refused(&two("sig1=()"), CallError::Twice);
    refused(&two("x=(), x=()"), CallError::Twice);
    refused(
        &with(input.into(), format!("{signature}, {signature}")),
        CallError::Twice,
    );
    refused(
        &with(input.into(), format!("{signature}, x=:AA==:, x=:AA==:")),
        CallError::Twice,
    );
    // Members that are no inner lists, or no byte sequences.
    for other in ["x", "x=1", "x=\"a\"", "x=tok", "x=:AA==:", "x;a=1", "x=?1"] {
        refused(&two(other), CallError::Syntax);
        if !other.contains(":AA") {
            refused(
                &with(input.into(), format!("{signature}, {other}")),
                CallError::Syntax,
            );
        }
    }
    refused(
        &with(input.into(), format!("{signature}, x=(:AA==:)")),
        CallError::Syntax,
    );
    // No structured fields.
    for (before, after) in [
        (",", ""),
        ("", ","),
        ("", " x"),
        ("", ";"),
        ("", "\u{fc}"),
        ("X", ""),
        ("", ", x=(("),
    ] {
        refused(
            &with(format!("{before}{input}{after}"), signature.into()),
            CallError::Syntax,
        );
        refused(
            &with(input.into(), format!("{before}{signature}{after}")),
            CallError::Syntax,
        );
    }
    // Ours is not there.
    refused(
        &with(input.into(), signature.replace("sig1", "sig2")),
        CallError::Syntax,
    );
    refused(&with(input.into(), String::new()), CallError::Syntax);
    refused(&with(String::new(), signature.into()), CallError::Absent);
    refused(&call.clone().without("signature"), CallError::Absent);
    refused(&call.clone().without("signature-input"), CallError::Absent);
    refused(&Message::get(), CallError::Absent);
    // Another key's, a shorter one, no bytes at all.
    refused(
        &with(input.into(), format!("sig1=:{}=:", "A".repeat(43))),
        CallError::Mac,
    );
    refused(&with(input.into(), "sig1=:AAAA:".into()), CallError::Syntax);
    refused(&with(input.into(), "sig1=::".into()), CallError::Syntax);
}

#[test]
fn the_key_of_another_session() {
    let (message, verifier) = (Message::signed_get(), verifier());
    let call = || {
        verifier
            .parse("GET", "/whoami", || message.pairs())
            .unwrap()
    };
    assert!(call().authenticate(&CallKey::new(&key().request())).is_ok());
    for wrong in [
        [0; 32],
        *key().response(),
        *key().audience_request("127.0.0.1:8080"),
    ] {
        assert_eq!(
            call().authenticate(&CallKey::new(&wrong)).unwrap_err(),
            CallError::Mac
        );
    }
}

#[test]
fn bodies_have_to_be_covered() {
    let no_length = || Message::post().without("content-length");
    for length in ["5", "00", "", "-0", "0, 0", "+0"] {
        let message = no_length().with("Content-Length", length);
        refused(&message.signed(NO_BODY, PARAMETERS), CallError::Uncovered);
    }
    let two = no_length()
        .with("Content-Length", "0")
        .with("Content-Length", "5");
    refused(&two.signed(NO_BODY, PARAMETERS), CallError::Uncovered);
    for coding in ["chunked", "identity", ""] {
        let message = no_length()
            .with("Transfer-Encoding", coding)
            .with("Content-Length", "0");
        refused(
            &message.clone().signed(NO_BODY, PARAMETERS),
            CallError::Uncovered,
        );
        refused(
            &message.signed(&format!("{NO_BODY} \"content-digest\""), PARAMETERS),
            CallError::Uncovered,
        );
    }
}

#[test]
fn what_changes_the_meaning_has_to_be_covered() {
    for name in [
        "Content-Encoding",
        "Content-Range",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "x-http-method-override",
    ] {
        refused(&Message::signed_get().with(name, "x"), CallError::Uncovered);
        refused(&Message::signed_post().with(name, ""), CallError::Uncovered);
    }
}

#[test]
fn methods_and_targets() {
    for target in [
        "",
        "*",
        "?",
        "whoami",
        "http://127.0.0.1:8080/whoami",
        "//../",
        "/.",
        "/..",
        "/./a",
        "/a/.",
        "/a/..",
        "/../a",
        "/a/../b?c",
        "/%2e",
        "/%2E%2e",
        "/.%2e/",
        "/%2E./",
        "/a#b",
        "/a b",
        "/\u{e9}",
        "/a\n",
        "/a\0",
    ] {
        let mut message = Message::get();
        message.target = target.into();
        refused(&message.signed(NO_BODY, PARAMETERS), CallError::Target);
    }
    for method in ["", "GE T", "GET\n", "G\"", "G\u{c9}T"] {
        let mut message = Message::get();
        message.method = method.into();
        refused(&message.signed(NO_BODY, PARAMETERS), CallError::Target);
    }
}

#[test]
fn another_authority() {
    let message = Message::signed_get()
        .without("host")
        .with("Host", "evil.example");
    assert_eq!(message.verdict(), Ok(())); // Host says nothing
    let other = CallVerifier::new("evil.example").unwrap();
    assert_eq!(message.authenticate(&other).unwrap_err(), CallError::Mac);
    for bad in ["", "a b", "a/b", "http://a", "user@a", "\u{e9}", "a\n"] {
        assert!(CallVerifier::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_digest_is_judged_after_the_mac() {
    for digest in [
        "",
        "md5=:AAAA:",
        "sha-256",
        "sha-256=1",
        "sha-256=:AAAA:",
        HELLO.trim_end_matches(':'),
    ] {
        let message = Message::post()
            .without("content-digest")
            .with("Content-Digest", digest);
        let (message, verifier) = (message.signed(COMPONENTS, PARAMETERS), verifier());
        assert!(
            message.authenticate(&verifier).unwrap().digests().is_err(),
            "{digest}"
        );
    }
}

#[test]
fn what_strangers_are_told() {
    assert_eq!(
        www_authenticate("api.example.com"),
        r#"KNH1 realm="api.example.com""#
    );
    assert_eq!(www_authenticate("a\\\"\r\n"), r#"KNH1 realm="a\\\"  ""#);
}
