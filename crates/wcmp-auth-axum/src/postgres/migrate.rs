//! Makes the tables, step by step.

use sqlx_core::executor::Executor as _;
use sqlx_core::query::query;
use sqlx_core::query_scalar::query_scalar;
use sqlx_postgres::PgPool;
use wcmp_auth::service::StoreError;

use super::rows::Failed;

/// What led from each version to the next. Never changed, only added to.
const STEPS: &[&str] = &[include_str!("1.sql")];

/// "KNH1": whoever makes tables holds this lock.
const LOCK: i64 = 0x4b4e_4831;

pub(super) async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    step_by_step(pool).await.map_err(StoreError::from)
}

/// In one transaction: another process sees all steps or none.
async fn step_by_step(pool: &PgPool) -> Result<(), Failed> {
    let mut transaction = pool.begin().await?;
    let lock = query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    lock.execute(&mut *transaction).await?;
    let first = "CREATE SCHEMA IF NOT EXISTS knh1;
        CREATE TABLE IF NOT EXISTS knh1.version (version bigint NOT NULL);";
    (*transaction).execute(first).await?;
    let version = "SELECT coalesce(max(version), 0) FROM knh1.version";
    let version: i64 = query_scalar(version).fetch_one(&mut *transaction).await?;
    let version = usize::try_from(version).map_err(|_| Failed::Corrupt)?;
    // More steps than we know of: a newer program's.
    let steps = STEPS.get(version..).ok_or(Failed::Corrupt)?;
    for step in steps {
        (*transaction).execute(*step).await?;
        let done = "INSERT INTO knh1.version SELECT count(*) + 1 FROM knh1.version";
        (*transaction).execute(done).await?;
    }
    transaction.commit().await?;
    Ok(())
}
