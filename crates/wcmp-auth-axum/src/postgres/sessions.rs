//! Sessions, and what happens once.

use sqlx_core::query::query;
use sqlx_core::row::Row as _;
use sqlx_postgres::PgRow;
use wcmp_auth::call::replay::{MAX_NONCES, NONCE_SECONDS, Window};
use wcmp_auth::call::{Nonce, Reason};
use wcmp_auth::service::{
    Admission, Attempt, CONSUMED_SECONDS, Link, ReplayStore, Row, Session, SessionStore,
    StoreError, TokenId,
};

use super::PostgresStore;
use super::rows::{Failed, bytes, number, session};

/// A session's columns, and whether its family's root is there and not marked,
/// and its account there and honouring it: as of the statement's moment.
macro_rules! select {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT s.*, coalesce(NOT r.revoked AND (a.epoch = s.epoch OR a.spared = s.family),
             false) AS in_force",
            $more,
            " FROM knh1.session s LEFT JOIN knh1.session r ON r.token = s.family
              LEFT JOIN knh1.account a ON a.login = s.login WHERE ",
            $rest
        )
    };
}

/// Whether the session `s` is in force, or for a refresh not revoked: what
/// [`Attempt::judge`] has decided by, as of the statement that writes.
macro_rules! in_force {
    ($refresh:literal) => {
        concat!(
            "(s.rnonce IS NULL OR ",
            $refresh,
            ") AND EXISTS (SELECT FROM knh1.session r, knh1.account a
                WHERE r.token = s.family AND NOT r.revoked AND a.login = s.login
                AND (a.epoch = s.epoch OR a.spared = s.family))"
        )
    };
}

/// Rows of one kind that a sweep deletes at most.
const SWEEP: i64 = 1000;

impl SessionStore for PostgresStore {
    fn create(&self, session: Session) -> Result<bool, StoreError> {
        let insert = "INSERT INTO knh1.session
            (token, family, login, device, scopes, key, epoch,
             logged_in, created, expires, stale, counters)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING";
        let counters = Window::new().to_bytes();
        let insert = query(insert)
            .bind(&session.token[..])
            .bind(&session.family[..])
            .bind(session.login.as_bytes())
            .bind(session.device.as_bytes())
            .bind(session.scopes.as_bytes())
            .bind(&session.keys.session().dangerous_bytes()[..])
            .bind(number(session.epoch))
            .bind(number(session.logged_in))
            .bind(number(session.created))
            .bind(number(session.expires))
            .bind(number(session.stale()))
            .bind(&counters[..]);
        self.changes(insert)
    }

    fn get(&self, token: &TokenId) -> Result<Option<Row>, StoreError> {
        self.wait(async {
            let select = query(select!("", "s.token = $1")).bind(&token[..]);
            let row = select.fetch_optional(&self.pool).await?;
            row.map(|row| session(&row)).transpose()
        })
    }

    fn compare_and_swap(&self, token: &TokenId, from: Link, to: Link) -> Result<bool, StoreError> {
        let update = "UPDATE knh1.session SET rnonce = $4, successor = $5 WHERE token = $1
            AND rnonce IS NOT DISTINCT FROM $2 AND successor IS NOT DISTINCT FROM $3";
        let columns = |link| match link {
            Link::Live => (None, None),
            Link::Spent { rnonce, successor } => (Some(rnonce), Some(successor)),
        };
        let (from, to) = (columns(from), columns(to));
        let update = query(update)
            .bind(&token[..])
            .bind(from.0.as_ref().map(|rnonce| &rnonce[..]))
            .bind(from.1.as_ref().map(|successor| &successor[..]))
            .bind(to.0.as_ref().map(|rnonce| &rnonce[..]))
            .bind(to.1.as_ref().map(|successor| &successor[..]));
        self.changes(update)
    }

