//! The borrowed form of an envelope.

use core::fmt;

use crate::error::{ParseError, ParseErrorKind, Result};
use crate::hash::{self, Body, Core, Digest, Id, Sha256};
use crate::varint::Reader;
use crate::{
    Envelope, HINT_LEN, MAX_ENCAPSULATION, MAX_ENVELOPE, MAX_SIGNATURE, MAX_SLOTS, MIN_PAYLOAD,
    NONCE_LEN, PREFIX_LEN, VERSION,
};

/// An envelope in the bytes it came in: well-formed by spec 4.1, of any suite, nothing decrypted or verified.
///
/// All fields point into the bytes given to [`EnvelopeRef::parse`]; nothing is copied or allocated.
#[derive(Clone, Copy)]
pub struct EnvelopeRef<'a> {
    bytes: &'a [u8],
    prefix: &'a [u8; PREFIX_LEN],
    suite: u16,
    sender_nonce: &'a [u8; NONCE_LEN],
    sender_hint: &'a [u8; HINT_LEN],
    expires: u32,
    commitment: &'a [u8; 32],
    payload: &'a [u8],
    recipient_nonce: &'a [u8; NONCE_LEN],
    encapsulation: &'a [u8],
    hints: &'a [[u8; HINT_LEN]],
    sealed_keys: &'a [u8],
    slot_len: usize,
    signature: &'a [u8],
}

