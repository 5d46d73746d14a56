//! Padding of a content (spec 5.2).

use wcmp_wire::padded_len;

/// The content in a plaintext of content || 0x80 || zeros, if the padding is the
/// one that [`padded_len`] tells.
pub(crate) fn unpad(plaintext: &[u8]) -> Option<&[u8]> {
    let end = plaintext.iter().rposition(|byte| *byte != 0)?;
    let (content, padding) = plaintext.split_at_checked(end)?;
    (padding.first() == Some(&0x80) && padded_len(end + 1) == plaintext.len()).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn unpadding_takes_only_what_padding_makes() {
        for n in [0, 1, 1022, 1023, 1024, 2047, 65_535, 65_536, 70_000] {
            let mut plaintext = vec![7u8; n];
            plaintext.push(0x80);
            plaintext.resize(padded_len(n + 1), 0);
            assert_eq!(unpad(&plaintext), Some(&plaintext[..n]));
            plaintext[n] = 0x81;
            assert_eq!(unpad(&plaintext), None, "{n}: another mark");
            plaintext[n] = 0x80;
            let wider = padded_len(plaintext.len() + 1);
            plaintext.resize(wider, 0);
            assert_eq!(unpad(&plaintext), None, "{n}: more zeros than needed");
        }
        assert_eq!(unpad(&[0; 1024]), None);
        assert_eq!(unpad(&[]), None);
    }
}
