//! Rows of the file, as values and back.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rusqlite::types::Value;

use super::super::{Account, Link, Row, Session, SessionKeys, StoreError, Stored};
use crate::{Cost, Kdf, Parameters, Record, SessionKey};

pub(super) const SELECT_ACCOUNT: &str = "SELECT login, realm, salt, kdf, cost1, cost2, cost3, cs,
    p, n, h, generation, allowed, epoch, spared, version FROM accounts WHERE login = ?";

pub(super) const INSERT_ACCOUNT: &str = "INSERT INTO accounts (login, realm, salt, kdf, cost1,
    cost2, cost3, cs, p, n, h, generation, allowed, epoch, spared, version)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING";

pub(super) const UPDATE_ACCOUNT: &str = "UPDATE accounts SET realm = ?2, salt = ?3, kdf = ?4,
    cost1 = ?5, cost2 = ?6, cost3 = ?7, cs = ?8, p = ?9, n = ?10, h = ?11, generation = ?12,
    allowed = ?13, epoch = ?14, spared = ?15, version = version + 1
    WHERE login = ?1 AND version = ?16";

macro_rules! select_sessions {
    ($by:literal) => {
        concat!(
            "SELECT s.token, s.family, s.login, s.device, s.scopes, s.key, s.epoch, s.logged_in,
             s.created, s.expires, s.rnonce, s.successor, s.seen, s.reserved,
             coalesce(root.revoked, 1)
                OR NOT coalesce(a.epoch = s.epoch OR a.spared IS s.family, 0)
             FROM sessions s LEFT JOIN sessions root ON root.token = s.family
             LEFT JOIN accounts a ON a.login = s.login WHERE ",
            $by
        )
    };
}

pub(super) const SELECT_ONE: &str = select_sessions!("s.token = ?");
pub(super) const SELECT_BY_LOGIN: &str = select_sessions!("s.login = ?");

/// SQLite's integers are signed; a time that needs the last bit is no time.
pub(super) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or_default()
}

pub(super) fn account(
    row: &rusqlite::Row<'_>,
) -> Result<Result<Stored, StoreError>, rusqlite::Error> {
    let (login, realm): (alloc::string::String, alloc::string::String) = (row.get(0)?, row.get(1)?);
    let salt: Vec<u8> = row.get(2)?;
    let (kdf, iterations) = (row.get::<_, u8>(3)?, row.get(4)?);
    let cost = match kdf {
        kdf if kdf == Kdf::Pbkdf2.id() => Cost::Pbkdf2 { iterations },
        _ => Cost::Argon2id {
            memory_kib: iterations,
            time: row.get(5)?,
            lanes: row.get(6)?,
        },
    };
    let parameters = Parameters {
        cost,
        cs: row.get(7)?,
        p: row.get(8)?,
        n: row.get(9)?,
    };
    let h = zeroize::Zeroizing::new(row.get::<_, [u8; 32]>(10)?);
    let Ok(record) = Record::new(&realm, &login, &salt, parameters, &h) else {
        return Ok(Err(StoreError::Corrupt));
    };
    Ok(Ok(Stored {
        account: Arc::new(Account {
            record,
            generation: row.get(11)?,
            allowed: row.get(12)?,
            epoch: unsigned(row.get(13)?),
            spared: row.get(14)?,
        }),
        version: unsigned(row.get(15)?),
    }))
}

/// All columns but the version, in the order of the statements.
pub(super) fn account_values(account: &Account) -> Vec<Value> {
    let Account { record, .. } = account;
    let Parameters { cost, cs, p, n } = *record.parameters();
    let costs = match cost {
        Cost::Pbkdf2 { iterations } => [iterations, 0, 0],
        Cost::Argon2id {
            memory_kib,
            time,
            lanes,
        } => [memory_kib, time, lanes],
    };
    let mut values: Vec<Value> = Vec::from([
        Value::Text(record.login().into()),
        Value::Text(record.realm().into()),
        Value::Blob(record.salt().to_vec()),
        i64::from(cost.kdf().id()).into(),
    ]);
    let numbers = costs.into_iter().chain([cs, p, n]);
    values.extend(numbers.map(|number| Value::from(i64::from(number))));
    values.extend([
        Value::Blob(record.dangerous_h().to_vec()),
        i64::from(account.generation).into(),
        Value::Text(account.allowed.clone()),
        signed(account.epoch).into(),
        account
            .spared
            .map_or(Value::Null, |token| Value::Blob(token.to_vec())),
    ]);
    values
}

/// A session, and what of its counters is reserved.
pub(super) fn session(
    row: &rusqlite::Row<'_>,
) -> Result<Result<(Row, u64), StoreError>, rusqlite::Error> {
    let key = zeroize::Zeroizing::new(row.get::<_, [u8; 32]>(5)?);
    let session = Session {
        token: row.get(0)?,
        family: row.get(1)?,
        login: row.get(2)?,
        device: row.get(3)?,
        scopes: row.get(4)?,
        keys: SessionKeys::new(SessionKey::new(&key)),
        epoch: unsigned(row.get(6)?),
        logged_in: unsigned(row.get(7)?),
        created: unsigned(row.get(8)?),
        expires: unsigned(row.get(9)?),
    };
    let link = match (row.get(10)?, row.get(11)?) {
        (None, None) => Link::Live,
        (Some(rnonce), Some(successor)) => Link::Spent { rnonce, successor },
        _ => return Ok(Err(StoreError::Corrupt)),
    };
    let row_of_session = Row {
        session: Arc::new(session),
        link,
        revoked: row.get(14)?,
        seen: unsigned(row.get(12)?),
    };
    Ok(Ok((row_of_session, row.get::<_, i64>(13)?.cast_unsigned())))
}
