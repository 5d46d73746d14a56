//! Finding one's own among everyone's: hints, comparing, and whole scans from a
//! column, beside the best that ready-made parts do.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::unreachable,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;
use std::io::Cursor;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use wcmp::suite::{HintEngine, HintInput, HintKeys, HintMatcher, HintPath};
use wcmp::{
    Column, Content, KeyPair, KeyType, Provider, Readable, Receiver, Row, ScanCursor, Scanner,
    Sealer, Suite,
};
use wcmp_benches::{criterion, side_by_side};

const SUITE: Suite = Suite::OpenAes256Gcm;
const LABEL: &[u8] = b"WCMP v1 receiver hint\0\x01";

fn key(crypto: &Provider) -> KeyPair {
    KeyPair::generate(crypto, KeyType::X25519, &mut wcmp::system_rng()).unwrap()
}

/// What ready-made parts have in place of precomputed states: a clone of the keyed
/// state.
fn macs(keys: usize) -> Vec<Hmac<Sha256>> {
    let mac = |n: usize| Hmac::new_from_slice(&[n as u8; 32]).unwrap();
    (0..keys).map(mac).collect()
}

fn mac_hint(mac: &Hmac<Sha256>, nonce: &[u8; 16]) -> [u8; 16] {
    let mut mac = mac.clone();
    mac.update(LABEL);
    mac.update(nonce);
    *mac.finalize().into_bytes().first_chunk().unwrap()
}

/// Different numbers, as random as nonces and hints are.
fn numbers(n: usize, seed: u8) -> Vec<[u8; 16]> {
    let mac = Hmac::<Sha256>::new_from_slice(&[seed]).unwrap();
    let number = |n: usize| {
        *mac.clone()
            .chain_update(n.to_be_bytes())
            .finalize()
            .into_bytes()
            .first_chunk()
            .unwrap()
    };
    (0..n).map(number).collect()
}

/// Prints medians of whole runs as nanoseconds for one of `n`, and the first side's
/// ratio to the others.
fn each(medians: &[f64], n: usize, of: &str) {
    let each: Vec<String> = medians
        .iter()
        .map(|ns| format!("{:.2}", ns / n as f64))
        .collect();
    let first = medians.first().copied().unwrap_or(f64::NAN);
    let ratios: Vec<String> = medians
        .iter()
        .map(|ns| format!("{:.3}", ns / first))
        .collect();
    println!(
        "  ns per {of}: {}; to the first: {}\n",
        each.join(", "),
        ratios.join(", ")
    );
}

/// Hints of K keys for envelope after envelope.
fn hint_kernels(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for (k, n) in [(1, 1024), (4, 256), (10, 128), (100, 16)] {
        let nonces = numbers(n, 1);
        let macs = macs(k);
        let mine: Vec<KeyPair> = (0..k).map(|_| key(&crypto)).collect();
        let keys: HintKeys<'_> = mine.iter().map(KeyPair::hint_key).collect();
        let ours = |path: HintPath| {
            let engine = HintEngine::with(path).unwrap_or(HintEngine::detect());
            let (nonces, keys) = (&nonces, &keys);
            let (mut messages, mut hints) = (Vec::new(), Vec::new());
            move || {
                for nonces in nonces.chunks(16) {
                    let message = |nonce| HintInput::receiver(SUITE, nonce);
                    messages.clear();
                    messages.extend(black_box(nonces).iter().map(message));
                    engine.hints(keys, &messages, &mut hints);
                    black_box(&hints);
                }
            }
        };
        let (mut sha_ni, mut avx2, mut portable) = (
            ours(HintPath::ShaNi),
            ours(HintPath::Avx2),
            ours(HintPath::Portable),
        );
        let medians = side_by_side(
            c,
            &format!("hints, {k} keys"),
            &mut [
                ("hmac + sha2, cloned state", &mut || {
                    for nonce in &nonces {
                        for mac in &macs {
                            black_box(mac_hint(mac, black_box(nonce)));
                        }
                    }
                }),
                ("wcmp, SHA extensions", &mut sha_ni),
                ("wcmp, AVX2", &mut avx2),
                ("wcmp, portable", &mut portable),
            ],
        );
        each(&medians, n * k, "hint");
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
            let medians = side_by_side(
                c,
                &format!("comparing, {k} keys, {slots} slots"),
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
            each(&medians, k, "hint and envelope");
        }
    }
}

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
    recipient_nonce: [u8; 16],
    #[serde(borrow)]
    _encapsulation: &'a [u8],
    #[serde(borrow)]
    hints: &'a [u8],
    #[serde(borrow)]
    _sealed_keys: &'a [u8],
    #[serde(borrow)]
    _signature: &'a [u8],
}

