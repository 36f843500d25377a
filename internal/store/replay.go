package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
)

// ReplayState says how far a replay is.
type ReplayState string

// The states of a replay.
const (
	ReplayRunning ReplayState = "running"
	ReplayDone    ReplayState = "done"
	ReplayStopped ReplayState = "stopped"
)

// Replay sends an endpoint again what it was sent, or was not: the events of the log,
// or of one case, that it is subscribed to now.
type Replay struct {
	ID             string
	OrganizationID string
	EndpointID     string
	Since, Until   *time.Time         // of the events; nil: no bound
	CaseID         string             // "" for all
	Events         []caseupdate.Event // none for all
	OnlyFailed     bool               // only what failed

	State      ReplayState
	Progress   float64 // how much was looked through, from 0 to 1
	Queued     int64   // deliveries that were put in line
	Waiting    int64   // of those, how many were not attempted again yet
	CreatedAt  time.Time
	FinishedAt *time.Time // nil while it runs

	first         int64    // the place before its first event
	last, reached Position // the place of its last event, and the one up to which all is in line
	reachedID     string   // the last that was put in line of those that failed
}

var (
	// ErrReplaying means that an endpoint has a replay that runs.
	ErrReplaying = errors.New("a replay of the endpoint is running")
	// ErrReplayEnded means that a replay does not run any more.
	ErrReplayEnded = errors.New("the replay has ended")
)

