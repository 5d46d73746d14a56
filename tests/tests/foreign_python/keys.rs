//! Keys, their texts and fingerprints, and which ones are refused.

use serde_json::{Value, json};
use wcmp_tests::kit::TestRng;
use wcmp_tests::protocol::{hex, unhex};
use wcmp_tests::vectors::keys::{BAD_ED25519, BAD_X25519, ODD_ED25519};

use crate::Both;

fn keygen(both: &mut Both, rng: &mut TestRng, key_type: u16) -> Value {
    let seed = hex(&rng.array::<32>());
    both.agree(&json!({ "op": "keygen", "type": key_type, "seed": seed }))
}

#[test]
fn seeds_give_the_same_keys_texts_and_fingerprints() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(1);
    for round in 0..80 {
        let pair = keygen(&mut both, &mut rng, 1 + round % 2);
        let read = json!({ "op": "read_text", "text": pair["text"] });
        assert_eq!(both.agree(&read)["public"], pair["public"]);
        let read = json!({ "op": "read_secret_text", "text": pair["secret_text"] });
        assert_eq!(both.agree(&read), pair);
    }
    keygen(&mut both, &mut rng, 3);
}

/// A text with a mistake, or perhaps none.
fn mistyped(rng: &mut TestRng, text: &str) -> String {
    let mut out: Vec<char> = text.chars().collect();
    let at = rng.below(out.len());
    let typed = [
        'a', 'b', 'q', '2', '7', '0', '8', 'A', '=', ' ', '\n', 'ſ', 'ı', 'é',
    ];
    match rng.below(7) {
        0 => out[at] = *rng.pick(&typed),
        1 => out.insert(at, *rng.pick(&typed)),
        2 => drop(out.remove(at)),
        3 => out.truncate(at),
        4 => {
            let last = out.len() - 1;
            out[last] = *rng.pick(&typed);
        }
        5 => out.extend(['=', '=', '='].iter().take(1 + rng.below(3))),
        _ => out[at] = out[at].to_ascii_uppercase(),
    }
    out.into_iter().collect()
}

#[test]
fn mistyped_texts_are_judged_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(2);
    for round in 0..40 {
        let pair = keygen(&mut both, &mut rng, 1 + round % 2);
        for (op, text) in [("read_text", "text"), ("read_secret_text", "secret_text")] {
            for _ in 0..12 {
                let text = mistyped(&mut rng, pair[text].as_str().unwrap());
                both.agree(&json!({ "op": op, "text": text }));
            }
        }
    }
}

#[test]
fn public_keys_are_judged_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(3);
    let mut taken = 0;
    for round in 0..700 {
        let pair = keygen(&mut both, &mut rng, if round % 5 == 0 { 2 } else { 1 });
        let mut key = unhex(pair["public"].as_str().unwrap());
        let len = key.len();
        let edge = |rng: &mut TestRng, keys: &[(&str, &str)]| unhex(rng.pick(keys).1);
        match rng.below(10) {
            0 => key[rng.below(len)] ^= 1 << rng.below(8),
            1 => key[len - 1 - rng.below(32)] ^= 1 << rng.below(8),
            2 => key[len - 33] ^= 0x80,
            3 => key.truncate(rng.below(len)),
            4 => key[1] ^= 3,
            5 => {
                let point = edge(&mut rng, &BAD_X25519);
                key[len - 64..len - 32].copy_from_slice(&point);
            }
            6 => {
                let point = edge(&mut rng, &BAD_ED25519);
                key[len - 32..].copy_from_slice(&point);
            }
            7 => {
                let point = edge(&mut rng, &ODD_ED25519);
                key[len - 32..].copy_from_slice(&point);
            }
            // Just below and above p, with and without a sign.
            8 => {
                key[len - 32..].fill(0xff);
                key[len - 32] = 0xd0 + u8::try_from(rng.below(0x30)).unwrap();
                key[len - 1] = *rng.pick(&[0x7f, 0xff]);
            }
            // Any coefficient of ML-KEM, or any bytes of X25519.
            _ => {
                let at = 2 + rng.below(len - 36);
                let bytes = rng.bytes(3);
                key[at..at + 3].copy_from_slice(&bytes);
            }
        }
        let judged = both.agree(&json!({ "op": "check_key", "public": hex(&key) }));
        taken += u32::from(judged.get("ok").is_some());
    }
    assert!((100..500).contains(&taken), "{taken}");
}
