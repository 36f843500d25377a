package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
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
	Queued     int64   // deliveries that were put in line; of one that was stopped, those that had been attempted by then
	AllQueued  bool    // nothing more comes in line
	Waiting    int64   // of those, how many were not attempted again yet
	CreatedAt  time.Time
	FinishedAt *time.Time // nil while it runs

	first           int64  // the number of the place before its first event
	last, reached   place  // of its last event, and the one up to which all is in line
	reachedDelivery string // the last that was put in line of those that failed
}

// place is how far what goes through rows is: in the log and in a ledger, a transaction and
// a position; in a case, a sequence; among what failed, how many.
type place struct{ transaction, number int64 }

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
				first_number, last_transaction, last_number, reached_transaction, reached_number, reached_delivery, queued, created_at)
			VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9, $10, $11, 0, $9, '', 0, $12)
			ON CONFLICT DO NOTHING`,
			r.ID, r.OrganizationID, r.EndpointID, column(r.Since), column(r.Until), orNull(r.CaseID), joined(r.Events), number(r.OnlyFailed),
			r.first, r.last.transaction, r.last.number, r.CreatedAt.UnixMilli())
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
			WHERE `+where.text, where.arguments...).Scan(&r.last.number)
		if err != nil {
			return fmt.Errorf("count what failed: %w", err)
		}
	case r.CaseID != "":
		state, _, err := s.Case(ctx, r.OrganizationID, r.CaseID, 0)
		if err != nil {
			return err
		}
		r.last.number = state.Version
	default:
		err := s.readers.QueryRowContext(ctx, `
			SELECT transaction_id, position
			FROM events
			WHERE organization_id = $1 AND `+s.connection.settled()+`
			ORDER BY transaction_id DESC, position DESC
			LIMIT 1`, r.OrganizationID).Scan(&r.last.transaction, &r.last.number)
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
	where.and(`endpoint_id = ?`, r.EndpointID)
	where.and(`created_at <= ?`, r.CreatedAt.UnixMilli())
	where.and(`NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = deliveries.case_id AND cases.version = 0)`)
	const happened = `(SELECT events.at FROM events WHERE events.id = deliveries.event_id)`
	if r.Since != nil {
		where.and(happened+` >= ?`, r.Since.UnixMilli())
	}
	if r.Until != nil {
		where.and(happened+` < ?`, r.Until.UnixMilli())
	}
	if r.CaseID != "" {
		where.and(`case_id = ?`, r.CaseID)
	}
	return where
}

const selectReplays = `
	SELECT id, organization_id, endpoint_id, state, since, until, COALESCE(case_id, ''), events, only_failed,
		first_number, last_transaction, last_number, reached_transaction, reached_number, reached_delivery, all_queued, queued, created_at, finished_at,
		(SELECT COUNT(*) FROM deliveries WHERE deliveries.replay_id = replays.id AND deliveries.state = 'pending' AND deliveries.tries = deliveries.deferred)
	FROM replays`

func scanReplay(row scanner) (r Replay, err error) {
	var events string
	var onlyFailed, allQueued, created int64
	var since, until, finished sql.NullInt64
	err = row.Scan(&r.ID, &r.OrganizationID, &r.EndpointID, &r.State, &since, &until, &r.CaseID, &events, &onlyFailed,
		&r.first, &r.last.transaction, &r.last.number, &r.reached.transaction, &r.reached.number, &r.reachedDelivery, &allQueued, &r.Queued, &created, &finished, &r.Waiting)
	for name := range strings.FieldsSeq(events) {
		r.Events = append(r.Events, caseupdate.Event(name))
	}
	r.OnlyFailed, r.AllQueued = onlyFailed == 1, allQueued == 1
	r.Since, r.Until, r.CreatedAt, r.FinishedAt = maybeAt(since), maybeAt(until), at(created), maybeAt(finished)
	switch all, done := r.last.number-r.first, r.reached.number-r.first; {
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

// Replays returns at most limit replays of an organisation, or of one of its endpoints where
// its id is not "", whose id comes before another, the newest first; from the newest for "".
func (s *Store) Replays(ctx context.Context, organizationID, endpointID, before string, limit int) ([]Replay, error) {
	where := conditions{text: `organization_id = $1`, arguments: []any{organizationID}}
	if endpointID != "" {
		where.and(`endpoint_id = ?`, endpointID)
	}
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
		ids, err := readIDs(ctx, conn, `
			SELECT id
			FROM deliveries
			WHERE replay_id = $1 AND state = 'pending' AND tries = deferred`, id)
		if err != nil {
			return err
		}
		given, err := s.giveUp(ctx, conn, ids, id, org.byID)
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `UPDATE replays SET queued = queued - $2 WHERE id = $1`, id, len(given)); err != nil {
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
