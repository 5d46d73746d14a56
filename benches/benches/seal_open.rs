//! Sealing and opening, from one receiver to a thousand and from 1 KiB to what an
//! envelope takes, beside age, hpke and crypto_box; X-Wing beside crate x-wing.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first surprise"
)]

mod kit;
#[path = "seal_open/peers.rs"]
mod peers;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use kit::{EXPIRES, FASTEST, OPEN, SEALED, column, key, scan};
use peers::Peers;
use wcmp::{Content, KeyPair, KeyType, Provider, Readable, Receiver, Scanner, Sealer, Suite};
use wcmp_benches::{criterion, on_one_core, record, side_by_side};
use x_wing::Decapsulate as _;

const RUST_CRYPTO: Provider = Provider::rust_crypto();

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn content(bytes: usize) -> Content {
    let mut body = vec![0; bytes];
    getrandom::fill(&mut body).unwrap();
    Content::new("application/octet-stream", body)
}

/// From somebody who introduces herself, to people who are strangers.
fn sealer<'a>(suite: Suite, sender: &'a KeyPair, receivers: &'a [KeyPair]) -> Sealer<'a> {
    let sealer = Sealer::new(suite, EXPIRES).from(sender).introduce();
    let to = |sealer: Sealer<'a>, receiver: &'a KeyPair| sealer.to(receiver.public());
    receivers.iter().fold(sealer, to)
}

fn seal(crypto: &Provider, sealer: &Sealer<'_>, content: &Content) -> Vec<u8> {
    let rng = &mut wcmp::system_rng();
    sealer.seal(crypto, black_box(content), rng).unwrap()
}

fn open(crypto: &Provider, envelope: &[u8], me: &Receiver) {
    let readable = Readable::parse(black_box(envelope), 0).unwrap();
    let recognised = readable.recognise(crypto, me).unwrap();
    black_box(recognised.open(crypto, &[]).unwrap());
}

/// The same key with the secret prepared by either provider, which computes with it.
fn by_both(keys: &KeyPair) -> [Receiver; 2] {
    [&RUST_CRYPTO, &FASTEST].map(|crypto| {
        let keys = KeyPair::from_seed(crypto, keys.key_type(), keys.dangerous_seed());
        Receiver::new(keys.unwrap())
    })
}

/// Receivers times sizes. 15 MiB is the greatest round size that fits an envelope of
/// 16 MiB.
fn messages(c: &mut Criterion) {
    let sender = key(&RUST_CRYPTO);
    let sizes = [
        ("1 KiB", 1 << 10),
        ("64 KiB", 64 << 10),
        ("15 MiB", 15 << 20),
    ];
    for receivers in [1, 10, 100, 1000] {
        let mut keys: Vec<KeyPair> = (0..receivers).map(|_| key(&RUST_CRYPTO)).collect();
        let peers = Peers::new(receivers);
        for (size, bytes) in sizes {
            let content = content(bytes);
            let body = &content.body;
            let sealed = sealer(SEALED, &sender, &keys);
            let mut ours = || drop(black_box(seal(&RUST_CRYPTO, &sealed, &content)));
            let mut fastest = || drop(black_box(seal(&FASTEST, &sealed, &content)));
            on_one_core(
                c,
                &format!("seal {size} for {receivers}"),
                1,
                &mut [
                    ("age 0.11", &mut || drop(black_box(peers.age_seal(body)))),
                    ("hpke 0.15", &mut || drop(black_box(peers.hpke_seal(body)))),
                    ("crypto_box 0.9", &mut || {
                        drop(black_box(peers.box_seal(body)));
                    }),
                    ("wcmp, RustCrypto", &mut ours),
                    ("wcmp, fastest provider", &mut fastest),
                ],
            );

            let in_sealed = seal(&FASTEST, &sealed, &content);
            let in_open = seal(&FASTEST, &sealer(OPEN, &sender, &keys), &content);
            let (age, hpke) = (peers.age_seal(body), peers.hpke_seal(body));
            let crypto_box = peers.box_seal(body);
            drop(sealed);
            let [last, by_fastest] = by_both(&keys.pop().unwrap());
            on_one_core(
                c,
                &format!("open {size} as the last of {receivers}"),
                1,
                &mut [
                    ("age 0.11 (new_buffered)", &mut || {
                        drop(black_box(peers.age_open(&age)));
                    }),
                    ("hpke 0.15", &mut || drop(black_box(peers.hpke_open(&hpke)))),
                    ("crypto_box 0.9", &mut || {
                        drop(black_box(peers.box_open(&crypto_box)));
                    }),
                    ("wcmp, RustCrypto", &mut || {
                        open(&RUST_CRYPTO, &in_sealed, &last);
                    }),
                    ("wcmp, fastest provider", &mut || {
                        open(&FASTEST, &in_sealed, &by_fastest);
                    }),
                    ("wcmp, fastest provider, open suite", &mut || {
                        open(&FASTEST, &in_open, &by_fastest);
                    }),
                ],
            );
            keys.push(key(&RUST_CRYPTO));
        }
    }
}

