//! import, export, store, policy, stamp, sealed bundles: a person's node.

use std::fs;

use serde_json::Value;

use crate::common::{NOW, Place, Ran};

/// A day after [`NOW`].
const TOMORROW: &str = "494024";

impl Place {
    /// Runs with a home folder of this name.
    fn node(&self, home: &str, args: &[&str]) -> Ran {
        let named = args.contains(&"--now");
        let now: &[&str] = if named { &[] } else { &["--now", NOW] };
        self.run(&[&["--home", home], now, args].concat())
    }
}

#[track_caller]
fn dropped(document: &Value) -> Vec<(String, u64)> {
    let dropped = document["dropped"].as_object().unwrap().iter();
    dropped
        .map(|(reason, n)| (reason.clone(), n.as_u64().unwrap()))
        .collect()
}

/// A stick with a bundle of three envelopes that hold until after tomorrow.
fn stick(place: &Place) -> Vec<String> {
    let bob = place.person("bob", 2);
    for i in 1..=3 {
        place.seal(
            &format!("{i}.env"),
            b"hello",
            &["--to", &bob, "--expires", "494100"],
        );
    }
    fs::create_dir(place.path("stick")).unwrap();
    let args = [
        "bundle",
        "create",
        "-o",
        "stick/ABCDEFGH.WCM",
        "1.env",
        "2.env",
        "3.env",
    ];
    place.run(&args).ok();
    let lines = place
        .run(&["inspect", "--json", "stick/ABCDEFGH.WCM"])
        .ok()
        .jsons();
    lines
        .iter()
        .map(|line| line["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn from_stick_to_stick_through_a_node() {
    let place = Place::new();
    let ids = stick(&place);
    let first = place
        .node("home", &["import", "stick", "--json"])
        .ok()
        .json();
    assert_eq!((&first["kept"], dropped(&first)), (&3.into(), vec![]));
    assert_eq!(first["files"][0]["complete"], true);
    let again = place
        .node("home", &["import", "stick", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&again["kept"], dropped(&again)),
        (&0.into(), vec![("known".into(), 3)])
    );

    let stats = place
        .node("home", &["store", "stats", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&stats["envelopes"], &stats["clock"]),
        (&3.into(), &"running".into())
    );

    fs::create_dir(place.path("out")).unwrap();
    let export = ["export", "out", "--json", "--now", TOMORROW];
    let handed = place.node("home", &export).ok().json();
    assert_eq!(
        (&handed["envelopes"], &handed["held"]),
        (&3.into(), &0.into())
    );
    let files = place.files("out");
    assert_eq!(files.len(), 1);
    assert!(
        files[0].len() == 12 && files[0].ends_with(".WCM"),
        "{files:?}"
    );
    let path = format!("out/{}", files[0]);
    let lines = place.run(&["inspect", "--json", &path]).ok().jsons();
    let out: Vec<&str> = lines
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    assert_eq!(out, ids);
    place.run(&["bundle", "check", &path]).ok();

    // To a file, not over one.
    place
        .node("home", &["export", "all.wcmp", "--now", TOMORROW])
        .ok();
    let export = ["export", "all.wcmp", "--now", TOMORROW];
    place.node("home", &export).is(1).one_line().says("exists");
    place
        .node("home", &[&export[..], &["--force"]].concat())
        .ok();

    // Said in words, too.
    let ran = place.node("other", &["import", "out"]).ok();
    assert!(
        ran.text().starts_with("kept 3 envelopes, "),
        "{}",
        ran.text()
    );
    let ran = place.node("other", &["import", "out"]).ok();
    assert!(ran.text().contains("dropped 3, known: "), "{}", ran.text());
    place
        .node("home", &["store", "verify", "--now", TOMORROW])
        .ok();
    let pruned = ["store", "prune", "--json", "--now", "494150"];
    assert_eq!(place.node("home", &pruned).ok().json()["envelopes"], 3);
}

#[test]
fn a_clock_that_steps_is_asked_about() {
    let place = Place::new();
    stick(&place);
    place.node("home", &["import", "stick"]).ok();
    for now in ["493999", "494169"] {
        for command in [&["export", "x.wcmp"][..], &["store", "prune"]] {
            let args = [command, &["--now", now]].concat();
            place
                .node("home", &args)
                .is(1)
                .one_line()
                .says("--confirm-clock");
        }
        place.node("home", &["import", "stick", "--now", now]).ok();
    }
    assert!(!place.path("x.wcmp").exists());
    let stats = place
        .node("home", &["store", "stats", "--json"])
        .ok()
        .json();
    assert_eq!(stats["envelopes"], 3);
    let confirmed = [
        "export",
        "x.wcmp",
        "--now",
        "494169",
        "--confirm-clock",
        "--json",
    ];
    let handed = place.node("home", &confirmed).ok().json();
    assert_eq!(
        (&handed["envelopes"], &handed["purged"]),
        (&0.into(), &3.into())
    );
}

#[test]
fn damage_is_named_and_the_rest_is_kept() {
    let place = Place::new();
    stick(&place);
    let mut bytes = place.read("stick/ABCDEFGH.WCM");
    bytes[100] ^= 1;
    place.write("stick/BCDEFGHI.WCM", &bytes);
    place.write("stick/CDEFGHIJ.WCP", &bytes[..bytes.len() - 700]);
    fs::remove_file(place.path("stick/ABCDEFGH.WCM")).unwrap();
    let ran = place.node("home", &["import", "stick", "--json"]).is(4);
    let document = ran.json();
    assert_eq!(
        (&document["kept"], &document["code"]),
        (&2.into(), &"bundle".into())
    );
    assert_eq!(document["files"][0]["damaged"], 1);
    assert_eq!(document["files"][1]["complete"], false);

    place.write("rubbish", [7; 100]);
    place
        .node("home", &["import", "rubbish", "1.env", "2.env", "3.env"])
        .refused(4, "bundle");
    let stats = place
        .node("home", &["store", "stats", "--json"])
        .ok()
        .json();
    assert_eq!(
        stats["envelopes"], 3,
        "the envelopes were taken in all the same"
    );
}

#[test]
#[cfg(unix)]
fn links_and_devices_are_left_alone() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    stick(&place);
    fs::create_dir(place.path("bad")).unwrap();
    symlink(
        place.path("stick/ABCDEFGH.WCM"),
        place.path("bad/AAAAAAAA.WCM"),
    )
    .unwrap();
    symlink("/dev/zero", place.path("bad/BBBBBBBB.WCM")).unwrap();
    fs::create_dir(place.path("bad/CCCCCCCC.WCM")).unwrap();
    let document = place.node("home", &["import", "bad", "--json"]).ok().json();
    assert_eq!(
        (
            &document["kept"],
            document["passed_over"].as_array().unwrap().len()
        ),
        (&0.into(), 3)
    );
    for path in ["bad/AAAAAAAA.WCM", "/dev/zero", "/dev/null"] {
        place
            .node("home", &["import", path])
            .is(1)
            .one_line()
            .says("regular");
    }
    symlink(place.path("stick"), place.path("way")).unwrap();
    place.node("home", &["import", "way"]).is(1).says("regular");
}

#[test]
fn an_import_that_is_killed_is_done_again() {
    let place = Place::new();
    let ids = stick(&place);
    let many = place.read("stick/ABCDEFGH.WCM");
    for i in 0..40 {
        place.write(
            &format!("stick/BBBBBB{}{}.WCM", (b'A' + i / 8) as char, 2 + i % 6),
            &many,
        );
    }
    let mut seed = 1_u64;
    for _ in 0..50 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let args = ["--home", "home", "--now", NOW, "import", "stick"];
        let mut child = place
            .command(&args)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(seed >> 48));
        let _ = child.kill();
        child.wait().unwrap();
    }
    place.node("home", &["import", "stick"]).ok();
    place.node("home", &["store", "verify"]).ok();
    let stats = place
        .node("home", &["store", "stats", "--json"])
        .ok()
        .json();
    assert_eq!(stats["envelopes"], ids.len());
}

