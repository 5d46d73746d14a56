//! Who calls.

use core::fmt;
use core::ops::Deref;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use wcmp_auth::service::Caller;

use crate::answer;

/// Who made a call that [`Calls`](crate::Calls) has let through: an extractor.
///
/// ```
/// use wcmp_auth_axum::{InsufficientScope, VerifiedCaller};
///
/// async fn handler(caller: VerifiedCaller) -> Result<String, InsufficientScope> {
///     caller.require("read")?; // or for a whole route: Calls::scope
///     Ok(format!("{} on {}", caller.login(), caller.device()))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct VerifiedCaller(pub(crate) Caller);

impl VerifiedCaller {
    /// Goes on only with `scope`: for handlers that ask for more than their
    /// route does.
    ///
    /// # Errors
    /// [`InsufficientScope`], which is an answer.
    pub fn require(&self, scope: &str) -> Result<(), InsufficientScope> {
        match self.has(scope) {
            true => Ok(()),
            false => Err(InsufficientScope),
        }
    }
}

/// A caller has not the scope that a handler asks for: the answer is a 403
/// `insufficient_scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsufficientScope;

impl fmt::Display for InsufficientScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("insufficient scope")
    }
}

impl core::error::Error for InsufficientScope {}

impl IntoResponse for InsufficientScope {
    fn into_response(self) -> Response {
        answer::refusal(StatusCode::FORBIDDEN, "insufficient_scope")
    }
}

impl Deref for VerifiedCaller {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// A handler asks for its caller, and no layer has verified one: the program is
/// put together wrongly. The answer is a 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotVerified;

impl IntoResponse for NotVerified {
    fn into_response(self) -> Response {
        tracing::error!("a handler wants a verified caller, but is not behind the layer");
        answer::fault()
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedCaller {
    type Rejection = NotVerified;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<VerifiedCaller, NotVerified> {
        let caller = parts.extensions.get::<VerifiedCaller>();
        caller.cloned().ok_or(NotVerified)
    }
}
