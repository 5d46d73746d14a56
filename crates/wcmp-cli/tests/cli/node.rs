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
    for delay in [0, 3, 10, 30, 60] {
        let args = ["--home", "home", "--now", NOW, "import", "stick"];
        let mut child = place
            .command(&args)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
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