// InsertReplay begins a replay, which has its id and says what is to be sent again: of
// all that is recorded by now. The error is ErrNotFound where there is no such endpoint
// or case, and ErrReplaying where one runs already.
func (s *Store) InsertReplay(ctx context.Context, r *Replay, once *Kept) error {
	org, err := s.organization(ctx, r.OrganizationID)
	if err != nil {
		return err
	}
	if _, ok := org.byID[r.EndpointID]; !ok {
		return ErrNotFound
	}
	if err := s.bound(ctx, r); err != nil {
		return err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return err
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			INSERT INTO replays (id, organization_id, endpoint_id, state, since, until, case_id, events, only_failed,
				first_at, last_in, last_at, reached_in, reached_at, reached_id, queued, created_at)
			VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11, 0, $9, '', 0, $12)
			ON CONFLICT DO NOTHING`,
			r.ID, r.OrganizationID, r.EndpointID, column(r.Since), column(r.Until), orNull(r.CaseID), joined(r.Events), number(r.OnlyFailed),
			r.first, r.last.Transaction, r.last.Event, r.CreatedAt.UnixMilli())
		if err := oneChanged(result, err); err != nil {
			if errors.Is(err, ErrNotFound) {
				return ErrReplaying
			}
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil && !errors.Is(err, ErrReplaying) && !errors.Is(err, ErrAnswered) {
		return fmt.Errorf("begin a replay: %w", err)
	}
	return err
}

// bound finds where a replay begins and ends.
func (s *Store) bound(ctx context.Context, r *Replay) error {
	switch {
	case r.OnlyFailed:
		where := r.failures("")
		err := s.readers.QueryRowContext(ctx, `
			SELECT COUNT(*)
			FROM deliveries
			WHERE `+where.text, where.arguments...).Scan(&r.last.Event)
		if err != nil {
			return fmt.Errorf("count what failed: %w", err)
		}
	case r.CaseID != "":
		state, _, err := s.Case(ctx, r.OrganizationID, r.CaseID, 0)
		if err != nil {
			return err
		}
		r.last.Event = state.Version
	default:
		err := s.readers.QueryRowContext(ctx, `
			SELECT transaction_id, position
			FROM events
			WHERE organization_id = $1 AND `+s.connection.settled()+`
			ORDER BY transaction_id DESC, position DESC
			LIMIT 1`, r.OrganizationID).Scan(&r.last.Transaction, &r.last.Event)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("find the end of the log: %w", err)
		}
		err = s.readers.QueryRowContext(ctx, `
			SELECT position - 1
			FROM events
			WHERE organization_id = $1
			ORDER BY transaction_id, position
			LIMIT 1`, r.OrganizationID).Scan(&r.first)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("find the beginning of the log: %w", err)
		}
	}
	return nil
}

// failures is the condition of the deliveries, after an id, that a replay of what failed
// sends again.
func (r *Replay) failures(after string) conditions {
	where := conditions{text: `state = 'failed' AND organization_id = $1`, arguments: []any{r.OrganizationID}}
	where.and(`id > ?`, after)
	where.and(`endpoint_id || '' = ?`, r.EndpointID) // those that failed are few: not by the index of the endpoint's
	where.and(`created_at <= ?`, r.CreatedAt.UnixMilli())
	if r.Since != nil {
		where.and(`created_at >= ?`, r.Since.UnixMilli())
	}
	if r.Until != nil {
		where.and(`created_at < ?`, r.Until.UnixMilli())
	}
	if r.CaseID != "" {
		where.and(`case_id || '' = ?`, r.CaseID)
	}
	return where
}

const selectReplays = `
	SELECT id, organization_id, endpoint_id, state, since, until, COALESCE(case_id, ''), events, only_failed,
		first_at, last_in, last_at, reached_in, reached_at, reached_id, queued, created_at, finished_at,
		(SELECT COUNT(*) FROM deliveries WHERE deliveries.replay_id = replays.id AND deliveries.state = 'pending' AND deliveries.tries = deliveries.deferred)
	FROM replays`

func scanReplay(row scanner) (r Replay, err error) {
	var events string
	var onlyFailed, created int64
	var since, until, finished sql.NullInt64
	err = row.Scan(&r.ID, &r.OrganizationID, &r.EndpointID, &r.State, &since, &until, &r.CaseID, &events, &onlyFailed,
		&r.first, &r.last.Transaction, &r.last.Event, &r.reached.Transaction, &r.reached.Event, &r.reachedID, &r.Queued, &created, &finished, &r.Waiting)
	for name := range strings.FieldsSeq(events) {
		r.Events = append(r.Events, caseupdate.Event(name))
	}
	r.OnlyFailed = onlyFailed == 1
	r.Since, r.Until, r.CreatedAt, r.FinishedAt = maybeAt(since), maybeAt(until), at(created), maybeAt(finished)
	switch all, done := r.last.Event-r.first, r.reached.Event-r.first; {
	case r.State == ReplayDone || all <= 0:
		r.Progress = 1
	default:
		r.Progress = min(max(float64(done)/float64(all), 0), 1)
	}
	return r, err
}

// Replay returns a replay, or ErrNotFound.
func (s *Store) Replay(ctx context.Context, organizationID, id string) (Replay, error) {
	r, err := scanReplay(s.readers.QueryRowContext(ctx, selectReplays+`
	WHERE id = $1 AND organization_id = $2`, id, organizationID))
	if err != nil {
		return Replay{}, oneRow("a replay", err)
	}
	return r, nil
}

// Replays returns at most limit replays of an organisation whose id comes before
// another, the newest first; from the newest for "".
func (s *Store) Replays(ctx context.Context, organizationID, before string, limit int) ([]Replay, error) {
	where := conditions{text: `organization_id = $1`, arguments: []any{organizationID}}
	if before != "" {
		where.and(`id < ?`, before)
	}
	where.arguments = append(where.arguments, limit)
	rows, err := s.readers.QueryContext(ctx, fmt.Sprintf(`%s
	WHERE %s
	ORDER BY id DESC
	LIMIT $%d`, selectReplays, where.text, len(where.arguments)), where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("list replays: %w", err)
	}
	return collectReplays(rows)
}

// RunningReplays returns the replays of all organisations that run, to endpoints that
// can be sent something now: they are active and open.
func (s *Store) RunningReplays(ctx context.Context) ([]Replay, error) {
	rows, err := s.readers.QueryContext(ctx, selectReplays+`
	WHERE state = 'running' AND NOT EXISTS (
		SELECT 1
		FROM endpoints
		LEFT JOIN endpoint_health ON endpoint_health.endpoint_id = endpoints.id
		WHERE endpoints.id = replays.endpoint_id AND (endpoints.state IN ('paused', 'disabled') OR endpoint_health.closed_at IS NOT NULL))`)
	if err != nil {
		return nil, fmt.Errorf("find the replays that run: %w", err)
	}
	return collectReplays(rows)
}

func collectReplays(rows *sql.Rows) ([]Replay, error) {
	var replays []Replay
	err := scanAll(rows, func(rows *sql.Rows) error {
		r, err := scanReplay(rows)
		replays = append(replays, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list replays: %w", err)
	}
	return replays, nil
}

// candidate is an event that a replay has come to.
type candidate struct {
	caseID   string
	eventID  string
	event    caseupdate.Event
	sequence int64  // in the case
	delivery string // that it has; "" for none
}

// GoOn puts at most limit more deliveries of a replay in line, as it was when r was
// read. Where there are none left, and none waits, the replay is done. The error is
// ErrReplayEnded where it does not run any more, or somebody else has gone on with it.
func (s *Store) GoOn(ctx context.Context, r Replay, limit int) error {
	endpoint, err := s.Endpoint(ctx, r.OrganizationID, r.EndpointID)
	if errors.Is(err, ErrNotFound) {
		return s.endReplay(ctx, r, ReplayStopped)
	}
	if err != nil {
		return err
	}
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
		return fmt.Errorf("go on with replay %s: %w", r.ID, err)
	}
	if len(found) == 0 && next.reached == r.reached {
		if r.Waiting > 0 {
			return nil
		}
		return s.endReplay(ctx, r, ReplayDone)
	}
	found = slices.DeleteFunc(found, func(c candidate) bool { return !endpoint.Subscribes(c.event) })
	if !r.OnlyFailed {
		if found, err = s.undelivered(ctx, r, endpoint, found); err != nil {
			return fmt.Errorf("go on with replay %s: %w", r.ID, err)
		}
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		queued, err := s.line(ctx, r, endpoint, found)
		if err != nil {
			return err
		}
		result, err := conn.ExecContext(ctx, `
			UPDATE replays
			SET reached_in = $2, reached_at = $3, reached_id = $4, queued = queued + $5
			WHERE id = $1 AND state = 'running' AND reached_in = $6 AND reached_at = $7 AND reached_id = $8`,
			r.ID, next.reached.Transaction, next.reached.Event, next.reachedID, queued,
			r.reached.Transaction, r.reached.Event, r.reachedID)
		if err := replayRuns(result, err); err != nil {
			return err
		}
		return s.connection.notify(ctx, conn, lanesDue)
	})
	if err != nil && !errors.Is(err, ErrReplayEnded) {
		return fmt.Errorf("go on with replay %s: %w", r.ID, err)
	}
	return err
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
	where := r.failures(r.reachedID)
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
		r.reachedID = c.delivery
		r.reached.Event++
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
		WHERE case_id = $1 AND sequence > $2 AND sequence <= $3
		ORDER BY sequence
		LIMIT $4`, r.CaseID, r.reached.Event, r.last.Event, limit)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		c := candidate{caseID: r.CaseID}
		var milliseconds int64
		err := rows.Scan(&c.eventID, &c.event, &milliseconds, &c.sequence)
		r.reached.Event = c.sequence
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
		WHERE organization_id = $1 AND (transaction_id, position) > ($2, $3) AND (transaction_id, position) <= ($4, $5)
		ORDER BY transaction_id, position
		LIMIT $6`, r.OrganizationID, r.reached.Transaction, r.reached.Event, r.last.Transaction, r.last.Event, maxScanned)
	if err != nil {
		return nil, err
	}
	for rows.Next() && len(found) < limit {
		var c candidate
		var milliseconds int64
		if err := rows.Scan(&r.reached.Transaction, &r.reached.Event, &c.caseID, &c.eventID, &c.event, &milliseconds, &c.sequence); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		if r.wants(c.event, milliseconds) {
			found = append(found, c)
		}
	}
	return found, errors.Join(rows.Err(), rows.Close())
}

// undelivered finds the deliveries that events have. An event that has none is left out
// where the endpoint may not be told of it: it would be counted, and leave a hole.
func (s *Store) undelivered(ctx context.Context, r Replay, endpoint *subscription.Endpoint, found []candidate) ([]candidate, error) {
	known := make(map[string]map[string]string) // by case and event
	for _, c := range found {
		if known[c.caseID] != nil {
			continue
		}
		byEvent := make(map[string]string)
		known[c.caseID] = byEvent
		rows, err := s.readers.QueryContext(ctx, `
			SELECT event_id, id
			FROM deliveries
			WHERE case_id = $1 AND endpoint_id || '' = $2`, c.caseID, r.EndpointID)
		if err != nil {
			return nil, err
		}
		err = scanAll(rows, func(rows *sql.Rows) error {
			var eventID, id string
			err := rows.Scan(&eventID, &id)
			byEvent[eventID] = id
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	var told []candidate
	for _, c := range found {
		if c.delivery = known[c.caseID][c.eventID]; c.delivery == "" {
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
	if err != nil {
		return false, err
	}
	events, _, err := s.events(ctx, head.key, c.caseID, c.sequence-1, c.sequence)
	if err != nil || len(events) == 0 {
		return false, err
	}
	return endpoint.Receives(events[0].Activity()), nil
}

var (
	// What a delivery was tried before costs none of its new schedule.
	replayDeliveries = over(`id text, replay_id text`, `
		UPDATE deliveries
		SET state = 'pending', replaced = deliveries.state, replay_id = u.replay_id, deferred = deliveries.tries, due_at = NULL, finished_at = NULL
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state <> 'pending'
		RETURNING deliveries.endpoint_id, deliveries.lane`)
	insertReplayed = over(`id text, organization_id text, event_id text, event_type text, endpoint_id text, case_id text, lane text, sequence bigint, created_at bigint, replay_id text`, `
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at, replay_id)
		SELECT id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, 'pending', created_at, replay_id
		FROM u`)
	// A lane that is worked on is read again once its first message is done.
	recallLanes = over(`endpoint_id text, lane text, now bigint`, `
		INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at)
		SELECT endpoint_id, lane, 1, now
		FROM u
		WHERE true
		ON CONFLICT (endpoint_id, lane) DO UPDATE
		SET due_at = CASE WHEN lanes.owner IS NULL THEN excluded.due_at END,
			recalled = CASE WHEN lanes.owner IS NULL THEN 0 ELSE 1 END`)
)

// line puts deliveries in line again, and makes those that are not there. It is called
// by the writer, in a transaction, and returns how many they are.
func (s *Store) line(ctx context.Context, r Replay, endpoint *subscription.Endpoint, found []candidate) (queued int64, err error) {
	now := s.now().UnixMilli()
	var again [][]any
	added := make(map[string][]any) // the deliveries to be made, by case
	cases := make(map[string]int64)
	var fresh []candidate
	for _, c := range found {
		if c.delivery != "" {
			again = append(again, []any{c.delivery, r.ID})
			continue
		}
		fresh = append(fresh, c)
		cases[c.caseID]++
		added[c.caseID] = []any{endpoint.ID, c.caseID, cases[c.caseID], nil, nil}
	}
	lanes := make(map[string]bool)
	inOrder(again, 1)
	err = s.writer.runner.run(ctx, "", []step{{batch: replayDeliveries, rows: again, scan: func(row scanner) error {
		var endpointID, lane string
		err := row.Scan(&endpointID, &lane)
		lanes[lane] = true
		queued++
		return err
	}}}, "")
	if err != nil {
		return 0, err
	}

	last := make(map[string]int64) // the sequence of the last delivery of each case
	var counted [][]any
	for _, row := range added {
		counted = append(counted, row)
	}
	inOrder(counted, 2)
	err = s.writer.runner.run(ctx, "", []step{{batch: useLanes, rows: counted, scan: func(row scanner) error {
		var endpointID, lane, owner string
		var sequence int64
		err := row.Scan(&endpointID, &lane, &sequence, &owner)
		last[lane] = sequence
		return err
	}}}, "")
	if err != nil {
		return 0, err
	}
	var made [][]any
	for _, c := range fresh {
		id, lane := newID(), c.caseID
		if endpoint.Ordering == subscription.OrderingNone {
			lane = id
		}
		lanes[lane] = true
		queued++
		cases[c.caseID]--
		made = append(made, []any{id, r.OrganizationID, c.eventID, string(c.event), endpoint.ID, c.caseID, lane, last[c.caseID] - cases[c.caseID], now, r.ID})
	}
	var due [][]any
	for lane := range lanes {
		due = append(due, []any{endpoint.ID, lane, now})
	}
	inOrder(due, 2)
	return queued, s.writer.runner.run(ctx, "", []step{{batch: insertReplayed, rows: made}, {batch: recallLanes, rows: due}}, "")
}

// endReplay ends a replay as it was when r was read.
func (s *Store) endReplay(ctx context.Context, r Replay, state ReplayState) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			UPDATE replays
			SET state = $2, finished_at = $3
			WHERE id = $1 AND state = 'running'`, r.ID, string(state), s.now().UnixMilli())
		return replayRuns(result, err)
	})
	if err != nil && !errors.Is(err, ErrReplayEnded) {
		return fmt.Errorf("end replay %s: %w", r.ID, err)
	}
	return err
}

