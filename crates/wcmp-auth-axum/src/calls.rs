//! The layer: nothing but verified calls gets to a handler, and nothing but
//! signed answers back (auth 4).

use core::convert::Infallible;
use core::future::ready;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::{DefaultBodyLimit, OriginalUri, Request};
use axum::response::Response;
use http::{Extensions, Method, StatusCode};
use tower::{Layer, Service};
use wcmp_auth::call::{Answering, BadDigest, Digests, Reason};
use wcmp_auth::service::{Caller, Refreshing, ServiceError};

use crate::answer;
use crate::answered::{Answered, Refused};
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

    /// The scope, and what the handler is told of its caller.
    fn admit(
        &self,
        outcome: Result<Who, ServiceError>,
        extensions: &mut Extensions,
    ) -> Result<(), Refused> {
        match outcome {
            Ok(Who::Caller(caller)) => {
                if !self.scope.as_ref().is_none_or(|scope| caller.has(scope)) {
                    return Err(Refused::Call(ServiceError::InsufficientScope));
                }
                extensions.insert(VerifiedCaller(caller));
            }
            Ok(Who::Refreshing(refreshing)) => {
                extensions.insert(Arc::new(refreshing));
            }
            Err(error) => return Err(Refused::Call(error)),
        }
        Ok(())
    }

    /// For a call whose judgement or body has to be waited for. What is large is in a
    /// box: futures are moved as a whole, and hold what they are given several times
    /// over.
    async fn wait<S>(self, request: Box<Request>, mut inner: S) -> Result<Response, Infallible>
    where
        S: Service<Request, Response = Response, Error = Infallible>,
    {
        let is_head = *request.method() == Method::HEAD;
        let (knh1, refresh) = (self.knh1.clone(), self.refresh);
        let judge = move |_: &_| (judge(&knh1, &request, refresh), request);
        let (judged, mut request) = match self.knh1.run(judge).await {
            Some((Ok(judged), request)) => (judged, request),
            Some((Err(error), request)) => {
                leave(*request);
                return Ok(self.knh1.failed(error));
            }
            None => return Ok(answer::fault()),
        };
        let request = match self.admit(judged.outcome, request.extensions_mut()) {
            Ok(()) => Box::pin(self.receive(request, judged.digests)).await,
            Err(refused) => {
                leave(*request);
                Err(refused)
            }
        };
        let handler = request.map(|request| inner.call(request));
        Answered::new(self.knh1, judged.answering, is_head, handler).await
    }

    /// The body and its digest. The handler gets what was verified and nothing else.
    async fn receive(
        &self,
        request: Box<Request>,
        digests: Result<Digests, BadDigest>,
    ) -> Result<Request, Refused> {
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            fits(digests, &[])?;
            return Ok(Request::from_parts(parts, Body::empty()));
        }
        let content = body::read(&parts.headers, body, self.max_body).await;
        let content = content.map_err(Refused::Body)?;
        fits(digests, &content)?;
        let mut request = Request::from_parts(parts, Body::from(content));
        // It is read and within its cap: axum's own of 2 MiB is not to act on it.
        DefaultBodyLimit::disable().apply(&mut request);
        Ok(request)
    }
}

fn leave(request: Request) {
    let (parts, body) = request.into_parts();
    body::leave(&parts.headers, body);
}

fn fits(digests: Result<Digests, BadDigest>, content: &[u8]) -> Result<(), Refused> {
    let fits = digests.and_then(|mut digests| {
        digests.update(content);
        digests.verify()
    });
    fits.map_err(|_| Refused::Call(ServiceError::Refused(Reason::Digest)))
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
fn judge(knh1: &Knh1, request: &Request, refresh: bool) -> Result<Judged, ServiceError> {
    // Nested routers cut off what they have matched.
    let original = request.extensions().get::<OriginalUri>();
    let uri = original.map_or(request.uri(), |original| &original.0);
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let headers = || {
        let pairs = request.headers().iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_bytes()))
    };
    let unknown = |error| {
        tracing::debug!(%error, "a call is not authentic");
        ServiceError::Unknown
    };
    let call = knh1
        .verifier()
        .parse(request.method().as_str(), target, headers);
    let (call, service) = (call.map_err(unknown)?, knh1.service());
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
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Calls { knh1, refresh, .. } = &self.calls;
        if knh1.service().blocks() || !request.body().is_end_stream() {
            // The one that is ready is used, and a fresh one is left behind.
            let fresh = self.inner.clone();
            let ready = core::mem::replace(&mut self.inner, fresh);
            return Box::pin(self.calls.clone().wait(Box::new(request), ready));
        }
        // There is nothing to wait for: no future has to hold the request.
        let judged = match judge(knh1, &request, *refresh) {
            Ok(judged) => judged,
            Err(error) => return Box::pin(ready(Ok(knh1.failed(error)))),
        };
        let (knh1, is_head) = (knh1.clone(), *request.method() == Method::HEAD);
        let admitted = self.calls.admit(judged.outcome, request.extensions_mut());
        let handler = admitted.and_then(|()| fits(judged.digests, &[])).map(|()| {
            *request.body_mut() = Body::empty();
            self.inner.call(request)
        });
        Box::pin(Answered::new(knh1, judged.answering, is_head, handler))
    }
}
