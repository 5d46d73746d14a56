//! What happens at a terminal: a real one, of the kernel's.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};

use crate::common::{NOW, Place};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal: the side of the person and the side of the program.
fn terminal() -> (File, File) {
    let person: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let path = ptsname(&person, Vec::new()).unwrap();
    let path = path.into_string().unwrap();
    let program = File::options().read(true).write(true).open(path).unwrap();
    (person.into(), program)
}

/// Runs with both outputs at a terminal, and returns what a person would see.
fn run(place: &Place, args: &[&str], color: bool) -> (ExitStatus, String) {
    let (mut person, program) = terminal();
    let mut command = place.command(args);
    command
        .env("TERM", "xterm-256color")
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE");
    if !color {
        command.env("NO_COLOR", "1");
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(program.try_clone().unwrap())
        .stderr(program)
        .spawn()
        .unwrap();
    // The command holds the program's side too.
    drop(command);
    let reader = std::thread::spawn(move || {
        let mut seen = Vec::new();
        // The end of a terminal is an error.
        let _ = person.read_to_end(&mut seen);
        String::from_utf8_lossy(&seen).replace("\r\n", "\n")
    });
    let status = child.wait().unwrap();
    (status, reader.join().unwrap())
}

#[test]
fn binary_is_refused() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal("m", b"\x00\x01\x1b[2J", &["--to", &bob]);
    let open = ["open", "--now", NOW, "--key", "bob.key", "m"];
    for args in [
        &["seal", "--to", &bob, "m"][..],
        &["seal", "--to", &bob, "-o", "-", "m"],
        &["seal", "--to", &bob, "-o", "/dev/stdout", "m"],
        &["bundle", "create", "-o", "-", "m"],
        &open,
    ] {
        let (status, seen) = run(&place, args, true);
        assert_eq!(status.code(), Some(1), "{seen}");
        assert!(
            seen.contains("binary is not written to a terminal"),
            "{seen}"
        );
        assert!(seen.contains("\nhint: "), "{seen}");
        assert!(!seen.contains('\u{1b}') && !seen.contains('\0'), "{seen:?}");
    }
    // As JSON it is text.
    let (status, seen) = run(&place, &[&open[..], &["--json"]].concat(), true);
    assert!(status.success(), "{seen}");
}

#[test]
fn text_is_shown_with_a_line_on_who_wrote_it() {
    let place = Place::new();
    let (ana, bob) = (place.person("ana", 1), place.person("bob", 2));
    let evil = "text/\u{1b}[2Jplain\u{9b}31m";
    let how = ["--from", "ana.key", "--introduce", "--content-type", evil];
    let to = ["--to", &bob];
    let body = "dear bob,\n\tit r\u{e4}ins";
    place.seal("named", body.as_bytes(), &[&to[..], &how].concat());
    place.seal("anonymous", body.as_bytes(), &to);
    let open = ["open", "--now", NOW, "--key", "bob.key"];

    let (status, seen) = run(&place, &[&open[..], &["named"]].concat(), true);
    assert!(status.success());
    assert!(seen.starts_with("dear bob,\n"), "{seen:?}");
    assert!(seen.contains("it r\u{e4}ins\n"), "{seen:?}");
    assert!(seen.contains("introduced: "), "{seen:?}");
    assert!(
        !seen.contains('\u{1b}') && !seen.contains('\u{9b}'),
        "{seen:?}"
    );
    let known = [&open[..], &["--contact", &ana, "named"]].concat();
    assert!(run(&place, &known, true).1.contains("known: "));
    let (_, seen) = run(&place, &[&open[..], &["anonymous"]].concat(), true);
    assert!(seen.contains("anonymous: "), "{seen:?}");
    let json = [&open[..], &["--json", "-q", "named"]].concat();
    let (_, seen) = run(&place, &json, true);
    assert!(
        !seen.contains('\u{1b}') && !seen.contains('\u{9b}'),
        "{seen:?}"
    );
    serde_json::from_str::<serde_json::Value>(&seen).unwrap();
    // Quiet: the message alone.
    let (_, seen) = run(&place, &[&open[..], &["-q", "anonymous"]].concat(), true);
    assert_eq!(seen.trim_end(), body);
}

#[test]
fn the_demo_is_coloured_unless_it_must_not_be() {
    let place = Place::new();
    let (status, seen) = run(&place, &["demo"], true);
    assert!(status.success());
    assert!(seen.contains("\u{1b}["));
    let (status, seen) = run(&place, &["demo"], false);
    assert!(status.success());
    assert!(!seen.contains('\u{1b}'));
}

/// What takes long shows how far it is: at a terminal, and nowhere else.
#[test]
fn bars_are_drawn_at_a_terminal_and_nowhere_else() {
    let place = Place::new();
    let bob = place.person("bob", 2);
    place.seal(
        "m",
        &vec![7; 1 << 20],
        &["--to", &bob, "--expires", "494100"],
    );
    let mut args = vec![
        "bundle".to_owned(),
        "create".into(),
        "-o".into(),
        "all.wcmp".into(),
    ];
    for i in 0..12 {
        let name = format!("{i}.env");
        place.seal(
            &name,
            &vec![i; 900 << 10],
            &["--to", &bob, "--expires", "494100"],
        );
        args.push(name);
    }
    place
        .run(&args.iter().map(String::as_str).collect::<Vec<_>>())
        .ok();
    std::fs::create_dir(place.path("home")).unwrap();
    place.write("home/policy.toml", "hold = 0\n");
    let begin = ["--home", "home", "--now", NOW];
    for (i, command) in [
        &["import", "all.wcmp"][..],
        &["export", "--force", "out.wcmp"],
        &["store", "verify"],
        &["store", "prune"],
        &["have", "--force", "."],
    ]
    .into_iter()
    .enumerate()
    {
        let args = [&begin[..], command].concat();
        let (status, seen) = run(&place, &args, true);
        assert!(status.success(), "{command:?}: {seen}");
        // `have` is done at once.
        assert_eq!(seen.contains("\u{1b}["), i < 4, "{command:?}: {seen:?}");
        let quiet = [&args[..], &["--quiet"]].concat();
        let (_, seen) = run(&place, &quiet, true);
        assert!(!seen.contains('\u{1b}'), "{command:?}: {seen:?}");
        let piped = place.run(&args).ok();
        assert!(
            piped.err.is_empty() && !piped.out.contains(&0x1b),
            "{}",
            piped.err
        );
    }
}
