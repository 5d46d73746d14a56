//! From stick to stick through a person's node: import, export, sealed bundles.

use std::fs;

use crate::common::{Place, TOMORROW, dropped, stick};

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
