//! The store in memory: for tests, for services whose sessions may end with the
//! process, and for the speed of it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{BuildHasherDefault, Hasher};
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::{
    Account, Admission, Attempt, CONSUMED_SECONDS, CredentialStore, KeyStore, Link, ReplayStore,
    Row, SealedKey, Session, SessionStore, Store, StoreError, Stored, TokenId,
};
use crate::call::replay::{NonceRefused, Nonces, Window};
use crate::call::{Nonce, Reason};

const SHARDS: usize = 64;
/// How many stale rows one sweep takes.
const SWEEP: usize = 1024;

/// Accounts and sessions in this process's memory.
///
/// Sessions are in 64 parts, each under its own lock; whether a family is
/// revoked and what its account says is shared by all of its sessions, so that
/// one look decides. Locks are taken in the order part, account.
pub struct MemoryStore {
    accounts: RwLock<BTreeMap<String, Arc<Cell>>>,
    shards: [Mutex<Shard>; SHARDS],
    by_user: Mutex<BTreeMap<String, Tokens>>,
    stale: Mutex<BTreeSet<(u64, TokenId)>>,
    challenges: Mutex<BTreeSet<(u64, [u8; 32])>>,
    keys: Mutex<BTreeMap<u64, SealedKey>>,
}

type Shard = HashMap<TokenId, Entry, BuildHasherDefault<TokenHasher>>;
type Cell = RwLock<Option<Stored>>;

/// Of a login.
#[derive(Default)]
struct Tokens {
    all: BTreeSet<TokenId>,
    roots: usize,
}

struct Entry {
    /// Whether it is revoked, is looked up each time.
    row: Row,
    window: Window,
    nonces: Option<Nonces>,
    revoked: Arc<AtomicBool>,
    account: Arc<Cell>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore(..)")
    }
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

impl Entry {
    fn row(&self) -> Row {
        Row {
            revoked: self.is_revoked(),
            ..self.row.clone()
        }
    }

    fn is_revoked(&self) -> bool {
        let stored = self.account.read().unwrap_or_else(PoisonError::into_inner);
        let honoured = stored
            .as_ref()
            .is_some_and(|stored| stored.account.honours(&self.row.session));
        !honoured || self.revoked.load(Ordering::SeqCst)
    }
}

impl MemoryStore {
    /// Nothing stored.
    #[must_use]
    pub fn new() -> MemoryStore {
        MemoryStore {
            accounts: RwLock::default(),
            shards: core::array::from_fn(|_| Mutex::default()),
            by_user: Mutex::default(),
            stale: Mutex::default(),
            challenges: Mutex::default(),
            keys: Mutex::default(),
        }
    }

    fn shard(&self, token: &TokenId) -> Result<MutexGuard<'_, Shard>, StoreError> {
        let &[.., last] = token;
        let at = usize::from(last) % SHARDS;
        Ok(lock(self.shards.get(at).ok_or(StoreError::Corrupt)?))
    }

    fn account(&self, login: &str) -> Arc<Cell> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = accounts.get(login) {
            return Arc::clone(cell);
        }
        drop(accounts);
        let mut accounts = self
            .accounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry(login.into()).or_default())
    }

    fn tokens(&self, login: &str) -> BTreeSet<TokenId> {
        let by_user = lock(&self.by_user);
        let tokens = by_user.get(login).map(|tokens| tokens.all.clone());
        tokens.unwrap_or_default()
    }

    fn forget(&self, token: &TokenId) -> Result<(), StoreError> {
        let Some(entry) = self.shard(token)?.remove(token) else {
            return Ok(());
        };
        let session = entry.row.session;
        if session.is_root() {
            // A family without its root is no more.
            entry.revoked.store(true, Ordering::SeqCst);
        }
        lock(&self.stale).remove(&(session.stale(), *token));
        let mut by_user = lock(&self.by_user);
        if let Some(tokens) = by_user.get_mut(&session.login) {
            tokens.all.remove(token);
            tokens.roots = tokens.roots.saturating_sub(session.is_root().into());
            if tokens.all.is_empty() {
                by_user.remove(&session.login);
            }
        }
        Ok(())
    }
}

