//! Reading an envelope: our borrowed view, and postcard through serde (which checks
//! neither canonical form nor the rules of spec 4.1).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde::Deserialize;
use wcmp::wire::EnvelopeRef;
use wcmp::{Content, Provider, Sealer, Suite};
use wcmp_benches::{criterion, side_by_side};

#[derive(Deserialize)]
struct Peer<'a> {
    _version: u8,
    _suite: [u8; 2],
    _sender_nonce: [u8; 16],
    _sender_hint: [u8; 16],
    _expires: [u8; 4],
    _commitment: [u8; 32],
    #[serde(borrow)]
    _payload: &'a [u8],
    _recipient_nonce: [u8; 16],
    #[serde(borrow)]
    _encapsulation: &'a [u8],
    #[serde(borrow)]
    _hints: &'a [u8],
    #[serde(borrow)]
    _sealed_keys: &'a [u8],
    #[serde(borrow)]
    _signature: &'a [u8],
}

fn parse(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for slots in [4, 16, 64] {
        let envelope = Sealer::dummy(Suite::OpenAes256Gcm, 500_000)
            .slots(slots)
            .seal(&crypto, &Content::default(), &mut wcmp::system_rng())
            .unwrap();
        side_by_side(
            c,
            &format!("parse an envelope of {slots} slots"),
            &mut [
                ("wcmp-wire", &mut || {
                    black_box(EnvelopeRef::parse(black_box(&envelope)).unwrap());
                }),
                ("postcard, serde", &mut || {
                    black_box(postcard::from_bytes::<Peer<'_>>(black_box(&envelope)).unwrap());
                }),
            ],
        );
    }
}

criterion_group! { name = benches; config = criterion(); targets = parse }
criterion_main!(benches);
