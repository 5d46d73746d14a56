//! Degenerate keys where the protocol takes a key from a message: introductions, reply keys, slots, encapsulation.
//! (As keys by themselves they are in key_validation.rs.)
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use data_encoding::HEXLOWER;
use wcmp::suite::{Form, hpke, stranger_hint};
use wcmp::{KeyPair, KeyType, PublicKey, Readable, Receiver, Suite};
use wcmp_tests::kit::{
    CRYPTO, Forge, Hint, NOW, Parts, Row, SEALED, Stage, X25519_SUITES, code, key_of, keys, pad,
    person, receiver,
};
use wcmp_wire::sha256;

/// Encodings of the u of small order on the curve and its twist, with bit 255 clear and set.
fn small_order_x25519() -> Vec<[u8; 32]> {
    let clear = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .map(|hex| <[u8; 32]>::try_from(HEXLOWER.decode(hex.as_bytes()).unwrap()).unwrap());
    let set = clear.map(|mut u| {
        u[31] |= 0x80;
        u
    });
    [clear, set].concat()
}

/// Refuses `key` in every suite: as an introduction that somebody signs and whose hint is given, and as a reply key.
fn refused_in_messages(key: &[u8], what: &str) {
    assert!(PublicKey::from_bytes(key).is_err(), "{what}");
    for suite in Suite::ALL {
        let mallory = person("mallory");
        for bob in [
            receiver(suite, "bob", &[]),
            receiver(suite, "bob", &[mallory.public()]),
        ] {
            let known = !bob.contacts().is_empty();
            let row = match known {
                true => Row::paired(suite, &mallory, bob.keys().public()),
                false => Row::new(suite, bob.keys().public()),
            };
            let say = |parts: Parts| Forge::new(suite, &mallory, vec![row], pad(&parts.encode()));
            let introduction = say(Parts::new("").introducing(key));
            let code_of = |forge: &Forge<'_>| code(&forge.bytes(), &bob);
            assert_eq!(
                code_of(&introduction),
                "bad-introduction",
                "{suite:?}: {what}"
            );
            let introduced = Parts::new("").introducing(mallory.public().as_bytes());
            for signature in [[0; 64], identity_signature()] {
                let reply = say(introduced.clone().replying(key, &signature));
                assert_eq!(code_of(&reply), "bad-reply", "{suite:?}: {what}");
                // Even in front of a known sender, or from nobody.
                let reply = say(Parts::new("").replying(key, &signature));
                assert_eq!(code_of(&reply), "bad-reply", "{suite:?}: {what}");
            }
        }
    }
}

/// R the identity, S = 0: what a lax verifier takes for any message under a key of small order.
fn identity_signature() -> [u8; 64] {
    let mut signature = [0; 64];
    signature[0] = 1;
    signature
}

/// X25519 parts of small order, alone and within X-Wing keys.
#[test]
fn low_order_x25519() {
    let mallory = person("mallory");
    let hybrid = keys(KeyType::XWing, "mallory");
    for u in small_order_x25519() {
        refused_in_messages(&key_of(&u, mallory.public().ed25519()), "small order");
    }
    let u = [0; 32];
    let kem = [&hybrid.public().kem()[..1184], &u].concat();
    refused_in_messages(
        &key_of(&kem, hybrid.public().ed25519()),
        "small order in X-Wing",
    );
}

/// Encodings of points that have another, shorter encoding, or none.
#[test]
fn non_canonical() {
    let mallory = person("mallory");
    let (kem, ed25519) = (mallory.public().kem(), mallory.public().ed25519());
    let mut bit_255 = <[u8; 32]>::try_from(kem).unwrap();
    bit_255[31] |= 0x80;
    refused_in_messages(&key_of(&bit_255, ed25519), "X25519, bit 255");
    // 9 + p: the base point, not reduced.
    let mut nine = [0xff; 32];
    (nine[0], nine[31]) = (0xed + 9, 0x7f);
    refused_in_messages(&key_of(&nine, ed25519), "X25519, 9 + p");

    // y + p for the y below 19 that are on the curve; x = 0 with a sign.
    let mut found = 0;
    for y in 0..19u8 {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + y, 0x7f);
        if CompressedEdwardsY(bytes).decompress().is_some() {
            refused_in_messages(&key_of(kem, &bytes), "Ed25519, y + p");
            found += 1;
        }
    }
    assert!(found > 0);
    let mut minus_zero = [0; 32];
    (minus_zero[0], minus_zero[31]) = (1, 0x80);
    refused_in_messages(&key_of(kem, &minus_zero), "Ed25519, x = -0");

    // ML-KEM: a coefficient of 3329, which is 0.
    let hybrid = keys(KeyType::XWing, "mallory");
    let mut kem = hybrid.public().kem().to_vec();
    (kem[0], kem[1]) = (0x01, kem[1] & 0xf0 | 0x0d);
    refused_in_messages(&key_of(&kem, ed25519), "ML-KEM, 3329");
}

