//! Signed calls: RFC 9421 with the tag "wcmp-auth-1", RFC 9530 digests (auth 4).
//!
//! Without HTTP types: a server hands over a request's method, target and
//! fields, a client gets fields to send. Steps consume each other, and come in
//! the order of auth 4: **nothing changes before the MAC is right**.
//!
//! ```text
//! CallVerifier::parse(method, target, headers)  -> Call      else 401, unsigned
//!     the embedder looks up call.token(): k_req, k_resp      none: 401, unsigned
//! Call::authenticate(k_req)                     -> Authenticated
//!                                                            else 401, unsigned
//!     from here on every answer is signed: Authenticated::answering(k_resp)
//!     one atomic step of the embedder's store, by facts():
//!         revoked or spent?  nonce seen?  is_timely(now)?  expired?  record
//!     scope (403), body under its cap (413)
//! Authenticated::digests() -> Digests --update(bytes)*, verify()
//!     the handler
//! Answering::sign(status, content type, content, now) -> AnswerFields
//! ```
//!
//! With the feature `http` the same exists for messages of the crate `http`:
//! `CallVerifier::parse_parts`, `AnswerFields::set`, `Caller::sign_request`,
//! `Awaiting::verify_response`.
//!
//! A server that gives the body to its handler before [`Digests::verify`] has
//! verified nothing of it.
//!
//! ```
//! use wcmp_auth::SessionKey;
//! use wcmp_auth::call::client::{Caller, Content, Request};
//! use wcmp_auth::call::{CallKey, CallVerifier, Reason};
//!
//! let (token, key, now) = ([7; 16], SessionKey::new(&[9; 32]), 1_900_000_000);
//!
//! // The client signs.
//! let mut caller = Caller::new(&token, &key, "api.example.com")?;
//! let request = Request {
//!     method: "POST",
//!     target: "/echo?x=1",
//!     content: Some(Content::new(b"text/plain", b"hello")),
//!     fields: &[],
//! };
//! let (fields, awaiting) = caller.sign(&request, now)?;
//! let digest = fields.content_digest.unwrap();
//! let sent = [
//!     ("content-length", "5"),
//!     ("content-type", "text/plain"),
//!     ("content-digest", &digest),
//!     ("signature-input", &fields.signature_input),
//!     ("signature", &fields.signature),
//! ];
//! let headers = || sent.iter().map(|(name, value)| (*name, value.as_bytes()));
//!
//! // The server verifies.
//! let verifier = CallVerifier::new("api.example.com")?;
//! let call = verifier.parse("POST", "/echo?x=1", headers)?;
//! assert_eq!(call.token(), &token); // whose key is looked up
//! let call = call.authenticate(&CallKey::new(&key.request()))?;
//! let answering = call.answering(&CallKey::new(&key.response()));
//! assert!(call.facts().is_timely(now)); // and the rest of the atomic step
//! let mut digests = call.digests()?;
//! digests.update(b"hello");
//! digests.verify()?;
//!
//! // It answers, and the client verifies that.
//! let fields = answering.sign(200, Some(b"text/plain"), b"hello", now)?;
//! let received = [
//!     ("content-type", "text/plain"),
//!     ("content-digest", &fields.content_digest),
//!     ("signature-input", &fields.signature_input),
//!     ("signature", &fields.signature),
//! ];
//! let headers = || received.iter().map(|(name, value)| (*name, value.as_bytes()));
//! assert_eq!(awaiting.verify(200, headers, b"hello")?.created, now);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Readings where the text was silent
//!
//! * **A field given twice** is refused, not combined, if it is Signature-Input,
//!   Signature, Content-Digest, Content-Type or any covered one.
//! * **Other signatures** of the same message are passed over, but have to be
//!   well-formed. Their labels, as ours, may not repeat.
//! * **Derived components** other than those required are refused: "@scheme" and
//!   "@target-uri" are not known for sure behind a proxy.
//! * **`expires`** counts as passed when the second after it has come, and is a
//!   matter of the clock: the reason is `clock`.
//! * **A wrong or useless digest** is found after the MAC: the reason is `digest`.
//!   An uncovered one means nothing, as anybody may have set it.
//! * **A body without its fields** (HTTP/2 without Content-Length) has to fit the
//!   covered digest, or to be empty.
//! * **The window of 1024** reaches from the highest counter - 1024 up to it.
//! * **Answers** are taken under any label; Content-Encoding and Content-Range
//!   have to be covered there too.

pub mod client;
pub mod replay;

mod answer;
mod awaiting;
mod digest;
mod fields;
#[cfg(feature = "http")]
mod http_types;
mod key;
mod reason;
mod sf;
mod signature;
mod verify;

pub use answer::{AnswerFields, Answering, Unsignable};
pub use digest::{BadDigest, Digests, content_digest};
pub use fields::MUST_COVER;
pub use key::CallKey;
pub use reason::{CallError, Reason, www_authenticate};
pub use replay::Nonce;
pub use verify::{Authenticated, BadAuthority, CLOCK_SECONDS, Call, CallVerifier, Facts};
