//! The composable KDF (auth 2): one expensive stretch, then cheap steps.
//!
//! ```text
//! p0  = HMAC(salt, enc("password", u8 kdf, realm, login, password))
//! X_0 = PBKDF2(p0, enc("stretch", u8 kdf, realm, login, salt), c0, 32)
//!       or Argon2id(p0, first 16 bytes of salt, mem, time, lanes, 32)
//! X_j = PBKDF2(X_(j-1), enc("step", salt, u32 j), cs, 32)        kdf(pass, n) := X_n
//! ```

use alloc::vec::Vec;
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::encode::enc;
use crate::limits::{self, Misuse};
use crate::{Cost, Kdf};

/// A password could not be stretched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StretchError {
    /// A text, the salt or the cost outside the limits.
    Misuse(Misuse),
    /// The memory that Argon2id needs is not there.
    Memory,
}

impl fmt::Display for StretchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StretchError::Misuse(misuse) => misuse.fmt(f),
            StretchError::Memory => f.write_str("not enough memory"),
        }
    }
}

impl core::error::Error for StretchError {}

impl From<Misuse> for StretchError {
    fn from(misuse: Misuse) -> StretchError {
        StretchError::Misuse(misuse)
    }
}

/// A point X_j of a password's chain. **Secret**: X_N is what a server stores,
/// X_P what a login shows it. Wiped when dropped.
pub struct Point {
    index: u32,
    bytes: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Point({}, ..)", self.index)
    }
}

impl Point {
    /// The point X_`index` of these bytes.
    #[must_use]
    pub fn new(index: u32, bytes: &[u8; 32]) -> Point {
        Point {
            index,
            bytes: Zeroizing::new(*bytes),
        }
    }

    /// j of X_j.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The bytes, **secret**.
    #[must_use]
    pub fn dangerous_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// advance(X_j, j -> `to`): repeats the step. A point that is there or past
    /// it stays where it is; nobody can go back.
    #[must_use]
    pub fn advance(&self, salt: &[u8], cs: u32, to: u32) -> Point {
        let mut point = Point::new(self.index, &self.bytes);
        while point.index < to {
            point.index += 1;
            #[cfg(all(test, feature = "std"))]
            crate::work::count(|work| work.iterations += u64::from(cs));
            let step = enc("step", &[salt, &point.index.to_be_bytes()]);
            let mut next = Zeroizing::new([0u8; 32]);
            pbkdf2::pbkdf2_hmac::<Sha256>(&*point.bytes, &step, cs, &mut *next);
            point.bytes = next;
        }
        point
    }
}

/// X_0 of a password: the expensive part. The texts are prepared (RFC 8265)
/// by the caller.
///
/// # Errors
/// [`StretchError::Misuse`] for texts, salts and costs outside the limits,
/// [`StretchError::Memory`] where Argon2id's memory cannot be had.
pub fn stretch(
    realm: &str,
    login: &str,
    password: &str,
    salt: &[u8],
    cost: &Cost,
) -> Result<Point, StretchError> {
    limits::sized(realm, limits::REALM, Misuse::Realm)?;
    limits::sized(login, limits::LOGIN, Misuse::Login)?;
    limits::sized(password, limits::PASSWORD, Misuse::Password)?;
    if !limits::SALT.contains(&salt.len()) {
        return Err(Misuse::Salt.into());
    }
    let (kdf, realm, login) = (cost.kdf(), realm.as_bytes(), login.as_bytes());
    let p0 = p0(kdf, realm, login, password.as_bytes(), salt);
    let mut out = Zeroizing::new([0u8; 32]);
    match *cost {
        Cost::Pbkdf2 { iterations } => {
            if iterations == 0 {
                return Err(Misuse::Parameters.into());
            }
            let info = enc("stretch", &[&[kdf.id()], realm, login, salt]);
            pbkdf2::pbkdf2_hmac::<Sha256>(&*p0, &info, iterations, &mut *out);
        }
        Cost::Argon2id {
            memory_kib,
            time,
            lanes,
        } => {
            let salt = salt.get(..16).ok_or(Misuse::Salt)?;
            argon2id(&p0, salt, [memory_kib, time, lanes], &mut out)?;
        }
    }
    Ok(Point {
        index: 0,
        bytes: out,
    })
}

fn p0(kdf: Kdf, realm: &[u8], login: &[u8], password: &[u8], salt: &[u8]) -> Zeroizing<[u8; 32]> {
    let fields: [&[u8]; 4] = [&[kdf.id()], realm, login, password];
    hmac(salt, &Zeroizing::new(enc("password", &fields)))
}

/// Argon2id with memory that may be missing, and that is wiped.
fn argon2id(
    p0: &[u8; 32],
    salt: &[u8],
    [memory, time, lanes]: [u32; 3],
    out: &mut [u8; 32],
) -> Result<(), StretchError> {
    let params = Params::new(memory, time, lanes, Some(32)).map_err(|_| Misuse::Parameters)?;
    let mut blocks: Zeroizing<Blocks> = Zeroizing::new(Blocks(Vec::new()));
    let count = params.block_count();
    blocks
        .0
        .try_reserve_exact(count)
        .map_err(|_| StretchError::Memory)?;
    blocks.0.resize(count, Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(p0, salt, out, &mut blocks.0)
        .map_err(|_| Misuse::Parameters.into())
}

struct Blocks(Vec<Block>);

impl Zeroize for Blocks {
    fn zeroize(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// HMAC-SHA-256 (RFC 2104).
pub(crate) fn hmac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    mac(keyed(key), message)
}

/// A key of HMAC-SHA-256 for several messages: the two blocks that HMAC makes of a key
/// are hashed once. **Secret**; wiped when dropped.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// As [`hmac`] takes it.
    pub(crate) fn new(key: &[u8]) -> Key {
        Key(keyed(key))
    }

    pub(crate) fn mac(&self, message: &[u8]) -> Zeroizing<[u8; 32]> {
        mac(self.0.clone(), message)
    }
}

fn mac(mut keyed: Hmac<Sha256>, message: &[u8]) -> Zeroizing<[u8; 32]> {
    #[cfg(all(test, feature = "std"))]
    crate::work::count(|work| {
        work.hmacs += 1;
        work.hmac_bytes += message.len();
    });
    keyed.update(message);
    Zeroizing::new(keyed.finalize().into_bytes().into())
}

/// Keys here are at most 64 bytes (a salt), which is HMAC's block: a shorter key is one
/// with zeros behind it, so this cannot fail.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0u8; 64]);
    debug_assert!(key.len() <= block.len());
    if let Some(room) = block.get_mut(..key.len()) {
        room.copy_from_slice(key);
    }
    Hmac::new((&*block).into())
}
