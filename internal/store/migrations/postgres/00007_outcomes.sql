-- +goose Up
-- Each outcome of a delivery has one receipt. What was written twice before is chained and stays, marked.
ALTER TABLE receipts ADD COLUMN repeated BIGINT NOT NULL DEFAULT 0; -- 1: there is one like it before

UPDATE receipts
SET repeated = 1
FROM (
    SELECT position, ROW_NUMBER() OVER (PARTITION BY delivery_id, attempts, outcome ORDER BY position) AS place
    FROM receipts
) AS alike
WHERE alike.position = receipts.position AND alike.place > 1;

CREATE UNIQUE INDEX receipts_outcome ON receipts (delivery_id, attempts, outcome) WHERE repeated = 0;

-- What can be removed, by when it was finished.
CREATE INDEX deliveries_finished ON deliveries (state, finished_at) WHERE finished_at IS NOT NULL;

-- +goose Down
DROP INDEX deliveries_finished;
DROP INDEX receipts_outcome;
ALTER TABLE receipts DROP COLUMN repeated;
