//! Bundles: the same bytes written, the same events read, whatever happened to the file.

use serde_json::{Value, json};
use wcmp_tests::kit::TestRng;
use wcmp_tests::protocol::{hex, unhex};

use crate::Both;

/// A request to write a bundle of a few short frames, which need not hold envelopes.
fn bundle(rng: &mut TestRng) -> Value {
    let salt = rng.array::<4>();
    let marker: Vec<u8> = [0xf1, 0x57, 0x45, 0x1c]
        .iter()
        .zip(salt)
        .map(|(m, s)| m ^ s)
        .collect();
    let frames = (0..rng.below(6)).map(|_| {
        let longest = *rng.pick(&[2, 150]);
        let length = rng.below(longest);
        let mut envelope = rng.bytes(length);
        if rng.one_in(3) {
            // A frame within the frame.
            envelope.extend(&marker);
            envelope.extend([0, 0, 0, 2, 0, 0]);
        }
        let stamp = match rng.below(4) {
            0 => [vec![1, 8], rng.bytes(8)].concat(),
            1 => [vec![7, 3], rng.bytes(3)].concat(),
            _ => vec![0, 0],
        };
        json!({ "stamp": hex(&stamp), "envelope": hex(&envelope) })
    });
    let frames: Vec<Value> = frames.collect();
    json!({ "op": "bundle_write", "salt": hex(&salt), "frames": frames, "end": !rng.one_in(4) })
}

fn damage(rng: &mut TestRng, file: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    let at = rng.below(file.len());
    let to = at + rng.below(file.len() - at + 1);
    match rng.below(10) {
        0 => out.truncate(at),
        1 | 2 => out[at] ^= 1 << rng.below(8),
        3 => drop(out.drain(at..to)),
        4 => drop(out.splice(at..at, rng.bytes(20))),
        5 => drop(out.splice(at..at, file[at..to].to_vec())),
        6 => drop(out.splice(at..to, other[other.len().min(at)..].to_vec())),
        7 => out[rng.below(20.min(file.len()))] ^= 1 << rng.below(8),
        8 => out.extend(rng.bytes(9)),
        _ => out.extend(&file[20.min(file.len())..]),
    }
    out
}

#[test]
fn bundles_are_the_same_bytes_and_read_alike_through_damage() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(301);
    let mut other = vec![0; 40];
    let mut damaged = 0;
    for _ in 0..150 {
        let request = bundle(&mut rng);
        let written = both.agree(&request);
        let file = unhex(written["bundle"].as_str().unwrap());
        let read = json!({ "op": "bundle_read", "bundle": hex(&file) });
        let whole = both.agree(&read);
        let frames = request["frames"].as_array().unwrap();
        assert_eq!(whole["events"].as_array().unwrap().len(), frames.len() + 1);
        for _ in 0..8 {
            let mut bad = damage(&mut rng, &file, &other);
            if rng.one_in(3) && !bad.is_empty() {
                bad = damage(&mut rng, &bad.clone(), &file);
            }
            let mut read = json!({ "op": "bundle_read", "bundle": hex(&bad) });
            if rng.one_in(3) {
                read["max_envelope"] = rng.below(120).into();
            }
            let events = both.agree(&read);
            damaged += u32::from(events.to_string().contains("damaged"));
        }
        other = file;
    }
    assert!(damaged > 300, "{damaged}");
}

#[test]
fn sealed_bundles_are_the_same_bytes_and_opened_alike_through_damage() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(302);
    let mut refused = 0;
    for i in 0..60 {
        let longest = *rng.pick(&[3, 1100, 3000, 70_000, 200_000]);
        let length = rng.below(longest);
        let bundle = hex(&rng.bytes(length));
        let salt = rng.array::<32>();
        // Passphrases take long.
        let (name, secret) = match i % 20 {
            0 => (
                "passphrase",
                "a\u{308}\u{1e9b}\u{323} \u{ac00}\u{1f600}".into(),
            ),
            1 => ("passphrase", String::new()),
            _ => ("secret", hex(&rng.array::<32>())),
        };
        let seal =
            json!({ "op": "bundle_seal", "salt": hex(&salt), "bundle": bundle, name: secret });
        let file = unhex(both.agree(&seal)["sealed"].as_str().unwrap());
        let open =
            |file: &[u8]| json!({ "op": "bundle_unseal", "sealed": hex(file), name: secret });
        assert_eq!(both.agree(&open(&file))["bundle"], bundle);
        for _ in 0..if name == "secret" { 4 } else { 1 } {
            let mut bad = file.clone();
            let at = rng.below(bad.len());
            match rng.below(4) {
                0 => bad.truncate(at),
                1 => bad.truncate(32 + at / 65_552 * 65_552),
                2 => bad.extend(rng.bytes(17)),
                _ => bad[at] ^= 1 << rng.below(8),
            }
            let answer = both.agree(&open(&bad));
            assert_eq!(answer["error"], "bundle");
            refused += 1;
        }
    }
    assert!(refused > 200, "{refused}");
}

#[test]
fn stamps_are_worth_the_same() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(303);
    for _ in 0..500 {
        let (kind, len) = *rng.pick(&[(1, 8), (1, 8), (1, 8), (1, 7), (1, 9), (2, 8), (0, 0)]);
        let stamp = [vec![kind, len], rng.bytes(len.into())].concat();
        let id = rng.array::<32>();
        let request = json!({ "op": "effort", "stamp": hex(&stamp), "id": hex(&id) });
        let answer = both.agree(&request);
        assert!(answer["effort"] == "0" || (kind, len) == (1, 8), "{answer}");
    }
}
