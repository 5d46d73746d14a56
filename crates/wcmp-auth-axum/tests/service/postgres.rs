//! The store in PostgreSQL: what it keeps, and that it decides for several
//! processes at once.

use wcmp_auth::service::{CredentialStore as _, KeyStore as _, SealedKey};
use wcmp_auth_axum::postgres::PostgresStore;

use crate::cluster;

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_keys_are_shared() {
    let Some(url) = cluster::database() else {
        return;
    };
    // Both make the tables at once.
    let (one, other) = tokio::join!(
        PostgresStore::connect(&url, 2),
        PostgresStore::connect(&url, 2)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.secret("unknown", &[1; 32]).await, Ok([1; 32]));
    assert_eq!(other.secret("unknown", &[2; 32]).await, Ok([1; 32]));
    assert_eq!(other.secret("fleet", &[3; 32]).await, Ok([3; 32]));
    tokio::task::spawn_blocking(move || {
        let key = |slot, byte| SealedKey {
            slot,
            sealed: [byte; 128],
        };
        assert_eq!(one.put_key(&key(7, 1)), Ok(true));
        assert_eq!(other.put_key(&key(7, 2)), Ok(false));
        assert_eq!(other.put_key(&key(8, 3)), Ok(true));
        let mut keys = one.keys_from(7).unwrap();
        keys.sort_by_key(|key| key.slot);
        assert_eq!(keys, [key(7, 1), key(8, 3)]);
        other.forget_keys(8).unwrap();
        assert_eq!(one.keys_from(0), Ok(vec![key(8, 3)]));
        assert!(one.get_account("a\0b").unwrap().is_none());
    })
    .await
    .unwrap();
    // Opened again, nothing is made again.
    PostgresStore::connect(&url, 1).await.unwrap();
}
