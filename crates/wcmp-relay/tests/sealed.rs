//! Sealed bundles: any size, any damage, one error, and what was read before it is kept.
#![cfg(feature = "sealed")]
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::io::Cursor;

use wcmp_relay::bundle::{
    Event, OpenError, Reader, SealedError, Sealing, Secret, Sink, Source, Stamp, Unsealed, Writer,
    is_sealed_len, sealed_len,
};

const SALT: [u8; 32] = [0x77; 32];
/// A chunk in the file.
const CHUNK: usize = 65_552;

fn secret() -> Secret {
    Secret::paired([5; 32])
}

fn seal(plain: &[u8], pieces: usize) -> Vec<u8> {
    let mut sealing = Sealing::new(Cursor::new(Vec::new()), &secret(), SALT).unwrap();
    for piece in plain.chunks(pieces) {
        sealing.write(piece).unwrap();
    }
    sealing.finish().unwrap().into_inner()
}

/// All that can be had, and whether that was everything.
fn unseal(file: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut unsealed = Unsealed::open(file, &secret()).ok()?;
    let (mut plain, mut buf) = (Vec::new(), [0; 50_000]);
    loop {
        match unsealed.read_at(plain.len() as u64, &mut buf) {
            Ok(0) => return Some((plain, true)),
            Ok(n) => plain.extend_from_slice(&buf[..n]),
            Err(error) => {
                assert_eq!(error.code(), Some("bundle"));
                return Some((plain, false));
            }
        }
    }
}

fn plain(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8 + 1).collect()
}

#[test]
fn every_size_about_a_step_comes_back() {
    for len in [
        0, 1, 1015, 1016, 1017, 2040, 65_527, 65_528, 65_529, 67_575, 67_576, 67_577, 131_063,
        131_064, 131_065, 200_000, 600_000,
    ] {
        let plain = plain(len);
        let file = seal(&plain, 30_000);
        assert_eq!(file.len() as u64, sealed_len(len as u64), "{len}");
        assert!(is_sealed_len(file.len() as u64));
        assert_eq!(unseal(&file), Some((plain.clone(), true)), "{len}");
        assert_eq!(file, seal(&plain, 65_536), "pieces do not show");
    }
}

