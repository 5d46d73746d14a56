//! Hints: how a receiver finds its own among everyone's (spec 6.3).
//!
//! A hint is one HMAC-SHA-256 over a message shorter than a block, under a key
//! used again and again. Both states of the key are computed once; a hint is then
//! two compressions, without allocation.

use core::fmt;

use sha2::block_api::compress256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::hpke::SharedSecret;
use crate::{HINT_LEN, Provider, Suite};

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

    /// HMAC[..16] of `message`, which has to leave room for the padding: at most
    /// 55 bytes, else it does not compile.
    #[inline]
    fn hint<const N: usize>(&self, message: &[u8; N]) -> [u8; HINT_LEN] {
        const { assert!(N <= 55, "message and padding fit one block") };
        let mut state = self.inner;
        compress256(&mut state, &[padded(message)]);
        let mut inner = [0u8; 32];
        for (to, word) in inner.chunks_exact_mut(4).zip(state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        let mut state = self.outer;
        compress256(&mut state, &[padded(&inner)]);
        let mut hint = [0u8; HINT_LEN];
        for (to, word) in hint.chunks_exact_mut(4).zip(state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        hint
    }
}

/// The last block of a message of N bytes that follows one block of key.
#[inline]
fn padded<const N: usize>(message: &[u8; N]) -> [u8; 64] {
    let mut block = [0u8; 64];
    let bits = ((64 + N as u64) * 8).to_be_bytes();
    let tail = core::iter::once(0x80);
    for (to, from) in block.iter_mut().zip(message.iter().copied().chain(tail)) {
        *to = from;
    }
    for (to, from) in block.iter_mut().skip(56).zip(bits) {
        *to = from;
    }
    block
}

#[inline]
fn join<const N: usize>(parts: [&[u8]; 3]) -> [u8; N] {
    let mut out = [0u8; N];
    for (to, from) in out.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    out
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
        let suite = suite.id_bytes();
        self.0
            .hint::<39>(&join([b"WCMP v1 receiver hint", &suite, recipient_nonce]))
    }

    /// The sender hint of an open suite.
    #[inline]
    #[must_use]
    pub fn sender_hint(&self, suite: Suite, sender_nonce: &[u8; 16]) -> [u8; HINT_LEN] {
        let suite = suite.id_bytes();
        self.0
            .hint::<37>(&join([b"WCMP v1 sender hint", &suite, sender_nonce]))
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
        self.0.hint(body)
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
    join([&tag, &[], &[]])
}

/// The slot whose hint is `wanted`, looked for in constant time: how long it
/// takes depends on the number of hints and on whether there was a match.
#[inline]
#[must_use]
pub fn find_hint(hints: &[[u8; HINT_LEN]], wanted: &[u8; HINT_LEN]) -> Option<usize> {
    // A difference of zero anywhere makes the least difference zero: a minimum
    // takes no branch, and the loop vectorises.
    let wanted_bits = u128::from_ne_bytes(*wanted);
    let least = hints.iter().fold(u64::MAX, |least, hint| {
        let difference = u128::from_ne_bytes(*hint) ^ wanted_bits;
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let folded = (difference >> 64) as u64 | difference as u64;
        least.min(folded)
    });
    if least != 0 {
        return None;
    }
    hints.iter().position(|hint| hint.ct_eq(wanted).into())
}
