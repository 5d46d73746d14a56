//! Which error comes first when several things are wrong, and which slot when several are mine.

use wcmp::suite::Form;
use wcmp::{KeyPair, Suite};
use wcmp_tests::kit::{Forge, NOW, Parts, Row, SEALED, Stage, code, keys, pad, person, receiver};
use wcmp_wire::Envelope;

use super::Letter;

/// The codes for one envelope in which ever less is wrong, in the order of section 8.
#[test]
fn order_of_the_checks() {
    for suite in Suite::ALL {
        let letter = Letter::new(suite);
        let (mallory, carol) = (person("mallory"), keys(suite.key_type(), "carol"));
        let nobodys_content = |rows| {
            let bad = Parts::new("")
                .introducing(&[1, 2, 3])
                .replying(&[4], &[5])
                .encode();
            Forge {
                rows,
                expires: NOW - 1,
                ..letter.with(pad(&[&bad[..], &[0]].concat()))
            }
        };
        // Everything is wrong but the structure: not even the lengths of the suite.
        let wrong = |e: &mut Envelope| {
            e.payload[500] ^= 1;
            e.commitment[0] ^= 1;
        };
        let rows = vec![Row::new(suite, carol.public())];
        let all = nobodys_content(rows.clone()).hook(move |stage, e| match stage {
            Stage::Body => wrong(e),
            Stage::Signed => {
                e.signature.push(0);
                e.suite = 0xffff;
            }
            _ => {}
        });
        assert_eq!(code(&all.bytes(), &letter.bob), "suite", "{suite:?}");
        let known_suite = nobodys_content(rows.clone()).hook(move |stage, e| match stage {
            Stage::Body => wrong(e),
            Stage::Signed => e.signature.push(0),
            _ => {}
        });
        assert_eq!(
            code(&known_suite.bytes(), &letter.bob),
            "malformed",
            "{suite:?}"
        );
        let fits = nobodys_content(rows.clone());
        let fits = fits.hook(move |stage, e| {
            if stage == Stage::Body {
                wrong(e);
            }
        });
        assert_eq!(code(&fits.bytes(), &letter.bob), "expired", "{suite:?}");
        let fresh = Forge {
            expires: NOW,
            ..fits
        };
        assert_eq!(code(&fresh.bytes(), &letter.bob), "not-for-me", "{suite:?}");

        // To Bob from Alice, by hint; signature, commitment, payload, content, introduction and reply key wrong.
        let parts = Parts::new("")
            .introducing(mallory.public().as_bytes())
            .replying(&[4], &[5]);
        let good = parts.encode();
        let bad = pad(&[&good[..], &[0]].concat());
        let to_bob = |plaintext: Vec<u8>, signer, wrong_parts: &'static [&'static str]| {
            let forge = Forge {
                signer,
                ..letter.with(plaintext)
            };
            let forge = Forge {
                hint_of: letter.alice.public(),
                ..forge
            };
            forge.hook(move |stage, e| {
                if stage == Stage::Body && wrong_parts.contains(&"commitment") {
                    e.commitment[0] ^= 1;
                }
                if stage == Stage::Body && wrong_parts.contains(&"payload") {
                    e.payload[500] ^= 1;
                }
            })
        };
        let by_form = |open, sealed| match suite.form() {
            Form::Open => open,
            Form::Sealed => sealed,
        };
        let (alice, all): (_, &[&str]) = (&letter.alice, &["commitment", "payload"]);
        let steps = [
            // In open suites the known sender's signature comes before the slot; in sealed ones it is under the mask.
            (
                to_bob(bad.clone(), &mallory, all),
                by_form("bad-signature", "not-for-me"),
            ),
            (to_bob(bad.clone(), alice, all), "not-for-me"),
            (
                to_bob(bad.clone(), &mallory, &["payload"]),
                by_form("bad-signature", "bad-payload"),
            ),
            (to_bob(bad.clone(), alice, &["payload"]), "bad-payload"),
            (
                to_bob(bad.clone(), &mallory, &[]),
                by_form("bad-signature", "bad-content"),
            ),
            (to_bob(bad, alice, &[]), "bad-content"),
            (to_bob(pad(&good), &mallory, &[]), "bad-signature"),
            (to_bob(pad(&good), alice, &[]), "bad-introduction"),
        ];
        for (step, (forge, expected)) in steps.iter().enumerate() {
            assert_eq!(
                code(&forge.bytes(), &letter.bob),
                *expected,
                "{suite:?}, step {step}"
            );
        }

        // With the right introduction only the reply key is left. Dave, who knows nobody, gets to the signature of
        // an introduction last.
        let parts = Parts::new("")
            .introducing(alice.public().as_bytes())
            .replying(&[4], &[5]);
        let good = pad(&parts.encode());
        assert_eq!(
            code(&to_bob(good.clone(), alice, &[]).bytes(), &letter.bob),
            "bad-reply"
        );
        assert_eq!(
            code(&to_bob(good.clone(), alice, &[]).bytes(), &letter.dave),
            "bad-reply"
        );
        assert_eq!(
            code(&to_bob(good, &mallory, &[]).bytes(), &letter.dave),
            "bad-signature"
        );
    }
}

/// A slot under my hint that does not open is passed over for the next match, by pair hint and then by stranger hint.
#[test]
fn next_match_is_tried() {
    for suite in SEALED {
        let (alice, carol) = (person("alice"), person("carol"));
        let bob = receiver(suite, "bob", &[alice.public(), carol.public()]);
        let to = bob.keys().public();
        let spoilt = |row: Row<'static>| Row {
            content_key: Some([1; 32]),
            ..row
        };
        // Leaked, as rows want one lifetime.
        let (alice, carol, to) = (
            Box::leak(Box::new(alice)),
            Box::leak(Box::new(carol)),
            Box::leak(Box::new(to.clone())),
        );
        let (alice, carol, to): (&'static KeyPair, &'static KeyPair, _) = (alice, carol, &*to);
        let rows = [
            Row::paired(suite, alice, to),
            Row::paired(suite, carol, to),
            Row::new(suite, to),
        ];
        let plaintext = pad(&Parts::new("found").encode());
        for (first_good, sender) in [(0, alice), (1, carol), (2, alice)] {
            let rows = rows.iter().enumerate();
            let rows = rows.map(|(i, row)| if i < first_good { spoilt(*row) } else { *row });
            let forge = Forge::new(suite, sender, rows.collect(), plaintext.clone());
            let opened = wcmp_tests::kit::open(&forge.bytes(), &bob).unwrap();
            let expected = (first_good < 2).then(|| sender.public());
            assert_eq!(opened.sender.public_key(), expected, "{suite:?}");
        }
        let rows = rows.into_iter().map(spoilt).collect();
        let forge = Forge::new(suite, alice, rows, plaintext);
        assert_eq!(code(&forge.bytes(), &bob), "not-for-me");
    }
}
