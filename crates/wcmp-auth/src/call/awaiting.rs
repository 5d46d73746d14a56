//! The client's wait for an answer (auth 4).

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::client::LABEL;
use super::digest::Digests;
use super::fields::Fields;
use super::signature::{Component, Signature};
use super::verify::Target;
use super::{CallError, CallKey};

/// Why an answer is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is not signed as it has to be.
    Signature(CallError),
    /// It is signed for another token.
    Token,
    /// Its content does not fit its digest.
    Digest,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AnswerError::Signature(_) => "answer is not signed by the server",
            AnswerError::Token => "answer is for another session",
            AnswerError::Digest => "answer does not fit its digest",
        })
    }
}

impl core::error::Error for AnswerError {}

impl From<CallError> for AnswerError {
    fn from(error: CallError) -> AnswerError {
        AnswerError::Signature(error)
    }
}

/// A call that was signed and has no answer yet.
pub struct Awaiting {
    pub(super) k_resp: CallKey,
    pub(super) token: [u8; 16],
    pub(super) authority: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) content_digest: Option<String>,
    pub(super) input: String,
    pub(super) signature: String,
}

impl fmt::Debug for Awaiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Awaiting({:?} {:?}, ..)", self.method, self.target)
    }
}

/// What is known of a verified answer: it is the server's, to this call, and
/// its status, content and content type are as it sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The server's time when it answered, seconds since 1970.
    pub created: u64,
}

impl Awaiting {
    /// Verifies an answer before anything in it is used. `headers` as for
    /// [`CallVerifier::parse`](super::CallVerifier::parse); `content` as
    /// received, before any decoding.
    ///
    /// # Errors
    /// [`AnswerError`]: the call may have been executed.
    pub fn verify<'a, I>(
        self,
        status: u16,
        headers: impl Fn() -> I,
        content: &[u8],
    ) -> Result<Answer, AnswerError>
    where
        I: Iterator<Item = (&'a str, &'a [u8])>,
    {
        let status = format!("{status}");
        let fields = Fields::read(headers())?;
        let input = fields.signature_input.ok_or(CallError::Absent)?;
        let signature = fields.signature.ok_or(CallError::Absent)?;
        let mut signature = Signature::read(input, signature)?;
        if signature.token != self.token {
            return Err(AnswerError::Token);
        }
        let target = Target::parse(&self.method, &self.target)?;
        signature.resolve(|component| match (component.name, component.req) {
            (b"@status", false) if component.key.is_none() => Ok(status.as_bytes()),
            (_, true) => self.of_call(&target, component).ok_or(CallError::Component),
            _ => fields.value(component, headers()),
        })?;
        let covers = |name: &str, req, key: Option<&str>| {
            let wanted = (name.as_bytes(), req, key.map(str::as_bytes));
            signature
                .components
                .iter()
                .any(|component| (component.name, component.req, component.key) == wanted)
        };
        let all = covers("@status", false, None)
            && covers("content-digest", false, None)
            && (fields.content_type.is_none() || covers("content-type", false, None))
            && covers("@method", true, None)
            && covers("@path", true, None)
            && covers("signature", true, Some(LABEL))
            && fields.sensitive_are_covered(&signature.components);
        if !all {
            return Err(CallError::Uncovered.into());
        }
        signature.verify(&self.k_resp)?;
        let digest = fields.content_digest.unwrap_or_default();
        let mut digests = Digests::parse(digest).map_err(|_| AnswerError::Digest)?;
        digests.update(content);
        digests.verify().map_err(|_| AnswerError::Digest)?;
        Ok(Answer {
            created: signature.created,
        })
    }

    /// The value of a component that is of the call.
    fn of_call<'a>(&'a self, target: &Target<'a>, component: &Component<'_>) -> Option<&'a [u8]> {
        let label = LABEL.as_bytes();
        match (component.name, component.key) {
            (b"@authority", None) => Some(self.authority.as_bytes()),
            (b"content-digest", None) => self.content_digest.as_deref().map(str::as_bytes),
            (b"signature", Some(key)) if key == label => Some(self.signature.as_bytes()),
            (b"signature-input", Some(key)) if key == label => Some(self.input.as_bytes()),
            (name, None) => target.component(name),
            _ => None,
        }
    }
}
