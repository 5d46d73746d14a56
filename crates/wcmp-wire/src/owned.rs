//! The owned form of an envelope, and its encoder.

use alloc::vec::Vec;
use core::fmt;

use crate::error::Result;
use crate::hash::{self, Body, Core, Digest, Sha256};
use crate::writer::{Lengths, Writer};
use crate::{EnvelopeRef, HINT_LEN, NONCE_LEN, PREFIX_LEN, VERSION};

/// The fields of an envelope (spec 4), as a sender fills them in. Nothing is checked before [`Envelope::encode`].
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The suite's number (spec 2).
    pub suite: u16,
    /// Random.
    pub sender_nonce: [u8; NONCE_LEN],
    /// By which receivers recognise the sender in open suites; random in sealed ones (spec 6.3).
    pub sender_hint: [u8; HINT_LEN],
    /// The last hour in which the envelope may be handed on, in hours since 1970-01-01 UTC.
    pub expires: u32,
    /// Commitment to the content key (spec 6.1).
    pub commitment: [u8; 32],
    /// AEAD ciphertext and tag, at least [`MIN_PAYLOAD`](crate::MIN_PAYLOAD) bytes.
    pub payload: Vec<u8>,
    /// Random; the nonce of the receivers' hints in open suites.
    pub recipient_nonce: [u8; NONCE_LEN],
    /// The ephemeral key that all slots share, or empty; at most [`MAX_ENCAPSULATION`](crate::MAX_ENCAPSULATION)
    /// bytes.
    pub encapsulation: Vec<u8>,
    /// One hint a slot, strictly ascending, 1 to [`MAX_SLOTS`](crate::MAX_SLOTS).
    pub hints: Vec<[u8; HINT_LEN]>,
    /// The sealed keys in the order of the hints, all of one length of at least 1 byte.
    pub sealed_keys: Vec<u8>,
    /// The signature field, masked in sealed suites; 1 to [`MAX_SIGNATURE`](crate::MAX_SIGNATURE) bytes.
    pub signature: Vec<u8>,
}

/// The first 39 bytes of an envelope with these fields: version, suite, sender nonce, sender hint, expires.
#[must_use]
pub fn encode_prefix(
    suite: u16,
    sender_nonce: &[u8; NONCE_LEN],
    sender_hint: &[u8; HINT_LEN],
    expires: u32,
) -> [u8; PREFIX_LEN] {
    let mut prefix = [0; PREFIX_LEN];
    let fields = [
        &[VERSION][..],
        &suite.to_be_bytes(),
        sender_nonce,
        sender_hint,
        &expires.to_be_bytes(),
    ];
    for (to, from) in prefix.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    prefix
}

impl Envelope {
    /// The first 39 bytes of the encoding: version, suite, sender nonce, sender hint, expires.
    #[must_use]
    pub fn prefix(&self) -> [u8; PREFIX_LEN] {
        encode_prefix(
            self.suite,
            &self.sender_nonce,
            &self.sender_hint,
            self.expires,
        )
    }

    /// Hash of everything before the hints (spec 4.3), which need not be there yet.
    #[must_use]
    pub fn body(&self, sha256: Sha256) -> Body {
        hash::body(
            sha256,
            &self.prefix(),
            &self.commitment,
            &self.payload,
            &self.recipient_nonce,
            &self.encapsulation,
        )
    }

    /// Hash of everything before the sealed keys, which need not be there yet, given that of [`Envelope::body`].
    #[must_use]
    pub fn core(&self, sha256: Sha256, body: &Body) -> Core {
        hash::core(sha256, body, &self.hints)
    }

    /// Hash of everything before the signature, which need not be there yet, given that of [`Envelope::core`].
    #[must_use]
    pub fn digest(&self, sha256: Sha256, core: &Core) -> Digest {
        hash::digest(sha256, core, &self.sealed_keys)
    }

    /// Length in bytes of the encoding, be it allowed or too long.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.lengths().envelope()
    }

    fn lengths(&self) -> Lengths {
        Lengths {
            payload: self.payload.len(),
            encapsulation: self.encapsulation.len(),
            hints: self.hints.as_flattened().len(),
            sealed_keys: self.sealed_keys.len(),
            signature: self.signature.len(),
        }
    }

    /// The bytes of the envelope, in one allocation of exactly [`Envelope::encoded_len`] bytes.
    ///
    /// # Errors
    /// Those of [`EnvelopeRef::parse`] on the encoding, at the same offsets: what is written can be read.
    /// [`ParseErrorKind::Size`](crate::ParseErrorKind::Size) comes before anything is allocated.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new(self.lengths())?;
        writer.put(&self.payload);
        writer.head(&self.prefix(), &self.commitment);
        writer.encapsulation(&self.recipient_nonce, &self.encapsulation);
        writer.hints(self.hints.iter().copied());
        writer.sealed_keys().copy_from_slice(&self.sealed_keys);
        writer.finish(&self.signature)
    }
}

impl From<EnvelopeRef<'_>> for Envelope {
    fn from(view: EnvelopeRef<'_>) -> Self {
        view.to_owned()
    }
}

/// Suite, hour and sizes; neither ciphertext nor hints.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("suite", &format_args!("{:#06x}", self.suite))
            .field("expires", &self.expires)
            .field("len", &self.encoded_len())
            .field("slots", &self.hints.len())
            .finish_non_exhaustive()
    }
}
