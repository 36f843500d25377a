-- +goose Up
-- Times are milliseconds since 1970, in UTC. What is called body, settings, profile, error or answer is sealed.
-- What is written with every change has no foreign keys: one statement in the store writes it, beside what it refers to,
-- and to look that up again for each row would cost more than to write it.

CREATE TABLE organizations (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL UNIQUE,
    short_id_prefix   TEXT    NOT NULL,
    wrapped_key       BYTEA   NOT NULL,
    endpoints_version BIGINT  NOT NULL DEFAULT 0, -- counts the changes of its endpoints
    created_at        BIGINT  NOT NULL
);

CREATE TABLE api_keys (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    name            TEXT    NOT NULL,
    role            TEXT    NOT NULL,
    hash            BYTEA   NOT NULL UNIQUE, -- SHA-256 of the key
    created_at      BIGINT  NOT NULL,
    expires_at      BIGINT,
    revoked_at      BIGINT
);

CREATE INDEX api_keys_organization ON api_keys (organization_id, id);

CREATE TABLE users (
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    id              TEXT    NOT NULL,
    profile         BYTEA   NOT NULL,
    updated_at      BIGINT  NOT NULL,
    PRIMARY KEY (organization_id, id)
);

-- The head of each case: what lists filter by, and the key that seals the rest.
CREATE TABLE cases (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    short_id        TEXT    NOT NULL,
    version         BIGINT  NOT NULL, -- the sequence of its last event
    type            TEXT    NOT NULL,
    status          TEXT    NOT NULL,
    is_archived     BOOLEAN NOT NULL,
    is_escalated    BOOLEAN NOT NULL,
    wrapped_key     BYTEA   NOT NULL,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    UNIQUE (organization_id, short_id)
);

CREATE INDEX cases_created ON cases (organization_id, created_at, id);

-- The log. A case is the fold of its events.
CREATE TABLE events (
    position        BIGINT  NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    transaction_id  BIGINT  NOT NULL DEFAULT pg_current_xact_id()::text::bigint, -- the feed is in the order of the two; see table feed
    id              TEXT    NOT NULL UNIQUE,
    organization_id TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    sequence        BIGINT  NOT NULL,
    type            TEXT    NOT NULL,
    at              BIGINT  NOT NULL,
    body            BYTEA   NOT NULL,
    UNIQUE (case_id, sequence)
);

CREATE INDEX events_feed ON events (organization_id, transaction_id, position);

-- The ids of transactions begin again where the database is restored into another cluster. What is added to them since
-- keeps the feed in order; the default of events.transaction_id adds it too.
CREATE TABLE feed (
    only_row           BOOLEAN NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    transaction_offset BIGINT  NOT NULL
);

INSERT INTO feed (transaction_offset) VALUES (0);

CREATE TABLE blobs (
    id         TEXT    NOT NULL PRIMARY KEY,
    case_id    TEXT    NOT NULL REFERENCES cases (id),
    size       BIGINT  NOT NULL,
    created_at BIGINT  NOT NULL
);

CREATE INDEX blobs_case ON blobs (case_id);

CREATE TABLE endpoints (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL REFERENCES organizations (id),
    state           TEXT    NOT NULL CHECK (state IN ('active', 'paused', 'disabled', 'deleted')),
    settings        BYTEA   NOT NULL
);

CREATE INDEX endpoints_organization ON endpoints (organization_id, id);

-- A lane is empty (owner and due_at are null), waits until due_at, or is worked on by the node owner.
CREATE TABLE lanes (
    endpoint_id   TEXT    NOT NULL,
    lane          TEXT    NOT NULL, -- the case, or, without order, the delivery
    last_sequence BIGINT  NOT NULL, -- of the messages that ever went into it
    due_at        BIGINT,
    owner         TEXT,
    recalled      BIGINT  NOT NULL DEFAULT 0, -- a message of it was put back while it was worked on
    PRIMARY KEY (endpoint_id, lane),
    CHECK (due_at IS NULL OR owner IS NULL)
);

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
    sequence        BIGINT  NOT NULL, -- 1, 2, 3 … of the endpoint and the case
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'canceled')),
    tries           BIGINT  NOT NULL DEFAULT 0,
    deferred        BIGINT  NOT NULL DEFAULT 0, -- of the tries, those that cost none of the schedule
    due_at          BIGINT, -- of the next try, where one failed
    created_at      BIGINT  NOT NULL,
    finished_at     BIGINT
);

CREATE INDEX deliveries_pending ON deliveries (endpoint_id, lane, sequence) WHERE state = 'pending';
CREATE INDEX deliveries_organization ON deliveries (organization_id, id);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_failed ON deliveries (organization_id, id) WHERE state = 'failed';
CREATE INDEX deliveries_case ON deliveries (case_id, id);

CREATE TABLE attempts (
    delivery_id  TEXT    NOT NULL,
    number       BIGINT  NOT NULL,
    started_at   BIGINT  NOT NULL,
    milliseconds BIGINT  NOT NULL,
    status_code  BIGINT, -- null where there was no answer
    error        BYTEA,    -- why there was none; null where there was one
    answer       BYTEA,    -- its first 1 KiB
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE idempotency_keys (
    organization_id TEXT    NOT NULL,
    hash            BYTEA   NOT NULL, -- SHA-256 of the key
    digest          BYTEA   NOT NULL, -- of the request, sealed
    case_id         TEXT,             -- whose key seals the answer; else the organisation's does
    answer          BYTEA   NOT NULL,
    created_at      BIGINT  NOT NULL,
    PRIMARY KEY (organization_id, hash)
);

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- The processes that work on lanes. Whose lease has run out is dead, and its lanes are anybody's.
CREATE TABLE nodes (
    id         TEXT    NOT NULL PRIMARY KEY,
    expires_at BIGINT  NOT NULL
);

-- +goose Down
DROP TABLE nodes;
DROP TABLE idempotency_keys;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE lanes;
DROP TABLE endpoints;
DROP TABLE blobs;
DROP TABLE feed;
DROP TABLE events;
DROP TABLE cases;
DROP TABLE users;
DROP TABLE api_keys;
DROP TABLE organizations;
