//! The folder of a node: its clock, its state, damage, whose it is, who uses it.

use std::fs;

use serde_json::Value;

use crate::common::{NOW, Place, TOMORROW, stick};

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
