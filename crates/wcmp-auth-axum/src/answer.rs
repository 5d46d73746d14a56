//! Answers: JSON, refusals, and the signing of both and of what handlers say.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, StatusCode};
use wcmp_auth::call::{Answering, MUST_COVER, Reason};
use wcmp_auth::json::{Json, Refusal};

use crate::body;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// A JSON answer that nobody keeps.
pub(crate) fn json(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal: status and code of auth 6.
pub(crate) fn refusal(status: StatusCode, code: &str) -> Response {
    json(status, Refusal::new(code).to_json())
}

/// 500: the server's own fault, which the log has.
pub(crate) fn fault() -> Response {
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "server_error")
}

/// 401 with a challenge to log in (RFC 9110, section 15.5.2).
pub(crate) fn unauthorized(www_authenticate: &HeaderValue, code: &str) -> Response {
    challenging(www_authenticate, refusal(StatusCode::UNAUTHORIZED, code))
}

/// 401 `invalid_signature`; with a reason for calls whose MAC was right.
pub(crate) fn invalid_signature(
    www_authenticate: &HeaderValue,
    reason: Option<Reason>,
) -> Response {
    let refusal = reason.map_or_else(|| Refusal::new("invalid_signature"), Refusal::from);
    let response = json(StatusCode::UNAUTHORIZED, refusal.to_json());
    challenging(www_authenticate, response)
}

fn challenging(www_authenticate: &HeaderValue, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, www_authenticate.clone());
    response
}

/// 429, with the seconds after which the same request may be sent again.
pub(crate) fn rate_limited(seconds: u32) -> Response {
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "rate_limited");
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Signs an answer to a call whose MAC was right (auth 4). Its content is read
/// into memory first, since a digest of it is signed; one over `limit` bytes, or
/// that breaks off, becomes a fault.
pub(crate) async fn signed(
    answering: Box<Answering>,
    method: &Method,
    response: Response,
    limit: usize,
    now: impl FnOnce() -> u64,
) -> Response {
    let (mut parts, body) = response.into_parts();
    // As `Answering::sign` sees it (RFC 9110, section 6.4.1).
    let has_content = *method != Method::HEAD
        && !parts.status.is_informational()
        && parts.status != StatusCode::NO_CONTENT
        && parts.status != StatusCode::NOT_MODIFIED;
    let mut content = axum::body::Bytes::new();
    if has_content {
        match body::content(body, limit).await {
            Ok(whole) => content = whole,
            Err(why) => {
                tracing::error!(?why, "an answer could not be signed");
                let (fault, body) = fault().into_parts();
                parts = fault;
                content = body::content(body, usize::MAX).await.unwrap_or_default();
            }
        }
    }
    let headers = &mut parts.headers;
    headers.remove(TRANSFER_ENCODING);
    if *method != Method::HEAD {
        headers.remove(CONTENT_LENGTH);
    }
    let content_type = headers.get(CONTENT_TYPE).cloned();
    if let Some(content_type) = &content_type
        && headers.get_all(CONTENT_TYPE).iter().nth(1).is_some()
    {
        // One is signed.
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
    let mut answering = *answering;
    for name in MUST_COVER {
        // Few answers have many fields, or any of these.
        if headers.keys().all(|other| other != name) {
            continue;
        }
        let name = HeaderName::from_static(name);
        // Several lines are one (RFC 9110, section 5.3), and one is signed.
        let values = headers.get_all(&name).iter();
        let values: Vec<_> = values.map(HeaderValue::as_bytes).collect();
        let value = HeaderValue::from_bytes(&values.join(&b", "[..]));
        let covering = value.ok().and_then(|value| {
            let covering = answering.covering(name.as_str(), value.as_bytes()).ok()?;
            headers.insert(name, value);
            Some(covering)
        });
        let Some(covering) = covering else {
            tracing::error!("an answer has a field that cannot be signed");
            return fault();
        };
        answering = covering;
    }
    let fields = answering.sign(
        parts.status.as_u16(),
        content_type.as_ref().map(HeaderValue::as_bytes),
        &content,
        now(),
    );
    let fields = fields.ok().and_then(|fields| {
        let value = |text: String| HeaderValue::try_from(text).ok();
        Some([
            (CONTENT_DIGEST, value(fields.content_digest)?),
            (SIGNATURE_INPUT, value(fields.signature_input)?),
            (SIGNATURE, value(fields.signature)?),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ])
    });
    let Some(fields) = fields else {
        tracing::error!("an answer has a content type that cannot be signed");
        return fault();
    };
    // In place of any that the handler may have set.
    for (name, value) in fields {
        headers.insert(name, value);
    }
    Response::from_parts(parts, Body::from(content))
}
