package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
)

// candidate is an event that a replay has come to.
type candidate struct {
	caseID   string
	eventID  string
	event    caseupdate.Event
	sequence int64  // in the case
	delivery string // that it has; "" for none
}

// AdvanceReplay puts at most limit more deliveries of a replay in line, as it was when r
// was read. Where there are none left, and none waits, the replay is done. It reports
// whether the replay is not as it was. The error is ErrReplayEnded where it does not run
// any more, or somebody else has advanced it.
func (s *Store) AdvanceReplay(ctx context.Context, r Replay, limit int) (advanced bool, err error) {
	err = s.whileHeld(ctx, r.OrganizationID, func(org *organization) error {
		endpoint, ok := org.byID[r.EndpointID]
		advanced = !ok || !r.AllQueued || r.Waiting == 0
		switch {
		case !advanced:
			return nil
		case !ok:
			return s.endReplay(ctx, r, ReplayStopped)
		case r.AllQueued:
			return s.endReplay(ctx, r, ReplayDone)
		}
		return s.advanceReplay(ctx, org, endpoint, r, limit)
	})
	if err != nil && !errors.Is(err, ErrReplayEnded) {
		err = fmt.Errorf("advance replay %s: %w", r.ID, err)
	}
	return advanced && err == nil, err
}

func (s *Store) advanceReplay(ctx context.Context, org *organization, endpoint *subscription.Endpoint, r Replay, limit int) error {
	var err error
	next := r
	var found []candidate
	switch {
	case r.OnlyFailed:
		found, err = s.failed(ctx, &next, limit)
	case r.CaseID != "":
		found, err = s.ofCase(ctx, &next, limit)
	default:
		found, err = s.ofLog(ctx, &next, limit)
	}
	if err != nil {
		return err
	}
	next.AllQueued = len(found) == 0 && next.reached == r.reached
	if next.AllQueued && r.Waiting == 0 {
		return s.endReplay(ctx, r, ReplayDone)
	}
	found = slices.DeleteFunc(found, func(c candidate) bool { return !endpoint.Subscribes(c.event) })
	if !r.OnlyFailed {
		if found, err = s.undelivered(ctx, r, endpoint, found); err != nil {
			return err
		}
	}
	return s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := s.hold(ctx, org); err != nil {
			return err
		}
		queued, err := s.line(ctx, r, endpoint, found)
		if err != nil {
			return err
		}
		result, err := conn.ExecContext(ctx, `
			UPDATE replays
			SET reached_transaction = $2, reached_number = $3, reached_delivery = $4, queued = queued + $5, all_queued = $6
			WHERE id = $1 AND state = 'running' AND reached_transaction = $7 AND reached_number = $8 AND reached_delivery = $9`,
			r.ID, next.reached.transaction, next.reached.number, next.reachedDelivery, queued, number(next.AllQueued),
			r.reached.transaction, r.reached.number, r.reachedDelivery)
		if err := replayRuns(result, err); err != nil {
			return err
		}
		return s.connection.notify(ctx, conn, lanesDue)
	})
}

func replayRuns(result sql.Result, err error) error {
	if err := oneChanged(result, err); errors.Is(err, ErrNotFound) {
		return ErrReplayEnded
	} else if err != nil {
		return err
	}
	return nil
}

// wants reports whether a replay is to send an event of that name and time.
func (r *Replay) wants(event caseupdate.Event, milliseconds int64) bool {
	return (len(r.Events) == 0 || slices.Contains(r.Events, event)) &&
		(r.Since == nil || milliseconds >= r.Since.UnixMilli()) &&
		(r.Until == nil || milliseconds < r.Until.UnixMilli())
}

// maxScanned is how many rows a step of a replay looks through.
const maxScanned = 2000