/// The state of the holds is damaged: nothing leaves before somebody has looked, and then all is held anew.
#[test]
fn a_lost_state_releases_nothing_and_locks_nobody_out() {
    let place = Place::new();
    stick(&place);
    place.node("home", &["import", "stick"]).ok();
    let mut state = place.read("home/store/state");
    state[20] ^= 1;
    place.write("home/store/state", &state);
    let export = ["export", "x.wcmp", "--now", TOMORROW];
    let refused = place.node("home", &export);
    refused.is(1).one_line().says("--confirm-clock");
    let stats = ["store", "stats", "--json", "--now", TOMORROW];
    let stats = place.node("home", &stats).ok().json();
    assert_eq!(
        (&stats["clock"], &stats["held"]),
        (&"lost".into(), &3.into())
    );
    let confirmed = [&export[..], &["--confirm-clock", "--json"]].concat();
    let handed = place.node("home", &confirmed).ok().json();
    assert_eq!(handed["envelopes"], 0);
}

/// What cannot be read is kept aside, said once as damage, and then as a file.
#[test]
fn a_segment_that_cannot_be_read_is_told() {
    let place = Place::new();
    stick(&place);
    place.node("home", &["import", "stick"]).ok();
    for file in fs::read_dir(place.path("home/store")).unwrap() {
        let path = file.unwrap().path();
        match path.extension().and_then(|kind| kind.to_str()) {
            Some("wcmp") => {
                let mut bytes = fs::read(&path).unwrap();
                bytes[20..].fill(7);
                fs::write(&path, bytes).unwrap();
            }
            Some("idx") => fs::remove_file(&path).unwrap(),
            _ => {}
        }
    }
    place.node("home", &["store", "verify"]).is(4).one_line();
    let again = place.node("home", &["store", "verify"]).ok();
    assert!(again.text().contains("kept aside"));
    let stats = place.node("home", &["store", "stats", "--json"]);
    assert!(stats.ok().json()["kept_aside"].as_u64() > Some(0));
}

