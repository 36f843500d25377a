-- +goose Up
-- The minutes of an endpoint stand together, and those of all of an organisation have a row of their own each: endpoint_id
-- is empty. How long messages took is known of all from here on.
ALTER TABLE traffic DROP CONSTRAINT traffic_pkey;
ALTER TABLE traffic ADD PRIMARY KEY (organization_id, endpoint_id, minute);

INSERT INTO traffic (organization_id, minute, endpoint_id, delivered, failed, failed_attempts, waiting)
SELECT organization_id, minute, '', SUM(delivered), SUM(failed), SUM(failed_attempts), SUM(waiting)
FROM traffic
GROUP BY organization_id, minute;

-- +goose Down
DELETE FROM traffic WHERE endpoint_id = '';
ALTER TABLE traffic DROP CONSTRAINT traffic_pkey;
ALTER TABLE traffic ADD PRIMARY KEY (organization_id, minute, endpoint_id);
