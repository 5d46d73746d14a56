//! All ways to compute hints equal the hint computed by itself, and the matcher equals looking.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use wcmp_suite::{
    HintEngine, HintInput, HintKey, HintKeys, HintMatcher, HintPath, KeyPair, KeyType, PairHintKey,
    Provider, Suite,
};

/// Key pairs are slow to make: these are enough for every number of lanes and a rest.
fn key_pairs() -> Vec<KeyPair> {
    let crypto = Provider::rust_crypto();
    let pair = |seed| KeyPair::from_seed(&crypto, KeyType::X25519, &[seed; 32]).unwrap();
    (0..13).map(pair).collect()
}

fn pair_hint_keys(keys: &[KeyPair]) -> Vec<PairHintKey> {
    let crypto = Provider::rust_crypto();
    let (mine, contacts) = keys.split_first().unwrap();
    let hint_key = |theirs: &KeyPair| {
        let pair = mine.pair_key(&crypto, theirs.public()).unwrap();
        pair.hint_key(
            &crypto,
            Suite::SealedAes256Gcm,
            theirs.public(),
            mine.public(),
        )
    };
    contacts.iter().map(hint_key).collect()
}

fn engines() -> impl Iterator<Item = HintEngine> {
    HintPath::ALL.into_iter().filter_map(HintEngine::with)
}

#[test]
fn every_way_computes_every_number_of_keys_and_messages() {
    let pairs = key_pairs();
    let pair_keys = pair_hint_keys(&pairs);
    let hint_keys: Vec<&HintKey> = pairs.iter().map(KeyPair::hint_key).collect();
    proptest!(ProptestConfig::with_cases(96), |(
        inputs in vec(any::<[u8; 32]>(), 0..21),
        of in 0..=pairs.len(),
        suite in prop_oneof![Just(Suite::OpenAes256Gcm), Just(Suite::OpenXWing)],
    )| {
        for engine in engines() {
            // What is there before is not there after.
            let mut hints = vec![[7; 16]; 3];

            let keys: HintKeys<'_> = hint_keys[..of].iter().copied().collect();
            let nonces: Vec<[u8; 16]> = inputs.iter().map(|input| *input.first_chunk().unwrap()).collect();
            let messages: Vec<_> = nonces.iter().map(|nonce| HintInput::receiver(suite, nonce)).collect();
            engine.hints(&keys, &messages, &mut hints);
            let each = nonces.iter().flat_map(|nonce| {
                hint_keys[..of].iter().map(move |key| key.receiver_hint(suite, nonce))
            });
            prop_assert_eq!(&hints, &each.collect::<Vec<_>>(), "{:?}", engine);

            let of = of.min(pair_keys.len());
            let keys: HintKeys<'_> = pair_keys[..of].iter().collect();
            let messages: Vec<_> = inputs.iter().map(HintInput::pair).collect();
            engine.hints(&keys, &messages, &mut hints);
            let each = inputs.iter().flat_map(|body| pair_keys[..of].iter().map(|key| key.hint(body)));
            prop_assert_eq!(&hints, &each.collect::<Vec<_>>(), "{:?}", engine);
        }
    });
}

/// Forcing a way gives that one, and the one chosen is the last that there is.
#[test]
fn ways_can_be_forced() {
    let portable = HintEngine::with(HintPath::Portable).unwrap();
    assert_eq!(portable.path(), HintPath::Portable);
    let there: Vec<HintPath> = engines().map(|engine| engine.path()).collect();
    assert_eq!(HintEngine::detect().path(), *there.last().unwrap());
    #[cfg(target_arch = "x86_64")]
    {
        let sha_ni = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
        assert_eq!(there.contains(&HintPath::ShaNi), sha_ni);
        let avx2 = is_x86_feature_detected!("avx2");
        assert_eq!(there.contains(&HintPath::Avx2), avx2);
    }
}

/// Slots, and hints to look for: some of them slots, some near one.
fn matching() -> impl Strategy<Value = (Vec<[u8; 16]>, Vec<[u8; 16]>)> {
    // Few first bytes, so that the map has collisions.
    let hint = (any::<[u8; 16]>(), 0..4_u8).prop_map(|(mut hint, first)| {
        hint[0] = first;
        hint[1] &= 0x1f;
        hint
    });
    let slots = prop_oneof![vec(hint.clone(), 0..40), vec(hint.clone(), 120..300)];
    (
        slots,
        vec((any::<prop::sample::Index>(), hint, 0..4_u8), 0..20),
    )
        .prop_map(|(slots, wanted)| {
            let wanted = wanted.into_iter().map(|(index, other, kind)| match kind {
                _ if slots.is_empty() => other,
                0 => *index.get(&slots),
                1 => {
                    let mut near = *index.get(&slots);
                    near[15] ^= 1;
                    near
                }
                _ => other,
            });
            let wanted = wanted.collect();
            (slots, wanted)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn matching_equals_looking(cases in vec(matching(), 1..4)) {
        // One matcher for all, as it is used: nothing of one envelope remains for the next.
        let mut matcher = HintMatcher::new();
        for (slots, wanted) in cases {
            let mut found = Vec::new();
            matcher.each(&slots, &wanted, |place, slot| found.push((place, slot)));
            let looked = wanted.iter().enumerate().filter_map(|(place, hint)| {
                Some((place, slots.iter().position(|slot| slot == hint)?))
            });
            prop_assert_eq!(found, looked.collect::<Vec<_>>());
        }
    }
}
