//! What was damaged or put together from several envelopes, both refuse for the same
//! reason, or both accept.

use serde_json::json;
use std::collections::BTreeMap;
use wcmp::Suite;
use wcmp_tests::kit::TestRng;
use wcmp_tests::protocol::{hex, unhex};
use wcmp_tests::vectors::outcome;
use wcmp_wire::Envelope;
use wcmp_wire::varint::put_varint;

use crate::Both;
use crate::letters::Letter;

fn envelope(bytes: &[u8]) -> Envelope {
    wcmp_wire::EnvelopeRef::parse(bytes).unwrap().to_owned()
}

/// The bytes of an envelope that need not be allowed.
fn encode(envelope: &Envelope) -> Vec<u8> {
    let mut out = [&envelope.prefix()[..], &envelope.commitment].concat();
    let mut put = |bytes: &[u8], fixed: bool| {
        if !fixed {
            put_varint(&mut out, u32::try_from(bytes.len()).unwrap());
        }
        out.extend(bytes);
    };
    put(&envelope.payload, false);
    put(&envelope.recipient_nonce, true);
    put(&envelope.encapsulation, false);
    put(envelope.hints.as_flattened(), false);
    put(&envelope.sealed_keys, false);
    put(&envelope.signature, false);
    out
}

/// One change to the fields, perhaps with those of `other`.
fn change_a_field(rng: &mut TestRng, it: &mut Envelope, other: &Envelope) {
    let slot = it.sealed_keys.len() / it.hints.len();
    match rng.below(19) {
        0 => it.suite = other.suite,
        1 => it.sender_nonce = other.sender_nonce,
        2 => it.sender_hint = other.sender_hint,
        3 => it.expires = other.expires,
        4 => it.commitment = other.commitment,
        5 => it.payload.clone_from(&other.payload),
        6 => it.recipient_nonce = other.recipient_nonce,
        7 => it.encapsulation.clone_from(&other.encapsulation),
        8 => it.hints.clone_from(&other.hints),
        9 => it.sealed_keys.clone_from(&other.sealed_keys),
        10 => it.signature.clone_from(&other.signature),
        // Small order, not canonical, bit 255.
        11 => it.encapsulation = [[1, 0], [0xee, 0x7f]][rng.below(2)].repeat(16),
        12 => it.encapsulation = [vec![u8::from(rng.one_in(2))], vec![0; 31]].concat(),
        13 => {
            if let Some(last) = it.encapsulation.last_mut() {
                *last ^= 0x80;
            }
        }
        14 => {
            let (a, b) = (rng.below(it.hints.len()), rng.below(it.hints.len()));
            it.hints.swap(a, b);
        }
        15 => {
            it.hints.pop();
            it.sealed_keys.truncate(slot * it.hints.len());
        }
        16 => it.sealed_keys.rotate_left(slot),
        17 => it.payload.truncate(rng.below(it.payload.len() + 1)),
        _ => it.signature = rng.bytes(*rng.clone().pick(&[0, 1, 63, 64, 65])),
    }
}

fn damage(rng: &mut TestRng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match rng.below(12) {
        0 => out.truncate(rng.below(bytes.len())),
        1 => out.extend(rng.bytes(1)),
        // Headers, and the lengths of the payload.
        2 => out[rng.below(75)] ^= 1 << rng.below(8),
        3 => out[rng.below(75)] = *rng.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        // What follows the payload.
        4 | 5 => {
            let back = rng.below(600.min(bytes.len())) + 1;
            out[bytes.len() - back] ^= 1 << rng.below(8);
        }
        6 => out[rng.below(bytes.len())] ^= 1 << rng.below(8),
        7 => {
            // A length with one byte more than it needs.
            out[72] |= 0x80;
            out.insert(73, 0);
        }
        _ => {
            let mut it = envelope(bytes);
            change_a_field(rng, &mut it, &envelope(other));
            out = encode(&it);
        }
    }
    out
}

#[test]
fn damaged_envelopes_are_judged_alike() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut rng = TestRng::new(201);
    let mut verdicts = BTreeMap::<String, u32>::new();
    let mut last = Vec::new();
    for round in 0..180 {
        let suite = *rng.pick(&Suite::ALL);
        let mut letter = Letter::sound(&mut rng, suite);
        while letter.receivers.is_empty() {
            letter = Letter::sound(&mut rng, suite);
        }
        let sealed = wcmp_tests::protocol::answer(&both.rust, &letter.request);
        let bytes = unhex(sealed["envelope"].as_str().expect("a sound letter"));
        if round == 0 {
            last.clone_from(&bytes);
        }
        for _ in 0..12 {
            let damaged = hex(&damage(&mut rng, &bytes, &last));
            both.agree(&json!({ "op": "inspect", "envelope": damaged }));
            let sender = letter.sender.as_ref().map(|person| &person.public);
            let person = rng.pick(&letter.receivers);
            let known = [vec![], sender.into_iter().collect()];
            let judged = both.agree(&json!({
                "op": "open",
                "key": person.pair,
                "envelope": damaged,
                "contacts": rng.pick(&known),
                "now": crate::letters::NOW,
            }));
            *verdicts.entry(outcome(&judged).into()).or_default() += 1;
        }
        last = bytes;
    }
    for reached in ["malformed", "version", "suite", "expired", "not-for-me"] {
        assert!(verdicts.contains_key(reached), "{reached} {verdicts:?}");
    }
    for reached in ["bad-signature", "known", "introduced", "anonymous"] {
        assert!(verdicts.contains_key(reached), "{reached} {verdicts:?}");
    }
}
