//! Which public keys are refused, and why: spec 1.3, rule by rule, for either type of key.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::montgomery::MontgomeryPoint;
use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use wcmp_suite::{KeyError, KeyPair, KeyType, Provider, PublicKey};

const PROVIDER: Provider = Provider::rust_crypto();
const TYPES: [KeyType; 2] = [KeyType::X25519, KeyType::XWing];

/// The seed 00 01 02 .. 1f.
fn pair(key_type: KeyType) -> KeyPair {
    let seed = core::array::from_fn(|i| u8::try_from(i).unwrap());
    KeyPair::from_seed(&PROVIDER, key_type, &seed).unwrap()
}

/// 2^255 - 19 + n, little-endian.
fn prime_plus(n: i8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    (bytes[0], bytes[31]) = (0xed_u8.checked_add_signed(n).unwrap(), 0x7f);
    bytes
}

/// The text form of spec 1.5, written out.
fn text(bytes: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(b"WCMP v1 text")
        .chain_update(bytes)
        .finalize();
    let base32 = BASE32_NOPAD.encode(&[bytes, &hash[..4]].concat());
    format!("wcmp1{}", base32.to_lowercase())
}

/// A public key with its last 32 bytes of KEM key, the X25519 part, replaced.
fn with_x25519(key: &PublicKey, u: &[u8; 32]) -> Vec<u8> {
    let mut bytes = key.as_bytes().to_vec();
    let end = bytes.len() - 32;
    bytes[end - 32..end].copy_from_slice(u);
    bytes
}

fn with_ed25519(key: &PublicKey, point: &[u8; 32]) -> Vec<u8> {
    let mut bytes = key.as_bytes().to_vec();
    let end = bytes.len() - 32;
    bytes[end..].copy_from_slice(point);
    bytes
}

/// By bytes and by text; they say the same.
fn validate(bytes: &[u8]) -> Result<PublicKey, KeyError> {
    let key = PublicKey::from_bytes(bytes);
    assert_eq!(PublicKey::from_text(&text(bytes)), key);
    key
}

#[test]
fn unknown_types_and_wrong_lengths_are_refused() {
    for key_type in TYPES {
        let key = pair(key_type);
        let bytes = key.public().as_bytes();
        for id in [0, 3, 4, 0x0100, 0x0200, 0x0101, 0xffff_u16] {
            let unknown = [&id.to_be_bytes()[..], &bytes[2..]].concat();
            assert_eq!(validate(&unknown), Err(KeyError::Type), "{id}");
        }
        let mut longer = bytes.to_vec();
        longer.extend([0; 20]);
        for len in 0..longer.len() {
            let key = PublicKey::from_bytes(&longer[..len]);
            assert_eq!(
                key.err(),
                (len != bytes.len()).then_some(KeyError::Length),
                "{len} bytes"
            );
        }
    }
    // Either type's id before the other's key.
    let [short, long] = TYPES.map(|key_type| pair(key_type).public().as_bytes().to_vec());
    assert_eq!(
        validate(&[&long[..2], &short[2..]].concat()),
        Err(KeyError::Length)
    );
    assert_eq!(
        validate(&[&short[..2], &long[2..]].concat()),
        Err(KeyError::Length)
    );
}

#[test]
fn x25519_parts_that_are_not_canonical_are_refused() {
    for key_type in TYPES {
        let key = pair(key_type);
        let check = |u: &[u8; 32]| validate(&with_x25519(key.public(), u)).err();
        // 2^255 - 19 up to 2^255 - 1: the same points as 0 to 18, most of them of large order.
        for n in 0..19 {
            assert_eq!(check(&prime_plus(n)), Some(KeyError::X25519), "prime + {n}");
        }
        for n in 0..18 {
            let mut reduced = [0; 32];
            reduced[0] = n + 1;
            // Of small order are 0 and 1 only; 2 and all after are as good as any.
            assert_eq!(check(&reduced), (n == 0).then_some(KeyError::X25519), "{n}");
        }
        assert_eq!(
            check(&prime_plus(-2)),
            None,
            "the greatest canonical one that is not of small order"
        );

        let mut bit_255: [u8; 32] = *key.public().kem().last_chunk().unwrap();
        assert_eq!(check(&bit_255), None);
        bit_255[31] |= 0x80;
        assert_eq!(check(&bit_255), Some(KeyError::X25519));
        assert_eq!(check(&[0xff; 32]), Some(KeyError::X25519));
    }
}

