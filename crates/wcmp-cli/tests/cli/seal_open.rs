//! Messages through the command and back: who can open them, and what each learns.

use std::process::Stdio;

use crate::common::{NOW, Place};

const ENTROPY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn seal_and_open_through_pipes() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let body: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    place.write("body", &body);
    let mut seal = place
        .command(&["seal", "--to", &bob, "body"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let open = place
        .command(&["open", "--key", "bob.key", "-"])
        .stdin(seal.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(seal.wait().unwrap().success());
    assert!(open.status.success());
    assert_eq!(open.stdout, body);
    // Nobody is at a terminal: nothing but the message is written.
    assert!(open.stderr.is_empty());
}

#[test]
fn each_receiver_learns_their_part() {
    let place = Place::new();
    let [ana, bob, cleo, dan] = [("ana", 1), ("bob", 2), ("cleo", 3), ("dan", 4)]
        .map(|(name, seed)| place.person(name, seed));
    let to = ["--to", &bob, "--to", &cleo, "--pair", &bob, "--introduce"];
    let how = ["--from", "ana.key", "--content-type", "text/plain"];
    place.seal("m", b"hello", &[&to[..], &how].concat());

    let open = |args: &[&str]| place.run(&[&["open", "--now", NOW, "--json", "m"], args].concat());
    // Bob has Ana among his contacts; Cleo does not know her; Dan is nobody.
    let bobs = open(&["--key", "bob.key", "--contact", &ana]).ok().json();
    let cleos = open(&["--key", "cleo.key", "--contact", &dan]).ok().json();
    assert_eq!(bobs["status"], "known");
    assert_eq!(cleos["status"], "introduced");
    for json in [&bobs, &cleos] {
        assert_eq!(json["sender"], ana.as_str());
        assert_eq!(json["content_type"], "text/plain");
        assert_eq!(json["body"], "aGVsbG8=");
        assert_eq!(json["reply"], serde_json::Value::Null);
        assert_eq!(json["core"], bobs["core"]);
        assert_eq!(json["id"], bobs["id"]);
        let expires = json["expires"].as_u64().unwrap();
        assert!((494_084..=494_168).contains(&expires));
    }
    assert_ne!(bobs["slot"], cleos["slot"]);
    // Bob without his contact: the pair hint says nothing to him.
    open(&["--key", "bob.key"]).is(3);
    let json = open(&["--key", "dan.key"]).is(3).json();
    assert_eq!(json["code"], "not-for-me");
    place
        .run(&["open", "--now", NOW, "--key", "dan.key", "m"])
        .refused(3, "not-for-me");
}

#[test]
fn every_key_is_tried() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.person("dan", 4);
    place.person_of_type("old", 5, "2");
    place.seal("m", b"hello", &["--to", &bob]);
    let keys = ["--key", "old.key", "--key", "dan.key", "--key", "bob.key"];
    let json = place.run(&[&["open", "--now", NOW, "--json", "m"][..], &keys].concat());
    let json = json.ok().json();
    assert_eq!(json["key"], "bob.key");
    assert_eq!(json["status"], "anonymous");
    assert_eq!(json["sender"], serde_json::Value::Null);
}

#[test]
fn a_refusal_says_more_than_a_key_that_does_not_fit() {
    let place = Place::new();
    let (ana, bob) = (place.person("ana", 1), place.person("bob", 2));
    place.person("dan", 4);
    let how = ["--to", &bob, "--from", "ana.key", "--suite", "0x0001"];
    place.seal("m", b"hello", &how);
    let mut bytes = place.read("m");
    *bytes.last_mut().unwrap() ^= 1;
    place.write("m", bytes);
    let open = ["open", "--now", NOW, "--contact", &ana, "m"];
    for keys in [["dan.key", "bob.key"], ["bob.key", "dan.key"]] {
        let keys = ["--key", keys[0], "--key", keys[1]];
        place
            .run(&[&open[..], &keys].concat())
            .refused(4, "bad-signature");
    }
}

#[test]
fn entropy_makes_type_1_a_function_of_its_inputs() {
    let place = Place::new();
    let (bob, cleo) = (place.person("bob", 2), place.person("cleo", 3));
    place.person("ana", 1);
    let seal = |suite, entropy: &str| {
        let args = [
            "--to",
            &bob,
            "--to",
            &cleo,
            "--from",
            "ana.key",
            "--expires",
            "9",
        ];
        let args = [&["seal", "--suite", suite, "--entropy", entropy][..], &args].concat();
        place.run_with(&args, b"hello").ok().out
    };
    for suite in ["0x0001", "0x0002", "0x0101", "0x0102"] {
        assert_eq!(seal(suite, ENTROPY), seal(suite, ENTROPY));
        assert_ne!(seal(suite, ENTROPY), seal(suite, &"11".repeat(32)));
    }
    assert_eq!(seal("257", ENTROPY), seal("0x0101", ENTROPY));
}

#[test]
fn type_2_goes_with_its_suite() {
    let place = Place::new();
    let (old, new) = (place.person("old", 1), place.person_of_type("new", 2, "2"));
    place.seal(
        "m",
        b"hello",
        &[
            "--to",
            &new,
            "--suite",
            "0x0003",
            "--from",
            "old.key",
            "--introduce",
        ],
    );
    let args = ["open", "--now", NOW, "--key", "new.key", "--contact", &old];
    let json = place
        .run(&[&args[..], &["--json", "m"]].concat())
        .ok()
        .json();
    assert_eq!(json["status"], "known");
    assert_eq!(json["sender"], old.as_str());
    for (to, suite) in [(&new, "0x0101"), (&old, "0x0003")] {
        let args = ["seal", "--to", to, "--suite", suite];
        place.run(&args).refused(4, "key");
    }
}

#[test]
fn reply_keys_are_offered() {
    let place = Place::new();
    let (bob, cleo) = (place.person("bob", 2), place.person("cleo", 3));
    place.person("ana", 1);
    let next = place.person("next", 9);
    let seal = |args: &[&str]| {
        let all = [&["seal", "--reply", "next.key", "--now", NOW], args].concat();
        place.run_with(&all, b"hello")
    };
    seal(&[
        "--to",
        &bob,
        "--from",
        "ana.key",
        "--introduce",
        "-o",
        "one",
    ])
    .ok();
    seal(&["--to", &bob, "--to", &cleo]).refused(4, "key");
    seal(&["--to", &bob, "--to", &cleo, "--shared-reply", "-o", "two"]).ok();
    // A named sender must be known to whoever gets the reply key.
    seal(&["--to", &bob, "--from", "ana.key"]).refused(4, "key");
    seal(&[
        "--to", &bob, "--from", "ana.key", "--pair", &bob, "-o", "three",
    ])
    .ok();
    for file in ["one", "two"] {
        let args = ["open", "--now", NOW, "--key", "bob.key", "--json", file];
        assert_eq!(place.run(&args).ok().json()["reply"], next.as_str());
    }
    place.run(&["seal", "--to", &bob, "--shared-reply"]).is(2);
}

#[test]
fn extensions_come_through_in_order() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let how = ["--extension", "9=ff00", "--extension", "0x2="];
    place.seal("m", b"", &[&["--to", &bob][..], &how].concat());
    let open = ["open", "--now", NOW, "--key", "bob.key", "--json", "m"];
    let json = place.run(&open).ok().json();
    let expected = serde_json::json!([{"id": 2, "data": ""}, {"id": 9, "data": "ff00"}]);
    assert_eq!(json["extensions"], expected);
    assert_eq!(json["body"], "");
    let seal = |args: &[&str]| place.run(&[&["seal", "--to", &bob], args].concat());
    seal(&["--extension", "1=", "--extension", "1=00"]).refused(4, "bad-content");
    seal(&["--extension", "1=0"]).is(2);
    // Nobody here understands one that must be.
    place.seal("n", b"", &["--to", &bob, "--extension", "2147483648="]);
    place
        .run(&["open", "--now", NOW, "--key", "bob.key", "n"])
        .refused(4, "bad-content");
}

