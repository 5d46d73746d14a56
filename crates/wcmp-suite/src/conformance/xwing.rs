//! X-Wing.

use super::{array, x25519};
use crate::{CryptoError, Provider};

/// draft-connolly-cfrg-xwing-kem, appendix "Test vectors". Of the long values only
/// their SHA-256 stands here. `bit_255` are WCMP's: the shared secret after bit 255
/// of the X25519 part of the ciphertext, of the public key was set. The X25519
/// output stays the same, but the combiner hashes the bytes as they stand.
struct Answer {
    secret: &'static str,
    randomness: &'static str,
    public_sha256: &'static str,
    ciphertext_sha256: &'static str,
    shared: &'static str,
    bit_255: [&'static str; 2],
}

const ANSWERS: [Answer; 3] = [
    Answer {
        secret: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        randomness: "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        public_sha256: "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb",
        ciphertext_sha256: "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33",
        shared: "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
        bit_255: [
            "7fa67766e662f62be50bd8635d6a31235a9252f73f2da086e05eedd8f5780f04",
            "81d867ee9aaae008b512f74ae9900d4acc051eca47aef8626fc151757a4864a0",
        ],
    },
    Answer {
        secret: "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        randomness: "17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdefaee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
        public_sha256: "c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916",
        ciphertext_sha256: "1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154",
        shared: "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
        bit_255: [
            "a1d5f0f6d1b874a3e025d0d7d2a5f9e10a0b1e28694c9399cce2928da770f9a7",
            "d796e11e600eb15073e517cdac3d5a9251d6618032dc1faeef2152f659e2b44a",
        ],
    },
    Answer {
        secret: "ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9",
        randomness: "22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b",
        public_sha256: "6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95",
        ciphertext_sha256: "d3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6",
        shared: "953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f",
        bit_255: [
            "770a61cc7918195eb71182033c0a2751f99244cb51ef3fb51f27ffb38be51ace",
            "99a6b4d3a1f88f2342113dae15d31d8fdb4fc8969054e4f0d610358331420e6d",
        ],
    },
];

pub(super) fn check(provider: &Provider) {
    for answer in ANSWERS {
        answer.check(provider);
    }
}

impl Answer {
    fn check(&self, provider: &Provider) {
        let (name, sha256) = (provider.name, provider.sha256);
        let source = format_args!(
            "draft-connolly-cfrg-xwing-kem, secret {}",
            &self.secret[..8]
        );
        let randomness = array(self.randomness);
        let encapsulate = |by: &Provider, public: &[u8]| {
            let mut ciphertext = [0; 1120];
            let shared = by.xwing.encapsulate(public, &randomness, &mut ciphertext)?;
            Ok((ciphertext, *shared))
        };
        let secret = provider.xwing.secret(&array(self.secret));
        let decapsulate =
            |ciphertext: &[u8; 1120]| secret.decapsulate(ciphertext).map(|shared| *shared);

        let public = secret.public();
        assert_eq!(
            sha256(&[&public]),
            array(self.public_sha256),
            "{name}: X-Wing public key, {source}"
        );

        // The ciphertext itself is RustCrypto's, once it has been found right.
        let rust_crypto = Provider::rust_crypto();
        let (ciphertext, shared) = encapsulate(&rust_crypto, &public).expect("a valid key");
        assert_eq!(
            sha256(&[&ciphertext]),
            array(self.ciphertext_sha256),
            "X-Wing ciphertext, {source}"
        );
        assert_eq!(shared, array(self.shared), "X-Wing secret, {source}");
        assert_eq!(
            decapsulate(&ciphertext),
            Ok(shared),
            "{name}: X-Wing decapsulated secret, {source}"
        );

        let [bit_ciphertext, bit_public] = self.bit_255.map(array);
        let mut changed = ciphertext;
        changed[1119] ^= 0x80;
        assert_eq!(
            decapsulate(&changed),
            Ok(bit_ciphertext),
            "{name}: X-Wing ciphertext with bit 255, {source}"
        );

        let made = encapsulate(provider, &public).expect("a valid key");
        let mut changed = public;
        changed[1215] ^= 0x80;
        let made_for_changed = encapsulate(provider, &changed).expect("a valid key");
        if encapsulate(provider, &public) == Ok(made) {
            assert_eq!(
                made,
                (ciphertext, shared),
                "{name}: X-Wing encapsulation, {source}"
            );
            assert_eq!(
                made_for_changed,
                (ciphertext, bit_public),
                "{name}: X-Wing public key with bit 255, {source}"
            );
        } else {
            // ML-KEM's randomness is the library's own.
            for ((sent, sent_shared), same) in [(made, true), (made_for_changed, false)] {
                assert_eq!(
                    sent[1088..],
                    ciphertext[1088..],
                    "{name}: X-Wing's X25519 half, {source}"
                );
                let judge = rust_crypto.xwing.secret(&array(self.secret));
                let judged = judge.decapsulate(&sent).map(|shared| *shared);
                assert_eq!(
                    judged == Ok(sent_shared),
                    same,
                    "{name}: X-Wing encapsulation, bit 255 of the key {}, {source}",
                    if same { "as it was" } else { "set" }
                );
            }
        }

        for point in x25519::small_order() {
            let low = with_x25519(&ciphertext, &point);
            assert_eq!(
                decapsulate(&low),
                Err(CryptoError),
                "{name}: X-Wing ciphertext of small order {point:02x?}"
            );
            let low = with_x25519(&public, &point);
            assert_eq!(
                encapsulate(provider, &low),
                Err(CryptoError),
                "{name}: X-Wing public key of small order {point:02x?}"
            );
        }

        // FIPS 203, section 6.3: implicit rejection of the ML-KEM part.
        let mut changed = ciphertext;
        changed[0] ^= 1;
        let rejected = decapsulate(&changed).expect("rejected implicitly");
        assert_ne!(
            rejected, shared,
            "{name}: X-Wing ciphertext changed in its ML-KEM part"
        );

        // FIPS 203, section 7.2: the first coefficient is the prime, 3329.
        let mut changed = public;
        (changed[0], changed[1]) = (0x01, changed[1] & 0xf0 | 0x0d);
        assert_eq!(
            encapsulate(provider, &changed),
            Err(CryptoError),
            "{name}: X-Wing public key with a coefficient of 3329"
        );

        for (len, longer) in [(0, 0), (32, 0), (1215, 0), (1216, 1)] {
            let mut cut = public[..len].to_vec();
            cut.resize(len + longer, 0);
            assert_eq!(
                encapsulate(provider, &cut),
                Err(CryptoError),
                "{name}: X-Wing public key of {} bytes",
                cut.len()
            );
        }
    }
}

/// `bytes` with the X25519 part, the last 32 bytes, replaced.
fn with_x25519<const N: usize>(bytes: &[u8; N], point: &[u8; 32]) -> [u8; N] {
    let mut out = *bytes;
    out[N - 32..].copy_from_slice(point);
    out
}
