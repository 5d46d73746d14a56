//! scan: whose envelopes are where.

use std::fs;

use crate::common::{NOW, Place};

/// ana writes to bob (who knows her), cleo (who does not) and, in the open suite, to both; a dummy lies among them.
fn stick(place: &Place) -> [String; 3] {
    let people = [("ana", 1), ("bob", 2), ("cleo", 3)];
    let [ana, bob, cleo] = people.map(|(name, seed)| place.person(name, seed));
    let from = ["--from", "ana.key"];
    place.seal(
        "pair",
        b"1",
        &[&from[..], &["--to", &bob, "--pair", &bob]].concat(),
    );
    place.seal("stranger", b"2", &["--to", &cleo]);
    let open = ["--to", &bob, "--to", &cleo, "--suite", "0x0002"];
    place.seal("open", b"3", &open);
    place.seal("dummy", b"", &["--dummy"]);
    let args = [
        "bundle", "create", "-o", "b", "pair", "stranger", "open", "dummy",
    ];
    place.run(&args).ok();
    [ana, bob, cleo]
}

fn id(place: &Place, file: &str) -> String {
    let json = place.run(&["inspect", "--json", file]).ok().json();
    json["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_way_of_recognition_is_found() {
    let place = Place::new();
    let [ana, ..] = stick(&place);
    let scan = |args: &[&str]| place.run(&[&["scan", "--now", NOW], args].concat());
    let all = [
        "--key",
        "bob.key",
        "--key",
        "cleo.key",
        "--contact",
        &ana,
        "b",
    ];
    let text = scan(&all).ok().text();
    let mut found: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, slot, way] = fields[..] else {
            panic!("{line}")
        };
        assert!(slot.parse::<usize>().unwrap() < 4);
        found.push((id.into(), way.into()));
    }
    let mut expected = vec![
        (id(&place, "pair"), "pair".to_owned()),
        (id(&place, "stranger"), "stranger".to_owned()),
        (id(&place, "open"), "receiver".to_owned()),
        (id(&place, "open"), "receiver".to_owned()),
    ];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    // The same by JSON, with the key and the contact.
    let jsons = scan(&[&all[..], &["--json"]].concat()).ok().jsons();
    assert_eq!(jsons.len(), 4);
    let pair = jsons.iter().find(|json| json["way"] == "pair").unwrap();
    assert_eq!(pair["contact"], ana.as_str());
    assert_eq!(pair["key"], "bob.key");
    assert_eq!(pair["file"], "b");
}

#[test]
fn nothing_found_has_an_exit_code() {
    let place = Place::new();
    stick(&place);
    place.person("dan", 4);
    let scan = ["scan", "--now", NOW, "--key", "dan.key", "b"];
    let ran = place.run(&scan).refused(3, "not-for-me");
    assert!(ran.out.is_empty());
    let json = place.run(&[&scan[..], &["--json"]].concat()).is(3).json();
    assert_eq!(json["code"], "not-for-me");
    // What has expired is not looked at.
    let args = ["scan", "--now", "600000", "--key", "cleo.key", "b"];
    place.run(&args).refused(3, "not-for-me").says("4 expired");
}

#[test]
fn envelopes_bundles_and_folders_are_scanned_and_named_once() {
    let place = Place::new();
    stick(&place);
    let scan = |args: &[&str]| {
        let all = [&["scan", "--now", NOW, "--key", "cleo.key"], args].concat();
        place.run(&all)
    };
    let stranger = id(&place, "stranger");
    assert!(scan(&["stranger"]).ok().text().starts_with(&stranger));
    assert_eq!(scan(&["b", "stranger", "b"]).ok().text().lines().count(), 2);
    fs::create_dir(place.path("stick")).unwrap();
    for file in ["b", "stranger"] {
        fs::copy(place.path(file), place.path("stick").join(file)).unwrap();
    }
    place.write("stick/holiday.jpg", "not an envelope");
    fs::create_dir(place.path("stick/folder")).unwrap();
    let ran = scan(&["stick"]).ok();
    assert_eq!(ran.text().lines().count(), 2);
    assert!(ran.err.is_empty());
    let piped = place.run_with(
        &["scan", "--now", NOW, "--key", "cleo.key", "-"],
        &place.read("b"),
    );
    assert_eq!(piped.ok().text().lines().count(), 2);
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let place = Place::new();
    stick(&place);
    place.write("junk", "junk");
    let scan = |files: &[&str]| {
        let all = [&["scan", "--now", NOW, "--key", "cleo.key"], files].concat();
        place.run(&all)
    };
    let ran = scan(&["missing", "b"]).is(1).one_line();
    assert_eq!(ran.text().lines().count(), 2);
    let ran = scan(&["junk", "b"]).refused(4, "version");
    assert_eq!(ran.text().lines().count(), 2);
    // Damage is named, and what is whole is found.
    let mut bytes = place.read("b");
    let end = bytes.len() - 30;
    bytes[end] ^= 1;
    place.write("hurt", bytes);
    let ran = scan(&["hurt", "b"]).is(4).says("damaged: ");
    assert_eq!(ran.text().lines().count(), 2);
    assert!(ran.err.contains("(bundle)"));
}

