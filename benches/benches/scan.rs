//! Finding one's own among everyone's: whole scans from a column, what touching an
//! envelope costs, trial decryption, and memory, beside the best that ready-made parts do.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bench stops at the first surprise"
)]

mod kit;
#[path = "scan/memory.rs"]
mod memory;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kit::{FASTEST, OPEN, Peer, SEALED, column, dummies, key, mac_hint, macs, scan};
use wcmp::wire::EnvelopeRef;
use wcmp::{Column, Provider, Readable, Receiver, Scanner};
use wcmp_benches::{criterion, on_one_core, record, side_by_side};

/// Whole scans, open suite. The best stack of ready-made parts: an envelope borrowed by
/// postcard or by our parser, hmac with cloned states, comparison one by one.
fn whole(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for slots in [4, 16, 64] {
        let all = dummies(&crypto, OPEN, slots, 1024, 0);
        for (k, n) in [(1, 1024), (10, 512), (100, 64), (1000, 16)] {
            let envelopes = all.get(..n).unwrap();
            let macs = macs(k);
            let receivers: Vec<Receiver> = (0..k).map(|_| Receiver::new(key(&crypto))).collect();
            let scanner = Scanner::new(&crypto, &receivers);
            let column = column(&crypto, envelopes);
            on_one_core(
                c,
                &format!("scan, {k} keys, {slots} slots"),
                n as u32,
                &mut [
                    ("postcard, hmac + sha2, ==", &mut || {
                        for envelope in envelopes {
                            let peer: Peer<'_> = postcard::from_bytes(black_box(envelope)).unwrap();
                            for mac in &macs {
                                let hint = mac_hint(mac, &peer.recipient_nonce);
                                let mut slots = peer.hints.chunks_exact(16);
                                assert!(!slots.any(|slot| slot == hint));
                            }
                        }
                    }),
                    ("wcmp-wire, hmac + sha2, ==", &mut || {
                        for envelope in envelopes {
                            let view = EnvelopeRef::parse(black_box(envelope)).unwrap();
                            for mac in &macs {
                                let hint = mac_hint(mac, view.recipient_nonce());
                                assert!(!view.hints().contains(&hint));
                            }
                        }
                    }),
                    ("wcmp, from the column", &mut || scan(&column, &scanner)),
                ],
            );
        }
    }
}

/// Cores share what is long enough to be shared.
fn all_cores(c: &mut Criterion) {
    const ROWS: usize = 4096;
    let crypto = Provider::rust_crypto();
    let column = column(&crypto, &dummies(&crypto, OPEN, 16, ROWS, 0));
    for k in [1, 100] {
        let receivers: Vec<Receiver> = (0..k).map(|_| Receiver::new(key(&crypto))).collect();
        let one_core = Scanner::new(&crypto, &receivers);
        let all_cores = Scanner::new(&crypto, &receivers).on_all_cores();
        side_by_side(
            c,
            &format!("4096 rows, {k} keys, 16 slots, by the clock"),
            &mut [
                ("one core", &mut || scan(&column, &one_core)),
                ("all cores", &mut || scan(&column, &all_cores)),
            ],
        );
    }
}

/// Reads what a scan has to look at, and nothing else.
fn fold(nonce: &[u8; 16], hints: &[[u8; 16]]) -> u128 {
    hints.iter().fold(u128::from_ne_bytes(*nonce), |sum, hint| {
        sum ^ u128::from_ne_bytes(*hint)
    })
}

/// Getting at nonce and hints, by layout and size of the payload: more memory than the
/// nearest caches hold.
fn touch(c: &mut Criterion) {
    const N: usize = 512;
    let crypto = Provider::rust_crypto();
    for slots in [4, 16, 64] {
        for kib in [1, 64] {
            let envelopes = dummies(&crypto, OPEN, slots, N, kib << 10);
            let column: Column = column(&crypto, &envelopes);
            on_one_core(
                c,
                &format!("touch an envelope, {slots} slots, {kib} KiB"),
                N as u32,
                &mut [
                    ("postcard, serde", &mut || {
                        for envelope in &envelopes {
                            let peer: Peer<'_> = postcard::from_bytes(black_box(envelope)).unwrap();
                            let (hints, _) = peer.hints.as_chunks();
                            black_box(fold(&peer.recipient_nonce, hints));
                        }
                    }),
                    ("wcmp-wire", &mut || {
                        for envelope in &envelopes {
                            let view = EnvelopeRef::parse(black_box(envelope)).unwrap();
                            black_box(fold(view.recipient_nonce(), view.hints()));
                        }
                    }),
                    ("column", &mut || {
                        for row in black_box(&column).rows() {
                            black_box(fold(row.recipient_nonce, row.hints));
                        }
                    }),
                ],
            );
        }
    }
}

