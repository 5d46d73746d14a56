//! X-Wing (draft-connolly-cfrg-xwing-kem) from its parts: what is the same whoever
//! computes ML-KEM-768 and X25519.

use alloc::boxed::Box;

use ml_kem::KeyExport;
use ml_kem::ml_kem_768::DecapsulationKey;
use sha3::{Digest, Sha3_256};
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use zeroize::{Zeroize, Zeroizing};

use super::{CryptoError, X25519, X25519Secret, XWing, XWingSecret};

const LABEL: &[u8; 6] = b"\\.//^\\";

/// ML-KEM-768 (FIPS 203).
pub(super) trait MlKem: Send + Sync {
    /// Prepares a key. Not every library can make one from its seed, so it is
    /// expanded by one that can.
    fn secret(&self, key: DecapsulationKey) -> Box<dyn MlKemSecret>;

    /// `randomness` or the library's own.
    fn encapsulate(
        &self,
        public: &[u8; 1184],
        randomness: &[u8; 32],
        ciphertext: &mut [u8; 1088],
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// A prepared ML-KEM-768 decapsulation key. Wiped when dropped.
pub(super) trait MlKemSecret: Send + Sync {
    fn decapsulate(&self, ciphertext: &[u8; 1088]) -> Result<Zeroizing<[u8; 32]>, CryptoError>;
}

/// X-Wing over these two.
pub(super) struct Composed {
    pub(super) ml_kem: &'static dyn MlKem,
    pub(super) x25519: &'static dyn X25519,
}

struct Secret {
    ml_kem: Box<dyn MlKemSecret>,
    ml_kem_public: [u8; 1184],
    x25519: Box<dyn X25519Secret>,
    x25519_public: [u8; 32],
}

impl XWing for Composed {
    fn secret(&self, secret: &[u8; 32]) -> Box<dyn XWingSecret> {
        let mut reader = Shake256::default().chain(secret).finalize_xof();
        let (mut ml_kem, mut x25519) = ([0; 64], Zeroizing::new([0; 32]));
        reader.read(&mut ml_kem);
        reader.read(&mut *x25519);
        let key = DecapsulationKey::from_seed(ml_kem.into());
        ml_kem.zeroize();
        let x25519 = self.x25519.secret(&x25519);
        Box::new(Secret {
            ml_kem_public: key.encapsulation_key().to_bytes().into(),
            ml_kem: self.ml_kem.secret(key),
            x25519_public: x25519.public(),
            x25519,
        })
    }

    fn encapsulate(
        &self,
        public: &[u8],
        randomness: &[u8; 64],
        ciphertext: &mut [u8; 1120],
    ) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let public: &[u8; 1216] = public.try_into().map_err(|_| CryptoError)?;
        let (ml_kem_public, x25519_public) = halves(public).ok_or(CryptoError)?;
        let (ml_kem_random, x25519_random) = halves(randomness).ok_or(CryptoError)?;
        let (ml_kem_made, x25519_made) = ciphertext.split_first_chunk_mut().ok_or(CryptoError)?;
        let of_ml_kem = self
            .ml_kem
            .encapsulate(ml_kem_public, ml_kem_random, ml_kem_made)?;
        let ephemeral = self.x25519.secret(x25519_random);
        let x25519_sent = ephemeral.public();
        x25519_made.copy_from_slice(&x25519_sent);
        let of_x25519 = ephemeral.agree(x25519_public)?;
        Ok(combine(&of_ml_kem, &of_x25519, &x25519_sent, x25519_public))
    }
}

impl XWingSecret for Secret {
    fn public(&self) -> [u8; 1216] {
        let mut public = [0; 1216];
        let parts = self.ml_kem_public.iter().chain(&self.x25519_public);
        for (to, from) in public.iter_mut().zip(parts) {
            *to = *from;
        }
        public
    }

    fn decapsulate(&self, ciphertext: &[u8; 1120]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        let (of_ml_kem, sent) = halves(ciphertext).ok_or(CryptoError)?;
        let of_x25519 = self.x25519.agree(sent)?;
        let of_ml_kem = self.ml_kem.decapsulate(of_ml_kem)?;
        Ok(combine(&of_ml_kem, &of_x25519, sent, &self.x25519_public))
    }
}

/// ML-KEM's half, X25519's half.
fn halves<const M: usize>(both: &[u8]) -> Option<(&[u8; M], &[u8; 32])> {
    let (ml_kem, x25519) = both.split_last_chunk()?;
    Some((ml_kem.try_into().ok()?, x25519))
}

/// The draft's combiner, over the bytes as they stand.
fn combine(
    ml_kem: &[u8; 32],
    x25519: &[u8; 32],
    sent: &[u8; 32],
    public: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    let hash = Sha3_256::new()
        .chain_update(ml_kem)
        .chain_update(x25519)
        .chain_update(sent)
        .chain_update(public)
        .chain_update(LABEL);
    Zeroizing::new(hash.finalize().into())
}
