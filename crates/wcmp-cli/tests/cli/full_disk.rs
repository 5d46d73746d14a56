//! Real full disks: small file systems in memory, where this user may mount them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::common::{NOW, Place};

/// A file system of some KiB in memory, until it is dropped.
struct Small(PathBuf);

impl Small {
    /// `None`, and says so, where it cannot be had.
    fn mount(place: &Place, name: &str, kib: u32) -> Option<Small> {
        let path = place.path(name);
        fs::create_dir(&path).unwrap();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Small(path));
        }
        // Past the harness, which would swallow it.
        let notice = "NOTICE: no tmpfs can be mounted; a test with a full disk is skipped\n";
        let _ = std::io::stderr().write_all(notice.as_bytes());
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// A bundle of `count` envelopes of more than 8 KiB, which expire in these hours; the soonest in the first.
fn bundle(place: &Place, to: &str, file: &str, hours: impl Iterator<Item = u32>) {
    let mut args = vec![
        "bundle".to_owned(),
        "create".into(),
        "-o".into(),
        file.into(),
    ];
    for hour in hours {
        let name = format!("{file}.{hour}.env");
        let hour = hour.to_string();
        place.seal(&name, &[7; 8000], &["--to", to, "--expires", &hour]);
        args.push(name);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    place.run(&args).ok();
}

const NO_HOLD: &str = "hold = 0\n";

/// The hours in which the envelopes of a bundle expire, sorted.
fn hours(place: &Place, bundle: &str) -> Vec<u64> {
    let lines = place.run(&["inspect", "--json", bundle]).ok().jsons();
    let mut hours: Vec<u64> = lines
        .iter()
        .map(|line| line["expires"].as_u64().unwrap())
        .collect();
    hours.sort_unstable();
    hours
}

#[test]
fn a_full_store_says_so_expiry_frees_it_and_nothing_is_lost() {
    let place = Place::new();
    let Some(_small) = Small::mount(&place, "home", 512) else {
        return;
    };
    place.write("home/policy.toml", NO_HOLD);
    let bob = place.person("bob", 2);
    bundle(&place, &bob, "today.wcmp", 494_010..494_040);
    bundle(&place, &bob, "later.wcmp", 494_100..494_140);
    let node =
        |now: &str, args: &[&str]| place.run(&[&["--home", "home", "--now", now], args].concat());

    node(NOW, &["import", "today.wcmp"]).ok();
    let ran = node(NOW, &["import", "later.wcmp", "--json"])
        .is(1)
        .one_line();
    let said = ran.json();
    ran.says("no space left").says("store prune");
    // What fits is kept, the rest is counted.
    let (kept, full) = (&said["kept"], &said["dropped"]["disk-full"]);
    assert_eq!(
        kept.as_u64().unwrap() + full.as_u64().unwrap(),
        40,
        "{said}"
    );
    assert!(kept.as_u64() > Some(5), "{said}");
    // Nothing that was there is lost, and nothing is damaged.
    node(NOW, &["store", "verify"]).ok();
    node(NOW, &["export", "out.wcmp"]).ok();
    let kept = hours(&place, "out.wcmp");
    let today: Vec<u64> = (494_010..494_040).collect();
    assert_eq!(kept.get(..30), Some(&today[..]));

    // To the last byte.
    let mut rest = fs::File::create(place.path("home/rest")).unwrap();
    while rest.write_all(&[0; 512]).is_ok() {}
    let purged = node("494060", &["store", "prune", "--json"]).ok().json();
    assert_eq!(purged["envelopes"], 30, "{purged}");
    fs::remove_file(place.path("home/rest")).unwrap();
    bundle(&place, &bob, "new.wcmp", 494_200..494_210);
    node("494060", &["import", "new.wcmp"]).ok();
    node("494060", &["export", "all.wcmp"]).ok();
    assert!(hours(&place, "all.wcmp").ends_with(&(494_200..494_210).collect::<Vec<u64>>()));
}

#[test]
fn a_stick_without_room_for_all_gets_what_expires_last() {
    let place = Place::new();
    let Some(_small) = Small::mount(&place, "stick", 300) else {
        return;
    };
    fs::create_dir(place.path("home")).unwrap();
    place.write("home/policy.toml", NO_HOLD);
    bundle(
        &place,
        &place.person("bob", 2),
        "all.wcmp",
        494_100..494_160,
    );
    let node = |args: &[&str]| place.run(&[&["--home", "home", "--now", NOW], args].concat());
    node(&["import", "all.wcmp"]).ok();
    place.write("secret", [7; 32]);

    for sealed in [&[][..], &["--sealed", "--secret-file", "secret"]] {
        let said = node(&[&["export", "stick", "--json"], sealed].concat())
            .ok()
            .json();
        let handed = said["envelopes"].as_u64().unwrap();
        assert!((15..40).contains(&handed), "{said}");
        assert_eq!(said["no_room"], 60 - handed);
        assert_eq!(said["held"], 0);
        assert_eq!(place.files("stick").len(), 1);
        let file = place.path("stick").join(&place.files("stick")[0]);
        let path = file.to_str().unwrap();
        if sealed.is_empty() {
            assert_eq!(
                hours(&place, path),
                (494_160 - handed..494_160).collect::<Vec<u64>>()
            );
        }
        fs::remove_file(path).unwrap();
    }

    // No room at all is an error, and leaves nothing.
    fs::write(place.path("stick/other"), vec![1; 299 << 10]).unwrap();
    node(&["export", "stick"]).is(1).one_line().says("No space");
    assert_eq!(place.files("stick"), ["other"]);
}

/// Over a link a full node takes what fits and still gives what it has.
#[test]
fn a_full_node_still_hands_on_over_a_link() {
    use std::io::{BufRead, BufReader};
    let place = Place::new();
    let Some(_small) = Small::mount(&place, "home", 512) else {
        return;
    };
    place.write("home/policy.toml", NO_HOLD);
    fs::create_dir(place.path("other")).unwrap();
    place.write("other/policy.toml", NO_HOLD);
    place.write("secret", [7; 32]);
    let bob = place.person("bob", 2);
    bundle(&place, &bob, "some.wcmp", 494_010..494_030);
    bundle(&place, &bob, "many.wcmp", 494_100..494_160);
    place
        .run(&["--home", "home", "--now", NOW, "import", "some.wcmp"])
        .ok();
    place
        .run(&["--home", "other", "--now", NOW, "import", "many.wcmp"])
        .ok();
    let serve = [
        "--home",
        "other",
        "--now",
        NOW,
        "serve",
        "127.0.0.1:0",
        "--secret-file",
        "secret",
    ];
    let mut server = place
        .command(&serve)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap();
    let sync = [
        "--home",
        "home",
        "--now",
        NOW,
        "sync",
        address,
        "--secret-file",
        "secret",
        "--json",
    ];
    let ran = place.run(&sync).is(1).one_line();
    assert!(ran.err.contains("no space left"), "{}", ran.err);
    let said = ran.json();
    assert_eq!(said["sent"], 20, "{said}");
    assert!(said["kept"].as_u64() > Some(3), "{said}");
    server.kill().unwrap();
    server.wait().unwrap();
    let stats = ["--home", "other", "--now", NOW, "store", "stats", "--json"];
    assert_eq!(place.run(&stats).ok().json()["envelopes"], 80);
}
