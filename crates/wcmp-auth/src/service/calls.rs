//! Calls (auth 4): from a token to whoever may call.

use alloc::sync::Arc;
use core::fmt;

use super::{Admission, Attempt, RetryAfter, Row, Service, ServiceError, Session, TokenId, has};
use crate::call::{Facts, Reason};

/// Who calls: the holder of a session that is in force, whose MAC was right and
/// whose nonce is recorded. Of the body nothing is known.
#[derive(Clone)]
pub struct Caller {
    session: Arc<Session>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.session).finish()
    }
}

impl Caller {
    /// The login.
    #[must_use]
    pub fn login(&self) -> &str {
        &self.session.login
    }

    /// The device's label.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.session.device
    }

    /// The scopes, single spaces.
    #[must_use]
    pub fn scopes(&self) -> &str {
        &self.session.scopes
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the session has `scope`.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        has(&self.session.scopes, scope)
    }

    /// Goes on only with `scope`.
    ///
    /// # Errors
    /// [`ServiceError::InsufficientScope`].
    pub fn require(&self, scope: &str) -> Result<(), ServiceError> {
        match self.has(scope) {
            true => Ok(()),
            false => Err(ServiceError::InsufficientScope),
        }
    }
}

/// Who asks for a refresh: the holder of a session's key, which may have expired
/// or be spent.
#[derive(Debug)]
pub struct Refreshing {
    pub(super) session: Arc<Session>,
}

impl Refreshing {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl Service {
    /// The session of a token, revoked, spent and expired ones too: its keys
    /// verify the call and sign the answer. Nothing is changed. `None`: 401, not
    /// signed.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub fn session(&self, token: &TokenId) -> Result<Option<Arc<Session>>, ServiceError> {
        let row = self.parts.store.get(token)?;
        Ok(row.map(|row: Row| row.session))
    }

    /// The atomic step of a call, **after** its MAC was found right with the
    /// session's keys: revoked, spent, replay, clock, expired, and the nonce is
    /// recorded.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] and [`ServiceError::RateLimited`], which are
    /// signed and change nothing; [`ServiceError::Unknown`];
    /// [`ServiceError::Store`].
    pub fn admit(&self, session: &Arc<Session>, facts: &Facts) -> Result<Caller, ServiceError> {
        let session = self.step(session, facts, false)?;
        Ok(Caller { session })
    }

    /// The same for `POST /knh1/refresh`, which expired and spent sessions may
    /// call too.
    ///
    /// # Errors
    /// As [`Service::admit`].
    pub fn admit_refresh(
        &self,
        session: &Arc<Session>,
        facts: &Facts,
    ) -> Result<Refreshing, ServiceError> {
        let session = self.step(session, facts, true)?;
        Ok(Refreshing { session })
    }

    fn step(
        &self,
        session: &Arc<Session>,
        facts: &Facts,
        refresh: bool,
    ) -> Result<Arc<Session>, ServiceError> {
        if facts.token != session.token {
            return Err(ServiceError::Unknown);
        }
        let now = self.now();
        let attempt = Attempt {
            facts,
            now,
            refresh,
        };
        match self.parts.store.admit(&attempt)? {
            Admission::Admitted => Ok(Arc::clone(session)),
            Admission::Refused(reason) => Err(ServiceError::Refused(reason)),
            Admission::TooMany => Err(ServiceError::RateLimited(RetryAfter(60))),
            Admission::Unknown => Err(ServiceError::Unknown),
        }
    }

    /// Goes on only if the session is still in force, where another answer than
    /// a call's depends on it.
    pub(super) fn in_force(&self, caller: &Caller) -> Result<(), ServiceError> {
        match self.parts.store.get(&caller.session.token)? {
            Some(row) if !row.revoked => Ok(()),
            _ => Err(ServiceError::Refused(Reason::Revoked)),
        }
    }
}
