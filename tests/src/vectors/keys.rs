//! Keys: what they derive to, how they are written, which ones are refused.

use serde_json::json;
use wcmp::{KeyPair, KeyType};

use super::Vector;
use crate::kit::{CRYPTO, key_of, keys, person};
use crate::protocol::{hex, unhex};

/// X25519 keys that are refused: the points of small order, and encodings that are not
/// canonical.
pub const BAD_X25519: [(&str, &str); 10] = [
    (
        "zero",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "one",
        "0100000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "order-8-a",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    ),
    (
        "order-8-b",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ),
    (
        "p-minus-1",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "p",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "p-plus-1",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "p-plus-9",
        "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "all-ones",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ),
    (
        "base-point-with-bit-255",
        "0900000000000000000000000000000000000000000000000000000000000080",
    ),
];

/// Ed25519 keys that are refused.
pub const BAD_ED25519: [(&str, &str); 15] = [
    (
        "identity",
        "0100000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "identity-with-sign",
        "0100000000000000000000000000000000000000000000000000000000000080",
    ),
    (
        "order-2",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "order-2-with-sign",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ),
    (
        "order-4-a",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "order-4-b",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ),
    (
        "order-8-a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ),
    (
        "order-8-b",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ),
    (
        "order-8-c",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ),
    (
        "order-8-d",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ),
    (
        "y-is-p",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "y-is-p-plus-1",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "y-is-p-plus-3",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
    (
        "not-on-the-curve",
        "0200000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "all-ones",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ),
];

/// Ed25519 keys that look odd and are taken: a point of mixed order is not of small
/// order.
pub const ODD_ED25519: [(&str, &str); 2] = [
    (
        "mixed-order-a",
        "5252cc0a7f208133b620acbd4537eba2a4123bf0a8c2e4f980c3b31bb69765ea",
    ),
    (
        "mixed-order-b",
        "9bad33f580df7ecc49df5342bac8145d5bedc40f573d1b067f3c4ce449689a15",
    ),
];

fn check(name: &str, description: &str, expect: &str, encoded: &[u8]) -> Vector {
    let request = json!({ "op": "check_key", "public": hex(encoded) });
    Vector::new(&format!("key/{name}"), description, expect, request)
}

fn ed25519(key: &str) -> [u8; 32] {
    unhex(key).try_into().unwrap()
}

/// The ML-KEM coefficient in place `n` set to 3329.
fn out_of_range(kem: &[u8], n: usize) -> Vec<u8> {
    let mut out = kem.to_vec();
    let at = n / 2 * 3;
    if n.is_multiple_of(2) {
        out[at] = 0x01;
        out[at + 1] = out[at + 1] & 0xf0 | 0x0d;
    } else {
        out[at + 1] = out[at + 1] & 0x0f | 0x10;
        out[at + 2] = 0xd0;
    }
    out
}

/// A text of any bytes with the checksum that fits.
fn text(prefix: &str, label: &[u8], bytes: &[u8]) -> String {
    let sum = wcmp_wire::sha256(&[label, bytes]);
    let base32 = data_encoding::BASE32_NOPAD.encode(&[bytes, &sum[..4]].concat());
    format!("{prefix}{}", base32.to_lowercase())
}

/// All of them.
#[must_use]
pub fn vectors() -> Vec<Vector> {
    let mut out = Vec::new();
    for (key_type, n) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let seed = wcmp_wire::sha256(&[b"seed", &[key_type, n]]);
        out.push(Vector::new(
            &format!("key/pair-type-{key_type}-{n}"),
            "Everything that follows from a seed (1.1, 1.2, 1.5).",
            "ok",
            json!({ "op": "keygen", "type": key_type, "seed": hex(&seed) }),
        ));
    }
    out.push(Vector::new(
        "key/pair-unknown-type",
        "There is no type 3.",
        "key",
        json!({ "op": "keygen", "type": 3, "seed": hex(&[7; 32]) }),
    ));
    encoded(&mut out);
    texts(&mut out);
    secret_texts(&mut out);
    out
}

fn encoded(out: &mut Vec<Vector>) {
    let alice = person("alice");
    let wing = keys(KeyType::XWing, "alice");
    let (sound, sound_2) = (alice.public().as_bytes(), wing.public().as_bytes());
    let (kem, kem_2) = (alice.public().kem(), wing.public().kem());
    let sig = alice.public().ed25519();

    out.push(check("sound-type-1", "A key of type 1.", "ok", sound));
    out.push(check("sound-type-2", "A key of type 2.", "ok", sound_2));
    let twist = [vec![2], vec![0; 31]].concat();
    let what = "A point of the twist may be an X25519 key.";
    out.push(check("x25519-twist", what, "ok", &key_of(&twist, sig)));
    for (name, key) in ODD_ED25519 {
        let what = "A point of mixed order is not of small order.";
        let key = key_of(kem, &ed25519(key));
        out.push(check(&format!("ed25519-{name}"), what, "ok", &key));
    }
    for (name, key) in BAD_X25519 {
        let what = "The X25519 part is of small order or not canonical (1.3).";
        let bad = unhex(key);
        let name = format!("x25519-{name}");
        out.push(check(&name, what, "key", &key_of(&bad, sig)));
        if name.ends_with("-p") || name.ends_with("order-8-a") || name.ends_with("255") {
            let bad = [&kem_2[..1184], &bad].concat();
            let name = format!("x-wing-{name}");
            out.push(check(&name, what, "key", &key_of(&bad, sig)));
        }
    }
    for (name, key) in BAD_ED25519 {
        let what = "The Ed25519 part is of small order, not canonical or no point (1.3).";
        let key = key_of(kem, &ed25519(key));
        out.push(check(&format!("ed25519-{name}"), what, "key", &key));
    }
    for n in [0, 1, 767] {
        let what = "An ML-KEM coefficient of 3329 fails FIPS 203's check.";
        let key = key_of(&out_of_range(kem_2, n), sig);
        out.push(check(&format!("ml-kem-coefficient-{n}"), what, "key", &key));
    }
    for (name, what, bytes) in [
        ("empty", "No bytes.", vec![]),
        ("type-only", "A type without a key.", vec![0, 1]),
        (
            "type-0",
            "There is no type 0.",
            [&[0, 0], &sound[2..]].concat(),
        ),
        (
            "type-3",
            "There is no type 3.",
            [&[0, 3], &sound[2..]].concat(),
        ),
        (
            "type-2-with-the-length-of-type-1",
            "The length is not that of the type.",
            [&[0, 2], &sound[2..]].concat(),
        ),
        (
            "type-1-with-the-length-of-type-2",
            "The length is not that of the type.",
            [&[0, 1], &sound_2[2..]].concat(),
        ),
        ("short", "A byte is missing.", sound[..65].to_vec()),
        ("long", "A byte too many.", [sound, &[0]].concat()),
    ] {
        out.push(check(name, what, "key", &bytes));
    }
}

fn texts(out: &mut Vec<Vector>) {
    let mut read = |name: &str, what: &str, expect: &str, text: &str| {
        let request = json!({ "op": "read_text", "text": text });
        let name = format!("key/text-{name}");
        out.push(Vector::new(&name, what, expect, request));
    };
    let alice = person("alice");
    let good = alice.public().to_text();
    let good: &str = &good;
    let label = b"WCMP v1 text";
    read("type-1", "The text of a key, 117 characters.", "ok", good);
    let wing = keys(KeyType::XWing, "alice").public().to_text();
    read("type-2", "The text of a key, 2012 characters.", "ok", &wing);
    let strict = "A reader strips and folds nothing (1.5).";
    read("upper-case", strict, "key", &good.to_uppercase());
    let mixed = good.replacen('a', "A", 1);
    read("one-capital", strict, "key", &mixed);
    read("space-before", strict, "key", &format!(" {good}"));
    read("newline-after", strict, "key", &format!("{good}\n"));
    let spaced = format!("{} {}", &good[..9], &good[9..]);
    read("space-inside", strict, "key", &spaced);
    read("padded", strict, "key", &format!("{good}===="));
    read(
        "other-prefix",
        strict,
        "key",
        &good.replacen("wcmp1", "wcmp2", 1),
    );
    read("no-prefix", strict, "key", &good[5..]);
    read("nothing", strict, "key", "");
    read("prefix-only", strict, "key", "wcmp1");
    read("cut", "Characters are missing.", "key", &good[..116]);
    read(
        "cut-by-eight",
        "Characters are missing.",
        "key",
        &good[..109],
    );
    let mut swapped = good.to_string().into_bytes();
    let at = (20..100).find(|&n| swapped[n] != swapped[n + 1]).unwrap();
    swapped.swap(at, at + 1);
    let swapped = String::from_utf8(swapped).unwrap();
    read("two-swapped", "The checksum does not fit.", "key", &swapped);
    // 70 bytes are 112 characters, no bits left over; 67 bytes leave some.
    let odd = text("wcmp1", label, &alice.public().as_bytes()[..65]);
    read(
        "short-key",
        "Sound text of a key that is too short.",
        "key",
        &odd,
    );
    let last = odd.pop_last();
    read(
        "bits-left-over",
        "The last character has bits that mean nothing.",
        "key",
        &last,
    );
    let mut small = alice.public().as_bytes().to_vec();
    small[2..34].fill(0);
    let small = text("wcmp1", label, &small);
    read(
        "of-a-bad-key",
        "Sound text of a key that is not valid (1.3).",
        "key",
        &small,
    );
    let secret = alice.to_secret_text();
    read("secret", "A secret text is no public text.", "key", &secret);
}

/// The same text but for the lowest bit of the last character.
trait PopLast {
    fn pop_last(&self) -> String;
}

impl PopLast for String {
    fn pop_last(&self) -> String {
        let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut out = self.clone().into_bytes();
        let last = out.pop().unwrap();
        let at = alphabet.iter().position(|c| *c == last).unwrap();
        out.push(alphabet[at ^ 1]);
        String::from_utf8(out).unwrap()
    }
}

fn secret_texts(out: &mut Vec<Vector>) {
    let mut read = |name: &str, what: &str, expect: &str, text: &str| {
        let request = json!({ "op": "read_secret_text", "text": text });
        let name = format!("key/secret-text-{name}");
        out.push(Vector::new(&name, what, expect, request));
    };
    let label = b"WCMP v1 secret text";
    let seed = wcmp_wire::sha256(&[b"a seed"]);
    for key_type in [KeyType::X25519, KeyType::XWing] {
        let pair = KeyPair::from_seed(&CRYPTO, key_type, &seed).unwrap();
        let name = format!("type-{}", key_type.id());
        read(
            &name,
            "The secret text of a pair, 73 characters.",
            "ok",
            &pair.to_secret_text(),
        );
    }
    let of = |bytes: &[u8]| text("wcmp-secret1", label, bytes);
    let good = of(&[&[0, 1], &seed[..]].concat());
    read(
        "upper-case",
        "A reader folds nothing (1.5).",
        "key",
        &good.to_uppercase(),
    );
    read("cut", "A character is missing.", "key", &good[..72]);
    read(
        "bits-left-over",
        "The last character has bits that mean nothing.",
        "key",
        &good.pop_last(),
    );
    let wrong = good.replacen("secret1", "secret2", 1);
    read("other-prefix", "Another prefix.", "key", &wrong);
    let unknown = of(&[&[0, 3], &seed[..]].concat());
    read("unknown-type", "There is no type 3.", "key", &unknown);
    let short = of(&[&[0, 1], &seed[..31]].concat());
    read("short-seed", "A seed of 31 bytes.", "key", &short);
    let long = of(&[&[0, 1], &seed[..], &[0]].concat());
    read("long-seed", "A seed of 33 bytes.", "key", &long);
    let public = text(
        "wcmp-secret1",
        b"WCMP v1 text",
        &[&[0, 1], &seed[..]].concat(),
    );
    read(
        "other-label",
        "The checksum of a public text.",
        "key",
        &public,
    );
}
