//! The chain of hashes that names an envelope and is signed (spec 4.3).
//!
//! ```text
//! body   = H("WCMP v1 body" || prefix || commitment || LP(payload) || recipient_nonce || LP(encapsulation))
//! core   = H("WCMP v1 core" || body || LP(hints))
//! digest = H("WCMP v1 digest" || core || LP(sealed_keys))
//! id     = H("WCMP v1 id" || digest || LP(signature))
//! ```
//! H is SHA-256 of the concatenation, LP(x) the length of x as four big-endian bytes, then x.
//!
//! A sender needs them one after the other, as hints depend on body, sealed keys on core and the signature on digest;
//! hence a function for each. [`EnvelopeRef`](crate::EnvelopeRef) and [`Envelope`](crate::Envelope) both call these.
//! Strings of 2^32 bytes or more have no LP and no envelope either; of their hashes nothing is promised.

use core::fmt;

use sha2::Digest as _;

use crate::{HINT_LEN, NONCE_LEN, PREFIX_LEN};

/// SHA-256 of the concatenation of the parts. [`sha256`] is one; a crypto provider may bring its own.
pub type Sha256 = fn(&[&[u8]]) -> [u8; 32];

/// SHA-256 of the concatenation of `parts`, by the sha2 crate.
///
/// ```
/// assert_eq!(wcmp_wire::sha256(&[b"a", b"bc"]), wcmp_wire::sha256(&[b"abc"]));
/// ```
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                hex(&self.0, f)?;
                f.write_str(")")
            }
        }
    )*};
}

hashes! {
    /// Hash of everything before the hints, on which hints of sealed suites depend.
    Body;
    /// Hash of everything before the sealed keys: what a receiver delivers once.
    Core;
    /// Hash of everything before the signature, which signs it.
    Digest;
    /// Hash of the whole envelope: its name in stores and bundles. Shown as 64 lower-case hex digits.
    Id;
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// [`Body`] of an envelope with these fields.
#[must_use]
pub fn body(
    sha256: Sha256,
    prefix: &[u8; PREFIX_LEN],
    commitment: &[u8; 32],
    payload: &[u8],
    recipient_nonce: &[u8; NONCE_LEN],
    encapsulation: &[u8],
) -> Body {
    Body(sha256(&[
        b"WCMP v1 body",
        prefix,
        commitment,
        &length(payload),
        payload,
        recipient_nonce,
        &length(encapsulation),
        encapsulation,
    ]))
}

/// [`Core`] of an envelope with this body and these hints.
#[must_use]
pub fn core(sha256: Sha256, body: &Body, hints: &[[u8; HINT_LEN]]) -> Core {
    let hints = hints.as_flattened();
    Core(sha256(&[b"WCMP v1 core", &body.0, &length(hints), hints]))
}

/// [`Digest`] of an envelope with this core and these sealed keys.
#[must_use]
pub fn digest(sha256: Sha256, core: &Core, sealed_keys: &[u8]) -> Digest {
    Digest(sha256(&[
        b"WCMP v1 digest",
        &core.0,
        &length(sealed_keys),
        sealed_keys,
    ]))
}

/// [`Id`] of an envelope with this digest and this signature field.
#[must_use]
pub fn id(sha256: Sha256, digest: &Digest, signature: &[u8]) -> Id {
    Id(sha256(&[
        b"WCMP v1 id",
        &digest.0,
        &length(signature),
        signature,
    ]))
}

/// The length in front of `bytes` in LP(bytes).
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

fn hex(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
