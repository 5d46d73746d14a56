//! bundle create, extract, check, inspect: whole, cut, damaged.

use std::fs;

use crate::common::{NOW, Place};

#[test]
fn envelopes_go_in_once_sorted_and_come_out_as_they_were() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    assert!(ids.is_sorted());
    let args = [
        "bundle", "create", "-o", "b", "2.env", "3.env", "1.env", "2.env",
    ];
    place.run(&args).ok();
    assert_eq!(place.read("b").len(), place.read("all.wcmp").len());
    assert_ne!(place.read("b")[12..24], place.read("all.wcmp")[12..24]);

    fs::create_dir(place.path("out")).unwrap();
    let extract = ["bundle", "extract", "-C", "out", "b"];
    let ran = place.run(&extract).ok();
    assert!(ran.out.is_empty() && ran.err.is_empty());
    assert_eq!(place.files("out"), ids);
    let mut envelopes: Vec<Vec<u8>> = (1..=3).map(|i| place.read(&format!("{i}.env"))).collect();
    let mut extracted: Vec<Vec<u8>> = ids
        .iter()
        .map(|id| place.read(&format!("out/{id}")))
        .collect();
    envelopes.sort();
    extracted.sort();
    assert_eq!(extracted, envelopes);
    // Twice changes nothing.
    let json = place.run(&[&extract[..], &["--json"]].concat()).ok().json();
    assert_eq!(json["envelopes"], 3);
    assert_eq!(json["ids"], serde_json::json!(ids));
    assert_eq!(place.files("out"), ids);
}

#[test]
fn the_time_of_a_bundle_tells_nothing() {
    use std::time::{Duration, SystemTime};
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.three(&bob);
    let modified = place
        .path("all.wcmp")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    let day = Duration::from_secs(315_619_200);
    assert_eq!(modified, SystemTime::UNIX_EPOCH + day);
}

#[test]
fn create_names_what_is_no_envelope_and_writes_nothing() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.three(&bob);
    place.write("letter.txt", "dear");
    let create = |files: &[&str]| {
        let args = [&["bundle", "create", "-o", "new"], files].concat();
        place.run(&args)
    };
    create(&["1.env", "letter.txt"])
        .refused(4, "version")
        .says("letter.txt");
    create(&["1.env", "all.wcmp"])
        .refused(4, "version")
        .says("extract");
    create(&["1.env", "missing"]).is(1).says("missing");
    create(&["1.env", "."]).is(1).says("is a folder");
    assert!(!place.path("new").exists());
    place
        .run(&["bundle", "create", "-o", "all.wcmp", "1.env"])
        .is(1);
    let args = [
        "bundle", "create", "--force", "-o", "all.wcmp", "1.env", "--json",
    ];
    let json = place.run(&args).ok().json();
    assert_eq!(
        json,
        serde_json::json!({"files": ["all.wcmp"], "envelopes": 1})
    );
}

#[test]
fn bundles_go_through_pipes() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    let envelope = place.read("1.env");
    let create = ["bundle", "create", "-o", "-", "-", "2.env", "3.env"];
    let bundle = place.run_with(&create, &envelope).ok().out;
    place.run_with(&["bundle", "check", "-"], &bundle).ok();
    let lines = place.run_with(&["inspect", "-"], &bundle).ok().text();
    let seen: Vec<&str> = lines.lines().map(|line| &line[..64]).collect();
    assert_eq!(seen, ids);
    fs::create_dir(place.path("out")).unwrap();
    place
        .run_with(&["bundle", "extract", "-C", "out", "-"], &bundle)
        .ok();
    assert_eq!(place.files("out"), ids);
}

#[test]
fn a_large_bundle_goes_through_a_pipe_too() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    for i in 0..3 {
        let body = vec![i; 9 << 20];
        place.seal(&format!("{i}.env"), &body, &["--to", &bob]);
    }
    let args = ["bundle", "create", "-o", "-", "0.env", "1.env", "2.env"];
    let bundle = place.run(&args).ok().out;
    assert!(bundle.len() > 17 << 20);
    let checked = place.run_with(&["bundle", "check", "-"], &bundle).ok();
    assert_eq!(checked.text(), "3 envelopes, complete\n");
}

/// Where the frames of all.wcmp are.
fn offsets(place: &Place) -> Vec<usize> {
    let lines = place.run(&["inspect", "--json", "all.wcmp"]).ok().jsons();
    let offset = |line: &serde_json::Value| line["offset"].as_u64().unwrap();
    lines
        .iter()
        .map(|l| offset(l).try_into().unwrap())
        .collect()
}

