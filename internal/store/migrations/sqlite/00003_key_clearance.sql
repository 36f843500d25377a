-- +goose Up
-- What the holder of a key may be told. Keys that were made before are cleared for all.
ALTER TABLE api_keys ADD COLUMN phi INTEGER NOT NULL DEFAULT 1;
ALTER TABLE api_keys ADD COLUMN restricted INTEGER NOT NULL DEFAULT 1;

-- +goose Down
ALTER TABLE api_keys DROP COLUMN restricted;
ALTER TABLE api_keys DROP COLUMN phi;