impl<'a> EnvelopeRef<'a> {
    /// Reads an envelope that fills `bytes`, and applies the structural rules of spec 4.1 in their order. What is
    /// accepted is canonical: [`Envelope::encode`] gives the same bytes again.
    ///
    /// # Errors
    /// In this order: [`ParseErrorKind::Size`], [`ParseErrorKind::Version`], the first item that cannot be read, the
    /// first rule that is broken. Empty input is an [`ParseErrorKind::UnexpectedEnd`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > MAX_ENVELOPE {
            return Err(ParseError::new(ParseErrorKind::Size, MAX_ENVELOPE));
        }
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(ParseError::new(ParseErrorKind::Version, 0));
        }
        let suite = u16::from_be_bytes(*reader.array()?);
        let sender_nonce = reader.array()?;
        let sender_hint = reader.array()?;
        let expires = u32::from_be_bytes(*reader.array()?);
        let prefix = Reader::new(bytes).array()?;
        let commitment = reader.array()?;
        let payload_at = reader.position();
        let payload = reader.bytes()?;
        let recipient_nonce = reader.array()?;
        let encapsulation_at = reader.position();
        let encapsulation = reader.bytes()?;
        let hints_at = reader.position();
        let hint_bytes = reader.bytes()?;
        let sealed_keys_at = reader.position();
        let sealed_keys = reader.bytes()?;
        let signature_at = reader.position();
        let signature = reader.bytes()?;
        reader.finish()?;

        let (hints, partial_hint) = hint_bytes.as_chunks();
        if hints.is_empty() || hints.len() > MAX_SLOTS || !partial_hint.is_empty() {
            return Err(ParseError::new(ParseErrorKind::HintCount, hints_at));
        }
        if !strictly_ascending(hints) {
            let first = sealed_keys_at - hint_bytes.len();
            return Err(ParseError::new(
                ParseErrorKind::HintOrder,
                first + HINT_LEN * first_unordered(hints),
            ));
        }
        let slot_len = sealed_keys.len() / hints.len();
        if slot_len == 0 || slot_len * hints.len() != sealed_keys.len() {
            return Err(ParseError::new(
                ParseErrorKind::SealedKeysLength,
                sealed_keys_at,
            ));
        }
        if payload.len() < MIN_PAYLOAD {
            return Err(ParseError::new(ParseErrorKind::PayloadLength, payload_at));
        }
        if encapsulation.len() > MAX_ENCAPSULATION {
            return Err(ParseError::new(
                ParseErrorKind::EncapsulationLength,
                encapsulation_at,
            ));
        }
        if signature.is_empty() || signature.len() > MAX_SIGNATURE {
            return Err(ParseError::new(
                ParseErrorKind::SignatureLength,
                signature_at,
            ));
        }

        Ok(Self {
            bytes,
            prefix,
            suite,
            sender_nonce,
            sender_hint,
            expires,
            commitment,
            payload,
            recipient_nonce,
            encapsulation,
            hints,
            sealed_keys,
            slot_len,
            signature,
        })
    }

    /// The whole envelope, as given to [`EnvelopeRef::parse`].
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The first 39 bytes: version, suite, sender nonce, sender hint, expires.
    #[must_use]
    pub const fn prefix(&self) -> &'a [u8; PREFIX_LEN] {
        self.prefix
    }

    /// The suite's number, perhaps of a suite that nobody here knows.
    #[must_use]
    pub const fn suite(&self) -> u16 {
        self.suite
    }

    /// The sender's random nonce.
    #[must_use]
    pub const fn sender_nonce(&self) -> &'a [u8; NONCE_LEN] {
        self.sender_nonce
    }

    /// By which receivers recognise the sender in open suites; random in sealed ones (spec 6.3).
    #[must_use]
    pub const fn sender_hint(&self) -> &'a [u8; HINT_LEN] {
        self.sender_hint
    }

    /// The last hour in which the envelope may be handed on, in hours since 1970-01-01 UTC.
    #[must_use]
    pub const fn expires(&self) -> u32 {
        self.expires
    }

    /// Commitment to the content key (spec 6.1).
    #[must_use]
    pub const fn commitment(&self) -> &'a [u8; 32] {
        self.commitment
    }

    /// AEAD ciphertext and tag, at least [`MIN_PAYLOAD`] bytes.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The nonce of the receivers' hints in open suites.
    #[must_use]
    pub const fn recipient_nonce(&self) -> &'a [u8; NONCE_LEN] {
        self.recipient_nonce
    }

    /// The ephemeral key that all slots share, or empty; at most [`MAX_ENCAPSULATION`] bytes.
    #[must_use]
    pub const fn encapsulation(&self) -> &'a [u8] {
        self.encapsulation
    }

    /// One hint a slot, strictly ascending, 1 to [`MAX_SLOTS`].
    #[must_use]
    pub const fn hints(&self) -> &'a [[u8; HINT_LEN]] {
        self.hints
    }

    /// Number of slots (R), 1 to [`MAX_SLOTS`].
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.hints.len()
    }

    /// Bytes of one sealed key (S), at least 1.
    #[must_use]
    pub const fn slot_len(&self) -> usize {
        self.slot_len
    }

    /// All sealed keys, S·R bytes.
    #[must_use]
    pub const fn sealed_keys(&self) -> &'a [u8] {
        self.sealed_keys
    }

    /// The sealed key that belongs to `hints()[slot]`, S bytes, or `None` beyond the last slot.
    #[must_use]
    pub fn sealed_key(&self, slot: usize) -> Option<&'a [u8]> {
        let start = slot.checked_mul(self.slot_len)?;
        self.sealed_keys
            .get(start..start.checked_add(self.slot_len)?)
    }

    /// The signature field, masked in sealed suites; 1 to [`MAX_SIGNATURE`] bytes.
    #[must_use]
    pub const fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// Hash of everything before the hints (spec 4.3).
    #[must_use]
    pub fn body(&self, sha256: Sha256) -> Body {
        hash::body(
            sha256,
            self.prefix,
            self.commitment,
            self.payload,
            self.recipient_nonce,
            self.encapsulation,
        )
    }

    /// Hash of everything before the sealed keys, given that of [`EnvelopeRef::body`].
    #[must_use]
    pub fn core(&self, sha256: Sha256, body: &Body) -> Core {
        hash::core(sha256, body, self.hints)
    }

    /// Hash of everything before the signature, given that of [`EnvelopeRef::core`].
    #[must_use]
    pub fn digest(&self, sha256: Sha256, core: &Core) -> Digest {
        hash::digest(sha256, core, self.sealed_keys)
    }

    /// The name of the envelope in stores and bundles: computes the whole chain of spec 4.3, over all bytes.
    #[must_use]
    pub fn id(&self, sha256: Sha256) -> Id {
        let body = self.body(sha256);
        let core = self.core(sha256, &body);
        hash::id(sha256, &self.digest(sha256, &core), self.signature)
    }

    /// A copy that owns its fields.
    #[must_use]
    pub fn to_owned(&self) -> Envelope {
        Envelope {
            suite: self.suite,
            sender_nonce: *self.sender_nonce,
            sender_hint: *self.sender_hint,
            expires: self.expires,
            commitment: *self.commitment,
            payload: self.payload.into(),
            recipient_nonce: *self.recipient_nonce,
            encapsulation: self.encapsulation.into(),
            hints: self.hints.into(),
            sealed_keys: self.sealed_keys.into(),
            signature: self.signature.into(),
        }
    }
}

/// Equal bytes: an envelope has one encoding.
impl PartialEq for EnvelopeRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for EnvelopeRef<'_> {}

/// Suite, hour and sizes; neither ciphertext nor hints.
impl fmt::Debug for EnvelopeRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeRef")
            .field("suite", &format_args!("{:#06x}", self.suite))
            .field("expires", &self.expires)
            .field("len", &self.bytes.len())
            .field("slots", &self.slots())
            .finish_non_exhaustive()
    }
}

/// Whether each hint is greater than the one before. Goes through all of them: hints of honest senders are in order,
/// so a branch a hint would only cost time.
fn strictly_ascending(hints: &[[u8; HINT_LEN]]) -> bool {
    let pairs = hints.iter().zip(hints.iter().skip(1));
    pairs.fold(true, |ascending, (a, b)| {
        ascending & (u128::from_be_bytes(*a) < u128::from_be_bytes(*b))
    })
}

/// Index of the first hint that is not greater than the one before; 0 if there is none.
#[cold]
fn first_unordered(hints: &[[u8; HINT_LEN]]) -> usize {
    let mut pairs = hints.iter().zip(hints.iter().skip(1));
    pairs
        .position(|(a, b)| a >= b)
        .map_or(0, |before| before + 1)
}
