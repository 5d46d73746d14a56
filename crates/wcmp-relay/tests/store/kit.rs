//! What tests of stores share: numbers, and envelopes of any sort.

use wcmp_relay::bundle::Stamp;
use wcmp_relay::store::Incoming;
use wcmp_wire::{Envelope, EnvelopeRef};

/// A small reproducible source of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is above 0.
    pub(crate) const fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True once in `n` times.
    pub(crate) const fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// 32 bytes, for instance as entropy.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        wcmp_wire::sha256(&[&self.next().to_be_bytes()])
    }
}

/// A well-formed envelope without any meaning, of `payload` bytes and about 150 more; another one for each `number`.
pub(crate) fn envelope(number: u64, expires: u32, payload: usize) -> Vec<u8> {
    let seed = wcmp_wire::sha256(&[b"envelope", &number.to_be_bytes()]);
    let [nonce, hint] = [0, 16].map(|at| seed[at..at + 16].try_into().unwrap());
    let mut noise = Numbers(number);
    let envelope = Envelope {
        suite: 0x0101,
        sender_nonce: nonce,
        sender_hint: hint,
        expires,
        commitment: seed,
        payload: (0..payload.max(16))
            .map(|_| noise.next().to_be_bytes()[0])
            .collect(),
        recipient_nonce: hint,
        encapsulation: vec![7; number as usize % 3],
        hints: (0..1 + number % 3).map(|slot| [slot as u8; 16]).collect(),
        sealed_keys: vec![9; 1 + number as usize % 3],
        signature: vec![1],
    };
    envelope.encode().unwrap()
}

/// What goes into a store, with a stamp of this nonce.
pub(crate) fn incoming<'a>(envelope: &'a [u8], nonce: Option<&'a [u8; 8]>) -> Incoming<'a> {
    let stamp = nonce.map_or(Stamp::NONE, Stamp::work);
    Incoming::new(EnvelopeRef::parse(envelope).unwrap(), stamp)
}
