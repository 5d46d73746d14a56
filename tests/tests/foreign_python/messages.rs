//! What one seals the other opens, and from equal inputs both make equal envelopes.

use serde_json::json;
use wcmp::Suite;
use wcmp_tests::kit::TestRng;
use wcmp_tests::protocol::{answer, hex};

use crate::Both;
use crate::letters::Letter;

const TYPE_1: [Suite; 4] = [
    Suite::OpenAes256Gcm,
    Suite::OpenChaCha20Poly1305,
    Suite::SealedAes256Gcm,
    Suite::SealedChaCha20Poly1305,
];

/// Opens `envelope` as everybody; returns how many read it.
fn open_as_everybody(both: &mut Both, rng: &mut TestRng, letter: &Letter, envelope: &str) -> u32 {
    both.agree(&json!({ "op": "inspect", "envelope": envelope }));
    let mut read = 0;
    for request in letter.openings(rng, envelope) {
        let opened = both.agree(&request);
        if opened.get("status").is_some() {
            assert_eq!(opened["body"], letter.request["body"]);
            read += 1;
        }
    }
    read
}

#[test]
fn type_1_envelopes_are_the_same_bytes_and_open_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(101);
    let mut read = 0;
    for _ in 0..75 {
        for suite in TYPE_1 {
            let letter = Letter::sound(&mut rng, suite);
            let sealed = both.agree(&letter.request);
            let envelope = sealed["envelope"].as_str().expect("a sound letter");
            read += open_as_everybody(&mut both, &mut rng, &letter, envelope);
        }
    }
    assert!(read > 400, "{read}");
}

#[test]
fn type_2_envelopes_of_both_open_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(102);
    let mut read = 0;
    for _ in 0..40 {
        let letter = Letter::sound(&mut rng, Suite::OpenXWing);
        let ours = answer(&both.rust, &letter.request);
        let theirs = both.python.ask(&letter.request);
        let mut cores = Vec::new();
        for sealed in [ours, theirs] {
            let envelope = sealed["envelope"].as_str().expect("a sound letter");
            read += open_as_everybody(&mut both, &mut rng, &letter, envelope);
            let inspect = json!({ "op": "inspect", "envelope": envelope });
            cores.push(both.agree(&inspect)["core"].clone());
        }
        // X-Wing's randomness concerns slots only.
        assert_eq!(cores[0], cores[1]);
    }
    assert!(read > 60, "{read}");
}

#[test]
fn builders_refuse_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(103);
    let mut refused = 0;
    for _ in 0..60 {
        for suite in Suite::ALL {
            let letter = Letter::odd(&mut rng, suite);
            let ours = answer(&both.rust, &letter.request);
            let theirs = both.python.ask(&letter.request);
            assert_eq!(ours["error"], theirs["error"], "{}", letter.request);
            refused += u32::from(ours.get("error").is_some());
        }
    }
    assert!(refused > 100, "{refused}");
}

/// The largest content, the most slots, and one step beyond each.
#[test]
fn large_ones_agree() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(104);
    let mut letter = Letter::sound(&mut rng, Suite::SealedAes256Gcm);
    while letter.receivers.len() != 1 {
        letter = Letter::sound(&mut rng, Suite::SealedAes256Gcm);
    }
    let mut request = json!({
        "op": "seal",
        "suite": 0x0101,
        "expires": crate::letters::NOW,
        "entropy": hex(&rng.array::<32>()),
        "to": [letter.receivers[0].public],
    });
    // Two options, two empty strings' lengths, a length of four bytes for the body.
    let most = 16_252_928 - 8;
    for (body, slots, fits) in [
        (most, 2048, true),
        (most, 4096, false),
        (most + 1, 4, false),
        (0, 4096, true),
        (0, 4097, false),
    ] {
        request["body"] = json!({ "parts": [["5a", body]] });
        request["slots"] = json!(slots);
        let sealed = both.agree(&request);
        if !fits {
            assert_eq!(sealed, json!({ "error": "size" }), "{body} {slots}");
            continue;
        }
        let opened = both.agree(&json!({
            "op": "open",
            "key": letter.receivers[0].pair,
            "envelope": sealed["envelope"],
            "now": 0,
        }));
        assert_eq!(opened["body"].as_str().unwrap().len(), 2 * body);
    }
}
