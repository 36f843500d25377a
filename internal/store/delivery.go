package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// Delivery is an event that an endpoint is, or was, to be sent.
type Delivery struct {
	ID             string
	OrganizationID string
	EventID        string
	EventType      caseupdate.Event
	EndpointID     string
	CaseID         string
	Sequence       int64 // 1, 2, 3 … of what the endpoint is sent of the case; 0 where it was withheld
	State          State
	Tries          int
	Deferred       int // of the tries, how many cost none of the schedule
	LastStatusCode int // of the last attempt; 0 where there was no answer, or no attempt
	CreatedAt      time.Time
	// NextAttemptAt is nil where none is planned, or the endpoint is not active. Where that
	// is closed, it is when the endpoint is probed next.
	NextAttemptAt *time.Time
	FinishedAt    *time.Time // nil where it is not
	// Withheld is that it was canceled at its turn: the endpoint may not be told of it.
	Withheld bool
}

// A delivery is being sent when it is the first that is pending in a lane that
// somebody works on.
const isSending = `(d.state = 'pending'
			AND EXISTS (
				SELECT 1
				FROM lanes
				WHERE lanes.endpoint_id = d.endpoint_id AND lanes.lane = d.lane AND lanes.owner IS NOT NULL)
			AND NOT EXISTS (
				SELECT 1
				FROM deliveries AS before
				WHERE before.endpoint_id = d.endpoint_id AND before.lane = d.lane AND before.state = 'pending' AND before.sequence < d.sequence))`

// What is withheld is recorded as an attempt that was not made: it has no answer, took no time, and is
// the end of its delivery. What somebody gave up ended at another moment than its last attempt.
func isWithheld(attempts string) string {
	return attempts + `.status_code IS NULL AND ` + attempts + `.milliseconds = 0`
}

var selectDeliveries = `
	SELECT d.id, d.organization_id, d.event_id, d.event_type, d.endpoint_id, d.case_id, d.sequence, d.tries, d.deferred, d.created_at, d.finished_at,
		CASE WHEN EXISTS (
			SELECT 1
			FROM endpoints
			WHERE endpoints.id = d.endpoint_id AND endpoints.state = 'active')
		THEN COALESCE((
			SELECT endpoint_health.probe_at
			FROM endpoint_health
			WHERE endpoint_health.endpoint_id = d.endpoint_id AND endpoint_health.closed_at IS NOT NULL), d.due_at) END,
		(
			SELECT attempts.status_code
			FROM attempts
			WHERE attempts.delivery_id = d.id AND attempts.number = d.tries),
		CASE WHEN ` + isSending + ` THEN 'sending' ELSE d.state END,
		d.state = 'canceled' AND (d.sequence = 0 OR EXISTS (
			SELECT 1
			FROM attempts
			WHERE attempts.delivery_id = d.id AND attempts.number = d.tries AND ` + isWithheld(`attempts`) + ` AND attempts.started_at = d.finished_at))
	FROM deliveries AS d`

// maxShown is how many attempts of a delivery are shown: more than there are by themselves,
// as the schedule has 13 and at most 100 cost none of it. Retries and replays have no end.
const maxShown = 200

