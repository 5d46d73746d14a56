//! The same for messages of the crate `http` (feature `http`).

use alloc::vec::Vec;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, Uri, request};

use super::client::{self, Answer, AnswerError, Awaiting, Caller, Content, SignError};
use super::fields::MUST_COVER;
use super::{AnswerFields, Call, CallError, CallVerifier};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");

impl CallVerifier {
    /// [`CallVerifier::parse`] of a request's head.
    ///
    /// # Errors
    /// As there.
    pub fn parse_parts<'a>(&'a self, parts: &'a request::Parts) -> Result<Call<'a>, CallError> {
        let target = target(&parts.uri);
        self.parse(parts.method.as_str(), target, || pairs(&parts.headers))
    }
}

impl AnswerFields {
    /// Sets the fields of a signed answer, and `Cache-Control: no-store`, in
    /// place of any that are there.
    pub fn set(self, headers: &mut HeaderMap) {
        let signed = [
            (CONTENT_DIGEST, self.content_digest),
            (SIGNATURE_INPUT, self.signature_input),
            (SIGNATURE, self.signature),
        ];
        for (name, value) in signed {
            // They are all printable ASCII.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

impl Caller {
    /// Signs `request`, whose fields are complete, and sets those of the
    /// signature. Its authority in the URI is not looked at. A body needs a
    /// Content-Type; fields that have to be covered, such as Content-Encoding,
    /// are.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign_request<B: AsRef<[u8]>>(
        &mut self,
        request: &mut Request<B>,
        now: u64,
    ) -> Result<Awaiting, SignError> {
        let headers = request.headers();
        let body = request.body().as_ref();
        let content = match (body.is_empty(), headers.get(CONTENT_TYPE)) {
            (true, _) => None,
            (false, Some(content_type)) => Some(Content::new(content_type.as_bytes(), body)),
            (false, None) => return Err(SignError::Field),
        };
        let fields: Vec<(&str, &[u8])> = MUST_COVER
            .into_iter()
            .filter_map(|name| Some((name, headers.get(name)?.as_bytes())))
            .collect();
        let unsigned = client::Request {
            method: request.method().as_str(),
            target: target(request.uri()),
            content,
            fields: &fields,
        };
        let (fields, awaiting) = self.sign(&unsigned, now)?;
        let headers = request.headers_mut();
        let signed = [
            (CONTENT_DIGEST, fields.content_digest),
            (SIGNATURE_INPUT, Some(fields.signature_input)),
            (SIGNATURE, Some(fields.signature)),
        ];
        for (name, value) in signed {
            headers.remove(&name);
            if let Some(value) = value {
                headers.insert(name, header_value(&value).ok_or(SignError::Field)?);
            }
        }
        Ok(awaiting)
    }
}

impl Awaiting {
    /// [`Awaiting::verify`] of a response whose body was read, and not decoded.
    ///
    /// # Errors
    /// As there.
    pub fn verify_response<B: AsRef<[u8]>>(
        self,
        response: &Response<B>,
    ) -> Result<Answer, AnswerError> {
        let status = response.status().as_u16();
        let content = response.body().as_ref();
        self.verify(status, || pairs(response.headers()), content)
    }
}

/// Path and query as they were received.
fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", |target| target.as_str())
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
}

fn header_value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}
