//! Passwords and accounts (auth 6): enrolled by an operator, registered by a
//! client, changed by their holder.

use alloc::string::String;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::login::is_prepared;
use super::{
    Account, Caller, Event, PASSWORD_SECONDS, Registration, Service, ServiceError, Source,
};
use crate::encode::enc;
use crate::kdf::hmac;
use crate::message::{self, PasswordChange, PasswordParameters, Registered};
use crate::{Parameters, Record};

impl Service {
    /// Makes an account of a prepared login and password that is allowed the
    /// scopes `allowed`: a whole stretch of work, unless the login is taken.
    /// Whether it was made; of an account that is there nothing changes.
    ///
    /// # Errors
    /// [`ServiceError::InvalidRequest`] for texts outside the limits or a login
    /// that is not prepared; [`ServiceError::Memory`], [`ServiceError::Store`].
    pub fn enrol(&self, login: &str, password: &str, allowed: &str) -> Result<bool, ServiceError> {
        crate::limits::scopes(allowed)?;
        if !is_prepared(login) {
            return Err(ServiceError::InvalidRequest);
        }
        if self.parts.store.get_account(login)?.is_some() {
            return Ok(false);
        }
        let PasswordParameters {
            salt, parameters, ..
        } = self.made_with(login, 0);
        let realm = self.policy().realm();
        let record = Record::enrol(realm, login, password, &salt, parameters)?;
        self.make(record, allowed)
    }

    /// `GET /knh1/password`: what the caller's next record is to be made with.
    ///
    /// # Errors
    /// [`ServiceError::InsufficientScope`] without the scope `password` from a
    /// login at most 300 s old; [`ServiceError::Refused`],
    /// [`ServiceError::Store`].
    pub fn password_parameters(&self, caller: &Caller) -> Result<PasswordParameters, ServiceError> {
        self.may_set_password(caller)?;
        let stored = self.parts.store.get_account(caller.login())?;
        let stored = stored.ok_or(ServiceError::Refused(crate::call::Reason::Revoked))?;
        Ok(self.next(&stored.account))
    }

    /// `POST /knh1/password`: sets the record that the caller has sealed, and ends
    /// every other family of the login in the same step. An upgrade of work is
    /// this with the same password.
    ///
    /// # Errors
    /// [`ServiceError::InsufficientScope`] as above;
    /// [`ServiceError::InvalidRequest`] if the record was made with something
    /// else than the server would say now; [`ServiceError::Refused`],
    /// [`ServiceError::Store`].
    pub fn set_password(
        &self,
        caller: &Caller,
        change: &PasswordChange,
    ) -> Result<(), ServiceError> {
        self.may_set_password(caller)?;
        let session = caller.session();
        self.change(caller, |account| {
            let next = self.next(account);
            if change.made_with != next {
                return Err(ServiceError::InvalidRequest);
            }
            let h = change.open(session.keys.session(), &session.token);
            let (realm, login) = (self.policy().realm(), caller.login());
            Ok(Account {
                record: Record::new(realm, login, &next.salt, next.parameters, &h)?,
                generation: account.generation.saturating_add(1),
                allowed: account.allowed.clone(),
                epoch: account.epoch.saturating_add(1),
                spared: Some(session.family),
            })
        })?;
        let (login, family) = (caller.login(), &session.family);
        self.audit(self.now(), &Event::PasswordSet { login, family });
        Ok(())
    }

    /// `GET /knh1/register?login=`: what a start would say of this login.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] where nobody can register;
    /// [`ServiceError::RateLimited`], [`ServiceError::InvalidRequest`],
    /// [`ServiceError::Store`].
    pub fn registration_parameters(
        &self,
        login: &str,
        source: Source,
    ) -> Result<PasswordParameters, ServiceError> {
        self.registration()?;
        self.count_start(source, self.now())?;
        crate::limits::sized(login, crate::limits::LOGIN, crate::Misuse::Login)?;
        if !is_prepared(login) {
            return Err(ServiceError::InvalidRequest);
        }
        // Else the salt of a first password would tell who has a second one.
        let mut made_with = self.made_with(login, 0);
        if let Some(stored) = self.parts.store.get_account(login)? {
            made_with.salt = stored.account.record.salt().to_vec();
        }
        Ok(made_with)
    }

