//! The routes of auth 6.

use core::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Extension, FromRequestParts, Path, RawQuery, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Router, routing::MethodRouter};
use data_encoding::BASE64URL_NOPAD;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use wcmp_auth::json::{Json, JsonError};
use wcmp_auth::message::{
    Finish, Introspect, PasswordChange, Refresh, Registration, Revoke, Start,
};
use wcmp_auth::service::{Refreshing, Service, ServiceError, Source};

use crate::answer;
use crate::body;
use crate::caller::VerifiedCaller;
use crate::knh1::Knh1;

/// Bytes of a body of any of these routes: longer ones are answered 413.
const MAX_BODY: usize = 16 << 10;

impl Knh1 {
    /// The routes of auth 6, under `/knh1`: to be merged into a program's router,
    /// and served with connection information
    /// (`into_make_service_with_connect_info::<SocketAddr>()`), since rate limits
    /// go by it. Behind a proxy, a layer around this router puts the
    /// [`Source`] that the proxy tells into the request's extensions. A request
    /// with neither counts as one of 0.0.0.0.
    pub fn router(&self) -> Router {
        let signed = |route: MethodRouter<Knh1>| route.layer(self.calls().max_body(MAX_BODY));
        let password = self.calls().max_body(MAX_BODY).scope("password");
        let refreshing = self.calls().max_body(MAX_BODY).refresh();
        Router::new()
            .route("/knh1/start", post(start).fallback(wrong_method))
            .route("/knh1/finish", post(finish).fallback(wrong_method))
            .route(
                "/knh1/register",
                get(registration_parameters)
                    .post(register)
                    .fallback(wrong_method),
            )
            .route("/knh1/refresh", post(refresh).layer(refreshing))
            .route("/knh1/revoke", signed(post(revoke)))
            .route("/knh1/introspect", signed(post(introspect)))
            .route("/knh1/devices", signed(get(devices)))
            .route("/knh1/devices/{token}", signed(delete(delete_device)))
            .route(
                "/knh1/password",
                get(password_parameters).post(set_password).layer(password),
            )
            .with_state(self.clone())
    }

    /// Runs what a service does, and says what comes of it.
    async fn answer<T: Json + Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> Result<T, ServiceError> + Send + 'static,
    ) -> Response {
        match self.run(work).await {
            Some(Ok(message)) => answer::json(StatusCode::OK, message.to_json()),
            Some(Err(error)) => self.failed(error),
            None => answer::fault(),
        }
    }

    /// The same where there is nothing to say.
    async fn done(
        &self,
        work: impl FnOnce(&Service) -> Result<(), ServiceError> + Send + 'static,
    ) -> Response {
        match self.run(work).await {
            Some(Ok(())) => answer::json(StatusCode::OK, "{}".into()),
            Some(Err(error)) => self.failed(error),
            None => answer::fault(),
        }
    }

    pub(crate) fn failed(&self, error: ServiceError) -> Response {
        let challenge = self.www_authenticate();
        match (error, StatusCode::from_u16(error.status()), error.code()) {
            (ServiceError::RateLimited(after), ..) => answer::rate_limited(after.0),
            (ServiceError::Refused(reason), ..) => {
                answer::invalid_signature(challenge, Some(reason))
            }
            (ServiceError::Unknown, ..) => answer::invalid_signature(challenge, None),
            (_, Ok(StatusCode::UNAUTHORIZED), Some(code)) => answer::unauthorized(challenge, code),
            (ServiceError::NotFound, ..) => answer::refusal(StatusCode::NOT_FOUND, "not_found"),
            (_, Ok(status), Some(code)) => answer::refusal(status, code),
            _ => {
                tracing::error!(%error, "a request could not be served");
                answer::fault()
            }
        }
    }
}

fn invalid_request() -> Response {
    answer::refusal(StatusCode::BAD_REQUEST, "invalid_request")
}

/// Of the routes that nobody signs; axum adds Allow.
async fn wrong_method(headers: HeaderMap, body: Body) -> Response {
    body::leave(&headers, body);
    answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
}

/// A message of a body that nobody has signed.
async fn message<T: Json>(headers: &HeaderMap, body: Body) -> Result<T, Response> {
    match body::read(headers, body, MAX_BODY).await {
        Ok(text) => T::from_json(&text).map_err(|_| invalid_request()),
        Err(unread) => Err(unread.answer()),
    }
}

async fn start(
    State(knh1): State<Knh1>,
    Peer(source): Peer,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match message::<Start>(&headers, body).await {
        Ok(start) => {
            knh1.answer(move |service| service.start(&start, source))
                .await
        }
        Err(refused) => refused,
    }
}

async fn finish(
    State(knh1): State<Knh1>,
    Peer(source): Peer,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match message::<Finish>(&headers, body).await {
        Ok(finish) => {
            knh1.answer(move |service| service.finish(&finish, source))
                .await
        }
        Err(refused) => refused,
    }
}

