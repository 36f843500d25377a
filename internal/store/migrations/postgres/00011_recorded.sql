-- +goose Up
ALTER TABLE events ADD COLUMN recorded_at BIGINT; -- null: recorded before this was kept

-- +goose Down
ALTER TABLE events DROP COLUMN recorded_at;
