//! Many hints at once: all of a device's keys over many envelopes, which is what
//! a scan consists of.
//!
//! A hint is HMAC-SHA-256 of one block, from precomputed states: two
//! compressions. What there is to gain over doing them one after the other: the
//! message schedule of the inner block depends on the envelope alone, so all keys
//! share it; and the rounds of one compression wait for each other, so several
//! run side by side.

use alloc::vec::Vec;
use core::fmt;

#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, ShaNi};
use super::{HintKey, Midstates, PairHintKey, hash_block, nonce_block};
use crate::{HINT_LEN, Suite};

/// The keys whose hints are computed together. Holds references: no copies of
/// secrets are made.
#[derive(Default)]
pub struct HintKeys<'a>(Vec<&'a Midstates>);

impl fmt::Debug for HintKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HintKeys({})", self.len())
    }
}

impl HintKeys<'_> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> FromIterator<&'a HintKey> for HintKeys<'a> {
    fn from_iter<T: IntoIterator<Item = &'a HintKey>>(keys: T) -> Self {
        HintKeys(keys.into_iter().map(|key| &key.0).collect())
    }
}

impl<'a> FromIterator<&'a PairHintKey> for HintKeys<'a> {
    fn from_iter<T: IntoIterator<Item = &'a PairHintKey>>(keys: T) -> Self {
        HintKeys(keys.into_iter().map(|key| &key.0).collect())
    }
}

/// What an envelope's hints are made over: the one block that it fills, padding
/// included.
#[derive(Clone, Copy)]
pub struct HintInput(pub(super) [u8; 64]);

impl fmt::Debug for HintInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HintInput(..)")
    }
}

impl HintInput {
    /// For receiver hints of an open suite, which are made with [`HintKey`]s.
    #[inline]
    #[must_use]
    pub fn receiver(suite: Suite, recipient_nonce: &[u8; 16]) -> HintInput {
        let label = b"WCMP v1 receiver hint";
        HintInput(nonce_block(label, suite, recipient_nonce))
    }

    /// For pair hints of a sealed suite, which are made with [`PairHintKey`]s.
    #[inline]
    #[must_use]
    pub fn pair(body: &[u8; 32]) -> HintInput {
        HintInput(hash_block(body))
    }
}

/// A way to compute hints. All of them compute the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HintPath {
    /// One after the other, by sha2's compression function: any processor.
    Portable,
    /// Eight at once in registers of 256 bits (x86-64 with AVX2).
    Avx2,
    /// Four at once with the SHA extensions (x86-64).
    ShaNi,
}

impl HintPath {
    /// From the slowest to the fastest.
    pub const ALL: [HintPath; 3] = [HintPath::Portable, HintPath::Avx2, HintPath::ShaNi];
}

#[derive(Clone, Copy)]
enum Chosen {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    ShaNi(ShaNi),
}

/// Computes hints in one of the ways that this processor can.
///
/// Takes as long for one key or envelope as for another: time depends on how many
/// there are, and on nothing else.
///
/// ```
/// use wcmp_suite::{HintEngine, HintInput, KeyPair, KeyType, Provider, Suite};
///
/// let suite = Suite::OpenAes256Gcm;
/// let mine = [1, 2, 3].map(|seed| {
///     KeyPair::from_seed(&Provider::rust_crypto(), KeyType::X25519, &[seed; 32]).unwrap()
/// });
/// let nonces = [[4; 16], [5; 16]];
///
/// let keys = mine.iter().map(KeyPair::hint_key).collect();
/// let messages = nonces.map(|nonce| HintInput::receiver(suite, &nonce));
/// let mut hints = Vec::new();
/// HintEngine::detect().hints(&keys, &messages, &mut hints);
///
/// // All keys' hints for one envelope, then all for the next.
/// assert_eq!(hints[2], mine[2].hint_key().receiver_hint(suite, &nonces[0]));
/// assert_eq!(hints[3], mine[0].hint_key().receiver_hint(suite, &nonces[1]));
/// ```
#[derive(Clone, Copy)]
pub struct HintEngine(Chosen);

impl fmt::Debug for HintEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HintEngine({:?})", self.path())
    }
}

impl HintEngine {
    /// The fastest way that this processor can.
    #[must_use]
    pub fn detect() -> HintEngine {
        let mut paths = HintPath::ALL.into_iter().rev();
        let fastest = paths.find_map(HintEngine::with);
        fastest.unwrap_or(HintEngine(Chosen::Portable))
    }

    /// A certain way, or `None` if this processor cannot: for tests, and to measure.
    #[must_use]
    pub fn with(path: HintPath) -> Option<HintEngine> {
        let chosen = match path {
            HintPath::Portable => Some(Chosen::Portable),
            #[cfg(target_arch = "x86_64")]
            HintPath::Avx2 => Avx2::detect().map(Chosen::Avx2),
            #[cfg(target_arch = "x86_64")]
            HintPath::ShaNi => ShaNi::detect().map(Chosen::ShaNi),
            #[cfg(not(target_arch = "x86_64"))]
            HintPath::Avx2 | HintPath::ShaNi => None,
        };
        chosen.map(HintEngine)
    }

    /// The way.
    #[must_use]
    pub fn path(&self) -> HintPath {
        match self.0 {
            Chosen::Portable => HintPath::Portable,
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx2(_) => HintPath::Avx2,
            #[cfg(target_arch = "x86_64")]
            Chosen::ShaNi(_) => HintPath::ShaNi,
        }
    }

    /// The hints of every key for every message: `hints[m * keys.len() + k]` is key
    /// `k`'s for message `m`. What was in `hints` is gone.
    ///
    /// Fastest for messages in multiples of 8, or keys in multiples of 4. Allocates
    /// only if `hints` has no room.
    #[inline]
    pub fn hints(
        &self,
        keys: &HintKeys<'_>,
        messages: &[HintInput],
        hints: &mut Vec<[u8; HINT_LEN]>,
    ) {
        // Emptied first, nothing is copied if there is no room.
        hints.clear();
        hints.resize(keys.len().saturating_mul(messages.len()), [0; HINT_LEN]);
        if keys.is_empty() {
            return;
        }
        match self.0 {
            Chosen::Portable => portable(&keys.0, messages, hints),
            #[cfg(target_arch = "x86_64")]
            Chosen::Avx2(avx2) => avx2.hints(&keys.0, messages, hints),
            #[cfg(target_arch = "x86_64")]
            Chosen::ShaNi(sha_ni) => sha_ni.hints(&keys.0, messages, hints),
        }
    }
}

/// What the other ways have to equal.
fn portable(keys: &[&Midstates], messages: &[HintInput], hints: &mut [[u8; HINT_LEN]]) {
    for (row, message) in hints.chunks_exact_mut(keys.len()).zip(messages) {
        for (hint, key) in row.iter_mut().zip(keys) {
            *hint = key.hint(&message.0);
        }
    }
}
