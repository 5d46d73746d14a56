//! What somebody measures who wants to tell two populations of bytes apart.

use curve25519_dalek::montgomery::MontgomeryPoint;

/// Chi-square of two byte histograms of equal totals. For samples of one distribution it is about 255, with a standard
/// deviation of about 23.
pub(crate) fn byte_difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let count = |bytes: &[u8]| {
        let mut counts = [0.0f64; 256];
        bytes
            .iter()
            .for_each(|byte| counts[usize::from(*byte)] += 1.0);
        counts
    };
    let pairs = count(a).into_iter().zip(count(b));
    let terms = pairs.filter(|(a, b)| a + b > 0.0);
    terms.map(|(a, b)| (a - b).powi(2) / (a + b)).sum()
}

/// Six standard deviations above what [`byte_difference`] gives for one distribution.
pub(crate) const SAME_BYTES: f64 = 255.0 + 6.0 * 22.6;

/// The greatest difference at any bit of strings of one length, in standard deviations: of all bits of 1000 bytes in
/// one distribution it stays below 5.
pub(crate) fn bit_difference(a: &[Vec<u8>], b: &[Vec<u8>]) -> f64 {
    assert_eq!(a.len(), b.len());
    let n = a.len() as f64;
    let bits = a[0].len() * 8;
    let ones = |strings: &[Vec<u8>], bit: usize| {
        let set = |string: &&Vec<u8>| string[bit / 8] >> (bit % 8) & 1 == 1;
        strings.iter().filter(set).count() as f64 / n
    };
    let deviations = (0..bits).map(|bit| {
        let (a, b) = (ones(a, bit), ones(b, bit));
        let p = f64::midpoint(a, b);
        let variance = p * (1.0 - p) * 2.0 / n;
        if variance == 0.0 {
            0.0
        } else {
            (a - b).abs() / variance.sqrt()
        }
    });
    deviations.fold(0.0, f64::max)
}

/// The limit for [`bit_difference`].
pub(crate) const SAME_BITS: f64 = 5.5;

/// Chi-square of these counts against the uniform distribution.
pub(crate) fn unevenness(counts: &[usize]) -> f64 {
    let total: usize = counts.iter().sum();
    let expected = total as f64 / counts.len() as f64;
    counts
        .iter()
        .map(|count| (*count as f64 - expected).powi(2) / expected)
        .sum()
}

/// What an X25519 public key is: below the prime, on the curve and not its twist, of prime order. Random bytes are all
/// of that one time in thirty-two.
pub(crate) fn honest_x25519(u: &[u8]) -> bool {
    let point = MontgomeryPoint(u.try_into().unwrap());
    let on_curve =
        |point: &MontgomeryPoint| point.to_edwards(0).is_some_and(|p| p.is_torsion_free());
    u[31] < 0x80 && on_curve(&point)
}

/// The share of coefficients of an ML-KEM-768 ciphertext whose ten bits stand for four residues modulo 3329 instead of
/// three. In a real one that is 1028 of 3329, in random bytes 257 of 1024.
pub(crate) fn heavy_coefficients(ciphertexts: &[Vec<u8>]) -> f64 {
    let mut residues = [0u8; 1024];
    for x in 0..3329usize {
        residues[((x << 10) + 1664) / 3329 % 1024] += 1;
    }
    let (mut heavy, mut all) = (0u32, 0u32);
    for ciphertext in ciphertexts {
        // Five bytes hold four coefficients, the lowest bits first.
        for five in ciphertext[..960].chunks(5) {
            let bits = five
                .iter()
                .rev()
                .fold(0usize, |bits, byte| bits << 8 | usize::from(*byte));
            for i in 0..4 {
                heavy += u32::from(residues[bits >> (10 * i) & 1023] == 4);
                all += 1;
            }
        }
    }
    f64::from(heavy) / f64::from(all)
}

/// The share in real ciphertexts.
pub(crate) const HEAVY: f64 = 1028.0 / 3329.0;
/// The share in random bytes.
pub(crate) const HEAVY_AT_RANDOM: f64 = 257.0 / 1024.0;
