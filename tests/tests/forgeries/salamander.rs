//! A ciphertext that opens under two keys: two receivers of one envelope who read different things.

use wcmp::Suite;
use wcmp::suite::AeadAlgorithm;
use wcmp_tests::kit::{
    CRYPTO, Forge, Row, Stage, TestRng, code, open, parse, person, receiver, schedule,
};

/// GF(2^128) as GHASH takes it (NIST SP 800-38D, section 6.3): the first bit of the first byte belongs to x^0.
fn times(a: u128, b: u128) -> u128 {
    let (mut product, mut v) = (0, b);
    for i in (0..128).rev() {
        if a >> i & 1 == 1 {
            product ^= v;
        }
        let carry = v & 1;
        v >>= 1;
        if carry == 1 {
            v ^= 0xe1 << 120;
        }
    }
    product
}

/// x^n for n >= 1.
fn power(x: u128, n: u128) -> u128 {
    let one = 1 << 127;
    (0..128).rev().fold(one, |result, i| {
        let square = times(result, result);
        if n >> i & 1 == 1 {
            times(square, x)
        } else {
            square
        }
    })
}

/// x^(2^128 - 2) = 1/x.
fn inverse(x: u128) -> u128 {
    power(x, u128::MAX - 1)
}

/// AES-256-GCM, nonce zero, under one key: what its tag is made of, taken from the AEAD itself.
struct Gcm {
    key: [u8; 32],
    /// The hash key H.
    h: u128,
    /// E(J0), which hides the hash.
    mask: u128,
}

impl Gcm {
    fn new(key: [u8; 32]) -> Gcm {
        let tag_of_nothing = seal(&key, &[], &mut []);
        // The ciphertext of the key stream is zero: only the block of lengths, 0 and 128, enters the hash.
        let mut zero = key_stream(&key, 16);
        let mask = u128::from_be_bytes(tag_of_nothing);
        let hash = u128::from_be_bytes(seal(&key, &[], &mut zero)) ^ mask;
        assert_eq!(zero, [0; 16]);
        let h = times(hash, inverse(128));
        Gcm { key, h, mask }
    }

    /// What the block at `place` of `blocks` is multiplied with.
    fn weight(&self, place: usize, blocks: usize) -> u128 {
        power(self.h, (blocks - place) as u128)
    }

    /// The tag over these blocks, the lengths last.
    fn tag(&self, blocks: &[u128]) -> u128 {
        let hash = blocks
            .iter()
            .fold(0, |hash, block| times(hash ^ block, self.h));
        hash ^ self.mask
    }
}

fn seal(key: &[u8; 32], aad: &[u8], buf: &mut [u8]) -> [u8; 16] {
    let aead = CRYPTO.aead;
    aead.seal(AeadAlgorithm::Aes256Gcm, key, &[0; 12], aad, buf)
        .unwrap()
}

fn key_stream(key: &[u8; 32], len: usize) -> Vec<u8> {
    let mut stream = vec![0; len];
    seal(key, &[], &mut stream);
    stream
}

/// What is hashed: additional data and ciphertext in blocks, and both lengths.
fn blocks(aad: &[u8], ciphertext: &[u8]) -> Vec<u128> {
    let block = |bytes: &[u8]| {
        let mut block = [0; 16];
        block[..bytes.len()].copy_from_slice(bytes);
        u128::from_be_bytes(block)
    };
    let lengths = ((aad.len() as u128 * 8) << 64) | (ciphertext.len() as u128 * 8);
    let parts = aad.chunks(16).chain(ciphertext.chunks(16)).map(block);
    parts.chain([lengths]).collect()
}

/// The ciphertext and tag that both keys open, the block at `free` of the ciphertext being whatever makes it so.
fn collide(keys: &[Gcm; 2], aad: &[u8], mut ciphertext: Vec<u8>, free: usize) -> Vec<u8> {
    ciphertext[free * 16..][..16].fill(0);
    let blocks = blocks(aad, &ciphertext);
    let place = aad.len().div_ceil(16) + free;
    let [a, b] = keys;
    let weights = a.weight(place, blocks.len()) ^ b.weight(place, blocks.len());
    let block = times(a.tag(&blocks) ^ b.tag(&blocks), inverse(weights));
    ciphertext[free * 16..][..16].copy_from_slice(&block.to_be_bytes());
    let [tag, other] = [a, b].map(|key| key.tag(&self::blocks(aad, &ciphertext)));
    assert_eq!(tag, other);
    ciphertext.extend(tag.to_be_bytes());
    ciphertext
}

/// Places of a plaintext that have to read alike under both keys: two options and the content type, none of them
/// there; the mark of the padding.
const ALIKE: [usize; 4] = [0, 1, 2, 1023];

