//! HKDF-SHA-256 (RFC 5869) over a provider's HMAC.

use zeroize::Zeroizing;

use crate::Provider;

/// Extract(salt, ikm) = HMAC(salt, ikm), the ikm given in parts.
#[must_use]
pub fn extract(provider: &Provider, salt: &[u8], ikm: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new((provider.hmac)(salt, ikm))
}

/// Expand(prk, info, N) for N up to 8160 bytes (255 blocks; a greater N does not
/// compile), the info given in parts.
#[must_use]
pub fn expand<const N: usize>(
    provider: &Provider,
    prk: &[u8],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "RFC 5869: at most 255 blocks") };
    /// Parts of info that fit beside the block before and the counter.
    const PARTS: usize = 10;
    debug_assert!(info.len() <= PARTS - 2);

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
