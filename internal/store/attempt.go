package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/vault"
)

// State is what became of a delivery.
type State string

// The states of a delivery. One that is pending and on its way is shown as sending.
const (
	Pending   State = "pending"
	Sending   State = "sending"
	Delivered State = "delivered"
	Failed    State = "failed"
	Canceled  State = "canceled"
)

// Attempt is one try of a delivery.
type Attempt struct {
	Number     int // 1, 2, 3 …
	StartedAt  time.Time
	Duration   time.Duration
	StatusCode int    // 0 where there was no answer
	Error      string // why there was none, "" where there was one; it may name the receiver
	Answer     []byte // the start of it
}

// Outcome is what an attempt came to.
type Outcome struct {
	Message Message
	Attempt *Attempt // nil where only the lane is settled
	State   State    // Pending where it is to be tried again
	RetryAt *time.Time
	End     *End // nil where the lane goes on
}

// End says how this process leaves a lane.
type End struct {
	EndpointID string
	Lane       string
	// Due is when the lane is to be taken up again; nil where all that was known to be
	// in it, up to Through, is done.
	Due     *time.Time
	Through int64
	// Settled is called by the writer, in the order of the commits, as [Outbox] is.
	// Remains is whether the lane is still this process's own, because there is more
	// in it.
	Settled func(remains bool)
}

// outcome is an Outcome on its way through the writer.
type outcome struct {
	Outcome
	node         string
	sealedError  []byte
	sealedAnswer []byte
	remains      bool // written by the writer
}

func (o *outcome) settled() {
	if o.End != nil {
		o.End.Settled(o.remains)
	}
}

// Record writes what an attempt came to and what becomes of its lane. When it
// returns without an error, it is on disk.
func (s *Store) Record(ctx context.Context, o Outcome) error {
	recorded := &outcome{Outcome: o, node: s.Node}
	if a := o.Attempt; a != nil {
		for _, part := range []struct {
			column string
			plain  []byte
			sealed *[]byte
		}{
			{"error", []byte(a.Error), &recorded.sealedError},
			{"answer", a.Answer, &recorded.sealedAnswer},
		} {
			if len(part.plain) == 0 {
				continue
			}
			var err error
			if *part.sealed, err = o.Message.Key.Seal(part.plain, attemptPlace(o.Message.DeliveryID, a.Number, part.column)); err != nil {
				return fmt.Errorf("seal an attempt of delivery %s: %w", o.Message.DeliveryID, err)
			}
		}
	}
	return s.writer.do(ctx, job{outcome: recorded})
}

var (
	insertAttempts = batch{columns: []string{"delivery_id", "number", "started_at", "milliseconds", "status_code", "error", "answer"}, text: `
		INSERT INTO attempts (delivery_id, number, started_at, milliseconds, status_code, error, answer)
		SELECT delivery_id, number, started_at, milliseconds, status_code, error, answer
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING`}
	updateDeliveries = batch{columns: []string{"id", "state", "tries", "due_at", "finished_at"}, text: `
		UPDATE deliveries
		SET state = u.state, tries = u.tries, due_at = u.due_at, finished_at = u.finished_at
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state = 'pending'`}
	// What came into the lane meanwhile keeps it with its owner.
	settleLanes = batch{columns: []string{"endpoint_id", "lane", "owner", "through", "due_at"}, text: `
		UPDATE lanes
		SET owner = CASE WHEN u.due_at IS NULL AND (lanes.last_sequence > u.through OR lanes.recalled = 1) THEN lanes.owner END,
			due_at = u.due_at,
			recalled = 0
		FROM u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane AND lanes.owner = u.owner
		RETURNING lanes.endpoint_id, lanes.lane, lanes.owner IS NOT NULL`}
	// A lane of one message, which has the delivery's name, is not needed again.
	removeLanes = batch{columns: []string{"endpoint_id", "lane"}, text: `
		DELETE FROM lanes
		WHERE (endpoint_id, lane) IN (SELECT endpoint_id, lane FROM u) AND owner IS NULL AND due_at IS NULL
			AND EXISTS (
				SELECT 1
				FROM deliveries
				WHERE deliveries.id = lanes.lane)`}
)

func (w *writer) writeOutcomes(ctx context.Context, outcomes []*outcome) error {
	var attempts, deliveries [][]any
	for _, o := range outcomes {
		a, id := o.Attempt, o.Message.DeliveryID
		if a == nil {
			continue
		}
		attempts = append(attempts, []any{id, a.Number, a.StartedAt.UnixMilli(), a.Duration.Milliseconds(), orNull(a.StatusCode), o.sealedError, o.sealedAnswer})
		var finished any
		if o.State != Pending {
			finished = a.StartedAt.Add(a.Duration).UnixMilli()
		}
		deliveries = append(deliveries, []any{id, string(o.State), a.Number, column(o.RetryAt), finished})
	}
	if err := w.each(ctx, &insertAttempts, attempts, nil); err != nil {
		return fmt.Errorf("insert attempts: %w", err)
	}
	if err := w.each(ctx, &updateDeliveries, deliveries, nil); err != nil {
		return fmt.Errorf("update deliveries: %w", err)
	}
	return w.settleLanes(ctx, outcomes)
}

func (w *writer) settleLanes(ctx context.Context, outcomes []*outcome) error {
	type key struct{ endpoint, lane string }
	ended := make(map[key]*outcome)
	var settled, removed [][]any
	for _, o := range outcomes {
		end := o.End
		if end == nil {
			continue
		}
		ended[key{end.EndpointID, end.Lane}] = o
		settled = append(settled, []any{end.EndpointID, end.Lane, o.node, end.Through, column(end.Due)})
		if end.Due == nil && end.Lane != o.Message.Event.CaseID {
			removed = append(removed, []any{end.EndpointID, end.Lane})
		}
	}
	err := w.each(ctx, &settleLanes, settled, func(rows *sql.Rows) error {
		var k key
		var remains bool
		if err := rows.Scan(&k.endpoint, &k.lane, &remains); err != nil {
			return err
		}
		ended[k].remains = remains
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle lanes: %w", err)
	}
	if err := w.each(ctx, &removeLanes, removed, nil); err != nil {
		return fmt.Errorf("remove lanes: %w", err)
	}
	return nil
}

// orNull returns v, or null for its zero value.
func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func attemptPlace(deliveryID string, number int, column string) vault.Where {
	return vault.Where{Table: "attempts", Row: deliveryID + " " + strconv.Itoa(number), Column: column}
}