#[test]
fn sealed_bundles_open_for_their_secret_only() {
    let place = Place::new();
    let ids = stick(&place);
    place.write("word", "Ame\u{301}lie\n");
    place.write("same", "Am\u{e9}lie");
    place.write("other", "Amelie");
    place.write("secret", [9; 32]);
    place.write("secret2", [8; 32]);
    let create = |out: &str, how: &[&str]| {
        let args = ["bundle", "create", "-o", out, "1.env", "2.env", "3.env"];
        place.run(&[&args[..], how].concat()).ok();
    };
    create("p", &["--passphrase-file", "word"]);
    create("s", &["--secret-file", "secret"]);
    assert_eq!((place.read("s").len() - 32) % 16, 0);
    for (file, option, right, wrong) in [
        ("p", "--passphrase-file", "same", "other"),
        ("s", "--secret-file", "secret", "secret2"),
    ] {
        place.run(&["bundle", "check", file, option, right]).ok();
        let extract = ["bundle", "extract", "-C", file, file];
        let folder = format!("{file}.d");
        let extract = [
            &extract[..3],
            &[folder.as_str()],
            &extract[4..],
            &[option, right],
        ]
        .concat();
        place.run(&extract).ok();
        assert_eq!(place.files(&folder), ids);
        place
            .run(&["bundle", "check", file, option, wrong])
            .refused(5, "bundle");
        place.run(&["bundle", "check", file]).refused(4, "bundle");
        let bytes = place.read(file);
        place.write("cut", &bytes[..bytes.len() - 1]);
        place
            .run(&["bundle", "check", "cut", option, right])
            .refused(4, "bundle");
    }
    place
        .run(&[
            "bundle",
            "check",
            "p",
            "--passphrase-file",
            "word",
            "--secret-file",
            "secret",
        ])
        .is(2);
    place.write("short", [9; 31]);
    place
        .run(&["bundle", "check", "s", "--secret-file", "short"])
        .is(1)
        .says("32 bytes");
    // Through a pipe.
    let piped = [
        "bundle",
        "create",
        "-o",
        "-",
        "1.env",
        "--secret-file",
        "secret",
    ];
    let file = place.run(&piped).ok().out;
    let checked = place.run_with(&["bundle", "check", "-", "--secret-file", "secret"], &file);
    assert_eq!(checked.ok().line(), "1 envelope, complete");

    // By the node.
    place.node("home", &["import", "stick"]).ok();
    fs::create_dir(place.path("out")).unwrap();
    let export = [
        "export",
        "out",
        "--sealed",
        "--secret-file",
        "secret",
        "--now",
        TOMORROW,
    ];
    place.node("home", &export).ok();
    let files = place.files("out");
    assert!(files.len() == 1 && files[0].len() == 8, "{files:?}");
    place.node("home", &["export", "out", "--sealed"]).is(2);
    place
        .node("home", &["export", "out", "--secret-file", "secret"])
        .is(2);
    // --sealed says that a secret has to be there.
    place
        .node("b", &["import", "out", "--sealed"])
        .is(2)
        .one_line();
    let sealed = ["import", "out", "--sealed", "--secret-file", "secret"];
    place.node("c", &sealed).ok();
    let import = |secret| ["import", "out", "--secret-file", secret, "--json"];
    assert_eq!(
        place.node("b", &import("secret2")).is(5).json()["code"],
        "bundle"
    );
    let document = place.node("b", &import("secret")).ok().json();
    assert_eq!(
        (&document["kept"], &document["files"][0]["form"]),
        (&3.into(), &"sealed".into())
    );
}