impl CredentialStore for MemoryStore {
    fn get_account(&self, login: &str) -> Result<Option<Stored>, StoreError> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        let Some(cell) = accounts.get(login) else {
            return Ok(None);
        };
        let stored = cell.read().unwrap_or_else(PoisonError::into_inner);
        Ok(stored.clone())
    }

    fn put_if(&self, account: Account) -> Result<bool, StoreError> {
        let cell = self.account(account.record.login());
        let mut stored = cell.write().unwrap_or_else(PoisonError::into_inner);
        if stored.is_some() {
            return Ok(false);
        }
        *stored = Some(Stored {
            account: Arc::new(account),
            version: 0,
        });
        Ok(true)
    }

    fn compare_and_swap_account(&self, version: u64, account: Account) -> Result<bool, StoreError> {
        let cell = self.account(account.record.login());
        let mut stored = cell.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *stored {
            Some(stored) if stored.version == version => {
                stored.account = Arc::new(account);
                stored.version += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl SessionStore for MemoryStore {
    fn create(&self, session: Session) -> Result<bool, StoreError> {
        let (token, family) = (session.token, session.family);
        let revoked = match family == token {
            true => Arc::new(AtomicBool::new(false)),
            // No root, no family.
            false => match self.shard(&family)?.get(&family) {
                Some(root) => Arc::clone(&root.revoked),
                None => Arc::new(AtomicBool::new(true)),
            },
        };
        let account = self.account(&session.login);
        let (login, stale) = (session.login.clone(), session.stale());
        let mut shard = self.shard(&token)?;
        if shard.contains_key(&token) {
            return Ok(false);
        }
        let entry = Entry {
            row: Row {
                session: Arc::new(session),
                link: Link::Live,
                revoked: false,
                seen: 0,
            },
            window: Window::new(),
            nonces: None,
            revoked,
            account,
        };
        shard.insert(token, entry);
        // Under the part's lock: whoever removes the row finds these.
        lock(&self.stale).insert((stale, token));
        let mut by_user = lock(&self.by_user);
        let tokens = by_user.entry(login).or_default();
        tokens.all.insert(token);
        tokens.roots += usize::from(family == token);
        Ok(true)
    }

    fn get(&self, token: &TokenId) -> Result<Option<Row>, StoreError> {
        Ok(self.shard(token)?.get(token).map(Entry::row))
    }

    fn compare_and_swap(&self, token: &TokenId, from: Link, to: Link) -> Result<bool, StoreError> {
        let mut shard = self.shard(token)?;
        let entry = shard.get_mut(token).filter(|entry| entry.row.link == from);
        Ok(entry.map(|entry| entry.row.link = to).is_some())
    }

    fn revoke(&self, family: &TokenId) -> Result<bool, StoreError> {
        let shard = self.shard(family)?;
        let root = shard.get(family);
        let root = root.filter(|root| root.row.session.family == *family);
        Ok(root.is_some_and(|root| !root.revoked.swap(true, Ordering::SeqCst)))
    }

    fn delete(&self, token: &TokenId) -> Result<(), StoreError> {
        self.forget(token)
    }

    fn list_by_user(&self, login: &str) -> Result<Vec<Row>, StoreError> {
        let tokens = self.tokens(login);
        let mut rows = Vec::with_capacity(tokens.len());
        for token in &tokens {
            rows.extend(self.get(token)?);
        }
        Ok(rows)
    }

    fn families(&self, login: &str) -> Result<usize, StoreError> {
        let by_user = lock(&self.by_user);
        Ok(by_user.get(login).map_or(0, |tokens| tokens.roots))
    }

    fn delete_by_user(&self, login: &str) -> Result<(), StoreError> {
        let tokens = self.tokens(login);
        tokens.iter().try_for_each(|token| self.forget(token))
    }

    fn sweep(&self, now: u64) -> Result<bool, StoreError> {
        let stale: Vec<TokenId> = {
            let stale = lock(&self.stale);
            let until = (now.saturating_add(1), [0; 16]);
            let stale = stale.range(..until).take(SWEEP);
            stale.map(|(_, token)| *token).collect()
        };
        for token in &stale {
            self.forget(token)?;
        }
        let mut challenges = lock(&self.challenges);
        let more = forget_expired(&mut challenges, now, SWEEP);
        Ok(more || stale.len() == SWEEP)
    }
}

impl ReplayStore for MemoryStore {
    fn consume(&self, snonce: &[u8; 32], expires: u64, now: u64) -> Result<bool, StoreError> {
        let mut challenges = lock(&self.challenges);
        // More than one is added, so that they become fewer.
        forget_expired(&mut challenges, now, 2);
        Ok(challenges.insert((expires, *snonce)))
    }

    fn admit(&self, attempt: &Attempt<'_>) -> Result<Admission, StoreError> {
        let facts = attempt.facts;
        let mut shard = self.shard(&facts.token)?;
        let Some(entry) = shard.get_mut(&facts.token) else {
            return Ok(Admission::Unknown);
        };
        entry.row.revoked = entry.is_revoked();
        let (row, window, nonces) = (&entry.row, &mut entry.window, &mut entry.nonces);
        let next = |replayed: crate::call::replay::Replayed| {
            let next = replayed.next;
            Admission::Refused(Reason::Replayed { next })
        };
        let admission = attempt.judge(row, || match &facts.nonce {
            Nonce::Counter(counter) => window.check(*counter).err().map(next),
            Nonce::Random(nonce) => {
                let nonces = nonces.get_or_insert_default();
                match nonces.check(nonce, attempt.now).err()? {
                    NonceRefused::Replayed => Some(Admission::Refused(Reason::Replayed {
                        next: window.next(),
                    })),
                    NonceRefused::TooMany => Some(Admission::TooMany),
                }
            }
        });
        if admission == Admission::Admitted {
            match facts.nonce {
                Nonce::Counter(counter) => entry.window.record(counter),
                Nonce::Random(nonce) => {
                    let nonces = entry.nonces.get_or_insert_default();
                    nonces.record(nonce, facts.created);
                }
            }
            entry.row.seen = attempt.now.max(1);
        }
        Ok(admission)
    }
}

impl Store for MemoryStore {
    fn blocks(&self) -> bool {
        false
    }
}

impl KeyStore for MemoryStore {
    fn put_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let mut keys = lock(&self.keys);
        if keys.contains_key(&key.slot) {
            return Ok(false);
        }
        keys.insert(key.slot, key.clone());
        Ok(true)
    }

    fn keys_from(&self, slot: u64) -> Result<Vec<SealedKey>, StoreError> {
        let keys = lock(&self.keys);
        Ok(keys.range(slot..).map(|(_, key)| key.clone()).collect())
    }

    fn forget_keys(&self, slot: u64) -> Result<(), StoreError> {
        let mut keys = lock(&self.keys);
        *keys = keys.split_off(&slot);
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here panics with a lock held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn forget_expired(challenges: &mut BTreeSet<(u64, [u8; 32])>, now: u64, most: usize) -> bool {
    for _ in 0..most {
        match challenges.first() {
            Some((expires, _)) if expires.saturating_add(CONSUMED_SECONDS) <= now => {
                challenges.pop_first()
            }
            _ => return false,
        };
    }
    true
}

/// Tokens in the table were drawn at random by the server: eight bytes of one
/// are a hash.
#[derive(Default)]
struct TokenHasher(u64);

impl Hasher for TokenHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(bytes) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*bytes);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}
