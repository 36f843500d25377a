package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
)

// Health returns how an endpoint has answered of late.
func (s *Store) Health(ctx context.Context, endpointID string) (subscription.Health, error) {
	h, err := scanHealth(s.readers.QueryRowContext(ctx, `
		SELECT failures, closed_at, probe_at, probing, flagged_at, failed_at, status_code
		FROM endpoint_health
		WHERE endpoint_id = $1`, endpointID))
	if errors.Is(err, sql.ErrNoRows) {
		return subscription.Health{}, nil
	}
	if err != nil {
		return h, fmt.Errorf("read the health of endpoint %s: %w", endpointID, err)
	}
	return h, nil
}

// Healths returns how some endpoints have answered of late, by their ids; none for those that
// are well. Whose they are is not asked: the ids are to be of endpoints that the caller may see.
func (s *Store) Healths(ctx context.Context, endpointIDs []string) (map[string]subscription.Health, error) {
	if len(endpointIDs) == 0 {
		return nil, nil
	}
	where := conditions{text: `true`}
	where.among(`endpoint_id`, endpointIDs)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT endpoint_id, failures, closed_at, probe_at, probing, flagged_at, failed_at, status_code
		FROM endpoint_health
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read the health of endpoints: %w", err)
	}
	healths := make(map[string]subscription.Health)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		h, err := scanHealth(rows, &id)
		if h != (subscription.Health{}) {
			healths[id] = h
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the health of endpoints: %w", err)
	}
	return healths, nil
}

// scanHealth reads a row of a health, and of what stands before it.
func scanHealth(row scanner, before ...any) (h subscription.Health, err error) {
	var probing int64
	var closed, probe, flagged, failed, status sql.NullInt64
	err = row.Scan(append(before, &h.Failures, &closed, &probe, &probing, &flagged, &failed, &status)...)
	h.ClosedAt, h.ProbeAt, h.FlaggedAt, h.Probing = maybeAt(closed), maybeAt(probe), maybeAt(flagged), probing == 1
	if h.ClosedAt == nil {
		h.ProbeAt, h.Probing = nil, false
	}
	if h.FailedAt = maybeAt(failed); h.FailedAt != nil {
		h.StatusCode = int(status.Int64)
	}
	return h, err
}

// RecoverEndpoint has an endpoint count as well: it is open, and nothing of it is flagged. That
// its last attempt failed stays known until one succeeds.
func (s *Store) RecoverEndpoint(ctx context.Context, endpointID string) error {
	return s.recover(ctx, endpointID, `
		UPDATE endpoint_health
		SET failures = 0, closed_at = NULL, probe_at = NULL, probing = 0, flagged_at = NULL
		WHERE endpoint_id = $1`)
}

// OpenEndpoint opens an endpoint that is closed, as a success does.
func (s *Store) OpenEndpoint(ctx context.Context, endpointID string) error {
	return s.recover(ctx, endpointID, `
		UPDATE endpoint_health
		SET failures = 0, closed_at = NULL, probing = 0, failed_at = NULL, status_code = NULL
		WHERE endpoint_id = $1`)
}

func (s *Store) recover(ctx context.Context, endpointID, statement string) error {
	err := s.writer.do(ctx, job{
		task: func(ctx context.Context, conn *sql.Conn) error {
			_, err := conn.ExecContext(ctx, statement, endpointID)
			return err
		},
		after: func() { s.writer.health(endpointID, false) },
	})
	if err != nil {
		return fmt.Errorf("open endpoint %s: %w", endpointID, err)
	}
	return nil
}

// OnHealth has the writer call changed when an endpoint closes or opens, in the order
// of the commits. It is called before anything is written, and changed must not wait.
// What other processes record is not told; see [Store.Due].
func (s *Store) OnHealth(changed func(endpointID string, closed bool)) { s.writer.health = changed }

// ErrNoProbe means that an endpoint is not to be probed now: it is open, somebody else
// probes it, or nothing waits for it.
var ErrNoProbe = errors.New("the endpoint is not to be probed")

// Probe makes one lane of an endpoint that is closed this process's own, the one that
// waits longest, due or not. Nobody else probes the endpoint before until, unless its
// attempt is recorded. Claimed is called as by [Store.Claim].
func (s *Store) Probe(ctx context.Context, endpointID string, until time.Time, claimed func(lane string)) error {
	var lane string
	err := s.writer.do(ctx, job{after: func() { claimed(lane) }, task: func(ctx context.Context, conn *sql.Conn) error {
		if s.writer.node == "" {
			return ErrNoProbe
		}
		result, err := conn.ExecContext(ctx, `
			UPDATE endpoint_health
			SET probing = 1, probe_at = $2
			WHERE endpoint_id = $1 AND closed_at IS NOT NULL AND probe_at <= $3`,
			endpointID, until.UnixMilli(), s.now().UnixMilli())
		if err := oneChanged(result, err); err != nil {
			return noProbe(err)
		}
		return noProbe(conn.QueryRowContext(ctx, `
			UPDATE lanes
			SET owner = $1, due_at = NULL, recalled = 0
			WHERE endpoint_id = $2 AND lane = (
				SELECT lane
				FROM lanes
				WHERE endpoint_id = $2 AND due_at IS NOT NULL
				ORDER BY due_at
				LIMIT 1`+s.connection.skipLocked()+`)
			RETURNING lane`, s.writer.node, endpointID).Scan(&lane))
	}})
	if err != nil && !errors.Is(err, ErrNoProbe) {
		return fmt.Errorf("probe endpoint %s: %w", endpointID, err)
	}
	return err
}

