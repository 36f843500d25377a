-- +goose Up
-- Only what asks for tries >= 0, which all have, goes by these indexes: lists do. A lane is looked for by deliveries_pending,
-- also where the planner knows of no rows yet, and takes any index of what is pending for as good.
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (organization_id, id) WHERE state = 'pending' AND tries >= 0;
DROP INDEX deliveries_waiting_endpoint;
CREATE INDEX deliveries_waiting_endpoint ON deliveries (endpoint_id, id) WHERE state = 'pending' AND tries >= 0;

-- +goose Down
DROP INDEX deliveries_waiting_endpoint;
CREATE INDEX deliveries_waiting_endpoint ON deliveries (endpoint_id, id) WHERE state = 'pending';
DROP INDEX deliveries_waiting;
CREATE INDEX deliveries_waiting ON deliveries (organization_id, id) WHERE state = 'pending';
