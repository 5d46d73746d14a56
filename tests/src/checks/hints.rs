//! All ways to compute many hints against one after the other, and the matcher against looking.

use std::sync::OnceLock;

use wcmp::suite::{HintEngine, HintInput, HintKeys, HintMatcher, HintPath, PairHintKey};
use wcmp::{KeyPair, Suite};

use crate::kit::{CRYPTO, person};

/// Keys are derived from seeds, so their number is all that can vary.
struct Keys {
    pairs: Vec<KeyPair>,
    pair_hint_keys: Vec<PairHintKey>,
}

fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let pairs: Vec<KeyPair> = (0..9).map(|n| person(&format!("person {n}"))).collect();
        let me = person("me");
        let hint_key = |sender: &KeyPair| {
            let pair = me.pair_key(&CRYPTO, sender.public()).unwrap();
            pair.hint_key(
                &CRYPTO,
                Suite::SealedAes256Gcm,
                sender.public(),
                me.public(),
            )
        };
        Keys {
            pair_hint_keys: pairs.iter().map(hint_key).collect(),
            pairs,
        }
    })
}

/// The first byte says how many keys, the second how many of the hints are slots; what follows are messages and slots.
///
/// # Panics
/// If a way disagrees.
pub fn hints(data: &[u8]) {
    let [number, slots, data @ ..] = data else {
        return;
    };
    let Keys {
        pairs,
        pair_hint_keys,
    } = keys();
    let of = usize::from(*number) % (pairs.len() + 1);
    let (nonces, _) = data.as_chunks::<16>();
    let (bodies, _) = data.as_chunks::<32>();
    let suite = Suite::OpenChaCha20Poly1305;

    let by_nonce = |nonce| {
        let keys = pairs[..of].iter().map(KeyPair::hint_key);
        keys.map(move |key| key.receiver_hint(suite, nonce))
    };
    let receiver_hints: Vec<[u8; 16]> = nonces.iter().flat_map(by_nonce).collect();
    let by_body = |body| pair_hint_keys[..of].iter().map(move |key| key.hint(body));
    let pair_hints: Vec<[u8; 16]> = bodies.iter().flat_map(by_body).collect();

    let mut computed = Vec::new();
    for engine in HintPath::ALL.into_iter().filter_map(HintEngine::with) {
        let keys: HintKeys<'_> = pairs[..of].iter().map(KeyPair::hint_key).collect();
        let message = |nonce| HintInput::receiver(suite, nonce);
        let messages: Vec<HintInput> = nonces.iter().map(message).collect();
        engine.hints(&keys, &messages, &mut computed);
        assert_eq!(computed, receiver_hints, "{engine:?}");

        let keys: HintKeys<'_> = pair_hint_keys[..of].iter().collect();
        let messages: Vec<HintInput> = bodies.iter().map(HintInput::pair).collect();
        engine.hints(&keys, &messages, &mut computed);
        assert_eq!(computed, pair_hints, "{engine:?}");
    }

    // Slots from the data: like the nonces, so that they can be alike, and some of the hints.
    let some = receiver_hints.iter().take(usize::from(*slots));
    let slots: Vec<[u8; 16]> = nonces.iter().chain(some).copied().collect();
    let wanted = [nonces, &receiver_hints].concat();
    let mut found = Vec::new();
    HintMatcher::new().each(&slots, &wanted, |place, slot| found.push((place, slot)));
    let looked = wanted.iter().enumerate();
    let looked = looked.filter_map(|(place, hint)| {
        let slot = slots.iter().position(|slot| slot == hint)?;
        Some((place, slot))
    });
    assert_eq!(found, looked.collect::<Vec<_>>());
}
