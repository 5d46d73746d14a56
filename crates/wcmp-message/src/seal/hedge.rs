//! Hedged randomness (spec 7.2): everything random in an envelope is derived from
//! 32 bytes of entropy and from what is sealed, so that a weak RNG does not give
//! two messages the same keys.

use alloc::vec::Vec;

use wcmp_suite::{KeyPair, Provider, kdf};
use zeroize::Zeroizing;

use super::Sealer;

pub(super) struct Hedge(Zeroizing<[u8; 32]>);

impl Hedge {
    /// `encoded` is the content without a reply key, in parts.
    pub(super) fn new(
        provider: &Provider,
        sealer: &Sealer<'_>,
        entropy: &[u8; 32],
        encoded: [&[u8]; 3],
    ) -> Hedge {
        let seed = sealer.sender.map(KeyPair::dangerous_seed);
        let seed = seed.map(<[u8; 32]>::as_slice).unwrap_or_default();
        let reply = sealer.reply.map(|(keys, _)| keys.public().as_bytes());
        let reply = reply.unwrap_or_default();
        let length = |parts: &[&[u8]]| {
            let len = parts.iter().map(|part| part.len()).sum::<usize>();
            u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
        };
        let (seed_len, encoded_len) = (length(&[seed]), length(&encoded));
        let (reply_len, suite) = (length(&[reply]), sealer.suite.id_bytes());
        let expires = sealer.expires.to_be_bytes();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(11 + sealer.to.len());
        parts.extend([
            b"WCMP v1 hedge".as_slice(),
            &seed_len,
            seed,
            &suite,
            &expires,
        ]);
        let [head, no_reply, tail] = encoded;
        parts.extend([encoded_len.as_slice(), head, no_reply, tail]);
        parts.extend([reply_len.as_slice(), reply]);
        parts.extend(sealer.to.iter().map(|to| to.public.key_id().as_slice()));
        Hedge(kdf::extract(provider, entropy, &parts))
    }

    /// rnd(label, N).
    pub(super) fn draw<const N: usize>(
        &self,
        provider: &Provider,
        label: &[u8],
    ) -> Zeroizing<[u8; N]> {
        kdf::expand(provider, &*self.0, &[label])
    }

    /// rnd(label || u16(row), N).
    pub(super) fn draw_for<const N: usize>(
        &self,
        provider: &Provider,
        label: &[u8],
        row: u16,
    ) -> Zeroizing<[u8; N]> {
        kdf::expand(provider, &*self.0, &[label, &row.to_be_bytes()])
    }
}
