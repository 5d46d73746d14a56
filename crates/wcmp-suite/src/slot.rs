//! Slots: the content key, sealed to one receiver by HPKE (spec 6.2).
//!
//! All X25519 slots of an envelope share one ephemeral key, the envelope's
//! `encapsulation`; an X-Wing slot carries its own.
//!
//! ```
//! use wcmp_suite::{KeyPair, KeyType, Provider, Suite, slot};
//!
//! let provider = Provider::rust_crypto();
//! let suite = Suite::SealedAes256Gcm;
//! // From the system's random numbers, in earnest.
//! let (seed, ephemeral, content_key) = ([1; 32], [2; 32], [3; 32]);
//! let core = [4; 32]; // the envelope's hash of spec 4.3
//!
//! let keys = KeyPair::from_seed(&provider, KeyType::X25519, &seed)?;
//! let receiver = keys.public();
//! let ephemeral = slot::Ephemeral::new(&provider, ephemeral.into());
//! let secret = ephemeral.encapsulate(&provider, receiver)?;
//! let sealed = slot::seal(&provider, suite, &secret, &core, receiver.key_id(), &content_key)?;
//!
//! let secret = slot::decapsulate(&provider, &keys, ephemeral.public())?;
//! let opened = slot::open(&provider, suite, &secret, &core, receiver.key_id(), &sealed)?;
//! assert_eq!(*opened, content_key);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use alloc::boxed::Box;

use zeroize::Zeroizing;

use crate::hpke::{self, SharedSecret};
use crate::{CryptoError, KeyPair, Provider, PublicKey, Suite, X25519Secret};

const INFO: &[u8] = b"WCMP v1 slot";
/// Bytes of a slot of an X25519 suite: content key and tag.
const X25519_SLOT: usize = 48;
/// Bytes of a slot of suite 0x0003: the same behind an X-Wing ciphertext.
const XWING_SLOT: usize = 1168;

/// The ephemeral X25519 key that the slots of one envelope share, prepared by the
/// provider that made it, which computes with it.
pub struct Ephemeral {
    secret: Box<dyn X25519Secret>,
    public: [u8; 32],
}

impl core::fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ephemeral(..)")
    }
}

impl Ephemeral {
    /// The key with this X25519 scalar.
    #[must_use]
    pub fn new(provider: &Provider, secret: Zeroizing<[u8; 32]>) -> Ephemeral {
        let secret = provider.x25519.secret(&secret);
        Ephemeral {
            public: secret.public(),
            secret,
        }
    }

    /// The envelope's `encapsulation`.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The shared secret with one receiver.
    ///
    /// # Errors
    /// If the receiver's key is not of type 1.
    pub fn encapsulate(
        &self,
        provider: &Provider,
        receiver: &PublicKey,
    ) -> Result<SharedSecret, CryptoError> {
        let receiver: &[u8; 32] = receiver.kem().try_into().map_err(|_| CryptoError)?;
        hpke::dhkem_encap(provider, &*self.secret, &self.public, receiver)
    }
}

fn info<'a>(suite: &'a [u8; 2], core: &'a [u8; 32], key_id: &'a [u8; 32]) -> [&'a [u8]; 4] {
    [INFO, suite, core, key_id]
}

/// A slot of an X25519 suite, for the `secret` of [`Ephemeral::encapsulate`].
///
/// # Errors
/// Never for the providers of this crate.
pub fn seal(
    provider: &Provider,
    suite: Suite,
    secret: &SharedSecret,
    core: &[u8; 32],
    key_id: &[u8; 32],
    content_key: &[u8; 32],
) -> Result<[u8; X25519_SLOT], CryptoError> {
    let mut slot = [0; X25519_SLOT];
    let (buf, end) = split(&mut slot)?;
    // Wiped should the AEAD fail before it encrypts.
    let mut sealed = Zeroizing::new(*content_key);
    *end = hpke::seal(
        provider,
        suite.kem_id(),
        suite.aead(),
        secret,
        &info(&suite.id_bytes(), core, key_id),
        &[],
        &mut *sealed,
    )?;
    *buf = *sealed;
    Ok(slot)
}

/// Sealed content key and tag.
fn split(slot: &mut [u8]) -> Result<(&mut [u8; 32], &mut [u8; 16]), CryptoError> {
    let (sealed, tag) = slot.split_first_chunk_mut().ok_or(CryptoError)?;
    Ok((sealed, tag.try_into().map_err(|_| CryptoError)?))
}

/// A slot of suite 0x0003: an X-Wing ciphertext, then what [`seal`] makes of its
/// shared secret.
///
/// # Errors
/// If the receiver's key is not of type 2.
pub fn seal_xwing(
    provider: &Provider,
    suite: Suite,
    receiver: &PublicKey,
    randomness: &[u8; 64],
    core: &[u8; 32],
    content_key: &[u8; 32],
) -> Result<[u8; XWING_SLOT], CryptoError> {
    let mut slot = [0; XWING_SLOT];
    let (ciphertext, end) = slot.split_first_chunk_mut().ok_or(CryptoError)?;
    let public = receiver.kem();
    let secret = provider.xwing.encapsulate(public, randomness, ciphertext)?;
    let (secret, key_id) = (SharedSecret(secret), receiver.key_id());
    let sealed = seal(provider, suite, &secret, core, key_id, content_key)?;
    *<&mut [u8; X25519_SLOT]>::try_from(end).map_err(|_| CryptoError)? = sealed;
    Ok(slot)
}

/// The shared secret of an X25519 envelope for one of my keys.
///
/// # Errors
/// If the key or `encapsulation` is of another type, or the X25519 output is all
/// zero.
pub fn decapsulate(
    provider: &Provider,
    keys: &KeyPair,
    encapsulation: &[u8],
) -> Result<SharedSecret, CryptoError> {
    let enc: &[u8; 32] = encapsulation.try_into().map_err(|_| CryptoError)?;
    let mine: &[u8; 32] = keys.public().kem().try_into().map_err(|_| CryptoError)?;
    hpke::dhkem_decap(provider, keys.x25519().ok_or(CryptoError)?, enc, mine)
}

/// The content key in a slot of an X25519 suite.
///
/// # Errors
/// If the slot does not authenticate.
pub fn open(
    provider: &Provider,
    suite: Suite,
    secret: &SharedSecret,
    core: &[u8; 32],
    key_id: &[u8; 32],
    slot: &[u8],
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let key = hpke::open(
        provider,
        suite.kem_id(),
        suite.aead(),
        secret,
        &info(&suite.id_bytes(), core, key_id),
        &[],
        slot,
    )?;
    let key: &[u8; 32] = key.as_slice().try_into().map_err(|_| CryptoError)?;
    Ok(Zeroizing::new(*key))
}

/// The content key in a slot of suite 0x0003.
///
/// # Errors
/// If the slot is too short, its X25519 output is all zero, or it does not
/// authenticate.
pub fn open_xwing(
    provider: &Provider,
    suite: Suite,
    keys: &KeyPair,
    core: &[u8; 32],
    slot: &[u8],
) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let (ciphertext, sealed) = slot.split_first_chunk().ok_or(CryptoError)?;
    let secret = keys.xwing().ok_or(CryptoError)?.decapsulate(ciphertext)?;
    let key_id = keys.public().key_id();
    open(provider, suite, &SharedSecret(secret), core, key_id, sealed)
}
