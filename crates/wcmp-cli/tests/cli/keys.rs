//! keygen, pubkey, fingerprint, and how key files are read.

use crate::common::Place;

const SEED: &str = "0707070707070707070707070707070707070707070707070707070707070707";

#[test]
fn a_key_file_is_secret_and_never_overwritten() {
    let place = Place::new();
    let ran = place.run(&["keygen", "-o", "a.key"]).ok();
    let public = ran.err.strip_prefix("public key: ").unwrap().trim_end();
    assert!(ran.out.is_empty());
    assert_eq!(public.len(), 117);
    let secret = place.read("a.key");
    assert_eq!(secret.len(), 74);
    assert!(secret.starts_with(b"wcmp-secret1") && secret.ends_with(b"\n"));
    assert_eq!(place.run(&["pubkey", "a.key"]).ok().line(), public);

    place
        .run(&["keygen", "-o", "a.key"])
        .is(1)
        .one_line()
        .says("exists already\nhint: --force");
    assert_eq!(place.read("a.key"), secret);
    assert_eq!(place.files(""), ["a.key"]);
}

#[cfg(unix)]
#[test]
fn the_mode_is_0600_even_when_a_readable_file_is_replaced() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = |name| metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    place.run(&["keygen", "-o", "a.key"]).ok();
    assert_eq!(mode("a.key"), 0o600);
    set_permissions(place.path("a.key"), Permissions::from_mode(0o644)).unwrap();
    place.run(&["keygen", "--force", "-o", "a.key"]).ok();
    assert_eq!(mode("a.key"), 0o600);
}

#[test]
fn a_seed_gives_the_same_pair_and_types_differ() {
    let place = Place::new();
    let run = |key_type| {
        let ran = place
            .run(&["keygen", "--type", key_type, "--seed", SEED])
            .ok();
        (ran.line(), ran.err)
    };
    assert_eq!(run("1"), run("1"));
    assert_ne!(run("1"), run("2"));
    let (secret, public) = run("2");
    assert_eq!((secret.len(), public.trim_end().len()), (73, 12 + 2012));
}

#[test]
fn json_holds_the_secret_only_where_it_has_no_file() {
    let place = Place::new();
    let json = place.run(&["keygen", "--json", "--seed", SEED]).ok().json();
    place.write("a.key", json["secret_key"].as_str().unwrap());
    let public = json["public_key"].as_str().unwrap();
    assert_eq!(place.run(&["pubkey", "a.key"]).ok().line(), public);
    let args = ["keygen", "--json", "--seed", SEED, "-o", "b.key"];
    let ran = place.run(&args).ok();
    assert!(ran.err.starts_with("public key: "));
    assert!(ran.json().get("secret_key").is_none());
    assert_eq!(ran.json()["public_key"], public);
}

#[test]
fn fingerprints_are_six_groups_of_four() {
    let place = Place::new();
    let public = place.person("a", 1);
    let line = place.run(&["fingerprint", &public]).ok().line();
    let groups: Vec<&str> = line.split(' ').collect();
    assert_eq!(groups.len(), 6);
    assert!(groups.iter().all(|group| group.len() == 4));
    let json = place.run(&["fingerprint", &public, "--json"]).ok().json();
    assert_eq!(json["fingerprint"], line);
    let piped = place.run_with(&["fingerprint", "-"], public.as_bytes());
    assert_eq!(piped.ok().line(), line);
}

#[test]
fn key_files_may_end_in_one_line_break() {
    let place = Place::new();
    let public = place.person("a", 1);
    let line = place.read("a.key");
    let bare = line.strip_suffix(b"\n").unwrap();
    place.write("bare", bare);
    place.write("crlf", [bare, b"\r\n"].concat());
    for file in ["a.key", "bare", "crlf"] {
        assert_eq!(place.run(&["pubkey", file]).ok().line(), public);
    }
    assert_eq!(place.run_with(&["pubkey", "-"], &line).ok().line(), public);
    for (file, bytes) in [
        ("two", [bare, b"\n\n"].concat()),
        ("space", [bare, b" "].concat()),
        ("upper", bare.to_ascii_uppercase()),
        ("cut", bare[..72].to_vec()),
        ("binary", vec![0xff; 73]),
        ("long", vec![b'w'; 5000]),
    ] {
        place.write(file, bytes);
        place.run(&["pubkey", file]).refused(4, "key");
    }
}

#[test]
fn what_is_no_key_file_at_all_is_a_failure() {
    let place = Place::new();
    place.write("empty", "");
    place.write("line", "\n");
    for (file, says) in [
        ("empty", "is empty"),
        ("line", "is empty"),
        ("missing", "No such file"),
        (".", "is a folder"),
    ] {
        place.run(&["pubkey", file]).is(1).one_line().says(says);
    }
    #[cfg(target_os = "linux")]
    place.run(&["pubkey", "/dev/zero"]).refused(4, "key");
}

#[test]
fn public_and_secret_keys_are_not_taken_for_each_other() {
    let place = Place::new();
    let public = place.person("a", 1);
    place.write("public", &public);
    place
        .run(&["pubkey", "public"])
        .refused(4, "key")
        .says("hint: ");
    let secret = String::from_utf8(place.read("a.key")).unwrap();
    let ran = place.run(&["fingerprint", secret.trim_end()]);
    let ran = ran.refused(4, "key");
    assert!(!ran.err.contains(&secret[60..72]), "the secret is repeated");
}

#[test]
fn wrong_arguments_are_usage() {
    let place = Place::new();
    for args in [
        &["keygen", "--type", "3"][..],
        &["keygen", "--seed", "07"],
        &["keygen", "--seed", &"g".repeat(64)],
        &["keygen", "surplus"],
        &["pubkey"],
        &["fingerprint"],
        &["nothing"],
    ] {
        place.run(args).is(2).one_line();
        let json = place.run(&[args, &["--json"]].concat()).is(2).json();
        assert!(json["error"].is_string() && json["code"].is_null());
    }
    // A bare command gets the help.
    let bare = place.run(&[]).is(2);
    assert!(bare.err.contains("Usage: wcmp"));
    place.run(&["--json"]).is(2).json();
    place.run(&["--help"]).ok();
    place.run(&["--version"]).ok();
}