fn dummies(crypto: &Provider, suite: Suite, slots: usize, n: usize) -> Vec<Vec<u8>> {
    let dummy = |_| {
        let sealer = Sealer::dummy(suite, 500_000).slots(slots);
        let rng = &mut wcmp::system_rng();
        sealer.seal(crypto, &Content::default(), rng).unwrap()
    };
    (0..n).map(dummy).collect()
}

fn column(crypto: &Provider, envelopes: &[Vec<u8>]) -> Column {
    let mut column = Column::new();
    for envelope in envelopes {
        column.push(crypto, &Readable::parse(envelope, 0).unwrap());
    }
    column
}

/// Rows made from the column and scanned, as often as a device does it.
fn scan(column: &Column, scanner: &Scanner<'_>) {
    let rows: Vec<Row<'_>> = black_box(column).rows().collect();
    let mut cursor = ScanCursor::default();
    let scanned = scanner.scan(&rows, 0, 0, &mut cursor, &mut 0, &mut |_| ());
    assert!(scanned.found.is_empty());
}

/// Whole scans, open suite. The best stack of ready-made parts: postcard's borrowed
/// envelope, hmac with cloned states, comparison one by one.
fn open_suite(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    for slots in [4, 16, 64] {
        let all = dummies(&crypto, SUITE, slots, 1024);
        for (k, n) in [(1, 1024), (10, 512), (100, 64), (1000, 16)] {
            let envelopes = all.get(..n).unwrap();
            let macs = macs(k);
            let receivers: Vec<Receiver> = (0..k).map(|_| Receiver::new(key(&crypto))).collect();
            let scanner = Scanner::new(&crypto, &receivers);
            let all_cores = Scanner::new(&crypto, &receivers).on_all_cores();
            let column = column(&crypto, envelopes);
            let medians = side_by_side(
                c,
                &format!("scan, open suite, {k} keys, {slots} slots, {n} envelopes"),
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
                    ("wcmp, from the column", &mut || scan(&column, &scanner)),
                    ("wcmp, all cores", &mut || scan(&column, &all_cores)),
                ],
            );
            each(&medians, n, "envelope");
        }
    }
}

/// Whole scans of 16 slots beside trial decryption, which is what formats without
/// hints need. Open hints can be tested by whoever holds the public key.
fn trial_decryption(c: &mut Criterion) {
    const N: usize = 1024;
    let crypto = Provider::rust_crypto();
    let receivers = [Receiver::new(key(&crypto))];
    let open = column(&crypto, &dummies(&crypto, SUITE, 16, N));
    let open_scanner = Scanner::new(&crypto, &receivers);

    let mut closed = Receiver::new(key(&crypto));
    for _ in 0..10 {
        closed.add_contact(&crypto, key(&crypto).public().clone());
    }
    closed.close_to_strangers();
    let closed = [closed];
    let sealed = column(&crypto, &dummies(&crypto, Suite::SealedAes256Gcm, 16, N));
    let sealed_scanner = Scanner::new(&crypto, &closed);

    let identity = age::x25519::Identity::generate();
    let others: Vec<_> = (0..16)
        .map(|_| age::x25519::Identity::generate().to_public())
        .collect();
    let recipients = others.iter().map(|other| other as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut file = Vec::new();
    let writer = encryptor.wrap_output(&mut file).unwrap();
    writer.finish().unwrap();

    let medians = side_by_side(
        c,
        "is one of these for me? 16 slots",
        &mut [
            ("age, one message (new_buffered)", &mut || {
                let file = Cursor::new(black_box(&file));
                let decryptor = age::Decryptor::new_buffered(file).unwrap();
                let identity = &identity as &dyn age::Identity;
                assert!(decryptor.decrypt(core::iter::once(identity)).is_err());
            }),
            ("wcmp, 1024 messages, open hints, 1 key", &mut || {
                scan(&open, &open_scanner);
            }),
            ("wcmp, 1024 messages, 10 contacts' pair hints", &mut || {
                scan(&sealed, &sealed_scanner);
            }),
        ],
    );
    if let [age, open, sealed] = medians[..] {
        let times = |ours: f64| age * N as f64 / ours;
        println!(
            "  times age: open hints {:.0} (at least 5000), pair hints {:.0} (at least 1000)\n",
            times(open),
            times(sealed)
        );
    }
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = hint_kernels, comparing, open_suite, trial_decryption
}
criterion_main!(benches);
