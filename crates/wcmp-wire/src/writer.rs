//! Writing an envelope in place: in one allocation, where the payload is encrypted too.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::error::{ParseError, ParseErrorKind, Result};
use crate::hash::{self, Body, Core, Digest, Sha256};
use crate::varint::{put_varint, varint_len};
use crate::{EnvelopeRef, HINT_LEN, MAX_ENVELOPE, NONCE_LEN, PREFIX_LEN};

/// Bytes before the payload's length: prefix and commitment.
const HEAD_LEN: usize = PREFIX_LEN + 32;

/// The lengths in bytes of an envelope's variable fields, which a sender knows before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// AEAD ciphertext and tag.
    pub payload: usize,
    /// The ephemeral key that all slots share, or 0.
    pub encapsulation: usize,
    /// All hints: 16 bytes a slot.
    pub hints: usize,
    /// All sealed keys.
    pub sealed_keys: usize,
    /// The signature field.
    pub signature: usize,
}

impl Lengths {
    /// Length in bytes of the envelope, be it allowed or too long.
    #[must_use]
    pub fn envelope(&self) -> usize {
        let strings = [
            self.payload,
            self.encapsulation,
            self.hints,
            self.sealed_keys,
            self.signature,
        ];
        strings
            .into_iter()
            .fold(HEAD_LEN + NONCE_LEN, |sum, length| {
                sum.saturating_add(varint_len(saturate(length)))
                    .saturating_add(length)
            })
    }
}

/// Writes an envelope front to back into one allocation of exactly its length, in the order in which a sender comes to
/// know the fields: the payload is put as plaintext and encrypted where it stands, prefix and commitment are filled in,
/// then each field follows from the hash of those before it (spec 7.3).
///
/// What does not come out as the [`Lengths`] announced, or cannot be read again, is refused by [`Writer::finish`].
/// Nothing is wiped: who drops a writer with plaintext in it wipes [`Writer::payload_mut`] first.
///
/// ```
/// use wcmp_wire::{EnvelopeRef, Lengths, Writer, encode_prefix, sha256};
///
/// let lengths = Lengths { payload: 1040, encapsulation: 32, hints: 64, sealed_keys: 192, signature: 64 };
/// let mut writer = Writer::new(lengths)?;
/// writer.put_bytes(b"a content");
/// writer.fill(1024, 0);
/// writer.payload_mut().reverse(); // encrypts, in earnest
/// writer.put(&[3; 16]);
/// writer.head(&encode_prefix(0x0101, &[1; 16], &[2; 16], 493_000), &[4; 32]);
/// writer.encapsulation(&[5; 16], &[6; 32]);
/// let body = writer.body(sha256);
/// writer.hints([[7; 16], [8; 16], [9; 16], [10; 16]]);
/// let core = writer.core(sha256, &body);
/// writer.sealed_keys().fill(11);
/// let digest = writer.digest(sha256, &core);
/// let bytes = writer.finish(&[12; 64])?;
///
/// assert_eq!((bytes.len(), bytes.capacity()), (lengths.envelope(), lengths.envelope()));
/// let envelope = EnvelopeRef::parse(&bytes)?;
/// assert_eq!((envelope.suite(), envelope.body(sha256)), (0x0101, body));
/// assert_eq!(envelope.digest(sha256, &core), digest);
/// # Ok::<(), wcmp_wire::ParseError>(())
/// ```
pub struct Writer {
    out: Vec<u8>,
    lengths: Lengths,
    payload: usize,
    nonce: usize,
    encapsulation: Range<usize>,
    hints: Range<usize>,
    sealed_keys: Range<usize>,
}

/// Lengths; not the bytes, which may be somebody's message.
impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("written", &self.out.len())
            .field("lengths", &self.lengths)
            .finish_non_exhaustive()
    }
}

impl Writer {
    /// A writer at the first byte of the payload, the bytes before it still zero.
    ///
    /// # Errors
    /// [`ParseErrorKind::Size`], before anything is allocated.
    pub fn new(lengths: Lengths) -> Result<Writer> {
        let len = lengths.envelope();
        if len > MAX_ENVELOPE {
            return Err(ParseError::new(ParseErrorKind::Size, MAX_ENVELOPE));
        }
        let mut out = Vec::with_capacity(len);
        out.resize(HEAD_LEN, 0);
        put_varint(&mut out, saturate(lengths.payload));
        Ok(Writer {
            payload: out.len(),
            out,
            lengths,
            nonce: 0,
            encapsulation: 0..0,
            hints: 0..0,
            sealed_keys: 0..0,
        })
    }

    /// Appends bytes to the payload.
    pub fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a varint to the payload.
    pub fn put_varint(&mut self, value: u32) {
        put_varint(&mut self.out, value);
    }

