//! What an import takes from where, and what it leaves alone.

use std::fs;

use crate::common::{NOW, Place, TOMORROW, stick};

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
