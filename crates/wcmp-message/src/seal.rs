//! Sealing: one message into one envelope (spec 7).

mod hedge;
mod rows;

use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use wcmp_suite::slot::Ephemeral;
use wcmp_suite::{Form, HINT_LEN, KeyPair, KeyType, Provider, PublicKey, Suite};
use wcmp_wire::{Lengths, MAX_SLOTS, Writer, encode_prefix};
use zeroize::{Zeroize, Zeroizing};

use self::hedge::Hedge;
use crate::content::Encoding;
use crate::schedule::{Schedule, payload_aad, reply_message, signed_message};
use crate::{Contact, Content, SealError, padded_len};

/// A receiver of the message.
struct To<'a> {
    public: &'a PublicKey,
    /// Gets a pair hint.
    contact: Option<&'a Contact>,
}

/// Builds one envelope.
///
/// Without [`Sealer::from`] the message is anonymous: signed with a key that nobody
/// sees again. In sealed suites, a receiver added by [`Sealer::to_contact`] gets a
/// pair hint, since they surely hold the sender's key; one added by [`Sealer::to`]
/// gets a stranger hint, and finds out who wrote only from an
/// [introduction](Sealer::introduce).
pub struct Sealer<'a> {
    suite: Suite,
    expires: u32,
    sender: Option<&'a KeyPair>,
    to: Vec<To<'a>>,
    dummy: bool,
    introduce: bool,
    reply: Option<(&'a KeyPair, bool)>,
    slots: usize,
    #[cfg(feature = "rayon")]
    all_cores: bool,
}

impl fmt::Debug for Sealer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({:?}, ..)", self.suite)
    }
}

/// Why one attempt gave no envelope.
enum Failed {
    /// Two hints are equal: to be tried again with fresh entropy.
    EqualHints,
    For(SealError),
}

impl<E: Into<SealError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::For(error.into())
    }
}

