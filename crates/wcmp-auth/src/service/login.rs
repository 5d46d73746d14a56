//! start and finish (auth 3): what the core leaves to the embedder.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    Event, MAX_FAMILIES, Row, Service, ServiceError, Session, SessionKeys, Source, Stored, TokenId,
    cut, has,
};
use crate::message::{Challenge, Finish, Grant, Start};
use crate::server::Opened;

impl Service {
    /// `POST /knh1/start`.
    ///
    /// # Errors
    /// [`ServiceError::RateLimited`], [`ServiceError::InvalidRequest`],
    /// [`ServiceError::UnsupportedSuite`], [`ServiceError::Store`],
    /// [`ServiceError::Random`].
    pub fn start(&self, start: &Start, source: Source) -> Result<Challenge, ServiceError> {
        let now = self.now();
        self.count_start(source, now)?;
        if !is_prepared(&start.login) {
            return Err(ServiceError::InvalidRequest);
        }
        let stored = self.parts.store.get_account(&start.login)?;
        let record = stored.as_ref().map(|stored| &stored.account.record);
        self.keys.with(now, &*self.parts.rng, |keys| {
            let challenge = self
                .server
                .start(keys, start, record, now, &mut self.draw());
            Ok(challenge?)
        })
    }

    /// `POST /knh1/finish`. After `rate_limited` the same message may come again.
    ///
    /// # Errors
    /// [`ServiceError::InvalidRequest`], [`ServiceError::ExpiredChallenge`],
    /// [`ServiceError::RateLimited`], [`ServiceError::LoginFailed`],
    /// [`ServiceError::Store`], [`ServiceError::Random`]. After a fault of the
    /// store the challenge may be used up; there is no session.
    pub fn finish(&self, finish: &Finish, source: Source) -> Result<Grant, ServiceError> {
        let now = self.now();
        let number = finish.ctx.first().copied();
        let opened = self
            .keys
            .with_number(number, now, &*self.parts.rng, |keys| {
                Ok(self.server.open(keys, finish, now)?)
            })?;
        let login = String::from(opened.login());
        if let Err(after) = self.parts.limits.finish(&login, source, now) {
            let login = Some(login.as_str());
            self.audit(now, &Event::RateLimited { login, source });
            return Err(after.into());
        }
        // From here on it counts as a guess, unless it turns out to be none.
        let result = self.judge(opened, &login, source, now);
        match result {
            Err(ServiceError::LoginFailed) => {
                let login = &login;
                self.audit(now, &Event::LoginFailed { login, source });
            }
            Ok(_) => self.parts.limits.give_back(&login, source, true, now),
            Err(_) => self.parts.limits.give_back(&login, source, false, now),
        }
        result
    }

    fn judge(
        &self,
        opened: Opened,
        login: &str,
        source: Source,
        now: u64,
    ) -> Result<Grant, ServiceError> {
        let store = &self.parts.store;
        if !store.consume(opened.snonce(), opened.expires(), now)? {
            return Err(ServiceError::ExpiredChallenge);
        }
        // After consuming, so that nothing that was changed before counts.
        let stored: Option<Stored> = store.get_account(login)?;
        let account = stored.as_ref().map(|stored| &*stored.account);
        let verified = opened.verify(&self.server, account.map(|account| &account.record))?;
        let account = account.ok_or(ServiceError::LoginFailed)?;
        let scopes = cut(verified.asked(), |scope| has(&account.allowed, scope));
        let (grant, granted) = verified.grant(&scopes, now, &mut self.draw())?;
        let session = Session {
            token: granted.token_id,
            family: granted.token_id,
            login: granted.login,
            device: granted.device,
            scopes: granted.scopes,
            keys: SessionKeys::new(granted.key),
            // Of the record that was verified: one that was changed meanwhile
            // has another, and the session is dead.
            epoch: account.epoch,
            logged_in: now,
            created: now,
            expires: granted.expires,
        };
        self.make_room(login, now)?;
        match store.create(session) {
            Ok(true) => {}
            // A random id twice: the source is none.
            Ok(false) => return Err(ServiceError::Random),
            Err(error) => {
                // Perhaps it is there. Nobody has its key.
                let _ = store.delete(&grant.token_id);
                return Err(error.into());
            }
        }
        let event = Event::LoggedIn {
            login,
            source,
            token: &grant.token_id,
            scopes: &grant.scopes,
        };
        self.audit(now, &event);
        Ok(grant)
    }

    /// Whoever logs in again and again fills neither the store nor the list of
    /// devices.
    fn make_room(&self, login: &str, now: u64) -> Result<(), ServiceError> {
        let store = &self.parts.store;
        if store.families(login)? < MAX_FAMILIES {
            return Ok(());
        }
        let rows = store.list_by_user(login)?;
        // When a family was last used, and whether it is in force.
        let mut families: BTreeMap<TokenId, (u64, bool)> = BTreeMap::new();
        for Row {
            session,
            revoked,
            seen,
            ..
        } in &rows
        {
            let family = families.entry(session.family).or_default();
            family.0 = family.0.max(*seen).max(session.created);
            family.1 |= !revoked && now < session.refreshable();
        }
        let in_force = |family: &TokenId| families.get(family).is_some_and(|(_, it)| *it);
        for row in rows.iter().filter(|row| !in_force(&row.session.family)) {
            store.delete(&row.session.token)?;
        }
        let mut live: Vec<_> = families.iter().filter(|(_, (_, it))| *it).collect();
        if live.len() >= MAX_FAMILIES {
            live.sort_by_key(|(_, (used, _))| *used);
            for (family, _) in live.into_iter().take(MAX_FAMILIES / 10) {
                if store.revoke(family)? {
                    self.audit(now, &Event::Revoked { login, family });
                }
            }
        }
        Ok(())
    }

    pub(super) fn count_start(&self, source: Source, now: u64) -> Result<(), ServiceError> {
        self.parts.limits.start(source, now).map_err(|after| {
            let login = None;
            self.audit(now, &Event::RateLimited { login, source });
            after.into()
        })
    }
}

/// Whether preparing the login (RFC 8265) leaves it as it is.
pub(super) fn is_prepared(login: &str) -> bool {
    if login.is_ascii() {
        return crate::limits::is_ascii_login(login);
    }
    #[cfg(feature = "precis")]
    return crate::prepare::login(login).is_ok_and(|prepared| prepared == login);
    #[cfg(not(feature = "precis"))]
    false
}
