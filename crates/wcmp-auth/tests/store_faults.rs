//! A store that fails at any of its calls, before or after it took effect: never
//! two grants, never half a session, nobody locked out.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod service_kit;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use service_kit::{HERE, World};
use wcmp_auth::call::Reason;
use wcmp_auth::service::{
    Account, Admission, Attempt, CredentialStore, Limits, Link, MemoryStore, ReplayStore, Row,
    ServiceError, Session, SessionStore, Store, StoreError, Stored, TokenId,
};

/// Fails at the call after which `left` is 0; then works again.
struct Faulty {
    inner: MemoryStore,
    left: AtomicI64,
    after: AtomicBool,
    /// Done once, before the next session is created.
    meanwhile: Mutex<Option<Act>>,
}

type Act = Box<dyn FnOnce(&MemoryStore) + Send>;

impl Faulty {
    fn new() -> Arc<Faulty> {
        Arc::new(Faulty {
            inner: MemoryStore::new(),
            left: AtomicI64::new(i64::MAX),
            after: AtomicBool::new(false),
            meanwhile: Mutex::new(None),
        })
    }

    fn fail(&self, at: i64, after: bool) {
        self.left.store(at, Ordering::SeqCst);
        self.after.store(after, Ordering::SeqCst);
    }

    /// Whether the fault is still to come.
    fn end(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) >= 0
    }

    fn run<T>(&self, act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 0 {
            return act();
        }
        if self.after.load(Ordering::SeqCst) {
            act()?;
        }
        Err(StoreError::Unavailable)
    }
}

impl CredentialStore for Faulty {
    fn get_account(&self, login: &str) -> Result<Option<Stored>, StoreError> {
        self.run(|| self.inner.get_account(login))
    }
    fn put_if(&self, account: Account) -> Result<bool, StoreError> {
        self.run(|| self.inner.put_if(account))
    }
    fn compare_and_swap_account(&self, version: u64, account: Account) -> Result<bool, StoreError> {
        self.run(|| self.inner.compare_and_swap_account(version, account))
    }
}

impl SessionStore for Faulty {
    fn create(&self, session: Session) -> Result<bool, StoreError> {
        if let Some(act) = self.meanwhile.lock().unwrap().take() {
            act(&self.inner);
        }
        self.run(|| self.inner.create(session))
    }
    fn get(&self, token: &TokenId) -> Result<Option<Row>, StoreError> {
        self.run(|| self.inner.get(token))
    }
    fn compare_and_swap(&self, token: &TokenId, from: Link, to: Link) -> Result<bool, StoreError> {
        self.run(|| self.inner.compare_and_swap(token, from, to))
    }
    fn revoke(&self, family: &TokenId) -> Result<bool, StoreError> {
        self.run(|| self.inner.revoke(family))
    }
    fn delete(&self, token: &TokenId) -> Result<(), StoreError> {
        self.run(|| self.inner.delete(token))
    }
    fn list_by_user(&self, login: &str) -> Result<Vec<Row>, StoreError> {
        self.run(|| self.inner.list_by_user(login))
    }
    fn delete_by_user(&self, login: &str) -> Result<(), StoreError> {
        self.run(|| self.inner.delete_by_user(login))
    }
    fn sweep(&self, now: u64) -> Result<bool, StoreError> {
        self.run(|| self.inner.sweep(now))
    }
}

impl ReplayStore for Faulty {
    fn consume(&self, snonce: &[u8; 32], expires: u64, now: u64) -> Result<bool, StoreError> {
        self.run(|| self.inner.consume(snonce, expires, now))
    }
    fn admit(&self, attempt: &Attempt<'_>) -> Result<Admission, StoreError> {
        self.run(|| self.inner.admit(attempt))
    }
}

impl Store for Faulty {}

fn world() -> (Arc<Faulty>, World) {
    let store = Faulty::new();
    let world = World::on(Arc::clone(&store) as _, Limits::default(), |service| {
        service
    });
    (store, world)
}

const FAULT: ServiceError = ServiceError::Store(StoreError::Unavailable);

/// Runs `act` with a fault at each of the store's calls in turn, until there is
/// none left to fail.
fn at_every_call(mut act: impl FnMut(&Faulty, &World, &dyn Fn()) -> bool) {
    for after in [false, true] {
        let mut at = 0;
        loop {
            let (store, world) = world();
            let arm = || store.fail(at, after);
            if act(&store, &world, &arm) {
                break;
            }
            at += 1;
            assert!(at < 50);
        }
        assert!(at > 1);
    }
}

