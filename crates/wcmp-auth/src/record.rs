//! What a server stores of a password (auth 2), and what it shows of logins
//! that it does not know (auth 3).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Parameters;
use crate::encode::enc;
use crate::kdf::{Key, Point, StretchError, hmac, stretch};
use crate::limits::{self, Misuse};

/// {realm, login, kdf, salt, cost, cs, P, N, H = X_N}. Does not log in: a login
/// shows X_P, which is before H on the chain. Still to be kept like a password
/// file: H can be guessed against.
pub struct Record {
    realm: String,
    login: String,
    salt: Vec<u8>,
    parameters: Parameters,
    h: Point,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("realm", &self.realm)
            .field("login", &self.login)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// A record as a store has kept it.
    ///
    /// # Errors
    /// [`Misuse`] for lengths outside the limits and P, N that are not 1 <= P < N.
    pub fn new(
        realm: &str,
        login: &str,
        salt: &[u8],
        parameters: Parameters,
        h: &[u8; 32],
    ) -> Result<Record, Misuse> {
        limits::sized(realm, limits::REALM, Misuse::Realm)?;
        limits::sized(login, limits::LOGIN, Misuse::Login)?;
        if !limits::SALT.contains(&salt.len()) {
            return Err(Misuse::Salt);
        }
        if parameters.p == 0 || parameters.p >= parameters.n || parameters.cs == 0 {
            return Err(Misuse::Parameters);
        }
        Ok(Record {
            realm: realm.into(),
            login: login.into(),
            salt: salt.to_vec(),
            parameters,
            h: Point::new(parameters.n, h),
        })
    }

    /// The record of a password: a whole stretch of work. `salt` is
    /// [`UnknownLogins::salt`] of the next generation, so that a stranger sees no
    /// difference; realm, login and password are prepared (RFC 8265).
    ///
    /// # Errors
    /// As [`Record::new`] and [`stretch`].
    pub fn enrol(
        realm: &str,
        login: &str,
        password: &str,
        salt: &[u8],
        parameters: Parameters,
    ) -> Result<Record, StretchError> {
        // Before the work: what it would be in vain for.
        drop(Record::new(realm, login, salt, parameters, &[0; 32])?);
        let x0 = stretch(realm, login, password, salt, &parameters.cost)?;
        let h = x0.advance(salt, parameters.cs, parameters.n);
        Ok(Record::new(
            realm,
            login,
            salt,
            parameters,
            h.dangerous_bytes(),
        )?)
    }

    /// The same password's record further up the chain, without its user. P stays.
    /// Adds next to nothing to the work of a guess (auth 8).
    ///
    /// # Errors
    /// [`Misuse::Parameters`] unless `n` is above N.
    pub fn lift(&self, n: u32) -> Result<Record, Misuse> {
        if n <= self.parameters.n || n - self.parameters.n > 4096 {
            return Err(Misuse::Parameters);
        }
        let h = self.h.advance(&self.salt, self.parameters.cs, n);
        let parameters = Parameters {
            n,
            ..self.parameters
        };
        Record::new(
            &self.realm,
            &self.login,
            &self.salt,
            parameters,
            h.dangerous_bytes(),
        )
    }

    /// The realm.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The login.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.login
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Cost and positions.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// H, **secret**, for a store.
    #[must_use]
    pub fn dangerous_h(&self) -> &[u8; 32] {
        self.h.dangerous_bytes()
    }

    /// For an account whose password stays.
    #[cfg(feature = "std")]
    pub(crate) fn copy(&self) -> Record {
        Record {
            realm: self.realm.clone(),
            login: self.login.clone(),
            salt: self.salt.clone(),
            parameters: self.parameters,
            h: Point::new(self.parameters.n, self.h.dangerous_bytes()),
        }
    }

    pub(crate) fn point(&self) -> &Point {
        &self.h
    }
}

/// K_u: makes the salts of all logins and the records of those that are unknown.
/// Stays the same as long as the server's accounts do. **Secret**: who has it
/// tells unknown logins from known ones.
pub struct UnknownLogins(Key);

impl fmt::Debug for UnknownLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnknownLogins(..)")
    }
}

impl UnknownLogins {
    /// K_u = HMAC(`server_secret`, enc("unknown")).
    #[must_use]
    pub fn new(server_secret: &[u8; 32]) -> UnknownLogins {
        UnknownLogins(Key::new(&*hmac(server_secret, &enc("unknown", &[]))))
    }

    /// The salt of a login's password number `generation`, from 0. The store
    /// keeps the generation beside the record and adds one at each new password.
    #[must_use]
    pub fn salt(&self, realm: &str, login: &str, generation: u32) -> [u8; 16] {
        let generation = generation.to_be_bytes();
        let fields: [&[u8]; 3] = [realm.as_bytes(), login.as_bytes(), &generation];
        let whole = self.0.mac(&enc("salt", &fields));
        let mut salt = [0; 16];
        for (to, from) in salt.iter_mut().zip(whole.iter()) {
            *to = *from;
        }
        salt
    }

    /// What stands for the H of an unknown login: X_`n` of no password.
    pub(crate) fn point(&self, realm: &str, login: &str, n: u32) -> Point {
        let h = self
            .0
            .mac(&enc("record", &[realm.as_bytes(), login.as_bytes()]));
        Point::new(n, &h)
    }
}
