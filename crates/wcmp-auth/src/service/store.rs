//! What a service keeps, and the traits of the places that keep it (auth 5).
//!
//! All methods are synchronous. Each takes effect at one moment between call and
//! return (it is *atomic*), and what it has taken effect in is durable when it
//! returns, as far as the store is durable at all. So several processes on one
//! store behave as one. The moments at which things are decided:
//!
//! | what | decided by |
//! |---|---|
//! | a challenge is used up | [`ReplayStore::consume`] |
//! | a call, once, of a session in force | [`ReplayStore::admit`] |
//! | which refresh of a token is *the* refresh | [`SessionStore::compare_and_swap`], live to spent |
//! | a session with all its predecessors and successors (a *family*) ends | [`SessionStore::revoke`] |
//! | all sessions of a login end but one family; a password is another | [`CredentialStore::compare_and_swap_account`], by the epoch |
//! | a login is taken | [`CredentialStore::put_if`] |
//! | which challenge key a fleet uses in a slot of ten minutes | [`KeyStore::put_key`] |
//!
//! **Families.** The first session of a login is the *root*; what it is refreshed
//! to names it as its family. Revoking marks the root, and every session looks at
//! its root: a refresh that races with it makes a session that is dead already.
//!
//! **Epochs.** A session carries the epoch of the account at the time its
//! password was verified. It is in force while that is the account's, or while
//! its family is the one that the last change of epoch spared
//! ([`Account::honours`]). So a changed password ends all other sessions in the
//! same write, and a session made from a record that was changed meanwhile is
//! dead.
//!
//! What a stolen store gives: session keys are in it as they are, since calls are
//! verified with them: whoever reads it can act for every session in force until
//! it is revoked or expires. Records do not log in, but can be guessed against
//! (auth 8).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::call::{CallKey, Facts, Reason};
use crate::limits::MAX_TTL;
use crate::{Record, SessionKey};

/// Seconds for which a consumed challenge is remembered after it has expired: as
/// far as clocks of processes on one store may be apart.
pub const CONSUMED_SECONDS: u64 = 300;

/// A token's id: 16 random bytes, a name and no secret.
pub type TokenId = [u8; 16];

/// A store did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be reached, or cannot write. Whether the write took effect is
    /// unknown.
    Unavailable,
    /// It holds what nobody of us wrote.
    Corrupt,
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreError::Unavailable => "the store cannot be reached",
            StoreError::Corrupt => "the store holds something else",
        })
    }
}

impl core::error::Error for StoreError {}

/// A login's row.
#[derive(Debug)]
pub struct Account {
    /// The password's record; login and realm are in it.
    pub record: Record,
    /// The number of the password, from 0: the salt is made of it.
    pub generation: u32,
    /// All scopes that the login may ever have, single spaces.
    pub allowed: String,
    /// Counts what ended the login's other sessions.
    pub epoch: u64,
    /// The family that the last change of epoch spared.
    pub spared: Option<TokenId>,
}

impl Account {
    /// Whether a session of this login is of the present epoch, or spared.
    #[must_use]
    pub fn honours(&self, session: &Session) -> bool {
        self.epoch == session.epoch || self.spared == Some(session.family)
    }
}

/// An account and the number of its row's version.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The row.
    pub account: Arc<Account>,
    /// Counts its changes. What a [`CredentialStore::compare_and_swap_account`] compares.
    pub version: u64,
}

/// Accounts by login.
pub trait CredentialStore: Send + Sync {
    /// The row of `login`.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get_account(&self, login: &str) -> Result<Option<Stored>, StoreError>;

    /// Sets a row where none is (login: the record's). Whether it was set.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_if(&self, account: Account) -> Result<bool, StoreError>;

    /// Replaces the row of the record's login if it still has `version`, and
    /// counts the version. Whether it was replaced. From that moment
    /// [`ReplayStore::admit`] and [`SessionStore::get`] go by the new epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    fn compare_and_swap_account(&self, version: u64, account: Account) -> Result<bool, StoreError>;
}

/// k_sess, and k_req and k_resp, which every call needs.
pub struct SessionKeys {
    session: SessionKey,
    request: CallKey,
    response: CallKey,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(..)")
    }
}

