//! What a sender made who follows no rules, both refuse for the same reason, or both
//! accept: damage that lies under the encryption, where no flipped byte gets.

use std::collections::BTreeMap;

use serde_json::json;
use wcmp::{KeyPair, KeyType, PublicKey, Suite};
use wcmp_tests::kit::{CRYPTO, Forge, Hint, NOW, Parts, Row, Stage, TestRng, pad, reply_signature};
use wcmp_tests::protocol::hex;
use wcmp_tests::vectors::outcome;

use crate::Both;

struct People {
    seeds: Vec<[u8; 32]>,
    pairs: Vec<KeyPair>,
}

impl People {
    fn new(rng: &mut TestRng, key_type: KeyType) -> People {
        let seeds: Vec<[u8; 32]> = (0..4).map(|_| rng.array()).collect();
        let pairs = seeds.iter();
        let pairs = pairs.map(|seed| KeyPair::from_seed(&CRYPTO, key_type, seed).unwrap());
        People {
            pairs: pairs.collect(),
            seeds,
        }
    }
}

/// A key as it might stand in a message.
fn encoded(rng: &mut TestRng, key: &PublicKey) -> Vec<u8> {
    let mut bytes = key.as_bytes().to_vec();
    match rng.below(16) {
        0 => bytes.truncate(rng.below(bytes.len())),
        1 => {
            let at = rng.below(bytes.len());
            bytes[at] ^= 0x80;
        }
        2 => bytes[2..34].fill(0),
        _ => {}
    }
    bytes
}

fn plaintext(rng: &mut TestRng, people: &People, prefix: &[u8; 39]) -> Vec<u8> {
    let key = |rng: &mut TestRng| people.pairs[rng.below(4)].public();
    let mut parts = Parts::new("body");
    if rng.one_in(2) {
        let mostly = if rng.one_in(4) { 1 } else { 0 };
        parts.introduction = Some(encoded(rng, people.pairs[mostly].public()));
    }
    if rng.one_in(3) {
        let reply = &people.pairs[3];
        let signer = if rng.one_in(5) {
            &people.pairs[1]
        } else {
            reply
        };
        let sender = match rng.below(4) {
            0 => None,
            1 => Some(key(rng)),
            _ => Some(people.pairs[0].public()),
        };
        let mut signature = reply_signature(signer, sender, prefix, reply.public()).to_vec();
        if rng.one_in(6) {
            signature.resize(*rng.pick(&[0, 63, 65]), 1);
        }
        parts.reply = Some((encoded(rng, reply.public()), signature));
    }
    let types: [&[u8]; 5] = [b"", b"text", b"\xff", b"\xed\xa0\x80", &[b'a'; 256]];
    let ids = [0, 1, 5, 5, 77, (1 << 31) - 1, 1 << 31, u32::MAX];
    if rng.one_in(6) {
        parts.content_type = rng.pick(&types).to_vec();
        let count = *rng.clone().pick(&[1, 2, 3, 64, 65]);
        parts.extensions = (0..count).map(|n| (n, vec![7])).collect();
        if count < 4 {
            for extension in &mut parts.extensions {
                extension.0 = *rng.pick(&ids);
            }
        }
    }
    let mut encoded = parts.encode();
    if rng.one_in(10) {
        let at = rng.below(encoded.len());
        match rng.below(4) {
            0 => encoded[at] = rng.array::<1>()[0],
            1 => encoded.truncate(at),
            2 => encoded.insert(at, 0x80),
            _ => encoded.push(0),
        }
    }
    let mut plaintext = pad(&encoded);
    match rng.below(50) {
        0 => plaintext.resize(plaintext.len() * 2, 0),
        1 => plaintext.fill(0),
        2 => plaintext[encoded.len()] = 0x81,
        3 => plaintext = rng.bytes(1024),
        _ => {}
    }
    plaintext
}

#[test]
fn forged_envelopes_are_judged_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(401);
    let mut verdicts = BTreeMap::<String, u32>::new();
    for round in 0..900 {
        let suite = *rng.pick(&Suite::ALL);
        let people = People::new(&mut rng, suite.key_type());
        let [sender, other, to, _] = people.pairs.as_slice() else {
            panic!("four people");
        };
        let row = if rng.one_in(3) {
            Row::new(suite, to.public())
        } else {
            Row::paired(suite, sender, to.public())
        };
        let mut rows = vec![row];
        if rng.one_in(6) {
            rows[0].content_key = Some([1; 32]);
        }
        if rng.one_in(5) {
            // A second slot for the same receiver, by which it may open instead.
            let hint = match rows[0].hint {
                Hint::Receiver => Hint::Raw(rng.array()),
                Hint::Pair(_) => Hint::Pair(other),
                _ => Hint::Pair(sender),
            };
            rows.push(Row {
                hint,
                content_key: None,
                ..rows[0]
            });
        }
        let signer = if rng.one_in(6) { other } else { sender };
        let moment = *rng.pick(&[Stage::Prefix, Stage::Body, Stage::SealedKeys, Stage::Signed]);
        let (what, at, bit) = (rng.below(24), rng.below(16), 1 << rng.below(8));
        let drawn = rng.clone();
        let forge = Forge {
            seed: round,
            hint_of: if rng.one_in(8) { other } else { sender }.public(),
            plaintext: Box::new(|prefix| plaintext(&mut drawn.clone(), &people, prefix)),
            ..Forge::new(suite, signer, rows, Vec::new())
        };
        let forge = forge.hook(move |stage, it| {
            if stage != moment {
                return;
            }
            let field = match what {
                0 => &mut it.sender_hint[..],
                1 => &mut it.sender_nonce[..],
                2 => &mut it.commitment[..],
                3 => &mut it.payload[..],
                4 => &mut it.encapsulation[..],
                5 => &mut it.sealed_keys[..],
                6 => &mut it.signature[..],
                7 => &mut it.recipient_nonce[..],
                _ => return,
            };
            if let Some(byte) = field.get_mut(at) {
                *byte ^= bit;
            }
        });
        rng.array::<32>();
        let envelope = forge.bytes();
        let contacts = [vec![], vec![sender], vec![other], vec![other, sender]];
        let contacts = rng.pick(&contacts).iter();
        let request = json!({
            "op": "open",
            "key": { "type": suite.key_type().id(), "seed": hex(&people.seeds[2]) },
            "envelope": hex(&envelope),
            "contacts": contacts.map(|c| hex(c.public().as_bytes())).collect::<Vec<_>>(),
            "now": NOW,
            "strangers": !rng.one_in(6),
        });
        let judged = both.agree(&request);
        *verdicts.entry(outcome(&judged).into()).or_default() += 1;
    }
    for reached in ["known", "introduced", "anonymous", "not-for-me"] {
        assert!(verdicts[reached] > 10, "{reached} {verdicts:?}");
    }
    for reached in ["bad-signature", "bad-payload", "bad-content"] {
        assert!(verdicts[reached] > 2, "{reached} {verdicts:?}");
    }
    for reached in ["bad-introduction", "bad-reply"] {
        assert!(verdicts[reached] > 15, "{reached} {verdicts:?}");
    }
}
