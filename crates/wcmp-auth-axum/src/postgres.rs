//! What a service keeps, in PostgreSQL: several processes on one database behave
//! as one (auth 5).
//!
//! Every method of the traits is one statement, or one that is repeated until
//! nobody else came in between; so what it decides is decided in the database,
//! for all processes at once. A call costs two statements.
//!
//! All tables are in the schema `knh1`, which [`PostgresStore::connect`] makes
//! and brings up to date. The methods wait for the network, and so must not be
//! called on a worker of the runtime ([`Store::blocks`]): the router and the
//! layer of this crate do not.
//!
//! Rate limits are not here: each process has its own.

mod migrate;
mod rows;
mod sessions;

use core::fmt;
use core::time::Duration;

use sqlx_core::query::query;
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::runtime::Handle;
use wcmp_auth::service::{
    Account, CredentialStore, KeyStore, SealedKey, Store, StoreError, Stored,
};

use rows::{Failed, account, account_columns, number};

/// Seconds after which a database that does not answer is given up.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A store in a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    runtime: Handle,
}

/// Its options hold a password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore(..)")
    }
}

impl PostgresStore {
    /// Connects to the database of `url` (`postgres://user@host/name`, with the
    /// parameters and environment variables of libpq) by at most `connections`
    /// connections, and makes the tables where they are not yet. Runs on the
    /// runtime that calls it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Corrupt`] for a database that a
    /// newer version of this crate has made.
    pub async fn connect(url: &str, connections: u32) -> Result<PostgresStore, StoreError> {
        let options: PgConnectOptions = url.parse().map_err(rows::unavailable)?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(TIMEOUT)
            .connect_with(options)
            .await
            .map_err(rows::unavailable)?;
        migrate::migrate(&pool).await?;
        Ok(PostgresStore {
            pool,
            runtime: Handle::current(),
        })
    }

    /// A secret that all processes share and that outlasts them, by name: `fresh`
    /// if there was none. Whoever reads the database reads it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn secret(&self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32], StoreError> {
        let value = async {
            let insert = "INSERT INTO knh1.secret VALUES ($1, $2) ON CONFLICT DO NOTHING";
            let insert = query(insert).bind(name).bind(&fresh[..]);
            insert.execute(&self.pool).await?;
            let select = query("SELECT value FROM knh1.secret WHERE name = $1").bind(name);
            let value: Vec<u8> = select.fetch_one(&self.pool).await?.try_get(0)?;
            value.try_into().map_err(|_| Failed::Corrupt)
        };
        Ok(value.await?)
    }

    /// Waits on the thread that calls.
    fn wait<T>(&self, work: impl Future<Output = Result<T, Failed>>) -> Result<T, StoreError> {
        self.runtime.block_on(work).map_err(StoreError::from)
    }

    /// Runs a statement that changes at most one row. Whether it did.
    fn changes(&self, statement: rows::Statement<'_>) -> Result<bool, StoreError> {
        self.wait(async { Ok(statement.execute(&self.pool).await?.rows_affected() == 1) })
    }
}

impl Store for PostgresStore {
    fn blocks(&self) -> bool {
        true
    }
}

impl CredentialStore for PostgresStore {
    fn get_account(&self, login: &str) -> Result<Option<Stored>, StoreError> {
        let select = query("SELECT * FROM knh1.account WHERE login = $1").bind(login.as_bytes());
        self.wait(async {
            let row = select.fetch_optional(&self.pool).await?;
            row.map(|row| account(&row)).transpose()
        })
    }

    fn put_if(&self, account: Account) -> Result<bool, StoreError> {
        let insert = "INSERT INTO knh1.account VALUES
            ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0) ON CONFLICT DO NOTHING";
        self.changes(account_columns(query(insert), &account))
    }

    fn compare_and_swap_account(&self, version: u64, account: Account) -> Result<bool, StoreError> {
        let update = "UPDATE knh1.account SET
            (realm, salt, kdf, cost, steps, h, generation, allowed, epoch, spared, version)
            = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, version + 1)
            WHERE login = $1 AND version = $12";
        self.changes(account_columns(query(update), &account).bind(number(version)))
    }
}

impl KeyStore for PostgresStore {
    fn put_key(&self, key: &SealedKey) -> Result<bool, StoreError> {
        let insert = "INSERT INTO knh1.challenge_key VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.changes(query(insert).bind(number(key.slot)).bind(&key.sealed[..]))
    }

    fn keys_from(&self, slot: u64) -> Result<Vec<SealedKey>, StoreError> {
        let select = query("SELECT slot, sealed FROM knh1.challenge_key WHERE slot >= $1");
        self.wait(async {
            let select = select.bind(number(slot));
            let rows = select.fetch_all(&self.pool).await?;
            rows.iter().map(rows::sealed_key).collect()
        })
    }

    /// What is deleted stays in the files of the database until it vacuums, and in
    /// its log: the keys there are sealed under the fleet's secret.
    fn forget_keys(&self, slot: u64) -> Result<(), StoreError> {
        let delete = query("DELETE FROM knh1.challenge_key WHERE slot < $1").bind(number(slot));
        self.wait(async {
            delete.execute(&self.pool).await?;
            Ok(())
        })
    }
}
