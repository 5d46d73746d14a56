//! One side of an exchange.

mod compare;
mod frames;

use alloc::collections::BTreeMap;
use alloc::vec::{self, Vec};
use core::fmt;
use core::mem;
use core::ops::RangeInclusive;
use core::time::Duration;

use wcmp_wire::Id;

use super::message::{Day, Hello, Inbox, Kind, Next};
use super::riblt::{Decoder, Keys, SYMBOL_LEN, Short, Sketch};
use super::{Error, Limits, MAX_SYMBOLS, Report, Shelf};

/// So many bytes have to move within the peer's patience.
const PROGRESS: u64 = 4096;

/// Most bytes of a stamp with its kind and length.
const STAMP: usize = 257;

/// One side of an exchange: takes bytes from the other side and makes bytes for it.
///
/// A caller passes on what comes to [`receive`](Session::receive), and writes out what
/// [`transmit`](Session::transmit) gives until that gives nothing, then waits for more; it looks for what has come
/// between two calls of `transmit`, so that a "stop" is heard. Large amounts go one way at a time, but short messages go
/// the other way meanwhile.
///
/// ```
/// use wcmp_relay::exchange::{Error, Limits, Shelf, Session};
///
/// fn meet<N: Shelf>(a: &mut N, b: &mut N, hour: u32) -> Result<(), Error<N::Error>> {
///     // The nonces come from the system's randomness.
///     let mut sides = [Session::new([1; 16], Limits::default(), hour), Session::new([2; 16], Limits::default(), hour)];
///     let [left, right] = &mut sides;
///     let (mut to_right, mut to_left) = (Vec::new(), Vec::new());
///     while !(left.is_done() && right.is_done()) {
///         left.transmit(&mut to_right, a)?;
///         right.receive(&to_right, b)?;
///         right.transmit(&mut to_left, b)?;
///         left.receive(&to_left, a)?;
///         to_right.clear();
///         to_left.clear();
///     }
///     Ok(())
/// }
/// ```
pub struct Session {
    limits: Limits,
    hour: u32,
    nonce: [u8; 16],
    inbox: Inbox,
    outbox: Vec<u8>,
    phase: Phase,
    terms: Terms,
    /// The days whose envelopes are compared.
    days: Vec<u32>,
    /// Whether we said that we had enough.
    enough: bool,
    /// Whether the other side said so.
    theirs_enough: bool,
    /// Symbols that were asked for, and not needed in the end.
    surplus: u32,
    /// Bytes of frames that came.
    taken_bytes: u64,
    report: Report,
    /// When it was first asked for the time.
    began: Option<Duration>,
    /// Bytes that had moved at that time.
    progress: Option<(u64, Duration)>,
}

/// What holds for both sides once both said hello.
#[derive(Clone, Copy)]
struct Terms {
    keys: Keys,
    /// Whether we describe our set and the other side finds the difference.
    describe: bool,
    stamps: bool,
    envelope: usize,
    /// Hours in which envelopes that take part expire.
    expires: (u32, u32),
}

impl Terms {
    fn expires(&self) -> RangeInclusive<u32> {
        self.expires.0..=self.expires.1
    }
}

/// What we wait for, or have to send.
enum Phase {
    Hello,
    Days(BTreeMap<u32, Day>),
    /// Our symbols go out, as many as were asked for.
    Describing {
        sketch: Sketch,
        sent: u32,
        asked: u32,
    },
    /// The other side's symbols come in; so many were asked for.
    Decoding {
        decoder: Decoder,
        asked: u32,
    },
    /// The other side names what it wants.
    Wants {
        sketch: Sketch,
        left: u32,
        wanted: Vec<Short>,
    },
    /// The other side's frames come in; then we send ours, if it is our turn.
    Receiving(Option<Vec<Id>>),
    Sending {
        wants: vec::IntoIter<Short>,
        frames: vec::IntoIter<Id>,
    },
    Done,
    /// After an error.
    Broken,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?}, ..)", self.report)
    }
}

impl Session {
    /// Begins. The nonce is drawn for this session alone; `hour` is now, in hours since 1970.
    #[must_use]
    pub fn new(nonce: [u8; 16], limits: Limits, hour: u32) -> Self {
        let limits = limits.bounded();
        let mut outbox = Vec::new();
        Hello::new(nonce, &limits).put(&mut outbox);
        Self {
            limits,
            hour,
            nonce,
            inbox: Inbox::default(),
            outbox,
            phase: Phase::Hello,
            terms: Terms {
                keys: Keys::new(&[0; 32]),
                describe: false,
                stamps: false,
                envelope: 0,
                expires: (hour, hour),
            },
            days: Vec::new(),
            enough: false,
            theirs_enough: false,
            surplus: 0,
            taken_bytes: 0,
            report: Report::default(),
            began: None,
            progress: None,
        }
    }

