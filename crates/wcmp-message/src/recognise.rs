//! Finding one's own: from an envelope to a slot that is mine (spec 8, steps 1 and
//! 2). Nothing here allocates.

use core::cell::OnceCell;
use core::fmt;

use wcmp_suite::hpke::SharedSecret;
use wcmp_suite::{Form, Provider, Suite, SuiteId, find_hint, slot, stranger_hint};
use wcmp_wire::{Body, EnvelopeRef, MAX_SLOTS};

use crate::{Contact, OpenError, Receiver, padded_len};

/// An envelope that can be read here: its suite is known, its lengths fit, and it
/// has not expired.
pub struct Readable<'a> {
    pub(crate) envelope: EnvelopeRef<'a>,
    pub(crate) suite: Suite,
    pub(crate) signature: &'a [u8; 64],
    body: OnceCell<Body>,
}

impl fmt::Debug for Readable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Readable({:?})", self.envelope)
    }
}

/// How a receiver recognised an envelope as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the receiver hint of an open suite.
    Receiver,
    /// By the pair hint of a contact, the one of this place in
    /// [`Receiver::contacts`].
    Pair(usize),
    /// By the stranger hint of a sealed suite.
    Stranger,
}

/// A slot that a receiver takes for its own.
pub(crate) struct Match {
    pub(crate) slot: usize,
    pub(crate) way: Way,
    /// Where it had to be computed to look, it need not be computed to open.
    pub(crate) shared: Option<SharedSecret>,
}

/// An envelope with a slot that is mine. [`Recognised::open`] consumes it.
pub struct Recognised<'a> {
    pub(crate) readable: &'a Readable<'a>,
    pub(crate) receiver: &'a Receiver,
    pub(crate) matched: Match,
}

impl fmt::Debug for Recognised<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recognised(..)")
    }
}

impl<'a> Readable<'a> {
    /// Checks what does not depend on who reads (spec 4.2 and step 1 of 8). `now`
    /// is an hour; subtract up to 24 to tolerate clocks that are behind.
    ///
    /// # Errors
    /// [`OpenError::Suite`], [`OpenError::Malformed`], [`OpenError::Expired`].
    pub fn new(envelope: EnvelopeRef<'a>, now: u32) -> Result<Readable<'a>, OpenError> {
        let suite = Suite::try_from(SuiteId(envelope.suite())).map_err(OpenError::Suite)?;
        let signature = envelope.signature().try_into();
        let signature: &[u8; 64] = signature.map_err(|_| OpenError::Malformed)?;
        let slots = envelope.slots();
        let padded = envelope.payload().len().saturating_sub(16);
        let fits = envelope.encapsulation().len() == suite.enc_len()
            && envelope.slot_len() == suite.slot_len()
            && (4..=MAX_SLOTS).contains(&slots)
            && slots.is_power_of_two()
            && padded_len(padded) == padded;
        if !fits {
            return Err(OpenError::Malformed);
        }
        if now > envelope.expires() {
            return Err(OpenError::Expired);
        }
        Ok(Readable {
            envelope,
            suite,
            signature,
            body: OnceCell::new(),
        })
    }

    /// Parses and checks (spec 4.1, 4.2).
    ///
    /// # Errors
    /// [`OpenError::Structure`], and those of [`Readable::new`].
    pub fn parse(bytes: &'a [u8], now: u32) -> Result<Readable<'a>, OpenError> {
        Readable::new(EnvelopeRef::parse(bytes)?, now)
    }

    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> &EnvelopeRef<'a> {
        &self.envelope
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The hash that sealed hints are made over: computed once, for all receivers.
    pub(crate) fn body(&self, provider: &Provider) -> &Body {
        self.body
            .get_or_init(|| self.envelope.body(provider.sha256))
    }

    /// Looks for a slot of `receiver` (step 2 of spec 8). `None` is the usual case:
    /// the envelope is somebody else's.
    ///
    /// An open suite costs one hint. A sealed suite costs a hash of the payload per
    /// envelope, a hint per contact, and an X25519 unless the receiver is closed to
    /// strangers.
    #[must_use]
    pub fn recognise(
        &'a self,
        provider: &Provider,
        receiver: &'a Receiver,
    ) -> Option<Recognised<'a>> {
        self.next_match(provider, receiver, 0)
            .map(|matched| Recognised {
                readable: self,
                receiver,
                matched,
            })
    }

    /// The first match from the contact in place `from` on; the place after the last
    /// contact stands for strangers.
    pub(crate) fn next_match(
        &self,
        provider: &Provider,
        receiver: &Receiver,
        from: usize,
    ) -> Option<Match> {
        if receiver.keys().key_type() != self.suite.key_type() {
            return None;
        }
        match self.suite.form() {
            Form::Open => {
                let nonce = self.envelope.recipient_nonce();
                let hint = receiver.keys().hint_key().receiver_hint(self.suite, nonce);
                let slot = (from == 0).then(|| find_hint(self.envelope.hints(), &hint))??;
                Some(Match {
                    slot,
                    way: Way::Receiver,
                    shared: None,
                })
            }
            Form::Sealed => self
                .pair_match(provider, receiver.contacts(), from)
                .or_else(|| {
                    let ask = receiver.open_to_strangers() && from <= receiver.contacts().len();
                    ask.then(|| self.stranger_match(provider, receiver))?
                }),
        }
    }

    fn pair_match(&self, provider: &Provider, contacts: &[Contact], from: usize) -> Option<Match> {
        let contacts = contacts.iter().enumerate().skip(from);
        for (index, contact) in contacts {
            let Some(key) = contact.pair_hint_key(self.suite) else {
                continue;
            };
            let hint = key.hint(&self.body(provider).0);
            if let Some(slot) = find_hint(self.envelope.hints(), &hint) {
                return Some(Match {
                    slot,
                    way: Way::Pair(index),
                    shared: None,
                });
            }
        }
        None
    }

    fn stranger_match(&self, provider: &Provider, receiver: &Receiver) -> Option<Match> {
        let keys = receiver.keys();
        let shared = slot::decapsulate(provider, keys, self.envelope.encapsulation()).ok()?;
        let body = &self.body(provider).0;
        let hint = stranger_hint(provider, self.suite, &shared, keys.public().key_id(), body);
        let slot = find_hint(self.envelope.hints(), &hint)?;
        Some(Match {
            slot,
            way: Way::Stranger,
            shared: Some(shared),
        })
    }
}

impl Recognised<'_> {
    /// The slot that is mine.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.matched.slot
    }

    /// How it was recognised.
    #[must_use]
    pub fn way(&self) -> Way {
        self.matched.way
    }
}
