-- Version 1. Times are seconds since 1970.
CREATE TABLE accounts (
    login TEXT PRIMARY KEY, realm TEXT NOT NULL, salt BLOB NOT NULL,
    -- 1: cost1 iterations; 3: cost1 KiB, cost2 passes, cost3 lanes
    kdf INTEGER NOT NULL, cost1 INTEGER NOT NULL, cost2 INTEGER NOT NULL, cost3 INTEGER NOT NULL,
    cs INTEGER NOT NULL, p INTEGER NOT NULL, n INTEGER NOT NULL, h BLOB NOT NULL,
    generation INTEGER NOT NULL, allowed TEXT NOT NULL,
    epoch INTEGER NOT NULL, spared BLOB, version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token BLOB PRIMARY KEY, family BLOB NOT NULL, login TEXT NOT NULL,
    device TEXT NOT NULL, scopes TEXT NOT NULL, key BLOB NOT NULL, epoch INTEGER NOT NULL,
    logged_in INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
    stale INTEGER NOT NULL,
    rnonce BLOB, successor BLOB,              -- of a spent session
    revoked INTEGER NOT NULL DEFAULT 0,       -- of a root: its family
    seen INTEGER NOT NULL DEFAULT 0,
    reserved INTEGER NOT NULL DEFAULT 0       -- no counter above was ever admitted; u64's bits
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_login ON sessions (login);
CREATE INDEX sessions_by_stale ON sessions (stale);

CREATE TABLE nonces (
    token BLOB NOT NULL, nonce TEXT NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (token, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX nonces_by_until ON nonces (until);

CREATE TABLE challenges (
    expires INTEGER NOT NULL, snonce BLOB NOT NULL,
    PRIMARY KEY (expires, snonce)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
