//! SHA-256 and HMAC-SHA-256.

use alloc::vec;

use super::hex;
use crate::Provider;

/// FIPS 180-2, appendix B, and "Examples with intermediate values" of FIPS 180-4.
const SHA256: [(&str, &str); 4] = [
    (
        "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ),
    (
        "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ),
    (
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
    ),
];
/// One million times "a", from the same source.
const SHA256_MILLION: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

/// RFC 4231, section 4: key, message, MAC (of case 5 only the first 16 bytes).
const HMAC: [(&[u8], &[u8], &str); 7] = [
    (
        &[0x0b; 20],
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        &[0xaa; 20],
        &[0xdd; 50],
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
        &[0xcd; 50],
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        &[0x0c; 20],
        b"Test With Truncation",
        "a3b6167473100ee06e0c796c2955552b",
    ),
    (
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        &[0xaa; 131],
        b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
];

pub(super) fn check(provider: &Provider) {
    let Provider {
        name, sha256, hmac, ..
    } = provider;
    for (message, digest) in SHA256 {
        let (message, digest) = (message.as_bytes(), hex(digest));
        assert_eq!(
            sha256(&[message])[..],
            digest,
            "{name}: SHA-256, FIPS 180-4"
        );
        for at in 0..message.len() {
            let (left, right) = message.split_at(at);
            assert_eq!(
                sha256(&[left, &[], right])[..],
                digest,
                "{name}: SHA-256 in parts, split at {at}"
            );
        }
    }
    assert_eq!(
        sha256(&[])[..],
        hex(SHA256[0].1),
        "{name}: SHA-256 of no part"
    );
    assert_eq!(
        sha256(&vec![&[b'a'; 1000][..]; 1000])[..],
        hex(SHA256_MILLION),
        "{name}: SHA-256 of a million bytes, FIPS 180-4"
    );

    for (case, (key, message, mac)) in (1..).zip(HMAC) {
        let mac = hex(mac);
        assert_eq!(
            hmac(key, &[message])[..mac.len()],
            mac,
            "{name}: HMAC-SHA-256, RFC 4231 case {case}"
        );
        for at in 0..message.len() {
            let (left, right) = message.split_at(at);
            assert_eq!(
                hmac(key, &[&[], left, right])[..mac.len()],
                mac,
                "{name}: HMAC-SHA-256 in parts, RFC 4231 case {case} split at {at}"
            );
        }
    }
    // RFC 2104: a key is filled up with zeros, so these are one key.
    assert_eq!(
        hmac(&[], &[b"message"]),
        hmac(&[0; 64], &[b"message"]),
        "{name}: HMAC with an empty key"
    );
}
