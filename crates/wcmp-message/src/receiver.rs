//! Who receives: a key pair of mine and the contacts who were given it (spec 8).

use alloc::vec::Vec;
use core::fmt;

use wcmp_suite::{Form, HintKey, KeyPair, PairHintKey, PairKey, Provider, PublicKey, Suite};

/// A person who was given one key pair's public half, and whose key is known.
///
/// Holds what recognising and answering this person needs, computed once.
pub struct Contact {
    public: PublicKey,
    hint_key: HintKey,
    pair: Option<Pair>,
}

/// What a contact and I share, where both keys are of type 1 (spec 1.6).
struct Pair {
    key: PairKey,
    mine: PublicKey,
    /// contact -> me, one per sealed suite.
    aes: PairHintKey,
    chacha: PairHintKey,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contact({:?}, ..)", self.public.key_type())
    }
}

impl Contact {
    /// The contact with the key `public`, who was given the key pair `mine`.
    #[must_use]
    pub fn new(provider: &Provider, mine: &KeyPair, public: PublicKey) -> Contact {
        // Keys of type 2 have no pair key and are skipped in sealed suites.
        let pair = mine.pair_key(provider, &public).ok().map(|key| {
            let from_them = |suite| key.hint_key(provider, suite, &public, mine.public());
            Pair {
                aes: from_them(Suite::SealedAes256Gcm),
                chacha: from_them(Suite::SealedChaCha20Poly1305),
                mine: mine.public().clone(),
                key,
            }
        });
        Contact {
            hint_key: public.hint_key(),
            public,
            pair,
        }
    }

    /// The contact's key.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The sender hint that this contact puts into open suites.
    pub(crate) fn sender_hint(&self, suite: Suite, nonce: &[u8; 16]) -> [u8; 16] {
        self.hint_key.sender_hint(suite, nonce)
    }

    /// The key of the hint that this contact puts into my slot in a sealed suite.
    pub(crate) fn pair_hint_key(&self, suite: Suite) -> Option<&PairHintKey> {
        let pair = self.pair.as_ref()?;
        match suite {
            Suite::SealedAes256Gcm => Some(&pair.aes),
            Suite::SealedChaCha20Poly1305 => Some(&pair.chacha),
            _ => None,
        }
    }

    /// Whether `sender` can put a pair hint into this contact's slot: in a sealed
    /// suite, with keys of type 1, and being the one whose contact this is.
    pub(crate) fn can_pair(&self, suite: Suite, sender: Option<&KeyPair>) -> bool {
        let mine = self.pair.as_ref().map(|pair| &pair.mine);
        suite.form() == Form::Sealed && mine.is_some() && mine == sender.map(KeyPair::public)
    }

    /// The hint key for this contact's slots in what I send.
    pub(crate) fn hint_key_to(&self, provider: &Provider, suite: Suite) -> Option<PairHintKey> {
        let pair = self.pair.as_ref()?;
        let key = &pair.key;
        Some(key.hint_key(provider, suite, &pair.mine, &self.public))
    }
}

/// One key pair of mine, with the contacts who were given it. What one receiver
/// finds never mixes with what another does.
pub struct Receiver {
    keys: KeyPair,
    contacts: Vec<Contact>,
    strangers: bool,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({:?}, ..)", self.keys.key_type())
    }
}

impl Receiver {
    /// A receiver without contacts, open to strangers.
    #[must_use]
    pub fn new(keys: KeyPair) -> Receiver {
        Receiver {
            keys,
            contacts: Vec::new(),
            strangers: true,
        }
    }

    /// Adds a person who was given this key pair's public half.
    pub fn add_contact(&mut self, provider: &Provider, public: PublicKey) {
        let contact = Contact::new(provider, &self.keys, public);
        self.contacts.push(contact);
    }

    /// Closes this key to strangers, in sealed suites: saves an X25519 for every
    /// envelope that is looked at.
    pub fn close_to_strangers(&mut self) {
        self.strangers = false;
    }

    /// The key pair.
    #[must_use]
    pub fn keys(&self) -> &KeyPair {
        &self.keys
    }

    /// The contacts, in the order in which they were added.
    #[must_use]
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    pub(crate) fn open_to_strangers(&self) -> bool {
        self.strangers
    }

    pub(crate) fn contact_with(&self, public: &PublicKey) -> Option<&Contact> {
        self.contacts
            .iter()
            .find(|contact| contact.public == *public)
    }
}
