//! Opening what was recognised (spec 8, steps 3 to 7).

use core::fmt;

use subtle::ConstantTimeEq;
use wcmp_suite::{Form, KeyType, Provider, PublicKey, slot};
use wcmp_wire::{Core, Digest};
use zeroize::Zeroizing;

use crate::content::{self, Decoded, Reply};
use crate::padding::unpad;
use crate::recognise::Match;
use crate::schedule::{Schedule, payload_aad, reply_message, signed_message};
use crate::{Contact, Content, ContentBody, OpenError, Readable, Receiver, Recognised, Way};

/// Who wrote a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A contact, and the signature is theirs.
    Known(PublicKey),
    /// Somebody whose key came with the message, and the signature is that key's.
    /// The key says nothing about who that is.
    Introduced(PublicKey),
    /// Nobody says. The signature was not checked and proves nothing.
    Anonymous,
}

impl Sender {
    /// The sender's key, if there is one.
    #[must_use]
    pub fn public_key(&self) -> Option<&PublicKey> {
        match self {
            Sender::Known(public) | Sender::Introduced(public) => Some(public),
            Sender::Anonymous => None,
        }
    }
}

/// An opened message.
pub struct Opened {
    /// Who wrote it.
    pub sender: Sender,
    /// The key to answer to, if one is offered. It signs for itself and for this
    /// sender, so it is not somebody else's.
    pub reply: Option<PublicKey>,
    /// What it says.
    pub content: Content,
    /// The slot it was found in.
    pub slot: usize,
    /// Names the message: deliver once per key pair and core, and remember it until
    /// 48 hours after `expires`. Copies may differ in slots and signature.
    pub core: Core,
    /// The last hour in which carriers hand it on.
    pub expires: u32,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({:?}, ..)", self.content)
    }
}

impl Recognised<'_> {
    /// Opens the message. `understood` are the extension ids from 2^31 on that the
    /// caller handles; a message with any other of these is refused.
    ///
    /// # Errors
    /// Every one of [`OpenError`] but those of [`Readable::parse`].
    pub fn open(self, provider: &Provider, understood: &[u32]) -> Result<Opened, OpenError> {
        let Recognised {
            readable,
            receiver,
            mut matched,
        } = self;
        let opening = Opening::new(provider, readable, receiver);
        loop {
            // Step 3: the signature of an open suite comes before its slot.
            let known = opening.known(&matched)?;
            if let Some(schedule) = opening.schedule(&matched) {
                return opening.finish(&schedule, known, matched.slot, understood);
            }
            // Step 4: a slot that does not open is not mine after all.
            let next = match matched.way {
                Way::Pair(contact) => contact + 1,
                Way::Receiver | Way::Stranger => return Err(OpenError::NotForMe),
            };
            matched = readable
                .next_match(provider, receiver, next)
                .ok_or(OpenError::NotForMe)?;
        }
    }
}

/// What the steps of opening have in common.
struct Opening<'a> {
    provider: &'a Provider,
    readable: &'a Readable<'a>,
    receiver: &'a Receiver,
    core: Core,
    digest: Digest,
}

impl<'a> Opening<'a> {
    fn new(provider: &'a Provider, readable: &'a Readable<'a>, receiver: &'a Receiver) -> Self {
        let envelope = &readable.envelope;
        let core = envelope.core(provider.sha256, readable.body(provider));
        let digest = envelope.digest(provider.sha256, &core);
        Opening {
            provider,
            readable,
            receiver,
            core,
            digest,
        }
    }

