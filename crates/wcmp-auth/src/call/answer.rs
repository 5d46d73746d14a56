//! The server's signed answers (auth 4).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use data_encoding::{BASE64, BASE64URL_NOPAD};

use super::fields::MUST_COVER;
use super::signature::{ALG, TAG, field_value, last_line, line};
use super::{CallKey, content_digest};

/// The label of an answer's signature.
const LABEL: &str = "knh1";

/// A status that is no three digits, or a content type with control characters:
/// the answer cannot be sent, signed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsignable;

impl fmt::Display for Unsignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("answer cannot be signed")
    }
}

impl core::error::Error for Unsignable {}

/// What is kept of a call until its answer is signed.
pub struct Answering {
    k_resp: CallKey,
    token: [u8; 16],
    is_head: bool,
    /// What is signed of the call: method, path, signature.
    lines: Vec<u8>,
    /// Where the last line names the component that is the signature.
    of_call: Range<usize>,
    /// Names and values of further fields.
    covered: Vec<(&'static str, Vec<u8>)>,
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answering(..)")
    }
}

/// Three fields of an answer, which replace any that its maker has set. With
/// them goes `Cache-Control: no-store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFields {
    /// Content-Digest.
    pub content_digest: String,
    /// Signature-Input.
    pub signature_input: String,
    /// Signature.
    pub signature: String,
}

impl Answering {
    pub(super) fn new(
        k_resp: &CallKey,
        token: &[u8; 16],
        method: &str,
        path: &str,
        label: &[u8],
        signature: &[u8],
    ) -> Answering {
        let mut lines = Vec::with_capacity(128 + path.len() + label.len() + signature.len());
        line(&mut lines, b"\"@method\";req", method.as_bytes());
        line(&mut lines, b"\"@path\";req", path.as_bytes());
        let start = lines.len();
        lines.extend_from_slice(b"\"signature\";req;key=\"");
        lines.extend_from_slice(label);
        let of_call = start..lines.len() + 1;
        line(&mut lines, b"\"", signature);
        Answering {
            k_resp: k_resp.share(),
            token: *token,
            is_head: method == "HEAD",
            lines,
            of_call,
            covered: Vec::new(),
        }
    }

    /// Covers one more field of the answer, which has it once: one of
    /// [`MUST_COVER`](super::MUST_COVER), which clients refuse uncovered, since the
    /// digest is one of what was sent and not of what it means.
    ///
    /// # Errors
    /// [`Unsignable`] for other fields, twice the same, and values with control
    /// characters.
    pub fn covering(mut self, name: &str, value: &[u8]) -> Result<Answering, Unsignable> {
        let known = MUST_COVER
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        let (name, value) = (*known.ok_or(Unsignable)?, field_value(value));
        if self.covered.iter().any(|(covered, _)| *covered == name) {
            return Err(Unsignable);
        }
        self.covered.push((name, value.ok_or(Unsignable)?.to_vec()));
        Ok(self)
    }

    /// Signs the answer, at `created`, the server's time in seconds since 1970:
    /// clients set their clocks by it.
    ///
    /// `content_type` is the one field of that name, if the answer has it.
    /// `content` is what is sent, after any Content-Encoding; for HEAD and for
    /// statuses without content, nothing is.
    ///
    /// # Errors
    /// [`Unsignable`].
    pub fn sign(
        self,
        status: u16,
        content_type: Option<&[u8]>,
        content: &[u8],
        created: u64,
    ) -> Result<AnswerFields, Unsignable> {
        if !(100..=999).contains(&status) {
            return Err(Unsignable);
        }
        let content_type = match content_type {
            Some(value) => Some(field_value(value).ok_or(Unsignable)?),
            None => None,
        };
        let no_content = self.is_head || matches!(status, 100..=199 | 204 | 304);
        let content_digest = content_digest(if no_content { &[] } else { content });

        let (mut number, mut keyid) = (itoa::Buffer::new(), [0; 22]);
        let mut base = Vec::with_capacity(1024);
        line(&mut base, b"\"@status\"", number.format(status).as_bytes());
        if let Some(value) = content_type {
            line(&mut base, b"\"content-type\"", value);
        }
        line(&mut base, b"\"content-digest\"", content_digest.as_bytes());
        base.extend_from_slice(&self.lines);
        for (name, value) in &self.covered {
            line(&mut base, format!("\"{name}\"").as_bytes(), value);
        }
        last_line(&mut base, b"");
        let input = base.len();
        base.extend_from_slice(b"(\"@status\"");
        if content_type.is_some() {
            base.extend_from_slice(b" \"content-type\"");
        }
        base.extend_from_slice(b" \"content-digest\" \"@method\";req \"@path\";req ");
        base.extend_from_slice(self.lines.get(self.of_call).unwrap_or_default());
        for (name, _) in &self.covered {
            base.extend_from_slice(format!(" \"{name}\"").as_bytes());
        }
        BASE64URL_NOPAD.encode_mut(&self.token, &mut keyid);
        for text in [
            b");created=".as_slice(),
            number.format(created).as_bytes(),
            b";keyid=\"",
            &keyid,
            b"\";alg=\"",
            ALG.as_bytes(),
            b"\";tag=\"",
            TAG.as_bytes(),
            b"\"",
        ] {
            base.extend_from_slice(text);
        }
        let input = base
            .get(input..)
            .and_then(|input| str::from_utf8(input).ok());
        let signature_input = [LABEL, "=", input.ok_or(Unsignable)?].concat();
        // Exactly as long as it gets: so it becomes a header's value as it is.
        let mut signature = String::with_capacity(LABEL.len() + 47);
        signature.extend([LABEL, "=:"]);
        BASE64.encode_append(&*self.k_resp.mac(&base), &mut signature);
        signature.push(':');
        Ok(AnswerFields {
            content_digest,
            signature_input,
            signature,
        })
    }
}
