//! A peer that lies, floods, replays, stalls or sends noise: its session ends or is borne, in bounded work and memory,
//! nothing untrue is stored, and what was there stays.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use wcmp_relay::bundle::Stamp;
use wcmp_relay::exchange::{Error, Limits, MAX_SYMBOLS, Offer, Session, Shelf};
use wcmp_wire::{Id, sha256};

use super::kit::{Carrier, HOUR, envelope, id, limits, meet, meet_over, small};

/// A node that offers what it likes and sends what it likes.
struct Liar {
    offers: Vec<Offer>,
    /// Sent one after the other, whatever was asked for; each offer is answered with so many of them.
    sends: Vec<Vec<u8>>,
    each: usize,
    at: usize,
    got: usize,
}

impl Shelf for Liar {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        self.offers.iter().copied().for_each(each);
        Ok(())
    }

    fn fetch(&mut self, _: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        for _ in 0..self.each {
            let Some(bytes) = self.sends.get(self.at % self.sends.len()) else {
                break;
            };
            give(Stamp::NONE, bytes);
            self.at += 1;
        }
        Ok(())
    }

    fn take(&mut self, _: Stamp<'_>, _: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        self.got += 1;
        Ok(ControlFlow::Continue(()))
    }
}

fn liar(offers: u32, each: usize, sends: Vec<Vec<u8>>) -> Liar {
    let offer = |n: u32| Offer {
        id: Id(sha256(&[b"lie", &n.to_be_bytes()])),
        expires: HOUR + 10 + n % 100,
        len: 200,
    };
    Liar {
        offers: (0..offers).map(offer).collect(),
        sends,
        each,
        at: 0,
        got: 0,
    }
}

/// A liar that takes all and says anything in its hello.
const LAX: Limits = Limits {
    envelope: 1 << 24,
    ttl: 3000,
    frames: u32::MAX,
    bytes: u64::MAX,
    symbols: MAX_SYMBOLS,
    patience: Duration::MAX,
    session: Duration::MAX,
};

#[test]
fn what_breaks_the_rules_is_dropped_and_counted() {
    let bad = vec![
        envelope(1, HOUR - 1, 16),
        envelope(2, HOUR + 745, 16),
        b"no envelope".to_vec(),
        vec![],
        small(3)[..100].to_vec(),
        [small(4), vec![0]].concat(),
        small(500), // a replay
    ];
    for nonce in 0..8 {
        let mut a = Carrier::with(500..520);
        let mut b = liar(70, 1, bad.clone());
        let ours = limits(&a);
        let meeting = meet_over((&mut a, ours), (&mut b, LAX), (700, usize::MAX), nonce);
        assert_eq!((meeting.done, meeting.errors), (true, [None, None]));
        assert_eq!(a.ids(), Carrier::with(500..520).ids());
        let dropped = |reason| a.dropped.get(reason).copied();
        assert_eq!(dropped("expired"), Some(10));
        assert_eq!(dropped("too far"), Some(10));
        assert_eq!(dropped("malformed"), Some(40));
        assert_eq!(dropped("known"), Some(10));
        assert_eq!(b.got, 20, "a liar still gets what it has not");
    }
}

#[test]
fn frames_above_what_we_said_are_passed_over_without_memory() {
    let mut a = Carrier::with(0..10);
    let mut session = describing(&mut a);
    feed(&mut session, &mut a, &message(5, &[0, 0, 0, 0, 0])).unwrap();
    let piece = vec![0; 1 << 16];
    let used = allocation_counter::measure(|| {
        // 15 MiB are announced, 1 MiB is allowed.
        feed(&mut session, &mut a, &[7, 0, 0xF0, 0, 0]).unwrap();
        for _ in 0..240 {
            feed(&mut session, &mut a, &piece).unwrap();
        }
    });
    assert!(used.bytes_max < 1000, "{}", used.bytes_max);
    assert_eq!(session.report().oversized, 1);
    feed(&mut session, &mut a, &message(9, b"")).unwrap();
    assert!(session.is_done(), "what follows is read as before");
}

#[test]
fn a_flood_is_cut_off() {
    // Whoever named its wants gets no more than those; whoever did not, no more than its limits.
    for nonce in 0..8 {
        let mut a = Carrier::with(0..10);
        let sends = (1000..3000).map(small).collect();
        let mut b = liar(50, 1000, sends);
        let tight = Limits {
            frames: 200,
            ..limits(&a)
        };
        let meeting = meet_over((&mut a, tight), (&mut b, LAX), (700, usize::MAX), nonce);
        assert!(a.ids().len() <= 210);
        assert!(!meeting.done || meeting.left.more);
        let honest = meet(&mut a, &mut Carrier::with(5..40), nonce);
        assert!(!honest.left.more, "the next one is served as ever");
    }
}

