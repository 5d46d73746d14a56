//! Honest envelopes and those who open them, or cannot (8).

use serde_json::{Value, json};
use wcmp::suite::Form;
use wcmp::{KeyPair, KeyType, PublicKey, Suite};

use super::seal::{pair, public, request, suite_name};
use super::{Vector, parts};
use crate::kit::{CRYPTO, NOW, keys, person};
use crate::protocol::answer;

/// A request to open `envelope` in the hour [`NOW`].
pub(super) fn opening(envelope: &Value, mine: &KeyPair, contacts: &[&PublicKey]) -> Value {
    json!({
        "op": "open",
        "key": pair(mine),
        "envelope": envelope,
        "contacts": contacts.iter().map(|key| public(key)).collect::<Value>(),
        "now": NOW,
    })
}

/// Everybody's keys of one type.
struct People {
    alice: KeyPair,
    bob: KeyPair,
    carol: KeyPair,
    dave: KeyPair,
}

impl People {
    fn new(key_type: KeyType) -> People {
        let of = |name| keys(key_type, name);
        People {
            alice: of("alice"),
            bob: of("bob"),
            carol: of("carol"),
            dave: of("dave"),
        }
    }
}

/// Vectors that begin with sealing.
struct Scenarios {
    out: Vec<Vector>,
}

impl Scenarios {
    /// Seals, and opens in as many ways as there are `ways`: suffix of the name,
    /// description, expectation, the key that opens, its contacts, and changes to the
    /// request.
    fn add(&mut self, name: &str, seal: &Value, ways: &[Way<'_>]) {
        let sealed = answer(&CRYPTO, seal);
        let envelope = &sealed["envelope"];
        assert!(envelope.is_string(), "{name}: {sealed}");
        for way in ways {
            let mut request = opening(envelope, way.mine, &way.contacts);
            for (field, value) in way.more.as_object().unwrap() {
                request[field] = value.clone();
            }
            let name = format!("open/{name}{}", way.suffix);
            let mut vector = Vector::new(&name, way.what, way.expect, request);
            if seal["body"].is_object() && vector.answer.get("body").is_some() {
                vector.answer["body"] = seal["body"].clone();
            }
            self.out.push(vector.sealed_by(seal.clone()));
        }
    }
}

struct Way<'a> {
    suffix: &'a str,
    what: &'a str,
    expect: &'a str,
    mine: &'a KeyPair,
    contacts: Vec<&'a PublicKey>,
    more: Value,
}

impl<'a> Way<'a> {
    fn new(
        expect: &'a str,
        what: &'a str,
        mine: &'a KeyPair,
        contacts: &[&'a PublicKey],
    ) -> Way<'a> {
        Way {
            suffix: "",
            what,
            expect,
            mine,
            contacts: contacts.to_vec(),
            more: json!({}),
        }
    }