// failed returns what failed, from where the replay is on, and moves it there.
func (s *Store) failed(ctx context.Context, r *Replay, limit int) (found []candidate, err error) {
	where := r.failures(r.reachedDelivery)
	where.arguments = append(where.arguments, limit)
	rows, err := s.readers.QueryContext(ctx, fmt.Sprintf(`
		SELECT id, case_id, event_id, event_type
		FROM deliveries
		WHERE %s
		ORDER BY id
		LIMIT $%d`, where.text, len(where.arguments)), where.arguments...)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var c candidate
		err := rows.Scan(&c.delivery, &c.caseID, &c.eventID, &c.event)
		r.reachedDelivery = c.delivery
		r.reached.number++
		if len(r.Events) == 0 || slices.Contains(r.Events, c.event) {
			found = append(found, c)
		}
		return err
	})
	return found, err
}

// ofCase is failed for the events of one case.
func (s *Store) ofCase(ctx context.Context, r *Replay, limit int) (found []candidate, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, type, at, sequence
		FROM events
		WHERE case_id = $1 AND sequence > $2 AND sequence <= $3 AND type <> ''
		ORDER BY sequence
		LIMIT $4`, r.CaseID, r.reached.number, r.last.number, limit)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		c := candidate{caseID: r.CaseID}
		var milliseconds int64
		err := rows.Scan(&c.eventID, &c.event, &milliseconds, &c.sequence)
		r.reached.number = c.sequence
		if r.wants(c.event, milliseconds) {
			found = append(found, c)
		}
		return err
	})
	return found, err
}

// ofLog is failed for the events of the log.
func (s *Store) ofLog(ctx context.Context, r *Replay, limit int) (found []candidate, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT transaction_id, position, case_id, id, type, at, sequence
		FROM events
		WHERE organization_id = $1 AND `+s.connection.after("$2", "$3")+` AND (transaction_id, position) <= ($4, $5) AND type <> ''
		ORDER BY transaction_id, position
		LIMIT $6`, r.OrganizationID, r.reached.transaction, r.reached.number, r.last.transaction, r.last.number, maxScanned)
	if err != nil {
		return nil, err
	}
	for rows.Next() && len(found) < limit {
		var c candidate
		var milliseconds int64
		if err := rows.Scan(&r.reached.transaction, &r.reached.number, &c.caseID, &c.eventID, &c.event, &milliseconds, &c.sequence); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if r.wants(c.event, milliseconds) {
			found = append(found, c)
		}
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

// undelivered finds the deliveries that events have. An event that has none, or one that
// was withheld, is left out where the endpoint may not be told of it: it would be counted,
// and leave a hole.
func (s *Store) undelivered(ctx context.Context, r Replay, endpoint *subscription.Endpoint, found []candidate) ([]candidate, error) {
	known := make(map[string]string, len(found)) // by event
	counted := make(map[string]bool, len(found))
	where := conditions{arguments: []any{r.EndpointID}}
	for _, c := range found {
		where.arguments = append(where.arguments, c.eventID)
		where.text += ", $" + strconv.Itoa(len(where.arguments))
	}
	if len(found) > 0 {
		rows, err := s.readers.QueryContext(ctx, `
			SELECT event_id, id, sequence
			FROM deliveries
			WHERE endpoint_id || '' = $1 AND event_id IN (`+strings.TrimPrefix(where.text, ", ")+`)`, where.arguments...)
		if err != nil {
			return nil, err
		}
		err = scanAll(rows, func(rows *sql.Rows) error {
			var eventID, id string
			var sequence int64
			err := rows.Scan(&eventID, &id, &sequence)
			known[eventID], counted[eventID] = id, sequence > 0
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var told []candidate
	for _, c := range found {
		if c.delivery = known[c.eventID]; !counted[c.eventID] {
			receives, err := s.receives(ctx, endpoint, c)
			if err != nil {
				return nil, err
			}
			if !receives {
				continue
			}
		}
		told = append(told, c)
	}
	return told, nil
}

// receives reports whether an endpoint may be told of an event.
func (s *Store) receives(ctx context.Context, endpoint *subscription.Endpoint, c candidate) (bool, error) {
	head, err := s.head(ctx, c.caseID)
	var events []caselog.Event
	if err == nil {
		events, _, err = s.events(ctx, head.key, c.caseID, c.sequence-1, c.sequence)
	}
	if errors.Is(err, ErrNotFound) { // it was erased
		return false, nil
	}
	if err != nil || len(events) == 0 {
		return false, err
	}
	return endpoint.Receives(events[0].Activity()), nil
}

var (
	// What a delivery was tried before costs none of its new schedule.
	replayDeliveries = over(`id text, lane text, replay_id text`, `
		UPDATE deliveries
		SET state = 'pending', lane = u.lane, replaced = deliveries.state, replaced_finished_at = deliveries.finished_at, replay_id = u.replay_id,
			deferred = deliveries.tries, due_at = NULL, finished_at = NULL
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state <> 'pending'
			AND NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = deliveries.case_id AND cases.version = 0)
		RETURNING deliveries.id, deliveries.case_id, deliveries.lane, deliveries.sequence`)
	insertReplayed = over(`id text, organization_id text, event_id text, event_type text, endpoint_id text, case_id text, lane text, sequence bigint, created_at bigint, replay_id text`, `
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at, replay_id)
		SELECT id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, 'pending', created_at, replay_id
		FROM u`)
	// A lane is due in which something was put back, but where its first message waits for
	// its next try. One that is worked on is read again once its first message is done.
	recallLanes = over(`endpoint_id text, lane text, now bigint`, `
		INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at)
		SELECT endpoint_id, lane, 1, now
		FROM u
		WHERE true
		ON CONFLICT (endpoint_id, lane) DO UPDATE
		SET due_at = CASE
				WHEN lanes.owner IS NOT NULL THEN NULL
				WHEN lanes.due_at <= excluded.due_at OR lanes.due_at IS NOT NULL AND `+nextTry+` IS NOT NULL THEN lanes.due_at
				ELSE excluded.due_at
			END,
			recalled = CASE WHEN lanes.owner IS NULL THEN 0 ELSE 1 END`)
)

// line puts deliveries in line again, and makes those that are not there. It is called
// by the writer, in a transaction, and returns how many they are.
func (s *Store) line(ctx context.Context, r Replay, endpoint *subscription.Endpoint, found []candidate) (queued int64, err error) {
	now := s.now().UnixMilli()
	var again [][]any
	var fresh []candidate
	var cases []string // of those
	for _, c := range found {
		if c.delivery != "" {
			again = append(again, []any{c.delivery, laneOf(endpoint, c.delivery, c.caseID), r.ID})
			continue
		}
		fresh = append(fresh, c)
		cases = append(cases, c.caseID)
	}
	lanes := make(map[string]bool)
	var withheld []uncounted
	inOrder(again, 1)
	err = s.writer.runner.run(ctx, "", []step{{batch: replayDeliveries, rows: again, scan: func(row scanner) error {
		var id, caseID, lane string
		var sequence int64
		err := row.Scan(&id, &caseID, &lane, &sequence)
		lanes[lane] = true
		if sequence == 0 {
			withheld = append(withheld, uncounted{id, caseID})
		}
		queued++
		return err
	}}}, "")
	if err == nil {
		err = s.countAgain(ctx, endpoint.ID, withheld)
	}
	var sequences []int64
	if err == nil {
		sequences, err = s.count(ctx, endpoint.ID, cases)
	}
	if err != nil {
		return 0, err
	}
	var made [][]any
	for i, c := range fresh {
		id := newID()
		lane := laneOf(endpoint, id, c.caseID)
		lanes[lane] = true
		queued++
		made = append(made, []any{id, r.OrganizationID, c.eventID, string(c.event), endpoint.ID, c.caseID, lane, sequences[i], now, r.ID})
	}
	var due [][]any
	for lane := range lanes {
		due = append(due, []any{endpoint.ID, lane, now})
	}
	inOrder(due, 2)
	return queued, s.writer.runner.run(ctx, "", []step{{batch: insertReplayed, rows: made}, {batch: recallLanes, rows: due}}, "")
}