impl<'a> Sealer<'a> {
    /// A message of this suite that carriers hand on up to the hour `expires`; draw
    /// it with [`Ttl::expires`](crate::Ttl::expires).
    #[must_use]
    pub fn new(suite: Suite, expires: u32) -> Sealer<'a> {
        Sealer {
            suite,
            expires,
            sender: None,
            to: Vec::new(),
            dummy: false,
            introduce: false,
            reply: None,
            slots: 0,
            #[cfg(feature = "rayon")]
            all_cores: false,
        }
    }

    /// A message to nobody, which no observer tells from a message.
    #[must_use]
    pub fn dummy(suite: Suite, expires: u32) -> Sealer<'a> {
        Sealer {
            dummy: true,
            ..Sealer::new(suite, expires)
        }
    }

    /// Signs as `sender`.
    #[must_use]
    pub fn from(mut self, sender: &'a KeyPair) -> Self {
        self.sender = Some(sender);
        self
    }

    /// Adds a receiver.
    #[must_use]
    pub fn to(mut self, receiver: &'a PublicKey) -> Self {
        self.to.push(To {
            public: receiver,
            contact: None,
        });
        self
    }

    /// Adds a receiver who surely holds the sender's key: the message gets a pair
    /// hint. For sealed suites.
    #[must_use]
    pub fn to_contact(mut self, contact: &'a Contact) -> Self {
        self.to.push(To {
            public: contact.public(),
            contact: Some(contact),
        });
        self
    }

    /// Tells the receivers the sender's key.
    #[must_use]
    pub fn introduce(mut self) -> Self {
        self.introduce = true;
        self
    }

    /// Offers a key to answer to. With more than one receiver, say
    /// [`Sealer::shared_reply_key`].
    #[must_use]
    pub fn reply_key(mut self, reply: &'a KeyPair) -> Self {
        self.reply = Some((reply, false));
        self
    }

    /// Offers all receivers the same key to answer to, by which they recognise each
    /// other's answers.
    #[must_use]
    pub fn shared_reply_key(mut self, reply: &'a KeyPair) -> Self {
        self.reply = Some((reply, true));
        self
    }

    /// Makes at least so many slots, up to 4096; what is not needed holds dummies.
    /// There are never fewer than 4, and always a power of two.
    #[must_use]
    pub fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// Uses all cores for the slots, by rayon's pool of threads. What comes out is the
    /// same.
    #[cfg(feature = "rayon")]
    #[must_use]
    pub fn on_all_cores(mut self) -> Self {
        self.all_cores = true;
        self
    }

    /// Seals with 32 bytes of entropy from `rng`, and X-Wing's randomness.
    ///
    /// # Errors
    /// [`SealError`], one for each way to use the builder wrongly.
    pub fn seal<R: TryCryptoRng + ?Sized>(
        &self,
        provider: &Provider,
        content: &Content,
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        let mut entropy = Zeroizing::new([0u8; 32]);
        rng.try_fill_bytes(&mut *entropy)
            .map_err(|_| SealError::Random)?;
        self.seal_with_entropy(provider, content, &entropy, rng)
    }

    /// Seals with this entropy: in suites of type 1 the envelope is a function of
    /// the inputs and `entropy`, which is what test vectors fix. `rng` gives X-Wing's
    /// randomness (unless [the provider](wcmp_suite::XWing::encapsulate) draws its own),
    /// and fresh entropy should two hints come out equal.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn seal_with_entropy<R: TryCryptoRng + ?Sized>(
        &self,
        provider: &Provider,
        content: &Content,
        entropy: &[u8; 32],
        rng: &mut R,
    ) -> Result<Vec<u8>, SealError> {
        self.check()?;
        let mut entropy = Zeroizing::new(*entropy);
        loop {
            match self.attempt(provider, content, &entropy, rng) {
                Ok(envelope) => return Ok(envelope),
                Err(Failed::For(error)) => return Err(error),
                Err(Failed::EqualHints) => rng
                    .try_fill_bytes(&mut *entropy)
                    .map_err(|_| SealError::Random)?,
            }
        }
    }

    /// The rules of spec 7.4 that concern keys and slots.
    fn check(&self) -> Result<(), SealError> {
        let named = self.sender.is_some() || self.reply.is_some();
        if self.to.is_empty() != self.dummy || (self.dummy && named) {
            return Err(SealError::NoReceiver);
        }
        let fits = |to: &To<'_>| to.public.key_type() == self.suite.key_type();
        if !self.to.iter().all(fits) {
            return Err(SealError::ReceiverType);
        }
        let mut kems: Vec<&[u8]> = self.to.iter().map(|to| to.public.kem()).collect();
        kems.sort_unstable();
        let receivers = kems.len();
        kems.dedup();
        if kems.len() != receivers {
            return Err(SealError::DuplicateReceiver);
        }
        if self.introduce && self.sender.is_none() {
            return Err(SealError::IntroductionWithoutSender);
        }
        let mut contacts = self.to.iter().filter_map(|to| to.contact);
        if !contacts.all(|contact| contact.can_pair(self.suite, self.sender)) {
            return Err(SealError::PairHint);
        }
        if let Some((_, shared)) = self.reply {
            if receivers > 1 && !shared {
                return Err(SealError::SharedReplyKey);
            }
            let all_paired = self.to.iter().all(|to| to.contact.is_some());
            if self.sender.is_some() && !self.introduce && !all_paired {
                return Err(SealError::UnattributableReplyKey);
            }
        }
        if receivers.max(self.slots) > MAX_SLOTS {
            return Err(SealError::Slots);
        }
        Ok(())
    }

    /// R of spec 7.3.
    fn slot_count(&self) -> usize {
        self.to.len().max(self.slots).max(4).next_power_of_two()
    }

    fn attempt<R: TryCryptoRng + ?Sized>(
        &self,
        provider: &Provider,
        content: &Content,
        entropy: &[u8; 32],
        rng: &mut R,
    ) -> Result<Vec<u8>, Failed> {
        let introduction = self.sender.filter(|_| self.introduce);
        let introduction = introduction.map(KeyPair::public);
        let reply = self.reply.map(|(keys, _)| keys.public());
        let encoding = Encoding::new(introduction, reply, content)?;
        let slots = self.slot_count();
        let mut writer = Writer::new(Lengths {
            payload: padded_len(encoding.len() + 1) + 16,
            encapsulation: self.suite.enc_len(),
            hints: HINT_LEN * slots,
            sealed_keys: self.suite.slot_len() * slots,
            signature: 64,
        })
        .map_err(|_| SealError::Size)?;
        let payload = self.payload(provider, &encoding, entropy, &mut writer);
        if payload.is_err() {
            // Perhaps it was not encrypted yet.
            writer.payload_mut().zeroize();
        }
        let payload = payload?;

        let recipient_nonce = *payload.hedge.draw::<16>(provider, b"receiver nonce");
        let ephemeral = match self.suite.key_type() {
            KeyType::X25519 => {
                let secret = payload.hedge.draw::<32>(provider, b"ephemeral");
                Some(Ephemeral::new(provider, secret))
            }
            KeyType::XWing => None,
        };
        let encapsulation = ephemeral.as_ref().map(Ephemeral::public);
        let encapsulation = encapsulation.map(<[u8; 32]>::as_slice).unwrap_or_default();
        writer.encapsulation(&recipient_nonce, encapsulation);
        let sealing = rows::Sealing {
            provider,
            sealer: self,
            hedge: &payload.hedge,
            ephemeral: ephemeral.as_ref(),
            content_key: &payload.content_key,
            recipient_nonce: &recipient_nonce,
        };
        let body = writer.body(provider.sha256);
        let mut rows = sealing.rows(&body)?;
        rows.sort_unstable_by_key(|row| row.hint);
        let equal = |pair: &[rows::Row<'_>]| matches!(pair, [a, b] if a.hint == b.hint);
        if rows.windows(2).any(equal) {
            return Err(Failed::EqualHints);
        }
        writer.hints(rows.iter().map(|row| row.hint));
        let core = writer.core(provider.sha256, &body);
        sealing.seal_keys(&rows, &core, rng, writer.sealed_keys())?;

        let digest = writer.digest(provider.sha256, &core);
        let sender = self.sender.or(payload.one_time.as_ref());
        let sender = sender.ok_or(SealError::NoReceiver)?;
        let mut signature = sender.sign(provider, &signed_message(&digest));
        if self.suite.form() == Form::Sealed {
            signature = payload.schedule.masked(&signature);
        }
        Ok(writer.finish(&signature).map_err(|_| SealError::Size)?)
    }

    /// Writes the payload and what stands before it, and encrypts it in its place.
    fn payload(
        &self,
        provider: &Provider,
        encoding: &Encoding<'_>,
        entropy: &[u8; 32],
        writer: &mut Writer,
    ) -> Result<Payload, SealError> {
        encoding.write(writer);
        let written = encoding.without_reply(writer.payload_mut());
        let hedge = Hedge::new(provider, self, entropy, written);
        let one_time = match self.sender {
            Some(_) => None,
            None => {
                let seed = hedge.draw::<32>(provider, b"one-time key");
                Some(KeyPair::from_seed(provider, KeyType::X25519, &seed)?)
            }
        };
        let sender = self.sender.or(one_time.as_ref());
        let sender_nonce = *hedge.draw::<16>(provider, b"sender nonce");
        let sender_hint = match (self.suite.form(), sender) {
            (Form::Open, Some(sender)) => sender.hint_key().sender_hint(self.suite, &sender_nonce),
            _ => *hedge.draw::<16>(provider, b"sender hint"),
        };
        let suite = self.suite.id().0;
        let prefix = encode_prefix(suite, &sender_nonce, &sender_hint, self.expires);
        let content_key = hedge.draw::<32>(provider, b"content key");
        let schedule = Schedule::new(provider, &content_key, &prefix);
        writer.head(&prefix, &schedule.commitment);

        if let Some((reply, _)) = self.reply {
            let sender_id = self.sender.map_or(&[0; 32], |keys| keys.public().key_id());
            let message = reply_message(sender_id, &prefix, reply.public().key_id());
            let signature = reply.sign(provider, &message);
            encoding.put_reply(writer.payload_mut(), reply.public(), &signature);
        }
        writer.put(&[0x80]);
        writer.fill(padded_len(encoding.len() + 1), 0);
        let tag = provider.aead.seal(
            self.suite.aead(),
            &schedule.payload_key,
            &[0; 12],
            &payload_aad(&prefix, &schedule.commitment),
            writer.payload_mut(),
        )?;
        writer.put(&tag);
        Ok(Payload {
            hedge,
            one_time,
            content_key,
            schedule,
        })
    }
}

/// What the payload was sealed with, and the slots and the signature are.
struct Payload {
    hedge: Hedge,
    /// Signs an anonymous message.
    one_time: Option<KeyPair>,
    content_key: Zeroizing<[u8; 32]>,
    schedule: Schedule,
}