/// Signature keys that are no points, or points of small order, under which signatures can be made without a key.
#[test]
fn ed25519_off_curve() {
    let mallory = person("mallory");
    let kem = mallory.public().kem();
    let off = (2..=255u8).map(|y| {
        let mut bytes = [0; 32];
        bytes[0] = y;
        bytes
    });
    let off: Vec<_> = off
        .filter(|bytes| CompressedEdwardsY(*bytes).decompress().is_none())
        .take(4)
        .collect();
    assert_eq!(off.len(), 4);
    for bytes in off {
        refused_in_messages(&key_of(kem, &bytes), "off the curve");
    }
    for point in EIGHT_TORSION {
        refused_in_messages(&key_of(kem, &point.compress().to_bytes()), "small order");
    }
}

/// Keys of the wrong length or type, in messages.
#[test]
fn keys_of_other_types_and_lengths() {
    let mallory = person("mallory");
    let key = mallory.public().as_bytes();
    refused_in_messages(&[], "empty");
    refused_in_messages(&key[..65], "short");
    refused_in_messages(&[key, &[0]].concat(), "long");
    refused_in_messages(&[&[0, 2], &key[2..]].concat(), "type 2 of 66 bytes");
    refused_in_messages(&[&[0, 3], &key[2..]].concat(), "type 3");
}

/// An X-Wing slot whose X25519 part is of small order does not open, although everything else in it is computed as the
/// receiver would: ML-KEM's half is honest, and the sender knows what X25519 gives, namely zero.
#[test]
fn xwing_low_order_ciphertext() {
    let suite = Suite::OpenXWing;
    let mallory = person("mallory");
    let bob = receiver(suite, "bob", &[mallory.public()]);
    let rows = vec![Row::new(suite, bob.keys().public())];
    let honest = Forge::new(suite, &mallory, rows, pad(&Parts::new("hello").encode()));
    let built = honest.build();
    assert_eq!(code(&built.bytes(), &bob), "opened");
    let slot = wcmp_tests::kit::open(&built.bytes(), &bob).unwrap().slot;
    for u in small_order_x25519() {
        let mut forged = built.clone();
        forged.envelope.sealed_keys[slot * 1168 + 1088..][..32].copy_from_slice(&u);
        wcmp_tests::kit::sign(&mut forged.envelope, suite, &built.content_key, &mallory);
        assert_eq!(code(&forged.bytes(), &bob), "not-for-me");
        // It is refused before there is a shared secret, not because this one was for another ciphertext.
        let ciphertext: &[u8; 1120] = forged.envelope.sealed_keys[slot * 1168..][..1120]
            .try_into()
            .unwrap();
        let secret = CRYPTO.xwing.secret(&bob_xwing_secret());
        assert!(secret.decapsulate(ciphertext).is_err());
        let mut honest = *ciphertext;
        honest[1088..].copy_from_slice(&built.envelope.sealed_keys[slot * 1168 + 1088..][..32]);
        assert!(secret.decapsulate(&honest).is_ok());
    }
}

/// The decapsulation key of "bob", derived as spec 1.1 says.
fn bob_xwing_secret() -> [u8; 32] {
    let bob: KeyPair = keys(KeyType::XWing, "bob");
    let prk = wcmp::suite::kdf::extract(&CRYPTO, b"WCMP v1 key pair", &[bob.dangerous_seed()]);
    *wcmp::suite::kdf::expand(&CRYPTO, &*prk, &[b"kem", &[0, 2]])
}

