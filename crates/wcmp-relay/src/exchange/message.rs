//! The messages of a session, as bytes (docs/spec/exchange.md 2).
//!
//! Each is a kind (u8), the length of its body (u32) and the body; all integers are big-endian.

use alloc::vec::Vec;

use super::Limits;
use super::riblt::{SYMBOL_LEN, Short};

/// Bytes before the body.
const HEAD: usize = 5;

/// Most bytes of the body of any message but a frame.
pub(super) const MAX_BODY: usize = 1 << 16;

/// Most symbols and most wants of one message.
pub(super) const SYMBOLS_AT_ONCE: u32 = 2048;
pub(super) const WANTS_AT_ONCE: usize = 4096;

const _: () = assert!(SYMBOLS_AT_ONCE as usize * SYMBOL_LEN <= MAX_BODY);
const _: () = assert!(WANTS_AT_ONCE * 16 <= MAX_BODY);

/// Most days of one message.
pub(super) const MAX_DAYS: usize = 128;

const MAGIC: [u8; 8] = [0x89, b'W', b'C', b'M', b'X', 0x0D, 0x0A, 0x1A];
const VERSION: u8 = 1;
/// Stamps may come beside envelopes.
pub(super) const STAMPS: u32 = 1;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Hello = 1,
    Days = 2,
    More = 3,
    Symbols = 4,
    Stop = 5,
    Want = 6,
    Frame = 7,
    Enough = 8,
    Done = 9,
}

impl Kind {
    fn read(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Hello,
            2 => Self::Days,
            3 => Self::More,
            4 => Self::Symbols,
            5 => Self::Stop,
            6 => Self::Want,
            7 => Self::Frame,
            8 => Self::Enough,
            9 => Self::Done,
            _ => return None,
        })
    }
}

/// Appends a message.
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, parts: &[&[u8]]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.push(kind as u8);
    // No body has 2^32 bytes: the largest is a frame.
    out.extend(u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// What comes in, cut into messages.
#[derive(Default)]
pub(super) struct Inbox {
    buf: Vec<u8>,
    at: usize,
    /// Bytes of an oversized frame that are still to come.
    skip: usize,
}

/// What an [`Inbox`] holds next.
pub(super) enum Next<'a> {
    /// No whole message.
    Nothing,
    Message(Kind, &'a [u8]),
    /// A frame that is too large, with so many bytes, which are passed over.
    Oversized(u32),
    /// No message begins so.
    Malformed,
}

impl Inbox {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.buf.drain(..self.at);
        self.at = 0;
        self.buf
            .extend_from_slice(bytes.get(skipped..).unwrap_or_default());
    }

    /// The next message; the body of a frame has at most `max_frame` bytes.
    pub(super) fn next(&mut self, max_frame: usize) -> Next<'_> {
        let rest = self.buf.get(self.at..).unwrap_or_default();
        let Some((&[kind, a, b, c, d], rest)) = rest.split_first_chunk::<HEAD>() else {
            return Next::Nothing;
        };
        let Some(kind) = Kind::read(kind) else {
            return Next::Malformed;
        };
        let announced = u32::from_be_bytes([a, b, c, d]);
        let len = announced as usize;
        if kind == Kind::Frame && len > max_frame {
            let here = rest.len().min(len);
            self.at += HEAD + here;
            self.skip = len - here;
            return Next::Oversized(announced);
        }
        if kind != Kind::Frame && len > MAX_BODY {
            return Next::Malformed;
        }
        match rest.get(..len) {
            Some(body) => {
                self.at += HEAD + len;
                Next::Message(kind, body)
            }
            None => Next::Nothing,
        }
    }
}

/// What a side says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hello {
    pub(super) capabilities: u32,
    pub(super) nonce: [u8; 16],
    pub(super) envelope: u32,
    pub(super) ttl: u32,
}

