//! What is derived from an envelope's content key (spec 6.1).

use subtle::ConstantTimeEq;
use wcmp_suite::{Provider, kdf};
use wcmp_wire::PREFIX_LEN;
use zeroize::Zeroizing;

/// The keys of one envelope: of one content key and one prefix.
pub(crate) struct Schedule {
    pub(crate) payload_key: Zeroizing<[u8; 32]>,
    pub(crate) commitment: [u8; 32],
    /// Hides the signature of sealed suites.
    mask: Zeroizing<[u8; 64]>,
}

impl Schedule {
    pub(crate) fn new(
        provider: &Provider,
        content_key: &[u8; 32],
        prefix: &[u8; PREFIX_LEN],
    ) -> Schedule {
        let prk = kdf::extract(provider, b"WCMP v1 content key", &[content_key]);
        let hp = (provider.sha256)(&[prefix]);
        Schedule {
            payload_key: kdf::expand(provider, &*prk, &[b"payload", &hp]),
            commitment: *kdf::expand(provider, &*prk, &[b"commitment", &hp]),
            mask: kdf::expand(provider, &*prk, &[b"signature", &hp]),
        }
    }

    /// Whether this is the content key that the envelope commits to.
    pub(crate) fn committed(&self, commitment: &[u8; 32]) -> bool {
        self.commitment.ct_eq(commitment).into()
    }

    /// signature XOR mask: hides it, and shows it again.
    pub(crate) fn masked(&self, signature: &[u8; 64]) -> [u8; 64] {
        let mut out = *signature;
        for (byte, mask) in out.iter_mut().zip(&*self.mask) {
            *byte ^= mask;
        }
        out
    }
}

/// The additional data of the payload: prefix || commitment.
pub(crate) fn payload_aad(prefix: &[u8; PREFIX_LEN], commitment: &[u8; 32]) -> [u8; 71] {
    let mut aad = [0u8; PREFIX_LEN + 32];
    for (to, from) in aad.iter_mut().zip(prefix.iter().chain(commitment)) {
        *to = *from;
    }
    aad
}

/// What the envelope's signature signs (spec 6.4).
pub(crate) fn signed_message(digest: &wcmp_wire::Digest) -> [u8; 58] {
    let mut message = [0u8; 58];
    let parts = b"WCMP v1 envelope signature".iter().chain(&digest.0);
    for (to, from) in message.iter_mut().zip(parts) {
        *to = *from;
    }
    message
}

/// What a reply key signs for itself (spec 5.3); `sender` is key_id(sender PK), or
/// zeros.
pub(crate) fn reply_message(
    sender: &[u8; 32],
    prefix: &[u8; PREFIX_LEN],
    reply: &[u8; 32],
) -> [u8; 120] {
    let mut message = [0u8; 120];
    let parts = b"WCMP v1 reply key"
        .iter()
        .chain(sender)
        .chain(prefix)
        .chain(reply);
    for (to, from) in message.iter_mut().zip(parts) {
        *to = *from;
    }
    message
}
