//! X25519.

use super::array;
use crate::{CryptoError, Provider};

/// RFC 7748, section 5.2: scalar, u, result. The second u has bit 255 set.
const FUNCTION: [[&str; 3]; 2] = [
    [
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ],
    [
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ],
];
/// RFC 7748, section 5.2: after 1 and after 1000 iterations.
const ITERATED: [(u32, &str); 2] = [
    (
        1,
        "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
    ),
    (
        1000,
        "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51",
    ),
];
/// RFC 7748, section 6.1: secret and public keys of Alice and Bob, shared secret.
const ALICE: [&str; 2] = [
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
];
const BOB: [&str; 2] = [
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
];
const SHARED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

/// The encodings below 2^255 of the points of small order on the curve and its
/// twist (D. J. Bernstein, cr.yp.to/ecdh.html, "validate"): u = 0, 1, the two of
/// order 8, -1, and 0 and 1 not reduced. Each has a twin with bit 255 set, which
/// X25519 ignores.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// All 14 encodings of [`SMALL_ORDER`], with bit 255 clear and set.
pub(super) fn small_order() -> impl Iterator<Item = [u8; 32]> {
    SMALL_ORDER.into_iter().flat_map(|u| {
        let (clear, mut set) = (array(u), array(u));
        set[31] |= 0x80;
        [clear, set]
    })
}

pub(super) fn check(provider: &Provider) {
    let (name, x25519) = (provider.name, provider.x25519);
    let agree = |secret: &[u8; 32], public: &[u8; 32]| {
        let secret = x25519.secret(secret);
        let first = secret.agree(public).map(|out| *out);
        let again = secret.agree(public).map(|out| *out);
        assert_eq!(
            first, again,
            "{name}: a prepared X25519 secret is used again"
        );
        first
    };

    for [scalar, u, result] in FUNCTION {
        let (scalar, mut u) = (array(scalar), array(u));
        let result = Ok(array(result));
        assert_eq!(
            agree(&scalar, &u),
            result,
            "{name}: X25519, RFC 7748 section 5.2"
        );
        u[31] ^= 0x80;
        assert_eq!(
            agree(&scalar, &u),
            result,
            "{name}: X25519 ignores bit 255 of u"
        );
    }

    let mut base = [0; 32];
    base[0] = 9;
    let (mut k, mut u) = (base, base);
    let mut done = 0;
    for (iterations, result) in ITERATED {
        while done < iterations {
            let next = agree(&k, &u).expect("not of small order");
            (k, u) = (next, k);
            done += 1;
        }
        assert_eq!(
            k,
            array(result),
            "{name}: X25519, RFC 7748 section 5.2, {iterations} times"
        );
    }

    for ([secret, public], [_, peer]) in [(ALICE, BOB), (BOB, ALICE)] {
        let secret = array(secret);
        assert_eq!(
            x25519.secret(&secret).public(),
            array(public),
            "{name}: X25519 public key, RFC 7748 section 6.1"
        );
        assert_eq!(
            agree(&secret, &base),
            Ok(array(public)),
            "{name}: X25519 of 9, RFC 7748 section 6.1"
        );
        assert_eq!(
            agree(&secret, &array(peer)),
            Ok(array(SHARED)),
            "{name}: X25519, RFC 7748 section 6.1"
        );
    }

    for point in small_order() {
        for secret in [[0; 32], [0xff; 32], array(ALICE[0])] {
            assert_eq!(
                agree(&secret, &point),
                Err(CryptoError),
                "{name}: X25519 refuses the point of small order {point:02x?}"
            );
        }
    }
}
