//! Answers: JSON, refusals, and the signing of both and of what handlers say.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use http::response::Parts;
use http::{HeaderValue, StatusCode};
use wcmp_auth::call::{Answering, MUST_COVER, Reason};
use wcmp_auth::json::{Json, Refusal};

const FAULT: &str = "server_error";

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
    refusal(StatusCode::INTERNAL_SERVER_ERROR, FAULT)
}

/// The same, to be signed.
pub(crate) fn fault_in_parts() -> (Parts, Bytes) {
    let content = Refusal::new(FAULT).to_json();
    (fault().into_parts().0, content.into())
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

/// Signs an answer to a call whose MAC was right, at the time `now`, with all that it
/// says (auth 4).
pub(crate) fn sign(
    mut answering: Answering,
    is_head: bool,
    mut parts: Parts,
    content: Bytes,
    now: u64,
) -> Response {
    let headers = &mut parts.headers;
    headers.remove(TRANSFER_ENCODING);
    if !is_head {
        headers.remove(CONTENT_LENGTH);
    }
    let content_type = headers.get(CONTENT_TYPE).cloned();
    if let Some(content_type) = &content_type
        && headers.get_all(CONTENT_TYPE).iter().nth(1).is_some()
    {
        // One is signed.
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
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
    let content_type = content_type.as_ref().map(HeaderValue::as_bytes);
    match answering.sign(parts.status.as_u16(), content_type, &content, now) {
        // In place of any that the handler may have set.
        Ok(fields) => fields.set(headers),
        Err(_) => {
            tracing::error!("an answer has a content type that cannot be signed");
            return fault();
        }
    }
    Response::from_parts(parts, Body::from(content))
}
