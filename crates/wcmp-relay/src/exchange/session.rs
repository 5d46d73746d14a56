//! One side of an exchange.

use alloc::collections::BTreeMap;
use alloc::vec::{self, Vec};
use core::fmt;
use core::mem;
use core::ops::{ControlFlow, RangeInclusive};
use core::time::Duration;

use wcmp_wire::{Id, sha256};

use super::message::{self, Day, Hello, Inbox, Kind, Next, Stop};
use super::riblt::{Decoder, Difference, Keys, SYMBOL_LEN, Short, Sketch, Symbol};
use super::{Error, Limits, MAX_SYMBOLS, Offer, Report, Shelf};
use crate::bundle::Stamp;

/// Frames are sent so many bytes at a time, or one at a time if they are larger.
const BURST: usize = 1 << 16;

/// What may still come of frames after we had enough: they were under way.
const UNDER_WAY: u64 = 16 << 20;

/// So many bytes have to move within the peer's patience.
const PROGRESS: u64 = 4096;

/// Most bytes of a stamp with its kind and length.
const STAMP: usize = 257;

/// Symbols that are asked for at first, if the days' counts do not tell that more will be needed.
const FIRST_SYMBOLS: u32 = 32;

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
    /// [`Error::Stalled`] if almost nothing has moved for [`Limits::patience`].
    pub fn tick<E>(&mut self, now: Duration) -> Result<(), Error<E>> {
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

    fn hello<N: Shelf>(&mut self, body: &[u8], node: &mut N) -> Result<Phase, Error<N::Error>> {
        let theirs = Hello::read(body).ok_or(Error::Version)?;
        let (lesser, greater) = if self.nonce < theirs.nonce {
            (self.nonce, theirs.nonce)
        } else {
            (theirs.nonce, self.nonce)
        };
        if lesser == greater {
            return Err(Error::Reflected);
        }
        let key = sha256(&[b"WCMP v1 exchange", &lesser, &greater]);
        let ttl = self.limits.ttl.min(theirs.ttl);
        self.terms = Terms {
            keys: Keys::new(&key),
            describe: self.nonce == lesser,
            stamps: theirs.capabilities & message::STAMPS != 0,
            envelope: self.limits.envelope.min(theirs.envelope) as usize,
            expires: (self.hour, self.hour.saturating_add(ttl)),
        };
        let mut days: BTreeMap<u32, Day> = BTreeMap::new();
        let keys = self.terms.keys;
        self.offered(node, |offer| {
            days.entry(offer.expires / 24)
                .or_default()
                .add(keys.short(&offer.id));
        })?;
        message::put_days(&mut self.outbox, days.iter());
        Ok(Phase::Days(days))
    }

    /// Calls `each` with what the node offers within the terms.
    fn offered<N: Shelf>(
        &self,
        node: &mut N,
        mut each: impl FnMut(Offer),
    ) -> Result<(), Error<N::Error>> {
        let (terms, hours) = (self.terms, self.terms.expires());
        node.offer(&mut |offer| {
            if offer.len <= terms.envelope && hours.contains(&offer.expires) {
                each(offer);
            }
        })
        .map_err(Error::Node)
    }

    fn compare_days<N: Shelf>(
        &mut self,
        own: &BTreeMap<u32, Day>,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        let theirs = message::read_days(body).ok_or(Error::Malformed)?;
        let theirs: BTreeMap<u32, Day> = theirs.into_iter().collect();
        let differs = |day: &&u32| own.get(*day) != theirs.get(*day);
        self.days = own.keys().filter(differs).copied().collect();
        self.days
            .extend(theirs.keys().filter(|day| !own.contains_key(*day)));
        self.days.sort_unstable();
        // So much do they differ at least.
        let count = |of: &BTreeMap<u32, Day>, day| of.get(day).map_or(0, |day| day.count);
        let least: u64 = self
            .days
            .iter()
            .map(|day| u64::from(count(own, day).abs_diff(count(&theirs, day))))
            .sum();
        self.begin_comparing(least, node)
    }

    /// Begins the sequence of symbols for the days that are left.
    fn begin_comparing<N: Shelf>(
        &mut self,
        least: u64,
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        let mut shorts = Vec::new();
        let (keys, days) = (self.terms.keys, &self.days);
        self.offered(node, |offer| {
            if days.binary_search(&(offer.expires / 24)).is_ok() {
                shorts.push(keys.short(&offer.id));
            }
        })?;
        let sketch = Sketch::new(keys, shorts);
        if self.terms.describe {
            return Ok(Phase::Describing {
                sketch,
                sent: 0,
                asked: 0,
            });
        }
        if self.days.is_empty() {
            return self.solved(Difference::default(), node);
        }
        // 4/3 of the number of differences are never quite enough.
        let asked = u32::try_from(least.saturating_add(least / 3)).unwrap_or(u32::MAX);
        let asked = asked.max(FIRST_SYMBOLS).min(self.limits.symbols);
        self.ask(asked);
        let decoder = Decoder::new(sketch);
        Ok(Phase::Decoding { decoder, asked })
    }

    fn ask(&mut self, more: u32) {
        message::put(&mut self.outbox, Kind::More, &[&more.to_be_bytes()]);
    }

    /// Sends symbols that were asked for: few at first, so that not many are sent in vain.
    fn describe(&mut self, out: &mut Vec<u8>, mut sketch: Sketch, sent: u32, asked: u32) -> Phase {
        let burst = (sent / 16).clamp(16, message::SYMBOLS_AT_ONCE);
        let burst = burst.min(asked.saturating_sub(sent));
        let mut symbols = Vec::with_capacity(burst as usize * SYMBOL_LEN);
        // No more are asked for than a sketch has.
        for symbol in (0..burst).map_while(|_| sketch.next_symbol()) {
            symbols.extend(symbol.to_bytes());
        }
        if burst > 0 {
            message::put(out, Kind::Symbols, &[&symbols]);
            self.report.symbols += u64::from(burst);
        }
        Phase::Describing {
            sketch,
            sent: sent + burst,
            asked,
        }
    }

    fn decode<N: Shelf>(
        &mut self,
        mut decoder: Decoder,
        mut asked: u32,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        let (symbols, rest) = body.as_chunks::<SYMBOL_LEN>();
        if !rest.is_empty() {
            return Err(Error::Malformed);
        }
        let count = u32::try_from(symbols.len()).map_err(|_| Error::Malformed)?;
        asked = asked.checked_sub(count).ok_or(Error::Flood)?;
        self.report.symbols += u64::from(count);
        for symbol in symbols {
            let symbol = Symbol::from_bytes(symbol);
            if decoder.push(symbol).map_err(|_| Error::Inconsistent)? {
                self.surplus = asked;
                let difference = decoder.finish().map_err(|_| Error::Inconsistent)?;
                return self.solved(difference, node);
            }
        }
        let have = u32::try_from(decoder.symbols()).unwrap_or(u32::MAX);
        // All that were asked for are here then: no symbol of this sequence comes after the new one began.
        if have >= self.limits.symbols {
            return self.overflow(node);
        }
        let ahead = ahead(have);
        let left = self.limits.symbols.saturating_sub(have + asked);
        let more = ahead.saturating_sub(asked).min(left);
        if asked <= ahead / 2 && more > 0 {
            self.ask(more);
            asked += more;
        }
        Ok(Phase::Decoding { decoder, asked })
    }

    /// There are too many differences to be found at once: those of the later days first, the rest another time.
    fn overflow<N: Shelf>(&mut self, node: &mut N) -> Result<Phase, Error<N::Error>> {
        self.report.more = true;
        if self.days.len() == 1 {
            return self.ended(Stop::GiveUp, Difference::default(), node);
        }
        Stop::Halve.put(&mut self.outbox);
        self.halve();
        self.begin_comparing(0, node)
    }

    fn halve(&mut self) {
        self.days = self.days.split_off(self.days.len() / 2);
    }

    fn solved<N: Shelf>(
        &mut self,
        mut difference: Difference,
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        // Which ones are left for another time depends on this exchange's keys alone.
        let most = self.limits.frames as usize;
        if difference.theirs.len() > most {
            difference.theirs.truncate(most);
            self.report.more = true;
        }
        let wants = u32::try_from(difference.theirs.len()).unwrap_or(u32::MAX);
        self.ended(Stop::Solved(wants), difference, node)
    }

    fn ended<N: Shelf>(
        &mut self,
        stop: Stop,
        difference: Difference,
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        stop.put(&mut self.outbox);
        self.report.wanted = difference.theirs.len() as u64;
        let frames = self.named(&difference.ours, node)?;
        Ok(Phase::Sending {
            wants: difference.theirs.into_iter(),
            frames: frames.into_iter(),
        })
    }

    /// The ids of these, which ascend; ascending themselves, so that their order tells nothing (spec 9.2).
    fn named<N: Shelf>(&self, shorts: &[Short], node: &mut N) -> Result<Vec<Id>, Error<N::Error>> {
        let mut ids = Vec::new();
        if !shorts.is_empty() {
            let keys = self.terms.keys;
            self.offered(node, |offer| {
                if shorts.binary_search(&keys.short(&offer.id)).is_ok() {
                    ids.push(offer.id);
                }
            })?;
        }
        ids.sort_unstable();
        Ok(ids)
    }

    fn stopped<N: Shelf>(
        &mut self,
        sketch: Sketch,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        match Stop::read(body).ok_or(Error::Malformed)? {
            Stop::Solved(0) => Ok(Phase::Receiving(Some(Vec::new()))),
            Stop::Solved(left) if left as usize <= sketch.len() => Ok(Phase::Wants {
                sketch,
                left,
                wanted: Vec::new(),
            }),
            Stop::Solved(_) => Err(Error::Flood),
            Stop::Halve if self.days.len() > 1 => {
                self.report.more = true;
                self.halve();
                self.begin_comparing(0, node)
            }
            Stop::Halve => Err(Error::Unexpected),
            Stop::GiveUp => {
                self.report.more = true;
                Ok(Phase::Receiving(Some(Vec::new())))
            }
        }
    }

    fn want<N: Shelf>(
        &mut self,
        sketch: Sketch,
        left: u32,
        mut wanted: Vec<Short>,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        let (wants, rest) = body.as_chunks::<16>();
        if !rest.is_empty() || wants.is_empty() {
            return Err(Error::Malformed);
        }
        let count = u32::try_from(wants.len()).map_err(|_| Error::Malformed)?;
        let left = left.checked_sub(count).ok_or(Error::Flood)?;
        for want in wants {
            let want = Short::from_bytes(*want);
            if wanted.last().is_some_and(|last| *last >= want) || !sketch.contains(want) {
                return Err(Error::Inconsistent);
            }
            wanted.push(want);
        }
        if left > 0 {
            return Ok(Phase::Wants {
                sketch,
                left,
                wanted,
            });
        }
        drop(sketch);
        Ok(Phase::Receiving(Some(self.named(&wanted, node)?)))
    }

    fn send<N: Shelf>(
        &mut self,
        out: &mut Vec<u8>,
        mut wants: vec::IntoIter<Short>,
        mut frames: vec::IntoIter<Id>,
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
        if wants.len() > 0 {
            let mut body = Vec::new();
            for want in wants.by_ref().take(message::WANTS_AT_ONCE) {
                body.extend(want.to_bytes());
            }
            message::put(out, Kind::Want, &[&body]);
            return Ok(Phase::Sending { wants, frames });
        }
        let terms = self.terms;
        while out.len() < BURST {
            let Some(id) = frames.next() else {
                message::put(out, Kind::Done, &[]);
                return Ok(match terms.describe {
                    true => Phase::Done,
                    false => Phase::Receiving(None),
                });
            };
            let mut sent = 0;
            let mut give = |stamp: Stamp<'_>, envelope: &[u8]| {
                let stamp = if terms.stamps { stamp } else { Stamp::NONE };
                let len = u8::try_from(stamp.bytes().len()).unwrap_or(u8::MAX);
                let parts = [&[stamp.kind(), len], stamp.bytes(), envelope];
                message::put(out, Kind::Frame, &parts);
                sent = 1;
            };
            node.fetch(&id, &mut give).map_err(Error::Node)?;
            self.report.sent += sent;
        }
        Ok(Phase::Sending { wants, frames })
    }

    fn frame<N: Shelf>(&mut self, body: &[u8], node: &mut N) -> Result<(), Error<N::Error>> {
        let over = self.count_frame(body.len() as u64)?;
        let Some((stamp, envelope)) = read_frame(body) else {
            self.report.malformed += 1;
            return Ok(());
        };
        if envelope.len() > self.limits.envelope as usize {
            self.report.oversized += 1;
        } else if self.enough || over {
            self.report.surplus += 1;
        } else {
            self.report.received += 1;
            if node.take(stamp, envelope).map_err(Error::Node)? == ControlFlow::Break(()) {
                self.say_enough();
            }
        }
        if over {
            self.say_enough();
        }
        Ok(())
    }

    fn oversized<E>(&mut self, len: u32) -> Result<(), Error<E>> {
        if !matches!(self.phase, Phase::Receiving(_)) {
            return Err(Error::Unexpected);
        }
        self.report.oversized += 1;
        if self.count_frame(u64::from(len))? {
            self.say_enough();
        }
        Ok(())
    }

    /// Counts a frame against the limits, and tells whether it is over them.
    fn count_frame<E>(&mut self, len: u64) -> Result<bool, Error<E>> {
        self.taken_bytes = self.taken_bytes.saturating_add(len);
        let report = &self.report;
        let frames = report.received + report.malformed + report.oversized + report.surplus + 1;
        if self.enough {
            // Counted anew since then.
            let most = UNDER_WAY + u64::from(self.limits.envelope);
            return if self.taken_bytes > most {
                Err(Error::Flood)
            } else {
                Ok(true)
            };
        }
        // Whoever named its wants knows how many there can be.
        if !self.terms.describe && frames > report.wanted {
            return Err(Error::Flood);
        }
        Ok(self.taken_bytes > self.limits.bytes || frames > u64::from(self.limits.frames))
    }

    fn say_enough(&mut self) {
        if !self.enough {
            self.enough = true;
            self.taken_bytes = 0;
            self.report.more = true;
            message::put(&mut self.outbox, Kind::Enough, &[]);
        }
    }
}

/// How many symbols should be under way when so many have come. As many are sent in vain when we stop; fewer cost time.
const fn ahead(have: u32) -> u32 {
    match have {
        0..64 => FIRST_SYMBOLS,
        64..1024 => have / 2,
        1024..8192 => 512,
        _ => have / 16,
    }
}

/// Stamp and envelope in the body of a frame, as in a bundle's.
fn read_frame(body: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let (&[kind, len], rest) = body.split_first_chunk()?;
    let (stamp, envelope) = rest.split_at_checked(usize::from(len))?;
    Some((Stamp::new(kind, stamp)?, envelope))
}
