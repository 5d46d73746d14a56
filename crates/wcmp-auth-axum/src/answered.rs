//! A call's answer while it is waited for: the handler, then its content, which is
//! signed.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::response::Parts;
use wcmp_auth::call::Answering;
use wcmp_auth::service::ServiceError;

use crate::answer;
use crate::body::{Content, Unread};
use crate::knh1::Knh1;

/// Why a call whose MAC was right gets to no handler.
pub(crate) enum Refused {
    Call(ServiceError),
    Body(Unread),
}

pin_project_lite::pin_project! {
    /// The signed answer to a call whose MAC was right. Written out, since what an async
    /// block awaits it holds twice and moves: a handler's future is large.
    pub(crate) struct Answered<F> {
        #[pin]
        state: State<F>,
        knh1: Knh1,
        answering: Option<Box<Answering>>,
        is_head: bool,
    }
}

pin_project_lite::pin_project! {
    #[project = Now]
    enum State<F> {
        Handler { #[pin] handler: F },
        Content { parts: Option<Parts>, content: Content },
    }
}

impl<F> Answered<F> {
    pub(crate) fn new(
        knh1: Knh1,
        answering: Box<Answering>,
        is_head: bool,
        handler: Result<F, Refused>,
    ) -> Answered<F> {
        let limit = knh1.max_answer();
        let state = match handler {
            Ok(handler) => State::Handler { handler },
            Err(Refused::Call(error)) => State::of(knh1.failed(error), is_head, limit),
            Err(Refused::Body(unread)) => State::of(unread.answer(), is_head, limit),
        };
        Answered {
            state,
            knh1,
            answering: Some(answering),
            is_head,
        }
    }
}

impl<F> State<F> {
    /// What an answer says: nothing, where `Answering::sign` takes it so (RFC 9110,
    /// section 6.4.1).
    fn of(response: Response, is_head: bool, limit: usize) -> State<F> {
        let status = response.status();
        let is_empty = is_head
            || status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED;
        let (parts, body) = response.into_parts();
        let body = if is_empty { Body::empty() } else { body };
        State::Content {
            parts: Some(parts),
            content: Content::new(body, limit),
        }
    }
}

impl<F> Future for Answered<F>
where
    F: Future<Output = Result<Response, Infallible>>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                Now::Handler { handler } => {
                    let Ok(response) = ready!(handler.poll(context));
                    let limit = this.knh1.max_answer();
                    this.state.set(State::of(response, *this.is_head, limit));
                }
                Now::Content { parts, content } => {
                    let read = ready!(content.poll(context));
                    let (Some(answering), Some(mut parts)) = (this.answering.take(), parts.take())
                    else {
                        // Whoever asks again after the answer has had it.
                        return Poll::Ready(Ok(answer::fault()));
                    };
                    let content = match read {
                        Ok(content) => content,
                        Err(why) => {
                            tracing::error!(?why, "an answer could not be signed");
                            let content;
                            (parts, content) = answer::fault_in_parts();
                            content
                        }
                    };
                    let now = this.knh1.service().now();
                    let signed = answer::sign(*answering, *this.is_head, parts, content, now);
                    return Poll::Ready(Ok(signed));
                }
            }
        }
    }
}
