//! Hints: computing them, comparing them, and those of strangers, beside the ready-made
//! parts for each.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::unreachable,
    reason = "a bench stops at the first surprise"
)]

mod kit;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kit::{FASTEST, LABEL, OPEN, SEALED, column, dummies, key, mac_hint, macs, numbers, scan};
use wcmp::suite::{HintEngine, HintInput, HintKeys, HintMatcher, HintPath};
use wcmp::{KeyPair, Provider, Receiver, Scanner};
use wcmp_benches::{Side, criterion, on_one_core, side_by_side};

/// Hints of K keys for envelope after envelope.
fn kernels(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for (k, n) in [(1, 1024), (4, 256), (10, 128), (100, 16)] {
        let nonces = numbers(n, 1);
        let macs = macs(k);
        let ring_key = |k: &[u8; 16]| ring::hmac::Key::new(ring::hmac::HMAC_SHA256, k);
        let ring_keys: Vec<_> = numbers(k, 4).iter().map(ring_key).collect();
        let aws_key = |k: &[u8; 16]| aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, k);
        let aws_keys: Vec<_> = numbers(k, 4).iter().map(aws_key).collect();
        let mine: Vec<KeyPair> = (0..k).map(|_| key(&crypto)).collect();
        let keys: HintKeys<'_> = mine.iter().map(KeyPair::hint_key).collect();

        let mut sha2 = || {
            for nonce in &nonces {
                for mac in &macs {
                    black_box(mac_hint(mac, black_box(nonce)));
                }
            }
        };
        let mut ring = || {
            for nonce in &nonces {
                for key in &ring_keys {
                    let mut mac = ring::hmac::Context::with_key(key);
                    mac.update(LABEL);
                    mac.update(black_box(nonce));
                    black_box(mac.sign());
                }
            }
        };
        let mut aws_lc = || {
            for nonce in &nonces {
                for key in &aws_keys {
                    let mut mac = aws_lc_rs::hmac::Context::with_key(key);
                    mac.update(LABEL);
                    mac.update(black_box(nonce));
                    black_box(mac.sign());
                }
            }
        };
        let ours = |engine: HintEngine| {
            let (nonces, keys) = (&nonces, &keys);
            let (mut messages, mut hints) = (Vec::new(), Vec::new());
            move || {
                for nonces in nonces.chunks(16) {
                    let message = |nonce| HintInput::receiver(OPEN, nonce);
                    messages.clear();
                    messages.extend(black_box(nonces).iter().map(message));
                    engine.hints(keys, &messages, &mut hints);
                    black_box(&hints);
                }
            }
        };
        let paths = [
            ("wcmp, SHA extensions", HintPath::ShaNi),
            ("wcmp, AVX2", HintPath::Avx2),
            ("wcmp, portable", HintPath::Portable),
        ];
        let here = |(name, path)| Some((name, ours(HintEngine::with(path)?)));
        let mut ours: Vec<_> = paths.into_iter().filter_map(here).collect();
        let mut sides: Vec<Side<'_>> = vec![
            ("hmac + sha2, cloned state", &mut sha2),
            ("ring, key reused", &mut ring),
            ("aws-lc-rs, key reused", &mut aws_lc),
        ];
        sides.extend(
            ours.iter_mut()
                .map(|(name, work)| -> Side<'_> { (name, work) }),
        );
        on_one_core(
            c,
            &format!("one hint, {k} keys"),
            (n * k) as u32,
            &mut sides,
        );
    }
}

/// K hints against the R slots of an envelope, none of them mine.
fn comparing(c: &mut Criterion) {
    for slots in [4, 16, 64] {
        for k in [1, 10, 100, 1000] {
            let hints = numbers(k, 2);
            let mut slots_of_one = numbers(slots, 3);
            slots_of_one.sort_unstable();
            let mut matcher = HintMatcher::new();
            on_one_core(
                c,
                &format!("comparing one hint with an envelope, {k} keys, {slots} slots"),
                k as u32,
                &mut [
                    ("==, one by one", &mut || {
                        for hint in black_box(&hints) {
                            let slot = slots_of_one.iter().position(|slot| slot == hint);
                            assert!(slot.is_none());
                        }
                    }),
                    ("wcmp", &mut || {
                        matcher.each(black_box(&slots_of_one), black_box(&hints), |_, _| {
                            unreachable!("nothing is mine");
                        });
                    }),
                ],
            );
        }
    }
}

/// One key and envelope each: an X25519 is what nobody can do without.
fn strangers(c: &mut Criterion) {
    const ROWS: usize = 64;
    let crypto = Provider::rust_crypto();
    let column = column(&crypto, &dummies(&crypto, SEALED, 16, ROWS, 0));
    let receivers = [Receiver::new(key(&crypto))];
    let scanner = Scanner::new(&crypto, &receivers);
    // A key computes with the provider that made it.
    let by_fastest = [Receiver::new(key(&FASTEST))];
    let fastest = Scanner::new(&FASTEST, &by_fastest);
    let all_cores = Scanner::new(&FASTEST, &by_fastest).on_all_cores();

    let publics: Vec<[u8; 32]> = (1..=ROWS as u8)
        .map(|seed| crypto.x25519.secret(&[seed; 32]).public())
        .collect();
    let dalek = x25519_dalek::StaticSecret::from([77; 32]);
    let aws_lc = aws_lc_rs::agreement::PrivateKey::from_private_key(
        &aws_lc_rs::agreement::X25519,
        &[77; 32],
    );
    let aws_lc = aws_lc.unwrap();
    on_one_core(
        c,
        "a stranger's hint, 16 slots",
        ROWS as u32,
        &mut [
            ("X25519 alone, x25519-dalek", &mut || {
                for public in black_box(&publics) {
                    black_box(dalek.diffie_hellman(&(*public).into()));
                }
            }),
            ("X25519 alone, aws-lc-rs", &mut || {
                for public in black_box(&publics) {
                    let x25519 = &aws_lc_rs::agreement::X25519;
                    let public = aws_lc_rs::agreement::UnparsedPublicKey::new(x25519, public);
                    let agreed = aws_lc_rs::agreement::agree(&aws_lc, public, (), |shared| {
                        black_box(shared);
                        Ok(())
                    });
                    agreed.unwrap();
                }
            }),
            ("wcmp, RustCrypto", &mut || scan(&column, &scanner)),
            ("wcmp, fastest provider", &mut || scan(&column, &fastest)),
        ],
    );
    side_by_side(
        c,
        "64 strangers' hints, by the clock",
        &mut [
            ("one core", &mut || scan(&column, &fastest)),
            ("all cores", &mut || scan(&column, &all_cores)),
        ],
    );
}

criterion_group! { name = benches; config = criterion(); targets = kernels, comparing, strangers }
criterion_main!(benches);