#[test]
fn damage_is_named_and_the_rest_is_saved() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    let at = offsets(&place);
    let mut bytes = place.read("all.wcmp");
    bytes[at[1] + 99] ^= 1;
    place.write("hurt", &bytes);
    let named = format!("damaged: {} bytes at offset {}", at[2] - at[1], at[1]);

    let checked = place.run(&["bundle", "check", "hurt"]).refused(4, "bundle");
    assert_eq!(checked.text(), format!("{named}\n2 envelopes, damaged\n"));
    let json = place
        .run(&["bundle", "check", "--json", "hurt"])
        .is(4)
        .json();
    assert_eq!(json["code"], "bundle");
    assert_eq!(json["complete"], false);
    assert_eq!(json["envelopes"], 2);
    let place_of = serde_json::json!([{"offset": at[1], "len": at[2] - at[1]}]);
    assert_eq!(json["damaged"], place_of);

    let inspected = place.run(&["inspect", "hurt"]).refused(4, "bundle");
    let text = inspected.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&ids[0]) && lines[2].starts_with(&ids[2]));
    assert_eq!(lines[1], named);
    let jsons = place.run(&["inspect", "--json", "hurt"]).is(4).jsons();
    assert_eq!(jsons[1]["damaged"]["offset"], at[1]);
    assert_eq!(jsons.last().unwrap()["code"], "bundle");

    fs::create_dir(place.path("out")).unwrap();
    let ran = place.run(&["bundle", "extract", "-C", "out", "hurt"]).is(4);
    assert!(ran.err.contains(&named) && ran.err.contains("(bundle)"));
    assert_eq!(place.files("out"), [ids[0].clone(), ids[2].clone()]);
}

#[test]
fn a_prefix_is_a_bundle_that_is_not_complete() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    let at = offsets(&place);
    let whole = place.read("all.wcmp");
    fs::create_dir(place.path("out")).unwrap();
    let run = |bytes: &[u8]| {
        place.write("part", bytes);
        let codes = [
            &["bundle", "extract", "-C", "out", "part"][..],
            &["bundle", "check", "part"],
            &["inspect", "part"],
        ];
        codes.map(|args| place.run(args).code)
    };
    // Between two frames: clean. Within one: damaged.
    assert_eq!(run(&whole[..at[2]]), [0, 4, 0]);
    assert_eq!(place.files("out"), ids[..2]);
    assert_eq!(run(&whole[..at[2] + 9]), [4, 4, 4]);
    assert_eq!(run(&whole[..20]), [0, 4, 0]);
    assert_eq!(run(&whole[..19]), [4, 4, 4]);
    assert_eq!(run(&whole), [0, 0, 0]);
    // A frame taken out of the middle: the End frame counts one more.
    let gap = [&whole[..at[1]], &whole[at[2]..]].concat();
    assert_eq!(run(&gap), [4, 4, 4]);
    place.write("part", &whole[..at[2]]);
    let text = place.run(&["inspect", "part"]).ok().text();
    assert!(text.ends_with("cut off after 2 envelopes, nothing damaged\n"));
    let jsons = place.run(&["inspect", "--json", "part"]).ok().jsons();
    assert_eq!(jsons.last().unwrap(), &serde_json::json!({"cut_off": true}));
}

#[test]
fn a_damaged_header_costs_nothing() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    let mut bytes = place.read("all.wcmp");
    for at in [0, 5, 13, 19] {
        bytes[at] ^= 0x88;
        place.write("hurt", &bytes);
        place.run(&["bundle", "check", "hurt"]).ok();
        let text = place.run(&["inspect", "hurt"]).ok().text();
        assert_eq!(text.lines().count(), ids.len());
    }
    // Magic gone and the first byte that of an envelope.
    bytes[0] = 1;
    place.write("hurt", &bytes);
    place.run(&["inspect", "hurt"]).ok();
    bytes[21] ^= 1;
    place.write("hurt", &bytes);
    place.run(&["bundle", "check", "hurt"]).refused(4, "bundle");
    place.run(&["inspect", "hurt"]).refused(4, "malformed");
}

