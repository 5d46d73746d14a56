//! Signature keys of mixed order: whether [S]B = R + [k]A holds without the cofactor
//! (1.4) depends on a residue that implementations have to treat alike.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};
use serde_json::json;
use sha2::{Digest, Sha512};
use wcmp::{KeyPair, KeyType, PublicKey, Suite};
use wcmp_tests::kit::{CRYPTO, Forge, NOW, Parts, Row, Stage, TestRng, key_of, pad, person};
use wcmp_tests::protocol::hex;
use wcmp_tests::vectors::outcome;
use wcmp_wire::{Envelope, sha256};

use crate::Both;

fn scalar(rng: &mut TestRng) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&rng.array())
}

/// A signature that holds if torsion is cleared, of a key A + T and with R + T'.
fn sign(secret: &Scalar, public: &[u8; 32], nonce: &Scalar, torsion: usize, m: &[u8]) -> Vec<u8> {
    let r = EdwardsPoint::mul_base(nonce) + EIGHT_TORSION[torsion];
    let r = r.compress().to_bytes();
    let hash = Sha512::new().chain_update(r).chain_update(public);
    let k = Scalar::from_bytes_mod_order_wide(&hash.chain_update(m).finalize().into());
    [r, (nonce + k * secret).to_bytes()].concat()
}

#[test]
fn signatures_of_mixed_order_are_judged_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(501);
    let seed = rng.array();
    let bob = KeyPair::from_seed(&CRYPTO, KeyType::X25519, &seed).unwrap();
    let (alice, suite) = (person("alice"), Suite::OpenAes256Gcm);
    let mut verdicts = [0, 0];
    for round in 0..160 {
        let secret = scalar(&mut rng);
        let point = EdwardsPoint::mul_base(&secret) + EIGHT_TORSION[rng.below(8)];
        let key = key_of(alice.public().kem(), &point.compress().to_bytes());
        let key = PublicKey::from_bytes(&key).expect("not of small order");
        let (nonce, torsion) = (scalar(&mut rng), rng.below(8));
        let parts = Parts::new("hello").introducing(key.as_bytes());
        let row = Row::new(suite, bob.public());
        let forge = Forge {
            seed: round,
            hint_of: &key,
            ..Forge::new(suite, &alice, vec![row], pad(&parts.encode()))
        };
        let envelope = forge.hook(|stage: Stage, it: &mut Envelope| {
            if stage == Stage::Signed {
                let core = it.core(sha256, &it.body(sha256));
                let digest = it.digest(sha256, &core);
                let message = [&b"WCMP v1 envelope signature"[..], &digest.0].concat();
                it.signature = sign(&secret, key.ed25519(), &nonce, torsion, &message);
            }
        });
        let envelope = envelope.bytes();
        let judged = both.agree(&json!({
            "op": "open",
            "key": { "type": 1, "seed": hex(&seed) },
            "envelope": hex(&envelope),
            "now": NOW,
        }));
        match outcome(&judged) {
            "introduced" => verdicts[0] += 1,
            "bad-signature" => verdicts[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert!(verdicts[0] > 8 && verdicts[1] > 80, "{verdicts:?}");
}
