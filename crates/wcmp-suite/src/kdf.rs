//! HKDF-SHA-256 (RFC 5869) over a provider's HMAC.

use zeroize::Zeroizing;

use crate::Provider;

/// Extract(salt, ikm) = HMAC(salt, ikm), the ikm given in parts.
#[must_use]
pub fn extract(provider: &Provider, salt: &[u8], ikm: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new((provider.hmac)(salt, ikm))
}

/// Expand(prk, info, N) for N up to 8160 bytes (255 blocks), the info given in up
/// to 8 parts. More of either does not compile.
///
/// ```
/// use wcmp_suite::{Provider, kdf};
///
/// let provider = Provider::rust_crypto();
/// let prk = kdf::extract(&provider, b"salt", &[b"input ", b"key"]);
/// let whole = kdf::expand::<42, 1>(&provider, &*prk, &[b"label"]);
/// let parts = kdf::expand::<42, 2>(&provider, &*prk, &[b"la", b"bel"]);
/// assert_eq!(whole, parts);
/// ```
#[must_use]
pub fn expand<const N: usize, const INFO: usize>(
    provider: &Provider,
    prk: &[u8],
    info: &[&[u8]; INFO],
) -> Zeroizing<[u8; N]> {
    /// What one HMAC takes: the block before, info, the counter.
    const PARTS: usize = 10;
    const {
        assert!(N <= 255 * 32, "RFC 5869: at most 255 blocks");
        assert!(INFO <= PARTS - 2, "a part left out would change the key");
    }

    let mut out = Zeroizing::new([0u8; N]);
    let mut block = Zeroizing::new([0u8; 32]);
    for (counter, chunk) in (1u8..=255).zip(out.chunks_mut(32)) {
        let counter_byte = [counter];
        let mut parts: [&[u8]; PARTS] = [&[]; PARTS];
        let before: &[u8] = if counter == 1 { &[] } else { &*block };
        let input = core::iter::once(before)
            .chain(info.iter().copied())
            .chain(core::iter::once(&counter_byte[..]));
        for (slot, part) in parts.iter_mut().zip(input) {
            *slot = part;
        }
        let next = (provider.hmac)(prk, &parts);
        *block = next;
        for (to, from) in chunk.iter_mut().zip(next) {
            *to = from;
        }
    }
    out
}
