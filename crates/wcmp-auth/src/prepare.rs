//! Preparing texts as people type them (RFC 8265, auth 1), so that a password
//! typed elsewhere gives the same bytes. Clients prepare both; a server prepares
//! the login again and refuses one that this changes.

use alloc::string::String;

use precis_profiles::precis_core::profile::PrecisFastInvocation;
use precis_profiles::{OpaqueString, UsernameCaseMapped};
use zeroize::Zeroizing;

use crate::limits::{self, Misuse};

/// A login, by the profile UsernameCaseMapped.
///
/// ```
/// assert_eq!(wcmp_auth::prepare::login("Müller").as_deref(), Ok("müller"));
/// assert!(wcmp_auth::prepare::login("two words").is_err());
/// ```
///
/// # Errors
/// [`Misuse::Login`] for what no login can be, and for lengths outside 1..255.
pub fn login(text: &str) -> Result<String, Misuse> {
    // No preparation makes a text ten times shorter.
    limits::sized(text, 1..=10 * limits::LOGIN.end(), Misuse::Login)?;
    let prepared = UsernameCaseMapped::enforce(text).map_err(|_| Misuse::Login)?;
    limits::sized(&prepared, limits::LOGIN, Misuse::Login)?;
    Ok(prepared.into_owned())
}

/// A password, by the profile OpaqueString. The caller wipes what it gave.
///
/// ```
/// let typed = "pa\u{308}sswo\u{308}rd"; // on a system that decomposes
/// assert_eq!(*wcmp_auth::prepare::password(typed).unwrap(), "pässwörd");
/// ```
///
/// # Errors
/// [`Misuse::Password`] for what no password can be, such as control characters,
/// and for lengths outside 1..1024.
pub fn password(text: &str) -> Result<Zeroizing<String>, Misuse> {
    limits::sized(text, 1..=10 * limits::PASSWORD.end(), Misuse::Password)?;
    let prepared = OpaqueString::enforce(text).map_err(|_| Misuse::Password)?;
    let prepared = Zeroizing::new(prepared.into_owned());
    limits::sized(&prepared, limits::PASSWORD, Misuse::Password)?;
    Ok(prepared)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 8265, section 3.5.
    #[test]
    fn logins_of_rfc_8265() {
        for (text, prepared) in [
            ("juliet@example.com", "juliet@example.com"),
            ("fussball", "fussball"),
            ("fu\u{df}ball", "fu\u{df}ball"),
            ("\u{3c0}", "\u{3c0}"),
            ("\u{3a3}", "\u{3c3}"),
            ("\u{3c3}", "\u{3c3}"),
            ("\u{3c2}", "\u{3c2}"),
        ] {
            assert_eq!(login(text).as_deref(), Ok(prepared));
        }
        for text in ["foo bar", "", "henry\u{2163}", "\u{221e}"] {
            assert_eq!(login(text), Err(Misuse::Login), "{text:?}");
        }
    }

    /// RFC 8265, section 4.3.
    #[test]
    fn passwords_of_rfc_8265() {
        for (text, prepared) in [
            (
                "correct horse battery staple",
                "correct horse battery staple",
            ),
            (
                "Correct Horse Battery Staple",
                "Correct Horse Battery Staple",
            ),
            ("\u{3c0}\u{df}\u{e5}", "\u{3c0}\u{df}\u{e5}"),
            ("Jack of \u{2666}s", "Jack of \u{2666}s"),
            ("foo\u{1680}bar", "foo bar"),
        ] {
            assert_eq!(password(text).unwrap().as_str(), prepared);
        }
        for text in ["", "my cat is a \tby"] {
            assert_eq!(password(text), Err(Misuse::Password), "{text:?}");
        }
    }

    #[test]
    fn lengths_count_when_prepared() {
        // Full-width letters take three bytes, and are mapped to one.
        let wide = |n| "\u{ff41}".repeat(n);
        assert_eq!(login(&wide(255)), Ok("a".repeat(255)));
        assert_eq!(login(&wide(256)), Err(Misuse::Login));
        assert!(password(&"a".repeat(1024)).is_ok());
        assert!(password(&"a".repeat(1025)).is_err());
        assert!(login(&"a".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn ascii_needs_no_tables(text in "[ -~]{0,12}") {
            prop_assert_eq!(login(&text).as_ref() == Ok(&text), limits::is_ascii_login(&text));
            let kept = password(&text).is_ok_and(|prepared| *prepared == text);
            prop_assert_eq!(kept, limits::is_ascii_password(&text));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = login(&text);
            let _ = password(&text);
        }
    }
}
