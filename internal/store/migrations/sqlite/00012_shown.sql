-- +goose Up
-- The cases whose patients a call showed, beside the one that it names: what an entry of the audit is found by.
-- The entry itself has them too, sealed and chained.
CREATE TABLE audit_shown (
    shown_case_id  TEXT    NOT NULL,
    shown_at       INTEGER NOT NULL, -- that of the entry
    entry_position INTEGER NOT NULL,
    PRIMARY KEY (shown_case_id, shown_at, entry_position)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE audit_shown;
