//! Lengths and characters (auth 1).

use core::fmt;
use core::ops::RangeInclusive;

/// Bytes of a login.
pub const LOGIN: RangeInclusive<usize> = 1..=255;
/// Bytes of a realm.
pub const REALM: RangeInclusive<usize> = 1..=255;
/// Bytes of a password.
pub const PASSWORD: RangeInclusive<usize> = 1..=1024;
/// Bytes of a device's label.
pub const DEVICE: RangeInclusive<usize> = 0..=255;
/// Bytes of scopes.
pub const SCOPES: RangeInclusive<usize> = 0..=1024;
/// Bytes of a server's context.
pub const CTX: RangeInclusive<usize> = 1..=4096;
/// Bytes of a salt.
pub const SALT: RangeInclusive<usize> = 16..=64;
/// Seconds for which a challenge is good (auth 3, m2).
pub const CHALLENGE_SECONDS: u64 = 120;
/// The most seconds for which a session is granted (auth 3, m3): 24 hours.
pub const MAX_TTL: u32 = 24 * 60 * 60;

/// What a caller of this library, or the peer whose message it hands over, got
/// wrong: a text or list outside the limits of auth 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The realm's length.
    Realm,
    /// The login's length.
    Login,
    /// The password's length.
    Password,
    /// The device's length, or a control character in it.
    Device,
    /// The scopes: length, characters, or spaces that are not single.
    Scopes,
    /// The suites: 1 to 16 without duplicates.
    Suites,
    /// The salt's length.
    Salt,
    /// The context's length.
    Ctx,
    /// An ephemeral key without a suite that needs one, or the reverse.
    Ephemeral,
    /// Parameters outside [`Parameters::check`](crate::Parameters::check).
    Parameters,
    /// Challenge keys: a number that is still in use.
    KeyNumber,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::Realm => "realm of wrong length",
            Misuse::Login => "login of wrong length",
            Misuse::Password => "password of wrong length",
            Misuse::Device => "device of wrong length or with control characters",
            Misuse::Scopes => "scopes that are not tokens with single spaces",
            Misuse::Suites => "suites that are not 1 to 16 different ones",
            Misuse::Salt => "salt of wrong length",
            Misuse::Ctx => "context of wrong length",
            Misuse::Ephemeral => "ephemeral key without need, or missing",
            Misuse::Parameters => "parameters outside the limits",
            Misuse::KeyNumber => "key number in use",
        })
    }
}

impl core::error::Error for Misuse {}

pub(crate) fn sized(
    text: &str,
    range: RangeInclusive<usize>,
    misuse: Misuse,
) -> Result<(), Misuse> {
    if range.contains(&text.len()) {
        Ok(())
    } else {
        Err(misuse)
    }
}

pub(crate) fn device(text: &str) -> Result<(), Misuse> {
    if text.chars().any(char::is_control) {
        return Err(Misuse::Device);
    }
    sized(text, DEVICE, Misuse::Device)
}

/// RFC 6749, section 3.3, or nothing.
pub(crate) fn scopes(text: &str) -> Result<(), Misuse> {
    let token = |token: &str| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if !text.is_empty() && !text.split(' ').all(token) {
        return Err(Misuse::Scopes);
    }
    sized(text, SCOPES, Misuse::Scopes)
}

/// Whether every granted scope was asked for, for a client: if it asked for none,
/// it takes whatever the server chooses.
pub(crate) fn scopes_within(granted: &str, asked: &str) -> bool {
    granted.is_empty()
        || asked.is_empty()
        || granted
            .split(' ')
            .all(|one| asked.split(' ').any(|other| one == other))
}

/// Whether `granted` is what was asked for or less, in the asked order: what a
/// server grants (auth 5).
pub(crate) fn scopes_in_order(granted: &str, asked: &str) -> bool {
    let mut asked = asked.split(' ');
    granted.is_empty()
        || granted
            .split(' ')
            .all(|one| asked.any(|other| one == other))
}

/// Whether `login` is in prepared form for a program that prepares ASCII only:
/// printable, no space, no capital. RFC 8265 (UsernameCaseMapped) leaves such a
/// login as it is.
#[must_use]
pub fn is_ascii_login(login: &str) -> bool {
    LOGIN.contains(&login.len())
        && login
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
}

/// Whether `password` is in prepared form for a program that prepares ASCII
/// only: printable. RFC 8265 (OpaqueString) leaves such a password as it is.
#[must_use]
pub fn is_ascii_password(password: &str) -> bool {
    PASSWORD.contains(&password.len())
        && password.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_tokens_with_single_spaces() {
        for good in ["", "read", "read write", "a!#[]~"] {
            assert_eq!(scopes(good), Ok(()), "{good:?}");
        }
        for bad in [
            " ", "read ", " read", "a  b", "a\"b", "a\\b", "a\tb", "ä", "a\u{7f}",
        ] {
            assert_eq!(scopes(bad), Err(Misuse::Scopes), "{bad:?}");
        }
        assert!(scopes(&"a".repeat(1024)).is_ok() && scopes(&"a".repeat(1025)).is_err());
        assert!(scopes_within("read", "write read") && scopes_within("", "read"));
        assert!(!scopes_within("rea", "read") && !scopes_within("read admin", "read"));
        assert!(scopes_in_order("a c", "a b c") && scopes_in_order("", ""));
        for (granted, asked) in [("c a", "a b c"), ("a", ""), ("a a", "a"), ("ab", "a b")] {
            assert!(!scopes_in_order(granted, asked));
        }
    }

    #[test]
    fn realms_have_one_to_255_bytes() {
        let realm = |len| sized(&"x".repeat(len), REALM, Misuse::Realm);
        assert!(realm(1).is_ok() && realm(255).is_ok());
        assert!(realm(0).is_err() && realm(256).is_err());
    }

    #[test]
    fn devices_have_no_control_characters() {
        assert!(device("").is_ok() && device("Büro 3").is_ok());
        assert!(device("a\nb").is_err() && device("a\u{85}b").is_err());
        assert!(device(&"x".repeat(255)).is_ok() && device(&"x".repeat(256)).is_err());
    }
}
