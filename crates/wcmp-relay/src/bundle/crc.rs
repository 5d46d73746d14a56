//! CRC32C (RFC 3385): Castagnoli, reflected, initial value and final XOR FFFFFFFF.

/// CRC32C of some bytes followed by `bytes`, where `crc` is that of the bytes before; 0 if there are none.
#[cfg(feature = "std")]
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

/// CRC32C of some bytes followed by `bytes`, where `crc` is that of the bytes before; 0 if there are none.
#[cfg(not(feature = "std"))]
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    by_table(crc, bytes)
}

#[cfg(any(test, not(feature = "std")))]
fn by_table(crc: u32, bytes: &[u8]) -> u32 {
    static CASTAGNOLI: crc::Crc<u32, crc::Table<16>> =
        crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISCSI);
    // The crate takes the register to start from in the bit order of the polynomial.
    let mut digest = CASTAGNOLI.digest_with_initial((!crc).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::{append, by_table};

    #[test]
    fn the_check_value_is_right() {
        assert_eq!(append(0, b"123456789"), 0xE306_9283);
        assert_eq!(by_table(0, b"123456789"), 0xE306_9283);
    }

    #[test]
    fn parts_and_both_ways_give_the_same() {
        let bytes: alloc::vec::Vec<u8> = (0..=255).cycle().take(3000).collect();
        for cut in [0, 1, 7, 8, 255, 1024, 2999, 3000] {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(append(append(0, front), back), append(0, &bytes));
            assert_eq!(by_table(by_table(0, front), back), append(0, &bytes));
        }
    }
}
