//! Ed25519 where implementations differ: spec 1.4 decides every case, and every provider follows it.
//!
//! The cases are those of two collections, made here from their definitions:
//! * C2SP/CCTV, `ed25519`: every kind of A with every kind of R, the torsion of the equation cancelling or not;
//! * Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs" (2020), table 5: the twelve cases.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use sha2::{Digest, Sha512};
use wcmp_suite::Provider;
use wcmp_tests::kit::PROVIDERS;

/// The group's order, little-endian (RFC 8032 section 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// What A or R is: bytes, the point that a lenient reader sees in them, and its logarithm but for the torsion.
#[derive(Clone, Copy, Debug)]
struct Point {
    bytes: [u8; 32],
    point: EdwardsPoint,
    log: Scalar,
}

impl Point {
    /// [log]B and a point of small order.
    fn new(log: u64, torsion: EdwardsPoint) -> Point {
        // Any large logarithms will do.
        let log =
            Scalar::from(log) * Scalar::from(u64::MAX) * Scalar::from(0x1234_5678_9abc_def1_u64);
        let point = EdwardsPoint::mul_base(&log) + torsion;
        Point {
            bytes: point.compress().to_bytes(),
            point,
            log,
        }
    }

    /// An encoding, canonical or not, of a point of small order.
    fn encoded(bytes: [u8; 32]) -> Point {
        let point = CompressedEdwardsY(bytes).decompress().unwrap();
        assert!(point.is_small_order());
        Point {
            bytes,
            point,
            log: Scalar::ZERO,
        }
    }

    fn small_order(&self) -> bool {
        self.point.is_small_order()
    }

    fn canonical(&self) -> bool {
        self.point.compress().to_bytes() == self.bytes
    }
}

/// The six encodings of points of small order that are not canonical: y = 0 and y = 1 plus the prime, with either
/// sign, and x = 0 with the sign set at y = 1 and y = -1.
fn not_canonical() -> [Point; 6] {
    let prime_plus = |n: u8, last: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + n, last);
        bytes
    };
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    [
        prime_plus(0, 0x7f),
        prime_plus(0, 0xff),
        prime_plus(1, 0x7f),
        prime_plus(1, 0xff),
        one,
        minus_one,
    ]
    .map(Point::encoded)
}

/// Every kind of point: of small order, 8 canonical and 6 not; [log]B with each of the 8 torsions.
fn points(log: u64) -> Vec<Point> {
    let small = EIGHT_TORSION.map(|torsion| Point::encoded(torsion.compress().to_bytes()));
    let large = EIGHT_TORSION.map(|torsion| Point::new(log, torsion));
    [&small[..], &not_canonical(), &large].concat()
}

/// A signature for which the equation holds times the cofactor.
struct Signed {
    public: [u8; 32],
    message: String,
    signature: [u8; 64],
    /// The equation holds without the cofactor too: the torsions of R and [k]A cancel.
    cofactorless: bool,
}

impl Signed {
    /// Signs under the logarithms of A and R. k is computed over the encodings as they are, or, as some verifiers
    /// do, over the canonical ones.
    fn new(a: &Point, r: &Point, message: String, canonical_k: bool) -> Signed {
        let encoded = |point: &Point| {
            if canonical_k {
                point.point.compress().to_bytes()
            } else {
                point.bytes
            }
        };
        let hash = Sha512::new()
            .chain_update(encoded(r))
            .chain_update(encoded(a))
            .chain_update(&message)
            .finalize();
        let k = Scalar::from_bytes_mod_order_wide(&hash.into());
        let s = r.log + k * a.log;
        let residue = EdwardsPoint::mul_base(&s) - r.point - k * a.point;
        assert!(residue.is_small_order(), "the equation holds times 8");
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r.bytes);
        signature[32..].copy_from_slice(s.as_bytes());
        Signed {
            public: a.bytes,
            message,
            signature,
            cofactorless: residue.is_identity(),
        }
    }

    /// One whose torsions cancel or not, as wanted; none if A and R leave no choice.
    fn search(a: &Point, r: &Point, cofactorless: bool, canonical_k: bool) -> Option<Signed> {
        (0..128)
            .map(|i| Signed::new(a, r, format!("message {i}"), canonical_k))
            .find(|signed| signed.cofactorless == cofactorless)
    }

    fn verifies(&self, provider: &Provider) -> bool {
        provider
            .ed25519
            .verify_strict(&self.public, self.message.as_bytes(), &self.signature)
            .is_ok()
    }
}

