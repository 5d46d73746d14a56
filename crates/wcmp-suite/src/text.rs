//! Text forms of keys (spec 1.5): a prefix and base32 of the bytes and a checksum.
//! Strict: what does not encode back to itself is refused.

use alloc::string::String;
use alloc::vec::Vec;

use base32ct::{Base32Unpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

const CHECKSUM: usize = 4;

fn checksum(label: &[u8], bytes: &[u8]) -> Zeroizing<[u8; CHECKSUM]> {
    let hash: [u8; 32] = Sha256::new()
        .chain_update(label)
        .chain_update(bytes)
        .finalize()
        .into();
    let [a, b, c, d, ..] = hash;
    Zeroizing::new([a, b, c, d])
}

/// prefix || base32(bytes || checksum).
pub(crate) fn encode(prefix: &str, label: &[u8], bytes: &[u8]) -> Zeroizing<String> {
    let mut checked = Zeroizing::new(Vec::with_capacity(bytes.len() + CHECKSUM));
    checked.extend_from_slice(bytes);
    checked.extend_from_slice(&*checksum(label, bytes));
    let mut base32 = Base32Unpadded::encode_string(&checked);
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + base32.len()));
    text.push_str(prefix);
    text.push_str(&base32);
    base32.zeroize();
    text
}

/// The bytes that [`encode`] turns into exactly this text.
pub(crate) fn decode(prefix: &str, label: &[u8], text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let base32 = text.strip_prefix(prefix)?;
    let mut bytes = Zeroizing::new(Base32Unpadded::decode_vec(base32).ok()?);
    let length = bytes.len().checked_sub(CHECKSUM)?;
    bytes.truncate(length);
    (*encode(prefix, label, &bytes) == text).then_some(bytes)
}

/// base32 without prefix or checksum, for fingerprints.
pub(crate) fn base32(bytes: &[u8]) -> String {
    Base32Unpadded::encode_string(bytes)
}
