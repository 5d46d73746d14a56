//! Key pairs from seeds (spec 1.1) and their secret text form (spec 1.5).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use crate::{
    CryptoError, HintKey, KeyError, KeyType, PairKey, Provider, PublicKey, X25519Secret,
    XWingSecret, kdf, text,
};

const TEXT_PREFIX: &str = "wcmp-secret1";
const TEXT_LABEL: &[u8] = b"WCMP v1 secret text";

/// A key pair: everything is derived from 32 random bytes and the type. Wiped
/// when dropped; neither cloned nor compared nor printed.
///
/// The KEM's secret is prepared once, by the provider that makes the pair: that one
/// computes X25519 and X-Wing with it, whichever provider does the rest.
pub struct KeyPair {
    seed: Zeroizing<[u8; 32]>,
    kem: Kem,
    ed25519_seed: Zeroizing<[u8; 32]>,
    public: PublicKey,
    hint_key: HintKey,
}

/// The prepared secret, by type.
enum Kem {
    X25519(Box<dyn X25519Secret>),
    XWing(Box<dyn XWingSecret>),
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({:?}, ..)", self.public.key_type())
    }
}

impl KeyPair {
    /// Derives the pair of `seed`, which must come from a system's random numbers.
    ///
    /// # Errors
    /// [`KeyError`] if the provider makes a public key that is not valid: for no
    /// seed, with a provider that is right.
    pub fn from_seed(
        provider: &Provider,
        key_type: KeyType,
        seed: &[u8; 32],
    ) -> Result<KeyPair, KeyError> {
        let id = key_type.id().to_be_bytes();
        let prk = kdf::extract(provider, b"WCMP v1 key pair", &[seed]);
        let kem_secret = kdf::expand(provider, &*prk, &[b"kem", &id]);
        let kem = match key_type {
            KeyType::X25519 => Kem::X25519(provider.x25519.secret(&kem_secret)),
            KeyType::XWing => Kem::XWing(provider.xwing.secret(&kem_secret)),
        };
        let ed25519_seed = kdf::expand(provider, &*prk, &[b"sig", &id]);
        let mut encoded = Vec::with_capacity(key_type.public_len());
        encoded.extend_from_slice(&id);
        match &kem {
            Kem::X25519(secret) => encoded.extend_from_slice(&secret.public()),
            Kem::XWing(secret) => encoded.extend_from_slice(&secret.public()),
        }
        encoded.extend_from_slice(&provider.ed25519.public(&ed25519_seed));
        let public = PublicKey::from_bytes(&encoded)?;
        Ok(KeyPair {
            seed: Zeroizing::new(*seed),
            kem,
            ed25519_seed,
            hint_key: public.hint_key(),
            public,
        })
    }

    /// A new pair, its seed drawn from `rng`.
    ///
    /// # Errors
    /// [`KeyError::Random`] if the RNG fails, else as [`KeyPair::from_seed`].
    pub fn generate<R: TryCryptoRng + ?Sized>(
        provider: &Provider,
        key_type: KeyType,
        rng: &mut R,
    ) -> Result<KeyPair, KeyError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        rng.try_fill_bytes(&mut *seed)
            .map_err(|_| KeyError::Random)?;
        KeyPair::from_seed(provider, key_type, &seed)
    }

    /// Reads the secret text form `wcmp-secret1...`.
    ///
    /// # Errors
    /// [`KeyError::Text`] if the text is not exactly what it decodes to encodes to,
    /// [`KeyError::Type`] for an unknown type.
    pub fn from_secret_text(provider: &Provider, text: &str) -> Result<KeyPair, KeyError> {
        let bytes = text::decode(TEXT_PREFIX, TEXT_LABEL, text).ok_or(KeyError::Text)?;
        let (id, seed) = bytes.split_first_chunk::<2>().ok_or(KeyError::Length)?;
        let seed: &[u8; 32] = seed.try_into().map_err(|_| KeyError::Length)?;
        let key_type = KeyType::try_from(u16::from_be_bytes(*id)).map_err(|_| KeyError::Type)?;
        KeyPair::from_seed(provider, key_type, seed)
    }

    /// The secret text form, 73 characters. **Secret**: whoever reads it is you.
    #[must_use]
    pub fn to_secret_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0u8; 34]);
        let id = self.key_type().id().to_be_bytes();
        for (to, from) in bytes.iter_mut().zip(id.iter().chain(&*self.seed)) {
            *to = *from;
        }
        text::encode(TEXT_PREFIX, TEXT_LABEL, &*bytes)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The type.
    #[must_use]
    pub fn key_type(&self) -> KeyType {
        self.public.key_type()
    }

    /// The precomputed hint key of the public half.
    #[must_use]
    pub fn hint_key(&self) -> &HintKey {
        &self.hint_key
    }

    /// The seed, **secret**: it enters the hedge of what this key sends (spec 7.2).
    #[must_use]
    pub fn dangerous_seed(&self) -> &[u8; 32] {
        &self.seed
    }

    /// Signs `message` with Ed25519 (RFC 8032).
    #[must_use]
    pub fn sign(&self, provider: &Provider, message: &[u8]) -> [u8; 64] {
        provider.ed25519.sign(&self.ed25519_seed, message)
    }

    /// The key that this pair and `theirs` share (spec 1.6).
    ///
    /// # Errors
    /// [`KeyError::Type`] unless both are of type 1.
    pub fn pair_key(&self, provider: &Provider, theirs: &PublicKey) -> Result<PairKey, KeyError> {
        let mine = self.x25519().ok_or(KeyError::Type)?;
        if theirs.key_type() != KeyType::X25519 {
            return Err(KeyError::Type);
        }
        let their_kem: &[u8; 32] = theirs.kem().try_into().map_err(|_| KeyError::Length)?;
        let shared = mine
            .agree(their_kem)
            .map_err(|CryptoError| KeyError::X25519)?;
        Ok(PairKey::new(kdf::extract(
            provider,
            b"WCMP v1 pair",
            &[&*shared],
        )))
    }

    /// The prepared secret of a pair of type 1.
    pub(crate) fn x25519(&self) -> Option<&dyn X25519Secret> {
        match &self.kem {
            Kem::X25519(secret) => Some(&**secret),
            Kem::XWing(_) => None,
        }
    }

    /// The prepared secret of a pair of type 2.
    pub(crate) fn xwing(&self) -> Option<&dyn XWingSecret> {
        match &self.kem {
            Kem::X25519(_) => None,
            Kem::XWing(secret) => Some(&**secret),
        }
    }
}
