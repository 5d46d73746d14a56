//! Refresh (auth 6). No token crosses: the session's key is the proof.
//!
//! ```text
//! live   --refresh(rnonce)--> spent{rnonce, successor}, and the successor live
//! spent  --the same rnonce, successor not used yet--> the same answer
//! spent  --anything else--> the family is revoked
//! ```
//!
//! The successor is created first: it is nobody's until the old session's link,
//! set by compare-and-swap, says that it is the successor.

use alloc::sync::Arc;

use subtle::ConstantTimeEq;

use super::{
    Event, Link, REFRESH_SECONDS, Refreshing, Rng, Service, ServiceError, Session, SessionKeys,
    TokenId, cut, has,
};
use crate::call::Reason;
use crate::message::{Refresh, Refreshed};

impl Service {
    /// `POST /knh1/refresh`. The answer is signed with the old session's key.
    ///
    /// # Errors
    /// [`ServiceError::Refused`]: `revoked`, `expired` after 30 days, `reuse`;
    /// [`ServiceError::Unknown`], [`ServiceError::Store`],
    /// [`ServiceError::Random`]. After a fault of the store the client asks again
    /// with the same nonce.
    pub fn refresh(
        &self,
        refreshing: &Refreshing,
        ask: &Refresh,
    ) -> Result<Refreshed, ServiceError> {
        crate::limits::scopes(&ask.scopes)?;
        let (now, old, store) = (self.now(), &refreshing.session, &self.parts.store);
        if now >= old.logged_in.saturating_add(REFRESH_SECONDS) {
            return Err(ServiceError::Refused(Reason::Expired));
        }
        // Once more where another refresh came first: a link is set only once.
        for _ in 0..2 {
            let row = store.get(&old.token)?.ok_or(ServiceError::Unknown)?;
            if row.revoked {
                return Err(ServiceError::Refused(Reason::Revoked));
            }
            let Link::Spent { rnonce, successor } = row.link else {
                if let Some(refreshed) = self.succeed(old, ask, now)? {
                    return Ok(refreshed);
                }
                continue;
            };
            if bool::from(rnonce.ct_eq(&ask.rnonce))
                && let Some(refreshed) = self.unused(&successor)?
            {
                return Ok(refreshed);
            }
            store.revoke(&old.family)?;
            let (login, family) = (&old.login, &old.family);
            self.audit(now, &Event::Reused { login, family });
            return Err(ServiceError::Refused(Reason::Reuse));
        }
        Err(ServiceError::Unknown)
    }

    /// Nothing if another refresh came first.
    fn succeed(
        &self,
        old: &Arc<Session>,
        ask: &Refresh,
        now: u64,
    ) -> Result<Option<Refreshed>, ServiceError> {
        let store = &self.parts.store;
        let asked = match ask.scopes.as_str() {
            "" => &old.scopes,
            asked => asked,
        };
        // A password is set by who has just typed it.
        let may = |scope: &str| scope != "password" && has(&old.scopes, scope);
        let refreshed = Refreshed {
            token: token(&*self.parts.rng)?,
            expires: now.saturating_add(self.policy().ttl(ask.ttl)),
            scopes: cut(asked, may),
        };
        let key = old.keys.session();
        let successor = Session {
            token: refreshed.token,
            family: old.family,
            login: old.login.clone(),
            device: old.device.clone(),
            scopes: refreshed.scopes.clone(),
            keys: SessionKeys::new(key.next(&old.token, &ask.rnonce, &refreshed)),
            epoch: old.epoch,
            logged_in: old.logged_in,
            created: now,
            expires: refreshed.expires,
        };
        if !store.create(successor)? {
            return Err(ServiceError::Random);
        }
        let spent = Link::Spent {
            rnonce: ask.rnonce,
            successor: refreshed.token,
        };
        // After a fault the successor stays: perhaps it is linked.
        if !store.compare_and_swap(&old.token, Link::Live, spent)? {
            store.delete(&refreshed.token)?;
            return Ok(None);
        }
        let event = Event::Refreshed {
            login: &old.login,
            token: &old.token,
            successor: &refreshed.token,
        };
        self.audit(now, &event);
        Ok(Some(refreshed))
    }

    /// What was answered, if the successor has not called yet.
    fn unused(&self, successor: &TokenId) -> Result<Option<Refreshed>, ServiceError> {
        let row = self.parts.store.get(successor)?;
        let row = row.filter(|row| row.seen == 0 && row.link == Link::Live);
        Ok(row.map(|row| Refreshed {
            token: row.session.token,
            expires: row.session.expires,
            scopes: row.session.scopes.clone(),
        }))
    }
}

fn token(rng: &dyn Rng) -> Result<TokenId, ServiceError> {
    let mut token = [0; 16];
    rng.fill(&mut token)?;
    Ok(token)
}
