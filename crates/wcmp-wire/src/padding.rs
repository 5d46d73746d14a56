//! Padding: sizes come in steps (spec 5.2). Payloads and sealed bundles have the same.

/// The length that `n` bytes are padded to: 1024, then powers of two up to 65 536,
/// then Padmé, which wastes at most 12 % and leaks O(log log n) bits.
///
/// ```
/// use wcmp_wire::padded_len;
/// assert_eq!(padded_len(0), 1024);
/// assert_eq!(padded_len(1025), 2048);
/// assert_eq!(padded_len(65_537), 67_584);
/// assert_eq!(padded_len(1_000_000), 1_015_808);
/// ```
#[must_use]
pub fn padded_len(n: usize) -> usize {
    if n <= 1024 {
        return 1024;
    }
    if n <= 65_536 {
        return n.next_power_of_two();
    }
    let exponent = n.ilog2();
    let zeros = exponent - (exponent.ilog2() + 1);
    let mask = (1usize << zeros) - 1;
    // Saturates only for lengths that no memory holds.
    n.saturating_add(mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition with whole numbers only, without shifts.
    fn by_definition(n: u64) -> u64 {
        if n <= 1024 {
            return 1024;
        }
        let power = |e: u32| 2u64.pow(e);
        if n <= 65_536 {
            return (0..).map(power).find(|p| *p >= n).unwrap();
        }
        let e = (0..).take_while(|e| power(*e) <= n).last().unwrap();
        let log_e = (0..)
            .take_while(|l| power(*l) <= u64::from(e))
            .last()
            .unwrap();
        let step = power(e - (log_e + 1));
        n.div_ceil(step) * step
    }

    #[test]
    fn table_of_the_specification() {
        let table = [0, 1024, 1025, 65_536, 65_537, 1_000_000];
        let padded = [1024, 1024, 2048, 65_536, 67_584, 1_015_808];
        assert_eq!(table.map(padded_len), padded);
    }

    #[test]
    fn agrees_with_the_definition_and_wastes_little() {
        for n in (0..200_000).chain((200_000..20_000_000).step_by(997)) {
            let padded = padded_len(n);
            assert_eq!(padded as u64, by_definition(n as u64), "{n}");
            assert_eq!(padded_len(padded), padded, "{n}: padded lengths are steps");
            assert!(n <= 65_536 || padded - n <= n * 12 / 100, "{n}");
        }
    }
}
