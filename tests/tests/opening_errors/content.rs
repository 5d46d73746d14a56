//! What is wrong inside: `bad-content`.

use wcmp::{OpenError, Readable, Suite};
use wcmp_tests::kit::{CRYPTO, NOW, Parts, code, pad, varint};

use super::Letter;

/// Content that is not encoded as spec 5 says is `bad-content`, whatever is wrong with it, from known senders and from
/// nobody.
#[test]
fn bad_content() {
    let letter = Letter::new(Suite::SealedAes256Gcm);
    let hello = Parts::new("hello");
    let encoded = hello.encode();
    let extensions = |ids: &[u32]| Parts {
        extensions: ids.iter().map(|id| (*id, vec![1])).collect(),
        ..hello.clone()
    };
    let content_type = |content_type: &[u8]| Parts {
        content_type: content_type.to_vec(),
        ..hello.clone()
    };
    let ids = |n: u32| (0..n).collect::<Vec<_>>();
    let padded = |plaintext: &[u8], len: usize| {
        let mut plaintext = plaintext.to_vec();
        plaintext.resize(len, 0);
        plaintext
    };
    let marked = [&encoded[..], &[0x80]].concat();
    let mut cases: Vec<(String, Vec<u8>)> = [
        ("empty content", pad(&[])),
        (
            "option 2 for the introduction",
            pad(&[&[2], &encoded[1..]].concat()),
        ),
        ("option 255", pad(&[&[255], &encoded[1..]].concat())),
        (
            "option 2 for the reply",
            pad(&[&[0, 2], &encoded[2..]].concat()),
        ),
        ("an introduction without bytes", pad(&[1])),
        ("trailing bytes", pad(&[&encoded[..], &[0]].concat())),
        ("cut", pad(&encoded[..encoded.len() - 1])),
        (
            "a body longer than all",
            pad(&[&[0, 0, 0][..], &varint(5000)].concat()),
        ),
        (
            "a body of 4 GiB",
            pad(&[0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        (
            "4 billion extensions",
            pad(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        (
            "content type of 256 bytes",
            pad(&content_type(&[b'a'; 256]).encode()),
        ),
        (
            "content type not UTF-8",
            pad(&content_type(&[0xc3, 0x28]).encode()),
        ),
        (
            "content type of a surrogate",
            pad(&content_type(&[0xed, 0xa0, 0x80]).encode()),
        ),
        ("65 extensions", pad(&extensions(&ids(65)).encode())),
        ("extensions not sorted", pad(&extensions(&[2, 1]).encode())),
        ("an extension twice", pad(&extensions(&[2, 2]).encode())),
        (
            "unknown critical extension",
            pad(&extensions(&[1, 1 << 31]).encode()),
        ),
        (
            "greatest critical extension",
            pad(&extensions(&[u32::MAX]).encode()),
        ),
        (
            "an id of 33 bits",
            pad(&[0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0]),
        ),
        ("zeros", vec![0; 1024]),
        ("no mark", padded(&[&encoded[..], &[0x81]].concat(), 1024)),
        (
            "a mark and something",
            padded(&[&encoded[..], &[0x80, 0, 1]].concat(), 1024),
        ),
        ("a step too long", padded(&marked, 2048)),
        ("many steps too long", padded(&marked, 65_536)),
    ]
    .map(|(what, plaintext)| (what.to_string(), plaintext))
    .into();

    // Every varint of the content in a longer form.
    let key = letter.alice.public().as_bytes();
    let all = Parts {
        content_type: b"text".to_vec(),
        extensions: vec![(300, b"ext".to_vec())],
        ..hello.clone().introducing(key).replying(key, &[7; 64])
    };
    let pieces = all.encode_in_pieces();
    // Not the two tags, nor the six strings.
    for place in [1, 4, 6, 8, 10, 12, 13, 14] {
        let mut pieces = pieces.clone();
        let piece = &mut pieces[place];
        *piece.last_mut().unwrap() |= 0x80;
        piece.push(0);
        cases.push((format!("piece {place} not minimal"), pad(&pieces.concat())));
    }

    for (what, plaintext) in cases {
        let forged = letter.with(plaintext.clone()).bytes();
        assert_eq!(code(&forged, &letter.bob), "bad-content", "{what}");
        assert_eq!(
            code(&forged, &letter.dave),
            "bad-content",
            "{what}, anonymously"
        );
    }
    // At the limits it opens.
    for parts in [
        extensions(&ids(64)),
        content_type(&[b'a'; 255]),
        content_type("ü".as_bytes()),
    ] {
        assert_eq!(code(&letter.saying(&parts).bytes(), &letter.bob), "opened");
    }
}

/// A critical extension opens for who understands it.
#[test]
fn critical_extension_that_is_understood() {
    let letter = Letter::new(Suite::SealedAes256Gcm);
    let parts = Parts {
        extensions: vec![(1 << 31, b"important".to_vec())],
        ..Parts::new("hello")
    };
    let forged = letter.saying(&parts).bytes();
    let open = |understood: &[u32]| {
        let readable = Readable::parse(&forged, NOW).unwrap();
        let recognised = readable.recognise(&CRYPTO, &letter.bob).unwrap();
        recognised.open(&CRYPTO, understood)
    };
    assert_eq!(
        open(&[1 << 31]).unwrap().content.extensions[0].data,
        b"important"
    );
    assert_eq!(open(&[(1 << 31) + 1]).unwrap_err(), OpenError::BadContent);
}
