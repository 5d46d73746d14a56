//! Judging headers: by the default policy, and by one of ten rules; with the reading of the envelope, and without.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wcmp::relay::policy::{Condition, Field, Header, Named, Policy, Subject};
use wcmp::wire::EnvelopeRef;
use wcmp::{Content, Provider, Sealer, Suite};
use wcmp_benches::{criterion, side_by_side};

fn judge(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let envelope = Sealer::dummy(Suite::SealedAes256Gcm, 494_100)
        .slots(16)
        .seal(&crypto, &Content::default(), &mut wcmp::system_rng())
        .unwrap();
    let subject = |view: &EnvelopeRef<'_>| Subject {
        header: Header::from(view),
        now: 494_000,
        effort: None,
    };
    let header = subject(&EnvelopeRef::parse(&envelope).unwrap());
    let plain = Policy::default();
    let mut rules = Policy::default();
    for n in 0..10 {
        let small = Condition::within(Field::Size, 0..=1 << 19);
        let short = Condition::within(Field::Hours, 0..=100 + n);
        let either = Condition::Any(vec![Box::new(short), Box::new(small)]);
        rules.push(Named::keep(format!("rule-{n}"), either));
    }
    let sides = side_by_side(
        c,
        "judge a header (1 M a second are 1000 ns each)",
        &mut [
            ("the default policy", &mut || {
                black_box(plain.judge(black_box(&header)));
            }),
            ("ten rules of two conditions", &mut || {
                black_box(rules.judge(black_box(&header)));
            }),
            ("default, envelope of 16 slots read first", &mut || {
                let view = EnvelopeRef::parse(black_box(&envelope)).unwrap();
                black_box(plain.judge(&subject(&view)));
            }),
        ],
    );
    for ns in sides {
        let kept = if ns <= 1000.0 { "kept" } else { "MISSED" };
        println!(
            "{:.1} M headers a second, at least 1 M: {kept}",
            1000.0 / ns
        );
    }
}

criterion_group! { name = benches; config = criterion(); targets = judge }
criterion_main!(benches);