async fn registration_parameters(
    State(knh1): State<Knh1>,
    Peer(source): Peer,
    RawQuery(query): RawQuery,
) -> Response {
    if !knh1.service().registers() {
        return knh1.failed(ServiceError::NotFound);
    }
    let query = query.unwrap_or_default();
    let Some(login) = parameter(query.as_bytes(), "login") else {
        return invalid_request();
    };
    let work = move |service: &Service| service.registration_parameters(&login, source);
    knh1.answer(work).await
}

async fn register(
    State(knh1): State<Knh1>,
    Peer(source): Peer,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if !knh1.service().registers() {
        body::leave(&headers, body);
        return knh1.failed(ServiceError::NotFound);
    }
    match message::<Registration>(&headers, body).await {
        Ok(ask) => {
            knh1.answer(move |service| service.register(&ask, source))
                .await
        }
        Err(refused) => refused,
    }
}

async fn refresh(
    State(knh1): State<Knh1>,
    Extension(refreshing): Extension<Arc<Refreshing>>,
    body: Bytes,
) -> Response {
    match Refresh::from_json(&body) {
        Ok(ask) => {
            knh1.answer(move |service| service.refresh(&refreshing, &ask))
                .await
        }
        Err(_) => invalid_request(),
    }
}

async fn revoke(
    State(knh1): State<Knh1>,
    caller: VerifiedCaller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match json_or_form(&headers, &body, Revoke::Token) {
        Ok(Revoke::Token(token)) => {
            knh1.done(move |service| service.revoke(&caller, &token))
                .await
        }
        Ok(Revoke::All) => {
            knh1.done(move |service| service.revoke_others(&caller))
                .await
        }
        Err(_) => invalid_request(),
    }
}

async fn introspect(
    State(knh1): State<Knh1>,
    caller: VerifiedCaller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match json_or_form(&headers, &body, |token| Introspect { token }) {
        Ok(Introspect { token }) => {
            knh1.answer(move |service| service.introspect(&caller, &token))
                .await
        }
        Err(_) => invalid_request(),
    }
}

async fn devices(State(knh1): State<Knh1>, caller: VerifiedCaller) -> Response {
    knh1.answer(move |service| service.devices(&caller)).await
}

async fn delete_device(
    State(knh1): State<Knh1>,
    caller: VerifiedCaller,
    token: Result<Path<String>, PathRejection>,
) -> Response {
    // What is no token, or no text at all, is no device.
    let token = token.map(|Path(token)| BASE64URL_NOPAD.decode(token.as_bytes()));
    let token = token.ok().and_then(Result::ok).unwrap_or_default();
    knh1.done(move |service| service.delete_device(&caller, &token))
        .await
}

async fn password_parameters(State(knh1): State<Knh1>, caller: VerifiedCaller) -> Response {
    knh1.answer(move |service| service.password_parameters(&caller))
        .await
}

async fn set_password(State(knh1): State<Knh1>, caller: VerifiedCaller, body: Bytes) -> Response {
    match PasswordChange::from_json(&body) {
        Ok(change) => {
            knh1.done(move |service| service.set_password(&caller, &change))
                .await
        }
        Err(_) => invalid_request(),
    }
}

/// A body as JSON, or as the form of RFC 7009 and RFC 7662, by its content type.
/// In a form, a token that is none is an unknown one (RFC 7009, section 2.2).
fn json_or_form<T: Json>(
    headers: &HeaderMap,
    body: &[u8],
    of_token: impl FnOnce(Vec<u8>) -> T,
) -> Result<T, JsonError> {
    let essence = headers.get(CONTENT_TYPE).and_then(|value| {
        let essence = value.to_str().ok()?.split(';').next()?;
        Some(essence.trim().to_ascii_lowercase())
    });
    if essence.as_deref() != Some("application/x-www-form-urlencoded") {
        return T::from_json(body);
    }
    let token = parameter(body, "token").ok_or(JsonError::Missing("token"))?;
    let token = BASE64URL_NOPAD.decode(token.as_bytes());
    Ok(of_token(token.unwrap_or_default()))
}

/// The value of a parameter that is there once (RFC 6749, section 3.2).
fn parameter(form: &[u8], name: &str) -> Option<String> {
    let mut all = form_urlencoded::parse(form).filter(|(one, _)| one == name);
    let (_, value) = all.next()?;
    match all.next() {
        None => Some(value.into_owned()),
        Some(_) => None,
    }
}

/// Where a request comes from.
struct Peer(Source);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Peer, Infallible> {
        let told = parts.extensions.get::<Source>().copied();
        let seen = || {
            let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            connected.map(|connected| Source::from(connected.0.ip()))
        };
        Ok(Peer(told.or_else(seen).unwrap_or(Source::V4([0; 3]))))
    }
}
