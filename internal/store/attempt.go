package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/subscription"
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

	// What follows is not kept with the attempt.

	RetryAfter time.Duration // how long the answer asks to wait, 0 where it does not
	Inline     bool          // whether documents went in the body
	BodySHA256 []byte        // of the body that was sent, nil where none was
}

// ended returns when the attempt was over, in milliseconds.
func (a *Attempt) ended() int64 { return a.StartedAt.Add(a.Duration).UnixMilli() }

// Outcome is what an attempt came to.
type Outcome struct {
	Message Message
	Attempt *Attempt // nil where only the lane is settled
	State   State    // Pending where it is to be tried again
	// Deferred is how many attempts of the delivery cost no try of the schedule, and
	// Linked whether its documents go as links from now on.
	Deferred int
	Linked   bool
	RetryAt  *time.Time
	// Withheld is that a message was not sent. Where End leaves the lane of its case, its
	// number is the next one's, if that can be.
	Withheld bool
	End      *End // nil where the lane goes on
	// Recipient and Clearance are to whom the attempt was made, and what that may be told.
	Recipient string
	Clearance subscription.Clearance
}

// End says how this process leaves a lane.
type End struct {
	Node       string // under which this process has the lane; see [Store.Live]
	EndpointID string
	Lane       string
	// Due is when the lane is to be taken up again; nil where all that was known to be
	// in it, up to Through, is done.
	Due     *time.Time
	Through int64
	// Settled is called by the writer, in the order of the commits, as [Outbox] is.
	// Remains is whether the lane is still this process's own, because there is more
	// in it; due, whether it waits in the table.
	Settled func(remains, due bool)
}

// outcome is an Outcome on its way through the writer.
type outcome struct {
	Outcome
	at           int64
	chance       int64 // of the wait for the next probe, in thousandths
	sealedError  []byte
	sealedAnswer []byte
	recipient    []byte // sealed
	remains, due bool   // of the lane; written by the writer
}

func (o *outcome) settled() {
	if o.End != nil {
		o.End.Settled(o.remains, o.due)
	}
}

// Record writes what an attempt came to and what becomes of its lane. When it
// returns without an error, it is on disk.
func (s *Store) Record(ctx context.Context, o Outcome) error {
	recorded := &outcome{Outcome: o, at: s.now().UnixMilli(), chance: int64(1000 * subscription.Spread(rand.Float64()))}
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
		var err error // it may have been given up meanwhile, and has a receipt then
		if recorded.recipient, err = s.sealRecipient(ctx, o.Message.OrganizationID, o.Message.DeliveryID, a.Number, o.Recipient); err != nil {
			return err
		}
	}
	return s.writer.do(ctx, job{outcome: recorded})
}

var (
	insertAttempts = over(`delivery_id text, number bigint, started_at bigint, milliseconds bigint, status_code bigint, error bytea, answer bytea`, `
		INSERT INTO attempts (delivery_id, number, started_at, milliseconds, status_code, error, answer)
		SELECT delivery_id, number, started_at, milliseconds, status_code, error, answer
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING delivery_id, number`)
	// What was given up while it was on its way, and then delivered, was delivered. If it
	// was not, the attempt counts all the same: the next has another number.
	updateDeliveries = over(`id text, state text, tries bigint, deferred bigint, linked bigint, due_at bigint, finished_at bigint`, `
		UPDATE deliveries
		SET tries = u.tries, deferred = u.deferred, linked = u.linked,
			state = CASE WHEN deliveries.finished_at IS NULL OR u.state = 'delivered' THEN u.state ELSE deliveries.state END,
			due_at = CASE WHEN deliveries.finished_at IS NULL OR u.state = 'delivered' THEN u.due_at END,
			finished_at = CASE WHEN deliveries.finished_at IS NULL OR u.state = 'delivered' THEN u.finished_at ELSE deliveries.finished_at END
		FROM u
		WHERE deliveries.id = u.id AND deliveries.tries < u.tries`)
	// What came into the lane meanwhile keeps it with its owner. Where a message was put
	// back, was given up while it was on its way, or was left out though it waits, the lane
	// is due by what is first in it now.
	settleLanes = over(`endpoint_id text, lane text, owner text, through bigint, due_at bigint, delivery_id text, now bigint`, `
		UPDATE lanes
		SET owner = CASE WHEN u.due_at IS NULL AND lanes.recalled = 0 AND NOT u.waits AND lanes.last_sequence > u.through THEN lanes.owner END,
			due_at = CASE WHEN lanes.recalled = 1 OR u.waits OR u.due_at > u.now AND u.finished THEN `+firstDue+` ELSE u.due_at END,
			recalled = 0
		FROM (
			SELECT u.*,
				EXISTS (
					SELECT 1
					FROM deliveries
					WHERE deliveries.endpoint_id = u.endpoint_id AND deliveries.lane = u.lane AND deliveries.state = 'pending'
						AND deliveries.sequence <= u.through) AS waits,
				EXISTS (
					SELECT 1
					FROM deliveries
					WHERE deliveries.id = u.delivery_id AND deliveries.state <> 'pending') AS finished
			FROM u) AS u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane AND lanes.owner = u.owner
		RETURNING lanes.endpoint_id, lanes.lane, lanes.owner IS NOT NULL, lanes.due_at IS NOT NULL`)
	// A lane of one message, which has the delivery's name, is not needed again.
	removeLanes = over(`endpoint_id text, lane text`, `
		DELETE FROM lanes
		WHERE (endpoint_id, lane) IN (SELECT endpoint_id, lane FROM u) AND owner IS NULL AND due_at IS NULL
			AND EXISTS (
				SELECT 1
				FROM deliveries
				WHERE deliveries.id = lanes.lane)`)
)

