//! Envelopes for tests that look at their outside alone.

use wcmp_wire::{Envelope, sha256};

/// Hours since 1970.
pub(crate) const NOW: u32 = 494_000;

pub(crate) fn envelope(n: u32, expires: u32, payload: usize) -> Vec<u8> {
    let hash = sha256(&[&n.to_be_bytes()]);
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: *hash.first_chunk().unwrap(),
        sender_hint: [2; 16],
        expires,
        commitment: hash,
        payload: vec![4; payload],
        recipient_nonce: [5; 16],
        encapsulation: vec![6; 32],
        hints: (0..4).map(|i| [i; 16]).collect(),
        sealed_keys: vec![11; 4 * 48],
        signature: vec![12; 64],
    };
    envelope.encode().unwrap()
}
