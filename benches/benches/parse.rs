//! Reading an envelope: our borrowed view, and postcard through serde (which checks
//! neither canonical form nor the rules of spec 4.1).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

mod kit;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kit::{OPEN, Peer, dummies};
use wcmp::Provider;
use wcmp::wire::EnvelopeRef;
use wcmp_benches::{criterion, on_one_core};

fn parse(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for slots in [4, 16, 64] {
        let envelope = dummies(&crypto, OPEN, slots, 1, 0).pop().unwrap();
        on_one_core(
            c,
            &format!("parse an envelope of {slots} slots"),
            1,
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
