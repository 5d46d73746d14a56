//! The same random numbers again and again, for the crates of two generations.

use core::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use wcmp_auth::service::NoRandom;

/// Repeatable (splitmix64). Whoever makes it anew draws the same again.
pub(crate) struct Replay(pub(crate) u64);

impl Replay {
    fn next(&mut self) -> u64 {
        let word = mix(self.0);
        self.0 += 1;
        word
    }

    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

fn mix(counter: u64) -> u64 {
    let mut word = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl rand_core::TryRng for Replay {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Replay {}

impl rand_08::RngCore for Replay {
    fn next_u32(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.next()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_08::Error> {
        self.fill(out);
        Ok(())
    }
}

impl rand_08::CryptoRng for Replay {}

/// The same for a service, which shares it.
pub(crate) struct Shared(pub(crate) AtomicU64);

impl wcmp_auth::service::Rng for Shared {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom> {
        let words = out.len().div_ceil(8) as u64;
        Replay(self.0.fetch_add(words, Ordering::Relaxed)).fill(out);
        Ok(())
    }
}
