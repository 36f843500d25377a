-- +goose Up
-- How an endpoint has answered of late. A row is there once it has failed.
CREATE TABLE endpoint_health (
    endpoint_id TEXT    NOT NULL PRIMARY KEY,
    failures    INTEGER NOT NULL, -- in a row
    closed_at   INTEGER,          -- since when it is sent nothing but probes; null: it is open
    probe_at    INTEGER,          -- when it may be probed next, while it is closed
    probing     INTEGER NOT NULL, -- 1: a probe is on its way, until probe_at at the latest
    flagged_at  INTEGER           -- when a delivery last failed for good; null: none has since it was resumed
) STRICT, WITHOUT ROWID;

ALTER TABLE deliveries ADD COLUMN linked INTEGER NOT NULL DEFAULT 0; -- 1: the endpoint found its documents too large, and is sent links
ALTER TABLE deliveries ADD COLUMN replay_id TEXT; -- the replay that sends it again
ALTER TABLE deliveries ADD COLUMN replaced TEXT; -- its state before that; null where the replay made it
ALTER TABLE deliveries ADD COLUMN replaced_finished_at INTEGER; -- when it was finished before that

ALTER TABLE endpoints ADD COLUMN moved_to TEXT; -- the lane up to which what waits is in the order of its cases; null where nothing is being moved

CREATE INDEX deliveries_event ON deliveries (event_id);
CREATE INDEX deliveries_failed_endpoint ON deliveries (endpoint_id, id) WHERE state = 'failed';
CREATE INDEX deliveries_replayed ON deliveries (replay_id) WHERE replay_id IS NOT NULL AND state = 'pending';

-- What an endpoint is sent again: of the log, of one case, or only what failed. Events that are recorded after its
-- beginning are none of it.
CREATE TABLE replays (
    id                  TEXT    NOT NULL PRIMARY KEY,
    organization_id     TEXT    NOT NULL,
    endpoint_id         TEXT    NOT NULL,
    state               TEXT    NOT NULL CHECK (state IN ('running', 'done', 'stopped')),
    since               INTEGER,
    until               INTEGER,
    case_id             TEXT,
    events              TEXT    NOT NULL, -- names, separated by spaces; empty: all
    only_failed         INTEGER NOT NULL,
    first_number        INTEGER NOT NULL, -- the place before its first event: a position in the log, a sequence of the case, or 0
    last_transaction    INTEGER NOT NULL, -- the place of its last: a transaction and a position, a sequence, or how many failed
    last_number         INTEGER NOT NULL,
    reached_transaction INTEGER NOT NULL, -- the place up to which all is in line
    reached_number      INTEGER NOT NULL,
    reached_delivery    TEXT    NOT NULL, -- the last that was put in line of those that failed
    all_queued          INTEGER NOT NULL DEFAULT 0, -- 1: nothing more comes in line
    queued              INTEGER NOT NULL, -- how many were put in line
    created_at          INTEGER NOT NULL,
    finished_at         INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX replays_organization ON replays (organization_id, id);
CREATE UNIQUE INDEX replays_running ON replays (endpoint_id) WHERE state = 'running';

-- Who was told what of whom. A row for each outcome of a delivery, never changed; receipt_blocks chains them.
CREATE TABLE receipts (
    position        INTEGER NOT NULL PRIMARY KEY,
    transaction_id  INTEGER NOT NULL, -- receipts are in the order of the two
    organization_id TEXT    NOT NULL,
    delivery_id     TEXT    NOT NULL,
    event_id        TEXT    NOT NULL,
    event_type      TEXT    NOT NULL,
    case_id         TEXT    NOT NULL,
    endpoint_id     TEXT    NOT NULL,
    recipient       BLOB,             -- its URL at that time, without the query; sealed
    outcome         TEXT    NOT NULL CHECK (outcome IN ('delivered', 'failed', 'canceled')),
    attempts        INTEGER NOT NULL,
    status_code     INTEGER,
    phi             INTEGER NOT NULL, -- what it was cleared for
    restricted      INTEGER NOT NULL,
    body_sha256     BLOB,             -- of what was sent last; null: nothing was
    at              INTEGER NOT NULL
) STRICT;

CREATE INDEX receipts_order ON receipts (transaction_id, position);
CREATE INDEX receipts_case ON receipts (case_id);

-- The place up to which all receipts are in blocks.
CREATE TABLE receipt_chain (
    only_row            INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    reached_transaction INTEGER NOT NULL,
    reached_number      INTEGER NOT NULL
) STRICT;

INSERT INTO receipt_chain (only_row, reached_transaction, reached_number) VALUES (1, 0, 0);

-- The receipts of an organisation that follow each other, and the hash of them and of the block before.
CREATE TABLE receipt_blocks (
    organization_id  TEXT    NOT NULL,
    number           INTEGER NOT NULL, -- 1, 2, 3 …
    last_transaction INTEGER NOT NULL, -- the transaction and the position of its last receipt
    last_number      INTEGER NOT NULL,
    receipts         INTEGER NOT NULL, -- how many
    at               INTEGER NOT NULL,
    hash             BLOB    NOT NULL,
    PRIMARY KEY (organization_id, number)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE receipt_blocks;
DROP TABLE receipt_chain;
DROP TABLE receipts;
DROP TABLE replays;
DROP INDEX deliveries_replayed;
DROP INDEX deliveries_failed_endpoint;
DROP INDEX deliveries_event;
ALTER TABLE endpoints DROP COLUMN moved_to;
ALTER TABLE deliveries DROP COLUMN replaced_finished_at;
ALTER TABLE deliveries DROP COLUMN replaced;
ALTER TABLE deliveries DROP COLUMN replay_id;
ALTER TABLE deliveries DROP COLUMN linked;
DROP TABLE endpoint_health;
