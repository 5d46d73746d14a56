//! The exchange speaks with a peer in Python, written from docs/spec/exchange.md alone: symbols, the summary `have`, whole
//! sessions in both roles, and the link from both ends.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use wcmp::relay::bundle::Stamp;
use wcmp::relay::exchange::have::{FILE_LEN, Have};
use wcmp::relay::exchange::noise::{Link, Secret};
use wcmp::relay::exchange::riblt::{Keys, Sketch};
use wcmp::relay::exchange::{Guest, Limits, Session};
use wcmp::relay::node::Node;
use wcmp::relay::policy::{Policy, Visit};
use wcmp::relay::store::{MemoryStore, Quota, Store};
use wcmp::wire::{Envelope, EnvelopeRef, Id, sha256};
use wcmp_tests::foreign::Python;

const HOUR: u32 = 494_000;

fn python() -> Option<Python> {
    Python::program(Path::new(env!("CARGO_TARGET_TMPDIR")), "exchange.py")
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

fn bytes(answer: &Value, name: &str) -> Vec<u8> {
    HEXLOWER
        .decode(answer[name].as_str().unwrap().as_bytes())
        .unwrap()
}

fn ids(count: u32) -> Vec<Id> {
    (0..count)
        .map(|n| Id(sha256(&[&n.to_be_bytes()])))
        .collect()
}

fn hexes(ids: &[Id]) -> Vec<String> {
    ids.iter().map(|id| hex(id.0)).collect()
}

#[test]
fn symbols_are_the_same() {
    let Some(mut python) = python() else { return };
    for (seed, count) in [(1, 1), (2, 7), (3, 300)] {
        let key = sha256(&[&[seed]]);
        let ids = ids(count);
        let answer = python
            .ask(&json!({"op": "symbols", "key": hex(key), "ids": hexes(&ids), "count": 500}));
        let keys = Keys::new(&key);
        let mut sketch = Sketch::new(keys, ids.iter().map(|id| keys.short(id)).collect());
        let ours = (0..500).flat_map(|_| sketch.next_symbol().unwrap().to_bytes());
        assert_eq!(hex(ours.collect::<Vec<u8>>()), answer["symbols"], "{count}");
    }
}

#[test]
fn a_summary_is_the_same_and_is_read() {
    let Some(mut python) = python() else { return };
    let (key, ids) = (sha256(&[b"have"]), ids(120));
    let request = json!({"op": "have", "key": hex(key), "ids": hexes(&ids[..100])});
    let theirs = bytes(&python.ask(&request), "file");
    assert_eq!(theirs.len(), FILE_LEN);
    assert!(theirs == Have::write(&key, &ids[..100]));
    let compared = Have::read(&theirs).unwrap().compare(&ids[30..]).unwrap();
    let mut lacks = ids[100..].to_vec();
    lacks.sort_unstable();
    assert_eq!((compared.lacks, compared.more), (lacks, 30));
}

fn envelope(n: u32) -> Vec<u8> {
    let seed = sha256(&[&n.to_be_bytes()]);
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: *seed.first_chunk().unwrap(),
        sender_hint: [2; 16],
        expires: HOUR + 1 + n * 7 % 700,
        commitment: seed,
        payload: vec![4; 16 + n as usize % 2000],
        recipient_nonce: [5; 16],
        encapsulation: vec![],
        hints: vec![[7; 16]],
        sealed_keys: vec![11; 48],
        signature: vec![12; 64],
    };
    envelope.encode().unwrap()
}

fn node(numbers: std::ops::Range<u32>) -> Node<MemoryStore> {
    let mut policy = Policy::default();
    policy.hold = 0;
    let mut node = Node::open(MemoryStore::new(Quota::NONE), policy, HOUR, &[7; 32]).unwrap();
    let envelopes: Vec<Vec<u8>> = numbers.map(envelope).collect();
    let batch: Vec<_> = envelopes.iter().map(|b| (Stamp::NONE, &b[..])).collect();
    let mut visit = Visit::new(node.policy());
    node.take_in(&mut visit, &batch).unwrap();
    node
}