    /// Whether all was said, on both sides. What [`transmit`](Session::transmit) still has must go out.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.outbox.is_empty()
    }

    /// What happened so far.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// To be called now and then with a clock that never goes back, counted from anywhere.
    ///
    /// # Errors
    /// [`Error::Stalled`] if almost nothing has moved for [`Limits::patience`], [`Error::Long`] after
    /// [`Limits::session`].
    pub fn tick<E>(&mut self, now: Duration) -> Result<(), Error<E>> {
        let began = *self.began.get_or_insert(now);
        if now.saturating_sub(began) > self.limits.session {
            self.phase = Phase::Broken;
            return Err(Error::Long);
        }
        let moved = self.report.bytes_in + self.report.bytes_out;
        match self.progress {
            Some((before, since)) if moved < before + PROGRESS => {
                if now.saturating_sub(since) > self.limits.patience {
                    self.phase = Phase::Broken;
                    return Err(Error::Stalled);
                }
            }
            _ => self.progress = Some((moved, now)),
        }
        Ok(())
    }

    /// Takes in bytes that came, any number of them.
    ///
    /// # Errors
    /// If the peer breaks the rules, or the node fails. The session is over then.
    pub fn receive<N: Shelf>(&mut self, bytes: &[u8], node: &mut N) -> Result<(), Error<N::Error>> {
        self.report.bytes_in += bytes.len() as u64;
        let mut inbox = mem::take(&mut self.inbox);
        inbox.feed(bytes);
        let result = loop {
            let done = match inbox.next(self.limits.envelope as usize + STAMP) {
                Next::Nothing => break Ok(()),
                Next::Malformed => Err(Error::Malformed),
                Next::Oversized(len) => self.oversized(len),
                Next::Message(kind, body) => self.message(kind, body, node),
            };
            if done.is_err() {
                self.phase = Phase::Broken;
                break done;
            }
        };
        self.inbox = inbox;
        result
    }

    /// Appends what is to be sent next: one burst of at most 64 KiB and a message. If it appends nothing, the other
    /// side has the word.
    ///
    /// # Errors
    /// If the node fails. The session is over then.
    pub fn transmit<N: Shelf>(
        &mut self,
        out: &mut Vec<u8>,
        node: &mut N,
    ) -> Result<(), Error<N::Error>> {
        let before = out.len();
        out.append(&mut self.outbox);
        match mem::replace(&mut self.phase, Phase::Broken) {
            Phase::Describing {
                sketch,
                sent,
                asked,
            } => self.phase = self.describe(out, sketch, sent, asked),
            Phase::Sending { wants, frames } => {
                self.phase = self.send(out, wants, frames, node)?;
            }
            phase => self.phase = phase,
        }
        self.report.bytes_out += (out.len() - before) as u64;
        Ok(())
    }

    fn message<N: Shelf>(
        &mut self,
        kind: Kind,
        body: &[u8],
        node: &mut N,
    ) -> Result<(), Error<N::Error>> {
        self.phase = match (mem::replace(&mut self.phase, Phase::Broken), kind) {
            (Phase::Hello, Kind::Hello) => self.hello(body, node)?,
            (Phase::Days(own), Kind::Days) => self.compare_days(&own, body, node)?,
            (
                Phase::Describing {
                    sketch,
                    sent,
                    asked,
                },
                Kind::More,
            ) => {
                let more = u32::from_be_bytes(body.try_into().map_err(|_| Error::Malformed)?);
                let asked = asked.checked_add(more).filter(|all| *all <= MAX_SYMBOLS);
                Phase::Describing {
                    sketch,
                    sent,
                    asked: asked.ok_or(Error::Flood)?,
                }
            }
            (Phase::Describing { sketch, .. }, Kind::Stop) => self.stopped(sketch, body, node)?,
            (Phase::Decoding { decoder, asked }, Kind::Symbols) => {
                self.decode(decoder, asked, body, node)?
            }
            // They were under way when we knew enough.
            (phase @ (Phase::Sending { .. } | Phase::Receiving(None)), Kind::Symbols) => {
                let count = u32::try_from(body.len() / SYMBOL_LEN).map_err(|_| Error::Malformed)?;
                let left = self.surplus.checked_sub(count.max(1));
                self.surplus = left.ok_or(Error::Flood)?;
                self.report.symbols += u64::from(count);
                phase
            }
            (
                Phase::Wants {
                    sketch,
                    left,
                    wanted,
                },
                Kind::Want,
            ) => self.want(sketch, left, wanted, body, node)?,
            (phase @ Phase::Receiving(_), Kind::Frame) => {
                self.frame(body, node)?;
                phase
            }
            (Phase::Receiving(ours), Kind::Done) if body.is_empty() => match ours {
                Some(frames) => Phase::Sending {
                    wants: Vec::new().into_iter(),
                    frames: frames.into_iter(),
                },
                None => Phase::Done,
            },
            (
                phase @ (Phase::Sending { .. } | Phase::Receiving(None) | Phase::Done),
                Kind::Enough,
            ) if body.is_empty() && !self.theirs_enough => {
                self.theirs_enough = true;
                match phase {
                    Phase::Sending { wants, .. } => Phase::Sending {
                        wants,
                        frames: Vec::new().into_iter(),
                    },
                    // It crossed our "done".
                    phase => phase,
                }
            }
            _ => return Err(Error::Unexpected),
        };
        Ok(())
    }
}
