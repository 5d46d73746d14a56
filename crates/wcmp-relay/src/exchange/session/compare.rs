//! Up to the point where one side knows the difference: hello, days, symbols (docs/spec/exchange.md 2.1 to 2.3).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use wcmp_wire::{Id, sha256};

use super::super::message::{self, Day, Hello, Kind, Stop};
use super::super::riblt::{Decoder, Difference, Keys, SYMBOL_LEN, Short, Sketch, Symbol};
use super::super::{Error, Offer, Shelf};
use super::{Phase, Session, Terms};

/// Symbols that are asked for at first, if the days' counts do not tell that more will be needed.
const FIRST_SYMBOLS: u32 = 32;

impl Session {
    pub(super) fn hello<N: Shelf>(
        &mut self,
        body: &[u8],
        node: &mut N,
    ) -> Result<Phase, Error<N::Error>> {
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
    pub(super) fn offered<N: Shelf>(
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

    pub(super) fn compare_days<N: Shelf>(
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
    pub(super) fn begin_comparing<N: Shelf>(
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

    pub(super) fn ask(&mut self, more: u32) {
        message::put(&mut self.outbox, Kind::More, &[&more.to_be_bytes()]);
    }

    /// Sends symbols that were asked for: few at first, so that not many are sent in vain.
    pub(super) fn describe(
        &mut self,
        out: &mut Vec<u8>,
        mut sketch: Sketch,
        sent: u32,
        asked: u32,
    ) -> Phase {
        let burst = (sent / 32).clamp(16, message::SYMBOLS_AT_ONCE);
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

    pub(super) fn decode<N: Shelf>(
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
    pub(super) fn overflow<N: Shelf>(&mut self, node: &mut N) -> Result<Phase, Error<N::Error>> {
        self.report.more = true;
        if self.days.len() == 1 {
            return self.ended(Stop::GiveUp, Difference::default(), node);
        }
        Stop::Halve.put(&mut self.outbox);
        self.halve();
        self.begin_comparing(0, node)
    }

    pub(super) fn halve(&mut self) {
        self.days = self.days.split_off(self.days.len() / 2);
    }

    pub(super) fn solved<N: Shelf>(
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

    pub(super) fn ended<N: Shelf>(
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
    pub(super) fn named<N: Shelf>(
        &self,
        shorts: &[Short],
        node: &mut N,
    ) -> Result<Vec<Id>, Error<N::Error>> {
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

    pub(super) fn stopped<N: Shelf>(
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
