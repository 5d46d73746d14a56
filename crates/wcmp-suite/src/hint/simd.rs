//! Hints by instructions that not every processor has.
//!
//! The functions inside are safe code, compiled for these instructions; what is
//! unsafe is to call them on a processor that lacks these. So each way is a value
//! that exists only where the processor was asked and has them.

mod avx2;
mod sha_ni;

use super::engine::HintInput;
use super::{HINT_LEN, Midstates};

cpufeatures::new!(has_sha_ni, "sha", "sse2", "ssse3", "sse4.1");
cpufeatures::new!(has_avx2, "avx2");

/// Exists only where the processor has the SHA extensions and SSE4.1.
#[derive(Clone, Copy)]
pub(super) struct ShaNi(());

impl ShaNi {
    pub(super) fn detect() -> Option<ShaNi> {
        has_sha_ni::get().then_some(ShaNi(()))
    }

    pub(super) fn hints(
        self,
        keys: &[&Midstates],
        messages: &[HintInput],
        hints: &mut [[u8; HINT_LEN]],
    ) {
        // SAFETY: `self` shows that the processor has every feature that the
        // function is compiled for: sha, sse2, ssse3, sse4.1.
        unsafe { sha_ni::hints(keys, messages, hints) }
    }
}

/// Exists only where the processor has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Avx2> {
        has_avx2::get().then_some(Avx2(()))
    }

    pub(super) fn hints(
        self,
        keys: &[&Midstates],
        messages: &[HintInput],
        hints: &mut [[u8; HINT_LEN]],
    ) {
        // SAFETY: `self` shows that the processor has the one feature that the
        // function is compiled for: avx2.
        unsafe { avx2::hints(keys, messages, hints) }
    }
}

/// The constants of FIPS 180-4 section 4.2.2.
#[rustfmt::skip]
const ROUND: [u32; 64] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
];

/// The bits in a hash's block of HMAC: the block of the key and the hash.
const OUTER_BITS: i32 = (64 + 32) * 8;
