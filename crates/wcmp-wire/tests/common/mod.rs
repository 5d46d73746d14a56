//! An envelope whose every byte is known, and the encoding without rules.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use wcmp_wire::Envelope;
use wcmp_wire::varint::put_varint;

/// Suite 0x0101, `slots` slots of 48 bytes with the hints 1, 2, 3 .. as big-endian numbers, a payload of 64 bytes.
pub(crate) fn sample(slots: u16) -> Envelope {
    Envelope {
        suite: 0x0101,
        sender_nonce: [0x11; 16],
        sender_hint: [0x22; 16],
        expires: 0x0007_8628,
        commitment: [0x33; 32],
        payload: (0..64).collect(),
        recipient_nonce: [0x44; 16],
        encapsulation: (100..132).collect(),
        hints: (1..=slots)
            .map(|hint| u128::from(hint).to_be_bytes())
            .collect(),
        sealed_keys: (0..=u8::MAX)
            .cycle()
            .take(48 * usize::from(slots))
            .collect(),
        signature: (200..=u8::MAX).cycle().take(64).collect(),
    }
}

/// The encoding of spec 4, whatever the fields.
pub(crate) fn written_out(envelope: &Envelope) -> Vec<u8> {
    let mut out = vec![1];
    out.extend(envelope.suite.to_be_bytes());
    out.extend(envelope.sender_nonce);
    out.extend(envelope.sender_hint);
    out.extend(envelope.expires.to_be_bytes());
    out.extend(envelope.commitment);
    let mut put = |string: &[u8], behind: &[u8]| {
        put_varint(&mut out, u32::try_from(string.len()).unwrap());
        out.extend(string);
        out.extend(behind);
    };
    put(&envelope.payload, &envelope.recipient_nonce);
    put(&envelope.encapsulation, &[]);
    put(envelope.hints.as_flattened(), &[]);
    put(&envelope.sealed_keys, &[]);
    put(&envelope.signature, &[]);
    out
}
