//! A service and what its HTTP side is told by its program.

use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use wcmp_auth::call::{BadAuthority, CallVerifier, www_authenticate};
use wcmp_auth::service::{AuditSink, Clock, Event, NoRandom, Rng, Service, ServiceError};
use zeroize::Zeroizing;

use crate::Calls;

/// Seconds between two looks at what time demands.
const TICK: Duration = Duration::from_secs(60);

/// KNH1 in an axum program: makes the [router](Knh1::router) of auth 6 and the
/// [layer](Knh1::calls) that protects other routes. Clones are one.
#[derive(Clone, Debug)]
pub struct Knh1 {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    service: Service,
    verifier: CallVerifier,
    www_authenticate: HeaderValue,
    max_body: usize,
    max_answer: usize,
}

impl Knh1 {
    /// The service under `authority`, as clients call it: host, and port unless it
    /// is the scheme's own. What requests say their host is, is not asked. Bodies
    /// of calls may have 1 MiB, answers to them 16 MiB.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn new(service: Service, authority: &str) -> Result<Knh1, BadAuthority> {
        Knh1::with_limits(service, authority, 1 << 20, 16 << 20)
    }

    /// The same, with other limits in bytes: of the bodies of calls
    /// ([`Calls::max_body`] is for single routes), and of the answers to them,
    /// which are held in memory to be signed.
    ///
    /// # Errors
    /// [`BadAuthority`].
    pub fn with_limits(
        service: Service,
        authority: &str,
        max_body: usize,
        max_answer: usize,
    ) -> Result<Knh1, BadAuthority> {
        let challenge = www_authenticate(service.policy().realm());
        let inner = Inner {
            verifier: CallVerifier::new(authority)?,
            // A realm that no field can hold is named by none.
            www_authenticate: HeaderValue::try_from(challenge)
                .unwrap_or(HeaderValue::from_static("KNH1")),
            service,
            max_body,
            max_answer,
        };
        Ok(Knh1 {
            inner: Arc::new(inner),
        })
    }

    /// The layer that lets verified calls through and signs their answers.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls::new(self.clone())
    }

    /// The service. Its methods may block ([`Service::blocks`]).
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.inner.service
    }

    /// Makes an account ([`Service::enrol`]) away from the async workers, since it
    /// is a whole stretch of work. Whether it was made.
    ///
    /// # Errors
    /// As [`Service::enrol`]; [`ServiceError::Memory`] if the runtime ends first.
    pub async fn enrol(
        &self,
        login: &str,
        password: Zeroizing<String>,
        allowed: &str,
    ) -> Result<bool, ServiceError> {
        let (inner, login, allowed) = (self.inner.clone(), login.to_owned(), allowed.to_owned());
        let work = move || inner.service.enrol(&login, &password, &allowed);
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or(Err(ServiceError::Memory))
    }

    /// Does once a minute, for ever, what time demands: challenge keys are replaced
    /// and forgotten, which forward secrecy needs, and the store is swept. To be
    /// spawned beside the server, on a runtime with time.
    pub async fn maintain(self) {
        loop {
            match self.run(Service::tick).await {
                Some(Ok(true)) => tokio::task::yield_now().await,
                Some(Err(error)) => {
                    tracing::error!(%error, "maintenance");
                    tokio::time::sleep(TICK).await;
                }
                _ => tokio::time::sleep(TICK).await,
            }
        }
    }

    /// Runs `work` where it may block, if it may; nothing if that came to no end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Service) -> T + Send + 'static,
    ) -> Option<T> {
        if !self.inner.service.blocks() {
            return Some(work(&self.inner.service));
        }
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner.service)).await;
        done.inspect_err(|error| tracing::error!(%error, "blocking work"))
            .ok()
    }

    pub(crate) fn verifier(&self) -> &CallVerifier {
        &self.inner.verifier
    }

    pub(crate) fn www_authenticate(&self) -> &HeaderValue {
        &self.inner.www_authenticate
    }

    pub(crate) fn max_body(&self) -> usize {
        self.inner.max_body
    }

    pub(crate) fn max_answer(&self) -> usize {
        self.inner.max_answer
    }
}

/// The system's clock and random numbers, for
/// [`Parts`](wcmp_auth::service::Parts).
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    fn now(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    }
}

impl Rng for System {
    fn fill(&self, out: &mut [u8]) -> Result<(), NoRandom> {
        getrandom::fill(out).map_err(|_| NoRandom)
    }
}

/// An audit that goes into the program's log, through `tracing`, target
/// `knh1::audit`: logins, sources and tokens' names, no secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, now: u64, event: &Event<'_>) {
        tracing::info!(target: "knh1::audit", now, ?event);
    }
}