#[test]
fn policies_are_shown_checked_and_kept_to() {
    let place = Place::new();
    stick(&place);
    let shown = place
        .node("home", &["policy", "show", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&shown["max_size"], &shown["hold"]),
        (&1_048_576.into(), &24.into())
    );
    // What is shown is a policy too.
    place.write(
        "shown.toml",
        place.node("home", &["policy", "show"]).ok().out,
    );
    assert_eq!(
        place
            .node("home", &["policy", "show", "shown.toml", "--json"])
            .ok()
            .json(),
        shown
    );
    assert_eq!(place.files("home"), ["policy.toml"]);
    let rule = "[[rule]]\nname = \"far\"\nkeep = { any = [{ hours = { max = 9 } }, { not = { size = { min = 2 } } }] }\n\
                \n[[rule]]\nname = \"odd\"\ndrop = { all = [{ slots = { min = 2, max = 3 } }, { suites = [0x0001] }] }\n";
    place.write("rules.toml", rule);
    let show = ["policy", "show", "rules.toml"];
    let text = place.node("home", &show).ok().text();
    assert!(text.ends_with(rule), "{text}");

    place.write("p.toml", "max_lifetime = \"1d\"\nmax_slots = 3\nhold = 0\n");
    let check = ["policy", "check", "p.toml", "stick/ABCDEFGH.WCM", "--json"];
    for line in place.node("home", &check).ok().jsons() {
        assert_eq!(
            (&line["verdict"], &line["reason"]),
            (&"drop".into(), &"too-far-ahead".into())
        );
    }
    place.write("p.toml", "max_slots = 3\n");
    let ran = place.node("home", &check[..4]).ok();
    assert!(
        ran.text()
            .contains("too-many-slots: it has more than 3 slots"),
        "{}",
        ran.text()
    );
    let rule = "[[rule]]\nname = 'work'\nkeep = { effort = { min = 100 } }\n";
    place.write("p.toml", format!("{rule}[store]\nenvelopes = 2\n"));
    let checked = place.node("home", &check).ok().jsons();
    assert_eq!(
        (&checked[0]["verdict"], &checked[0]["when_full"]),
        (&"keep".into(), &"work".into())
    );
    place.write("home/policy.toml", place.read("p.toml"));
    let document = place
        .node("home", &["import", "stick", "--json"])
        .ok()
        .json();
    assert_eq!(dropped(&document), [("work".into(), 1)]);

    place.write("p.toml", "hold = 0\nmax_slot = 3\n");
    let ran = place.node("home", &check[..4]).is(1).one_line();
    ran.says("line 2").says("hint: did you mean `max_slots`?");
}

