//! The client's side: requests to sign, answers to verify (auth 4).
//!
//! ```text
//! Caller --sign(request)--> CallFields to send, Awaiting --verify(answer)--> Answer
//! ```
//!
//! An answer that is unsigned, or does not verify, is **no answer**: the call may
//! have been executed. Clients follow no redirects; nobody but the server that
//! was called can answer.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use sha2::{Digest, Sha256};

use super::digest::digest_field;
use super::signature::{ALG, TAG, field_value, is_field_name, last_line, line};
use super::verify::{BadAuthority, Target, authority};
use super::{CallKey, Reason};
use crate::SessionKey;

/// The label of a call's signature.
pub(super) const LABEL: &str = "sig1";
/// Seconds within which a refusal for its time has to arrive for the call to be
/// repeated. One that comes late may answer a second copy, made on the way, of
/// a call that was executed.
pub const PROMPT_SECONDS: u64 = 10;

pub use super::awaiting::{Answer, AnswerError, Awaiting};

/// A session as its client uses it against one server. Holds k_req and k_resp.
pub struct Caller {
    k_req: CallKey,
    k_resp: CallKey,
    token: [u8; 16],
    authority: String,
    counter: u64,
    // The server's clock minus ours.
    offset: i64,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("authority", &self.authority)
            .field("counter", &self.counter)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// A request to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in its case.
    pub method: &'a str,
    /// Path and query, as sent.
    pub target: &'a str,
    /// The body, if there is one.
    pub content: Option<Content<'a>>,
    /// Further fields to cover, names in lower case. Content-Encoding and
    /// Content-Range have to be among them if they are sent.
    pub fields: &'a [(&'a str, &'a [u8])],
}

/// A request's body, as far as it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// Content-Type.
    pub content_type: &'a [u8],
    /// SHA-256 of the body as sent.
    pub sha256: [u8; 32],
}

impl<'a> Content<'a> {
    /// A body that is there as a whole.
    #[must_use]
    pub fn new(content_type: &'a [u8], body: &[u8]) -> Content<'a> {
        Content {
            content_type,
            sha256: Sha256::digest(body).into(),
        }
    }
}

/// Fields of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallFields {
    /// Content-Digest, if there is a body.
    pub content_digest: Option<String>,
    /// Signature-Input.
    pub signature_input: String,
    /// Signature.
    pub signature: String,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The method is no token, or the target has dot segments or is no path and
    /// query.
    Target,
    /// A field to be covered has a wrong name, or control characters.
    Field,
    /// All counters are used up.
    Counter,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SignError::Target => "method or target wrong",
            SignError::Field => "field cannot be signed",
            SignError::Counter => "counters used up",
        })
    }
}

impl core::error::Error for SignError {}