    fn revoke(&self, family: &TokenId) -> Result<bool, StoreError> {
        let update = "UPDATE knh1.session SET revoked = true
            WHERE token = $1 AND family = $1 AND NOT revoked";
        self.changes(query(update).bind(&family[..]))
    }

    fn delete(&self, token: &TokenId) -> Result<(), StoreError> {
        let delete = query("DELETE FROM knh1.session WHERE token = $1").bind(&token[..]);
        self.changes(delete).map(drop)
    }

    fn list_by_user(&self, login: &str) -> Result<Vec<Row>, StoreError> {
        self.wait(async {
            let select = query(select!("", "s.login = $1")).bind(login.as_bytes());
            let rows = select.fetch_all(&self.pool).await?;
            rows.iter().map(session).collect()
        })
    }

    fn families(&self, login: &str) -> Result<usize, StoreError> {
        let count = "SELECT count(*) FROM knh1.session WHERE login = $1 AND token = family";
        self.wait(async {
            let count = query(count).bind(login.as_bytes());
            let count: i64 = count.fetch_one(&self.pool).await?.try_get(0)?;
            usize::try_from(count).map_err(|_| Failed::Corrupt)
        })
    }

    fn delete_by_user(&self, login: &str) -> Result<(), StoreError> {
        let delete = query("DELETE FROM knh1.session WHERE login = $1").bind(login.as_bytes());
        self.changes(delete).map(drop)
    }

    fn sweep(&self, now: u64) -> Result<bool, StoreError> {
        // The counts of nonces are lowered in the same statement that deletes them.
        let consumed = now.saturating_sub(CONSUMED_SECONDS);
        let sweeps = [
            (
                "DELETE FROM knh1.session WHERE token IN
                (SELECT token FROM knh1.session WHERE stale <= $1 LIMIT $2)",
                now,
            ),
            (
                "DELETE FROM knh1.challenge WHERE snonce IN
                (SELECT snonce FROM knh1.challenge WHERE expires <= $1 LIMIT $2)",
                consumed,
            ),
            (
                "WITH gone AS (DELETE FROM knh1.nonce WHERE (token, nonce) IN
                (SELECT token, nonce FROM knh1.nonce WHERE until <= $1 LIMIT $2) RETURNING token),
             less AS (UPDATE knh1.session s SET nonces = nonces - count
                FROM (SELECT token, count(*) AS count FROM gone GROUP BY token) g
                WHERE s.token = g.token)
             SELECT FROM gone",
                now,
            ),
        ];
        self.wait(async {
            let mut more = false;
            for (sweep, until) in sweeps {
                let sweep = query(sweep).bind(number(until)).bind(SWEEP);
                more |= sweep.execute(&self.pool).await?.rows_affected() >= SWEEP.unsigned_abs();
            }
            Ok(more)
        })
    }
}

impl ReplayStore for PostgresStore {
    fn consume(&self, snonce: &[u8; 32], expires: u64, _: u64) -> Result<bool, StoreError> {
        let insert = "INSERT INTO knh1.challenge VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.changes(query(insert).bind(&snonce[..]).bind(number(expires)))
    }

    /// Reads, decides, and writes if what was decided by still holds at the moment
    /// of writing; else again. So the writing statement is the step.
    fn admit(&self, attempt: &Attempt<'_>) -> Result<Admission, StoreError> {
        let token = &attempt.facts.token;
        let nonce = match &attempt.facts.nonce {
            Nonce::Counter(_) => &[][..],
            Nonce::Random(nonce) => nonce.as_str().as_bytes(),
        };
        let select = select!(
            ", EXISTS (SELECT FROM knh1.nonce n WHERE n.token = $1 AND n.nonce = $2) AS was_used",
            "s.token = $1"
        );
        self.wait(async {
            loop {
                let select = query(select).bind(&token[..]).bind(nonce);
                let Some(row) = select.fetch_optional(&self.pool).await? else {
                    return Ok(Admission::Unknown);
                };
                let counters = Window::from_bytes(&bytes(&row, "counters")?);
                match judge(attempt, &row, &counters)? {
                    Admission::Admitted if !self.record(attempt, counters).await? => {}
                    Admission::TooMany if self.make_room(attempt).await? => {}
                    decided => return Ok(decided),
                }
            }
        })
    }
}

