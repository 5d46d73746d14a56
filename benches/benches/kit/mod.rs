//! What several benches measure with: keys, envelopes, and the envelope as postcard
//! reads it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each bench uses a part of it; a bench stops at the first surprise"
)]

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use wcmp::{Column, Content, KeyPair, KeyType, Provider, Readable, Row, ScanCursor, Scanner};
use wcmp::{Sealer, Suite};

pub(crate) const OPEN: Suite = Suite::OpenAes256Gcm;
pub(crate) const SEALED: Suite = Suite::SealedAes256Gcm;
pub(crate) const EXPIRES: u32 = 500_000;

/// The provider that the page calls the fastest.
pub(crate) const FASTEST: Provider = Provider::aws_lc();

pub(crate) fn key(crypto: &Provider) -> KeyPair {
    KeyPair::generate(crypto, KeyType::X25519, &mut wcmp::system_rng()).unwrap()
}

/// Different numbers, as random as nonces and hints are.
pub(crate) fn numbers(n: usize, seed: u8) -> Vec<[u8; 16]> {
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

/// An envelope as postcard borrows it, without the rules of spec 4.1.
#[derive(Deserialize)]
pub(crate) struct Peer<'a> {
    _version: u8,
    _suite: [u8; 2],
    _sender_nonce: [u8; 16],
    _sender_hint: [u8; 16],
    _expires: [u8; 4],
    _commitment: [u8; 32],
    #[serde(borrow)]
    _payload: &'a [u8],
    pub(crate) recipient_nonce: [u8; 16],
    #[serde(borrow)]
    _encapsulation: &'a [u8],
    #[serde(borrow)]
    pub(crate) hints: &'a [u8],
    #[serde(borrow)]
    _sealed_keys: &'a [u8],
    #[serde(borrow)]
    _signature: &'a [u8],
}

/// Envelopes that are nobody's, with payloads of `bytes` or a few more.
pub(crate) fn dummies(
    crypto: &Provider,
    suite: Suite,
    slots: usize,
    n: usize,
    bytes: usize,
) -> Vec<Vec<u8>> {
    let content = Content::new("", vec![0; bytes]);
    let dummy = |_| {
        let sealer = Sealer::dummy(suite, EXPIRES).slots(slots);
        sealer
            .seal(crypto, &content, &mut wcmp::system_rng())
            .unwrap()
    };
    (0..n).map(dummy).collect()
}

pub(crate) fn column(crypto: &Provider, envelopes: &[Vec<u8>]) -> Column {
    let mut column = Column::new();
    for envelope in envelopes {
        column.push(crypto, &Readable::parse(envelope, 0).unwrap());
    }
    column
}

/// Rows made from the column and scanned, as often as a device does it.
pub(crate) fn scan(column: &Column, scanner: &Scanner<'_>) {
    let rows: Vec<Row<'_>> = std::hint::black_box(column).rows().collect();
    let (mut cursor, mut budget) = (ScanCursor::default(), u64::MAX);
    let scanned = scanner.scan(&rows, 0, 0, &mut cursor, &mut budget, &mut |_| ());
    assert!(scanned.found.is_empty());
}

/// What ready-made parts have in place of precomputed states: a clone of the keyed
/// state.
pub(crate) fn macs(keys: usize) -> Vec<Hmac<Sha256>> {
    let mac = |n: usize| Hmac::new_from_slice(&n.to_be_bytes()).unwrap();
    (0..keys).map(mac).collect()
}

pub(crate) fn mac_hint(mac: &Hmac<Sha256>, nonce: &[u8; 16]) -> [u8; 16] {
    let mut mac = mac.clone();
    mac.update(LABEL);
    mac.update(nonce);
    *mac.finalize().into_bytes().first_chunk().unwrap()
}

/// What a hint of the open suite is made over, before the nonce.
pub(crate) const LABEL: &[u8] = b"WCMP v1 receiver hint\0\x01";

/// A file of age for so many others.
pub(crate) fn age_file(others: usize, body: &[u8]) -> (Vec<u8>, age::x25519::Identity) {
    let identities: Vec<_> = (0..others)
        .map(|_| age::x25519::Identity::generate())
        .collect();
    let publics: Vec<_> = identities
        .iter()
        .map(age::x25519::Identity::to_public)
        .collect();
    let file = age_seal(&publics, body);
    (file, identities.into_iter().next_back().unwrap())
}

pub(crate) fn age_seal(publics: &[age::x25519::Recipient], body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let recipients = publics.iter().map(|r| r as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut out = Vec::with_capacity(body.len() + body.len() / 1024 + 200 * publics.len());
    let mut writer = encryptor.wrap_output(&mut out).unwrap();
    writer.write_all(body).unwrap();
    writer.finish().unwrap();
    out
}

/// Whether age finds nothing for this identity. [`age::Decryptor::new`] is quadratic in
/// receivers; this is its faster sister.
pub(crate) fn age_is_not_for(file: &[u8], identity: &age::x25519::Identity) -> bool {
    let decryptor = age::Decryptor::new_buffered(std::io::Cursor::new(file)).unwrap();
    let identity = identity as &dyn age::Identity;
    decryptor.decrypt(core::iter::once(identity)).is_err()
}
