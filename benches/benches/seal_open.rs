//! Sealing and opening: what one more receiver costs, and bulk, beside age and hpke.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a bench stops at the first surprise"
)]

use std::hint::black_box;
use std::io::{Cursor, Read, Write};

use criterion::{Criterion, criterion_group, criterion_main};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Kem, OpModeS};
use wcmp::suite::AeadAlgorithm;
use wcmp::{Content, KeyPair, KeyType, Provider, Readable, Receiver, Sealer, Suite};
use wcmp_benches::{criterion, side_by_side};

const EXPIRES: u32 = 500_000;

fn key(crypto: &Provider) -> KeyPair {
    KeyPair::generate(crypto, KeyType::X25519, &mut wcmp::system_rng()).unwrap()
}

/// Seals a short message for the first so many receivers.
fn seal(crypto: &Provider, suite: Suite, sender: &KeyPair, receivers: &[KeyPair]) -> Vec<u8> {
    let mut sealer = Sealer::new(suite, EXPIRES).from(sender).introduce();
    for receiver in receivers {
        sealer = sealer.to(receiver.public());
    }
    let content = Content::new("text/plain", "a short message");
    sealer
        .seal(crypto, &content, &mut wcmp::system_rng())
        .unwrap()
}

/// What 60 receivers more than 4 cost, each, in the default suite.
fn added_receiver(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let sender = key(&crypto);
    let receivers: Vec<KeyPair> = (0..64).map(|_| key(&crypto)).collect();
    let secret = crypto.x25519.secret(&[9; 32]);
    let public = crypto.x25519.secret(&[8; 32]).public();

    let (hpke_secret, hpke_public) = X25519HkdfSha256::gen_keypair();
    drop(hpke_secret);
    let ages: Vec<_> = (0..64)
        .map(|_| age::x25519::Identity::generate().to_public())
        .collect();
    let age_seal = |count: usize| {
        let recipients = ages.iter().take(count).map(|r| r as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
        let mut out = Vec::new();
        let mut writer = encryptor.wrap_output(&mut out).unwrap();
        writer.write_all(b"a short message").unwrap();
        writer.finish().unwrap();
        out
    };
    let four = receivers.get(..4).unwrap();
    let medians = side_by_side(
        c,
        "seal a short message",
        &mut [
            ("wcmp 0x0101, 64 receivers", &mut || {
                black_box(seal(&crypto, Suite::SealedAes256Gcm, &sender, &receivers));
            }),
            ("wcmp 0x0101, 4 receivers", &mut || {
                black_box(seal(&crypto, Suite::SealedAes256Gcm, &sender, four));
            }),
            ("wcmp 0x0001, 64 receivers", &mut || {
                black_box(seal(&crypto, Suite::OpenAes256Gcm, &sender, &receivers));
            }),
            ("wcmp 0x0001, 4 receivers", &mut || {
                black_box(seal(&crypto, Suite::OpenAes256Gcm, &sender, four));
            }),
            ("one X25519 and one AES-GCM of 32 bytes", &mut || {
                let shared = black_box(&secret).agree(&public).unwrap();
                let mut buf = [0; 32];
                let aead = AeadAlgorithm::Aes256Gcm;
                black_box(
                    crypto
                        .aead
                        .seal(aead, &shared, &[0; 12], &[], &mut buf)
                        .unwrap(),
                );
            }),
            ("hpke 0.15, one seal", &mut || {
                black_box(
                    hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                        &OpModeS::Base,
                        &hpke_public,
                        b"info",
                        &[7; 32],
                        &[],
                    )
                    .unwrap(),
                );
            }),
            ("age 0.11, 64 receivers", &mut || {
                black_box(age_seal(64));
            }),
            ("age 0.11, 4 receivers", &mut || {
                black_box(age_seal(4));
            }),
        ],
    );
    if let [sealed64, sealed4, open64, open4, floor, hpke, age64, age4] = medians[..] {
        println!(
            "  per added receiver, as multiples of one X25519 and one AES-GCM (at most 1.15):"
        );
        println!(
            "    wcmp 0x0101 {:.3} x",
            (sealed64 - sealed4) / 60.0 / floor
        );
        println!("    wcmp 0x0001 {:.3} x", (open64 - open4) / 60.0 / floor);
        println!("    hpke        {:.3} x", hpke / floor);
        println!("    age         {:.3} x\n", (age64 - age4) / 60.0 / floor);
    }
}

