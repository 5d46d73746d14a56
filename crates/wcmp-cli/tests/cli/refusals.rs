//! What is refused, with which exit code, and that nothing is left behind.

use crate::common::{NOW, Place};

#[test]
fn keys_that_are_none_are_refused() {
    let place = Place::new();
    let (ana, bob) = (place.person("ana", 1), place.person("bob", 2));
    let mut wrong = bob.clone();
    wrong.replace_range(40..41, if &bob[40..41] == "a" { "b" } else { "a" });
    let seal = |args: &[&str]| place.run(&[&["seal"], args].concat());
    seal(&["--to", &wrong]).refused(4, "key");
    seal(&["--to", "bob"]).refused(4, "key");
    seal(&["--to", &bob, "--to", &bob]).refused(4, "key");
    seal(&["--to", &bob, "--introduce"]).refused(4, "key");
    seal(&["--to", &bob, "--pair", &bob]).refused(4, "key");
    seal(&["--to", &bob, "--pair", &ana, "--from", "ana.key"]).refused(4, "key");
    let open = ["--pair", &bob, "--from", "ana.key", "--suite", "0x0001"];
    seal(&[&["--to", &bob][..], &open].concat()).refused(4, "key");
    let json = seal(&["--json", "--to", "bob"]).is(4).json();
    assert_eq!(json["code"], "key");
    place
        .run(&["open", "--key", "bob.key", "--contact", &wrong])
        .refused(4, "key");
}

#[test]
fn suites_are_known_or_unknown_or_not_written_as_one() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let seal = |suite| place.run(&["seal", "--to", &bob, "--suite", suite]);
    for unknown in ["0x0103", "0x0200", "4", "0"] {
        seal(unknown).refused(4, "suite");
    }
    for wrong in ["0x10000", "sealed", "", "0x"] {
        seal(wrong).is(2).one_line();
    }
}

#[test]
fn usage_is_told_from_failure() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    for args in [
        &["seal"][..],
        &["seal", "--to", &bob, "--entropy", "00"],
        &["seal", "--to", &bob, "--from", "-", "-"],
        &["seal", "--to", &bob, "--from", "-"],
        &["open", "m"],
        &["open", "--key", "-"],
        &["scan", "--key", "bob.key"],
        &["scan", "m"],
        &["bundle"],
        &["bundle", "create", "m"],
        &["bundle", "extract", "m"],
    ] {
        place.run(args).is(2);
    }
    // A receiver without a --to of their own.
    let ran = place.run(&["seal", "--to", &bob, &bob]).is(1);
    ran.one_line().says("hint: every receiver");
    place
        .run(&["seal", "--to", &bob, "missing"])
        .is(1)
        .one_line();
    place
        .run(&["seal", "--to", &bob, "."])
        .is(1)
        .says("is a folder");
    place
        .run(&["open", "--key", "missing", "m"])
        .is(1)
        .one_line();
    place
        .run(&["open", "--key", "bob.key", "."])
        .is(1)
        .says("is a folder");
    place.run(&["inspect", "."]).is(1).says("is a folder");
    place.run(&["inspect", "missing", "--json"]).is(1).json();
}

#[test]
fn envelopes_are_checked_before_they_are_opened() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob]);
    let good = place.read("m");
    let open = |name, bytes: &[u8]| {
        place.write(name, bytes);
        place.run(&["open", "--now", NOW, "--key", "bob.key", name])
    };
    let changed = |at: usize, bit: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= bit;
        bytes
    };
    open("empty", b"").refused(4, "malformed");
    open("version", &changed(0, 2)).refused(4, "version");
    open("suite", &changed(1, 0x80)).refused(4, "suite");
    open("cut", &good[..good.len() - 1]).refused(4, "malformed");
    open("longer", &[&good[..], b"x"].concat()).refused(4, "malformed");
    // Everything else is part of what the hints are made of.
    open("payload", &changed(500, 1)).refused(3, "not-for-me");
    place.run(&["bundle", "create", "-o", "b", "m"]).ok();
    let bundle = place.read("b");
    open("bundle", &bundle)
        .refused(4, "version")
        .says("wcmp bundle extract");
    let json = ["open", "--now", NOW, "--key", "bob.key", "--json", "cut"];
    assert_eq!(place.run(&json).is(4).json()["code"], "malformed");
}

#[test]
fn every_flipped_byte_of_a_known_senders_message_is_refused() {
    let place = Place::new();
    let (ana, bob) = (place.person("ana", 1), place.person("bob", 2));
    let how = ["--to", &bob, "--from", "ana.key", "--introduce"];
    place.seal("m", b"hello", &how);
    let good = place.read("m");
    for at in (0..good.len()).step_by(37).chain([good.len() - 1]) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        let args = ["open", "--now", "0", "--key", "bob.key", "--contact", &ana];
        let ran = place.run_with(&args, &bytes);
        assert!(matches!(ran.code, 3 | 4), "byte {at}: {ran:?}");
        assert!(ran.out.is_empty(), "byte {at}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn endless_input_is_refused() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    for args in [
        &["open", "--key", "bob.key", "/dev/zero"][..],
        &["inspect", "/dev/zero"],
        &["scan", "--key", "bob.key", "/dev/zero"],
        &["bundle", "create", "-o", "b", "/dev/zero"],
        &["seal", "--to", &bob, "-o", "m", "/dev/zero"],
        &["demo", "/dev/zero"],
    ] {
        place.run(args).refused(4, "size");
    }
    assert_eq!(place.files(""), ["bob.key"]);
}

