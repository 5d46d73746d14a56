//! The encoding of everything that is hashed or authenticated (auth 1).
//!
//! ```text
//! lp(b)             = u32be(len) || b
//! enc(label, f1..n) = lp("KNH1 " || label) || u32be(n) || lp(f1) .. lp(fn)
//! ```
//!
//! The transport is not hashed: only these bytes are.

use alloc::vec::Vec;

const PREFIX: &[u8] = b"KNH1 ";

/// Appends lp(`bytes`). No field of KNH1 comes near 4 GiB: all lengths are
/// limited before (auth 1).
pub fn lp(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&count(bytes.len()));
    out.extend_from_slice(bytes);
}

/// enc(`label`, `fields`). Allocates once, so that whoever wraps the result of
/// secret fields in `Zeroizing` leaves no copy behind.
///
/// ```
/// let bytes = wcmp_auth::encode::enc("request", &[b"a"]);
/// assert_eq!(bytes, b"\0\0\0\x0cKNH1 request\0\0\0\x01\0\0\0\x01a");
/// ```
#[must_use]
pub fn enc(label: &str, fields: &[&[u8]]) -> Vec<u8> {
    let label_len = PREFIX.len() + label.len();
    let len = 8 + label_len + fields.iter().map(|field| 4 + field.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(&count(label_len));
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(label.as_bytes());
    out.extend_from_slice(&count(fields.len()));
    for field in fields {
        lp(&mut out, field);
    }
    out
}

/// The fields of enc(`label`, ..), or nothing unless `bytes` are exactly that.
#[must_use]
pub fn dec<'a>(label: &str, bytes: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let (name, rest) = take(bytes)?;
    if name.strip_prefix(PREFIX)? != label.as_bytes() {
        return None;
    }
    let (fields, mut rest) = rest.split_first_chunk::<4>()?;
    let mut out = Vec::new();
    for _ in 0..u32::from_be_bytes(*fields) {
        let field;
        (field, rest) = take(rest)?;
        out.push(field);
    }
    rest.is_empty().then_some(out)
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_takes_exactly_what_encoding_makes() {
        let bytes = enc("ctx", &[b"", b"one", &[7; 300]]);
        assert_eq!(dec("ctx", &bytes).unwrap(), [&b""[..], b"one", &[7; 300]]);
        assert_eq!(dec("cta", &bytes), None);
        for len in 0..bytes.len() {
            assert_eq!(dec("ctx", &bytes[..len]), None);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(dec("ctx", &longer), None);
    }
}
