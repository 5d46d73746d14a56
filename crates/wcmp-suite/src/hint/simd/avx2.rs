//! Eight compressions side by side, one in each lane of AVX2's registers: for
//! processors without the SHA extensions.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_extract_epi32, _mm256_or_si256,
    _mm256_set1_epi32, _mm256_setr_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};

use super::{HINT_LEN, HintInput, Midstates, OUTER_BITS, ROUND};

/// Of eight messages: most that are computed together.
const LANES: usize = 8;

/// The words of eight message schedules, each with its round constant added.
type Schedule = [__m256i; 64];

#[target_feature(enable = "avx2")]
pub(super) fn hints(keys: &[&Midstates], messages: &[HintInput], hints: &mut [[u8; HINT_LEN]]) {
    let rows = hints.chunks_mut(LANES * keys.len());
    for (rows, messages) in rows.zip(messages.chunks(LANES)) {
        let inner = schedule(blocks(messages));
        for (place, key) in keys.iter().enumerate() {
            let hash = compress(key.inner, &inner);
            let hash = compress(key.outer, &schedule(hash_block(hash)));
            // Lanes without a message have no row.
            let column = rows.iter_mut().skip(place).step_by(keys.len());
            for (to, hint) in column.zip(first_16(hash)) {
                *to = hint;
            }
        }
    }
}

/// The words of up to eight messages' blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn blocks(messages: &[HintInput]) -> [__m256i; 16] {
    let mut columns = [[0; LANES]; 16];
    for (lane, message) in messages.iter().enumerate() {
        let (words, _) = message.0.as_chunks();
        for (column, word) in columns.iter_mut().zip(words) {
            if let Some(to) = column.get_mut(lane) {
                *to = i32::from_be_bytes(*word);
            }
        }
    }
    let mut words = [_mm256_set1_epi32(0); 16];
    for (word, [a, b, c, d, e, f, g, h]) in words.iter_mut().zip(columns) {
        *word = _mm256_setr_epi32(a, b, c, d, e, f, g, h);
    }
    words
}

/// The words of the block of a hash: the hash, and the padding of 32 bytes after a
/// block of key.
#[inline]
#[target_feature(enable = "avx2")]
fn hash_block([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [__m256i; 16] {
    let zero = _mm256_set1_epi32(0);
    let one = _mm256_set1_epi32(i32::MIN);
    let bits = _mm256_set1_epi32(OUTER_BITS);
    [
        a, b, c, d, e, f, g, h, one, zero, zero, zero, zero, zero, zero, bits,
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn first_16([a, b, c, d, ..]: [__m256i; 8]) -> [[u8; HINT_LEN]; LANES] {
    macro_rules! lanes {
        ($($lane:literal)*) => {[$({
            let words = [
                _mm256_extract_epi32(a, $lane),
                _mm256_extract_epi32(b, $lane),
                _mm256_extract_epi32(c, $lane),
                _mm256_extract_epi32(d, $lane),
            ];
            let word = |word: i32| u128::from(word.cast_unsigned());
            let [a, b, c, d] = words.map(word);
            (a << 96 | b << 64 | c << 32 | d).to_be_bytes()
        }),*]};
    }
    lanes!(0 1 2 3 4 5 6 7)
}

macro_rules! rotate {
    ($word:expr, $bits:literal) => {
        _mm256_or_si256(
            _mm256_srli_epi32($word, $bits),
            _mm256_slli_epi32($word, 32 - $bits),
        )
    };
}

macro_rules! xor {
    ($a:expr, $b:expr, $c:expr) => {
        _mm256_xor_si256(_mm256_xor_si256($a, $b), $c)
    };
}

/// FIPS 180-4 section 6.2.2, step 1.
#[inline]
#[target_feature(enable = "avx2")]
fn schedule(block: [__m256i; 16]) -> Schedule {
    let mut out = [_mm256_set1_epi32(0); 64];
    let mut last = block;
    for (words, constants) in out.chunks_exact_mut(16).zip(ROUND.chunks_exact(16)) {
        for ((to, word), constant) in words.iter_mut().zip(last).zip(constants) {
            *to = _mm256_add_epi32(word, _mm256_set1_epi32(constant.cast_signed()));
        }
        macro_rules! next {
            ($($t:literal)*) => {$({
                let (w2, w7) = (last[($t + 14) % 16], last[($t + 9) % 16]);
                let (w15, w16) = (last[($t + 1) % 16], last[$t]);
                let small_0 = xor!(rotate!(w15, 7), rotate!(w15, 18), _mm256_srli_epi32(w15, 3));
                let small_1 = xor!(rotate!(w2, 17), rotate!(w2, 19), _mm256_srli_epi32(w2, 10));
                let sum = _mm256_add_epi32(_mm256_add_epi32(small_1, w7), small_0);
                last[$t] = _mm256_add_epi32(sum, w16);
            })*};
        }
        next!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    }
    out
}

/// FIPS 180-4 section 6.2.2, steps 2 to 4, of one state with eight schedules.
#[inline]
#[target_feature(enable = "avx2")]
fn compress(before: [u32; 8], schedule: &Schedule) -> [__m256i; 8] {
    let words = before.map(u32::cast_signed);
    let mut state = [_mm256_set1_epi32(0); 8];
    for (lanes, word) in state.iter_mut().zip(words) {
        *lanes = _mm256_set1_epi32(word);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    macro_rules! round {
        ($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident $word:expr) => {
            let big_1 = xor!(rotate!($e, 6), rotate!($e, 11), rotate!($e, 25));
            let choice = _mm256_xor_si256($g, _mm256_and_si256($e, _mm256_xor_si256($f, $g)));
            let t1 = _mm256_add_epi32(_mm256_add_epi32($h, $word), _mm256_add_epi32(big_1, choice));
            let big_0 = xor!(rotate!($a, 2), rotate!($a, 13), rotate!($a, 22));
            let majority = _mm256_xor_si256(
                $b,
                _mm256_and_si256(_mm256_xor_si256($a, $b), _mm256_xor_si256($b, $c)),
            );
            $d = _mm256_add_epi32($d, t1);
            $h = _mm256_add_epi32(t1, _mm256_add_epi32(big_0, majority));
        };
    }
    let (eights, _) = schedule.as_chunks::<8>();
    for [w0, w1, w2, w3, w4, w5, w6, w7] in eights {
        round!(a b c d e f g h *w0);
        round!(h a b c d e f g *w1);
        round!(g h a b c d e f *w2);
        round!(f g h a b c d e *w3);
        round!(e f g h a b c d *w4);
        round!(d e f g h a b c *w5);
        round!(c d e f g h a b *w6);
        round!(b c d e f g h a *w7);
    }
    let mut after = [a, b, c, d, e, f, g, h];
    for (word, before) in after.iter_mut().zip(state) {
        *word = _mm256_add_epi32(*word, before);
    }
    after
}