#[test]
fn stamps_are_made_carried_and_judged_where_the_policy_says_so() {
    let place = Place::new();
    stick(&place);
    let stamp = [
        "stamp", "--effort", "2000", "--start", "5", "-o", "s.wcm", "1.env", "--json",
    ];
    let made = place.run(&stamp).ok().json();
    assert!(made["effort"].as_u64().unwrap() >= 2000);
    place.run(&stamp).is(1).one_line().says("exists");
    let line = place.run(&["inspect", "--json", "s.wcm"]).ok().json();
    assert_eq!(line["stamp"]["kind"], 1);
    for (stamps, kind) in [("true", 1), ("false", 0)] {
        let home = format!("home-{stamps}");
        fs::create_dir(place.path(&home)).unwrap();
        place.write(
            &format!("{home}/policy.toml"),
            format!("hold = 0\nstamps = {stamps}\n"),
        );
        place.node(&home, &["import", "s.wcm"]).ok();
        place
            .node(&home, &["export", &format!("{stamps}.wcm")])
            .ok();
        let line = place
            .run(&["inspect", "--json", &format!("{stamps}.wcm")])
            .ok()
            .json();
        let got = line["stamp"].get("kind").cloned().unwrap_or(0.into());
        assert_eq!(got, kind, "{line}");
    }
}

#[test]
#[cfg(unix)]
fn the_home_folder_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    stick(&place);
    place.node("home", &["import", "stick"]).ok();
    let mode = place.path("home").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    // By the environment.
    let mut command = place.command(&["store", "stats", "--json", "--now", NOW]);
    let output = command
        .env("WCMP_HOME", place.path("home"))
        .output()
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["envelopes"], 3);
}

#[test]
fn an_export_with_nothing_to_hand_on_writes_nothing() {
    let place = Place::new();
    stick(&place);
    fs::create_dir(place.path("out")).unwrap();
    let held = place.node("fresh", &["export", "out", "--json"]).ok();
    assert_eq!(held.json()["files"], serde_json::json!([]));
    let said = place.node("fresh", &["export", "out/x.wcmp"]).ok().text();
    assert!(said.starts_with("nothing may be handed on yet"), "{said}");
    assert!(place.files("out").is_empty());

    // What was there before stays, even if it may be replaced.
    place.write("old.wcmp", b"old");
    place.node("fresh", &["export", "old.wcmp", "--force"]).ok();
    assert_eq!(place.read("old.wcmp"), b"old");
    place
        .node("fresh", &["export", "missing/x.wcmp"])
        .is(1)
        .one_line();
}

#[test]
fn folders_in_a_folder_are_named_by_number_and_empty_files_as_such() {
    let place = Place::new();
    stick(&place);
    fs::create_dir_all(place.path("outer/\u{fc}n\u{ef}")).unwrap();
    let inner = "outer/\u{fc}n\u{ef}";
    let path = format!("{inner}/gr\u{fc}\u{df}e.wcmp");
    place.write(&path, place.read("stick/ABCDEFGH.WCM"));
    let ran = place.node("home", &["import", "outer"]).ok();
    assert_eq!(
        ran.text(),
        "kept 0 envelopes, 0 bytes\nnot read: 1 folder inside; name those to be read\n"
    );
    let ran = place.node("home", &["import", inner, "--json"]).ok();
    assert_eq!(
        (&ran.json()["kept"], &ran.json()["folders"]),
        (&3.into(), &0.into())
    );
    place.write("outer/zero.wcmp", b"");
    place
        .node("home", &["import", "outer"])
        .refused(4, "bundle")
        .says("is empty");
}