#[test]
fn every_place_and_every_cut_is_seen() {
    let plain = plain(150_000);
    let file = seal(&plain, 150_000);
    assert_eq!(file.len(), 32 + 151_552 + 3 * 16);
    let chunks = [32, 32 + CHUNK, 32 + 2 * CHUNK, file.len()];
    for at in (0..file.len())
        .step_by(997)
        .chain(chunks[..3].iter().copied())
        .chain([file.len() - 1])
    {
        let mut bad = file.clone();
        bad[at] ^= 4;
        // What is before the damaged chunk is there; 8 bytes of the first are the length.
        let kept = match chunks.iter().rposition(|start| *start <= at) {
            None | Some(0) => None,
            Some(n) => Some((plain[..(n * 65_536 - 8).min(149_999)].to_vec(), false)),
        };
        assert_eq!(unseal(&bad), kept, "{at}");
    }
    for cut in (0..file.len())
        .step_by(911)
        .chain(chunks[..3].iter().copied())
    {
        match unseal(&file[..cut]) {
            None => assert!(cut <= 32 + CHUNK, "{cut}"),
            Some((got, whole)) => {
                assert!(!whole && cut > 32 + CHUNK, "{cut}");
                assert_eq!(got, plain[..got.len()], "{cut}");
                // The chunk that was cut is lost, and no other.
                assert_eq!(got.len() + 8, (cut - 33) / CHUNK * 65_536, "{cut}");
            }
        }
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(!unseal(&longer).is_some_and(|(_, whole)| whole));
}

#[test]
fn chunks_in_another_order_or_from_another_file_are_refused() {
    let a = seal(&plain(300_000), 300_000);
    let mut swapped = a.clone();
    swapped.copy_within(32 + 2 * CHUNK..32 + 3 * CHUNK, 32 + CHUNK);
    assert_eq!(unseal(&swapped).unwrap().0.len(), 65_528);
    let mut sealing = Sealing::new(Cursor::new(Vec::new()), &secret(), [0x78; 32]).unwrap();
    sealing.write(&plain(300_000)).unwrap();
    let other = sealing.finish().unwrap().into_inner();
    let mut mixed = a.clone();
    mixed[32 + CHUNK..32 + 2 * CHUNK].copy_from_slice(&other[32 + CHUNK..32 + 2 * CHUNK]);
    assert_eq!(unseal(&mixed).unwrap().0.len(), 65_528);
}

/// Seals a plaintext that is given whole, length and padding included.
fn crafted(plaintext: &[u8]) -> Vec<u8> {
    use aes_gcm::Aes256Gcm;
    use aes_gcm::aead::{AeadInOut, KeyInit};
    use hmac::Mac;
    let hmac = |key: &[u8], parts: &[&[u8]]| -> [u8; 32] {
        let mut mac = <hmac::Hmac<sha2::Sha256> as KeyInit>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    };
    let prk = hmac(&SALT, &[&[5; 32]]);
    let key = hmac(&prk, &[b"WCMP v1 sealed bundle", &[1]]);
    let cipher = Aes256Gcm::new((&key).into());
    let mut file = SALT.to_vec();
    let count = plaintext.chunks(65_536).count();
    for (i, chunk) in plaintext.chunks(65_536).enumerate() {
        let mut nonce = [0; 12];
        nonce[10] = i as u8;
        nonce[11] = u8::from(i + 1 == count);
        let mut chunk = chunk.to_vec();
        let tag = cipher
            .encrypt_inout_detached((&nonce).into(), &[], chunk.as_mut_slice().into())
            .unwrap();
        file.extend(chunk);
        file.extend_from_slice(&tag);
    }
    file
}

#[test]
fn length_and_padding_are_checked_under_the_right_key_too() {
    let with_len = |len: u64, plaintext: usize, zero: u8| {
        let mut text = len.to_be_bytes().to_vec();
        text.extend(plain(usize::try_from(len).unwrap_or(0).min(plaintext - 8)));
        text.resize(plaintext, zero);
        crafted(&text)
    };
    assert_eq!(with_len(100, 1024, 0), seal(&plain(100), 100));
    assert_eq!(with_len(140_000, 143_360, 0), seal(&plain(140_000), 7));
    // Length, bytes of plaintext, padding, what is given before the end.
    for (len, plaintext, zero, given) in [
        (100, 1024, 1, 99),
        (100, 2048, 0, 99),
        (1016, 1024, 0, 1016),
        (1017, 1024, 0, 1016),
        (u64::MAX, 1024, 0, 1016),
        (1 << 40, 1024, 0, 1016),
        (100, 143_360, 0, 99),
        (140_000, 143_360, 1, 139_999),
        (140_000, 143_361, 0, 139_999),
    ] {
        let file = with_len(len, plaintext, zero);
        let (got, whole) = unseal(&file).unwrap();
        assert_eq!(
            (got.len(), whole),
            (given, len == 1016),
            "{len} {plaintext} {zero}"
        );
    }
    // Padding after a bundle that ends with its chunk, and a dirty last byte far behind it.
    let mut text = 3_000_000u64.to_be_bytes().to_vec();
    text.extend(plain(3_000_000));
    text.resize(wcmp_wire::padded_len(3_000_008), 0);
    assert!(unseal(&crafted(&text)).unwrap().1);
    *text.last_mut().unwrap() = 1;
    let (got, whole) = unseal(&crafted(&text)).unwrap();
    assert_eq!((got.len(), whole), (2_999_999, false));
}

#[test]
fn frames_before_the_failure_are_kept() {
    let sealing = Sealing::new(Cursor::new(Vec::new()), &secret(), SALT).unwrap();
    let mut writer = Writer::new(sealing, [1; 4]).unwrap();
    for i in 0..100u8 {
        writer.frame(Stamp::NONE, &[i; 2000]).unwrap();
    }
    let file = writer.finish().unwrap().finish().unwrap().into_inner();
    let read = |file: &[u8]| {
        let mut reader = Reader::open(Unsealed::open(file, &secret()).unwrap(), 1 << 20).unwrap();
        let mut frames = 0u32;
        loop {
            match reader.next() {
                Ok(Some(Event::Frame { envelope, .. })) => {
                    assert_eq!(envelope, [frames as u8; 2000]);
                    frames += 1;
                }
                Ok(Some(event)) => assert!(matches!(event, Event::End(_)), "{event:?}"),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error)),
            }
        }
    };
    assert_eq!(read(&file), (100, None));
    let mut bad = file.clone();
    bad[32 + 2 * CHUNK + 9] ^= 1;
    // Two chunks hold a length, a header and 65 frames of 2014 bytes.
    assert_eq!(read(&bad), (65, Some(SealedError::Refused)));
    // Only the padding: all frames, but no End.
    let mut bad = file.clone();
    *bad.last_mut().unwrap() ^= 1;
    let (frames, error) = read(&bad);
    assert!(error.is_some() && frames >= 97, "{frames}");
}

#[test]
fn a_sealed_bundle_is_opened_by_its_secret_and_by_nothing_else() {
    let word = Secret::passphrase("Ame\u{301}lie");
    let mut sealing = Sealing::new(Cursor::new(Vec::new()), &word, SALT).unwrap();
    sealing.write(b"abc").unwrap();
    let file = sealing.finish().unwrap().into_inner();
    let mut composed = Unsealed::open(&file[..], &Secret::passphrase("Am\u{e9}lie")).unwrap();
    assert_eq!(composed.len(), Ok(3));
    for other in [
        Secret::passphrase("Amelie"),
        Secret::passphrase(""),
        secret(),
    ] {
        let error = Unsealed::open(&file[..], &other).unwrap_err();
        assert_eq!(error.code(), Some("bundle"));
    }
    // Neither is the other's file.
    let paired = seal(b"abc", 3);
    assert!(Unsealed::open(&paired[..], &word).is_err());
    assert_eq!(
        format!("{word:?} {:?}", secret()),
        "Secret::passphrase(..) Secret::paired(..)"
    );
}

#[test]
fn what_is_no_bundle_inside_is_refused_by_the_reader() {
    let file = seal(b"", 1);
    let opened = Unsealed::open(&file[..], &secret()).unwrap();
    assert!(matches!(
        Reader::open(opened, 10),
        Err(OpenError::Header(_))
    ));
}

#[test]
fn short_files_are_refused_before_any_work() {
    for len in [0, 31, 32, 33, 48, 1071] {
        let file = vec![0; len];
        assert!(!is_sealed_len(len as u64));
        let error = Unsealed::open(&file[..], &Secret::passphrase("x")).unwrap_err();
        assert_eq!(error, SealedError::Refused);
    }
}