/// An `encapsulation` of small order: the X25519 output is zero for everybody, so whoever holds a public key could
/// compute slots and stranger hints. There is no stranger hint then, and no slot opens, though all of it is right for
/// an output of zero.
#[test]
fn low_order_encapsulation() {
    for suite in X25519_SUITES {
        let mallory = person("mallory");
        let known = receiver(suite, "bob", &[mallory.public()]);
        let unknown = receiver(suite, "bob", &[]);
        for u in small_order_x25519() {
            let bob = known.keys().public().clone();
            let kem = bob.kem().try_into().unwrap();
            let shared = || hpke::dhkem_shared_secret(&CRYPTO, &[0; 32], &u, kem);
            // Once for Mallory's contact, once for a stranger.
            for (reader, paired) in [(&known, true), (&unknown, false)] {
                let row = match paired {
                    true => Row::paired(suite, &mallory, &bob),
                    false => Row::new(suite, &bob),
                };
                let plaintext = pad(&Parts::new("zero").encode());
                let place = |stage: Stage, e: &mut wcmp_wire::Envelope| {
                    if stage == Stage::Body {
                        e.encapsulation = u.to_vec();
                    }
                };
                let dry = Forge::new(suite, &mallory, vec![row], plaintext.clone()).hook(place);
                let body = dry.build().envelope.body(sha256).0;
                let hint = stranger_hint(&CRYPTO, suite, &shared(), bob.key_id(), &body);
                let row = match (suite.form(), paired) {
                    (Form::Sealed, false) => Row {
                        hint: Hint::Raw(hint),
                        ..row
                    },
                    _ => row,
                };
                let forge = Forge::new(suite, &mallory, vec![row], plaintext).hook(place);
                let mut forged = forge.build();
                // The slot that an output of zero gives, at every place, so that it is under whatever hint.
                let envelope = &mut forged.envelope;
                let core = envelope.core(sha256, &wcmp_wire::Body(body)).0;
                let slot = wcmp::suite::slot::seal(
                    &CRYPTO,
                    suite,
                    &shared(),
                    &core,
                    bob.key_id(),
                    &forged.content_key,
                );
                envelope.sealed_keys = slot.unwrap().repeat(4);
                wcmp_tests::kit::sign(envelope, suite, &forged.content_key, &mallory);
                let bytes = forged.bytes();
                assert_eq!(code(&bytes, reader), "not-for-me", "{suite:?}");
                let readable = Readable::parse(&bytes, NOW).unwrap();
                let recognised = readable.recognise(&CRYPTO, reader).is_some();
                assert_eq!(
                    recognised,
                    paired || suite.form() == Form::Open,
                    "{suite:?}"
                );
            }
        }
        // The same construction with an honest X25519 output opens: it is the zero that is refused.
        let secret = CRYPTO.x25519.secret(&[5; 32]);
        let enc = secret.public();
        let bob: &Receiver = &unknown;
        let kem = bob.keys().public().kem().try_into().unwrap();
        let shared = hpke::dhkem_encap(&CRYPTO, &*secret, &enc, kem).unwrap();
        let row = Row::new(suite, bob.keys().public());
        let plaintext = pad(&Parts::new("not zero").encode());
        let place = |stage: Stage, e: &mut wcmp_wire::Envelope| {
            if stage == Stage::Body {
                e.encapsulation = enc.to_vec();
            }
        };
        let dry = Forge::new(suite, &mallory, vec![row], plaintext.clone())
            .hook(place)
            .build();
        let body = dry.envelope.body(sha256).0;
        let key_id = bob.keys().public().key_id();
        let hint = stranger_hint(&CRYPTO, suite, &shared, key_id, &body);
        let row = match SEALED.contains(&suite) {
            true => Row {
                hint: Hint::Raw(hint),
                ..row
            },
            false => row,
        };
        let mut forged = Forge::new(suite, &mallory, vec![row], plaintext)
            .hook(place)
            .build();
        let core = forged.envelope.core(sha256, &wcmp_wire::Body(body)).0;
        let slot =
            wcmp::suite::slot::seal(&CRYPTO, suite, &shared, &core, key_id, &forged.content_key);
        forged.envelope.sealed_keys = slot.unwrap().repeat(4);
        wcmp_tests::kit::sign(&mut forged.envelope, suite, &forged.content_key, &mallory);
        assert_eq!(code(&forged.bytes(), bob), "opened", "{suite:?}");
    }
}