    fn but(self, suffix: &'a str, more: Value) -> Way<'a> {
        Way {
            suffix,
            more,
            ..self
        }
    }
}

/// All of them.
pub(super) fn vectors() -> Vec<Vector> {
    let mut all = Scenarios { out: Vec::new() };
    for suite in Suite::ALL {
        senders(&mut all, suite);
    }
    receivers(&mut all);
    replies(&mut all);
    contents(&mut all);
    hours(&mut all);
    all.out
}

/// Known, introduced, anonymous, in every suite.
fn senders(all: &mut Scenarios, suite: Suite) {
    let people = People::new(suite.key_type());
    let (alice, bob) = (&people.alice, &people.bob);
    let (a, b) = (alice.public(), bob.public());
    let text = json!({ "content_type": "text/plain", "body": "68656c6c6f" });
    let seal = |name: &str, more: Value| {
        let mut all = text.clone();
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        request(&format!("{name}-{}", suite_name(suite)), suite, &[b], all)
    };
    let name = |kind: &str| format!("{}-{kind}", suite_name(suite));
    let carol = &[people.carol.public()][..];
    let both = &[people.carol.public(), a][..];

    let mut from = json!({ "from": pair(alice) });
    if suite.form() == Form::Sealed {
        from["pair"] = json!([public(b)]);
    }
    let by = "From a contact.";
    let known = Way::new("known", by, bob, both);
    let stranger = match suite.form() {
        Form::Open => Way::new(
            "anonymous",
            "From somebody who is no contact, without an introduction: nothing was verified.",
            bob,
            carol,
        ),
        Form::Sealed => Way::new(
            "not-for-me",
            "A pair hint of somebody who is no contact cannot be recognised.",
            bob,
            carol,
        ),
    };
    let outsider = Way::new("not-for-me", "Opened by somebody else.", &people.dave, both);
    all.add(
        &name("known"),
        &seal("known", from.clone()),
        &[
            known,
            stranger.but("-by-nobody", json!({})),
            outsider.but("-by-another", json!({})),
        ],
    );

    from["introduce"] = true.into();
    let what = "From a contact, with an introduction.";
    let seal_known = seal("known-introduced", from);
    all.add(
        &name("known-introduced"),
        &seal_known,
        &[Way::new("known", what, bob, both)],
    );

    let introduced = seal(
        "introduced",
        json!({ "from": pair(alice), "introduce": true }),
    );
    let what = "From somebody who introduces herself.";
    let again = "An introduction of somebody who is a contact already.";
    all.add(
        &name("introduced"),
        &introduced,
        &[
            Way::new("introduced", what, bob, carol),
            Way::new("known", again, bob, both).but("-by-a-contact", json!({})),
        ],
    );

    let anonymous = seal("anonymous", json!({}));
    let nobody = Way::new("anonymous", "From nobody.", bob, both);
    let mut ways = vec![nobody];
    let what = "Strangers are not wanted: no stranger hint is looked for in sealed suites.";
    if suite.form() == Form::Sealed {
        let closed = Way::new("not-for-me", what, bob, both);
        ways.push(closed.but("-closed", json!({ "strangers": false })));
    }
    all.add(&name("anonymous"), &anonymous, &ways);
}

fn receivers(all: &mut Scenarios) {
    let people = People::new(KeyType::X25519);
    let (alice, bob, carol, dave) = (&people.alice, &people.bob, &people.carol, &people.dave);
    let (a, b, c, d) = (alice.public(), bob.public(), carol.public(), dave.public());
    let sealed = Suite::SealedAes256Gcm;

    let more = json!({ "from": pair(alice), "pair": [public(b), public(d)], "introduce": true });
    let seal = request("mixed", sealed, &[b, c, d], more);
    let what = "Three receivers, two with pair hints.";
    let ways = [
        Way::new("known", what, bob, &[a]).but("-bob", json!({})),
        Way::new("introduced", what, carol, &[]).but("-carol", json!({})),
        Way::new("known", what, dave, &[b, a]).but("-dave", json!({})),
    ];
    all.add("several-receivers", &seal, &ways);

    let more = json!({ "from": pair(alice), "pair": [public(b)] });
    let seal = request("closed", sealed, &[b], more);
    let what = "Closed to strangers, from a contact.";
    let way = Way::new("known", what, bob, &[a]).but("", json!({ "strangers": false }));
    all.add("closed-to-strangers", &seal, &[way]);

    let seal = request("closed-open", Suite::OpenAes256Gcm, &[b], json!({}));
    let what = "Closing concerns sealed suites only.";
    let way = Way::new("anonymous", what, bob, &[]).but("", json!({ "strangers": false }));
    all.add("closed-in-an-open-suite", &seal, &[way]);

    let wing = keys(KeyType::XWing, "alice");
    let more = json!({ "from": pair(&wing), "introduce": true });
    let seal = request("wing-sender", sealed, &[b], more);
    let what = "A sender of type 2 writes to a key of type 1.";
    let again = "A contact of type 2 has no pair hint, and is known by the introduction.";
    all.add(
        "sender-of-type-2",
        &seal,
        &[
            Way::new("introduced", what, bob, &[]),
            Way::new("known", again, bob, &[wing.public()]).but("-a-contact", json!({})),
        ],
    );
    let wing_bob = keys(KeyType::XWing, "bob");
    let seal = request(
        "wing-known",
        Suite::OpenXWing,
        &[wing_bob.public()],
        json!({
            "from": pair(alice),
        }),
    );
    let what = "A sender of type 1 writes to a key of type 2.";
    all.add(
        "sender-of-type-1",
        &seal,
        &[Way::new("known", what, &wing_bob, &[a])],
    );

    let what = "A key of another type than the suite's.";
    let seal = request("other-type", Suite::OpenAes256Gcm, &[b], json!({}));
    all.add(
        "key-of-type-2",
        &seal,
        &[Way::new("not-for-me", what, &wing_bob, &[])],
    );
    let seal = request(
        "other-type",
        Suite::OpenXWing,
        &[wing_bob.public()],
        json!({}),
    );
    all.add(
        "key-of-type-1",
        &seal,
        &[Way::new("not-for-me", what, bob, &[])],
    );

    let seal = request("dummy", sealed, &[], json!({}));
    let what = "A dummy is for nobody.";
    all.add("dummy", &seal, &[Way::new("not-for-me", what, bob, &[a])]);

    let many: Vec<KeyPair> = (0..20).map(|n| person(&format!("person {n}"))).collect();
    let to: Vec<&PublicKey> = many.iter().map(KeyPair::public).collect();
    let more = json!({ "from": pair(alice), "introduce": true, "slots": 200 });
    let seal = request("many", sealed, &to, more);
    let what = "Twenty receivers in 256 slots, opened by the last.";
    all.add(
        "many-slots",
        &seal,
        &[Way::new("introduced", what, &many[19], &[b, c, d])],
    );
    let seal = request(
        "many",
        Suite::OpenAes256Gcm,
        &to,
        json!({ "from": pair(alice) }),
    );
    let what = "Twenty receivers in 32 slots, opened by the first.";
    all.add(
        "many-slots-open",
        &seal,
        &[Way::new("known", what, &many[0], &[b, a])],
    );
}

fn replies(all: &mut Scenarios) {
    let people = People::new(KeyType::X25519);
    let (alice, bob, carol) = (&people.alice, &people.bob, &people.carol);
    let (a, b, c) = (alice.public(), bob.public(), carol.public());
    let sealed = Suite::SealedAes256Gcm;
    let reply = pair(&person("reply"));
    let wing = pair(&keys(KeyType::XWing, "reply"));

    let more = json!({ "from": pair(alice), "introduce": true, "reply": reply });
    let seal = request("reply", sealed, &[b], more.clone());
    let what = "A reply key with an introduction.";
    all.add(
        "reply-introduced",
        &seal,
        &[Way::new("introduced", what, bob, &[])],
    );
    let seal = request("reply", Suite::OpenChaCha20Poly1305, &[b], more);
    let what = "A reply key with an introduction, in an open suite.";
    all.add(
        "reply-open-suite",
        &seal,
        &[Way::new("known", what, bob, &[a])],
    );
    let more = json!({ "from": pair(alice), "pair": [public(b)], "reply": reply });
    let seal = request("reply", sealed, &[b], more);
    let what = "A reply key without an introduction: the receiver knows the sender.";
    all.add("reply-known", &seal, &[Way::new("known", what, bob, &[a])]);
    let seal = request("reply", sealed, &[b], json!({ "reply": reply }));
    let what = "A reply key of nobody: its signature is for 32 zero bytes.";
    all.add(
        "reply-anonymous",
        &seal,
        &[Way::new("anonymous", what, bob, &[a])],
    );
    let seal = request("reply wing", sealed, &[b], json!({ "reply": wing }));
    let what = "A reply key of type 2.";
    all.add(
        "reply-of-type-2",
        &seal,
        &[Way::new("anonymous", what, bob, &[])],
    );
    let more = json!({
        "from": pair(alice), "introduce": true, "reply": reply, "shared_reply": true,
    });
    let seal = request("reply", sealed, &[b, c], more);
    let what = "A reply key that two receivers share.";
    all.add(
        "reply-shared",
        &seal,
        &[Way::new("introduced", what, carol, &[])],
    );
}

fn contents(all: &mut Scenarios) {
    let bob = person("bob");
    let to = [bob.public()];
    let mut add = |name: &str, what: &str, expect: &str, more: Value| {
        let seal = request(name, Suite::SealedChaCha20Poly1305, &to, more);
        all.add(name, &seal, &[Way::new(expect, what, &bob, &[])]);
    };
    let what = "Extensions that nobody knows are ignored.";
    let last = (1u32 << 31) - 1;
    let extensions = json!([[0, ""], [7, "00ff"], [300, "aa"], [last, "bb"]]);
    add(
        "extensions",
        what,
        "anonymous",
        json!({ "extensions": extensions }),
    );
    let what = "An extension that has to be understood, and is not.";
    let critical = json!([[1u32 << 31, ""]]);
    add(
        "extension-critical",
        what,
        "bad-content",
        json!({ "extensions": critical }),
    );
    let critical = json!([[1, "aa"], [u32::MAX, "bb"]]);
    add(
        "extension-critical-last",
        what,
        "bad-content",
        json!({ "extensions": critical }),
    );
    let what = "A content type with control characters: it is delivered as it is.";
    let odd = "text/\u{0}\u{1b}[31m\u{202e}\u{fffd}\u{10ffff}";
    add(
        "content-type-odd",
        what,
        "anonymous",
        json!({ "content_type": odd }),
    );

    // Five bytes more than the body, six from 128 on; then the mark.
    for (name, body) in [
        ("padding-1024", 1024 - 7),
        ("padding-1025", 1025 - 7),
        ("padding-2048", 2048 - 7),
        ("padding-2049", 2049 - 7),
        ("padding-4097", 4097 - 7),
        ("padding-65537", 65_537 - 8),
    ] {
        let what = "Content and mark of as many bytes as the name says (5.2).";
        // A body of zeros, which unpadding must not take for padding.
        let body = parts(&[(&[0x80], 1), (&[0], body - 1)]);
        add(name, what, "anonymous", json!({ "body": body }));
    }
}

fn hours(all: &mut Scenarios) {
    let bob = person("bob");
    let to = [bob.public()];
    let open = Suite::OpenAes256Gcm;
    let at = |now: u32| json!({ "now": now });
    let seal = request("hours", open, &to, json!({ "expires": NOW }));
    let wing = keys(KeyType::XWing, "bob");
    let ways = [
        Way::new("anonymous", "In its last hour.", &bob, &[]).but("-last-hour", at(NOW)),
        Way::new("expired", "An hour later.", &bob, &[]).but("-hour-after", at(NOW + 1)),
        Way::new(
            "expired",
            "Expired, and not for this type of key.",
            &wing,
            &[],
        )
        .but("-hour-after-for-type-2", at(NOW + 1)),
        Way::new("anonymous", "In the first hour of all.", &bob, &[]).but("-hour-0", at(0)),
    ];
    all.add("expires", &seal, &ways);
    let seal = request("hours", open, &to, json!({ "expires": u32::MAX }));
    let what = "The last hour that there is.";
    let way = Way::new("anonymous", what, &bob, &[]).but("", at(u32::MAX));
    all.add("expires-never", &seal, &[way]);
}