/// What 99 receivers more than one cost, each, padding to 128 slots included.
fn added_receiver(c: &mut Criterion) {
    let sender = key(&RUST_CRYPTO);
    let keys: Vec<KeyPair> = (0..100).map(|_| key(&RUST_CRYPTO)).collect();
    let (all, one) = (
        sealer(SEALED, &sender, &keys),
        sealer(SEALED, &sender, keys.get(..1).unwrap()),
    );
    let content = content(15);
    let (peers, peer) = (Peers::new(100), Peers::new(1));
    let ages = peers.age_publics();
    let public = RUST_CRYPTO.x25519.secret(&[8; 32]).public();
    let [secret, fastest_secret] = [RUST_CRYPTO, FASTEST].map(|c| c.x25519.secret(&[9; 32]));
    let medians = on_one_core(
        c,
        "seal a short message",
        1,
        &mut [
            ("wcmp, RustCrypto, 100", &mut || {
                drop(seal(&RUST_CRYPTO, &all, &content));
            }),
            ("wcmp, RustCrypto, 1", &mut || {
                drop(seal(&RUST_CRYPTO, &one, &content));
            }),
            ("wcmp, fastest provider, 100", &mut || {
                drop(seal(&FASTEST, &all, &content));
            }),
            ("wcmp, fastest provider, 1", &mut || {
                drop(seal(&FASTEST, &one, &content));
            }),
            ("age 0.11, 100", &mut || {
                drop(black_box(kit::age_seal(&ages, &content.body)));
            }),
            ("age 0.11, 1", &mut || {
                drop(black_box(peer.age_seal(&content.body)));
            }),
            ("hpke 0.15, one key", &mut || {
                drop(black_box(peer.hpke_seal(&[])));
            }),
            ("crypto_box 0.9, one key", &mut || {
                drop(black_box(peer.box_seal(&[])));
            }),
            ("X25519, RustCrypto", &mut || {
                black_box(black_box(&secret).agree(&public).unwrap());
            }),
            ("X25519, fastest provider", &mut || {
                black_box(black_box(&fastest_secret).agree(&public).unwrap());
            }),
        ],
    );
    let [
        rust,
        rust1,
        fastest,
        fastest1,
        age,
        age1,
        hpke,
        crypto_box,
        floor,
        floor_fastest,
    ] = medians[..]
    else {
        return;
    };
    let per = |all: f64, one: f64| (all - one) / 99.0;
    for (name, ns) in [
        ("wcmp, RustCrypto", per(rust, rust1)),
        ("wcmp, fastest provider", per(fastest, fastest1)),
        ("age 0.11", per(age, age1)),
        ("hpke 0.15", hpke),
        ("crypto_box 0.9", crypto_box),
        ("X25519, RustCrypto", floor),
        ("X25519, fastest provider", floor_fastest),
    ] {
        println!("  per added receiver: {name:<28} {ns:>12.0} ns");
        record("seal, per added receiver at 100", name, ns);
    }
}

/// By the clock, as cores share the work.
fn all_cores(c: &mut Criterion) {
    let sender = key(&FASTEST);
    let keys: Vec<KeyPair> = (0..1000).map(|_| key(&RUST_CRYPTO)).collect();
    let one_core = sealer(SEALED, &sender, &keys);
    let all_cores = sealer(SEALED, &sender, &keys).on_all_cores();
    let content = content(1 << 10);
    side_by_side(
        c,
        "seal 1 KiB for 1000, by the clock",
        &mut [
            ("one core", &mut || {
                drop(seal(&FASTEST, &one_core, &content));
            }),
            ("all cores", &mut || {
                drop(seal(&FASTEST, &all_cores, &content));
            }),
        ],
    );
}

