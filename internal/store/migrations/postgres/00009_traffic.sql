-- +goose Up
-- What went to each endpoint in each minute in which there was something.
CREATE TABLE traffic (
    organization_id TEXT    NOT NULL,
    minute          BIGINT  NOT NULL, -- its beginning
    endpoint_id     TEXT    NOT NULL,
    delivered       BIGINT  NOT NULL DEFAULT 0, -- messages
    failed          BIGINT  NOT NULL DEFAULT 0, -- messages, for good
    failed_attempts BIGINT  NOT NULL DEFAULT 0,
    waiting         BIGINT  NOT NULL DEFAULT 0, -- messages, when they were counted last
    latencies       BYTEA,                      -- how long messages took that were delivered for the first time; null: there are none
    PRIMARY KEY (organization_id, minute, endpoint_id)
);

CREATE INDEX traffic_minute ON traffic (minute);

-- The place up to which receipts are counted in traffic.
CREATE TABLE traffic_counted (
    only_row            BIGINT  NOT NULL PRIMARY KEY CHECK (only_row = 1),
    reached_transaction BIGINT  NOT NULL,
    reached_number      BIGINT  NOT NULL
);

INSERT INTO traffic_counted (only_row, reached_transaction, reached_number) VALUES (1, 0, 0);

ALTER TABLE endpoint_health ADD COLUMN failed_at BIGINT; -- when an attempt last failed
ALTER TABLE endpoint_health ADD COLUMN status_code BIGINT; -- what it was answered; null: nothing

-- Lists of deliveries go by their state: where few of many are asked for, they are found without the others.
DROP INDEX deliveries_organization;
DROP INDEX deliveries_endpoint;
CREATE INDEX deliveries_waiting ON deliveries (organization_id, id) WHERE state = 'pending';
CREATE INDEX deliveries_waiting_endpoint ON deliveries (endpoint_id, id) WHERE state = 'pending';
CREATE INDEX deliveries_delivered ON deliveries (organization_id, id) WHERE state = 'delivered';
CREATE INDEX deliveries_delivered_endpoint ON deliveries (endpoint_id, id) WHERE state = 'delivered';
CREATE INDEX deliveries_canceled ON deliveries (organization_id, id) WHERE state = 'canceled';
CREATE INDEX deliveries_canceled_endpoint ON deliveries (endpoint_id, id) WHERE state = 'canceled';
CREATE INDEX deliveries_failing ON deliveries (organization_id, id) WHERE state = 'pending' AND tries > 0;
CREATE INDEX deliveries_failing_endpoint ON deliveries (endpoint_id, id) WHERE state = 'pending' AND tries > 0;
CREATE INDEX deliveries_failed_at ON deliveries (organization_id, finished_at) WHERE state = 'failed';

-- What lists of cases and of the audit filter by stands in the index, which is read in place of the rows.
DROP INDEX cases_created;
CREATE INDEX cases_created ON cases (organization_id, created_at, id, status, type, is_archived, is_escalated);
DROP INDEX audit_entries_organization;
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, at, position, operation);
DROP INDEX audit_entries_key;
CREATE INDEX audit_entries_key ON audit_entries (organization_id, key_id, at, position, operation);

-- +goose Down
DROP INDEX audit_entries_key;
CREATE INDEX audit_entries_key ON audit_entries (organization_id, key_id, at, position);
DROP INDEX audit_entries_organization;
CREATE INDEX audit_entries_organization ON audit_entries (organization_id, at, position);
DROP INDEX cases_created;
CREATE INDEX cases_created ON cases (organization_id, created_at, id);
DROP INDEX deliveries_failed_at;
DROP INDEX deliveries_failing_endpoint;
DROP INDEX deliveries_failing;
DROP INDEX deliveries_canceled_endpoint;
DROP INDEX deliveries_canceled;
DROP INDEX deliveries_delivered_endpoint;
DROP INDEX deliveries_delivered;
DROP INDEX deliveries_waiting_endpoint;
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_organization ON deliveries (organization_id, id);
ALTER TABLE endpoint_health DROP COLUMN status_code;
ALTER TABLE endpoint_health DROP COLUMN failed_at;
DROP TABLE traffic_counted;
DROP TABLE traffic;
