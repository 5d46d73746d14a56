//! AES-256-GCM and ChaCha20-Poly1305.

use alloc::format;
use alloc::vec::Vec;

use super::{array, hex};
use crate::{AeadAlgorithm, CryptoError, Provider};

struct Answer {
    algorithm: AeadAlgorithm,
    source: &'static str,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    ciphertext: &'static str,
    tag: &'static str,
}

const ANSWERS: [Answer; 6] = [
    Answer {
        algorithm: AeadAlgorithm::Aes256Gcm,
        source: "McGrew and Viega, The Galois/Counter Mode of Operation (submitted to NIST), test case 13",
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "",
        ciphertext: "",
        tag: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    Answer {
        algorithm: AeadAlgorithm::Aes256Gcm,
        source: "McGrew and Viega, The Galois/Counter Mode of Operation (submitted to NIST), test case 14",
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "00000000000000000000000000000000",
        ciphertext: "cea7403d4d606b6e074ec5d3baf39d18",
        tag: "d0d1c8a799996bf0265b98b5d48ab919",
    },
    Answer {
        algorithm: AeadAlgorithm::Aes256Gcm,
        source: "McGrew and Viega, The Galois/Counter Mode of Operation (submitted to NIST), test case 15",
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                b16aedf5aa0de657ba637b391aafd255",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
                c5f61e6393ba7a0abcc9f662898015ad",
        tag: "b094dac5d93471bdec1a502270e3cc6c",
    },
    Answer {
        algorithm: AeadAlgorithm::Aes256Gcm,
        source: "McGrew and Viega, The Galois/Counter Mode of Operation (submitted to NIST), test case 16",
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                b16aedf5aa0de657ba637b39",
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
                c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    Answer {
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        source: "RFC 8439 section 2.8.2",
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        plaintext: "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492063\
                6f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73\
                637265656e20776f756c642062652069742e",
        ciphertext: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b\
                1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
                3ff4def08e4b7a9de576d26586cec64b6116",
        tag: "1ae10b594f09e26a7e902ecbd0600691",
    },
    Answer {
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        source: "RFC 8439 appendix A.5",
        key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
        nonce: "000000000102030405060708",
        aad: "f33388860000000000004e91",
        plaintext: "496e7465726e65742d4472616674732061726520647261667420646f63756d656e74732076616c696420666f72206120\
                6d6178696d756d206f6620736978206d6f6e74687320616e64206d617920626520757064617465642c207265706c6163\
                65642c206f72206f62736f6c65746564206279206f7468657220646f63756d656e747320617420616e792074696d652e\
                20497420697320696e617070726f70726961746520746f2075736520496e7465726e65742d4472616674732061732072\
                65666572656e6365206d6174657269616c206f7220746f2063697465207468656d206f74686572207468616e20617320\
                2fe2809c776f726b20696e2070726f67726573732e2fe2809d",
        ciphertext: "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26b0\
                bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855\
                9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cde7a4e9\
                9040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a\
                0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0ff77987130\
                305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b",
        tag: "eead9d67890cbb22392336fea1851f38",
    },
];

pub(super) fn check(provider: &Provider) {
    for answer in ANSWERS {
        answer.check(provider);
    }
    for algorithm in [AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305] {
        refuses(provider, algorithm);
    }
}

impl Answer {
    fn check(&self, provider: &Provider) {
        let (name, source, aead) = (provider.name, self.source, provider.aead);
        let (key, nonce, aad) = (array(self.key), array(self.nonce), hex(self.aad));
        let (plaintext, ciphertext) = (hex(self.plaintext), hex(self.ciphertext));

        let mut buf = plaintext.clone();
        let tag = aead.seal(self.algorithm, &key, &nonce, &aad, &mut buf);
        assert_eq!(tag, Ok(array(self.tag)), "{name}: tag of {source}");
        assert_eq!(buf, ciphertext, "{name}: ciphertext of {source}");

        buf.extend(array::<16>(self.tag));
        let opened = aead.open(self.algorithm, &key, &nonce, &aad, &buf);
        let opened = opened.as_deref();
        assert_eq!(opened, Ok(&plaintext), "{name}: plaintext of {source}");
    }
}

/// Sealing and opening are inverse at every length around the block sizes, and
/// nothing opens after any bit of it was changed.
fn refuses(provider: &Provider, algorithm: AeadAlgorithm) {
    let (name, aead) = (provider.name, provider.aead);
    let (key, nonce) = ([7; 32], [9; 12]);
    for (len, aad) in [
        (0, &b""[..]),
        (0, b"aad"),
        (1, b""),
        (15, b"a"),
        (16, b""),
        (17, b"aad"),
        (64, b"aad"),
        (65, b""),
    ] {
        let plaintext: Vec<u8> = (0..len).collect();
        let mut sealed = plaintext.clone();
        let tag = aead
            .seal(algorithm, &key, &nonce, aad, &mut sealed)
            .expect("short enough");
        let opens =
            |key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], sealed: &[u8], tag: &[u8; 16]| {
                let sealed = [sealed, tag].concat();
                aead.open(algorithm, key, nonce, aad, &sealed).ok()
            };
        let what = |part: &str| format!("{name}: {algorithm:?}, {len} bytes: {part}");
        assert_eq!(
            opens(&key, &nonce, aad, &sealed, &tag),
            Some(plaintext.into()),
            "{}",
            what("opens what it sealed")
        );
        for changed in flips(&tag) {
            assert_eq!(
                opens(&key, &nonce, aad, &sealed, &changed),
                None,
                "{}",
                what("tag")
            );
        }
        for changed in flips(&key) {
            assert_eq!(
                opens(&changed, &nonce, aad, &sealed, &tag),
                None,
                "{}",
                what("key")
            );
        }
        for changed in flips(&nonce) {
            assert_eq!(
                opens(&key, &changed, aad, &sealed, &tag),
                None,
                "{}",
                what("nonce")
            );
        }
        assert_eq!(
            opens(&key, &nonce, b"other", &sealed, &tag),
            None,
            "{}",
            what("aad")
        );
        let mut longer = sealed.clone();
        longer.push(0);
        assert_eq!(
            opens(&key, &nonce, aad, &longer, &tag),
            None,
            "{}",
            what("longer")
        );
        for at in 0..tag.len() {
            let opened = aead.open(algorithm, &key, &nonce, aad, &tag[..at]);
            assert_eq!(opened, Err(CryptoError), "{}", what("less than a tag"));
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(
                opens(&key, &nonce, aad, &changed, &tag),
                None,
                "{}",
                what("ciphertext")
            );
            assert_eq!(
                opens(&key, &nonce, aad, &sealed[..at], &tag),
                None,
                "{}",
                what("shorter")
            );
        }
    }
}

/// `bytes` with one bit flipped, for every bit.
fn flips<const N: usize>(bytes: &[u8; N]) -> impl Iterator<Item = [u8; N]> {
    (0..N * 8).map(|bit| {
        let mut changed = *bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    })
}
