-- +goose Up
-- The minutes of an endpoint stand together, and those of all of an organisation have a row of their own each: endpoint_id
-- is empty. How long messages took is known of all from here on.
DROP INDEX traffic_minute;
ALTER TABLE traffic RENAME TO traffic_before;

CREATE TABLE traffic (
    organization_id TEXT    NOT NULL,
    endpoint_id     TEXT    NOT NULL,
    minute          INTEGER NOT NULL, -- its beginning
    delivered       INTEGER NOT NULL DEFAULT 0, -- messages
    failed          INTEGER NOT NULL DEFAULT 0, -- messages, for good
    failed_attempts INTEGER NOT NULL DEFAULT 0,
    waiting         INTEGER NOT NULL DEFAULT 0, -- messages, when they were counted last
    latencies       BLOB,                       -- how long messages took that were delivered for the first time; null: there are none
    PRIMARY KEY (organization_id, endpoint_id, minute)
) STRICT, WITHOUT ROWID;

CREATE INDEX traffic_minute ON traffic (minute);

INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting, latencies)
SELECT organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting, latencies
FROM traffic_before;

INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting)
SELECT organization_id, minute, '', SUM(delivered), SUM(failed), SUM(failed_attempts), SUM(waiting)
FROM traffic_before
GROUP BY organization_id, minute;

DROP TABLE traffic_before;

-- +goose Down
DROP INDEX traffic_minute;
ALTER TABLE traffic RENAME TO traffic_before;

CREATE TABLE traffic (
    organization_id TEXT    NOT NULL,
    endpoint_id     TEXT    NOT NULL,
    minute          INTEGER NOT NULL, -- its beginning
    delivered       INTEGER NOT NULL DEFAULT 0, -- messages
    failed          INTEGER NOT NULL DEFAULT 0, -- messages, for good
    failed_attempts INTEGER NOT NULL DEFAULT 0,
    waiting         INTEGER NOT NULL DEFAULT 0, -- messages, when they were counted last
    latencies       BLOB,                       -- how long messages took that were delivered for the first time; null: there are none
    PRIMARY KEY (organization_id, minute, endpoint_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX traffic_minute ON traffic (minute);

INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting, latencies)
SELECT organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting, latencies
FROM traffic_before
WHERE endpoint_id <> '';

DROP TABLE traffic_before;