/// C2SP/CCTV, `ed25519`. By its flags: refused are `low_order_A`, `low_order_R` and with them `non_canonical_A`,
/// `non_canonical_R` (1.4: R is validated like sig_pk, not of small order, canonical), and `low_order_residue` (1.4:
/// the cofactorless equation). All others are accepted, `low_order_component_A` and `_R` too: 1.3 refuses points of
/// small order, not points with a torsion.
#[test]
fn every_kind_of_a_with_every_kind_of_r() {
    let (mut accepted, mut refused) = (0, 0);
    for a in points(3) {
        for r in points(5) {
            for (cofactorless, canonical_k) in
                [(true, false), (false, false), (true, true), (false, true)]
            {
                if canonical_k && a.canonical() && r.canonical() {
                    continue;
                }
                let Some(signed) = Signed::search(&a, &r, cofactorless, canonical_k) else {
                    continue;
                };
                let expected = !a.small_order() && !r.small_order() && cofactorless;
                for provider in PROVIDERS {
                    assert_eq!(
                        signed.verifies(&provider),
                        expected,
                        "{provider:?}, A {a:?}, R {r:?}, {}",
                        signed.message
                    );
                }
                *if expected {
                    &mut accepted
                } else {
                    &mut refused
                } += 1;
            }
        }
    }
    // Torsions i and j of A and R cancel for some k if gcd(i, 8) divides j: 8 + 4 + 8 + 2 + 8 + 4 + 8 + 1 pairs.
    assert_eq!(accepted, 43);
    assert!(refused >= 900, "{refused}");
}

/// "Taming the many EdDSAs", table 5. Accepted is case 3 alone, where A and R have a torsion and it cancels.
#[test]
fn twelve_cases() {
    let small = Point::encoded(EIGHT_TORSION[1].compress().to_bytes());
    let small_not_canonical = not_canonical()[0];
    let (a_mixed, r_mixed) = (
        Point::new(3, EIGHT_TORSION[3]),
        Point::new(5, EIGHT_TORSION[5]),
    );
    // The small point that is not canonical has order 4; it cancels an R whose torsion has order 4 too.
    let r_mixed_4 = Point::new(5, EIGHT_TORSION[2]);
    let (a_prime, r_prime) = (
        Point::new(3, EIGHT_TORSION[0]),
        Point::new(5, EIGHT_TORSION[0]),
    );
    let case =
        |a: &Point, r: &Point, cofactorless| Signed::search(a, r, cofactorless, false).unwrap();
    let canonical_k = |a: &Point, r: &Point| Signed::search(a, r, true, true).unwrap();
    // S + L, and S plus the greatest multiple of L that fits.
    let add_order = |times: u8| {
        let mut signed = Signed::new(&a_prime, &r_prime, "message".into(), false);
        for _ in 0..times {
            let mut carry = 0;
            for (byte, order) in signed.signature[32..].iter_mut().zip(ORDER) {
                let sum = u16::from(*byte) + u16::from(order) + carry;
                [*byte, _] = sum.to_le_bytes();
                carry = sum >> 8;
            }
            assert_eq!(carry, 0, "fits 32 bytes");
        }
        signed
    };
    assert_eq!(case(&small, &small, true).signature[32..], [0; 32]);
    let cases = [
        (false, "small A and R, S = 0", case(&small, &small, true)),
        (
            false,
            "small A, R of mixed order",
            case(&small, &r_mixed, true),
        ),
        (
            false,
            "A of mixed order, small R",
            case(&a_mixed, &small, true),
        ),
        (
            true,
            "A and R of mixed order, both equations hold",
            case(&a_mixed, &r_mixed, true),
        ),
        (
            false,
            "A and R of mixed order, the cofactored equation holds",
            case(&a_mixed, &r_mixed, false),
        ),
        (
            false,
            "A of mixed order, the cofactored equation holds",
            case(&a_mixed, &r_prime, false),
        ),
        (false, "S > L", add_order(1)),
        (false, "S >> L", add_order(14)),
        (
            false,
            "small R not canonical, canonical in k",
            canonical_k(&a_mixed, &small_not_canonical),
        ),
        (
            false,
            "small R not canonical",
            case(&a_mixed, &small_not_canonical, true),
        ),
        (
            false,
            "small A not canonical, canonical in k",
            canonical_k(&small_not_canonical, &r_mixed_4),
        ),
        (
            false,
            "small A not canonical",
            case(&small_not_canonical, &r_mixed_4, true),
        ),
    ];
    for provider in PROVIDERS {
        for (number, (expected, case, signed)) in cases.iter().enumerate() {
            assert_eq!(
                signed.verifies(&provider),
                *expected,
                "{provider:?}: case {number}, {case}"
            );
        }
        assert!(
            add_order(0).verifies(&provider),
            "the signature behind cases 6 and 7"
        );
    }
}