impl SessionKeys {
    /// The keys of k_sess.
    #[must_use]
    pub fn new(session: SessionKey) -> SessionKeys {
        SessionKeys {
            request: CallKey::new(&session.request()),
            response: CallKey::new(&session.response()),
            session,
        }
    }

    /// k_sess.
    #[must_use]
    pub fn session(&self) -> &SessionKey {
        &self.session
    }

    /// k_req.
    #[must_use]
    pub fn request(&self) -> &CallKey {
        &self.request
    }

    /// k_resp.
    #[must_use]
    pub fn response(&self) -> &CallKey {
        &self.response
    }
}

/// What never changes about a session.
#[derive(Debug)]
pub struct Session {
    /// Its name.
    pub token: TokenId,
    /// The root's name: its own, if it comes from a login.
    pub family: TokenId,
    /// Whose.
    pub login: String,
    /// The device's label.
    pub device: String,
    /// What it may do, single spaces.
    pub scopes: String,
    /// Its keys.
    pub keys: SessionKeys,
    /// The account's epoch when the password was verified.
    pub epoch: u64,
    /// When the root was made, seconds since 1970.
    pub logged_in: u64,
    /// When this session was made.
    pub created: u64,
    /// When calls end.
    pub expires: u64,
}

impl Session {
    /// Whether it comes from a login, and not from a refresh.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.family == self.token
    }

    /// Until when it can call or be refreshed, seconds since 1970.
    #[must_use]
    pub fn refreshable(&self) -> u64 {
        let refreshable = self.logged_in.saturating_add(super::REFRESH_SECONDS);
        self.expires.max(refreshable)
    }

    /// When the row may be swept, seconds since 1970: it cannot be used any more,
    /// and nor can, if it is a root, any session of its family. A missing root is
    /// a revoked one, and the last successor, made just before refreshing ends,
    /// calls for as long as a session may.
    #[must_use]
    pub fn stale(&self) -> u64 {
        match self.is_root() {
            true => self.refreshable().max(
                self.logged_in
                    .saturating_add(super::REFRESH_SECONDS + u64::from(MAX_TTL)),
            ),
            false => self.refreshable(),
        }
    }
}

/// What becomes of a session, at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is its family's last.
    Live,
    /// It was refreshed.
    Spent {
        /// The refresh's nonce.
        rnonce: [u8; 32],
        /// What it was refreshed to.
        successor: TokenId,
    },
}

/// A session's row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What never changes.
    pub session: Arc<Session>,
    /// Whether it was refreshed.
    pub link: Link,
    /// Whether its root is marked or missing, its account missing, or not
    /// honouring it ([`Account::honours`]): looked up by the store as of now.
    pub revoked: bool,
    /// The `now` of the last call admitted, perhaps a minute less; 0 exactly if
    /// there was none.
    pub seen: u64,
}

/// Sessions by token.
pub trait SessionStore: Send + Sync {
    /// Sets a live row where none is. Whether it was set.
    ///
    /// # Errors
    /// [`StoreError`].
    fn create(&self, session: Session) -> Result<bool, StoreError>;

    /// The row of `token`, revoked, spent and expired ones too.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, token: &TokenId) -> Result<Option<Row>, StoreError>;

    /// Sets the link of a row that has the link `from`. Whether it was set.
    ///
    /// # Errors
    /// [`StoreError`].
    fn compare_and_swap(&self, token: &TokenId, from: Link, to: Link) -> Result<bool, StoreError>;

    /// Marks the root `family`: none of its sessions is in force from that moment
    /// on. Whether the root is there and was not marked.
    ///
    /// # Errors
    /// [`StoreError`].
    fn revoke(&self, family: &TokenId) -> Result<bool, StoreError>;

    /// Forgets a row, such as a successor that came too late.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&self, token: &TokenId) -> Result<(), StoreError>;

    /// All rows of a login, in any order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list_by_user(&self, login: &str) -> Result<Vec<Row>, StoreError>;

    /// How many families of a login there are, ended ones too: rows that are roots.
    ///
    /// # Errors
    /// [`StoreError`].
    fn families(&self, login: &str) -> Result<usize, StoreError> {
        let rows = self.list_by_user(login)?;
        let roots = rows.iter().filter(|row| row.session.is_root());
        Ok(roots.count())
    }

