//! The layer: nothing but verified calls gets to a handler, and nothing but
//! signed answers back (auth 4).

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, OriginalUri, Request};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use tower::{Layer, Service};
use wcmp_auth::call::{Answering, BadDigest, CallVerifier, Digests, Reason};
use wcmp_auth::service::{Caller, Refreshing, ServiceError};

use crate::answer;
use crate::body::{self, Unread};
use crate::caller::VerifiedCaller;
use crate::knh1::Knh1;

/// A layer that verifies calls, made by [`Knh1::calls`]. In order: the signature's
/// form, its token and its MAC; then, in one step of the store, revoked, spent,
/// replayed, late, expired; then the scope (403); then the body, not read before,
/// its length (413) and its digest; then the handler, with a [`VerifiedCaller`].
///
/// Whatever the answer, once the MAC was right it is signed and marked
/// `Cache-Control: no-store`. To be signed it is held in memory as a whole: a
/// stream that does not end has no place here. Layers that change an answer's
/// content, type or status (compression, error pages) have to be inside this one.
/// A handler that panics gives no answer.
#[derive(Clone, Debug)]
pub struct Calls {
    knh1: Knh1,
    scope: Option<Arc<str>>,
    max_body: usize,
    refresh: bool,
}

impl Calls {
    pub(crate) fn new(knh1: Knh1) -> Calls {
        Calls {
            max_body: knh1.max_body(),
            knh1,
            scope: None,
            refresh: false,
        }
    }

    /// Requires `scope`: others are answered 403 `insufficient_scope`.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Calls {
        self.scope = Some(scope.into());
        self
    }

    /// Takes bodies of up to `bytes`: longer ones are answered 413. axum's own limit
    /// for extractors does not add to it.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Calls {
        self.max_body = bytes;
        self
    }

    /// For the one endpoint that spent and expired sessions may call.
    pub(crate) fn refresh(mut self) -> Calls {
        self.refresh = true;
        self
    }

    /// What is large is in boxes: futures are moved as a whole, and hold what they are
    /// given several times over.
    async fn call<S>(self, parts: Box<Parts>, body: Body, inner: S) -> Result<Response, Infallible>
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let method = parts.method.clone();
        let (knh1, refresh) = (self.knh1.clone(), self.refresh);
        let judge = move |service: &_| (judge(service, knh1.verifier(), &parts, refresh), parts);
        let (judged, parts) = match self.knh1.run(judge).await {
            Some((Ok(judged), parts)) => (judged, parts),
            Some((Err(error), parts)) => {
                body::leave(&parts.headers, body);
                return Ok(self.knh1.failed(error));
            }
            None => return Ok(answer::fault()),
        };
        let response = match judged.outcome {
            Ok(who) => self.admitted(parts, body, judged.digests, who, inner).await,
            Err(error) => {
                body::leave(&parts.headers, body);
                self.knh1.failed(error)
            }
        };
        let now = || self.knh1.service().now();
        let limit = self.knh1.max_answer();
        Ok(answer::signed(judged.answering, &method, response, limit, now).await)
    }

    /// Scope, body, digest, handler.
    async fn admitted<S>(
        &self,
        mut parts: Box<Parts>,
        body: Body,
        digests: Result<Digests, BadDigest>,
        who: Who,
        mut inner: S,
    ) -> Response
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        match who {
            Who::Caller(caller) => {
                if !self.scope.as_ref().is_none_or(|scope| caller.has(scope)) {
                    body::leave(&parts.headers, body);
                    return self.knh1.failed(ServiceError::InsufficientScope);
                }
                parts.extensions.insert(VerifiedCaller(caller));
            }
            Who::Refreshing(refreshing) => {
                parts.extensions.insert(Arc::new(refreshing));
            }
        }
        // Whatever `body` is, the handler gets what was verified and nothing else.
        let (mut verified, mut content) = (Body::empty(), Bytes::new());
        let has_body = !body.is_end_stream();
        if has_body {
            content = match Box::pin(body::read(&parts.headers, body, self.max_body)).await {
                Ok(content) => content,
                Err(unread) => return unread.answer(),
            };
            verified = Body::from(content.clone());
        }
        let fits = digests.and_then(|mut digests| {
            digests.update(&content);
            digests.verify()
        });
        if fits.is_err() {
            return self.knh1.failed(ServiceError::Refused(Reason::Digest));
        }
        let mut request = Request::from_parts(*parts, verified);
        if has_body {
            // It is read and within its cap: axum's own of 2 MiB is not to act on it.
            DefaultBodyLimit::disable().apply(&mut request);
        }
        match inner.call(request).await {
            Ok(response) => response,
            Err(infallible) => match infallible {},
        }
    }
}

/// A call whose MAC was right: its answer is signed.
struct Judged {
    answering: Box<Answering>,
    digests: Result<Digests, BadDigest>,
    outcome: Result<Who, ServiceError>,
}

enum Who {
    Caller(Caller),
    Refreshing(Refreshing),
}

/// What the head of a request says. Changes nothing before the MAC is right; what
/// is wrong up to then is an error, and the answer to it is not signed.
fn judge(
    service: &wcmp_auth::service::Service,
    verifier: &CallVerifier,
    parts: &Parts,
    refresh: bool,
) -> Result<Judged, ServiceError> {
    // Nested routers cut off what they have matched.
    let original = parts.extensions.get::<OriginalUri>();
    let uri = original.map_or(&parts.uri, |original| &original.0);
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let headers = || {
        let pairs = parts.headers.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_bytes()))
    };
    let unknown = |error| {
        tracing::debug!(%error, "a call is not authentic");
        ServiceError::Unknown
    };
    let call = verifier
        .parse(parts.method.as_str(), target, headers)
        .map_err(unknown)?;
    let session = service
        .session(call.token())?
        .ok_or(ServiceError::Unknown)?;
    let call = call.authenticate(session.keys.request()).map_err(unknown)?;
    let outcome = match refresh {
        true => service
            .admit_refresh(&session, call.facts())
            .map(Who::Refreshing),
        false => service.admit(&session, call.facts()).map(Who::Caller),
    };
    Ok(Judged {
        answering: Box::new(call.answering(session.keys.response())),
        digests: call.digests(),
        outcome,
    })
}

impl Unread {
    pub(crate) fn answer(self) -> Response {
        match self {
            Unread::TooLong => answer::refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Unread::Broken => answer::refusal(StatusCode::BAD_REQUEST, "invalid_request"),
        }
    }
}

impl<S> Layer<S> for Calls {
    type Service = Verified<S>;

    fn layer(&self, inner: S) -> Verified<S> {
        Verified {
            inner,
            calls: self.clone(),
        }
    }
}

/// A service behind [`Calls`].
#[derive(Clone, Debug)]
pub struct Verified<S> {
    inner: S,
    calls: Calls,
}

impl<S> Service<Request> for Verified<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready is used, and a fresh one is left behind.
        let fresh = self.inner.clone();
        let ready = core::mem::replace(&mut self.inner, fresh);
        let calls = self.calls.clone();
        let (parts, body) = request.into_parts();
        Box::pin(calls.call(Box::new(parts), body, ready))
    }
}