#[test]
fn x25519_parts_of_small_order_are_refused() {
    // On the curve: the images of the eight points of edwards25519. On the twist: -1 besides.
    let mut points = EIGHT_TORSION
        .map(|point| point.to_montgomery().to_bytes())
        .to_vec();
    points.push(prime_plus(-1));
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), 5);
    // 0 and 1 have another encoding each below 2^255.
    points.extend([prime_plus(0), prime_plus(1)]);
    for key_type in TYPES {
        let key = pair(key_type);
        for point in &points {
            assert_eq!(
                validate(&with_x25519(key.public(), point)),
                Err(KeyError::X25519),
                "{point:02x?}"
            );
            let mut set = *point;
            set[31] |= 0x80;
            assert_eq!(
                validate(&with_x25519(key.public(), &set)),
                Err(KeyError::X25519),
                "{set:02x?}"
            );
        }
    }
}

#[test]
fn x25519_parts_on_curve_and_twist_are_accepted() {
    for key_type in TYPES {
        let key = pair(key_type);
        let (mut curve, mut twist) = (0, 0);
        for n in 2..=255 {
            let mut u = [0; 32];
            u[0] = n;
            assert_eq!(validate(&with_x25519(key.public(), &u)).err(), None, "{n}");
            let on_curve = MontgomeryPoint(u).to_edwards(0).is_some();
            *if on_curve { &mut curve } else { &mut twist } += 1;
        }
        assert!(
            curve > 100 && twist > 100,
            "{curve} on the curve, {twist} on the twist"
        );
    }
}

/// FIPS 203 section 7.2: each of the 768 coefficients, 12 bits little-endian, is below 3329.
#[test]
fn ml_kem_coefficients_out_of_range_are_refused() {
    let key = pair(KeyType::XWing);
    for place in 0..768 {
        for (coefficient, expected) in [
            (0_u16, None),
            (3328, None),
            (3329, Some(KeyError::MlKem)),
            (4095, Some(KeyError::MlKem)),
        ] {
            let mut bytes = key.public().as_bytes().to_vec();
            let at = 2 + place / 2 * 3;
            let [low, high] = coefficient.to_le_bytes();
            if place % 2 == 0 {
                bytes[at] = low;
                bytes[at + 1] = bytes[at + 1] & 0xf0 | high;
            } else {
                bytes[at + 1] = bytes[at + 1] & 0x0f | low << 4;
                bytes[at + 2] = high << 4 | low >> 4;
            }
            assert_eq!(
                PublicKey::from_bytes(&bytes).err(),
                expected,
                "coefficient {place} is {coefficient}"
            );
        }
    }
}

#[test]
fn ed25519_parts_that_are_not_canonical_are_refused() {
    for key_type in TYPES {
        let key = pair(key_type);
        let mut points = 0;
        for n in 0..19 {
            for sign in [0, 0x80] {
                let mut y = prime_plus(n);
                y[31] |= sign;
                assert_eq!(
                    validate(&with_ed25519(key.public(), &y)),
                    Err(KeyError::Ed25519),
                    "prime + {n}, {sign}"
                );
                // A lenient reader sees a point in some, and most of those are of large order.
                let point = CompressedEdwardsY(y).decompress();
                points += usize::from(point.is_some_and(|point| !point.is_small_order()));
            }
        }
        assert!(points >= 10, "{points}");
    }
}

#[test]
fn ed25519_parts_of_small_order_are_refused() {
    for key_type in TYPES {
        let key = pair(key_type);
        for point in EIGHT_TORSION {
            let point = point.compress().to_bytes();
            assert_eq!(
                validate(&with_ed25519(key.public(), &point)),
                Err(KeyError::Ed25519),
                "{point:02x?}"
            );
        }
        // x = 0 with the sign bit set, y = 1 and y = -1.
        let mut one = [0; 32];
        (one[0], one[31]) = (1, 0x80);
        let mut minus_one = prime_plus(-1);
        minus_one[31] |= 0x80;
        for point in [one, minus_one] {
            assert_eq!(
                validate(&with_ed25519(key.public(), &point)),
                Err(KeyError::Ed25519),
                "{point:02x?}"
            );
        }
    }
}

#[test]
fn ed25519_parts_off_the_curve_are_refused_and_a_torsion_is_not() {
    for key_type in TYPES {
        let key = pair(key_type);
        let (mut on, mut off) = (0, 0);
        for n in 2..=255 {
            let mut y = [0; 32];
            y[0] = n;
            let point = CompressedEdwardsY(y).decompress();
            assert_eq!(
                validate(&with_ed25519(key.public(), &y)).is_ok(),
                point.is_some(),
                "{n}"
            );
            *if point.is_some() { &mut on } else { &mut off } += 1;
        }
        assert!(on > 100 && off > 100, "{on} on the curve, {off} off it");
        for torsion in EIGHT_TORSION {
            let mixed = (ED25519_BASEPOINT_POINT + torsion).compress().to_bytes();
            assert!(
                validate(&with_ed25519(key.public(), &mixed)).is_ok(),
                "not of small order: {mixed:02x?}"
            );
        }
    }
}