    /// Step 3: the contact whom the hints name, before anything is opened.
    fn known(&self, matched: &Match) -> Result<Option<&'a Contact>, OpenError> {
        let contacts = self.receiver.contacts();
        match matched.way {
            Way::Pair(index) => Ok(contacts.get(index)),
            Way::Stranger => Ok(None),
            Way::Receiver => {
                let envelope = &self.readable.envelope;
                let (suite, nonce) = (self.readable.suite, envelope.sender_nonce());
                let known = contacts.iter().find(|contact| {
                    let hint = contact.sender_hint(suite, nonce);
                    hint.ct_eq(envelope.sender_hint()).into()
                });
                if let Some(contact) = known {
                    self.verify(contact.public(), self.readable.signature)?;
                }
                Ok(known)
            }
        }
    }

    fn verify(&self, public: &PublicKey, signature: &[u8; 64]) -> Result<(), OpenError> {
        let message = signed_message(&self.digest);
        self.provider
            .ed25519
            .verify_strict(public.ed25519(), &message, signature)
            .map_err(|_| OpenError::BadSignature)
    }

    /// Step 4: the content key in the slot, if it is the one the envelope commits to.
    fn schedule(&self, matched: &Match) -> Option<Schedule> {
        let (provider, suite) = (self.provider, self.readable.suite);
        let (envelope, keys) = (&self.readable.envelope, self.receiver.keys());
        let sealed = envelope.sealed_key(matched.slot)?;
        let core = &self.core.0;
        let content_key = match suite.key_type() {
            KeyType::XWing => slot::open_xwing(provider, suite, keys, core, sealed),
            KeyType::X25519 => {
                let computed;
                let shared = match &matched.shared {
                    Some(shared) => shared,
                    None => {
                        computed =
                            slot::decapsulate(provider, keys, envelope.encapsulation()).ok()?;
                        &computed
                    }
                };
                slot::open(
                    provider,
                    suite,
                    shared,
                    core,
                    keys.public().key_id(),
                    sealed,
                )
            }
        };
        let schedule = Schedule::new(provider, &*content_key.ok()?, envelope.prefix());
        schedule
            .committed(envelope.commitment())
            .then_some(schedule)
    }

    /// Steps 5 to 7.
    fn finish(
        &self,
        schedule: &Schedule,
        known: Option<&Contact>,
        slot: usize,
        understood: &[u32],
    ) -> Result<Opened, OpenError> {
        let envelope = &self.readable.envelope;
        let plaintext = self.decrypt(schedule)?;
        let decoded = unpad(&plaintext)
            .and_then(|encoded| content::decode(encoded, understood))
            .ok_or(OpenError::BadContent)?;

        let mut signature = *self.readable.signature;
        if self.readable.suite.form() == Form::Sealed {
            signature = schedule.masked(&signature);
            if let Some(contact) = known {
                self.verify(contact.public(), &signature)?;
            }
        }
        let sender = match (decoded.introduction, known) {
            (Some(introduction), _) => self.introduced(introduction, known, &signature)?,
            (None, Some(contact)) => Sender::Known(contact.public().clone()),
            (None, None) => Sender::Anonymous,
        };
        let reply = match decoded.reply {
            Some(reply) => Some(self.reply(&reply, &sender)?),
            None => None,
        };
        let Decoded {
            content_type,
            body,
            extensions,
            ..
        } = decoded;
        Ok(Opened {
            sender,
            reply,
            content: Content {
                content_type,
                body: ContentBody::cut(plaintext, body),
                extensions,
            },
            slot,
            core: self.core,
            expires: envelope.expires(),
        })
    }

    fn decrypt(&self, schedule: &Schedule) -> Result<Zeroizing<alloc::vec::Vec<u8>>, OpenError> {
        let envelope = &self.readable.envelope;
        let aad = payload_aad(envelope.prefix(), envelope.commitment());
        let (aead, key) = (self.readable.suite.aead(), &schedule.payload_key);
        self.provider
            .aead
            .open(aead, key, &[0; 12], &aad, envelope.payload())
            .map_err(|_| OpenError::BadPayload)
    }

    /// Step 6: the key that comes with the message.
    fn introduced(
        &self,
        introduction: &[u8],
        known: Option<&Contact>,
        signature: &[u8; 64],
    ) -> Result<Sender, OpenError> {
        let public = PublicKey::from_bytes(introduction).map_err(|_| OpenError::BadIntroduction)?;
        if known.is_some_and(|contact| *contact.public() != public) {
            return Err(OpenError::BadIntroduction);
        }
        let envelope = &self.readable.envelope;
        if self.readable.suite.form() == Form::Open {
            let suite = self.readable.suite;
            let hint = public
                .hint_key()
                .sender_hint(suite, envelope.sender_nonce());
            if !bool::from(hint.ct_eq(envelope.sender_hint())) {
                return Err(OpenError::BadIntroduction);
            }
        }
        self.verify(&public, signature)?;
        Ok(match self.receiver.contact_with(&public) {
            Some(_) => Sender::Known(public),
            None => Sender::Introduced(public),
        })
    }

    /// Step 7: the key to answer to.
    fn reply(&self, reply: &Reply<'_>, sender: &Sender) -> Result<PublicKey, OpenError> {
        let public = PublicKey::from_bytes(reply.public).map_err(|_| OpenError::BadReply)?;
        let signature = reply.signature.try_into();
        let signature: &[u8; 64] = signature.map_err(|_| OpenError::BadReply)?;
        let sender_id = sender.public_key().map_or(&[0; 32], PublicKey::key_id);
        let message = reply_message(sender_id, self.readable.envelope.prefix(), public.key_id());
        self.provider
            .ed25519
            .verify_strict(public.ed25519(), &message, signature)
            .map_err(|_| OpenError::BadReply)?;
        Ok(public)
    }
}
