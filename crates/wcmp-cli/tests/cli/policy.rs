//! What a node keeps and carries by its policy: rules, stamps.

use std::fs;

use crate::common::{Place, dropped, stick};

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