// Delivery returns a delivery and its attempts, at most the last 200, the first one first.
// Of a case that was erased nothing tells of the attempts any more. The error is ErrNotFound
// where there is no such delivery.
func (s *Store) Delivery(ctx context.Context, organizationID, id string) (Delivery, []Attempt, error) {
	d, err := scanDelivery(s.readers.QueryRowContext(ctx, selectDeliveries+`
	WHERE d.id = $1 AND d.organization_id = $2`, id, organizationID))
	if err != nil {
		return Delivery{}, nil, oneRow("a delivery", err)
	}
	head, err := s.head(ctx, d.CaseID)
	if errors.Is(err, ErrNotFound) {
		return d, nil, nil
	}
	if err != nil {
		return Delivery{}, nil, err
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT number, started_at, milliseconds, status_code, error, answer
		FROM attempts
		WHERE delivery_id = $1
		ORDER BY number DESC
		LIMIT $2`, id, maxShown)
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("read attempts: %w", err)
	}
	var attempts []Attempt
	err = scanAll(rows, func(rows *sql.Rows) error {
		var a Attempt
		var started, milliseconds int64
		var status sql.NullInt64
		var failure, answer []byte
		if err := rows.Scan(&a.Number, &started, &milliseconds, &status, &failure, &answer); err != nil {
			return err
		}
		a.StartedAt, a.Duration = at(started), time.Duration(milliseconds)*time.Millisecond
		a.StatusCode = int(status.Int64)
		if failure != nil {
			opened, err := head.key.Open(failure, attemptPlace(id, a.Number, "error"))
			if err != nil {
				return fmt.Errorf("open attempt %d: %w", a.Number, err)
			}
			a.Error = string(opened)
		}
		if answer != nil {
			if a.Answer, err = head.key.Open(answer, attemptPlace(id, a.Number, "answer")); err != nil {
				return fmt.Errorf("open attempt %d: %w", a.Number, err)
			}
		}
		attempts = append(attempts, a)
		return nil
	})
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("read attempts: %w", err)
	}
	slices.Reverse(attempts)
	return d, attempts, nil
}

// Retry makes a delivery due now, whatever became of it before, in the order of its
// lane. The error is ErrNotFound where there is none, its endpoint was deleted, or its
// case erased.
func (s *Store) Retry(ctx context.Context, organizationID, id string, once *Kept) (endpointID string, err error) {
	err = s.whileHeld(ctx, organizationID, func(org *organization) error {
		keep, err := s.keep(org, once)
		if err != nil {
			return err
		}
		return s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
			if err := s.hold(ctx, org); err != nil {
				return err
			}
			if endpointID, err = s.putBack(ctx, conn, org, id); err != nil {
				return err
			}
			return keep(ctx, conn)
		})
	})
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrAnswered) {
		return "", fmt.Errorf("retry delivery %s: %w", id, err)
	}
	return endpointID, err
}

// putBack puts a delivery back into its lane, which is due now, unless what is before it
// waits for its next try.
func (s *Store) putBack(ctx context.Context, conn *sql.Conn, org *organization, id string) (endpointID string, err error) {
	var caseID, lane string
	var sequence int64
	err = conn.QueryRowContext(ctx, `
		SELECT endpoint_id, case_id
		FROM deliveries
		WHERE id = $1 AND organization_id = $2`, id, org.ID).Scan(&endpointID, &caseID)
	if err != nil {
		return "", oneRow("a delivery", err)
	}
	endpoint, ok := org.byID[endpointID]
	if !ok {
		return "", ErrNotFound
	}
	err = conn.QueryRowContext(ctx, `
		UPDATE deliveries
		SET lane = CASE WHEN state = 'pending' THEN lane ELSE $2 END, state = 'pending', replay_id = NULL, replaced = NULL, replaced_finished_at = NULL,
			due_at = NULL, finished_at = NULL
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = deliveries.case_id AND cases.version = 0)
		RETURNING lane, sequence`, id, laneOf(endpoint, id, caseID)).Scan(&lane, &sequence)
	if err != nil {
		return "", oneRow("a delivery", err)
	}
	if sequence == 0 {
		if err := s.countAgain(ctx, endpointID, []uncounted{{id, caseID}}); err != nil {
			return "", err
		}
	}
	rows := [][]any{{endpointID, lane, s.now().UnixMilli()}}
	if err := s.writer.runner.run(ctx, "", []step{{batch: recallLanes, rows: rows}}, ""); err != nil {
		return "", err
	}
	return endpointID, s.connection.notify(ctx, conn, lanesDue)
}

func scanDelivery(row interface{ Scan(...any) error }) (Delivery, error) {
	var d Delivery
	var name, state string
	var created int64
	var due, finished, status sql.NullInt64
	err := row.Scan(&d.ID, &d.OrganizationID, &d.EventID, &name, &d.EndpointID, &d.CaseID, &d.Sequence, &d.Tries, &d.Deferred, &created, &finished, &due, &status, &state, &d.Withheld)
	d.LastStatusCode = int(status.Int64)
	d.EventType, d.State = caseupdate.Event(name), State(state)
	d.CreatedAt, d.FinishedAt = at(created), maybeAt(finished)
	if d.State == Pending {
		d.NextAttemptAt = maybeAt(due)
	}
	return d, err
}
