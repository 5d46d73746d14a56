//! demo, completions, man pages.

use crate::common::Place;

#[test]
fn the_story_holds_for_any_file() {
    let place = Place::new();
    place.write("letter.txt", "Dear all,\nit rains.\n");
    place.write("empty", "");
    place.write("one", "x");
    place.write("zeros", vec![0; 70_000]);
    let random: Vec<u8> = (0..1_u32 << 18)
        .flat_map(|i| i.wrapping_mul(0x9e37_79b9).to_be_bytes())
        .collect();
    place.write("photo.jpg", &random);
    for args in [
        &["demo"][..],
        &["demo", "letter.txt"],
        &["demo", "empty"],
        &["demo", "one"],
        &["demo", "zeros"],
        &["demo", "photo.jpg"],
    ] {
        let ran = place.run(args).ok();
        let text = ran.text();
        assert!(text.contains("checks hold"), "{text}");
        assert!(text.lines().count() < 60);
        // Nobody is at a terminal.
        assert!(!text.contains('\u{1b}'));
        assert!(ran.err.is_empty());
    }
    let json = place.run(&["demo", "--json"]).ok().json();
    assert!(json["checks"].as_u64().unwrap() > 10);
}

#[test]
fn what_does_not_fit_is_refused() {
    let place = Place::new();
    place.write("large", vec![0; 16_252_928 + 1]);
    place.run(&["demo", "large"]).refused(4, "size");
    place.write("most", vec![0; 16_252_928]);
    place.run(&["demo", "most"]).refused(4, "size");
    place.run(&["demo", "missing"]).is(1).one_line();
    place.run(&["demo", "."]).is(1).says("is a folder");
}

#[test]
fn no_folder_to_work_in_is_a_failure() {
    let place = Place::new();
    let output = place
        .command(&["demo"])
        .env("TMPDIR", place.path("missing"))
        .output()
        .unwrap();
    if cfg!(unix) {
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn completions_and_man_pages_are_made() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.run(&["completions", shell]).ok().text();
        assert!(script.contains("fingerprint"), "{shell}");
    }
    place.run(&["completions", "dos"]).is(2);
    place.run(&["man", "-C", "man"]).ok();
    let pages = place.files("man");
    assert!(pages.contains(&"wcmp.1".to_owned()));
    assert!(pages.contains(&"wcmp-bundle-create.1".to_owned()));
    place
        .run(&["man", "-C", "man"])
        .is(1)
        .says("exists already");
    place.run(&["man", "-C", "man", "--force"]).ok();
    place.run(&["man", "-C", "man/wcmp.1"]).is(1);
}
