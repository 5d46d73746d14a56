//! The store in PostgreSQL: what it keeps, and that it decides for several
//! processes at once.

use std::thread;

use sqlx_core::row::Row as _;
use wcmp_auth::call::{Facts, Nonce};
use wcmp_auth::service::conformance::{
    behaves_as_the_model, decides_once, remembers_across_a_restart, remembers_challenges,
    shares_keys,
};
use wcmp_auth::service::{
    Account, Admission, Attempt, CredentialStore as _, ReplayStore as _, Session, SessionKeys,
    SessionStore as _, StoreError,
};
use wcmp_auth::{Cost, Parameters, Record, SessionKey};
use wcmp_auth_axum::postgres::PostgresStore;

use crate::cluster;

const NOW: u64 = 1_900_000_000;

/// Connects, and runs the test where it may block.
fn with_store(connections: u32, test: impl FnOnce(PostgresStore, &str)) {
    let Some(url) = cluster::database() else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime
        .block_on(PostgresStore::connect(&url, connections))
        .unwrap();
    test(store, &url);
}

#[test]
fn postgres_behaves_as_the_model() {
    with_store(2, |store, _| behaves_as_the_model(&store, 20, 3));
}

#[test]
fn postgres_remembers_challenges() {
    with_store(2, |store, _| remembers_challenges(&store));
}

#[test]
fn postgres_decides_once() {
    with_store(16, |store, _| decides_once(&store));
}

#[test]
fn postgres_shares_keys() {
    with_store(2, |store, _| shares_keys(&store));
}

#[test]
fn postgres_remembers_across_a_restart() {
    with_store(2, |store, url| {
        let reconnect = |store| {
            drop(store);
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let store = runtime.block_on(PostgresStore::connect(url, 2)).unwrap();
            // For as long as the store is used.
            std::mem::forget(runtime);
            store
        };
        remembers_across_a_restart(store, reconnect);
    });
}

/// A session's count of random nonces is that of its rows, whatever comes at once; and
/// one that is too high is put right before anybody is held up by it.
#[test]
fn nonces_are_counted_as_they_are() {
    const TOKEN: [u8; 16] = [7; 16];
    with_store(16, |store, url| {
        let parameters = Parameters::new(Cost::PBKDF2);
        let record = Record::new("realm", "alice", &[1; 16], parameters, &[2; 32]).unwrap();
        let account = Account {
            record,
            generation: 0,
            allowed: String::new(),
            epoch: 0,
            spared: None,
        };
        assert!(store.put_if(account).unwrap());
        let session = Session {
            token: TOKEN,
            family: TOKEN,
            login: "alice".into(),
            device: String::new(),
            scopes: String::new(),
            keys: SessionKeys::new(SessionKey::new(&[3; 32])),
            epoch: 0,
            logged_in: NOW,
            created: NOW,
            expires: NOW + 3600,
        };
        assert!(store.create(session).unwrap());
        let admit = |nonce: &str| {
            let facts = Facts {
                token: TOKEN,
                nonce: Nonce::parse(nonce).unwrap(),
                created: NOW,
                expires: None,
            };
            let attempt = Attempt {
                facts: &facts,
                now: NOW,
                refresh: false,
            };
            store.admit(&attempt).unwrap()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let pool = sqlx_postgres::PgPool::connect(url);
        let pool = runtime.block_on(pool).unwrap();
        let number = |select: &str| {
            let row = sqlx_core::query::query(select).fetch_one(&pool);
            runtime.block_on(row).unwrap().get::<i64, _>(0)
        };
        for round in 0..20 {
            let nonce = format!("{round:022}");
            let all = thread::scope(|scope| {
                let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| admit(&nonce))).collect();
                let all = threads.into_iter().map(|thread| thread.join().unwrap());
                all.filter(|one| *one == Admission::Admitted).count()
            });
            assert_eq!(all, 1);
        }
        let rows = number("SELECT count(*) FROM knh1.nonce");
        let counted = number("SELECT nonces FROM knh1.session");
        assert_eq!((rows, counted), (20, 20));

        let update = "UPDATE knh1.session SET nonces = 100000 RETURNING nonces";
        assert_eq!(number(update), 100_000);
        assert_eq!(admit("aaaaaaaaaaaaaaaaaaaaaa"), Admission::Admitted);
        assert_eq!(number("SELECT nonces FROM knh1.session"), 21);
        // A hundred thousand that are in time are too many.
        let fill = "WITH more AS (INSERT INTO knh1.nonce SELECT token, decode(to_hex(n), 'escape'),
            expires FROM knh1.session, generate_series(22, 100000) n RETURNING token)
            SELECT count(*) FROM more";
        assert_eq!(number(fill), 99_979);
        assert_eq!(number(update), 100_000);
        assert_eq!(admit("bbbbbbbbbbbbbbbbbbbbbb"), Admission::TooMany);
        assert_eq!(admit("1"), Admission::Admitted);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once_and_secrets_shared() {
    let Some(url) = cluster::database() else {
        return;
    };
    let connect = || PostgresStore::connect(&url, 2);
    let (one, other) = tokio::join!(connect(), connect());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.secret("server", &[1; 32]).await, Ok([1; 32]));
    assert_eq!(other.secret("server", &[2; 32]).await, Ok([1; 32]));
    assert_eq!(other.secret("fleet", &[3; 32]).await, Ok([3; 32]));
    // Opened again, nothing is made again.
    let again = connect().await.unwrap();
    assert_eq!(again.secret("server", &[4; 32]).await, Ok([1; 32]));
    // What no text of PostgreSQL can hold is a login that nobody has.
    let nobody = tokio::task::spawn_blocking(move || again.get_account("a\0b"));
    assert!(nobody.await.unwrap().unwrap().is_none());

    // A database of a later version is left alone.
    let pool = sqlx_postgres::PgPool::connect(&url).await.unwrap();
    let later = "INSERT INTO knh1.version VALUES (1000)";
    sqlx_core::query::query(later).execute(&pool).await.unwrap();
    assert_eq!(connect().await.unwrap_err(), StoreError::Corrupt);
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    for url in [
        "postgres://knh1@localhost/none?host=/nonexistent",
        "not a url",
    ] {
        let refused = PostgresStore::connect(url, 1).await;
        assert_eq!(refused.unwrap_err(), StoreError::Unavailable, "{url}");
    }
}
