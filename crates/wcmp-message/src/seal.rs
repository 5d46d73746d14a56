//! Sealing: one message into one envelope (spec 7).

mod hedge;
mod rows;

use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use wcmp_suite::slot::Ephemeral;
use wcmp_suite::{Form, KeyPair, KeyType, Provider, PublicKey, Suite};
use wcmp_wire::{Envelope, MAX_SLOTS, hash};
use zeroize::Zeroizing;

use self::hedge::Hedge;
use self::rows::Row;
use crate::content::{encode, insert_reply};
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
    /// randomness, and fresh entropy should two hints come out equal.
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
        let reply = self.reply.map(|(keys, _)| keys);
        let (encoded, reply_at) = encode(introduction, reply.map(KeyPair::public), content)?;
        let mut payload = Zeroizing::new(encoded);
        let hedge = Hedge::new(provider, self, entropy, &payload);

        let one_time;
        let sender = match self.sender {
            Some(sender) => sender,
            None => {
                let seed = hedge.draw::<32>(provider, b"one-time key");
                one_time = KeyPair::from_seed(provider, KeyType::X25519, &seed)?;
                &one_time
            }
        };
        let content_key = hedge.draw::<32>(provider, b"content key");
        let sender_nonce = *hedge.draw::<16>(provider, b"sender nonce");
        let mut envelope = Envelope {
            suite: self.suite.id().0,
            sender_nonce,
            sender_hint: match self.suite.form() {
                Form::Open => sender.hint_key().sender_hint(self.suite, &sender_nonce),
                Form::Sealed => *hedge.draw::<16>(provider, b"sender hint"),
            },
            expires: self.expires,
            commitment: [0; 32],
            payload: Vec::new(),
            recipient_nonce: *hedge.draw::<16>(provider, b"receiver nonce"),
            encapsulation: Vec::new(),
            hints: Vec::new(),
            sealed_keys: Vec::new(),
            signature: Vec::new(),
        };
        let prefix = envelope.prefix();
        let schedule = Schedule::new(provider, &content_key, &prefix);
        envelope.commitment = schedule.commitment;

        if let Some(reply) = reply {
            let sender_id = self.sender.map_or(&[0; 32], |keys| keys.public().key_id());
            let message = reply_message(sender_id, &prefix, reply.public().key_id());
            let signature = reply.sign(provider, &message);
            insert_reply(&mut payload, reply_at, reply.public(), &signature);
        }
        payload.push(0x80);
        let padded = padded_len(payload.len());
        payload.resize(padded, 0);
        let aad = payload_aad(&prefix, &schedule.commitment);
        let tag = provider.aead.seal(
            self.suite.aead(),
            &schedule.payload_key,
            &[0; 12],
            &aad,
            &mut payload,
        )?;
        payload.extend_from_slice(&tag);
        envelope.payload = core::mem::take(&mut *payload);

        let ephemeral = match self.suite.key_type() {
            KeyType::X25519 => {
                let secret = hedge.draw::<32>(provider, b"ephemeral");
                let ephemeral = Ephemeral::new(provider, secret);
                envelope.encapsulation = ephemeral.public().to_vec();
                Some(ephemeral)
            }
            KeyType::XWing => None,
        };
        let sealing = rows::Sealing {
            provider,
            sealer: self,
            hedge: &hedge,
            ephemeral: ephemeral.as_ref(),
            content_key: &content_key,
            recipient_nonce: &envelope.recipient_nonce,
        };
        let body = envelope.body(provider.sha256);
        let mut rows = sealing.rows(&body)?;
        rows.sort_unstable_by_key(|row| row.hint);
        envelope.hints = rows.iter().map(|row: &Row<'_>| row.hint).collect();
        if envelope
            .hints
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a == b))
        {
            return Err(Failed::EqualHints);
        }
        let core = hash::core(provider.sha256, &body, &envelope.hints);
        envelope.sealed_keys = sealing.sealed_keys(&rows, &core, rng)?;

        let digest = envelope.digest(provider.sha256, &core);
        let signature = sender.sign(provider, &signed_message(&digest));
        envelope.signature = match self.suite.form() {
            Form::Open => signature.to_vec(),
            Form::Sealed => schedule.masked(&signature).to_vec(),
        };
        Ok(envelope.encode().map_err(|_| SealError::Size)?)
    }
}
