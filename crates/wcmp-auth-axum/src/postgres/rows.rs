//! Rows, as the traits see them.

use std::sync::Arc;

use sqlx_core::query::Query;
use sqlx_core::row::Row as _;
use sqlx_postgres::{PgArguments, PgRow, Postgres};
use wcmp_auth::service::{Account, Link, Row, SealedKey, Session, SessionKeys, StoreError, Stored};
use wcmp_auth::{Cost, Kdf, Parameters, Record, SessionKey};

/// A statement that waits for the rest of its arguments.
pub(super) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// Why a statement gave nothing.
pub(super) enum Failed {
    Unavailable,
    Corrupt,
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> StoreError {
        match failed {
            Failed::Unavailable => StoreError::Unavailable,
            Failed::Corrupt => StoreError::Corrupt,
        }
    }
}

impl From<sqlx_core::Error> for Failed {
    fn from(error: sqlx_core::Error) -> Failed {
        use sqlx_core::Error::{ColumnDecode, ColumnNotFound, Decode, RowNotFound};
        // Arguments, which may be secret, are in none of these.
        tracing::error!(%error, "PostgreSQL");
        match error {
            ColumnDecode { .. } | ColumnNotFound(_) | Decode(_) | RowNotFound => Failed::Corrupt,
            _ => Failed::Unavailable,
        }
    }
}

pub(super) fn unavailable(error: sqlx_core::Error) -> StoreError {
    Failed::from(error).into()
}

/// Times, versions and epochs stay far below 2^63; what does not is a time that
/// never comes.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned<T: TryFrom<i64>>(number: i64) -> Result<T, Failed> {
    T::try_from(number).map_err(|_| Failed::Corrupt)
}

fn integer<T: TryFrom<i64>>(row: &PgRow, name: &str) -> Result<T, Failed> {
    unsigned(row.try_get(name)?)
}

fn integers<const N: usize>(row: &PgRow, name: &str) -> Result<Option<[u32; N]>, Failed> {
    let numbers: Vec<i64> = row.try_get(name)?;
    let numbers = numbers.into_iter().map(unsigned);
    let numbers = numbers.collect::<Result<Vec<u32>, Failed>>()?;
    Ok(numbers.try_into().ok())
}

fn text(row: &PgRow, name: &str) -> Result<String, Failed> {
    String::from_utf8(row.try_get(name)?).map_err(|_| Failed::Corrupt)
}

pub(super) fn bytes<const N: usize>(row: &PgRow, name: &str) -> Result<[u8; N], Failed> {
    let bytes: &[u8] = row.try_get(name)?;
    bytes.try_into().map_err(|_| Failed::Corrupt)
}

fn optional<const N: usize>(row: &PgRow, name: &str) -> Result<Option<[u8; N]>, Failed> {
    let bytes: Option<&[u8]> = row.try_get(name)?;
    let bytes = bytes.map(<[u8; N]>::try_from).transpose();
    bytes.map_err(|_| Failed::Corrupt)
}

/// Binds $1 to $11.
pub(super) fn account_columns<'q>(statement: Statement<'q>, account: &'q Account) -> Statement<'q> {
    let record = &account.record;
    let Parameters { cost, cs, p, n } = *record.parameters();
    let cost_columns = match cost {
        Cost::Pbkdf2 { iterations } => Vec::from([iterations]),
        Cost::Argon2id {
            memory_kib,
            time,
            lanes,
        } => Vec::from([memory_kib, time, lanes]),
    };
    let bigints = |numbers: &[u32]| numbers.iter().copied().map(i64::from).collect::<Vec<_>>();
    statement
        .bind(record.login().as_bytes())
        .bind(record.realm().as_bytes())
        .bind(record.salt())
        .bind(i16::from(cost.kdf().id()))
        .bind(bigints(&cost_columns))
        .bind(bigints(&[cs, p, n]))
        .bind(&record.dangerous_h()[..])
        .bind(i64::from(account.generation))
        .bind(account.allowed.as_bytes())
        .bind(number(account.epoch))
        .bind(account.spared.as_ref().map(|family| &family[..]))
}

pub(super) fn account(row: &PgRow) -> Result<Stored, Failed> {
    let kdf: i16 = row.try_get("kdf")?;
    let cost = if kdf == i16::from(Kdf::Pbkdf2.id()) {
        let [iterations] = integers(row, "cost")?.ok_or(Failed::Corrupt)?;
        Cost::Pbkdf2 { iterations }
    } else if kdf == i16::from(Kdf::Argon2id.id()) {
        let [memory_kib, time, lanes] = integers(row, "cost")?.ok_or(Failed::Corrupt)?;
        Cost::Argon2id {
            memory_kib,
            time,
            lanes,
        }
    } else {
        return Err(Failed::Corrupt);
    };
    let [cs, p, n] = integers(row, "steps")?.ok_or(Failed::Corrupt)?;
    let record = Record::new(
        &text(row, "realm")?,
        &text(row, "login")?,
        row.try_get("salt")?,
        Parameters { cost, cs, p, n },
        &bytes(row, "h")?,
    );
    Ok(Stored {
        account: Arc::new(Account {
            record: record.map_err(|_| Failed::Corrupt)?,
            generation: integer(row, "generation")?,
            allowed: text(row, "allowed")?,
            epoch: integer(row, "epoch")?,
            spared: optional(row, "spared")?,
        }),
        version: integer(row, "version")?,
    })
}

/// Of a session's columns and `in_force`.
pub(super) fn session(row: &PgRow) -> Result<Row, Failed> {
    let rnonce: Option<[u8; 32]> = optional(row, "rnonce")?;
    let successor: Option<[u8; 16]> = optional(row, "successor")?;
    let in_force: bool = row.try_get("in_force")?;
    Ok(Row {
        session: Arc::new(Session {
            token: bytes(row, "token")?,
            family: bytes(row, "family")?,
            login: text(row, "login")?,
            device: text(row, "device")?,
            scopes: text(row, "scopes")?,
            keys: SessionKeys::new(SessionKey::new(&bytes(row, "key")?)),
            epoch: integer(row, "epoch")?,
            logged_in: integer(row, "logged_in")?,
            created: integer(row, "created")?,
            expires: integer(row, "expires")?,
        }),
        link: match (rnonce, successor) {
            (None, None) => Link::Live,
            (Some(rnonce), Some(successor)) => Link::Spent { rnonce, successor },
            _ => return Err(Failed::Corrupt),
        },
        revoked: !in_force,
        seen: integer(row, "seen")?,
    })
}

pub(super) fn sealed_key(row: &PgRow) -> Result<SealedKey, Failed> {
    Ok(SealedKey {
        slot: integer(row, "slot")?,
        sealed: bytes(row, "sealed")?,
    })
}
