-- +goose Up
-- Who called what, when, from where and with which key. A row for each call, never changed; audit_blocks chains them.
CREATE TABLE audit_entries (
    position        INTEGER NOT NULL PRIMARY KEY,
    transaction_id  INTEGER NOT NULL, -- entries are in the order of the two
    organization_id TEXT    NOT NULL,
    request_id      TEXT    NOT NULL, -- as the client and the log were told it
    key_id          TEXT    NOT NULL, -- of the API key; 'environment', 'operator' or 'link'
    role            TEXT    NOT NULL, -- of the key; empty for a link
    actor_id        TEXT    NOT NULL, -- in whose name; empty where nobody was named
    method          TEXT    NOT NULL,
    operation       TEXT    NOT NULL, -- its operationId
    case_id         TEXT,             -- the case that was named, or made; null: none
    status          INTEGER NOT NULL, -- of the answer
    details         BLOB    NOT NULL, -- from where, and the ids in the path; sealed
    at              INTEGER NOT NULL  -- when the call began
) STRICT;

-- One for each answer of a call: a commit whose answer was lost is made again, and finds it.
CREATE UNIQUE INDEX audit_entries_request ON audit_entries (organization_id, request_id, status);
CREATE INDEX audit_entries_order ON audit_entries (transaction_id, position);
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, at, position);
CREATE INDEX audit_entries_key ON audit_entries (organization_id, key_id, at, position);
CREATE INDEX audit_entries_case ON audit_entries (case_id, at, position) WHERE case_id IS NOT NULL;

-- The place up to which all entries are in blocks.
CREATE TABLE audit_chain (
    only_row            INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    reached_transaction INTEGER NOT NULL,
    reached_number      INTEGER NOT NULL
) STRICT;

INSERT INTO audit_chain (only_row, reached_transaction, reached_number) VALUES (1, 0, 0);

-- The entries of an organisation that follow each other, and the hash of them and of the block before.
CREATE TABLE audit_blocks (
    organization_id  TEXT    NOT NULL,
    number           INTEGER NOT NULL, -- 1, 2, 3 …
    last_transaction INTEGER NOT NULL, -- the transaction and the position of its last entry
    last_number      INTEGER NOT NULL,
    entries          INTEGER NOT NULL, -- how many
    at               INTEGER NOT NULL,
    hash             BLOB    NOT NULL,
    PRIMARY KEY (organization_id, number)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE audit_blocks;
DROP TABLE audit_chain;
DROP TABLE audit_entries;