func noProbe(err error) error {
	if errors.Is(err, ErrNotFound) || errors.Is(err, sql.ErrNoRows) {
		return ErrNoProbe
	}
	return err
}

// What attempts mean for the health of endpoints. One success opens an endpoint, and
// ends the row of failures; the place of a probe stays, and tells that it was closed.
// Ten failures in a row close it; the next probe is as far away as the endpoint has
// been closed, within bounds.
var (
	recoverEndpoints = over(`endpoint_id text`, `
		UPDATE endpoint_health
		SET failures = 0, closed_at = NULL, probing = 0, failed_at = NULL, status_code = NULL
		FROM u
		WHERE endpoint_health.endpoint_id = u.endpoint_id AND (endpoint_health.failures > 0 OR endpoint_health.failed_at IS NOT NULL)
		RETURNING endpoint_health.endpoint_id, endpoint_health.probe_at IS NOT NULL`)
	insertHealth = over(`endpoint_id text`, `
		INSERT INTO endpoint_health (endpoint_id, failures, probing)
		SELECT endpoint_id, 0, 0
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING`)
	failEndpoints = over(`endpoint_id text, failures bigint, flagged_at bigint, failed_at bigint, status_code bigint, now bigint, chance bigint, limited bigint, least bigint, most bigint`, `
		UPDATE endpoint_health
		SET failures = endpoint_health.failures + u.failures,
			closed_at = CASE WHEN endpoint_health.failures + u.failures >= u.limited THEN COALESCE(endpoint_health.closed_at, u.now) END,
			probe_at = CASE
				WHEN endpoint_health.failures + u.failures < u.limited THEN NULL
				WHEN u.now - COALESCE(endpoint_health.closed_at, u.now) < u.least THEN u.now + u.least * u.chance / 1000
				WHEN u.now - endpoint_health.closed_at > u.most THEN u.now + u.most * u.chance / 1000
				ELSE u.now + (u.now - endpoint_health.closed_at) * u.chance / 1000
			END,
			probing = 0,
			flagged_at = COALESCE(u.flagged_at, endpoint_health.flagged_at),
			failed_at = u.failed_at, status_code = u.status_code
		FROM u
		WHERE endpoint_health.endpoint_id = u.endpoint_id
		RETURNING endpoint_health.endpoint_id, endpoint_health.closed_at IS NOT NULL`)
)

// verdicts are what a transaction's attempts mean for the health of endpoints.
type verdicts struct {
	recovered, failing [][]any
	changed            []verdict // written by the writer
}

// verdict is that an endpoint is closed, or open again.
type verdict struct {
	endpointID string
	closed     bool
}

// judges reports whether an outcome says how the endpoint answers: not where the message was
// withheld or given up, or found too large, and goes again at once, with links.
func (o *outcome) judges() bool {
	return o.State != Canceled && (!o.Linked || o.Message.Linked)
}

// newVerdicts counts the failures of each endpoint since its last success. Each of the
// outcomes has an attempt.
func newVerdicts(outcomes []*outcome) *verdicts {
	type tally struct {
		succeeded bool
		failures  int64
		flagged   any
		last      *Attempt // that failed
		at        int64
		chance    int64
	}
	tallies := make(map[string]*tally)
	var v verdicts
	for _, o := range outcomes {
		if !o.judges() {
			continue
		}
		t := tallies[o.Message.EndpointID]
		if t == nil {
			t = new(tally)
			tallies[o.Message.EndpointID] = t
		}
		t.at, t.chance = o.at, o.chance
		switch o.State {
		case Delivered:
			t.succeeded, t.failures = true, 0
			continue
		case Failed:
			t.flagged = o.at
		}
		t.failures++
		t.last = o.Attempt
	}
	for id, t := range tallies {
		if t.succeeded {
			v.recovered = append(v.recovered, []any{id})
		}
		if t.failures > 0 || t.flagged != nil {
			v.failing = append(v.failing, []any{id, t.failures, t.flagged, t.last.ended(), orNull(int64(t.last.StatusCode)), t.at, t.chance,
				int64(subscription.MaxFailures), subscription.MinProbeWait.Milliseconds(), subscription.MaxProbeWait.Milliseconds()})
		}
	}
	inOrder(v.recovered, 1)
	inOrder(v.failing, 1)
	return &v
}

func (v *verdicts) steps() []step {
	v.changed = nil // of a try before
	scan := func(closed bool) func(scanner) error {
		return func(row scanner) error {
			var id string
			var changed bool
			err := row.Scan(&id, &changed)
			if changed {
				v.changed = append(v.changed, verdict{id, closed})
			}
			return err
		}
	}
	known := make([][]any, len(v.failing))
	for i, row := range v.failing {
		known[i] = row[:1]
	}
	return []step{
		{batch: recoverEndpoints, rows: v.recovered, scan: scan(false)},
		{batch: insertHealth, rows: known},
		{batch: failEndpoints, rows: v.failing, scan: scan(true)},
	}
}
