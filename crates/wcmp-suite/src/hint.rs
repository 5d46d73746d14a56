//! Hints: how a receiver finds its own among everyone's (spec 6.3).
//!
//! A hint is one HMAC-SHA-256 over a message shorter than a block, under a key
//! used again and again. Both states of the key are computed once; a hint is then
//! two compressions, without allocation. Many at once are [`HintEngine`]'s.

mod engine;
mod matching;
#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "the one place: functions compiled for instructions that the processor was asked for"
)]
mod simd;

use core::fmt;

use sha2::block_api::compress256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::hpke::SharedSecret;
use crate::{HINT_LEN, Provider, Suite};

pub use engine::{HintEngine, HintInput, HintKeys, HintPath};
pub use matching::HintMatcher;

/// FIPS 180-4 section 5.3.3.
const SHA256_INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The two compression states of an HMAC key of 32 bytes (RFC 2104).
///
/// Computing with many keys takes references: no copies of secrets are made.
struct Midstates {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Drop for Midstates {
    fn drop(&mut self) {
        self.inner.zeroize();
        self.outer.zeroize();
    }
}

impl Midstates {
    fn new(key: &[u8; 32]) -> Midstates {
        let keyed = |pad: u8| {
            let mut block = [pad; 64];
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = SHA256_INITIAL;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        Midstates {
            inner: keyed(0x36),
            outer: keyed(0x5c),
        }
    }

    /// HMAC[..16] of a message that is one block with its padding.
    #[inline]
    fn hint(&self, message: &[u8; 64]) -> [u8; HINT_LEN] {
        let mut inner = self.inner;
        compress256(&mut inner, core::slice::from_ref(message));
        let mut outer = self.outer;
        compress256(&mut outer, &[hash_block(&bytes(inner))]);
        bytes(outer)
    }
}

/// The first N bytes of a hash.
#[inline]
fn bytes<const N: usize>(state: [u32; 8]) -> [u8; N] {
    let mut out = [0; N];
    let (words, _) = out.as_chunks_mut();
    for (to, word) in words.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    out
}

/// The block of label || suite || nonce, after a block of key.
#[inline]
#[expect(clippy::indexing_slicing, reason = "constant ranges, checked here")]
fn nonce_block<const L: usize>(label: &[u8; L], suite: Suite, nonce: &[u8; 16]) -> [u8; 64] {
    const { assert!(L + 18 <= 55, "message and padding fit one block") };
    let mut block = [0; 64];
    block[..L].copy_from_slice(label);
    block[L..L + 2].copy_from_slice(&suite.id_bytes());
    block[L + 2..L + 18].copy_from_slice(nonce);
    padded(block, L + 18)
}

/// The block of a hash, after a block of key.
#[inline]
fn hash_block(hash: &[u8; 32]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..32].copy_from_slice(hash);
    padded(block, 32)
}

/// SHA-256's padding for a message of `len` bytes that follows one block of key.
#[inline]
#[expect(clippy::indexing_slicing, reason = "callers have at most 55 bytes")]
fn padded(mut block: [u8; 64], len: usize) -> [u8; 64] {
    block[len] = 0x80;
    block[56..].copy_from_slice(&((64 + len as u64) * 8).to_be_bytes());
    block
}

/// The hint key of a public key (spec 1.2): recognises, in open suites, what is
/// addressed to it and what comes from it. Confidential like the key itself.
pub struct HintKey(Midstates);

impl fmt::Debug for HintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HintKey(..)")
    }
}

impl HintKey {
    pub(crate) fn new(key: &[u8; 32]) -> HintKey {
        HintKey(Midstates::new(key))
    }

    /// The receiver hint of an open suite.
    #[inline]
    #[must_use]
    pub fn receiver_hint(&self, suite: Suite, recipient_nonce: &[u8; 16]) -> [u8; HINT_LEN] {
        let block = nonce_block(b"WCMP v1 receiver hint", suite, recipient_nonce);
        self.0.hint(&block)
    }

    /// The sender hint of an open suite.
    #[inline]
    #[must_use]
    pub fn sender_hint(&self, suite: Suite, sender_nonce: &[u8; 16]) -> [u8; HINT_LEN] {
        let block = nonce_block(b"WCMP v1 sender hint", suite, sender_nonce);
        self.0.hint(&block)
    }
}

/// The hint key of one pair, one direction and one sealed suite (spec 1.6).
/// Secret.
pub struct PairHintKey(Midstates);

impl fmt::Debug for PairHintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairHintKey(..)")
    }
}

impl PairHintKey {
    pub(crate) fn new(key: &[u8; 32]) -> PairHintKey {
        PairHintKey(Midstates::new(key))
    }

    /// The pair hint for an envelope's `body` hash.
    #[inline]
    #[must_use]
    pub fn hint(&self, body: &[u8; 32]) -> [u8; HINT_LEN] {
        self.0.hint(&hash_block(body))
    }
}

/// The stranger hint of a sealed suite: only the sender and the receiver can make
/// `secret`, the slot's DHKEM shared secret.
#[must_use]
pub fn stranger_hint(
    provider: &Provider,
    suite: Suite,
    secret: &SharedSecret,
    key_id: &[u8; 32],
    body: &[u8; 32],
) -> [u8; HINT_LEN] {
    let tag = (provider.hmac)(
        &*secret.0,
        &[b"WCMP v1 stranger hint", &suite.id_bytes(), key_id, body],
    );
    let (hint, _) = tag.as_chunks();
    hint.first().copied().unwrap_or_default()
}

/// The slot whose hint is `wanted`, looked for in constant time: how long it
/// takes depends on the number of hints and on whether there was a match.
///
/// ```
/// use wcmp_suite::{KeyPair, KeyType, Provider, Suite, find_hint};
///
/// let keys = KeyPair::from_seed(&Provider::rust_crypto(), KeyType::X25519, &[7; 32])?;
/// let mine = keys.hint_key().receiver_hint(Suite::OpenAes256Gcm, &[8; 16]);
/// assert_eq!(find_hint(&[[0; 16], mine, [0xff; 16]], &mine), Some(1));
/// assert_eq!(find_hint(&[[0; 16], [0xff; 16]], &mine), None);
/// # Ok::<(), wcmp_suite::KeyError>(())
/// ```
#[inline]
#[must_use]
pub fn find_hint(hints: &[[u8; HINT_LEN]], wanted: &[u8; HINT_LEN]) -> Option<usize> {
    // All first halves, without a branch. Whose first half is equal by chance is not
    // to be had but by 2^64 tries, so what is confirmed is a match.
    let first = first_half(wanted);
    let candidate = hints
        .iter()
        .fold(false, |any, hint| any | (first_half(hint) == first));
    if candidate {
        confirm(hints, wanted)
    } else {
        None
    }
}

/// Apart, so that the usual case, which is none, needs no more than a few registers.
#[cold]
fn confirm(hints: &[[u8; HINT_LEN]], wanted: &[u8; HINT_LEN]) -> Option<usize> {
    hints.iter().position(|hint| hint.ct_eq(wanted).into())
}

#[inline]
fn first_half(hint: &[u8; HINT_LEN]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hint;
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}
