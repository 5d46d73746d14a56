//! The server's side of a call: from a request's head to what may be executed
//! (auth 4).

use alloc::string::String;
use core::fmt;

use super::digest::{BadDigest, Digests};
use super::fields::Fields;
use super::replay::Nonce;
use super::signature::Signature;
use super::{Answering, CallError, CallKey};

/// By how many seconds a call's `created` may differ from the server's time.
pub const CLOCK_SECONDS: u64 = 300;

/// What a server verifies calls with: its own authority, from its
/// configuration, never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallVerifier {
    authority: String,
}

/// The authority is empty, or has characters that no authority has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAuthority;

impl fmt::Display for BadAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an authority")
    }
}

impl core::error::Error for BadAuthority {}

/// An authority as it is signed: in lower case (RFC 9421, section 2.2.3). The
/// port is left out by whoever configures it, if it is the scheme's own.
pub(super) fn authority(text: &str) -> Result<String, BadAuthority> {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"/?#@\\\"".contains(&byte);
    match !text.is_empty() && text.bytes().all(allowed) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(BadAuthority),
    }
}

impl CallVerifier {
    /// For the server that clients call `authority`: host, and port unless it is
    /// the scheme's own.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn new(authority: &str) -> Result<CallVerifier, BadAuthority> {
        Ok(CallVerifier {
            authority: self::authority(authority)?,
        })
    }

    /// The authority, as it is signed.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Reads a request's signature. No key is needed and nothing is known yet:
    /// what the result tells is what somebody has claimed.
    ///
    /// `method` and `target` as received: the target in origin form, path and
    /// query, undecoded. `headers` gives all fields each time it is called, in
    /// any case, with fields given twice as two items.
    ///
    /// # Errors
    /// [`CallError`], to be answered with 401 and no signature.
    pub fn parse<'a, I>(
        &'a self,
        method: &'a str,
        target: &'a str,
        headers: impl Fn() -> I,
    ) -> Result<Call<'a>, CallError>
    where
        I: Iterator<Item = (&'a str, &'a [u8])>,
    {
        let fields = Fields::read(headers())?;
        let input = fields.signature_input.ok_or(CallError::Absent)?;
        let signature = fields.signature.ok_or(CallError::Absent)?;
        let target = Target::parse(method, target)?;
        let mut signature = Signature::read(input, signature)?;
        signature.resolve(|component| {
            if !component.name.starts_with(b"@") {
                return fields.value(component, headers());
            }
            if component.req || component.key.is_some() {
                return Err(CallError::Component);
            }
            match component.name {
                b"@authority" => Ok(self.authority.as_bytes()),
                name => target.component(name).ok_or(CallError::Component),
            }
        })?;
        let nonce = signature.nonce.map(str::from_utf8).and_then(Result::ok);
        let nonce = nonce.and_then(Nonce::parse);
        let body_needs: &[&str] = match fields.has_body {
            true => &["content-digest", "content-type"],
            false => &[],
        };
        let needed = ["@method", "@authority", "@path", "@query"];
        let mut needed = needed.iter().chain(body_needs);
        if !needed.all(|name| signature.covers(name))
            || !fields.sensitive_are_covered(&signature.components)
        {
            return Err(CallError::Uncovered);
        }
        Ok(Call(Authenticated {
            facts: Facts {
                token: signature.token,
                nonce: nonce.ok_or(CallError::Parameter)?,
                created: signature.created,
                expires: signature.expires,
            },
            digest: fields
                .content_digest
                .filter(|_| signature.covers("content-digest")),
            target,
            signature,
        }))
    }
}

/// A method and a request target, looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// With its "?", which is there even if no query is.
    query: &'a str,
}

