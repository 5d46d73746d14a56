//! What happened, for whoever looks after a service: typed, and without secrets.

use super::{Source, TokenId};

/// What happened. Tokens are names, not secrets; nothing here logs in, signs or
/// can be guessed against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A password was right, and a session made.
    LoggedIn {
        /// Whose.
        login: &'a str,
        /// From where.
        source: Source,
        /// The session.
        token: &'a TokenId,
        /// Its scopes.
        scopes: &'a str,
    },
    /// A password was wrong, or the login unknown.
    LoginFailed {
        /// Whose, as the client says.
        login: &'a str,
        /// From where.
        source: Source,
    },
    /// A start or a finish was put off.
    RateLimited {
        /// Whose, where that is known: of a finish.
        login: Option<&'a str>,
        /// From where.
        source: Source,
    },
    /// A session was refreshed.
    Refreshed {
        /// Whose.
        login: &'a str,
        /// The spent session.
        token: &'a TokenId,
        /// Its successor.
        successor: &'a TokenId,
    },
    /// A spent session was refreshed again by other means than repeating the
    /// request: its key is in two hands, and the family was revoked (reason
    /// `reuse`).
    Reused {
        /// Whose.
        login: &'a str,
        /// The family.
        family: &'a TokenId,
    },
    /// A family was revoked by request, or since its login has too many.
    Revoked {
        /// Whose.
        login: &'a str,
        /// The family.
        family: &'a TokenId,
    },
    /// All families of a login were revoked by request but this.
    RevokedOthers {
        /// Whose.
        login: &'a str,
        /// The one that is left.
        family: &'a TokenId,
    },
    /// A password was set, and all families but this revoked.
    PasswordSet {
        /// Whose.
        login: &'a str,
        /// The one that is left.
        family: &'a TokenId,
    },
    /// An account was made.
    Registered {
        /// Whose.
        login: &'a str,
        /// From where.
        source: Source,
    },
}

/// Where events go. Called in the middle of requests: it hands on and returns.
pub trait AuditSink: Send + Sync {
    /// An event at `now`, seconds since 1970.
    fn record(&self, now: u64, event: &Event<'_>);
}

/// For who keeps no audit.
impl AuditSink for () {
    fn record(&self, _: u64, _: &Event<'_>) {}
}
