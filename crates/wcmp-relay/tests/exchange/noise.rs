//! The encrypted link: its bytes, its lengths, and what happens without the secret.

use wcmp_relay::exchange::Session;
use wcmp_relay::exchange::noise::{Broken, HANDSHAKE_LEN, Link, RECORD_LEN, Secret};
use wcmp_wire::sha256;

use super::kit::{Carrier, HOUR, limits};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ends() -> (Link, Link) {
    let secret = Secret::new([7; 32]);
    (
        Link::connect(&secret, [1; 32]).unwrap(),
        Link::accept(&secret, [2; 32]).unwrap(),
    )
}

fn sealed(link: &mut Link, plain: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    link.seal(plain, &mut wire).unwrap();
    wire
}

fn opened(link: &mut Link, wire: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut plain = Vec::new();
    link.open(wire, &mut plain)?;
    Ok(plain)
}

fn open_ends() -> (Link, Link) {
    let (mut a, mut b) = ends();
    opened(&mut b, &sealed(&mut a, b"")).unwrap();
    opened(&mut a, &sealed(&mut b, b"")).unwrap();
    assert!(a.is_open() && b.is_open());
    (a, b)
}

/// As `tests/foreign/exchange.py` makes them too, which was written from the text of Noise and docs/spec/exchange.md.
#[test]
fn bytes_are_known() {
    let (mut a, mut b) = ends();
    let first = sealed(&mut a, b"");
    assert_eq!(
        hex(&first),
        "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209a42bf9d29a880a430c38e5aabce4cee4"
    );
    opened(&mut b, &first).unwrap();
    let answer = sealed(&mut b, b"");
    assert_eq!(
        hex(&answer),
        "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59763b59b182565c956e9c4707f05852e9"
    );
    opened(&mut a, &answer).unwrap();
    assert_eq!(
        hex(&sha256(&[&sealed(&mut a, b"hello")])),
        "56cb580e2db9fb8615147af7c88fdc1002f62a741ace0c823403aacc362d88e5"
    );
    assert_eq!(
        hex(&sha256(&[&sealed(&mut b, &[0; 1007])])),
        "6a5db2d0dd08c4ff80b28e900e29009202b29bcc52188efe776c419575558940"
    );
}

#[test]
fn all_lengths_come_through_in_records_of_one_length() {
    let (mut a, mut b) = open_ends();
    for len in [1_usize, 2, 1005, 1006, 1007, 2012, 2013, 70_000] {
        let plain: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let wire = sealed(&mut a, &plain);
        assert_eq!(wire.len(), len.div_ceil(1006) * RECORD_LEN);
        let mut back = Vec::new();
        for piece in wire.chunks(700) {
            back.extend(opened(&mut b, piece).unwrap());
        }
        assert_eq!(back, plain);
    }
}

#[test]
fn another_secret_gets_no_answer() {
    let (mut a, _) = ends();
    let mut b = Link::accept(&Secret::new([8; 32]), [2; 32]).unwrap();
    assert_eq!(opened(&mut b, &sealed(&mut a, b"")), Err(Broken));
    assert_eq!(sealed(&mut b, b""), b"");
    assert!(!b.is_open());
    let mut c = ends().1;
    assert_eq!(opened(&mut c, &[0; HANDSHAKE_LEN - 1]), Ok(vec![]));
    assert_eq!(opened(&mut c, &[0]), Err(Broken));
    assert_eq!(sealed(&mut c, b""), b"");
}

#[test]
fn every_changed_byte_is_noticed() {
    let (mut a, mut b) = ends();
    let first = sealed(&mut a, b"");
    opened(&mut b, &first).unwrap();
    let answer = sealed(&mut b, b"");
    opened(&mut a, &answer).unwrap();
    let record = sealed(&mut a, b"some text");
    for at in 0..HANDSHAKE_LEN {
        let mut changed = first.clone();
        changed[at] ^= 0x80;
        assert_eq!(opened(&mut ends().1, &changed), Err(Broken), "byte {at}");
        let (mut a, mut b) = ends();
        opened(&mut b, &sealed(&mut a, b"")).unwrap();
        let mut changed = sealed(&mut b, b"");
        changed[at] ^= 0x80;
        assert_eq!(opened(&mut a, &changed), Err(Broken), "byte {at}");
    }
    for at in (0..RECORD_LEN).step_by(13) {
        let (_, mut b) = open_ends();
        let mut changed = record.clone();
        changed[at] ^= 1;
        assert_eq!(opened(&mut b, &changed), Err(Broken), "byte {at}");
        assert_eq!(
            opened(&mut b, &record),
            Err(Broken),
            "once broken, for good"
        );
    }
}

#[test]
fn records_cannot_be_repeated_dropped_or_sent_back() {
    let (mut a, mut b) = open_ends();
    let records = [sealed(&mut a, b"1"), sealed(&mut a, b"2")];
    assert_eq!(opened(&mut b, &records[0]).unwrap(), b"1");
    assert_eq!(opened(&mut b, &records[0]), Err(Broken));
    assert_eq!(opened(&mut open_ends().1, &records[1]), Err(Broken));
    assert_eq!(opened(&mut open_ends().0, &records[0]), Err(Broken));
    // A recording of another link is worth nothing.
    let mut b = Link::accept(&Secret::new([7; 32]), [3; 32]).unwrap();
    opened(&mut b, &sealed(&mut ends().0, b"")).unwrap();
    assert_eq!(opened(&mut b, &records[0]), Err(Broken));
}

#[test]
fn nothing_is_sent_before_the_handshake() {
    let (mut a, _) = ends();
    assert_eq!(a.seal(b"too early", &mut Vec::new()), Err(Broken));
}

#[test]
fn a_session_runs_over_it() {
    let (mut a, mut b) = (Carrier::with(0..300), Carrier::with(200..420));
    let (mut left, mut right) = open_ends();
    let mut one = Session::new([1; 16], limits(&a), HOUR);
    let mut other = Session::new([2; 16], limits(&b), HOUR);
    while !(one.is_done() && other.is_done()) {
        let mut plain = Vec::new();
        one.transmit(&mut plain, &mut a).unwrap();
        let wire = sealed(&mut left, &plain);
        assert_eq!(wire.len() % RECORD_LEN, 0);
        other
            .receive(&opened(&mut right, &wire).unwrap(), &mut b)
            .unwrap();
        plain.clear();
        other.transmit(&mut plain, &mut b).unwrap();
        let wire = sealed(&mut right, &plain);
        one.receive(&opened(&mut left, &wire).unwrap(), &mut a)
            .unwrap();
    }
    assert_eq!((a.ids().len(), b.ids().len()), (420, 420));
}

#[test]
fn the_secret_is_not_shown() {
    let secret = Secret::new([0xAB; 32]);
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    let link = Link::connect(&secret, [0xAB; 32]).unwrap();
    assert_eq!(format!("{link:?}"), "Link(handshake)");
}
