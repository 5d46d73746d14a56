//! Revoking, introspecting, listing (auth 6): signed calls of a session's holder.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Account, Caller, Event, Link, Row, Service, ServiceError, TokenId};
use crate::call::Reason;
use crate::message::{Device, Devices, Introspection};

impl Service {
    /// `POST /knh1/revoke` {"token"}: ends that session's family, if it is of the
    /// caller's login. Nothing else, and nobody is told, for any other bytes.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub fn revoke(&self, caller: &Caller, token: &[u8]) -> Result<(), ServiceError> {
        match self.own(caller, token)? {
            Some(row) => self.end(caller, &row.session.family),
            None => Ok(()),
        }
    }

    /// `POST /knh1/revoke` {"all"}: ends every other family of the login, those
    /// that are being made too.
    ///
    /// # Errors
    /// [`ServiceError::Refused`] if the caller was revoked meanwhile;
    /// [`ServiceError::Store`].
    pub fn revoke_others(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.change(caller, |account| {
            Ok(Account {
                record: account.record.copy(),
                generation: account.generation,
                allowed: account.allowed.clone(),
                epoch: account.epoch.saturating_add(1),
                spared: Some(caller.session().family),
            })
        })?;
        let (login, family) = (caller.login(), &caller.session().family);
        self.audit(self.now(), &Event::RevokedOthers { login, family });
        Ok(())
    }

    /// `POST /knh1/introspect`: of the login's own sessions, or with the scope
    /// `introspect` of all.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub fn introspect(&self, caller: &Caller, token: &[u8]) -> Result<Introspection, ServiceError> {
        let now = self.now();
        let row = match caller.has("introspect") {
            true => self.any(token)?,
            false => self.own(caller, token)?,
        };
        let row =
            row.filter(|row| !row.revoked && row.link == Link::Live && now < row.session.expires);
        Ok(match row {
            None => Introspection::Inactive,
            Some(Row { session, .. }) => Introspection::Active {
                scope: session.scopes.clone(),
                username: session.login.clone(),
                exp: session.expires,
                iat: session.created,
            },
        })
    }

    /// `GET /knh1/devices`: the login's families that are in force or could still
    /// be refreshed, the latest login first.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub fn devices(&self, caller: &Caller) -> Result<Devices, ServiceError> {
        let now = self.now();
        let rows = self.parts.store.list_by_user(caller.login())?;
        let successors: BTreeSet<TokenId> = rows
            .iter()
            .filter_map(|row| match row.link {
                Link::Spent { successor, .. } => Some(successor),
                Link::Live => None,
            })
            .collect();
        // One that is neither a root nor a successor was left by a fault.
        let linked = |row: &&Row| {
            row.session.token == row.session.family || successors.contains(&row.session.token)
        };
        let mut devices: Vec<Device> = rows
            .iter()
            .filter(|row| !row.revoked && row.link == Link::Live && now < row.session.refreshable())
            .filter(linked)
            .map(|Row { session, seen, .. }| Device {
                token: session.token,
                device: session.device.clone(),
                scopes: session.scopes.clone(),
                created: session.logged_in,
                seen: (*seen).max(session.created),
                expires: session.expires,
                current: session.family == caller.session().family,
            })
            .collect();
        devices.sort_by_key(|device| (core::cmp::Reverse(device.created), device.token));
        Ok(Devices { devices })
    }

    /// `DELETE /knh1/devices/{token}`: ends that family of the login.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if it is none, or has ended;
    /// [`ServiceError::Store`].
    pub fn delete_device(&self, caller: &Caller, token: &[u8]) -> Result<(), ServiceError> {
        let row = self.own(caller, token)?;
        let row = row.filter(|row| !row.revoked && self.now() < row.session.refreshable());
        self.end(caller, &row.ok_or(ServiceError::NotFound)?.session.family)
    }

    fn end(&self, caller: &Caller, family: &TokenId) -> Result<(), ServiceError> {
        if self.parts.store.revoke(family)? {
            let login = caller.login();
            self.audit(self.now(), &Event::Revoked { login, family });
        }
        Ok(())
    }

    fn own(&self, caller: &Caller, token: &[u8]) -> Result<Option<Row>, ServiceError> {
        let row = self.any(token)?;
        Ok(row.filter(|row| row.session.login == caller.login()))
    }

    fn any(&self, token: &[u8]) -> Result<Option<Row>, ServiceError> {
        match token.try_into() {
            Ok(token) => Ok(self.parts.store.get(token)?),
            Err(_) => Ok(None),
        }
    }

    /// Replaces the caller's account, as long as the caller may: what `change`
    /// makes of it takes effect in one step.
    pub(super) fn change(
        &self,
        caller: &Caller,
        change: impl Fn(&Account) -> Result<Account, ServiceError>,
    ) -> Result<(), ServiceError> {
        let (store, revoked) = (&self.parts.store, ServiceError::Refused(Reason::Revoked));
        // Others may change the account too, but not for ever.
        for _ in 0..16 {
            self.in_force(caller)?;
            let stored = store.get_account(caller.login())?.ok_or(revoked)?;
            if !stored.account.honours(caller.session()) {
                return Err(revoked);
            }
            let changed = change(&stored.account)?;
            if store.compare_and_swap_account(stored.version, changed)? {
                return Ok(());
            }
        }
        Err(super::StoreError::Unavailable.into())
    }
}