/// Opening by the last of 100 receivers.
fn open(c: &mut Criterion) {
    let crypto = Provider::rust_crypto();
    let sender = key(&crypto);
    let mut receivers: Vec<KeyPair> = (0..100).map(|_| key(&crypto)).collect();
    let sealed = seal(&crypto, Suite::SealedAes256Gcm, &sender, &receivers);
    let open = seal(&crypto, Suite::OpenAes256Gcm, &sender, &receivers);
    let last = Receiver::new(receivers.pop().unwrap());

    let identities: Vec<_> = (0..100)
        .map(|_| age::x25519::Identity::generate())
        .collect();
    let publics: Vec<_> = identities
        .iter()
        .map(age::x25519::Identity::to_public)
        .collect();
    let recipients = publics.iter().map(|r| r as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(b"a short message").unwrap();
    writer.finish().unwrap();
    let identity = identities.last().unwrap();

    let ours = |envelope: &[u8]| {
        let readable = Readable::parse(envelope, 0).unwrap();
        let recognised = readable.recognise(&crypto, &last).unwrap();
        recognised.open(&crypto, &[]).unwrap()
    };
    side_by_side(
        c,
        "open as the last of 100 receivers",
        &mut [
            ("wcmp 0x0101, stranger hint", &mut || {
                black_box(ours(black_box(&sealed)));
            }),
            ("wcmp 0x0001", &mut || {
                black_box(ours(black_box(&open)));
            }),
            ("age 0.11 (new_buffered)", &mut || {
                let decryptor =
                    age::Decryptor::new_buffered(Cursor::new(black_box(&file))).unwrap();
                let identity = identity as &dyn age::Identity;
                let mut reader = decryptor.decrypt(core::iter::once(identity)).unwrap();
                let mut out = Vec::new();
                reader.read_to_end(&mut out).unwrap();
                black_box(out);
            }),
        ],
    );
}

/// 15 MiB, the greatest round size that fits an envelope of 16 MiB.
fn bulk(c: &mut Criterion) {
    let rust_crypto = Provider::rust_crypto();
    let ring = Provider::ring();
    let sender = key(&rust_crypto);
    let mut body = vec![0; 15 << 20];
    getrandom::fill(&mut body).unwrap();
    let content = Content::new("application/octet-stream", body);
    let me = Receiver::new(key(&rust_crypto));
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();

    let seal = |crypto: &Provider| {
        Sealer::new(Suite::SealedAes256Gcm, EXPIRES)
            .from(&sender)
            .to(me.keys().public())
            .introduce()
            .seal(crypto, &content, &mut wcmp::system_rng())
            .unwrap()
    };
    let age_seal = || {
        let recipients = core::iter::once(&recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
        let mut out = Vec::with_capacity(16 << 20);
        let mut writer = encryptor.wrap_output(&mut out).unwrap();
        writer.write_all(&content.body).unwrap();
        writer.finish().unwrap();
        out
    };
    side_by_side(
        c,
        "seal 15 MiB",
        &mut [
            ("age 0.11", &mut || drop(black_box(age_seal()))),
            ("wcmp, RustCrypto", &mut || {
                drop(black_box(seal(&rust_crypto)));
            }),
            ("wcmp, ring", &mut || drop(black_box(seal(&ring)))),
        ],
    );

    let (envelope, file) = (seal(&ring), age_seal());
    let open = |crypto: &Provider| {
        let readable = Readable::parse(&envelope, 0).unwrap();
        let recognised = readable.recognise(crypto, &me).unwrap();
        recognised.open(crypto, &[]).unwrap()
    };
    side_by_side(
        c,
        "open 15 MiB",
        &mut [
            ("age 0.11 (new_buffered)", &mut || {
                let decryptor = age::Decryptor::new_buffered(Cursor::new(&file)).unwrap();
                let identity = &identity as &dyn age::Identity;
                let mut reader = decryptor.decrypt(core::iter::once(identity)).unwrap();
                let mut out = Vec::with_capacity(16 << 20);
                reader.read_to_end(&mut out).unwrap();
                black_box(out);
            }),
            ("wcmp, RustCrypto", &mut || {
                drop(black_box(open(&rust_crypto)));
            }),
            ("wcmp, ring", &mut || drop(black_box(open(&ring)))),
        ],
    );
}

criterion_group! { name = benches; config = criterion(); targets = added_receiver, open, bulk }
criterion_main!(benches);
