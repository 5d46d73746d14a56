//! HPKE (RFC 9180), base mode, single shot, HKDF-SHA256: the parts that a slot
//! needs, with the KEM's shared secret in the open because the stranger hint is
//! made from it (spec 6.2, 6.3).

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::{AeadAlgorithm, CryptoError, Provider, X25519Secret, kdf};

/// DHKEM(X25519, HKDF-SHA256), RFC 9180 section 7.1.
pub const DHKEM_X25519: u16 = 0x0020;
/// X-Wing, draft-connolly-cfrg-xwing-kem.
pub const X_WING: u16 = 0x647a;

const HKDF_SHA256: u16 = 0x0001;
const VERSION: &[u8] = b"HPKE-v1";

/// A KEM's shared secret, 32 bytes. Wiped when dropped.
pub struct SharedSecret(pub(crate) Zeroizing<[u8; 32]>);

impl core::fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// ExtractAndExpand of DHKEM (RFC 9180 section 4.1) for X25519:
/// kem_context = enc || pkRm.
#[must_use]
pub fn dhkem_shared_secret(
    provider: &Provider,
    dh: &[u8; 32],
    enc: &[u8; 32],
    recipient: &[u8; 32],
) -> SharedSecret {
    let [a, b] = DHKEM_X25519.to_be_bytes();
    let suite_id = [b'K', b'E', b'M', a, b];
    let prk = kdf::extract(provider, &[], &[VERSION, &suite_id, b"eae_prk", dh]);
    SharedSecret(kdf::expand(
        provider,
        &*prk,
        &[
            &32u16.to_be_bytes(),
            VERSION,
            &suite_id,
            b"shared_secret",
            enc,
            recipient,
        ],
    ))
}

/// Encap of DHKEM with the ephemeral secret given: the shared secret for
/// `recipient`. `enc` is the ephemeral public key.
///
/// # Errors
/// If the X25519 output is all zero.
pub fn dhkem_encap(
    provider: &Provider,
    ephemeral: &dyn X25519Secret,
    enc: &[u8; 32],
    recipient: &[u8; 32],
) -> Result<SharedSecret, CryptoError> {
    let dh = ephemeral.agree(recipient)?;
    Ok(dhkem_shared_secret(provider, &dh, enc, recipient))
}

/// Decap of DHKEM, `enc` used as received (spec 6.2).
///
/// # Errors
/// If the X25519 output is all zero.
pub fn dhkem_decap(
    provider: &Provider,
    secret: &dyn X25519Secret,
    enc: &[u8; 32],
    recipient: &[u8; 32],
) -> Result<SharedSecret, CryptoError> {
    let dh = secret.agree(enc)?;
    Ok(dhkem_shared_secret(provider, &dh, enc, recipient))
}

/// Key and base nonce of the base mode's key schedule (RFC 9180 section 5.1),
/// `info` in parts.
fn key_schedule(
    provider: &Provider,
    kem: u16,
    aead: AeadAlgorithm,
    secret: &SharedSecret,
    info: &[&[u8]; 4],
) -> (Zeroizing<[u8; 32]>, Zeroizing<[u8; 12]>) {
    let ([k0, k1], [d0, d1]) = (kem.to_be_bytes(), HKDF_SHA256.to_be_bytes());
    let [a0, a1] = aead.hpke_id().to_be_bytes();
    let suite_id = [b'H', b'P', b'K', b'E', k0, k1, d0, d1, a0, a1];
    let psk_id_hash = kdf::extract(provider, &[], &[VERSION, &suite_id, b"psk_id_hash"]);
    let [i0, i1, i2, i3] = *info;
    let info_hash = kdf::extract(
        provider,
        &[],
        &[VERSION, &suite_id, b"info_hash", i0, i1, i2, i3],
    );
    let mode_base: &[u8] = &[0];
    let prk = kdf::extract(provider, &*secret.0, &[VERSION, &suite_id, b"secret"]);
    let key = kdf::expand(
        provider,
        &*prk,
        &[
            &32u16.to_be_bytes(),
            VERSION,
            &suite_id,
            b"key",
            mode_base,
            &*psk_id_hash,
            &*info_hash,
        ],
    );
    let nonce = kdf::expand(
        provider,
        &*prk,
        &[
            &12u16.to_be_bytes(),
            VERSION,
            &suite_id,
            b"base_nonce",
            mode_base,
            &*psk_id_hash,
            &*info_hash,
        ],
    );
    (key, nonce)
}

/// The first message of a base mode context: encrypts `buf` in place and returns
/// the tag that follows it.
///
/// # Errors
/// Only if `buf` is longer than the AEAD allows.
pub fn seal(
    provider: &Provider,
    kem: u16,
    aead: AeadAlgorithm,
    secret: &SharedSecret,
    info: &[&[u8]; 4],
    aad: &[u8],
    buf: &mut [u8],
) -> Result<[u8; 16], CryptoError> {
    let (key, nonce) = key_schedule(provider, kem, aead, secret, info);
    provider.aead.seal(aead, &key, &nonce, aad, buf)
}

/// Opens what [`seal`] made, `sealed` being ciphertext || tag.
///
/// # Errors
/// If the tag does not fit, or `sealed` is shorter than a tag.
pub fn open(
    provider: &Provider,
    kem: u16,
    aead: AeadAlgorithm,
    secret: &SharedSecret,
    info: &[&[u8]; 4],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (key, nonce) = key_schedule(provider, kem, aead, secret, info);
    provider.aead.open(aead, &key, &nonce, aad, sealed)
}
