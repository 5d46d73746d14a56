//! Four compressions side by side, with the SHA extensions.
//!
//! One `sha256rnds2` takes four cycles and the next of the same compression needs
//! its result, but the processor begins another every one or two: hence four lanes.
//! Message schedules are computed before, two at a time, into memory, so that the
//! lanes' eight registers stay registers. Everything is a named local or indexed by
//! constants: loops over arrays of registers spill. Nothing here is compiled for
//! AVX: beside its encoding these instructions took four times as long.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_cvtsi64_si128, _mm_cvtsi128_si64,
    _mm_extract_epi64, _mm_set_epi64x, _mm_setr_epi32, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
};

use super::{HINT_LEN, HintInput, Midstates, OUTER_BITS, ROUND};

/// A state in the order of the instructions, lowest word last.
#[derive(Clone, Copy)]
struct Registers {
    abef: __m128i,
    cdgh: __m128i,
}

/// The words of a message schedule, each with its round constant added: two a
/// number, as `sha256rnds2` takes them.
struct Schedule([i64; 32]);

impl Schedule {
    const EMPTY: Schedule = Schedule([0; 32]);
    const TWO: [Schedule; 2] = [Schedule::EMPTY; 2];
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn hints(keys: &[&Midstates], messages: &[HintInput], hints: &mut [[u8; HINT_LEN]]) {
    // Memory that is cleared once, not for every hint.
    let (inner, outer) = (&mut [Schedule::TWO; 2], &mut [Schedule::TWO; 2]);
    let (fours, rest) = messages.as_chunks::<4>();
    let (four_rows, rest_rows) = hints.split_at_mut(fours.len() * 4 * keys.len());

    // Each key with four messages.
    for (rows, four_messages) in four_rows.chunks_exact_mut(4 * keys.len()).zip(fours) {
        let [m0, m1, m2, m3] = four_messages;
        let [first, second] = &mut *inner;
        schedule_blocks([m0, m1], first);
        schedule_blocks([m2, m3], second);
        let inner = [&first[0], &first[1], &second[0], &second[1]];
        let (r0, rows) = rows.split_at_mut(keys.len());
        let (r1, rows) = rows.split_at_mut(keys.len());
        let (r2, r3) = rows.split_at_mut(keys.len());
        let row = r0.iter_mut().zip(r1).zip(r2.iter_mut().zip(r3));
        for (((h0, h1), (h2, h3)), key) in row.zip(keys) {
            four([key; 4], inner, outer, [h0, h1, h2, h3]);
        }
    }

    // Each message that is left with four keys.
    for (row, message) in rest_rows.chunks_exact_mut(keys.len()).zip(rest) {
        let [pair, _] = &mut *inner;
        schedule_blocks([message, message], pair);
        let inner = [&pair[0]; 4];
        for (hints, keys) in row.chunks_mut(4).zip(keys.chunks(4)) {
            // Lanes without a key of their own repeat the first one's.
            let Some(first) = keys.first() else { continue };
            let mut lanes = [*first; 4];
            for (lane, key) in lanes.iter_mut().zip(keys) {
                *lane = key;
            }
            let mut computed = [[0; HINT_LEN]; 4];
            four(lanes, inner, outer, computed.each_mut());
            for (to, hint) in hints.iter_mut().zip(computed) {
                *to = hint;
            }
        }
    }
}

/// Four hints.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn four(
    keys: [&Midstates; 4],
    inner: [&Schedule; 4],
    outer: &mut [[Schedule; 2]; 2],
    hints: [&mut [u8; HINT_LEN]; 4],
) {
    let [k0, k1, k2, k3] = keys;
    let [first, second] = compress([&k0.inner, &k1.inner, &k2.inner, &k3.inner], inner);
    let [w0, w1] = outer;
    schedule_hashes([&k0.inner, &k1.inner], &first, w0);
    schedule_hashes([&k2.inner, &k3.inner], &second, w1);
    let outer = [&w0[0], &w0[1], &w1[0], &w1[1]];
    let [first, second] = compress([&k0.outer, &k1.outer, &k2.outer, &k3.outer], outer);
    let [h0, h1, h2, h3] = hints;
    *h0 = first_16(&k0.outer, &first[0]);
    *h1 = first_16(&k1.outer, &first[1]);
    *h2 = first_16(&k2.outer, &second[0]);
    *h3 = first_16(&k3.outer, &second[1]);
}

/// The words from a to d and from e to h.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn load(state: &[u32; 8]) -> (__m128i, __m128i) {
    let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
    (_mm_setr_epi32(a, b, c, d), _mm_setr_epi32(e, f, g, h))
}

/// FIPS 180-4 section 6.2.2, step 4: the words from a to d and from e to h.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn sum(before: &[u32; 8], after: &Registers) -> (__m128i, __m128i) {
    let feba = _mm_shuffle_epi32(after.abef, 0x1b);
    let dchg = _mm_shuffle_epi32(after.cdgh, 0xb1);
    let (a_to_d, e_to_h) = load(before);
    (
        _mm_add_epi32(a_to_d, _mm_blend_epi16(feba, dchg, 0xf0)),
        _mm_add_epi32(e_to_h, _mm_alignr_epi8(dchg, feba, 8)),
    )
}

/// Turns the bytes of four words around.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn big_endian(words: __m128i) -> __m128i {
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(words, order)
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn first_16(before: &[u32; 8], after: &Registers) -> [u8; HINT_LEN] {
    let (a_to_d, _) = sum(before, after);
    let bytes = big_endian(a_to_d);
    let halves = [_mm_cvtsi128_si64(bytes), _mm_extract_epi64(bytes, 1)];
    let [low, high] = halves.map(|half| u128::from(half.cast_unsigned()));
    (low | high << 64).to_le_bytes()
}

