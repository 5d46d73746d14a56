//! What both sides derive from X_M (auth 3), once for client and server.
//!
//! ```text
//! TH   = SHA256(enc("transcript", m1, m2))      z = X25519(esk, epk) or ""
//! mask = HMAC(X_M, enc("mask", TH, z))          proof = X_P XOR mask
//! root = HMAC(X_M, enc("root", TH, z, X_P))
//! ```

use core::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encode::enc;
use crate::kdf::{Key, Point, hmac};
use crate::message::{Finish, Grant};
use crate::x25519;

type Secret = Zeroizing<[u8; 32]>;

/// X25519(esk, epk), or "" in suites 1 and 3.
pub(crate) struct Shared(Option<Secret>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared(..)")
    }
}

impl Shared {
    pub(crate) fn none() -> Shared {
        Shared(None)
    }

    /// And whether the peer's key contributed: all-zero must be refused.
    pub(crate) fn agree(esk: &[u8; 32], epk: &[u8; 32]) -> (Shared, bool) {
        let z = x25519::agree(esk, epk);
        let contributed = !bool::from(z.ct_eq(&[0; 32]));
        (Shared(Some(z)), contributed)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |z| &z[..])
    }
}

/// TH.
pub(crate) fn transcript(m1: &[u8], m2: &[u8]) -> [u8; 32] {
    let transcript = enc("transcript", &[m1, m2]);
    #[cfg(all(test, feature = "std"))]
    crate::work::count(|work| work.hashed_bytes += transcript.len());
    Sha256::digest(transcript).into()
}

/// X_M, and the login in which it is used.
pub(crate) struct Schedule {
    x_m: Key,
    th: [u8; 32],
    z: Shared,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule(..)")
    }
}

impl Schedule {
    pub(crate) fn new(x_m: &Point, th: [u8; 32], z: Shared) -> Schedule {
        let x_m = Key::new(x_m.dangerous_bytes());
        Schedule { x_m, th, z }
    }

    /// Puts X_P under the mask, or takes it off.
    pub(crate) fn masked(&self, input: &[u8; 32]) -> Secret {
        let message = Zeroizing::new(enc("mask", &[&self.th, self.z.bytes()]));
        xor(input, &self.x_m.mac(&message))
    }

    pub(crate) fn root(self, x_p: &[u8; 32]) -> Root {
        Root {
            key: Key::new(&*self.root_bytes(x_p)),
            th: self.th,
        }
    }

    pub(crate) fn root_bytes(&self, x_p: &[u8; 32]) -> Secret {
        let message = Zeroizing::new(enc("root", &[&self.th, self.z.bytes(), x_p]));
        self.x_m.mac(&message)
    }
}

/// What one login's finish and grant are authenticated with.
pub(crate) struct Root {
    key: Key,
    th: [u8; 32],
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root(..)")
    }
}

impl Root {
    pub(crate) fn cmac(&self, finish: &Finish) -> Secret {
        let key = self.key("client finished");
        hmac(&*key, &enc("cmac", &[&self.th, &finish.to_bytes()]))
    }

    pub(crate) fn smac(&self, cmac: &[u8; 32], grant: &Grant) -> Secret {
        let key = self.key("server finished");
        hmac(&*key, &enc("smac", &[&self.th, cmac, &grant.to_bytes()]))
    }

    /// Wraps the session's key, or unwraps it.
    pub(crate) fn wrapped(&self, token_id: &[u8; 16], key: &[u8; 32]) -> Secret {
        let pad = hmac(&*self.key("wrap"), &enc("pad", &[&self.th, token_id]));
        xor(key, &pad)
    }

    fn key(&self, label: &str) -> Secret {
        self.key.mac(&enc(label, &[]))
    }
}

pub(crate) fn xor(a: &[u8; 32], b: &[u8; 32]) -> Secret {
    let mut out = Zeroizing::new(*a);
    for (to, from) in out.iter_mut().zip(b) {
        *to ^= from;
    }
    out
}