    /// `POST /knh1/register`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], [`ServiceError::RateLimited`],
    /// [`ServiceError::Store`]; [`ServiceError::InvalidRequest`] for everything
    /// else: other parameters than the server's, a wrong MAC, no invite, a login
    /// that is taken.
    pub fn register(
        &self,
        ask: &message::Registration,
        source: Source,
    ) -> Result<Registered, ServiceError> {
        let Registration {
            key,
            allowed,
            invites,
        } = self.registration()?;
        let now = self.now();
        self.count_start(source, now)?;
        crate::limits::sized(&ask.login, crate::limits::LOGIN, crate::Misuse::Login)?;
        let made_with = self.made_with(&ask.login, 0);
        if ask.realm != self.policy().realm()
            || !is_prepared(&ask.login)
            || ask.made_with != made_with
        {
            return Err(ServiceError::InvalidRequest);
        }
        let (h, registered) = ask.open(key).ok_or(ServiceError::InvalidRequest)?;
        let invite = self.invite(&ask.login);
        if *invites && !bool::from(invite.as_bytes().ct_eq(ask.invite.as_bytes())) {
            return Err(ServiceError::InvalidRequest);
        }
        let PasswordParameters {
            salt, parameters, ..
        } = made_with;
        let record = Record::new(&ask.realm, &ask.login, &salt, parameters, &h)?;
        if !self.make(record, allowed)? {
            return Err(ServiceError::InvalidRequest);
        }
        let login = &ask.login;
        self.audit(now, &Event::Registered { login, source });
        Ok(registered)
    }

    /// An invite to register as `login`: 43 characters, good until there is such
    /// an account. **Secret** to all but that person.
    #[must_use]
    pub fn invite(&self, login: &str) -> String {
        let fields = [self.policy().realm().as_bytes(), login.as_bytes()];
        BASE64URL_NOPAD.encode(&*hmac(&*self.invite, &enc("invite", &fields)))
    }

    /// Lifts a login's record to the policy's N without its user, if nothing else
    /// differs. Whether it was lifted. Adds next to nothing to a guess (auth 8).
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub fn lift(&self, login: &str) -> Result<bool, ServiceError> {
        let policy = *self.policy().parameters();
        let Some(stored) = self.parts.store.get_account(login)? else {
            return Ok(false);
        };
        let account = &stored.account;
        let liftable = Parameters {
            n: policy.n,
            ..*account.record.parameters()
        };
        let (true, Ok(record)) = (liftable == policy, account.record.lift(policy.n)) else {
            return Ok(false);
        };
        let lifted = Account {
            record,
            generation: account.generation,
            allowed: account.allowed.clone(),
            epoch: account.epoch,
            spared: account.spared,
        };
        let store = &self.parts.store;
        Ok(store.compare_and_swap_account(stored.version, lifted)?)
    }

    fn make(&self, record: Record, allowed: &str) -> Result<bool, ServiceError> {
        Ok(self.parts.store.put_if(Account {
            record,
            generation: 0,
            allowed: allowed.into(),
            epoch: 0,
            spared: None,
        })?)
    }

    fn registration(&self) -> Result<&Registration, ServiceError> {
        self.registration.as_ref().ok_or(ServiceError::NotFound)
    }

    fn next(&self, account: &Account) -> PasswordParameters {
        let generation = account.generation.saturating_add(1);
        self.made_with(account.record.login(), generation)
    }

    fn made_with(&self, login: &str, generation: u32) -> PasswordParameters {
        PasswordParameters {
            suite: self.record_suite,
            salt: self.server.salt(login, generation).to_vec(),
            parameters: *self.policy().parameters(),
        }
    }

    /// The root of a family only: no refresh hands the scope on.
    fn may_set_password(&self, caller: &Caller) -> Result<(), ServiceError> {
        caller.require("password")?;
        let since = self.now().saturating_sub(caller.session().logged_in);
        match since <= PASSWORD_SECONDS {
            true => Ok(()),
            false => Err(ServiceError::InsufficientScope),
        }
    }
}