/// The words of a message's block.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn block(message: &HintInput) -> [__m128i; 4] {
    let (quads, _) = message.0.as_chunks::<16>();
    let mut words = [_mm_set_epi64x(0, 0); 4];
    for (words, quad) in words.iter_mut().zip(quads) {
        let both = u128::from_le_bytes(*quad).cast_signed();
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (low, high) = (both as i64, (both >> 64) as i64);
        *words = big_endian(_mm_set_epi64x(high, low));
    }
    words
}

/// The words of the block of a hash: the hash, and the padding of 32 bytes after a
/// block of key.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn hash_block(before: &[u32; 8], after: &Registers) -> [__m128i; 4] {
    let (a_to_d, e_to_h) = sum(before, after);
    let one = _mm_setr_epi32(i32::MIN, 0, 0, 0);
    let bits = _mm_setr_epi32(0, 0, 0, OUTER_BITS);
    [a_to_d, e_to_h, one, bits]
}

/// The schedules of two messages' blocks. Never inlined, nor is the next: twice in
/// a row would be mixed, and spill.
#[inline(never)]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn schedule_blocks([m0, m1]: [&HintInput; 2], out: &mut [Schedule; 2]) {
    schedule([block(m0), block(m1)], out);
}

/// The schedules of the blocks of two hashes.
#[inline(never)]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn schedule_hashes([b0, b1]: [&[u32; 8]; 2], [a0, a1]: &[Registers; 2], out: &mut [Schedule; 2]) {
    schedule([hash_block(b0, a0), hash_block(b1, a1)], out);
}

/// FIPS 180-4 section 6.2.2, step 1, in two lanes.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn schedule(blocks: [[__m128i; 4]; 2], [Schedule(out0), Schedule(out1)]: &mut [Schedule; 2]) {
    let [
        [mut a0, mut b0, mut c0, mut d0],
        [mut a1, mut b1, mut c1, mut d1],
    ] = blocks;
    macro_rules! put {
        ($out:ident $quad:literal $words:expr) => {
            let words = _mm_add_epi32(
                $words,
                _mm_setr_epi32(
                    ROUND[4 * $quad].cast_signed(),
                    ROUND[4 * $quad + 1].cast_signed(),
                    ROUND[4 * $quad + 2].cast_signed(),
                    ROUND[4 * $quad + 3].cast_signed(),
                ),
            );
            $out[2 * $quad] = _mm_cvtsi128_si64(words);
            $out[2 * $quad + 1] = _mm_extract_epi64(words, 1);
        };
    }
    put!(out0 0 a0);
    put!(out1 0 a1);
    put!(out0 1 b0);
    put!(out1 1 b1);
    put!(out0 2 c0);
    put!(out1 2 c1);
    put!(out0 3 d0);
    put!(out1 3 d1);
    macro_rules! next {
        ($($quad:literal)*) => {$(
            let sum0 = _mm_add_epi32(_mm_sha256msg1_epu32(a0, b0), _mm_alignr_epi8(d0, c0, 4));
            let sum1 = _mm_add_epi32(_mm_sha256msg1_epu32(a1, b1), _mm_alignr_epi8(d1, c1, 4));
            (a0, b0, c0, d0) = (b0, c0, d0, _mm_sha256msg2_epu32(sum0, d0));
            (a1, b1, c1, d1) = (b1, c1, d1, _mm_sha256msg2_epu32(sum1, d1));
            put!(out0 $quad d0);
            put!(out1 $quad d1);
        )*};
    }
    next!(4 5 6 7 8 9 10 11 12 13 14 15);
    let _ = (a0, b0, c0, a1, b1, c1);
}

/// FIPS 180-4 section 6.2.2, steps 2 and 3, in four lanes.
#[inline(never)]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress(before: [&[u32; 8]; 4], schedules: [&Schedule; 4]) -> [[Registers; 2]; 2] {
    let [b0, b1, b2, b3] = before;
    let (mut s0, mut s1, mut s2, mut s3) = (start(b0), start(b1), start(b2), start(b3));
    let [w0, w1, w2, w3] = schedules;
    macro_rules! rounds {
        ($($quad:literal)*) => {$(
            rounds!(lanes $quad s0 w0, s1 w1, s2 w2, s3 w3);
        )*};
        (lanes $quad:literal $($state:ident $schedule:ident),*) => {
            $($state.cdgh = _mm_sha256rnds2_epu32(
                $state.cdgh,
                $state.abef,
                _mm_cvtsi64_si128($schedule.0[2 * $quad]),
            );)*
            $($state.abef = _mm_sha256rnds2_epu32(
                $state.abef,
                $state.cdgh,
                _mm_cvtsi64_si128($schedule.0[2 * $quad + 1]),
            );)*
        };
    }
    rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    [[s0, s1], [s2, s3]]
}

#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn start(before: &[u32; 8]) -> Registers {
    let (a_to_d, e_to_h) = load(before);
    let badc = _mm_shuffle_epi32(a_to_d, 0xb1);
    let hgfe = _mm_shuffle_epi32(e_to_h, 0x1b);
    Registers {
        abef: _mm_alignr_epi8(badc, hgfe, 8),
        cdgh: _mm_blend_epi16(hgfe, badc, 0xf0),
    }
}
