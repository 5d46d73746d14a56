//! X25519 (RFC 7748), and who computes it.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Who computes X25519 in a server's logins
/// ([`Policy::with_x25519`](crate::server::Policy::with_x25519)). Results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum X25519 {
    /// x25519-dalek.
    #[default]
    Dalek,
    /// aws-lc-rs, in about half the time. Where it fails, as without memory, dalek
    /// computes in its place.
    #[cfg(feature = "aws-lc")]
    AwsLc,
}

impl X25519 {
    pub(crate) fn public(self, secret: &[u8; 32]) -> [u8; 32] {
        #[cfg(all(test, feature = "std"))]
        crate::work::count(|work| work.x25519 += 1);
        let dalek = || PublicKey::from(&StaticSecret::from(*secret)).to_bytes();
        match self {
            X25519::Dalek => dalek(),
            #[cfg(feature = "aws-lc")]
            X25519::AwsLc => aws_lc::public(secret).unwrap_or_else(dalek),
        }
    }

    /// All zeros for a key of small order, which must be refused.
    pub(crate) fn agree(self, secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        #[cfg(all(test, feature = "std"))]
        crate::work::count(|work| work.x25519 += 1);
        let dalek = || {
            let secret = StaticSecret::from(*secret);
            Zeroizing::new(secret.diffie_hellman(&PublicKey::from(*public)).to_bytes())
        };
        match self {
            X25519::Dalek => dalek(),
            // It gives nothing where the result is all zeros.
            #[cfg(feature = "aws-lc")]
            X25519::AwsLc => aws_lc::agree(secret, public).unwrap_or_else(dalek),
        }
    }
}

#[cfg(feature = "aws-lc")]
mod aws_lc {
    use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
    use zeroize::Zeroizing;

    pub(super) fn public(secret: &[u8; 32]) -> Option<[u8; 32]> {
        let key = PrivateKey::from_private_key(&X25519, secret).ok()?;
        key.compute_public_key().ok()?.as_ref().try_into().ok()
    }

    pub(super) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let key = PrivateKey::from_private_key(&X25519, secret).ok()?;
        let public = UnparsedPublicKey::new(&X25519, public);
        // Out of the library's own memory, which the library wipes.
        agreement::agree(&key, public, (), |shared| {
            shared.try_into().map(Zeroizing::new).map_err(|_| ())
        })
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    const ALL: &[X25519] = &[
        X25519::Dalek,
        #[cfg(feature = "aws-lc")]
        X25519::AwsLc,
    ];

    fn bytes(hex: &str) -> [u8; 32] {
        HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    /// RFC 7748, sections 5.2 and 6.1. The second public key has its highest bit set.
    #[test]
    fn rfc_7748() {
        let agreed = [
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
            [
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
                "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
            ],
        ];
        let public = [
            [
                "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
            ],
            [
                "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
                "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
            ],
        ];
        for x25519 in ALL {
            for [secret, public, shared] in agreed.map(|hex| hex.map(bytes)) {
                assert_eq!(*x25519.agree(&secret, &public), shared, "{x25519:?}");
            }
            for [secret, public] in public.map(|hex| hex.map(bytes)) {
                assert_eq!(x25519.public(&secret), public, "{x25519:?}");
            }
        }
    }

    /// 0, 1, p - 1, p, p + 1 and the two of order 8, each with and without the highest
    /// bit, which is not looked at.
    #[test]
    fn keys_of_small_order_give_zeros() {
        for low in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            let low = bytes(low);
            let mut high = low;
            high[31] ^= 0x80;
            for x25519 in ALL {
                assert_eq!(*x25519.agree(&[7; 32], &low), [0; 32], "{x25519:?} {low:?}");
                assert_eq!(
                    *x25519.agree(&[7; 32], &high),
                    [0; 32],
                    "{x25519:?} {low:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn all_compute_the_same(secret: [u8; 32], public: [u8; 32]) {
            for x25519 in ALL {
                prop_assert_eq!(x25519.public(&secret), X25519::Dalek.public(&secret));
                let dalek = X25519::Dalek.agree(&secret, &public);
                prop_assert_eq!(x25519.agree(&secret, &public), dalek);
            }
        }
    }
}
