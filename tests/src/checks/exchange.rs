//! A session of `wcmp-relay` against a peer that says anything.

use core::convert::Infallible;
use core::ops::ControlFlow;

use wcmp_relay::bundle::Stamp;
use wcmp_relay::exchange::{Error, Limits, Offer, Session, Shelf};
use wcmp_wire::{Id, sha256};

const HOUR: u32 = 494_000;

/// Ten envelopes, as far as a session looks at them.
struct Ten {
    taken: Vec<Vec<u8>>,
}

impl Ten {
    fn ids() -> impl Iterator<Item = (u8, Id)> {
        (0..10).map(|n| (n, Id(sha256(&[&[n]]))))
    }
}

impl Shelf for Ten {
    type Error = Infallible;

    fn offer(&mut self, each: &mut dyn FnMut(Offer)) -> Result<(), Infallible> {
        for (n, id) in Self::ids() {
            each(Offer {
                id,
                expires: HOUR + 20 * u32::from(n),
                len: 20,
            });
        }
        Ok(())
    }

    fn fetch(&mut self, id: &Id, give: &mut dyn FnMut(Stamp<'_>, &[u8])) -> Result<(), Infallible> {
        if let Some((n, _)) = Self::ids().find(|(_, own)| own == id) {
            give(Stamp::NONE, &[n; 20]);
        }
        Ok(())
    }

    fn take(&mut self, _: Stamp<'_>, envelope: &[u8]) -> Result<ControlFlow<()>, Infallible> {
        self.taken.push(envelope.to_vec());
        Ok(match self.taken.len() {
            20.. => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    }
}

/// Whether a session survives any bytes, and the messages that they describe, and is the same however they are cut.
///
/// # Panics
/// If not.
pub fn exchange(data: &[u8]) {
    let Some((&at_once, rest)) = data.split_first() else {
        return;
    };
    for stream in [rest.to_vec(), describe(rest)] {
        let whole = hear(&stream, usize::MAX);
        assert_eq!(hear(&stream, 1 + usize::from(at_once)), whole);
    }
}

/// What a session says to such a stream, what it takes, and how it fails.
fn hear(stream: &[u8], at_once: usize) -> (Vec<u8>, Vec<Vec<u8>>, Option<Error<Infallible>>) {
    let limits = Limits {
        envelope: 100,
        frames: 30,
        bytes: 2000,
        symbols: 100,
        ..Limits::default()
    };
    let mut node = Ten { taken: Vec::new() };
    let mut session = Session::new([0x80; 16], limits, HOUR);
    let mut failed = None;
    for piece in stream.chunks(at_once) {
        if let Err(error) = session.receive(piece, &mut node) {
            failed = Some(error);
            break;
        }
    }
    let mut said = Vec::new();
    loop {
        let before = said.len();
        session
            .transmit(&mut said, &mut node)
            .expect("the node does not fail");
        // What was asked for may be as much as there can be of symbols; that is looked at elsewhere.
        if said.len() == before || said.len() > 1 << 16 {
            break;
        }
    }
    assert!(node.taken.iter().all(|envelope| envelope.len() <= 100));
    assert!(node.taken.len() <= 30, "more than was allowed");
    (said, node.taken, failed)
}

/// A stream from a description that a fuzzer can change: the other side's nonce, then messages, each a kind, a shape, and
/// up to 63 bytes.
fn describe(data: &[u8]) -> Vec<u8> {
    let mut data = data.iter().copied();
    let nonce = data.next().unwrap_or(0);
    let mut stream = Vec::new();
    let magic = b"\x89WCMX\x0D\x0A\x1A\x01\x01\0\0\0\x01";
    put(
        &mut stream,
        1,
        &[magic, &[nonce; 16][..], &[0, 0, 0, 90, 0, 0, 2, 0xE8]].concat(),
    );
    while let Some(kind) = data.next() {
        let shape = data.next().unwrap_or(0);
        let mut body: Vec<u8> = data.by_ref().take(usize::from(shape % 64)).collect();
        match kind % 9 + 1 {
            // A few days, ascending.
            2 => {
                let mut days = Vec::new();
                for (n, byte) in (0..).zip(body) {
                    days.extend((HOUR / 24 + n).to_be_bytes());
                    days.extend(u32::from(byte).max(1).to_be_bytes());
                    days.extend([byte; 16]);
                }
                body = days;
            }
            3 => body.resize(4, 0),
            4 => body.resize(body.len().div_ceil(24) * 24, 0),
            5 => body.resize(5, 0),
            6 => body.resize(body.len().div_ceil(16) * 16, 0),
            8 | 9 => body.truncate(usize::from(shape / 128)),
            _ => {}
        }
        put(&mut stream, kind % 9 + 1, &body);
    }
    stream
}

fn put(stream: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let len = u32::try_from(body.len()).expect("short");
    stream.push(kind);
    stream.extend(len.to_be_bytes());
    stream.extend(body);
}