// StopReplay ends a replay. What it has put in line, and was not attempted again yet, is
// as it was before. The error is ErrNotFound where there is no such replay, and
// ErrReplayEnded where it does not run.
func (s *Store) StopReplay(ctx context.Context, organizationID, id string, once *Kept) (endpointID string, err error) {
	r, err := s.Replay(ctx, organizationID, id)
	if err != nil {
		return "", err
	}
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return "", err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return "", err
	}
	now := s.now().UnixMilli()
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			UPDATE replays
			SET state = 'stopped', finished_at = $2
			WHERE id = $1 AND state = 'running'`, id, now)
		if err := replayRuns(result, err); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `
			UPDATE deliveries
			SET state = COALESCE(replaced, 'canceled'), finished_at = $2
			WHERE replay_id = $1 AND state = 'pending' AND tries = deferred`, id, now); err != nil {
			return err
		}
		if err := s.connection.notify(ctx, conn, strings.Join([]string{replayStopped, r.EndpointID, id}, " ")); err != nil {
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil && !errors.Is(err, ErrReplayEnded) && !errors.Is(err, ErrAnswered) {
		return "", fmt.Errorf("stop replay %s: %w", id, err)
	}
	return r.EndpointID, err
}

func joined(events []caseupdate.Event) string {
	names := make([]string, len(events))
	for i, event := range events {
		names[i] = string(event)
	}
	return strings.Join(names, " ")
}