#[test]
fn stats_count() {
    let place = Place::new();
    let [ana, ..] = stick(&place);
    let args = [
        "scan",
        "--now",
        NOW,
        "--key",
        "bob.key",
        "--contact",
        &ana,
        "--stats",
        "b",
    ];
    let text = place.run(&args).ok().text();
    // One pair hint found, one receiver hint found, a pair and a stranger hint twice in vain.
    assert!(text.contains(
        "envelopes: 4 (0 expired, 0 unreadable, 0 not asked for strangers)\nhints tried: 6\n"
    ));
    assert!(text.contains("\nenvelopes per second: "));
    let jsons = place.run(&[&args[..], &["--json"]].concat()).ok().jsons();
    let stats = &jsons.last().unwrap()["stats"];
    assert_eq!(stats["envelopes"], 4);
    assert_eq!(stats["hints"], 6);
    assert!(stats["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn strangers_can_be_postponed() {
    let place = Place::new();
    stick(&place);
    let scan = |budget: &str, more: &[&str]| {
        let args = [
            "scan",
            "--now",
            NOW,
            "--key",
            "cleo.key",
            "--stranger-budget",
            budget,
        ];
        place.run(&[&args[..], more].concat())
    };
    // cleo's open message is found without; of what strangers may have sent nothing is asked.
    let ran = scan("0", &["b", "--stats"]).ok();
    let text = ran.text();
    assert!(text.starts_with(&id(&place, "open")));
    assert!(text.contains(" 3 not asked for strangers)\nhints tried: 1\n"));
    scan("0", &["stranger"])
        .refused(3, "not-for-me")
        .says("--stranger-budget");
    // Enough for all: the stranger's is found too.
    let jsons = scan("3", &["b", "--stats", "--json"]).ok().jsons();
    assert_eq!(jsons.len(), 3);
    assert_eq!(jsons[2]["stats"]["postponed"], 0);
}

/// A node's store is scanned through its column, finds what the bundle does, and stays byte for byte as it is.
#[test]
fn a_store_is_scanned_by_its_column_and_not_touched() {
    let place = Place::new();
    let [ana, ..] = stick(&place);
    for i in 0..20 {
        place.seal(&format!("other{i}"), &[i; 500], &["--dummy"]);
    }
    let others: Vec<String> = (0..20).map(|i| format!("other{i}")).collect();
    let mut args = vec!["import", "--home", "home", "--now", NOW, "b"];
    args.extend(others.iter().map(String::as_str));
    place.run(&args).ok();
    // As after a loss of power: a frame that nobody acknowledged, and files that were not written.
    let store = place.path("home/store");
    let ending = |ending: &str| {
        let names = place.files("home/store");
        names
            .into_iter()
            .find(|name| name.ends_with(ending))
            .unwrap()
    };
    let mut segment = fs::OpenOptions::new();
    let mut segment = segment
        .append(true)
        .open(store.join(ending(".wcmp")))
        .unwrap();
    std::io::Write::write_all(&mut segment, &[7; 100]).unwrap();
    fs::remove_file(store.join(ending(".scan"))).unwrap();
    let state = || {
        let names = place.files("home/store");
        let state = names.into_iter().map(|name| {
            let path = store.join(&name);
            let modified = path.metadata().unwrap().modified().unwrap();
            (name, fs::read(path).unwrap(), modified)
        });
        state.collect::<Vec<_>>()
    };
    let before = state();

    let all = ["--key", "bob.key", "--key", "cleo.key", "--contact", &ana];
    let scan = |args: &[&str]| place.run(&[&["scan", "--now", NOW][..], &all, args].concat());
    let lines = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let by_bundle = lines(scan(&["b"]).ok().text());
    assert_eq!(by_bundle.len(), 4);
    assert_eq!(lines(scan(&["home/store"]).ok().text()), by_bundle);
    let stats = scan(&["home/store", "--stats", "--json"]).ok().jsons();
    let stats = &stats.last().unwrap()["stats"];
    assert_eq!(
        (&stats["envelopes"], &stats["by_column"]),
        (&24.into(), &24.into())
    );
    let by_files = scan(&["b", "--stats", "--json"]).ok().jsons();
    assert_eq!(by_files.last().unwrap()["stats"]["by_column"], 0);
    // Expired ones are not looked at, and a damaged store is one input among others.
    let late = ["scan", "--now", "600000", "--key", "cleo.key", "home/store"];
    place.run(&late).refused(3, "not-for-me").says("24 expired");
    assert!(state() == before);
}
