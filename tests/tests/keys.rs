//! Keys: derivation, text forms, fingerprints, pairs (spec 1.1, 1.2, 1.5, 1.6).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use wcmp_suite::{Form, KeyError, KeyPair, KeyType, Provider, PublicKey, Suite};

const PROVIDER: Provider = Provider::rust_crypto();
const TYPES: [KeyType; 2] = [KeyType::X25519, KeyType::XWing];

/// The seed 00 01 02 .. 1f.
fn pair(key_type: KeyType) -> KeyPair {
    let seed = core::array::from_fn(|i| u8::try_from(i).unwrap());
    KeyPair::from_seed(&PROVIDER, key_type, &seed).unwrap()
}

/// The text form of spec 1.5, written out.
fn text(prefix: &str, label: &[u8], bytes: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(label)
        .chain_update(bytes)
        .finalize();
    let base32 = BASE32_NOPAD.encode(&[bytes, &hash[..4]].concat());
    prefix.to_owned() + &base32.to_lowercase()
}

fn public_text(bytes: &[u8]) -> String {
    text("wcmp1", b"WCMP v1 text", bytes)
}

/// What another implementation of spec 1 makes of the seed 00 01 .. 1f.
#[test]
fn derivation_is_fixed() {
    let key = pair(KeyType::X25519);
    assert_eq!(
        HEXLOWER.encode(key.public().key_id()),
        "c364fb3facc99f237972d1423ac7ba809cedd3c48efae32344e882c77e67c940"
    );
    assert_eq!(
        *key.public().to_text(),
        "wcmp1aaatow4uhkfc42ptejd72mmzsnbtiofq3bjmoa6xn34pakbav6csiynvhooho442nhe2ap7gkmcnjku4ikywqdznnrb52szi6rn5hxo2bwt5lpnp"
    );
    assert_eq!(
        *key.to_secret_text(),
        "wcmp-secret1aaaqaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h26kixem"
    );
    assert_eq!(key.public().fingerprint(), "ynsp wp5m zgps g6ls 2fbd vr52");
    assert_eq!(
        HEXLOWER.encode(&key.sign(&PROVIDER, b"message")),
        "3843f143d8c8127674195acde6f11a9c277c81758bf40e2905baf2325a2ef18e\
         4911c4a0b2a72367595716d97e3b18a66878676a3ad589b2392d63593fb9690a"
    );

    let key = pair(KeyType::XWing);
    assert_eq!(
        HEXLOWER.encode(key.public().key_id()),
        "b69ca171af7d72a37dd1dc9823541a6592c0a56b0007ee570cc724705c617e0d"
    );
    assert_eq!(
        HEXLOWER.encode(&Sha256::digest(key.public().to_text().as_bytes())),
        "7ad11aff455178a9435844cfdbb72c37cbe5f3a7ea9bccdd7e4d72b7ddbc4f8e"
    );
    assert_eq!(
        *key.to_secret_text(),
        "wcmp-secret1aabaaaicamcakbqhbaequcymbuha6earcijrifiwc4mbsgq3dqor4h6sxbpp4"
    );
    assert_eq!(key.public().fingerprint(), "w2ok c4np pvzk g7or 3smc gva2");
    assert_eq!(
        HEXLOWER.encode(&key.sign(&PROVIDER, b"message")),
        "9c1fd25d260f943deb860d7de37f9357e46234534d9acb34d8a8507fbf5193bb\
         e54cfb9dbafd6b2e275e112c22a54381e494aeef154702aba415d2366c708e01"
    );
}

#[test]
fn providers_derive_the_same() {
    for key_type in TYPES {
        let other = KeyPair::from_seed(
            &Provider::aws_lc(),
            key_type,
            pair(key_type).dangerous_seed(),
        )
        .unwrap();
        assert_eq!(other.public(), pair(key_type).public());
    }
}

#[test]
fn lengths_are_those_of_the_spec() {
    for (key_type, public, text) in [(KeyType::X25519, 66, 117), (KeyType::XWing, 1250, 2012)] {
        let key = pair(key_type);
        assert_eq!(
            (key.public().as_bytes().len(), key_type.public_len()),
            (public, public)
        );
        assert_eq!(
            (key.public().to_text().len(), key.to_secret_text().len()),
            (text, 73)
        );
    }
}

#[test]
fn texts_lead_back() {
    for key_type in TYPES {
        let key = pair(key_type);
        let (public, secret) = (key.public().to_text(), key.to_secret_text());
        assert_eq!(*public, public_text(key.public().as_bytes()));
        assert_eq!(PublicKey::from_text(&public).as_ref(), Ok(key.public()));
        let read = KeyPair::from_secret_text(&PROVIDER, &secret).unwrap();
        assert_eq!(
            (read.public(), read.dangerous_seed()),
            (key.public(), key.dangerous_seed())
        );
        assert_eq!(read.key_type(), key_type);
    }
}

#[test]
fn fingerprints_are_six_groups_of_four() {
    for key_type in TYPES {
        let key = pair(key_type);
        let fingerprint = key.public().fingerprint();
        let groups: Vec<&str> = fingerprint.split(' ').collect();
        assert!(
            groups.len() == 6 && groups.iter().all(|group| group.len() == 4),
            "{fingerprint}"
        );
        assert_eq!(
            groups.concat(),
            BASE32_NOPAD
                .encode(&key.public().key_id()[..15])
                .to_lowercase()
        );
    }
}

