-- +goose Up
-- Who is signed in to the dashboard. The token of a session is not kept, only its hash.
CREATE TABLE sessions (
    hash       TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the token, in base64
    data       BYTEA  NOT NULL,             -- the id of the API key, until when at most, what is told once
    expires_at BIGINT NOT NULL
);

CREATE INDEX sessions_expiry ON sessions (expires_at);

-- +goose Down
DROP TABLE sessions;