impl Caller {
    /// Calls the server that `key`'s session is with, by the authority that it
    /// has in its configuration.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn new(
        token: &[u8; 16],
        key: &SessionKey,
        authority: &str,
    ) -> Result<Caller, BadAuthority> {
        let (k_req, k_resp) = (key.request(), key.response());
        Caller::with_keys(token, &k_req, &k_resp, authority)
    }

    /// Calls the resource server `authority` with the keys for it.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn of_audience(
        token: &[u8; 16],
        key: &SessionKey,
        authority: &str,
    ) -> Result<Caller, BadAuthority> {
        let audience = self::authority(authority)?;
        let k_req = key.audience_request(&audience);
        let k_resp = key.audience_response(&audience);
        Caller::with_keys(token, &k_req, &k_resp, &audience)
    }

    fn with_keys(
        token: &[u8; 16],
        k_req: &[u8; 32],
        k_resp: &[u8; 32],
        authority: &str,
    ) -> Result<Caller, BadAuthority> {
        Ok(Caller {
            k_req: CallKey::new(k_req),
            k_resp: CallKey::new(k_resp),
            token: *token,
            authority: self::authority(authority)?,
            counter: 1,
            offset: 0,
        })
    }

    /// The next call's counter. Whoever keeps a session over a restart keeps this.
    #[must_use]
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Goes on with `counter`, if it is not behind.
    pub fn skip_to(&mut self, counter: u64) {
        self.counter = self.counter.max(counter);
    }

    /// Takes the server's clock to show `server_time` while ours shows `now`:
    /// after a login, or by an answer that was prompt.
    pub fn set_clock(&mut self, server_time: u64, now: u64) {
        let offset = i128::from(server_time) - i128::from(now);
        self.offset = i64::try_from(offset).unwrap_or(0);
    }

    /// Signs `request` with the next counter; `now` is our clock, seconds since
    /// 1970.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(
        &mut self,
        request: &Request<'_>,
        now: u64,
    ) -> Result<(CallFields, Awaiting), SignError> {
        let after = self.counter.checked_add(1).ok_or(SignError::Counter)?;
        let target =
            Target::parse(request.method, request.target).map_err(|_| SignError::Target)?;
        let query = target.component(b"@query").unwrap_or_default();
        let digest = request.content.map(|content| digest_field(&content.sha256));

        let mut base = Vec::with_capacity(512);
        let mut input = String::from(r#"("@method" "@authority" "@path" "@query""#);
        line(&mut base, b"\"@method\"", target.method.as_bytes());
        line(&mut base, b"\"@authority\"", self.authority.as_bytes());
        line(&mut base, b"\"@path\"", target.path.as_bytes());
        line(&mut base, b"\"@query\"", query);
        if let (Some(content), Some(digest)) = (&request.content, &digest) {
            let content_type = field_value(content.content_type).ok_or(SignError::Field)?;
            input.push_str(r#" "content-digest" "content-type""#);
            line(&mut base, b"\"content-digest\"", digest.as_bytes());
            line(&mut base, b"\"content-type\"", content_type);
        }
        for (name, value) in request.fields {
            let value = field_value(value).filter(|_| is_field_name(name.as_bytes()));
            let identifier = format!(r#""{name}""#);
            line(
                &mut base,
                identifier.as_bytes(),
                value.ok_or(SignError::Field)?,
            );
            input.push(' ');
            input.push_str(&identifier);
        }
        let created = now.saturating_add_signed(self.offset);
        input.push_str(&format!(
            r#");created={created};nonce="{}";keyid="{}";alg="{ALG}";tag="{TAG}""#,
            self.counter,
            BASE64URL_NOPAD.encode(&self.token),
        ));
        last_line(&mut base, input.as_bytes());
        let signature = format!(":{}:", BASE64.encode(&*self.k_req.mac(&base)));
        self.counter = after;
        let fields = CallFields {
            content_digest: digest.clone(),
            signature_input: format!("{LABEL}={input}"),
            signature: format!("{LABEL}={signature}"),
        };
        let awaiting = Awaiting {
            k_resp: self.k_resp.share(),
            token: self.token,
            authority: self.authority.clone(),
            method: request.method.into(),
            target: request.target.into(),
            content_digest: digest,
            input,
            signature,
        };
        Ok((fields, awaiting))
    }

    /// Draws the conclusions from a refusal, of a **verified** answer to a call
    /// that was signed at `sent` and answered at `now`. True if the call was
    /// not executed and is to be signed anew and sent once more, once.
    ///
    /// That is so for a prompt [`Reason::Clock`]. [`Reason::Replayed`] moves the
    /// counter, but may be the answer to a second copy, made on the way, of a
    /// call that was executed.
    pub fn recover(&mut self, reason: Reason, answer: &Answer, sent: u64, now: u64) -> bool {
        match reason {
            Reason::Clock if now.checked_sub(sent).is_some_and(|s| s <= PROMPT_SECONDS) => {
                self.set_clock(answer.created, now);
                true
            }
            Reason::Replayed { next: Some(next) } => {
                self.skip_to(next);
                false
            }
            _ => false,
        }
    }
}
