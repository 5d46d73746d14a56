//! The key of a session, and what it is for (auth 3).

use core::fmt;

use zeroize::Zeroizing;

use crate::encode::enc;
use crate::kdf::hmac;
use crate::message::Refreshed;

/// k_sess. **Secret**; wiped when dropped; neither cloned nor compared nor
/// printed.
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

impl SessionKey {
    /// The key of these bytes, as a store has kept them.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> SessionKey {
        SessionKey(Zeroizing::new(*bytes))
    }

    /// The bytes, **secret**, for a store.
    #[must_use]
    pub fn dangerous_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// k_req, which signs calls.
    #[must_use]
    pub fn request(&self) -> Zeroizing<[u8; 32]> {
        hmac(&*self.0, &enc("request", &[]))
    }

    /// k_resp, which signs answers.
    #[must_use]
    pub fn response(&self) -> Zeroizing<[u8; 32]> {
        hmac(&*self.0, &enc("response", &[]))
    }

    /// k_req for a resource server, `audience` being its @authority in lower case,
    /// as [`CallVerifier::authority`](crate::call::CallVerifier::authority) gives it:
    /// what that server gets to know, it can use for nothing else.
    ///
    /// The server that has the session hands both keys of an audience to that
    /// audience, over a way that nobody reads, with expiry and scopes; whether the
    /// session was revoked since, the audience asks by introspection. It counts the
    /// client's nonces by itself.
    ///
    /// ```
    /// use wcmp_auth::SessionKey;
    /// use wcmp_auth::call::{CallKey, CallVerifier};
    /// use wcmp_auth::call::client::{Caller, Request};
    ///
    /// let (token, session, now) = ([7; 16], SessionKey::new(&[9; 32]), 1_900_000_000);
    ///
    /// // files.example.com got these from the server of the login.
    /// let verifier = CallVerifier::new("files.example.com")?;
    /// let k_req = CallKey::new(&session.audience_request(verifier.authority()));
    /// let k_resp = CallKey::new(&session.audience_response(verifier.authority()));
    ///
    /// // The client makes them itself.
    /// let mut caller = Caller::of_audience(&token, &session, "files.example.com")?;
    /// let request = Request { method: "GET", target: "/f", content: None, fields: &[] };
    /// let (fields, awaiting) = caller.sign(&request, now)?;
    ///
    /// let sent = [
    ///     ("signature-input", &fields.signature_input),
    ///     ("signature", &fields.signature),
    /// ];
    /// let headers = || sent.iter().map(|(name, value)| (*name, value.as_bytes()));
    /// let call = verifier.parse("GET", "/f", headers)?.authenticate(&k_req)?;
    /// // ... the atomic step, and the handler ...
    /// let answer = call.answering(&k_resp).sign(204, None, b"", now)?;
    ///
    /// let received = [
    ///     ("content-digest", &answer.content_digest),
    ///     ("signature-input", &answer.signature_input),
    ///     ("signature", &answer.signature),
    /// ];
    /// let headers = || received.iter().map(|(name, value)| (*name, value.as_bytes()));
    /// assert_eq!(awaiting.verify(204, headers, b"")?.created, now);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn audience_request(&self, audience: &str) -> Zeroizing<[u8; 32]> {
        hmac(&*self.0, &enc("audience request", &[audience.as_bytes()]))
    }

    /// k_resp for a resource server.
    #[must_use]
    pub fn audience_response(&self, audience: &str) -> Zeroizing<[u8; 32]> {
        hmac(&*self.0, &enc("audience response", &[audience.as_bytes()]))
    }

    /// k_sess' of the session to which `token`, whose key this is, was refreshed
    /// (auth 6). It does not travel: both sides compute it.
    #[must_use]
    pub fn next(&self, token: &[u8; 16], rnonce: &[u8; 32], to: &Refreshed) -> SessionKey {
        let expires = to.expires.to_be_bytes();
        let fields: [&[u8]; 5] = [token, rnonce, &to.token, &expires, to.scopes.as_bytes()];
        let refresh = hmac(&*self.0, &enc("refresh", &[]));
        SessionKey(hmac(&*refresh, &enc("next", &fields)))
    }
}
