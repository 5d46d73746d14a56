//! Calls (auth 4): what is let through, and what a stranger can do.

use std::io::Write as _;
use std::time::Duration;

use crate::client::{PASSWORD, connect, log_in, reason, receive, request, send, verify};
use crate::process::Setup;

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn strangers_get_no_answer_and_change_nothing() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let to = service.address;
    let mut alice = log_in(to, "alice", PASSWORD, "read write").unwrap();
    let sent = alice.sign("POST", "/echo?a=1", Some(("text/plain", b"hello")));
    let good = sent.bytes.as_slice();
    for (from, with) in [
        ("POST /echo?a=1", "PUT /echo?a=1"),
        ("POST /echo?a=1", "POST /echo?a=2"),
        ("POST /echo?a=1", "POST /echo"),
        ("POST /echo?a=1", "POST /echo?a=1&b"),
        ("text/plain", "text/html"),
        ("sha-256=:", "sha-256=:A"),
        ("nonce=\"1\"", "nonce=\"900000\""),
        ("created=1", "created=2"),
        ("Signature: sig1=:", "Signature: sig1=:A"),
        ("keyid=\"", "keyid=\"A"),
        ("tag=\"wcmp-auth-1\"", "tag=\"wcmp-auth-2\""),
        (
            "Content-Type",
            "X-HTTP-Method-Override: PUT\r\nContent-Type",
        ),
        ("Signature:", "X-Signature:"),
    ] {
        let refused = send(to, &replaced(good, from, with));
        assert_eq!(refused.text(), r#"{"error":"invalid_signature"}"#, "{with}");
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("KNH1 realm=\"api.example.com\"")
        );
        assert!(refused.header("signature").is_none(), "{with}");
    }
    // No counter was burnt, no window moved.
    let response = send(to, good);
    verify(&sent, &response).unwrap();
    assert_eq!((response.status, response.text()), (200, "hello"));
    // The second time is one too many, and says so for sure.
    let response = send(to, good);
    verify(&sent, &response).unwrap();
    assert_eq!(reason(&response), "replayed");
    assert!(response.text().contains(r#""next":2"#));
    let bare = send(to, &request("GET", "/whoami", &[], None));
    assert_eq!(
        (bare.status, bare.error().as_str()),
        (401, "invalid_signature")
    );
}

#[test]
fn the_body_comes_after_everything_else() {
    let setup = Setup::sqlite().with("--max-body", "1000");
    let service = setup.start();
    let to = service.address;
    let mut reader = log_in(to, "alice", PASSWORD, "read").unwrap();
    let mut writer = log_in(to, "bob", PASSWORD, "write").unwrap();
    let (fits, long) = ([b'x'; 1000], [b'x'; 1001]);
    let plain = "text/plain";
    assert_eq!(
        writer.call("POST", "/echo", Some((plain, &fits))).status,
        200
    );
    let refused = writer.call("POST", "/echo", Some((plain, &long)));
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (413, "too_large")
    );
    // Scope before length, length before digest, digest before handler.
    let refused = reader.call("POST", "/echo", Some((plain, &long)));
    assert_eq!(
        (refused.status, refused.error().as_str()),
        (403, "insufficient_scope")
    );
    for (body, status) in [(&b"jello"[..], 401), (&long, 413)] {
        let mut sent = writer.sign("POST", "/echo", Some((plain, b"hello")));
        let head = sent.bytes.len() - b"hello".len();
        sent.bytes.truncate(head);
        let length = format!("Content-Length: {}", body.len());
        sent.bytes = replaced(&sent.bytes, "Content-Length: 5", &length);
        sent.bytes.extend(body);
        let response = send(to, &sent.bytes);
        verify(&sent, &response).unwrap();
        assert_eq!(response.status, status);
        if status == 401 {
            assert_eq!(reason(&response), "digest");
        }
    }
    // Bytes behind a body that is not there.
    let mut sent = writer.sign("POST", "/echo", None);
    sent.bytes = replaced(&sent.bytes, "\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(send(to, &sent.bytes).status, 401);
    assert_eq!(writer.call("POST", "/echo", None).status, 200);
}

#[test]
fn an_unwanted_body_is_not_waited_for_and_does_not_hide_the_answer() {
    let setup = Setup::sqlite().with("--max-body", "1000");
    let service = setup.start();
    let to = service.address;
    let mut writer = log_in(to, "bob", PASSWORD, "write").unwrap();
    let long = vec![b'x'; 600_000];
    let sent = writer.sign("POST", "/echo", Some(("text/plain", &long)));
    let head = &sent.bytes[..sent.bytes.len() - long.len()];
    let unsigned = request("POST", "/echo", &[("Content-Type", "a/b")], Some(&long));
    let expecting = replaced(head, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");

    // Only the head is sent: the answer is there at once.
    for (bytes, status) in [
        (&unsigned[..unsigned.len() - long.len()], 401),
        (head, 413),
        (&expecting, 401), // replayed
    ] {
        let mut stream = connect(to);
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream.write_all(bytes).unwrap();
        let mut first = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut first).unwrap();
        assert_eq!(&first[9..], status.to_string().as_bytes());
    }
    // All of it is sent before anything is read: the answer is not lost.
    let sent = writer.sign("POST", "/echo", Some(("text/plain", &long)));
    for (bytes, status) in [(&unsigned, 401), (&sent.bytes, 413)] {
        let mut stream = connect(to);
        stream.write_all(bytes).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(receive(stream).status, status);
    }
}

/// axum has a limit of its own at 2 MiB, which is not to act below ours.
#[test]
fn the_cap_is_the_one_that_was_set() {
    let setup = Setup::sqlite().with("--max-body", "4194304");
    let service = setup.start();
    let mut writer = log_in(service.address, "bob", PASSWORD, "write").unwrap();
    for length in [(2 << 20) + 1, 3 << 20, 4 << 20] {
        let body = vec![b'x'; length];
        let answer = writer.call("POST", "/echo", Some(("text/plain", &body)));
        assert_eq!(answer.status, 200, "{length}");
        assert!(answer.body == body, "{length}");
    }
    let body = vec![b'x'; (4 << 20) + 1];
    let answer = writer.call("POST", "/echo", Some(("text/plain", &body)));
    assert_eq!((answer.status, answer.error().as_str()), (413, "too_large"));
}

/// A plain client writes everything before it reads anything.
#[test]
fn large_refused_bodies_do_not_hide_the_answer() {
    let setup = Setup::sqlite().with("--max-body", "1000");
    let service = setup.start();
    let to = service.address;
    let long = vec![b'x'; 8 << 20];
    let mut reader = log_in(to, "alice", PASSWORD, "read").unwrap();
    let mut writer = log_in(to, "bob", PASSWORD, "write").unwrap();
    let content = Some(("text/plain", &long[..]));
    assert_eq!(writer.call("POST", "/echo", content).status, 413);
    assert_eq!(reader.call("POST", "/echo", content).status, 403);
    let replayed = writer.sign("POST", "/echo", content);
    for (status, what) in [(413, "too_large"), (401, "invalid_signature")] {
        let answer = send(to, &replayed.bytes);
        verify(&replayed, &answer).unwrap();
        assert_eq!((answer.status, answer.error().as_str()), (status, what));
    }
    for (target, status) in [
        ("/echo", 401),
        ("/nowhere", 401),
        ("/knh1/refresh", 401),
        ("/knh1/start", 413),
        ("/knh1/finish", 413),
        ("/knh1/register", 404),
    ] {
        let unsigned = request("POST", target, &[("Content-Type", "a/b")], Some(&long));
        assert_eq!(send(to, &unsigned).status, status, "{target}");
    }
    let get = request("GET", "/knh1/start", &[], Some(&long));
    assert_eq!(send(to, &get).status, 405);
}

#[test]
fn head_and_unknown_methods() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let mut alice = log_in(service.address, "alice", PASSWORD, "read").unwrap();
    let head = alice.call("HEAD", "/whoami", None);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-type"), Some("application/json"));
    assert_eq!(alice.call("DELETE", "/whoami", None).status, 405);
    // Callers are told, signed; strangers are not told what there is.
    assert_eq!(alice.call("GET", "/nowhere", None).status, 404);
    let missing = send(service.address, &request("GET", "/nowhere", &[], None));
    assert_eq!(missing.status, 401);
    for (method, target, allowed) in [
        ("GET", "/knh1/start", "POST"),
        ("PUT", "/knh1/finish", "POST"),
        ("DELETE", "/knh1/register", "GET,HEAD,POST"),
    ] {
        let wrong = send(service.address, &request(method, target, &[], None));
        assert_eq!(
            (wrong.status, wrong.error().as_str()),
            (405, "method_not_allowed")
        );
        assert_eq!(wrong.header("allow"), Some(allowed), "{target}");
        assert_eq!(wrong.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn clocks_that_differ_are_told() {
    let setup = Setup::sqlite();
    let service = setup.start();
    let mut alice = log_in(service.address, "alice", PASSWORD, "read").unwrap();
    alice.caller.set_clock(1_000_000, 1_000_400);
    let late = alice.sign("GET", "/whoami", None);
    let response = send(service.address, &late.bytes);
    let answer = verify(&late, &response).unwrap();
    assert_eq!(reason(&response), "clock");
    alice.caller.set_clock(answer.created, answer.created);
    assert_eq!(alice.call("GET", "/whoami", None).status, 200);
}