#[test]
fn a_dummy_looks_like_a_message_and_is_for_nobody() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("dummy", b"ignored", &["--dummy"]);
    place.seal("real", b"", &["--to", &bob]);
    assert_eq!(place.read("dummy").len(), place.read("real").len());
    place
        .run(&["open", "--now", NOW, "--key", "bob.key", "dummy"])
        .refused(3, "not-for-me");
    // It reads nothing: of standard input there is none here.
    let args = ["seal", "--dummy", "--expires", "3", "--entropy", ENTROPY];
    let bare = place.run(&args).ok().out;
    assert_eq!(place.run_with(&args, b"something").ok().out, bare);
    let long = [&args[..], &["-"]].concat();
    let long = place.run_with(&long, &[7; 5000]).ok().out;
    assert!(long.len() > bare.len() + 3000);
    place.run(&["seal", "--dummy", "--to", &bob]).is(2);
    place
        .run(&["seal", "--dummy", "--from", "bob.key"])
        .refused(4, "key");
}

#[test]
fn slots_and_times_are_as_asked_for() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let inspect = |args: &[&str]| {
        let all = [
            &["seal", "--force", "-o", "m", "--now", NOW, "--to", &bob],
            args,
        ]
        .concat();
        place.run(&all).ok();
        place.run(&["inspect", "--json", "m"]).ok().json()
    };
    assert_eq!(inspect(&["--slots", "9"])["slots"], 16);
    assert_eq!(inspect(&[])["slots"], 4);
    assert_eq!(inspect(&["--expires", "4294967295"])["expires"], u32::MAX);
    for (ttl, hours) in [("24h", 24), ("7d", 168), ("30d", 720)] {
        let expires = inspect(&["--ttl", ttl])["expires"].as_u64().unwrap();
        assert!((494_000 + hours / 2..=494_000 + hours).contains(&expires));
    }
    let seal = |args: &[&str]| place.run(&[&["seal", "--to", &bob], args].concat());
    seal(&["--slots", "4097"]).refused(4, "size");
    seal(&["--ttl", "8d"]).is(2);
    seal(&["--ttl", "7d", "--expires", "9"]).is(2);
}