/// Two content keys whose payload keys give the same key stream at [`ALIKE`], and a high bit that differs at the
/// place of the body's length: about 2^17 attempts, by the birthday bound.
fn content_keys(prefix: &[u8; 39]) -> [[u8; 32]; 2] {
    let mut rng = TestRng::new(5);
    let mut seen = std::collections::HashMap::new();
    loop {
        let content_key: [u8; 32] = rng.array();
        let stream = key_stream(&schedule(&content_key, prefix).payload_key, 1024);
        let fingerprint = ALIKE.map(|place| stream[place]);
        match seen.insert(fingerprint, (content_key, stream[3])) {
            Some((other, byte)) if (byte ^ stream[3]) & 0x80 != 0 => {
                // The first has the long form of the length.
                return [other, content_key];
            }
            _ => {}
        }
    }
}

/// Builds the salamander. The first plaintext has a body of two bytes of length, the second of one; each has the
/// other's text in a part that nobody looks at, an extension or rubbish in the body.
fn salamander(keys: &[Gcm; 2], aad: &[u8], texts: [&[u8]; 2]) -> Vec<u8> {
    let streams = [&keys[0], &keys[1]].map(|gcm| key_stream(&gcm.key, 1024));
    let mut ciphertext = vec![0; 1024];
    let mut put = |reader: usize, at: usize, bytes: &[u8]| {
        for (i, byte) in bytes.iter().enumerate() {
            ciphertext[at + i] = byte ^ streams[reader][at + i];
        }
        [0, 1].map(|reader: usize| ciphertext[at] ^ streams[reader][at])
    };
    put(0, 0, &[0, 0, 0]);
    put(0, 1023, &[0x80]);
    // Body of the first: 5 to 5 + 128·3 + low bits; of the second: 4 to 4 + length.
    let long = (0x80..=0xffu8)
        .find(|byte| put(0, 3, &[*byte])[1] == 60)
        .unwrap();
    let end = 5 + (3 << 7 | usize::from(long & 0x7f));
    put(0, 4, &[3]);
    put(1, 10, texts[1]);
    put(0, 100, texts[0]);
    // One extension takes the rest: count, id, length.
    let extension = |start: usize| {
        let len = 1023 - (start + 4);
        let len = wcmp_tests::kit::varint(len);
        [&[1, 5], &len[..]].concat()
    };
    put(0, end, &extension(end));
    put(1, 64, &extension(64));
    collide(keys, aad, ciphertext, 50)
}

/// AES-GCM does not commit to its key: here is one payload that it opens under two keys to two well-formed messages.
/// Mallory seals one key to Bob and the other to Carol, so that they see the same core, the same signature and
/// different words. The envelope's commitment fits one content key only.
#[test]
fn salamander_two_key_ciphertext() {
    for suite in [Suite::SealedAes256Gcm, Suite::OpenAes256Gcm] {
        let mallory = person("mallory");
        let [bob, carol] = ["bob", "carol"].map(|name| receiver(suite, name, &[mallory.public()]));
        let row = |reader: &'static str| {
            Row::paired(
                suite,
                &mallory,
                match reader {
                    "bob" => bob.keys().public(),
                    _ => carol.keys().public(),
                },
            )
        };

        let prefix = Forge::new(suite, &mallory, vec![], vec![])
            .build()
            .envelope
            .prefix();
        let content_keys = content_keys(&prefix);
        let texts: [&[u8]; 2] = [b"we meet on Monday", b"stay away on Monday"];
        for committed in [0, 1] {
            let schedules = content_keys.map(|key| schedule(&key, &prefix));
            let gcm = [&schedules[0], &schedules[1]].map(|keys| Gcm::new(keys.payload_key));
            let commitment = schedules[committed].commitment;
            let aad = [&prefix[..], &commitment].concat();
            let payload = salamander(&gcm, &aad, texts);

            // The collision is real: both keys open it, and what they give is padded and encoded as it must be.
            for (gcm, text) in gcm.iter().zip(texts) {
                let aead = AeadAlgorithm::Aes256Gcm;
                let opened = CRYPTO.aead.open(aead, &gcm.key, &[0; 12], &aad, &payload);
                let body = parse(&opened.unwrap()).unwrap();
                assert!(body.windows(text.len()).any(|part| part == text));
            }

            let rows = [("bob", 0), ("carol", 1)].map(|(reader, key)| Row {
                content_key: Some(content_keys[key]),
                ..row(reader)
            });
            let forge = Forge::new(suite, &mallory, rows.to_vec(), vec![]);
            let forged = forge.hook(move |stage, envelope| {
                if stage == Stage::Body {
                    envelope.commitment = commitment;
                    envelope.payload.clone_from(&payload);
                }
            });
            let mut built = forged.build();
            let key = &content_keys[committed];
            wcmp_tests::kit::sign(&mut built.envelope, suite, key, &mallory);
            let bytes = built.bytes();
            let readers = [&bob, &carol];
            let opened = open(&bytes, readers[committed]).unwrap();
            let text = texts[committed];
            assert!(
                opened
                    .content
                    .body
                    .windows(text.len())
                    .any(|part| part == text)
            );
            assert_eq!(
                code(&bytes, readers[1 - committed]),
                "not-for-me",
                "{suite:?}"
            );
        }
    }
}
