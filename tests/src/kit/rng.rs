//! Random numbers that are the same in every run.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use wcmp_wire::sha256;

/// SHA-256 of a seed and a counter, block after block. Whoever knows the seed knows everything.
#[derive(Clone, Debug)]
pub struct TestRng {
    seed: u64,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl TestRng {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> TestRng {
        TestRng {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                let (seed, counter) = (self.seed.to_be_bytes(), self.counter.to_be_bytes());
                self.block = sha256(&[b"test", &seed, &counter]);
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }

    /// The next N bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.fill(&mut out);
        out
    }

    /// A number below `end`, near enough to uniform.
    pub fn below(&mut self, end: usize) -> usize {
        let number = u64::from_be_bytes(self.array()) % u64::try_from(end).unwrap();
        usize::try_from(number).unwrap()
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

impl TryRng for TestRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_be_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_be_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}
