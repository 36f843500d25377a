-- +goose Up
-- Times are milliseconds since 1970, in UTC. What is called body, settings, profile, error or answer is sealed.
-- What is written with every change has no foreign keys: one statement in the store writes it, beside what it refers to,
-- and to look that up again for each row would cost more than to write it.

CREATE TABLE organizations (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE,
    short_id_prefix   TEXT    NOT NULL,
    wrapped_key       BLOB    NOT NULL,
    endpoints_version INTEGER NOT NULL DEFAULT 0, -- counts the changes of its endpoints
    created_at        INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    name            TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    hash            BLOB    NOT NULL UNIQUE, -- SHA-256 of the key
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER,
    revoked_at      INTEGER
) STRICT;

CREATE INDEX api_keys_organization ON api_keys (organization_id, id);

CREATE TABLE users (
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    id              TEXT    NOT NULL,
    profile         BLOB    NOT NULL,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
) STRICT, WITHOUT ROWID;

-- The head of each case: what lists filter by, and the key that seals the rest.
CREATE TABLE cases (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    short_id        TEXT    NOT NULL,
    version         INTEGER NOT NULL, -- the sequence of its last event
    type            TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    is_archived     INTEGER NOT NULL,
    is_escalated    INTEGER NOT NULL,
    wrapped_key     BLOB    NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    UNIQUE (organization_id, short_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX cases_created ON cases (organization_id, created_at, id);

-- The log. A case is the fold of its events.
CREATE TABLE events (
    position        INTEGER NOT NULL PRIMARY KEY,
    transaction_id  INTEGER NOT NULL DEFAULT 0, -- the feed is in the order of the two
    id              TEXT    NOT NULL UNIQUE,
    organization_id TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    sequence        INTEGER NOT NULL,
    type            TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    body            BLOB    NOT NULL,
    UNIQUE (case_id, sequence)
) STRICT;

CREATE INDEX events_feed ON events (organization_id, transaction_id, position);

CREATE TABLE blobs (
    id         TEXT    NOT NULL PRIMARY KEY,
    case_id    TEXT    NOT NULL REFERENCES cases (id),
    size       INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_case ON blobs (case_id);

CREATE TABLE endpoints (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    state           TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'disabled', 'deleted')),
    settings        BLOB    NOT NULL
) STRICT;

CREATE INDEX endpoints_organization ON endpoints (organization_id, id);

-- A lane is empty (owner and due_at are null), waits until due_at, or is worked on by the node owner.
CREATE TABLE lanes (
    endpoint_id   TEXT    NOT NULL,
    lane          TEXT    NOT NULL, -- the case, or, without order, the delivery
    last_sequence INTEGER NOT NULL, -- of the messages that ever went into it
    due_at        INTEGER,
    owner         TEXT,
    recalled      INTEGER NOT NULL DEFAULT 0, -- a message of it was put back while it was worked on
    PRIMARY KEY (endpoint_id, lane),
    CHECK (due_at IS NULL OR owner IS NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX lanes_due ON lanes (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX lanes_owner ON lanes (owner) WHERE owner IS NOT NULL;

-- The outbox: an event that one endpoint is to be sent.
CREATE TABLE deliveries (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    endpoint_id     TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    lane            TEXT    NOT NULL,
    sequence        INTEGER NOT NULL, -- 1, 2, 3 … of the endpoint and the case
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'canceled')),
    tries           INTEGER NOT NULL DEFAULT 0,
    deferred        INTEGER NOT NULL DEFAULT 0, -- of the tries, those that cost none of the schedule
    due_at          INTEGER, -- of the next try, where one failed
    created_at      INTEGER NOT NULL,
    finished_at     INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_pending ON deliveries (endpoint_id, lane, sequence) WHERE state = 'pending';
CREATE INDEX deliveries_organization ON deliveries (organization_id, id);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_failed ON deliveries (organization_id, id) WHERE state = 'failed';
CREATE INDEX deliveries_case ON deliveries (case_id, id);

CREATE TABLE attempts (
    delivery_id  TEXT    NOT NULL,
    number       INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    milliseconds INTEGER NOT NULL,
    status_code  INTEGER, -- null where there was no answer
    error        BLOB,    -- why there was none; null where there was one
    answer       BLOB,    -- its first 1 KiB
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    organization_id TEXT    NOT NULL,
    hash            BLOB    NOT NULL, -- SHA-256 of the key
    digest          BLOB    NOT NULL, -- of the request, sealed
    case_id         TEXT,             -- whose key seals the answer; else the organisation's does
    answer          BLOB    NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- The processes that work on lanes. Whose lease has run out is dead, and its lanes are anybody's.
CREATE TABLE nodes (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE nodes;
DROP TABLE idempotency_keys;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE lanes;
DROP TABLE endpoints;
DROP TABLE blobs;
DROP TABLE events;
DROP TABLE cases;
DROP TABLE users;
DROP TABLE api_keys;
DROP TABLE organizations;