/// Everything one slip away from `text`: a character changed, left out, put in, two swapped; the case; padding.
fn slips(text: &str) -> Vec<String> {
    const OTHERS: &str = "abcdefghijklmnopqrstuvwxyz234567ABCMZ0189=-_ \n\t\0\u{e4}\u{131}\u{ff41}";
    // For the long text a few others a place will do; the place is what its length adds.
    let step = 1 + text.len() / 120;
    let mut slips = Vec::new();
    for at in 0..text.len() {
        let (before, rest) = text.split_at(at);
        let (this, after) = rest.split_at(1);
        for other in OTHERS.chars().skip(at % step).step_by(step) {
            slips.push(format!("{before}{other}{after}"));
            slips.push(format!("{before}{other}{this}{after}"));
        }
        slips.push(format!("{before}{after}"));
        slips.push(format!("{before}{}{after}", this.to_uppercase()));
        if let Some((next, after)) = after.split_at_checked(1) {
            slips.push(format!("{before}{next}{this}{after}"));
        }
        slips.push(before.to_owned());
        slips.push(rest.to_owned());
    }
    for end in [" ", "\n", "\r\n", "\t", "=", "==", "a", "\0", "\u{feff}"] {
        slips.push(format!("{text}{end}"));
        slips.push(format!("{end}{text}"));
    }
    slips.extend([
        text.to_uppercase(),
        text.replace("wcmp", "WCMP"),
        format!("{text}{text}"),
        String::new(),
    ]);
    // Changing a character to itself, or swapping two equal ones, is no slip.
    slips.retain(|slip| slip != text);
    slips
}

#[test]
fn every_slip_in_a_text_is_refused() {
    for key_type in TYPES {
        let key = pair(key_type);
        let public = slips(&key.public().to_text());
        assert!(public.len() > 9_000, "{}", public.len());
        for slip in public {
            assert_eq!(PublicKey::from_text(&slip), Err(KeyError::Text), "{slip:?}");
        }
        let secret = slips(&key.to_secret_text());
        assert!(secret.len() > 6_000, "{}", secret.len());
        for slip in secret {
            assert_eq!(
                KeyPair::from_secret_text(&PROVIDER, &slip).err(),
                Some(KeyError::Text),
                "{slip:?}"
            );
        }
    }
}

#[test]
fn one_form_is_not_read_as_the_other() {
    for key_type in TYPES {
        let key = pair(key_type);
        assert_eq!(
            PublicKey::from_text(&key.to_secret_text()),
            Err(KeyError::Text)
        );
        assert_eq!(
            KeyPair::from_secret_text(&PROVIDER, &key.public().to_text()).err(),
            Some(KeyError::Text)
        );
        let mislabelled = text("wcmp1", b"WCMP v1 secret text", key.public().as_bytes());
        assert_eq!(PublicKey::from_text(&mislabelled), Err(KeyError::Text));
    }
}

#[test]
fn secret_texts_of_other_types_and_lengths_are_refused() {
    let secret = |bytes: &[u8]| {
        let text = text("wcmp-secret1", b"WCMP v1 secret text", bytes);
        KeyPair::from_secret_text(&PROVIDER, &text).map(|key| key.key_type())
    };
    for key_type in TYPES {
        let bytes = [&key_type.id().to_be_bytes()[..], &[7; 40]].concat();
        for len in 0..bytes.len() {
            let expected = if len == 34 {
                Ok(key_type)
            } else {
                Err(KeyError::Length)
            };
            assert_eq!(secret(&bytes[..len]), expected, "{len} bytes");
        }
    }
    for id in [0, 3, 0x0100, 0x0200, 0xffff_u16] {
        assert_eq!(
            secret(&[&id.to_be_bytes()[..], &[7; 32]].concat()),
            Err(KeyError::Type),
            "{id}"
        );
    }
}

#[test]
fn pair_keys_are_symmetric_and_their_hint_keys_are_not() {
    let [alice, bob, carol] =
        [1, 2, 3].map(|n| KeyPair::from_seed(&PROVIDER, KeyType::X25519, &[n; 32]).unwrap());
    let body = [9; 32];
    let mut hints = Vec::new();
    for suite in Suite::ALL
        .into_iter()
        .filter(|suite| suite.form() == Form::Sealed)
    {
        for (mine, theirs) in [(&alice, &bob), (&bob, &carol), (&carol, &alice)] {
            let [here, there] = [(mine, theirs), (theirs, mine)]
                .map(|(mine, theirs)| mine.pair_key(&PROVIDER, theirs.public()).unwrap());
            for (sender, receiver) in [(mine, theirs), (theirs, mine)] {
                let hint = here
                    .hint_key(&PROVIDER, suite, sender.public(), receiver.public())
                    .hint(&body);
                assert_eq!(
                    hint,
                    there
                        .hint_key(&PROVIDER, suite, sender.public(), receiver.public())
                        .hint(&body)
                );
                hints.push(hint);
            }
        }
    }
    // Another suite, pair or direction: another hint.
    let all = hints.len();
    hints.sort_unstable();
    hints.dedup();
    assert_eq!((hints.len(), all), (12, 12));
}

#[test]
fn pair_keys_need_type_1_on_both_sides() {
    let [short, long] = TYPES.map(pair);
    for (mine, theirs) in [(&short, &long), (&long, &short), (&long, &long)] {
        assert_eq!(
            mine.pair_key(&PROVIDER, theirs.public()).err(),
            Some(KeyError::Type)
        );
    }
    assert!(short.pair_key(&PROVIDER, short.public()).is_ok());
}