/// A message of one's own enters behind others, or when it has waited for a day (spec 9.2).
#[test]
fn own_letters_wait_for_company() {
    let place = Place::new();
    let ids = stick(&place);
    place.seal("letter", b"mine", &["--to", &place.person("ana", 1)]);
    let written = fs::FileTimes::new();
    let hour =
        |hour: u64| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(hour * 3600);
    let file = fs::File::options()
        .write(true)
        .open(place.path("letter"))
        .unwrap();
    file.set_times(written.set_modified(hour(494_000))).unwrap();
    let own = ["import", "stick", "--own", "letter", "--json"];
    let ran = place.node("home", &own).is(1).one_line();
    assert_eq!(ran.json()["kept"], ids.len());
    assert_eq!(ran.json()["waiting"], serde_json::json!(["letter"]));
    // Eight that come with it are enough, if they are new.
    for i in 0..8 {
        let (name, seed) = (format!("{i}.more"), format!("{i}"));
        place.seal(&name, seed.as_bytes(), &["--dummy"]);
        fs::rename(place.path(&name), place.path(&format!("{i}.env"))).unwrap();
    }
    let more: Vec<String> = (0..8).map(|i| format!("{i}.env")).collect();
    let with = |more: &[String]| {
        let more = more.iter().map(String::as_str);
        [
            &["import"][..],
            &more.collect::<Vec<_>>(),
            &["--own", "letter", "--json"],
        ]
        .concat()
        .join(" ")
    };
    let run = |home: &str, line: String| place.node(home, &line.split(' ').collect::<Vec<_>>());
    assert_eq!(run("home", with(&more[..7])).is(1).json()["kept"], 7);
    assert_eq!(run("home", with(&more)).is(1).json()["kept"], 1);
    assert_eq!(run("b", with(&more)).ok().json()["kept"], 9);
    // Or a day.
    let day = ["import", "--own", "letter", "--json", "--now", "494023"];
    place.node("c", &day).is(1);
    let day = ["import", "--own", "letter", "--json", "--now", "494024"];
    assert_eq!(place.node("c", &day).ok().json()["kept"], 1);
    // A bundle is no letter.
    place
        .node(
            "d",
            &["import", "--own", "stick/ABCDEFGH.WCM", "--now", "900000"],
        )
        .is(4);
}

/// More files than a visit may bring: another choice each time, so that none is kept out by those before it.
#[test]
fn every_file_of_a_full_folder_has_its_turn() {
    let place = Place::new();
    fs::create_dir(place.path("home")).unwrap();
    fs::create_dir(place.path("drop")).unwrap();
    place.write("home/policy.toml", "[visit]\nfiles = 5\n");
    for i in 0..15 {
        place.seal(
            &format!("drop/{i:08}.WCM"),
            &[i],
            &["--dummy", "--expires", "494100"],
        );
    }
    let import = || {
        place
            .node("home", &["import", "drop", "--json"])
            .ok()
            .json()
    };
    let first = import();
    assert_eq!(
        (&first["kept"], &first["surplus_files"]),
        (&5.into(), &10.into())
    );
    let more: u64 = (0..60).map(|_| import()["kept"].as_u64().unwrap()).sum();
    assert_eq!(more, 10);
}