fn judge(attempt: &Attempt<'_>, row: &PgRow, counters: &Window) -> Result<Admission, Failed> {
    let nonces: i64 = row.try_get("nonces")?;
    let was_used: bool = row.try_get("was_used")?;
    let full = usize::try_from(nonces).is_ok_and(|nonces| nonces >= MAX_NONCES);
    let replayed = |next| Admission::Refused(Reason::Replayed { next });
    let replay = || match attempt.facts.nonce {
        Nonce::Counter(counter) => counters.check(counter).err().map(|e| replayed(e.next)),
        Nonce::Random(_) if was_used => Some(replayed(counters.next())),
        Nonce::Random(_) => full.then_some(Admission::TooMany),
    };
    Ok(attempt.judge(&session(row)?, replay))
}

impl PostgresStore {
    /// Records a nonce. Whether nobody else came in between.
    async fn record(&self, attempt: &Attempt<'_>, before: Window) -> Result<bool, Failed> {
        let facts = attempt.facts;
        let seen = number(attempt.now.max(1));
        let statement = match &facts.nonce {
            Nonce::Counter(counter) => {
                let mut after = before;
                after.record(*counter);
                query(concat!(
                    "UPDATE knh1.session s SET counters = $4, seen = greatest(seen, $3)
                     WHERE token = $1 AND counters = $5 AND ",
                    in_force!("$2"),
                ))
                .bind(&facts.token[..])
                .bind(attempt.refresh)
                .bind(seen)
                .bind(after.to_bytes().to_vec())
                .bind(before.to_bytes().to_vec())
            }
            // The row is locked before the nonce is inserted, so no more than
            // MAX_NONCES are; and counted only if it was inserted.
            Nonce::Random(nonce) => query(concat!(
                "WITH room AS (SELECT token FROM knh1.session s
                    WHERE token = $1 AND nonces < $6 AND ",
                in_force!("$2"),
                " FOR UPDATE),
                 fresh AS (INSERT INTO knh1.nonce SELECT token, $4, $5 FROM room
                    ON CONFLICT DO NOTHING RETURNING token)
                 UPDATE knh1.session s SET nonces = nonces + 1, seen = greatest(seen, $3)
                    FROM fresh WHERE s.token = fresh.token",
            ))
            .bind(&facts.token[..])
            .bind(attempt.refresh)
            .bind(seen)
            .bind(nonce.as_str().as_bytes())
            .bind(number(facts.created.saturating_add(NONCE_SECONDS)))
            .bind(i64::try_from(MAX_NONCES).unwrap_or(i64::MAX)),
        };
        Ok(statement.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Forgets a session's nonces that are out of time, and counts the others.
    /// Whether there is room now.
    async fn make_room(&self, attempt: &Attempt<'_>) -> Result<bool, Failed> {
        let token = &attempt.facts.token[..];
        let delete = query("DELETE FROM knh1.nonce WHERE token = $1 AND until <= $2")
            .bind(token)
            .bind(number(attempt.now));
        delete.execute(&self.pool).await?;
        let count = "UPDATE knh1.session SET nonces =
            (SELECT count(*) FROM knh1.nonce WHERE token = $1) WHERE token = $1
            RETURNING nonces";
        let counted = query(count).bind(token).fetch_optional(&self.pool).await?;
        // Of a session that is gone: the next look finds so.
        let counted = counted.map(|row| row.try_get::<i64, _>(0)).transpose()?;
        let nonces = counted.and_then(|nonces| usize::try_from(nonces).ok());
        Ok(nonces.is_none_or(|nonces| nonces < MAX_NONCES))
    }
}