/// One of a liar's endless replays costs its bytes and nothing else.
#[test]
fn a_flood_without_end_is_a_flood() {
    let mut a = Carrier::with(0..10);
    let mut session = describing(&mut a);
    feed(&mut session, &mut a, &message(5, &[0, 0, 0, 0, 0])).unwrap();
    let frame = message(7, &[&[0, 0], &small(3)[..]].concat());
    let burst = frame.repeat(5000);
    let result = (0..100_000).find_map(|_| feed(&mut session, &mut a, &burst).err());
    assert_eq!(result, Some(Error::Flood));
    let report = *session.report();
    assert!(report.bytes_in < (1 << 20) + (17 << 20) + 2 * burst.len() as u64);
    assert_eq!(feed(&mut session, &mut a, &frame), Err(Error::Unexpected));
}

#[test]
fn a_liar_that_has_everything_gets_nothing_but_its_own_session() {
    // Offers that match nothing it has: wants that are never answered.
    for nonce in 0..4 {
        let mut a = Carrier::with(0..10);
        let mut b = liar(5000, 0, vec![]);
        let ours = limits(&a);
        let meeting = meet_over((&mut a, ours), (&mut b, LAX), (700, usize::MAX), nonce);
        assert!(meeting.done);
        assert_eq!((meeting.left.received, a.ids().len()), (0, 10));
    }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

fn hello(nonce: u8) -> Vec<u8> {
    let magic = b"\x89WCMX\x0D\x0A\x1A\x01\x01\0\0\0\x01";
    message(
        1,
        &[magic, &[nonce; 16][..], &[0, 16, 0, 0, 0, 0, 2, 0xE8]].concat(),
    )
}

/// A day far enough ahead, with one envelope that nobody has.
fn days() -> Vec<u8> {
    let day = (HOUR / 24 + 3).to_be_bytes();
    message(2, &[&day[..], &[0, 0, 0, 1], &[9; 16]].concat())
}

fn feed(session: &mut Session, node: &mut Carrier, bytes: &[u8]) -> Result<(), Error<Infallible>> {
    session.receive(bytes, node)?;
    let mut out = Vec::new();
    session.transmit(&mut out, node)
}

fn small_limits() -> Limits {
    Limits {
        bytes: 1 << 20,
        symbols: 500,
        ..Limits::default()
    }
}

/// A session that describes its set: its nonce is the lesser.
fn describing(node: &mut Carrier) -> Session {
    let mut session = Session::new([5; 16], small_limits(), HOUR);
    feed(&mut session, node, &[hello(9), days()].concat()).unwrap();
    session
}

/// A session that takes symbols.
fn decoding(node: &mut Carrier) -> Session {
    let mut session = Session::new([5; 16], small_limits(), HOUR);
    feed(&mut session, node, &[hello(1), days()].concat()).unwrap();
    session
}

#[test]
fn rules_of_the_messages_are_enforced() {
    let a = &mut Carrier::with(0..10);
    let mut fresh = |bytes: &[u8]| {
        let mut session = Session::new([5; 16], small_limits(), HOUR);
        feed(&mut session, a, bytes)
    };
    assert_eq!(fresh(&hello(5)), Err(Error::Reflected));
    assert_eq!(fresh(b"GET / HTTP/1.1\r\n"), Err(Error::Malformed));
    assert_eq!(
        fresh(&message(1, b"\x89PNG\r\n\x1a\n")),
        Err(Error::Version)
    );
    let mut later = hello(9);
    later[13..15].copy_from_slice(&[2, 7]);
    assert_eq!(fresh(&later), Err(Error::Version));
    later[13..15].copy_from_slice(&[1, 7]);
    later.extend([1, 2, 3]);
    later[4] += 3;
    assert_eq!(fresh(&later), Ok(()), "a later version may say more");
    assert_eq!(fresh(&days()), Err(Error::Unexpected));
    assert_eq!(
        fresh(&[hello(9), hello(9)].concat()),
        Err(Error::Unexpected)
    );
    assert_eq!(fresh(&message(0, b"")), Err(Error::Malformed));
    assert_eq!(fresh(&message(10, b"")), Err(Error::Malformed));
    assert_eq!(
        fresh(&[4, 0, 1, 0, 1]),
        Err(Error::Malformed),
        "a body that is too large"
    );
    assert_eq!(
        fresh(&[7, 1, 0, 0, 0]),
        Err(Error::Unexpected),
        "a large frame out of turn"
    );
    let twice = message(2, &[&days()[5..], &days()[5..]].concat());
    assert_eq!(fresh(&[hello(9), twice].concat()), Err(Error::Malformed));
    let none = message(2, &[0; 24]);
    assert_eq!(fresh(&[hello(9), none].concat()), Err(Error::Malformed));

    let a = &mut Carrier::with(0..10);
    let mut asked = |bytes: &[u8]| feed(&mut describing(a), &mut Carrier::with(0..10), bytes);
    let more = |n: u32| message(3, &n.to_be_bytes());
    assert_eq!(asked(&more(MAX_SYMBOLS)), Ok(()));
    assert_eq!(asked(&more(MAX_SYMBOLS + 1)), Err(Error::Flood));
    assert_eq!(
        asked(&[more(MAX_SYMBOLS), more(1)].concat()),
        Err(Error::Flood)
    );
    let stop = |wants: u8| message(5, &[0, 0, 0, 0, wants]);
    assert_eq!(
        asked(&stop(11)),
        Err(Error::Flood),
        "more wants than we have"
    );
    assert_eq!(
        asked(&[stop(1), message(6, &[3; 16])].concat()),
        Err(Error::Inconsistent)
    );
    assert_eq!(
        asked(&[stop(1), message(6, &[3; 15])].concat()),
        Err(Error::Malformed)
    );
    assert_eq!(asked(&message(5, &[3, 0, 0, 0, 0])), Err(Error::Malformed));
    assert_eq!(asked(&message(7, b"\0\0")), Err(Error::Unexpected));
    assert_eq!(asked(&message(8, b"")), Err(Error::Unexpected));
    assert_eq!(asked(&message(9, b"")), Err(Error::Unexpected));

    let a = &mut Carrier::with(0..10);
    let mut told = |bytes: &[u8]| feed(&mut decoding(a), &mut Carrier::with(0..10), bytes);
    let symbols = |n: usize| message(4, &vec![0; 24 * n]);
    assert_eq!(told(&message(4, &[0; 25])), Err(Error::Malformed));
    assert_eq!(
        told(&symbols(33)),
        Err(Error::Flood),
        "more than was asked for"
    );
    assert_eq!(told(&message(3, &[0; 4])), Err(Error::Unexpected));
    assert_eq!(told(&stop(0)), Err(Error::Unexpected));
}

/// Symbols that never end, as fast as they are asked for: given up after the limit, round by round.
#[test]
fn endless_symbols_are_given_up() {
    let mut a = Carrier::with(0..100);
    let mut session = decoding(&mut a);
    let (mut out, mut sent, mut ended) = (Vec::new(), 0_u32, false);
    while sent < 100_000 && !ended {
        let noise: Vec<u8> = (0..24)
            .map(|n| sha256(&[&(sent + n).to_be_bytes()])[0])
            .collect();
        sent += 1;
        session.receive(&message(4, &noise), &mut a).unwrap();
        out.clear();
        session.transmit(&mut out, &mut a).unwrap();
        // Stop, for good: reason 2; then "done".
        ended = out.starts_with(&[5, 0, 0, 0, 5, 2]);
    }
    assert!(ended && session.report().more);
    assert!(sent <= 500 * 7, "{sent} symbols");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn noise_is_refused(bytes in vec(any::<u8>(), 0..600), at_once in 1_usize..100) {
        let mut a = Carrier::with(0..10);
        let mut session = Session::new([5; 16], small_limits(), HOUR);
        for piece in bytes.chunks(at_once) {
            if feed(&mut session, &mut a, piece).is_err() {
                break;
            }
        }
        prop_assert_eq!(a.ids().len(), 10);
    }

    /// Messages of the right form in any order and with any content.
    #[test]
    fn any_messages_are_survived(
        describe: bool,
        messages in vec((1_u8..10, vec(any::<u8>(), 0..80), 0_u8..4), 0..30),
    ) {
        let mut a = Carrier::with(0..10);
        let mut session = if describe { describing(&mut a) } else { decoding(&mut a) };
        for (kind, mut body, shape) in messages {
            match (kind, shape) {
                (3, _) => body.resize(4, 0),
                (4, 0..3) => body.resize(body.len().div_ceil(24) * 24, 0),
                (5, 0..3) => body = vec![shape % 3, 0, 0, 0, 0],
                (7, 0) => body = [&[0, 0], &small(u32::from(shape) + 40)[..]].concat(),
                (8 | 9, 0..3) => body.clear(),
                _ => {}
            }
            if feed(&mut session, &mut a, &message(kind, &body)).is_err() {
                break;
            }
        }
        prop_assert!(a.ids().len() <= 11);
        let own: Vec<Id> = (0..10).map(|n| id(&small(n))).collect();
        prop_assert!(own.iter().all(|id| a.ids().contains(id)));
    }
}