#[test]
fn time_is_what_now_says() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob, "--expires", "494000"]);
    let open = |now| place.run(&["open", "--key", "bob.key", "--now", now, "m"]);
    open("494000").ok();
    open("2026-05-10T08:59:59Z").ok();
    open("494001").refused(4, "expired").says("hint: ");
    open("2026-05-10T09:00:00Z").refused(4, "expired");
    open("soon").is(2);
}

#[test]
fn the_message_goes_where_it_is_told_to() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob]);
    let open = ["open", "--now", NOW, "--key", "bob.key", "m"];
    let ran = place.run(&[&open[..], &["-o", "out"]].concat()).ok();
    assert!(ran.out.is_empty());
    assert_eq!(place.read("out"), b"hello");
    place
        .run(&[&open[..], &["-o", "out"]].concat())
        .is(1)
        .one_line();
    let both = [&open[..], &["--force", "--json", "-o", "out"]].concat();
    assert_eq!(place.run(&both).ok().json()["body"], "aGVsbG8=");
    assert_eq!(
        place.run(&[&open[..], &["-o", "-"]].concat()).ok().out,
        b"hello"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = place.path("out").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn seal_tells_what_it_made() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let args = ["seal", "--json", "--to", &bob, "--expires", "9"];
    let json = place.run_with(&args, b"hello").ok().json();
    let envelope = json["envelope"].as_str().unwrap();
    let bytes = data_encoding::BASE64.decode(envelope.as_bytes()).unwrap();
    let shown = place
        .run_with(&["inspect", "--json", "-"], &bytes)
        .ok()
        .json();
    for field in ["id", "suite", "expires", "slots", "size"] {
        assert_eq!(json[field], shown[field], "{field}");
    }
    let json = place.run(&[&args[..], &["-o", "m"]].concat()).ok().json();
    assert!(json.get("envelope").is_none());
    assert_eq!(json["size"], place.read("m").len());
}