/// Whole scans of 16 slots beside trial decryption, which is what formats without
/// hints need. Open hints can be tested by whoever holds the public key.
fn trial_decryption(c: &mut Criterion) {
    const N: usize = 1024;
    let crypto = Provider::rust_crypto();
    let receivers = [Receiver::new(key(&crypto))];
    let open = column(&crypto, &dummies(&crypto, OPEN, 16, N, 0));
    let open_scanner = Scanner::new(&crypto, &receivers);

    let closed = [closed(&crypto, 10)];
    let sealed = column(&crypto, &dummies(&crypto, SEALED, 16, N, 0));
    let sealed_scanner = Scanner::new(&crypto, &closed);

    let (file, _) = kit::age_file(16, b"");
    let identity = age::x25519::Identity::generate();

    let medians = on_one_core(
        c,
        "16 slots: one message by age, 1024 by us",
        1,
        &mut [
            ("age 0.11 (new_buffered)", &mut || {
                assert!(kit::age_is_not_for(black_box(&file), &identity));
            }),
            ("open hints, 1 key", &mut || scan(&open, &open_scanner)),
            ("pair hints, 10 contacts", &mut || {
                scan(&sealed, &sealed_scanner);
            }),
        ],
    );
    let names = [
        "age 0.11 (new_buffered)",
        "open hints, 1 key",
        "pair hints, 10 contacts",
    ];
    for ((name, ns), messages) in names.iter().zip(&medians).zip([1, N, N]) {
        record("is it for me? 16 slots", name, ns / messages as f64);
    }
    if let [age, open, sealed] = medians[..] {
        let times = |ours: f64| age * N as f64 / ours;
        println!(
            "  times age: open hints {:.0} (at least 5000), pair hints {:.0} (at least 1000)\n",
            times(open),
            times(sealed)
        );
    }
}

fn closed(crypto: &Provider, contacts: usize) -> Receiver {
    let mut closed = Receiver::new(key(crypto));
    for _ in 0..contacts {
        closed.add_contact(crypto, key(crypto).public().clone());
    }
    closed.close_to_strangers();
    closed
}

/// One envelope that is somebody else's, looked at alone, and the hint that this cannot
/// do without.
fn one_envelope(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let me = Receiver::new(key(&crypto));
    let by_fastest = Receiver::new(key(&FASTEST));
    let closed = closed(&crypto, 10);
    let mac = macs(1).pop().unwrap();
    for slots in [4, 16, 64] {
        let open = dummies(&crypto, OPEN, slots, 1, 0).pop().unwrap();
        let sealed = dummies(&crypto, SEALED, slots, 1, 0).pop().unwrap();
        let nonce = *Readable::parse(&open, 0)
            .unwrap()
            .envelope()
            .recipient_nonce();
        let recognise = |envelope: &[u8], crypto: &Provider, me: &Receiver| {
            let readable = Readable::parse(black_box(envelope), 0).unwrap();
            assert!(readable.recognise(crypto, me).is_none());
        };
        on_one_core(
            c,
            &format!("one envelope, {slots} slots"),
            1,
            &mut [
                ("hmac + sha2, cloned state: the hint alone", &mut || {
                    black_box(mac_hint(&mac, black_box(&nonce)));
                }),
                ("open suite, 1 key", &mut || recognise(&open, &crypto, &me)),
                ("sealed suite, 10 contacts, closed", &mut || {
                    recognise(&sealed, &crypto, &closed);
                }),
                ("sealed suite, a stranger", &mut || {
                    recognise(&sealed, &crypto, &me);
                }),
                ("sealed suite, a stranger, fastest provider", &mut || {
                    recognise(&sealed, &FASTEST, &by_fastest);
                }),
            ],
        );
    }
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = whole, all_cores, touch, trial_decryption, one_envelope, memory::memory
}
criterion_main!(benches);