    /// Forgets all rows of a login. No refusal to them can be signed any more.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete_by_user(&self, login: &str) -> Result<(), StoreError>;

    /// Forgets rows that are stale ([`Session::stale`] <= `now`), and nonces and
    /// challenges ([`CONSUMED_SECONDS`]) that are out of time, at most about a
    /// thousand of each so that nobody waits for long. Whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sweep(&self, now: u64) -> Result<bool, StoreError>;
}

/// A call whose MAC was right, before its atomic step.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Its token, nonce and times.
    pub facts: &'a Facts,
    /// The server's time.
    pub now: u64,
    /// Whether it is a refresh, which spent and expired sessions may try.
    pub refresh: bool,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// In force, and its nonce is recorded.
    Admitted,
    /// Refused, and nothing has changed.
    Refused(Reason),
    /// Refused (429), and nothing has changed: the session has used
    /// [`MAX_NONCES`](crate::call::replay::MAX_NONCES) random nonces within ten
    /// minutes.
    TooMany,
    /// There is no such session (any more).
    Unknown,
}

impl Attempt<'_> {
    /// The order of the checks (auth 4), for stores: `replay` asks the record of
    /// nonces, in its turn. If this says [`Admission::Admitted`], the nonce has to
    /// be recorded, in the same atomic step.
    #[must_use]
    pub fn judge(&self, row: &Row, replay: impl FnOnce() -> Option<Admission>) -> Admission {
        if row.revoked {
            return Admission::Refused(Reason::Revoked);
        }
        if row.link != Link::Live && !self.refresh {
            return Admission::Refused(Reason::Spent);
        }
        if let Some(refused) = replay() {
            return refused;
        }
        if !self.facts.is_timely(self.now) {
            return Admission::Refused(Reason::Clock);
        }
        if self.now >= row.session.expires && !self.refresh {
            return Admission::Refused(Reason::Expired);
        }
        Admission::Admitted
    }
}

/// What may happen once only.
pub trait ReplayStore: Send + Sync {
    /// Records a challenge's nonce until `expires` + [`CONSUMED_SECONDS`]; those
    /// out of time `now` may be forgotten. Whether it was not there: of any number
    /// of callers, one is told so.
    ///
    /// # Errors
    /// [`StoreError`].
    fn consume(&self, snonce: &[u8; 32], expires: u64, now: u64) -> Result<bool, StoreError>;

    /// The atomic step of a call ([`Attempt::judge`], auth 4): revoked, spent,
    /// replay, clock, expired; then records the nonce and sets [`Row::seen`].
    /// Nothing that was admitted is admitted again, after a restart neither.
    ///
    /// # Errors
    /// [`StoreError`].
    fn admit(&self, attempt: &Attempt<'_>) -> Result<Admission, StoreError>;
}

/// Accounts and sessions in one place, because a call looks at both in one step.
pub trait Store: CredentialStore + SessionStore + ReplayStore {
    /// Whether methods may wait for a disk or a network, so that an async program
    /// calls them elsewhere than on its workers.
    fn blocks(&self) -> bool {
        true
    }
}

/// A challenge key as a fleet shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedKey {
    /// Its ten minutes: seconds since 1970 / 600.
    pub slot: u64,
    /// The key, sealed under the fleet's secret.
    pub sealed: [u8; SEALED_KEY_LEN],
}

/// Bytes of a sealed challenge key: nonce, K_ctx and K_esk, MAC.
pub const SEALED_KEY_LEN: usize = 32 + 64 + 32;

/// Where a fleet shares challenge keys. One process alone needs none.
pub trait KeyStore: Send + Sync {
    /// Sets the key of a slot where none is. Whether it was set.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_key(&self, key: &SealedKey) -> Result<bool, StoreError>;

    /// The keys of slots from `slot` on.
    ///
    /// # Errors
    /// [`StoreError`].
    fn keys_from(&self, slot: u64) -> Result<Vec<SealedKey>, StoreError>;

    /// Forgets the keys of slots before `slot`, on the medium too as far as it
    /// can be done: that is forward secrecy.
    ///
    /// # Errors
    /// [`StoreError`].
    fn forget_keys(&self, slot: u64) -> Result<(), StoreError>;
}