#[test]
fn a_challenge_gives_one_grant_at_most_and_no_half_session() {
    at_every_call(|store, world, arm| {
        let (finish, pending) = world.prove("alice", "alice", "read", 0).unwrap();
        arm();
        let first = world.service.finish(&finish, HERE);
        let done = store.end();
        let again = world.service.finish(&finish, HERE);
        let grants = [&first, &again].into_iter().flatten().count();
        let rows = store.inner.list_by_user("alice").unwrap();
        assert!(grants <= 1 && rows.len() == grants, "{first:?} {again:?}");
        match (&first, &again) {
            (Ok(grant), _) => assert!(pending.verify(grant).is_ok()),
            (Err(first), Ok(grant)) => {
                assert_eq!(*first, FAULT);
                assert!(pending.verify(grant).is_ok());
            }
            (Err(first), Err(again)) => {
                assert_eq!((*first, *again), (FAULT, ServiceError::ExpiredChallenge));
                // The next one is not hindered.
                world.login("alice");
            }
        }
        done
    });
}

#[test]
fn a_refresh_that_failed_is_asked_for_again() {
    at_every_call(|store, world, arm| {
        let client = world.login("alice");
        let refreshing = client.refreshing().unwrap();
        let ask = wcmp_auth::message::Refresh {
            rnonce: [1; 32],
            scopes: String::new(),
            ttl: 0,
        };
        arm();
        let first = world.service.refresh(&refreshing, &ask);
        let done = store.end();
        let again = client.refresh_with([1; 32], "", 0).unwrap();
        assert!(
            first == Ok(again.clone()) || first == Err(FAULT),
            "{first:?}"
        );
        let next = client.succeed([1; 32], &again);
        next.call().unwrap();
        // Whatever a fault left behind is no device.
        let devices = world.service.devices(&next.call().unwrap()).unwrap();
        assert_eq!(devices.devices.len(), 1);
        assert_eq!(devices.devices[0].token, next.token);
        done
    });
}

#[test]
fn a_password_is_set_wholly_or_not() {
    at_every_call(|store, world, arm| {
        let (client, other) = (world.login("alice"), world.login("alice"));
        arm();
        let set = client.set_password("alice", "new");
        let done = store.end();
        let old = world.login_with("alice", "alice", "read", 0).is_ok();
        let new = world.login_with("alice", "new", "read", 0).is_ok();
        assert_ne!(old, new);
        assert_eq!(other.call().is_ok(), old);
        client.call().unwrap();
        assert!(set.is_err() || new);
        done
    });
}

#[test]
fn a_session_of_a_record_that_was_changed_meanwhile_is_dead() {
    let (store, world) = world();
    let (finish, pending) = world.prove("alice", "alice", "read", 0).unwrap();
    let owner = world.login("alice");
    *store.meanwhile.lock().unwrap() = Some(Box::new(move |inner| {
        // Another process sets a password after this one has verified the old.
        let stored = inner.get_account("alice").unwrap().unwrap();
        let account = &stored.account;
        let (salt, parameters) = ([9; 16], *account.record.parameters());
        let record =
            wcmp_auth::Record::new(service_kit::REALM, "alice", &salt, parameters, &[9; 32]);
        let changed = Account {
            record: record.unwrap(),
            generation: 1,
            allowed: account.allowed.clone(),
            epoch: account.epoch + 1,
            spared: Some(owner.token),
        };
        assert!(
            inner
                .compare_and_swap_account(stored.version, changed)
                .unwrap()
        );
    }));
    let grant = world.service.finish(&finish, HERE).unwrap();
    let session = pending.verify(&grant).unwrap();
    let held = world.service.session(&session.token_id).unwrap().unwrap();
    let facts = wcmp_auth::call::Facts {
        token: session.token_id,
        nonce: wcmp_auth::call::Nonce::Counter(1),
        created: world.now(),
        expires: None,
    };
    let refused = world.service.admit(&held, &facts).unwrap_err();
    assert_eq!(refused, ServiceError::Refused(Reason::Revoked));
}

#[test]
fn stale_rows_are_swept_in_portions() {
    let (store, world) = world();
    let client = world.login("alice");
    let session = world.service.session(&client.token).unwrap().unwrap();
    for n in 0..100_000u64 {
        let mut token = [0; 16];
        token[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let key = wcmp_auth::SessionKey::new(&[1; 32]);
        let row = Session {
            token,
            family: token,
            login: format!("user{}", n % 1000),
            device: String::new(),
            scopes: String::new(),
            keys: wcmp_auth::service::SessionKeys::new(key),
            epoch: 0,
            logged_in: session.logged_in - 1,
            created: session.created - 1,
            expires: session.expires,
        };
        assert!(store.inner.create(row).unwrap());
    }
    assert!(!world.service.tick().unwrap());
    world.pass(30 * service_kit::DAY - 1);
    // Roots are kept for as long as the last of their families could call.
    assert!(!world.service.tick().unwrap());
    client.refresh([1; 32]).unwrap();
    assert_eq!(store.inner.list_by_user("user7").unwrap().len(), 100);
    world.pass(service_kit::DAY);
    let mut portions = 0;
    while world.service.tick().unwrap() {
        portions += 1;
    }
    assert!((90..110).contains(&portions), "{portions}");
    assert!(store.inner.list_by_user("user7").unwrap().is_empty());
    // This one is a second younger.
    assert!(world.service.session(&client.token).unwrap().is_some());
}
