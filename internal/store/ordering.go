package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
)

// laneOf returns the lane in which a delivery of a case waits for its endpoint.
func laneOf(endpoint *subscription.Endpoint, deliveryID, caseID string) string {
	if endpoint.Ordering == subscription.OrderingNone {
		return deliveryID
	}
	return caseID
}

// hold has the endpoints of an organisation stay as they were read until the
// transaction ends that is under way. The error is errResubscribed where they are not.
func (s *Store) hold(ctx context.Context, org *organization) error {
	rows := [][]any{{org.ID}}
	version := int64(-1)
	read := step{batch: readEndpointsVersions, rows: rows, scan: func(row scanner) error {
		var id string
		return row.Scan(&id, &version)
	}}
	steps := []step{read}
	if hold := s.connection.holdEndpoints(); hold != nil {
		steps = []step{{batch: hold, rows: rows}, read}
	}
	if err := s.writer.runner.run(ctx, "", steps, ""); err != nil {
		return fmt.Errorf("hold the endpoints of organisation %s: %w", org.ID, err)
	}
	if version != org.version {
		return errResubscribed
	}
	return nil
}

// whileHeld runs f with an organisation, again where its endpoints have changed since
// they were read: f returns what [Store.hold] does.
func (s *Store) whileHeld(ctx context.Context, organizationID string, f func(*organization) error) error {
	for {
		org, err := s.organization(ctx, organizationID)
		if err != nil {
			return err
		}
		if err := f(org); !errors.Is(err, errResubscribed) {
			return err
		}
		s.forgetOrganization(organizationID)
	}
}

// recording is how long it takes at most to record an attempt that has ended.
const recording = time.Second

// intoOrder moves what waits for an endpoint, each in a lane of its own, into the lanes
// of its cases. These wait for what may be on its way: its lanes are gone, so that
// nothing of them is sent any more that is not.
func (s *Store) intoOrder(ctx context.Context, conn *sql.Conn, e *subscription.Endpoint) error {
	now := s.now()
	for _, statement := range []struct {
		text      string
		arguments []any
	}{
		{`
			UPDATE deliveries
			SET lane = case_id
			WHERE endpoint_id = $1 AND state = 'pending' AND lane <> case_id`, []any{e.ID}},
		{`
			UPDATE lanes
			SET due_at = CASE WHEN owner IS NULL THEN COALESCE((
					SELECT first.due_at
					FROM deliveries AS first
					WHERE first.endpoint_id = lanes.endpoint_id AND first.lane = lanes.lane AND first.state = 'pending'
					ORDER BY first.sequence
					LIMIT 1), $2) END,
				recalled = CASE WHEN owner IS NULL THEN 0 ELSE 1 END
			WHERE endpoint_id = $1 AND lane IN (
				SELECT deliveries.case_id
				FROM lanes AS own
				JOIN deliveries ON deliveries.id = own.lane
				WHERE own.endpoint_id = $1 AND deliveries.state = 'pending')`, []any{e.ID, now.UnixMilli()}},
		{`
			UPDATE lanes
			SET due_at = $2
			WHERE endpoint_id = $1 AND due_at < $2 AND lane IN (
				SELECT deliveries.case_id
				FROM lanes AS own
				JOIN deliveries ON deliveries.id = own.lane
				WHERE own.endpoint_id = $1 AND own.owner IS NOT NULL)`, []any{e.ID, now.Add(e.Timeout + recording).UnixMilli()}},
		{`
			DELETE FROM lanes
			WHERE endpoint_id = $1 AND lane IN (
				SELECT own.lane
				FROM lanes AS own
				JOIN deliveries ON deliveries.id = own.lane
				WHERE own.endpoint_id = $1)`, []any{e.ID}},
	} {
		if _, err := conn.ExecContext(ctx, statement.text, statement.arguments...); err != nil {
			return fmt.Errorf("bring what waits into the order of its cases: %w", err)
		}
	}
	return nil
}
