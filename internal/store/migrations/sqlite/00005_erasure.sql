-- +goose Up
-- The share that a case's key is bound to; null in cases that are older than shares. Of a case that was erased there is
-- the row only, so that neither its id nor its short id is given again: its version is 0.
ALTER TABLE cases ADD COLUMN share TEXT;

-- The cases that were erased, by whom and when.
CREATE TABLE erasures (
    id              TEXT    NOT NULL PRIMARY KEY,
    organization_id TEXT    NOT NULL,
    case_id         TEXT    NOT NULL UNIQUE,
    actor_id        TEXT    NOT NULL,
    key_id          TEXT    NOT NULL, -- of the API key
    at              INTEGER NOT NULL,
    share           TEXT,             -- that is still to be destroyed
    finished_at     INTEGER           -- when its share and its documents were destroyed; null: they are being
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_organization ON erasures (organization_id, id);
CREATE INDEX erasures_at ON erasures (at);
CREATE INDEX erasures_unfinished ON erasures (id) WHERE finished_at IS NULL;

CREATE INDEX idempotency_keys_case ON idempotency_keys (case_id) WHERE case_id IS NOT NULL;

-- +goose Down
DROP INDEX idempotency_keys_case;
DROP TABLE erasures;
ALTER TABLE cases DROP COLUMN share;
