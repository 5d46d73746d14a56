//! The four people of the demo, and those who are after them.

use wcmp::wire::hash::Digest;
use wcmp::{
    Contact, EnvelopeRef, KeyPair, KeyType, OpenError, Opened, Provider, PublicKey, Readable,
    Receiver, Suite, SuiteId, Way,
};

use super::stick::Stick;
use crate::error::{Failure, Result};
use crate::scan::hints_tried;

/// Each has one key pair.
pub(super) struct People {
    pub(super) ana: KeyPair,
    /// Ben as Ana has him among her contacts.
    pub(super) ben_for_ana: Contact,
    pub(super) ben: Receiver,
    pub(super) cleo: Receiver,
    pub(super) dan: Receiver,
}

/// What one person finds on a stick.
pub(super) struct Finds<'a> {
    /// Envelope, slot, way.
    pub(super) matches: Vec<(&'a [u8], usize, Way)>,
    pub(super) tried: u64,
}

/// What somebody finds who holds public keys only.
pub(super) struct Sightings {
    pub(super) matches: u64,
    pub(super) tried: u64,
}

impl People {
    /// Ana and Ben hold each other's keys, and so do Ben and Dan. Ana was given Cleo's.
    pub(super) fn meet(crypto: &Provider) -> Result<People> {
        let pair = || {
            KeyPair::generate(crypto, KeyType::X25519, &mut wcmp::system_rng())
                .map_err(|error| Failure::key("making a key pair", error))
        };
        let (ana, ben, cleo, dan) = (pair()?, pair()?, pair()?, pair()?);
        let ben_for_ana = Contact::new(crypto, &ana, ben.public().clone());
        let ben_key = ben.public().clone();
        let mut ben = Receiver::new(ben);
        ben.add_contact(crypto, dan.public().clone());
        ben.add_contact(crypto, ana.public().clone());
        let mut dan = Receiver::new(dan);
        dan.add_contact(crypto, ben_key);
        Ok(People {
            ana,
            ben_for_ana,
            ben,
            cleo: Receiver::new(cleo),
            dan,
        })
    }

    fn public_keys(&self) -> [&PublicKey; 4] {
        let [ben, cleo, dan] = [&self.ben, &self.cleo, &self.dan].map(|who| who.keys().public());
        [self.ana.public(), ben, cleo, dan]
    }

    /// The bytes of everybody's keys.
    pub(super) fn public_bytes(&self) -> Vec<Vec<u8>> {
        let keys = self.public_keys();
        let parts = keys.iter().flat_map(|key| [key.kem(), key.ed25519()]);
        parts.map(<[u8]>::to_vec).collect()
    }

    /// Looks through a stick as `who`.
    pub(super) fn look<'a>(
        &self,
        crypto: &Provider,
        who: &Receiver,
        stick: &'a Stick,
        hour: u32,
    ) -> Finds<'a> {
        let mut finds = Finds {
            matches: Vec::new(),
            tried: 0,
        };
        for envelope in &stick.envelopes {
            let Ok(readable) = Readable::parse(envelope, hour) else {
                continue;
            };
            let recognised = readable.recognise(crypto, who);
            let found = recognised.map(|found| (found.slot(), found.way()));
            finds.tried += hints_tried(readable.suite(), who, found.map(|(_, way)| way));
            if let Some((slot, way)) = found {
                finds.matches.push((envelope, slot, way));
            }
        }
        finds
    }

    /// Opens an envelope as `who`.
    pub(super) fn open(
        &self,
        crypto: &Provider,
        who: &Receiver,
        envelope: &[u8],
        hour: u32,
    ) -> core::result::Result<Opened, OpenError> {
        let readable = Readable::parse(envelope, hour)?;
        let recognised = readable.recognise(crypto, who);
        recognised.ok_or(OpenError::NotForMe)?.open(crypto, &[])
    }

    /// Tries everybody's public key on everything that such a key recognises in an open suite: receiver hints, the
    /// sender's hint, the signature.
    pub(super) fn look_with_public_keys(
        &self,
        crypto: &Provider,
        views: &[EnvelopeRef<'_>],
    ) -> Sightings {
        let mut sightings = Sightings {
            matches: 0,
            tried: 0,
        };
        for view in views {
            let Ok(suite) = Suite::try_from(SuiteId(view.suite())) else {
                continue;
            };
            let core = view.core(crypto.sha256, &view.body(crypto.sha256));
            let Digest(digest) = view.digest(crypto.sha256, &core);
            let message = [&b"WCMP v1 envelope signature"[..], &digest].concat();
            for key in self.public_keys() {
                let hints = key.hint_key();
                let receiver = hints.receiver_hint(suite, view.recipient_nonce());
                let sender = hints.sender_hint(suite, view.sender_nonce());
                let signed = view.signature().try_into().is_ok_and(|signature| {
                    let key = key.ed25519();
                    let verified = crypto.ed25519.verify_strict(key, &message, signature);
                    verified.is_ok()
                });
                let seen = [
                    view.hints().contains(&receiver),
                    *view.sender_hint() == sender,
                    signed,
                ];
                sightings.tried += 3;
                sightings.matches += seen.map(u64::from).iter().sum::<u64>();
            }
        }
        sightings
    }
}