    /// Appends a byte string to the payload: its length, which is below 2^32, and its bytes.
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        self.put_varint(saturate(bytes.len()));
        self.put(bytes);
    }

    /// Appends bytes of this value until the payload has `len` of them.
    pub fn fill(&mut self, len: usize, value: u8) {
        let end = self.payload.saturating_add(len).max(self.out.len());
        self.out.resize(end, value);
    }

    /// The payload as far as it is there, before [`Writer::encapsulation`] ends it.
    #[must_use]
    pub fn payload_mut(&mut self) -> &mut [u8] {
        self.out.get_mut(self.payload..).unwrap_or_default()
    }

    /// Fills in what stands before the payload.
    pub fn head(&mut self, prefix: &[u8; PREFIX_LEN], commitment: &[u8; 32]) {
        let head = prefix.iter().chain(commitment);
        for (to, from) in self.out.iter_mut().zip(head) {
            *to = *from;
        }
    }

    /// Ends the payload and appends the two fields after it.
    pub fn encapsulation(&mut self, recipient_nonce: &[u8; NONCE_LEN], encapsulation: &[u8]) {
        self.nonce = self.out.len();
        self.out.extend_from_slice(recipient_nonce);
        self.encapsulation = self.string(encapsulation);
    }

    /// Hash of everything before the hints (spec 4.3): payload, head and encapsulation have to be there.
    #[must_use]
    pub fn body(&self, sha256: Sha256) -> Body {
        let (prefix, commitment) = self.head_parts();
        let nonce = self.out.get(self.nonce..).unwrap_or_default();
        hash::body(
            sha256,
            &prefix,
            &commitment,
            self.range(self.payload..self.nonce),
            nonce.first_chunk().unwrap_or(&[0; NONCE_LEN]),
            self.range(self.encapsulation.clone()),
        )
    }

    /// Appends the hints, in ascending order.
    pub fn hints(&mut self, hints: impl IntoIterator<Item = [u8; HINT_LEN]>) {
        put_varint(&mut self.out, saturate(self.lengths.hints));
        let start = self.out.len();
        for hint in hints {
            self.out.extend_from_slice(&hint);
        }
        self.hints = start..self.out.len();
    }

    /// Hash of everything before the sealed keys, given that of [`Writer::body`].
    #[must_use]
    pub fn core(&self, sha256: Sha256, body: &Body) -> Core {
        let (hints, _) = self.range(self.hints.clone()).as_chunks();
        hash::core(sha256, body, hints)
    }

    /// Appends the sealed keys as zeros, to be filled in, in the order of the hints.
    #[must_use]
    pub fn sealed_keys(&mut self) -> &mut [u8] {
        put_varint(&mut self.out, saturate(self.lengths.sealed_keys));
        let start = self.out.len();
        self.sealed_keys = start..start.saturating_add(self.lengths.sealed_keys);
        self.out.resize(self.sealed_keys.end, 0);
        self.out.get_mut(start..).unwrap_or_default()
    }

    /// Hash of everything before the signature, given that of [`Writer::core`].
    #[must_use]
    pub fn digest(&self, sha256: Sha256, core: &Core) -> Digest {
        hash::digest(sha256, core, self.range(self.sealed_keys.clone()))
    }

    /// Appends the signature and gives the envelope.
    ///
    /// # Errors
    /// Those of [`EnvelopeRef::parse`]: what is written can be read. [`ParseErrorKind::PayloadLength`] if a field has
    /// not the length that was announced.
    pub fn finish(mut self, signature: &[u8]) -> Result<Vec<u8>> {
        self.string(signature);
        // One set of rules: the reader's.
        let envelope = EnvelopeRef::parse(&self.out)?;
        let written = Lengths {
            payload: envelope.payload().len(),
            encapsulation: envelope.encapsulation().len(),
            hints: envelope.hints().as_flattened().len(),
            sealed_keys: envelope.sealed_keys().len(),
            signature: envelope.signature().len(),
        };
        let payload = self.nonce.checked_sub(self.payload);
        if written != self.lengths || payload != Some(self.lengths.payload) {
            return Err(ParseError::new(ParseErrorKind::PayloadLength, HEAD_LEN));
        }
        Ok(self.out)
    }

    /// Appends a byte string; where its bytes stand.
    fn string(&mut self, bytes: &[u8]) -> Range<usize> {
        put_varint(&mut self.out, saturate(bytes.len()));
        let start = self.out.len();
        self.out.extend_from_slice(bytes);
        start..self.out.len()
    }

    fn range(&self, range: Range<usize>) -> &[u8] {
        self.out.get(range).unwrap_or_default()
    }

    fn head_parts(&self) -> ([u8; PREFIX_LEN], [u8; 32]) {
        let (mut prefix, mut commitment) = ([0; PREFIX_LEN], [0; 32]);
        let parts = prefix.iter_mut().chain(&mut commitment);
        for (to, from) in parts.zip(&self.out) {
            *to = *from;
        }
        (prefix, commitment)
    }
}

pub(crate) fn saturate(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
