//! Why a call is refused (auth 4).

use alloc::string::String;
use core::fmt;

/// Why a call is not authentic: 401 `invalid_signature`, **not** signed, and
/// nothing has changed. The kinds are for the server's own log; clients get one
/// answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError {
    /// No signature with our tag.
    Absent,
    /// Signature-Input or Signature is no structured field of the right shape,
    /// or has too many parts.
    Syntax,
    /// A label, component, field or parameter was given twice.
    Twice,
    /// A parameter of the signature is missing or ill-typed, or its value is
    /// none that we take.
    Parameter,
    /// A covered component that is unknown, has parameters, or is not in the
    /// message.
    Component,
    /// A component that must be covered is not.
    Uncovered,
    /// The method is no token, or the request target is not in origin form, has
    /// dot segments, or characters that no target has.
    Target,
    /// The MAC is wrong.
    Mac,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CallError::Absent => "no signature",
            CallError::Syntax => "signature fields malformed",
            CallError::Twice => "part of the signature given twice",
            CallError::Parameter => "signature parameter wrong",
            CallError::Component => "covered component wrong",
            CallError::Uncovered => "component not covered",
            CallError::Target => "method or target wrong",
            CallError::Mac => "MAC wrong",
        })
    }
}

impl core::error::Error for CallError {}

/// Why a call with a right MAC is refused: 401 `invalid_signature`, signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The nonce was seen, or is below the window. The call may have been
    /// executed.
    Replayed {
        /// The smallest good counter, if there is one.
        next: Option<u64>,
    },
    /// `created` is too far from the server's time, or `expires` has passed.
    Clock,
    /// The session has expired.
    Expired,
    /// The session was revoked.
    Revoked,
    /// The session was refreshed: its successor is to be used.
    Spent,
    /// The session was refreshed, and this is another refresh of it: its key is in
    /// two hands. All sessions since its login are revoked (auth 6).
    Reuse,
    /// The body does not fit the digest.
    Digest,
}

impl Reason {
    /// The "reason" member.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Reason::Replayed { .. } => "replayed",
            Reason::Clock => "clock",
            Reason::Expired => "expired",
            Reason::Revoked => "revoked",
            Reason::Spent => "spent",
            Reason::Reuse => "reuse",
            Reason::Digest => "digest",
        }
    }

    /// For a client: the reason of a **verified** answer's "reason" and "next".
    #[must_use]
    pub fn from_code(code: &str, next: Option<u64>) -> Option<Reason> {
        let reasons = [
            Reason::Replayed { next },
            Reason::Clock,
            Reason::Expired,
            Reason::Revoked,
            Reason::Spent,
            Reason::Reuse,
            Reason::Digest,
        ];
        reasons.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The value of WWW-Authenticate that goes with every 401 of a call: the realm
/// as a quoted string (RFC 9110, section 5.6.4).
///
/// ```
/// assert_eq!(wcmp_auth::call::www_authenticate(r#"a "b""#), r#"KNH1 realm="a \"b\"""#);
/// ```
#[must_use]
pub fn www_authenticate(realm: &str) -> String {
    let mut out = String::from("KNH1 realm=\"");
    for c in realm.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // No field's value can hold these.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