#[test]
fn frames_that_hold_no_envelope_are_named() {
    use wcmp::relay::bundle::{Stamp, Writer};
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob]);
    let mut writer = Writer::new(Vec::new(), [1; 4]).unwrap();
    writer.frame(Stamp::NONE, b"\x01junk").unwrap();
    let stamp = Stamp::new(1, &[9; 8]).unwrap();
    writer.frame(stamp, &place.read("m")).unwrap();
    place.write("b", writer.finish().unwrap());
    let checked = place.run(&["bundle", "check", "b"]).refused(4, "malformed");
    assert!(
        checked
            .text()
            .starts_with("not an envelope: 19 bytes at offset 20")
    );
    let json = place.run(&["bundle", "check", "b", "--json"]).is(4).json();
    assert_eq!(json["not_envelopes"][0]["code"], "malformed");
    assert_eq!(json["ending"], "complete");
    let jsons = place.run(&["inspect", "b", "--json"]).is(4).jsons();
    assert_eq!(jsons[1]["stamp"]["kind"], 1);
    fs::create_dir(place.path("out")).unwrap();
    place.run(&["bundle", "extract", "-C", "out", "b"]).is(4);
    assert_eq!(place.files("out").len(), 1);
}

#[test]
fn extracting_overwrites_nothing_else() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    fs::create_dir(place.path("out")).unwrap();
    let other = format!("out/{}", ids[1]);
    place.write(&other, "something else");
    let extract = ["bundle", "extract", "-C", "out", "all.wcmp"];
    place.run(&extract).is(1).says("holds something else");
    assert_eq!(place.read(&other), b"something else");
    assert_eq!(place.files("out"), ids, "the others are saved");
    let json = place
        .run(&[&extract[..], &["--json"]].concat())
        .is(1)
        .json();
    assert!(json["code"].is_null());
    assert_eq!(json["ids"], serde_json::json!([ids[0], ids[2]]));
    place.run(&[&extract[..], &["--force"]].concat()).ok();
    assert!(place.read(&other).len() > 1000);

    let extract = |dir| place.run(&["bundle", "extract", "-C", dir, "all.wcmp"]);
    extract("made/for/it").ok();
    assert_eq!(place.files("made/for/it").len(), 3);
    extract("1.env").is(1).one_line();
    extract(&other).is(1);
}

#[cfg(unix)]
#[test]
fn extracting_follows_no_link() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    let bob = place.person("bob", 2);
    let ids = place.three(&bob);
    fs::create_dir(place.path("out")).unwrap();
    symlink("../victim", place.path(&format!("out/{}", ids[0]))).unwrap();
    let extract = ["bundle", "extract", "-C", "out", "all.wcmp"];
    place.run(&extract).is(1);
    assert!(!place.path("victim").exists());
    place.run(&[&extract[..], &["--force"]].concat()).ok();
    assert!(!place.path("victim").exists());
    let saved = place.path(&format!("out/{}", ids[0]));
    assert!(saved.symlink_metadata().unwrap().is_file());
}

#[test]
fn inspect_shows_what_anybody_sees() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"hello", &["--to", &bob, "--expires", "494000"]);
    let line = place.run(&["inspect", "--now", NOW, "m"]).ok().line();
    assert!(line.contains("0x0101 sealed  1486 bytes  4 slots  expires 494000"));
    assert!(!line.contains("expired"));
    let line = place.run(&["inspect", "--now", "494001", "m"]).ok().line();
    assert!(line.contains("expired"));
    let json = place.run(&["inspect", "--json", "m"]).ok().json();
    assert_eq!(json["hints"].as_array().unwrap().len(), 4);
    assert_eq!(json["fits_suite"], true);
    // A suite that nobody knows yet is carried and shown.
    let mut bytes = place.read("m");
    bytes[1] = 0x77;
    place.write("future", &bytes);
    let line = place.run(&["inspect", "future"]).ok().line();
    assert!(line.contains("0x7701 unknown suite"));
    let json = place.run(&["inspect", "--json", "future"]).ok().json();
    assert_eq!(json["suite_known"], false);
    place.run(&["bundle", "create", "-o", "b", "future"]).ok();
    place.run(&["bundle", "check", "b"]).ok();
    bytes[1..3].copy_from_slice(&[0, 3]);
    place.write("unfit", &bytes);
    let line = place.run(&["inspect", "unfit"]).ok().line();
    assert!(line.contains("0x0003 lengths of another suite"));
    place.write("junk", "junk");
    place.run(&["inspect", "junk"]).refused(4, "version");
    place.write("empty", "");
    place.run(&["inspect", "empty"]).refused(4, "malformed");
}
