//! The store in a file (SQLite): accounts, sessions and nonces of one process.
//!
//! The file is locked as long as it is open: a second process is refused, since
//! windows of counters are in memory. For each session the file holds a bound
//! 1024 ahead of them, so that a restart admits nothing twice; a call with a
//! counter writes to the disk once in about 1024 times or a minute. A call with a
//! random nonce writes every time. Writes are on the disk when they return
//! (WAL, synchronous = FULL).
//!
//! On Unix the file is made for its owner alone (0600). It holds session keys and
//! password records as they are: whoever has it can act for every session in
//! force, and guess passwords. What is deleted is overwritten, in the file at
//! once and in its log (-wal) as that is used again.

mod row;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use super::{
    Account, Admission, Attempt, CONSUMED_SECONDS, CredentialStore, Link, ReplayStore, Row,
    Session, SessionStore, Store, StoreError, Stored, TokenId,
};
use crate::call::replay::{Counters, NONCE_SECONDS, NonceRefused, Nonces, Replayed};
use crate::call::{Nonce, Reason};

/// How many rows of a kind one sweep takes.
const SWEEP: usize = 1000;
/// How many sessions have their windows in memory.
const OPEN_SESSIONS: usize = 65_536;
/// How old the file's time of the last call may be, in seconds.
const SEEN_SECONDS: u64 = 60;
/// Of our files ("KNH1").
const APPLICATION_ID: i32 = 0x4b4e_4831;

/// Accounts and sessions in a file.
pub struct SqliteStore {
    inner: Mutex<Inner>,
}

struct Inner {
    file: Connection,
    open: HashMap<TokenId, Open>,
}

/// What of a session is in memory.
struct Open {
    counters: Counters,
    /// Those in the file, once asked for.
    nonces: Option<Nonces>,
    seen: u64,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore(..)")
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch,
            ) => StoreError::Corrupt,
            Some(_) => StoreError::Unavailable,
            // A column that is not what we wrote.
            None => StoreError::Corrupt,
        }
    }
}