impl<'a> Target<'a> {
    pub(super) fn parse(method: &'a str, target: &'a str) -> Result<Target<'a>, CallError> {
        let is_token = !method.is_empty() && method.bytes().all(super::sf::is_tchar);
        let graphic = target
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
        let query_at = target.bytes().position(|byte| byte == b'?');
        let query_at = query_at.unwrap_or(target.len());
        let (path, query) = target.split_at_checked(query_at).unwrap_or((target, ""));
        // Few paths have any segment that begins like a dot.
        let mut pairs = path.as_bytes().windows(2);
        let dotted = pairs.any(|pair| matches!(pair, [b'/', b'.' | b'%']))
            && path.split('/').any(is_dot_segment);
        if !is_token || !graphic || !path.starts_with('/') || dotted {
            return Err(CallError::Target);
        }
        Ok(Target {
            method,
            path,
            query: if query.is_empty() { "?" } else { query },
        })
    }

    /// The derived components that a request's head alone determines.
    pub(super) fn component(&self, name: &[u8]) -> Option<&'a [u8]> {
        match name {
            b"@method" => Some(self.method.as_bytes()),
            b"@path" => Some(self.path.as_bytes()),
            b"@query" => Some(self.query.as_bytes()),
            _ => None,
        }
    }
}

/// "." or "..", also with its dots percent-encoded: whoever serves the path may
/// take these for the same.
fn is_dot_segment(segment: &str) -> bool {
    let dot = |text: &str| -> Option<usize> {
        match text.as_bytes() {
            [b'.', ..] => Some(1),
            [b'%', b'2', b'e' | b'E', ..] => Some(3),
            _ => None,
        }
    };
    let Some(rest) = dot(segment).and_then(|len| segment.get(len..)) else {
        return false;
    };
    rest.is_empty() || dot(rest) == Some(rest.len())
}

/// What a store's atomic step needs to know of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The session's name.
    pub token: [u8; 16],
    /// What makes the call count once.
    pub nonce: Nonce,
    /// When the client made the call, seconds since 1970 by its clock; 0 for
    /// earlier times.
    pub created: u64,
    /// Until when the client wants it to be good, likewise.
    pub expires: Option<u64>,
}

impl Facts {
    /// Whether the times fit `now`: `created` within [`CLOCK_SECONDS`], `expires`
    /// not passed. If not, the reason is [`Reason::Clock`](super::Reason::Clock).
    #[must_use]
    pub fn is_timely(&self, now: u64) -> bool {
        now.abs_diff(self.created) <= CLOCK_SECONDS
            && self.expires.is_none_or(|expires| now <= expires)
    }
}

/// A request with a well-formed signature by whoever.
#[derive(Debug)]
pub struct Call<'a>(Authenticated<'a>);

impl<'a> Call<'a> {
    /// The token whose key has to be looked up. Nothing may be changed for it.
    #[must_use]
    pub fn token(&self) -> &[u8; 16] {
        &self.0.facts.token
    }

    /// Verifies the MAC with k_req of the session, or of the session and this
    /// server's audience. For a token that is not known the answer is that of
    /// [`CallError::Mac`].
    ///
    /// # Errors
    /// [`CallError::Mac`].
    pub fn authenticate(self, k_req: &CallKey) -> Result<Authenticated<'a>, CallError> {
        self.0.signature.verify(k_req)?;
        Ok(self.0)
    }
}

/// A call whose MAC is right: from the holder of the session's key, at some
/// time, perhaps not for the first time. Its head, as far as covered, is as it
/// was sent; nothing is known of the body.
#[derive(Debug)]
pub struct Authenticated<'a> {
    facts: Facts,
    target: Target<'a>,
    signature: Signature<'a>,
    digest: Option<&'a [u8]>,
}

impl Authenticated<'_> {
    /// What the atomic step needs.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether the field `name`, in lower case, is covered: what is not can be
    /// changed on the way.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.signature.covers(name)
    }

    /// What the body has to fit: the covered digest, or the empty content where
    /// none is covered.
    ///
    /// # Errors
    /// [`BadDigest`] if the digest is none that can be checked; the reason is
    /// [`Reason::Digest`](super::Reason::Digest).
    pub fn digests(&self) -> Result<Digests, BadDigest> {
        self.digest.map_or(Ok(Digests::EMPTY), Digests::parse)
    }

    /// What signs the answer, whatever it will be.
    #[must_use]
    pub fn answering(&self, k_resp: &CallKey) -> Answering {
        Answering::new(
            k_resp,
            &self.facts.token,
            self.target.method,
            self.target.path,
            self.signature.label,
            self.signature.value,
        )
    }
}
