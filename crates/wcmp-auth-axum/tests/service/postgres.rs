//! The store in PostgreSQL: what it keeps, and that it decides for several
//! processes at once.

use wcmp_auth::service::conformance::{
    behaves_as_the_model, decides_once, remembers_across_a_restart, shares_keys,
};
use wcmp_auth::service::{CredentialStore as _, StoreError};
use wcmp_auth_axum::postgres::PostgresStore;

use crate::cluster;

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
