-- +goose Up
-- Attempts that failed, by when they were over: those that are made again are told of nowhere else.
CREATE INDEX attempts_failed ON attempts ((started_at + milliseconds)) WHERE status_code IS NULL OR status_code < 200 OR status_code > 299;

-- +goose Down
DROP INDEX attempts_failed;