#[test]
fn the_limit_of_content_is_exact() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    // Two options, the type's and the body's length, no extensions: 1 + 1 + 1 + 4 + 1 bytes.
    let most = vec![b'x'; 16_252_928 - 8];
    place.seal("m", &most, &["--to", &bob]);
    let args = ["open", "--now", NOW, "--key", "bob.key", "m"];
    assert!(place.run(&args).ok().out == most);
    let more = [&most[..], b"x"].concat();
    place
        .run_with(&["seal", "--to", &bob], &more)
        .refused(4, "size");
}

#[test]
fn nothing_half_written_is_left() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.write("file", "x");
    place.seal("m", b"hello", &["--to", &bob]);
    let before = place.files("");
    let open = ["open", "--now", NOW, "--key", "bob.key", "m"];
    for out in ["missing/out", "file/out", "."] {
        place.run(&["keygen", "-o", out]).is(1).one_line();
        place
            .run(&["seal", "--to", &bob, "-o", out])
            .is(1)
            .one_line();
        place
            .run(&[&open[..], &["-o", out]].concat())
            .is(1)
            .one_line();
        place
            .run(&["bundle", "create", "-o", out, "m"])
            .is(1)
            .one_line();
        place
            .run(&["bundle", "create", "--force", "-o", out, "m"])
            .is(1);
    }
    place.run(&["seal", "--to", "wrong", "-o", "out"]).is(4);
    place
        .run(&["bundle", "create", "-o", "out", "m", "file"])
        .is(4);
    assert_eq!(place.files(""), before);
    for args in [
        &["seal", "--to", &bob, "-o", "file"][..],
        &["bundle", "create", "-o", "file", "m"],
        &[&open[..], &["-o", "file"]].concat(),
    ] {
        place.run(args).is(1).says("exists already");
    }
    assert_eq!(place.read("file"), b"x");
    assert_eq!(place.files(""), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob]);
    let open = ["open", "--now", NOW, "--key", "bob.key", "m"];
    for args in [
        &["keygen", "-o", "/dev/full"][..],
        &["seal", "--to", &bob, "-o", "/dev/full"],
        &[&open[..], &["-o", "/dev/full"]].concat(),
        &["bundle", "create", "-o", "/dev/full", "m"],
    ] {
        place.run(args).is(1).says("No space left");
    }
    // Devices are written to, not replaced.
    place.run(&[&open[..], &["-o", "/dev/null"]].concat()).ok();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = place.command(&open).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[cfg(unix)]
#[test]
fn links_are_neither_followed_nor_lost() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    symlink("nowhere", place.path("dangling")).unwrap();
    place.write("target", "x");
    symlink("target", place.path("link")).unwrap();
    for out in ["dangling", "link"] {
        place
            .run(&["keygen", "-o", out])
            .is(1)
            .says("exists already");
    }
    place.run(&["keygen", "--force", "-o", "link"]).ok();
    assert_eq!(place.read("target"), b"x");
    assert!(place.read("link").starts_with(b"wcmp-secret1"));
    assert_eq!(place.files(""), ["dangling", "link", "target"]);
}

#[test]
fn messages_hold_no_control_characters_of_others() {
    let place = Place::new();
    let ran = place.run(&["pubkey", "a\u{1b}[2J\nb"]).is(1).one_line();
    assert!(!ran.err.contains('\u{1b}'));
    let ran = place
        .run(&["keygen", "--type", "\u{1b}[2J"])
        .is(2)
        .one_line();
    assert!(!ran.err.contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    use std::process::Stdio;
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", &vec![b'x'; 1 << 20], &["--to", &bob]);
    let mut child = place
        .command(&["open", "--now", NOW, "--key", "bob.key", "m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty());
    assert!(output.status.success());
}

#[test]
fn of_many_that_want_a_name_one_gets_it() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob]);
    let before = place.files("").len();
    for (out, args) in [
        ("k", &["keygen", "--json", "-o", "k"][..]),
        ("b", &["bundle", "create", "-o", "b", "m"]),
    ] {
        let ran: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| place.run(args))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let winners: Vec<_> = ran.iter().filter(|ran| ran.code == 0).collect();
        assert_eq!(winners.len(), 1, "{ran:?}");
        assert!(ran.iter().all(|ran| ran.code < 2));
        if out == "k" {
            let public = place.run(&["pubkey", "k"]).ok().line();
            assert_eq!(winners[0].json()["public_key"], public);
        } else {
            place.run(&["bundle", "check", "b"]).ok();
        }
    }
    assert_eq!(place.files("").len(), before + 2, "{:?}", place.files(""));
}
