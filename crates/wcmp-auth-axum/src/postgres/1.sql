-- Texts that clients choose are bytes here: no collation, no encoding of the
-- database, and no NUL, can make two of them one or refuse one.

CREATE TABLE knh1.secret (
    name  text PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE knh1.account (
    login      bytea PRIMARY KEY,
    realm      bytea NOT NULL,
    salt       bytea NOT NULL,
    kdf        smallint NOT NULL,
    -- c0; or memory in KiB, time, lanes
    cost       bigint[] NOT NULL,
    -- cs, P, N
    steps      bigint[] NOT NULL,
    h          bytea NOT NULL,
    generation bigint NOT NULL,
    allowed    bytea NOT NULL,
    epoch      bigint NOT NULL,
    spared     bytea,
    version    bigint NOT NULL
);

CREATE TABLE knh1.session (
    token     bytea PRIMARY KEY,
    family    bytea NOT NULL,
    login     bytea NOT NULL,
    device    bytea NOT NULL,
    scopes    bytea NOT NULL,
    key       bytea NOT NULL,
    epoch     bigint NOT NULL,
    logged_in bigint NOT NULL,
    created   bigint NOT NULL,
    expires   bigint NOT NULL,
    stale     bigint NOT NULL,
    -- of a root: its family has ended
    revoked   boolean NOT NULL DEFAULT false,
    -- both or neither
    rnonce    bytea,
    successor bytea,
    seen      bigint NOT NULL DEFAULT 0,
    -- counters: compared and swapped
    counters  bytea NOT NULL,
    -- how many rows of knh1.nonce are this session's, or a few less
    nonces    bigint NOT NULL DEFAULT 0
);
CREATE INDEX ON knh1.session (login);
CREATE INDEX ON knh1.session (stale);

CREATE TABLE knh1.nonce (
    token bytea NOT NULL REFERENCES knh1.session ON DELETE CASCADE,
    nonce bytea NOT NULL,
    until bigint NOT NULL,
    PRIMARY KEY (token, nonce)
);
CREATE INDEX ON knh1.nonce (until);

CREATE TABLE knh1.challenge (
    snonce  bytea PRIMARY KEY,
    expires bigint NOT NULL
);
CREATE INDEX ON knh1.challenge (expires);

CREATE TABLE knh1.challenge_key (
    slot   bigint PRIMARY KEY,
    sealed bytea NOT NULL
);
