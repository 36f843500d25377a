package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/casehook/casehook/internal/subscription"
)

// ErrFinished means that a delivery is finished: there is nothing to give up.
var ErrFinished = errors.New("the delivery is finished")

// Cancel gives a delivery up that waits, or is being sent: if that attempt succeeds, it
// was delivered after all. It returns the lane; the error is ErrNotFound where there is
// no such delivery, and ErrFinished where there is nothing to give up.
func (s *Store) Cancel(ctx context.Context, organizationID, id string, once *Kept) (endpointID, lane string, err error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return "", "", err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return "", "", err
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := conn.QueryRowContext(ctx, `
			SELECT endpoint_id, lane
			FROM deliveries
			WHERE id = $1 AND organization_id = $2`, id, organizationID).Scan(&endpointID, &lane)
		if err != nil {
			return oneRow("a delivery", err)
		}
		given, err := s.giveUp(ctx, conn, []string{id}, "", org.byID)
		if err != nil {
			return err
		}
		if len(given) == 0 {
			return ErrFinished
		}
		if err := s.connection.notify(ctx, conn, strings.Join([]string{deliveryCanceled, endpointID, lane, id}, " ")); err != nil {
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrAnswered) && !errors.Is(err, ErrFinished) {
		return "", "", fmt.Errorf("cancel delivery %s: %w", id, err)
	}
	return endpointID, lane, err
}

// cancelCase cancels what waits to be sent of a case.
func (s *Store) cancelCase(ctx context.Context, conn *sql.Conn, org *organization, caseID string) error {
	ids, err := readIDs(ctx, conn, `
		SELECT id
		FROM deliveries
		WHERE case_id = $1 AND state = 'pending'`, caseID)
	if err == nil {
		_, err = s.giveUp(ctx, conn, ids, "", org.byID)
	}
	return err
}

// givenUp is a delivery that was given up.
type givenUp struct {
	id, organizationID, eventID, eventType, endpointID, caseID, lane string
	tries                                                            int64
	dueAt                                                            sql.NullInt64 // of the try that it waited for
	receipted                                                        bool          // of its state, after so many tries
}

var (
	// Of a replay, those are given up that it did not spend a try on, and each is as it was
	// before. The time of the next try stays, for the lane.
	giveUpDeliveries = over(`id text, replay_id text, finished_at bigint`, `
		UPDATE deliveries
		SET state = CASE WHEN u.replay_id IS NULL THEN 'canceled' ELSE COALESCE(deliveries.replaced, 'canceled') END,
			finished_at = COALESCE(CASE WHEN u.replay_id IS NOT NULL THEN deliveries.replaced_finished_at END, u.finished_at)
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state = 'pending'
			AND (u.replay_id IS NULL OR deliveries.replay_id = u.replay_id AND deliveries.tries = deliveries.deferred)
		RETURNING deliveries.id, deliveries.organization_id, deliveries.event_id, deliveries.event_type, deliveries.endpoint_id, deliveries.case_id,
			deliveries.lane, deliveries.tries, deliveries.due_at,
			EXISTS (
				SELECT 1
				FROM receipts
				WHERE receipts.delivery_id = deliveries.id AND receipts.attempts = deliveries.tries AND receipts.outcome = deliveries.state)`)
	// A lane that waits for the next try of what was given up has that as its first
	// message: it is due when the one behind is.
	hurryLanes = over(`endpoint_id text, lane text, due_at bigint, now bigint`, `
		UPDATE lanes
		SET due_at = `+firstDue+`
		FROM u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane AND lanes.due_at = u.due_at
		RETURNING lanes.lane`)
)

// giveUp gives up those of the deliveries that wait: for good, or because a replay is
// stopped. What was attempted may have been received all the same, and has a receipt;
// endpoints are those that are known still. Lanes go on that waited for one of them. It is
// called by the writer, in a transaction on conn.
func (s *Store) giveUp(ctx context.Context, conn *sql.Conn, ids []string, replayID string, endpoints map[string]*subscription.Endpoint) (given []givenUp, err error) {
	now := s.now().UnixMilli()
	updates := make([][]any, len(ids))
	for i, id := range ids {
		updates[i] = []any{id, orNull(replayID), now}
	}
	inOrder(updates, 1)
	err = s.writer.runner.run(ctx, "", []step{{batch: giveUpDeliveries, rows: updates, scan: func(row scanner) error {
		var d givenUp
		err := row.Scan(&d.id, &d.organizationID, &d.eventID, &d.eventType, &d.endpointID, &d.caseID, &d.lane, &d.tries, &d.dueAt, &d.receipted)
		given = append(given, d)
		return err
	}}}, "")
	if err != nil {
		return nil, err
	}
	var receipts, lanes [][]any
	for _, d := range given {
		if d.dueAt.Valid && d.dueAt.Int64 > now {
			lanes = append(lanes, []any{d.endpointID, d.lane, d.dueAt.Int64, now})
		}
		if d.tries == 0 || d.receipted {
			continue
		}
		clearance, recipient := everything, []byte(nil)
		if endpoint := endpoints[d.endpointID]; endpoint != nil {
			clearance = endpoint.Clearance
			if recipient, err = s.sealRecipient(ctx, d.organizationID, d.id, int(d.tries), endpoint.Recipient()); err != nil {
				return nil, err
			}
		}
		receipts = append(receipts, []any{d.organizationID, d.id, d.eventID, d.eventType, d.caseID, d.endpointID,
			recipient, string(Canceled), d.tries, nil, number(clearance.PHI), number(clearance.Restricted), nil, now})
	}
	inOrder(lanes, 2)
	hurried := false
	err = s.writer.runner.run(ctx, "", []step{
		{batch: hurryLanes, rows: lanes, scan: func(row scanner) error {
			var lane string
			hurried = true
			return row.Scan(&lane)
		}},
		{batch: s.writer.insertReceipts, rows: receipts},
	}, "")
	if err == nil && hurried {
		err = s.connection.notify(ctx, conn, lanesDue)
	}
	return given, err
}

// readIDs returns the ids that a query selects.
func readIDs(ctx context.Context, conn *sql.Conn, query string, arguments ...any) (ids []string, err error) {
	rows, err := conn.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	return ids, scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
}
