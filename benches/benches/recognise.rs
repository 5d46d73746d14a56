//! "Is it for me?": one envelope, one key. The bound of an open suite is the hint
//! itself, one HMAC with its key's state computed before.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;
use std::io::Cursor;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wcmp::{Content, KeyPair, KeyType, Provider, Readable, Receiver, Sealer, Suite};
use wcmp_benches::{criterion, side_by_side};

fn key(crypto: &Provider) -> KeyPair {
    KeyPair::generate(crypto, KeyType::X25519, &mut wcmp::system_rng()).unwrap()
}

/// Open suites, for an envelope that is somebody else's: the usual case.
fn open_suite(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
    let me = Receiver::new(key(&crypto));
    for slots in [4, 16, 64] {
        let envelope = Sealer::dummy(Suite::OpenAes256Gcm, 500_000)
            .slots(slots)
            .seal(&crypto, &Content::default(), &mut wcmp::system_rng())
            .unwrap();
        let readable = Readable::parse(&envelope, 0).unwrap();
        let medians = side_by_side(
            c,
            &format!("recognise, open suite, 1 key, {slots} slots"),
            &mut [
                ("hmac + sha2, cloned state: the hint alone", &mut || {
                    let mut mac = mac.clone();
                    mac.update(b"WCMP v1 receiver hint\0\x01");
                    mac.update(black_box(readable.envelope().recipient_nonce()));
                    black_box(mac.finalize().into_bytes());
                }),
                ("wcmp: hint and comparison", &mut || {
                    assert!(black_box(&readable).recognise(&crypto, &me).is_none());
                }),
                ("wcmp: parse, check, hint, comparison", &mut || {
                    let readable = Readable::parse(black_box(&envelope), 0).unwrap();
                    assert!(readable.recognise(&crypto, &me).is_none());
                }),
            ],
        );
        if let [peer, ours, ..] = medians[..] {
            println!(
                "  wcmp minus hmac + sha2: {:+.1} ns (at most +60)\n",
                ours - peer
            );
        }
    }
}

/// Sealed suites against trial decryption, which is what formats without hints need.
fn sealed_suite(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let mut me = Receiver::new(key(&crypto));
    for _ in 0..10 {
        me.add_contact(&crypto, key(&crypto).public().clone());
    }
    let mut closed = Receiver::new(key(&crypto));
    for _ in 0..10 {
        closed.add_contact(&crypto, key(&crypto).public().clone());
    }
    closed.close_to_strangers();
    let envelope = Sealer::dummy(Suite::SealedAes256Gcm, 500_000)
        .slots(16)
        .seal(&crypto, &Content::default(), &mut wcmp::system_rng())
        .unwrap();

    let identity = age::x25519::Identity::generate();
    let others: Vec<_> = (0..16)
        .map(|_| age::x25519::Identity::generate().to_public())
        .collect();
    let recipients = others.iter().map(|other| other as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut file = Vec::new();
    let writer = encryptor.wrap_output(&mut file).unwrap();
    writer.finish().unwrap();

    side_by_side(
        c,
        "recognise, sealed suite, 16 slots, 10 contacts",
        &mut [
            ("wcmp, closed to strangers", &mut || {
                let readable = Readable::parse(black_box(&envelope), 0).unwrap();
                assert!(readable.recognise(&crypto, &closed).is_none());
            }),
            ("wcmp, open to strangers", &mut || {
                let readable = Readable::parse(black_box(&envelope), 0).unwrap();
                assert!(readable.recognise(&crypto, &me).is_none());
            }),
            ("age, trial decryption (new_buffered)", &mut || {
                let decryptor =
                    age::Decryptor::new_buffered(Cursor::new(black_box(&file))).unwrap();
                let identity = &identity as &dyn age::Identity;
                assert!(decryptor.decrypt(core::iter::once(identity)).is_err());
            }),
        ],
    );
}

criterion_group! { name = benches; config = criterion(); targets = open_suite, sealed_suite }
criterion_main!(benches);