#[test]
fn a_dash_is_standard_input_and_never_a_file() {
    let place = Place::new();
    stick(&place);
    let bundle = place.read("stick/ABCDEFGH.WCM");
    let import = ["--home", "home", "--now", NOW, "import", "-", "--json"];
    let said = place.run_with(&import, &bundle).ok().json();
    assert_eq!(
        (&said["kept"], &said["files"][0]["path"]),
        (&3.into(), &"standard input".into())
    );
    let said = place.run_with(&import, &bundle[..bundle.len() - 30]).is(4);
    assert_eq!(said.json()["dropped"]["known"], 2);
    assert!(
        said.err.starts_with("wcmp: importing standard input: "),
        "{}",
        said.err
    );
    place.run_with(&import, b"").refused(4, "bundle");
    for twice in [
        &["import", "-", "-"][..],
        &["import", "-", "--secret-file", "-"],
    ] {
        place
            .run_with(&[&import[..4], twice].concat(), &[7; 32])
            .is(2)
            .one_line();
    }
    place
        .node("home", &["export", "-", "--now", TOMORROW])
        .is(2)
        .one_line();
    assert!(!place.path("-").exists());
    assert!(
        place
            .node("home", &["store", "verify", "--quiet", "--now", TOMORROW])
            .ok()
            .out
            .is_empty()
    );
}

/// `store prune` sorts what an import that was killed has left in order of arrival.
#[test]
fn pruning_forgets_the_order_that_a_killed_import_left() {
    use wcmp::relay::bundle::Stamp;
    use wcmp::relay::node::Node;
    use wcmp::relay::policy::{Policy, Visit};
    use wcmp::relay::store::{Folder, Options, SegmentStore};
    let place = Place::new();
    stick(&place);
    place.node("home", &["store", "stats"]).ok();
    {
        let folder = Folder::new(place.path("home/store")).unwrap();
        let store = SegmentStore::open(folder, Options::default(), &[1; 32]).unwrap();
        let mut node = Node::open(store, Policy::default(), 494_000, &[1; 32]).unwrap();
        for i in 1..=3 {
            let bytes = place.read(&format!("{i}.env"));
            let mut visit = Visit::new(node.policy());
            node.take_in(&mut visit, &[(Stamp::NONE, &bytes)]).unwrap();
        }
    }
    let arrivals = || fs::read(place.path("home/store/arrivals")).map_or(0, |bytes| bytes.len());
    let full = arrivals();
    let said = place
        .node("home", &["store", "prune", "--json"])
        .ok()
        .json();
    assert_eq!(said["sorted"], true);
    assert!(arrivals() < full);
    let segment = place
        .files("home/store")
        .into_iter()
        .find(|name| name.ends_with(".wcmp"));
    let segment = format!("home/store/{}", segment.unwrap());
    let lines = place.run(&["inspect", "--json", &segment]).ok().jsons();
    let ids: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["id"].as_str())
        .collect();
    assert!(ids.len() == 3 && ids.is_sorted(), "{ids:?}");
}

/// Two real processes.
#[test]
fn a_store_in_use_is_left_alone_until_it_is_free() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    stick(&place);
    place.write("secret", [7; 32]);
    let args = ["--home", "home", "--now", NOW, "serve", "127.0.0.1:0"];
    let mut server = place
        .command(&[&args[..], &["--secret-file", "secret"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It says where it listens once it has opened the store.
    let (out, err) = (server.stdout.take().unwrap(), server.stderr.take().unwrap());
    let (sender, said) = std::sync::mpsc::channel();
    let readers: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
    for reader in readers {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    let line = said.recv().unwrap();
    assert!(line.contains("listening"), "{line}");
    for args in [
        &["import", "stick"][..],
        &["export", "x.wcmp"],
        &["store", "verify"],
    ] {
        place.node("home", args).is(1).one_line().says("in use");
    }
    assert!(!place.path("x.wcmp").exists());
    // Killed, it leaves no lock behind.
    server.kill().unwrap();
    server.wait().unwrap();
    let ran = place.node("home", &["import", "stick", "--json"]).ok();
    assert_eq!(ran.json()["kept"], 3);
}