/// Among 100 slots: is one mine, and which? Nothing is opened.
fn finding(c: &mut Criterion) {
    let sender = key(&RUST_CRYPTO);
    let mut keys: Vec<KeyPair> = (0..100).map(|_| key(&RUST_CRYPTO)).collect();
    let content = content(15);
    let mine = seal(&FASTEST, &sealer(OPEN, &sender, &keys), &content);
    let strangers = seal(&FASTEST, &sealer(SEALED, &sender, &keys), &content);
    let [_, last] = by_both(&keys.pop().unwrap());
    let other = [Receiver::new(key(&RUST_CRYPTO))];
    let column = column(&RUST_CRYPTO, &vec![mine.clone(); 64]);
    let scanner = Scanner::new(&RUST_CRYPTO, &other);
    let (file, identity) = kit::age_file(100, &content.body);
    let not_mine = age::x25519::Identity::generate();
    let mut medians = on_one_core(
        c,
        "100 slots, without opening",
        1,
        &mut [
            ("age 0.11, not mine (new_buffered)", &mut || {
                assert!(kit::age_is_not_for(black_box(&file), &not_mine));
            }),
            ("age 0.11, mine, its header (new_buffered)", &mut || {
                assert!(!kit::age_is_not_for(black_box(&file), &identity));
            }),
            ("wcmp, open suite, mine, which slot", &mut || {
                let readable = Readable::parse(black_box(&mine), 0).unwrap();
                black_box(readable.recognise(&FASTEST, &last).unwrap().slot());
            }),
            ("wcmp, sealed suite, mine, a stranger", &mut || {
                let readable = Readable::parse(black_box(&strangers), 0).unwrap();
                black_box(readable.recognise(&FASTEST, &last).unwrap().slot());
            }),
            ("wcmp, open suite, not mine, 64 rows", &mut || {
                scan(&column, &scanner);
            }),
        ],
    );
    if let Some(rows) = medians.pop() {
        record(
            "100 slots, without opening",
            "wcmp, open suite, not mine",
            rows / 64.0,
        );
    }
}

/// The KEM, and whole envelopes.
fn xwing(c: &mut Criterion) {
    let seed = random::<32>();
    let theirs = x_wing::DecapsulationKey::from(seed);
    let [secret, fastest_secret] = [RUST_CRYPTO, FASTEST].map(|crypto| crypto.xwing.secret(&seed));
    let public = secret.public();
    let encapsulation_key = x_wing::EncapsulationKey::try_from(&public[..]).unwrap();
    let randomness = random::<64>();
    let encapsulate = |crypto: &Provider| {
        let (public, mut out) = (black_box(&public), [0; 1120]);
        let secret = crypto.xwing.encapsulate(public, &randomness, &mut out);
        black_box((secret.unwrap(), out));
    };
    on_one_core(
        c,
        "X-Wing, encapsulate",
        1,
        &mut [
            ("x-wing 0.1", &mut || {
                let key = black_box(&encapsulation_key);
                black_box(key.encapsulate_deterministic((&randomness).into()));
            }),
            ("wcmp, RustCrypto", &mut || encapsulate(&RUST_CRYPTO)),
            ("wcmp, fastest provider", &mut || encapsulate(&FASTEST)),
        ],
    );
    let mut ciphertext = [0; 1120];
    let sent = RUST_CRYPTO
        .xwing
        .encapsulate(&public, &randomness, &mut ciphertext);
    assert!(*sent.unwrap() == *fastest_secret.decapsulate(&ciphertext).unwrap());
    on_one_core(
        c,
        "X-Wing, decapsulate",
        1,
        &mut [
            ("x-wing 0.1", &mut || {
                black_box(theirs.decapsulate(black_box(&ciphertext).into()));
            }),
            ("wcmp, RustCrypto", &mut || {
                black_box(secret.decapsulate(black_box(&ciphertext)).unwrap());
            }),
            ("wcmp, fastest provider", &mut || {
                black_box(fastest_secret.decapsulate(black_box(&ciphertext)).unwrap());
            }),
        ],
    );

    let sender = key(&RUST_CRYPTO);
    let keys = [KeyPair::from_seed(&RUST_CRYPTO, KeyType::XWing, &seed).unwrap()];
    let content = content(1 << 10);
    let sealer = sealer(Suite::OpenXWing, &sender, &keys);
    on_one_core(
        c,
        "X-Wing, seal 1 KiB for 1",
        1,
        &mut [
            ("wcmp, RustCrypto", &mut || {
                drop(seal(&RUST_CRYPTO, &sealer, &content));
            }),
            ("wcmp, fastest provider", &mut || {
                drop(seal(&FASTEST, &sealer, &content));
            }),
        ],
    );
    let envelope = seal(&FASTEST, &sealer, &content);
    let [me, by_fastest] = by_both(&keys[0]);
    on_one_core(
        c,
        "X-Wing, open 1 KiB",
        1,
        &mut [
            ("wcmp, RustCrypto", &mut || {
                open(&RUST_CRYPTO, &envelope, &me);
            }),
            ("wcmp, fastest provider", &mut || {
                open(&FASTEST, &envelope, &by_fastest);
            }),
        ],
    );
}

criterion_group! {
    name = benches;
    config = criterion();
    targets = messages, added_receiver, all_cores, finding, xwing
}
criterion_main!(benches);