#[test]
fn whole_sessions_in_both_roles() {
    let Some(mut python) = python() else { return };
    for (nonce, ours, theirs) in [
        (1, 0..300, 200..420),
        (3, 0..300, 200..420),
        (1, 0..0, 0..50),
        (3, 0..50, 0..0),
        (1, 0..40, 0..40),
        (3, 0..40, 0..40),
        (1, 0..900, 0..5),
        (3, 0..5, 0..900),
    ] {
        let case = format!("{nonce} {ours:?} {theirs:?}");
        let mut node = node(ours.clone());
        let mut guest = Guest::new(node.policy());
        let mut session = Session::new([nonce; 16], Limits::of(node.policy()), HOUR);
        let their_envelopes: Vec<Value> = theirs
            .clone()
            .map(|n| {
                let bytes = envelope(n);
                let view = EnvelopeRef::parse(&bytes).unwrap();
                json!({"id": hex(view.id(sha256).0), "expires": view.expires(), "bytes": hex(&bytes)})
            })
            .collect();
        let begin = json!({
            "op": "session", "nonce": hex([2; 16]), "hour": HOUR, "envelopes": their_envelopes,
        });
        let mut answer = python.ask(&begin);
        let mut said = Vec::new();
        loop {
            session
                .receive(&bytes(&answer, "said"), &mut guest.at(&mut node))
                .unwrap();
            said.clear();
            session
                .transmit(&mut said, &mut guest.at(&mut node))
                .unwrap();
            if session.is_done() && said.is_empty() {
                break;
            }
            answer = python.ask(&json!({"op": "hear", "bytes": hex(&said)}));
        }
        let _ = guest.at(&mut node).flush().unwrap();
        assert_eq!(answer["done"], true, "{case}");
        let both = theirs.start.max(ours.start)..theirs.end.min(ours.end);
        let common = both.len();
        let (ours, theirs) = (ours.len(), theirs.len());
        assert_eq!(guest.tally().kept as usize, theirs - common, "{case}");
        assert_eq!(
            answer["taken"].as_array().unwrap().len(),
            ours - common,
            "{case}"
        );
        assert_eq!(
            node.store().totals().envelopes as usize,
            ours + theirs - common
        );
    }
}

#[test]
fn the_link_from_both_ends() {
    let Some(mut python) = python() else { return };
    let secret = || Secret::new([7; 32]);
    for python_connects in [true, false] {
        let (mut link, mut wire, mut plain) = (
            match python_connects {
                true => Link::accept(&secret(), [2; 32]).unwrap(),
                false => Link::connect(&secret(), [1; 32]).unwrap(),
            },
            Vec::new(),
            Vec::new(),
        );
        let begin = json!({
            "op": "link", "secret": hex([7; 32]), "ephemeral": hex([9; 32]), "connects": python_connects,
        });
        let first = python.ask(&begin);
        if python_connects {
            link.open(&bytes(&first, "said"), &mut plain).unwrap();
        }
        link.seal(&[], &mut wire).unwrap();
        let answer = python.ask(&json!({"op": "link_hear", "bytes": hex(&wire)}));
        if !python_connects {
            link.open(&bytes(&answer, "said"), &mut plain).unwrap();
        }
        assert!(link.is_open());
        for len in [1, 1006, 1007, 5000] {
            let text: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            wire.clear();
            link.seal(&text, &mut wire).unwrap();
            let heard = python.ask(&json!({"op": "link_open", "records": hex(&wire)}));
            assert_eq!(bytes(&heard, "bytes"), text);
            let sealed = python.ask(&json!({"op": "link_seal", "bytes": hex(&text)}));
            plain.clear();
            link.open(&bytes(&sealed, "records"), &mut plain).unwrap();
            assert_eq!(plain, text);
        }
    }
}