// attemptKey is the key of an attempt.
type attemptKey struct {
	delivery string
	number   int64
}

// attempts are those of a transaction's outcomes.
type attempts struct {
	rows    [][]any
	written map[attemptKey]bool
}

func newAttempts(outcomes []*outcome) *attempts {
	all := &attempts{written: make(map[attemptKey]bool)}
	for _, o := range outcomes {
		if a := o.Attempt; a != nil {
			all.rows = append(all.rows, []any{o.Message.DeliveryID, int64(a.Number), a.StartedAt.UnixMilli(), a.Duration.Milliseconds(), orNull(int64(a.StatusCode)), o.sealedError, o.sealedAnswer})
		}
	}
	inOrder(all.rows, 1)
	return all
}

func (a *attempts) step() step {
	return step{batch: insertAttempts, rows: a.rows, scan: func(row scanner) error {
		var k attemptKey
		err := row.Scan(&k.delivery, &k.number)
		a.written[k] = true
		return err
	}}
}

// fresh returns the outcomes of attempts that were not recorded before. An outcome is
// written again where the answer to its commit was lost.
func (a *attempts) fresh(outcomes []*outcome) (fresh []*outcome) {
	for _, o := range outcomes {
		if o.Attempt == nil {
			continue
		}
		k := attemptKey{o.Message.DeliveryID, int64(o.Attempt.Number)}
		if a.written[k] {
			fresh = append(fresh, o)
		}
		delete(a.written, k)
	}
	return fresh
}

// deliveryStep writes what attempts mean for their deliveries.
func deliveryStep(outcomes []*outcome) step {
	var rows [][]any
	for _, o := range outcomes {
		a := o.Attempt
		if a == nil {
			continue
		}
		var finished any
		if o.State != Pending {
			finished = a.ended()
		}
		rows = append(rows, []any{o.Message.DeliveryID, string(o.State), int64(a.Number), int64(o.Deferred), number(o.Linked), column(o.RetryAt), finished})
	}
	inOrder(rows, 1)
	return step{batch: updateDeliveries, rows: rows}
}

// ends are how lanes are left.
type ends struct {
	byKey            map[laneKey]*outcome
	settled, removed [][]any
}

func newEnds(outcomes []*outcome) *ends {
	e := &ends{byKey: make(map[laneKey]*outcome)}
	for _, o := range outcomes {
		end := o.End
		if end == nil {
			continue
		}
		o.remains, o.due = false, false
		e.byKey[laneKey{end.EndpointID, end.Lane}] = o
		e.settled = append(e.settled, []any{end.EndpointID, end.Lane, end.Node, end.Through, column(end.Due), o.Message.DeliveryID, o.at})
		if end.Due == nil && end.Lane != o.Message.Event.CaseID {
			e.removed = append(e.removed, []any{end.EndpointID, end.Lane})
		}
	}
	inOrder(e.settled, 2)
	inOrder(e.removed, 2)
	return e
}

func (e *ends) steps() []step {
	settle := step{batch: settleLanes, rows: e.settled, scan: func(row scanner) error {
		var k laneKey
		var remains, due bool
		if err := row.Scan(&k.endpoint, &k.lane, &remains, &due); err != nil {
			return err
		}
		e.byKey[k].remains, e.byKey[k].due = remains, due
		return nil
	}}
	return []step{settle, {batch: removeLanes, rows: e.removed}}
}

// number returns what a column holds of b.
func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
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