impl SqliteStore {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be opened, written to, or is open
    /// elsewhere; [`StoreError::Corrupt`] if it is none of ours, or of a later
    /// version.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        make(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut file = Connection::open_with_flags(path, flags)?;
        file.set_prepared_statement_cache_capacity(64);
        file.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;",
        )?;
        migrate(&mut file)?;
        Ok(SqliteStore {
            inner: Mutex::new(Inner {
                file,
                open: HashMap::new(),
            }),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Whatever a panic left behind, the file's transaction was rolled back.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty file that only its owner reads, unless there is one.
fn make(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(_) => Err(StoreError::Unavailable),
    }
}

/// Takes the file's lock, and brings it to the present version.
fn migrate(file: &mut Connection) -> Result<(), StoreError> {
    let all = file.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    let number = |name| all.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    match (number("application_id")?, number("user_version")?) {
        (0, 0) => {
            let tables = "SELECT count(*) FROM sqlite_schema";
            if all.query_row(tables, [], |row| row.get::<_, i64>(0))? != 0 {
                return Err(StoreError::Corrupt);
            }
            all.execute_batch(include_str!("sqlite/schema.sql"))?;
            all.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        (APPLICATION_ID, 1) => {}
        _ => return Err(StoreError::Corrupt),
    }
    Ok(all.commit()?)
}

impl Inner {
    fn row(&self, token: &TokenId) -> Result<Option<(Row, u64)>, StoreError> {
        let mut select = self.file.prepare_cached(row::SELECT_ONE)?;
        let found = select.query_row([token], row::session).optional()?;
        let Some((mut row, reserved)) = found.transpose()? else {
            return Ok(None);
        };
        self.latest(&mut row);
        Ok(Some((row, reserved)))
    }

    /// The file's time of the last call may be older.
    fn latest(&self, row: &mut Row) {
        if let Some(open) = self.open.get(&row.session.token) {
            row.seen = row.seen.max(open.seen);
        }
    }

    /// What is in memory of a session, resumed from the file.
    fn open(&mut self, row: &Row, reserved: u64, now: u64) -> &mut Open {
        if self.open.len() >= OPEN_SESSIONS && !self.open.contains_key(&row.session.token) {
            // Whoever is closed goes on behind the reserve.
            self.open
                .retain(|_, open| now.saturating_sub(open.seen) < 3600);
            if self.open.len() >= OPEN_SESSIONS {
                self.open.clear();
            }
        }
        self.open.entry(row.session.token).or_insert_with(|| Open {
            counters: Counters::resume(reserved),
            nonces: None,
            seen: row.seen,
        })
    }

    fn nonces(&self, token: &TokenId) -> Result<Nonces, StoreError> {
        let mut nonces = Nonces::new();
        let mut select = self
            .file
            .prepare_cached("SELECT nonce, until FROM nonces WHERE token = ?")?;
        let mut rows = select.query([token])?;
        while let Some(row) = rows.next()? {
            let text: alloc::string::String = row.get(0)?;
            let until = row::unsigned(row.get(1)?);
            if let Some(Nonce::Random(nonce)) = Nonce::parse(&text) {
                nonces.record(nonce, until.saturating_sub(NONCE_SECONDS));
            }
        }
        Ok(nonces)
    }

    fn admit(&mut self, attempt: &Attempt<'_>) -> Result<Admission, StoreError> {
        let (facts, now) = (attempt.facts, attempt.now);
        let Some((row, reserved)) = self.row(&facts.token)? else {
            return Ok(Admission::Unknown);
        };
        // Nobody without a session in force makes anything grow.
        let nonces = match facts.nonce {
            Nonce::Random(_) if !row.revoked => {
                let held = self.open.get(&facts.token);
                match held.is_some_and(|open| open.nonces.is_some()) {
                    true => None,
                    false => Some(self.nonces(&facts.token)?),
                }
            }
            _ => None,
        };
        let open = self.open(&row, reserved, now);
        if nonces.is_some() {
            open.nonces = nonces;
        }
        let replayed = |replayed: Replayed| {
            let next = replayed.next;
            Admission::Refused(Reason::Replayed { next })
        };
        let admission = attempt.judge(&row, || match &facts.nonce {
            Nonce::Counter(counter) => open.counters.check(*counter).err().map(replayed),
            Nonce::Random(nonce) => {
                let nonces = open.nonces.get_or_insert_default();
                match nonces.check(nonce, now).err()? {
                    NonceRefused::TooMany => Some(Admission::TooMany),
                    NonceRefused::Replayed => {
                        let next = open.counters.next();
                        Some(Admission::Refused(Reason::Replayed { next }))
                    }
                }
            }
        });
        if admission != Admission::Admitted {
            return Ok(admission);
        }

        // First what has to last, then what is in memory.
        let bound = match &facts.nonce {
            Nonce::Counter(counter) => open.counters.to_reserve(*counter),
            Nonce::Random(_) => None,
        };
        let seen = now.max(1);
        let token = &facts.token;
        match (&facts.nonce, bound) {
            (Nonce::Random(nonce), _) => {
                let until = facts.created.saturating_add(NONCE_SECONDS);
                let both = self.file.transaction()?;
                both.prepare_cached("INSERT OR REPLACE INTO nonces VALUES (?, ?, ?)")?
                    .execute(params![token, nonce.as_str(), row::signed(until)])?;
                both.prepare_cached("UPDATE sessions SET seen = ? WHERE token = ?")?
                    .execute(params![row::signed(seen), token])?;
                both.commit()?;
            }
            (Nonce::Counter(_), Some(bound)) => {
                self.file
                    .prepare_cached("UPDATE sessions SET seen = ?, reserved = ? WHERE token = ?")?
                    .execute(params![row::signed(seen), bound.cast_signed(), token])?;
            }
            (Nonce::Counter(_), None) if seen.saturating_sub(row.seen) >= SEEN_SECONDS => {
                self.file
                    .prepare_cached("UPDATE sessions SET seen = ? WHERE token = ?")?
                    .execute(params![row::signed(seen), token])?;
            }
            (Nonce::Counter(_), None) => {}
        }
        let Some(open) = self.open.get_mut(token) else {
            return Err(StoreError::Corrupt);
        };
        match facts.nonce {
            Nonce::Counter(counter) => {
                if let Some(bound) = bound {
                    open.counters.reserved(bound);
                }
                open.counters.record(counter);
            }
            Nonce::Random(nonce) => {
                let nonces = open.nonces.get_or_insert_default();
                nonces.record(nonce, facts.created);
            }
        }
        open.seen = seen;
        Ok(admission)
    }

    fn forget(&mut self, tokens: &[TokenId]) -> Result<(), StoreError> {
        let all = self.file.transaction()?;
        for token in tokens {
            for table in ["sessions", "nonces"] {
                let delete = ["DELETE FROM ", table, " WHERE token = ?"].concat();
                all.prepare_cached(&delete)?.execute([token])?;
            }
        }
        all.commit()?;
        for token in tokens {
            self.open.remove(token);
        }
        Ok(())
    }

    fn tokens(&self, select: &str, by: impl rusqlite::Params) -> Result<Vec<TokenId>, StoreError> {
        let mut select = self.file.prepare_cached(select)?;
        let tokens = select.query_map(by, |row| row.get(0))?;
        Ok(tokens.collect::<Result<_, _>>()?)
    }
}

impl CredentialStore for SqliteStore {
    fn get_account(&self, login: &str) -> Result<Option<Stored>, StoreError> {
        let inner = self.inner();
        let mut select = inner.file.prepare_cached(row::SELECT_ACCOUNT)?;
        let found = select.query_row([login], row::account).optional()?;
        found.transpose()
    }

    fn put_if(&self, account: Account) -> Result<bool, StoreError> {
        let inner = self.inner();
        let mut insert = inner.file.prepare_cached(row::INSERT_ACCOUNT)?;
        Ok(insert.execute(rusqlite::params_from_iter(row::account_values(&account)))? == 1)
    }

    fn compare_and_swap_account(&self, version: u64, account: Account) -> Result<bool, StoreError> {
        let inner = self.inner();
        let mut update = inner.file.prepare_cached(row::UPDATE_ACCOUNT)?;
        let mut values = row::account_values(&account);
        values.push(row::signed(version).into());
        Ok(update.execute(rusqlite::params_from_iter(values))? == 1)
    }
}

impl SessionStore for SqliteStore {
    fn create(&self, session: Session) -> Result<bool, StoreError> {
        let inner = self.inner();
        let mut insert = inner.file.prepare_cached(
            "INSERT INTO sessions (token, family, login, device, scopes, key, epoch, logged_in,
             created, expires, stale) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )?;
        let times = [
            session.epoch,
            session.logged_in,
            session.created,
            session.expires,
            session.stale(),
        ];
        let [epoch, logged_in, created, expires, stale] = times.map(row::signed);
        Ok(insert.execute(params![
            session.token,
            session.family,
            session.login,
            session.device,
            session.scopes,
            session.keys.session().dangerous_bytes(),
            epoch,
            logged_in,
            created,
            expires,
            stale,
        ])? == 1)
    }

    fn get(&self, token: &TokenId) -> Result<Option<Row>, StoreError> {
        Ok(self.inner().row(token)?.map(|(row, _)| row))
    }

    fn compare_and_swap(&self, token: &TokenId, from: Link, to: Link) -> Result<bool, StoreError> {
        let inner = self.inner();
        let parts = |link| match link {
            Link::Live => (None, None),
            Link::Spent { rnonce, successor } => (Some(rnonce), Some(successor)),
        };
        let ((from_rnonce, from_successor), (rnonce, successor)) = (parts(from), parts(to));
        let mut update = inner.file.prepare_cached(
            "UPDATE sessions SET rnonce = ?, successor = ?
             WHERE token = ? AND rnonce IS ? AND successor IS ?",
        )?;
        let values = params![rnonce, successor, token, from_rnonce, from_successor];
        Ok(update.execute(values)? == 1)
    }

    fn revoke(&self, family: &TokenId) -> Result<bool, StoreError> {
        let inner = self.inner();
        let mut update = inner.file.prepare_cached(
            "UPDATE sessions SET revoked = 1 WHERE token = ?1 AND family = ?1 AND revoked = 0",
        )?;
        Ok(update.execute([family])? == 1)
    }

    fn delete(&self, token: &TokenId) -> Result<(), StoreError> {
        self.inner().forget(&[*token])
    }

    fn list_by_user(&self, login: &str) -> Result<Vec<Row>, StoreError> {
        let inner = self.inner();
        let mut select = inner.file.prepare_cached(row::SELECT_BY_LOGIN)?;
        let found = select.query_map([login], row::session)?;
        let mut rows = Vec::new();
        for row in found {
            let (mut row, _) = row??;
            inner.latest(&mut row);
            rows.push(row);
        }
        Ok(rows)
    }

    fn families(&self, login: &str) -> Result<usize, StoreError> {
        let inner = self.inner();
        let count = "SELECT count(*) FROM sessions WHERE login = ? AND token = family";
        let mut select = inner.file.prepare_cached(count)?;
        let count: i64 = select.query_row([login], |row| row.get(0))?;
        usize::try_from(count).map_err(|_| StoreError::Corrupt)
    }

    fn delete_by_user(&self, login: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let tokens = inner.tokens("SELECT token FROM sessions WHERE login = ?", [login])?;
        inner.forget(&tokens)
    }

    fn sweep(&self, now: u64) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        let consumed = row::signed(now.saturating_sub(CONSUMED_SECONDS));
        let (now, limit) = (row::signed(now), SWEEP.to_string());
        let stale = "SELECT token FROM sessions WHERE stale <= ? ORDER BY stale LIMIT ";
        let stale = inner.tokens(&[stale, &limit].concat(), [now])?;
        inner.forget(&stale)?;
        let mut more = stale.len() == SWEEP;
        for (table, key, time, until) in [
            ("nonces", "(token, nonce)", "until", now),
            ("challenges", "(expires, snonce)", "expires", consumed),
        ] {
            let columns = key.trim_matches(['(', ')']);
            let delete = [
                "DELETE FROM ",
                table,
                " WHERE ",
                key,
                " IN (SELECT ",
                columns,
                " FROM ",
                table,
                " WHERE ",
                time,
                " <= ? LIMIT ",
                &limit,
                ")",
            ];
            let deleted = inner
                .file
                .prepare_cached(&delete.concat())?
                .execute([until])?;
            more |= deleted == SWEEP;
        }
        Ok(more)
    }
}

impl ReplayStore for SqliteStore {
    fn consume(&self, snonce: &[u8; 32], expires: u64, _: u64) -> Result<bool, StoreError> {
        let inner = self.inner();
        let mut insert = inner
            .file
            .prepare_cached("INSERT INTO challenges VALUES (?, ?) ON CONFLICT DO NOTHING")?;
        Ok(insert.execute(params![row::signed(expires), snonce])? == 1)
    }

    fn admit(&self, attempt: &Attempt<'_>) -> Result<Admission, StoreError> {
        self.inner().admit(attempt)
    }
}

impl Store for SqliteStore {}
