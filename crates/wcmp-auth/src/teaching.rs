//! **For teaching only**: the scheme as it was first written down ("suite 0"),
//! beside what broke it. No policy offers it, and [`Suite`](crate::Suite) has no
//! number for it.
//!
//! ```text
//! server stores   H = kdf(pass, N)
//! server sends    M > N, and a nonce i
//! both compute    k = kdf(kdf(pass, M) + i, 1)        the server: kdf(kdf(H, M - N) + i, 1)
//! client calls    "user=login&sign=" HMAC(k, "user=login")
//! ```
//!
//! kdf(pass, n) is X_n of auth 2, since PBKDF2 alone does not compose; "+" puts
//! bytes behind each other; kdf(bytes, 1) is one iteration of PBKDF2-HMAC-SHA256
//! without salt.
//!
//! ```
//! use wcmp_auth::kdf::stretch;
//! use wcmp_auth::{Cost, teaching};
//!
//! let cost = Cost::Pbkdf2 { iterations: 100_000 };
//! let (salt, nonce) = ([7; 16], [9; 32]);
//! let client = |password| stretch("realm", "alice", password, &salt, &cost);
//! let record = client("secret")?.advance(&salt, 1, 2); // H, N = 2
//!
//! let sent = teaching::sign(&client("secret")?, &salt, 1, 3, &nonce, "alice"); // M = 3
//! assert!(teaching::verify(&record, &salt, 1, 3, &nonce, "alice", &sent));
//!
//! // What is wrong with it. Who steals the record can log in:
//! let stolen = teaching::sign(&record, &salt, 1, 3, &nonce, "alice");
//! assert_eq!(stolen, sent);
//! // Who listens can try passwords, at home:
//! let guess = teaching::sign(&client("secret")?, &salt, 1, 3, &nonce, "alice");
//! assert_eq!(guess, sent);
//! // And nothing else of the call is signed: not its method, path or body, nor
//! // does the server show anything to the client.
//! # Ok::<(), wcmp_auth::kdf::StretchError>(())
//! ```

use alloc::vec::Vec;

use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::kdf::{Point, hmac};

/// "sign": of a client, from X_0 of its password, or of whoever has any point
/// below `m`, such as a server's record.
#[must_use]
pub fn sign(x: &Point, salt: &[u8], cs: u32, m: u32, nonce: &[u8], login: &str) -> [u8; 32] {
    let mut input = Zeroizing::new(Vec::with_capacity(32 + nonce.len()));
    input.extend_from_slice(x.advance(salt, cs, m).dangerous_bytes());
    input.extend_from_slice(nonce);
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(&input, &[], 1, &mut *key);
    *hmac(&*key, &[b"user=", login.as_bytes()].concat())
}

/// Whether a client's "sign" is what the server's record makes of it.
#[must_use]
pub fn verify(
    record: &Point,
    salt: &[u8],
    cs: u32,
    m: u32,
    nonce: &[u8],
    login: &str,
    sent: &[u8; 32],
) -> bool {
    let signed = sign(record, salt, cs, m, nonce, login);
    // A record that is at M already would be what the client sends kdf of.
    m > record.index() && bool::from(signed.ct_eq(sent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_meet_at_m_only_for_the_same_password_nonce_and_login() {
        let (salt, nonce) = ([7; 16], [9; 32]);
        let (x0, other) = (Point::new(0, &[1; 32]), Point::new(0, &[2; 32]));
        let record = x0.advance(&salt, 1, 10);
        let sent = sign(&x0, &salt, 1, 12, &nonce, "alice");
        let good = |record: &Point, m, nonce: &[u8], login: &str| {
            verify(record, &salt, 1, m, nonce, login, &sent)
        };
        assert!(good(&record, 12, &nonce, "alice"));
        assert!(!good(&record, 11, &nonce, "alice"));
        assert!(!good(&record, 12, &[8; 32], "alice"));
        assert!(!good(&record, 12, &nonce, "bob"));
        assert!(!good(&other.advance(&salt, 1, 10), 12, &nonce, "alice"));
        // M > N.
        let at_n = sign(&x0, &salt, 1, 10, &nonce, "alice");
        assert!(!verify(&record, &salt, 1, 10, &nonce, "alice", &at_n));
    }
}