impl Hello {
    pub(super) fn new(nonce: [u8; 16], limits: &Limits) -> Self {
        Self {
            capabilities: STAMPS,
            nonce,
            envelope: limits.envelope,
            ttl: limits.ttl,
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let parts: [&[u8]; 6] = [
            &MAGIC,
            &[VERSION, VERSION],
            &self.capabilities.to_be_bytes(),
            &self.nonce,
            &self.envelope.to_be_bytes(),
            &self.ttl.to_be_bytes(),
        ];
        put(out, Kind::Hello, &parts);
    }

    /// `None` for another protocol, or if we speak none of the versions. A later version may have more after it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body = body.strip_prefix(&MAGIC)?;
        let (&[lowest, highest], body) = body.split_first_chunk()?;
        if lowest > VERSION || highest < VERSION {
            return None;
        }
        let (&capabilities, body) = body.split_first_chunk()?;
        let (&nonce, body) = body.split_first_chunk()?;
        let (&envelope, body) = body.split_first_chunk()?;
        let (&ttl, rest) = body.split_first_chunk()?;
        if highest == VERSION && !rest.is_empty() {
            return None;
        }
        Some(Self {
            capabilities: u32::from_be_bytes(capabilities),
            nonce,
            envelope: u32::from_be_bytes(envelope),
            ttl: u32::from_be_bytes(ttl),
        })
    }
}

/// The envelopes of one day of expiry.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Day {
    pub(super) count: u32,
    /// XOR of their short ids.
    pub(super) fingerprint: u128,
}

impl Day {
    pub(super) fn add(&mut self, short: Short) {
        self.count = self.count.saturating_add(1);
        self.fingerprint ^= short.0;
    }
}

/// Days ascending, each as its number (hours since 1970 divided by 24), count, fingerprint.
pub(super) fn put_days<'a>(out: &mut Vec<u8>, days: impl Iterator<Item = (&'a u32, &'a Day)>) {
    let mut body = Vec::new();
    for (day, Day { count, fingerprint }) in days {
        body.extend(day.to_be_bytes());
        body.extend(count.to_be_bytes());
        body.extend(fingerprint.to_be_bytes());
    }
    put(out, Kind::Days, &[&body]);
}

/// `None` if the body is not of this form, the days do not ascend, or are too many or empty.
pub(super) fn read_days(body: &[u8]) -> Option<Vec<(u32, Day)>> {
    let (entries, rest) = body.as_chunks::<24>();
    if !rest.is_empty() || entries.len() > MAX_DAYS {
        return None;
    }
    let mut days: Vec<(u32, Day)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let (day, entry) = entry.split_first_chunk::<4>()?;
        let (count, entry) = entry.split_first_chunk::<4>()?;
        let (fingerprint, _) = entry.split_first_chunk::<16>()?;
        let number = u32::from_be_bytes(*day);
        let count = u32::from_be_bytes(*count);
        if count == 0 || days.last().is_some_and(|(last, _)| *last >= number) {
            return None;
        }
        let fingerprint = u128::from_be_bytes(*fingerprint);
        days.push((number, Day { count, fingerprint }));
    }
    Some(days)
}

/// What ends the symbols.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// The difference is known; so many wants follow.
    Solved(u32),
    /// There are too many differences: the same with the later half of the days.
    Halve,
    /// There are too many in the one day that is left.
    GiveUp,
}

impl Stop {
    pub(super) fn put(self, out: &mut Vec<u8>) {
        let (reason, wants) = match self {
            Self::Solved(wants) => (0, wants),
            Self::Halve => (1, 0),
            Self::GiveUp => (2, 0),
        };
        put(out, Kind::Stop, &[&[reason], &wants.to_be_bytes()]);
    }

    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let &[reason, a, b, c, d] = body else {
            return None;
        };
        Some(match (reason, u32::from_be_bytes([a, b, c, d])) {
            (0, wants) => Self::Solved(wants),
            (1, 0) => Self::Halve,
            (2, 0) => Self::GiveUp,
            _ => return None,
        })
    }
}
