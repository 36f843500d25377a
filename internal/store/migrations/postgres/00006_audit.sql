-- +goose Up
-- Who called what, when, from where and with which key. A row for each call, never changed; audit_blocks chains them.
CREATE TABLE audit_entries (
    position        BIGINT  NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    transaction_id  BIGINT  NOT NULL, -- entries are in the order of the two
    organization_id TEXT    NOT NULL,
    request_id      TEXT    NOT NULL, -- as the client and the log were told it
    key_id          TEXT    NOT NULL, -- of the API key; 'environment', 'operator' or 'link'
    role            TEXT    NOT NULL, -- of the key; empty for a link
    actor_id        TEXT    NOT NULL, -- in whose name; empty where nobody was named
    method          TEXT    NOT NULL,
    operation       TEXT    NOT NULL, -- its operationId
    case_id         TEXT,             -- the case that was named, or made; null: none
    status          BIGINT  NOT NULL, -- of the answer
    details         BYTEA   NOT NULL, -- from where, and the ids in the path; sealed
    at              BIGINT  NOT NULL  -- when the call began
);

-- One for each answer of a call: a commit whose answer was lost is made again, and finds it.
CREATE UNIQUE INDEX audit_entries_request ON audit_entries (organization_id, request_id, status);
CREATE INDEX audit_entries_order ON audit_entries (transaction_id, position);
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, at, position);
CREATE INDEX audit_entries_key ON audit_entries (organization_id, key_id, at, position);
CREATE INDEX audit_entries_case ON audit_entries (case_id, at, position) WHERE case_id IS NOT NULL;

-- The place up to which all entries are in blocks.
CREATE TABLE audit_chain (
    only_row            BIGINT  NOT NULL PRIMARY KEY CHECK (only_row = 1),
    reached_transaction BIGINT  NOT NULL,
    reached_number      BIGINT  NOT NULL
);

INSERT INTO audit_chain (only_row, reached_transaction, reached_number) VALUES (1, 0, 0);

-- The entries of an organisation that follow each other, and the hash of them and of the block before.
CREATE TABLE audit_blocks (
    organization_id  TEXT    NOT NULL,
    number           BIGINT  NOT NULL, -- 1, 2, 3 …
    last_transaction BIGINT  NOT NULL, -- the transaction and the position of its last entry
    last_number      BIGINT  NOT NULL,
    entries          BIGINT  NOT NULL, -- how many
    at               BIGINT  NOT NULL,
    hash             BYTEA   NOT NULL,
    PRIMARY KEY (organization_id, number)
);

-- +goose Down
DROP TABLE audit_blocks;
DROP TABLE audit_chain;
DROP TABLE audit_entries;
