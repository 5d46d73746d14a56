//! KNH1 in an [axum] program: users log in by password without TLS, and their calls
//! are signed (RFC 9421), as are the answers. The protocol and all decisions are
//! `wcmp-auth`'s; here are HTTP, a store in PostgreSQL, and the system's clock and
//! random numbers.
//!
//! # Protecting a service in 30 lines
//!
//! ```no_run
//! use std::net::SocketAddr;
//! use std::sync::Arc;
//!
//! use axum::{Router, routing::get};
//! use wcmp_auth::service::{Limits, MemoryStore, Parts, RateTable, Service};
//! use wcmp_auth::{Cost, Parameters, server::Policy};
//! use wcmp_auth_axum::{Knh1, System, TracingAudit, VerifiedCaller};
//!
//! async fn hello(caller: VerifiedCaller) -> String {
//!     format!("Hello {}", caller.login())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let policy = Policy::new("api.example.com", Parameters::new(Cost::PBKDF2), 3)?;
//!     let parts = Parts {
//!         store: Arc::new(MemoryStore::new()), // or SqliteStore, or PostgresStore
//!         limits: Box::new(RateTable::new(Limits::default())),
//!         audit: Box::new(TracingAudit),
//!         clock: Box::new(System),
//!         rng: Box::new(System),
//!     };
//!     let secret = [0; 32]; // random, and the same as long as the accounts are
//!     let knh1 = Knh1::new(Service::new(policy, &secret, parts)?, "api.example.com")?;
//!     knh1.enrol("alice", String::from("correct horse").into(), "read").await?;
//!     let app = Router::new()
//!         .route("/hello", get(hello).layer(knh1.calls().scope("read")))
//!         .merge(knh1.router());
//!     tokio::spawn(knh1.maintain());
//!     let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
//!     axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//!     Ok(())
//! }
//! ```
//!
//! `examples/service.rs` does the same with options, in a file or in PostgreSQL.
//!
//! # What runs where
//!
//! With a store that [blocks](wcmp_auth::service::Store::blocks), everything that
//! asks it runs on the runtime's threads for blocking work; with the one in memory,
//! where it is called. No password is ever stretched on an async worker: the server
//! stretches none but in [`Knh1::enrol`], which takes such a thread as well.
//!
//! # Several servers
//!
//! Processes that share one [`postgres::PostgresStore`], the server's secret, and a
//! fleet's secret (`Service::with_fleet`), behave as one: a challenge of one is met
//! at another, and what is used up or revoked is so everywhere at once. Rate limits
//! are each process's own.
//!
//! # Readings where the text was silent
//!
//! * **Statuses without a code** in auth 6: 413 says `too_large`, 404
//!   `not_found`, the server's own faults are 500 `server_error`.
//! * **Every 401** carries `WWW-Authenticate` (RFC 9110, section 15.5.2), and every
//!   answer under `/knh1` `Cache-Control: no-store`.
//! * **All bodies under `/knh1`** are limited to 16 KiB, not those of start and
//!   finish alone.
//! * **The content type** of start, finish and register is not looked at; it
//!   chooses between JSON and form for revoke and introspect, where it is signed.
//! * **A form's token** that is no base64url is an unknown one; in JSON, it is
//!   `invalid_request`. `token` twice is `invalid_request`.
//! * **A request target's fragment**, which HTTP does not have, is dropped before
//!   this crate sees it.
//! * **Unread bodies** of refused requests are thrown away after the answer, up to
//!   64 MiB and for ten seconds, so that the answer arrives; nobody waits for them.
//! * **A body that stands still** for thirty seconds is taken for broken off (400).
//! * **Methods that a route does not have** are answered 405, by the three routes
//!   that nobody signs with `method_not_allowed`.
//! * **Trailers** are neither covered nor handed on.

mod answer;
mod answered;
mod body;
mod caller;
mod calls;
mod endpoints;
mod knh1;
#[cfg(feature = "postgres")]
pub mod postgres;

pub use caller::{InsufficientScope, NotVerified, VerifiedCaller};
pub use calls::{Calls, Verified};
pub use knh1::{Knh1, System, TracingAudit};
