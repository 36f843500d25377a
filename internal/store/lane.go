package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Lane is a lane that this process works on: nobody else sends its messages.
type Lane struct {
	EndpointID string
	Name       string    // the case, or without order the delivery
	Messages   []Message // the first that are pending, in order, at most 64
	// Last is the sequence up to which Messages has all that was pending.
	Last int64
}

// maxLoaded is how many messages of a lane are loaded at once.
const maxLoaded = 64

const (
	// nextTry is when the first message of a lane is tried again; null where it waits for no
	// try, or there is none.
	nextTry = `(
				SELECT first.due_at
				FROM deliveries AS first
				WHERE first.endpoint_id = lanes.endpoint_id AND first.lane = lanes.lane AND first.state = 'pending'
				ORDER BY first.sequence
				LIMIT 1)`
	// firstDue is when a lane is due by its first message, where it is now u.now.
	firstDue = `COALESCE(` + nextTry + `, u.now)`
)

// Due is when what waits for an endpoint is to be taken up.
type Due struct {
	At     time.Time // of the first lane; of the next probe, where the endpoint is closed
	Closed bool
}

// Due returns, for each endpoint that is sent something now and in front of which lanes
// wait, when they are to be taken up.
func (s *Store) Due(ctx context.Context) (map[string]Due, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT endpoints.id, (SELECT MIN(due_at) FROM lanes WHERE endpoint_id = endpoints.id AND due_at IS NOT NULL),
			CASE WHEN endpoint_health.closed_at IS NOT NULL THEN endpoint_health.probe_at END
		FROM endpoints
		LEFT JOIN endpoint_health ON endpoint_health.endpoint_id = endpoints.id
		WHERE endpoints.state = 'active' AND endpoints.moved_to IS NULL`)
	if err != nil {
		return nil, fmt.Errorf("find the lanes that are due: %w", err)
	}
	due := make(map[string]Due)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var first, probe sql.NullInt64
		if err := rows.Scan(&id, &first, &probe); err != nil {
			return err
		}
		switch {
		case !first.Valid:
		case probe.Valid:
			due[id] = Due{At: at(probe.Int64), Closed: true}
		default:
			due[id] = Due{At: at(first.Int64)}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the lanes that are due: %w", err)
	}
	return due, nil
}

// Claim makes at most limit lanes of an endpoint that are due this process's own,
// those that wait longest. Claimed is called with their names by the writer, in the
// order of the commits, as [Outbox] is. Nothing is claimed while this process has no
// name; see [Store.Live].
func (s *Store) Claim(ctx context.Context, endpointID string, limit int, claimed func(lanes []string)) error {
	now := s.now().UnixMilli()
	var lanes []string
	err := s.writer.do(ctx, job{after: func() { claimed(lanes) }, task: func(ctx context.Context, conn *sql.Conn) error {
		lanes = nil // of a try before
		if s.writer.node == "" {
			return nil
		}
		rows, err := conn.QueryContext(ctx, `
			UPDATE lanes
			SET owner = $1, due_at = NULL, recalled = 0
			WHERE endpoint_id = $2 AND lane IN (
				SELECT lane
				FROM lanes
				WHERE endpoint_id = $2 AND due_at <= $3
				ORDER BY due_at
				LIMIT $4`+s.connection.skipLocked()+`)
			RETURNING lane`, s.writer.node, endpointID, now, limit)
		if err != nil {
			return err
		}
		return scanAll(rows, func(rows *sql.Rows) error {
			var lane string
			err := rows.Scan(&lane)
			lanes = append(lanes, lane)
			return err
		})
	}})
	if err != nil {
		return fmt.Errorf("claim lanes of endpoint %s: %w", endpointID, err)
	}
	return nil
}

// maxHurried is how many lanes are hurried in one transaction: others write too.
const maxHurried = 1000

var (
	hurryFirst = over(`id text, now bigint`, `
		UPDATE deliveries
		SET due_at = u.now
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state = 'pending' AND deliveries.due_at > u.now`)
	hurryWaiting = over(`endpoint_id text, lane text, now bigint`, `
		UPDATE lanes
		SET due_at = u.now
		FROM u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane AND lanes.due_at > u.now`)
)

// Hurry makes due now the lanes of an endpoint that wait for the next try of their first
// message; that has spent as many tries as before. It does so a little at a time.
func (s *Store) Hurry(ctx context.Context, endpointID string) error {
	now := s.now().UnixMilli()
	for more := true; more; {
		err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) (err error) {
			more, err = s.hurry(ctx, conn, endpointID, now)
			return err
		})
		if err != nil {
			return fmt.Errorf("hurry the lanes of endpoint %s: %w", endpointID, err)
		}
	}
	return nil
}

// hurry hurries those lanes that are due first, at most maxHurried; more is whether there may
// be others.
func (s *Store) hurry(ctx context.Context, conn *sql.Conn, endpointID string, now int64) (more bool, err error) {
	rows, err := conn.QueryContext(ctx, `
		SELECT lane, (
				SELECT first.id
				FROM deliveries AS first
				WHERE first.endpoint_id = lanes.endpoint_id AND first.lane = lanes.lane AND first.state = 'pending'
				ORDER BY first.sequence
				LIMIT 1)
		FROM lanes
		WHERE endpoint_id = $1 AND due_at > $2
		ORDER BY due_at
		LIMIT $3`, endpointID, now, maxHurried)
	if err != nil {
		return false, err
	}
	var first, waiting [][]any
	err = scanAll(rows, func(rows *sql.Rows) error {
		var lane string
		var id sql.NullString
		err := rows.Scan(&lane, &id)
		if id.Valid {
			first = append(first, []any{id.String, now})
		}
		waiting = append(waiting, []any{endpointID, lane, now})
		return err
	})
	if err != nil || len(waiting) == 0 {
		return false, err
	}
	inOrder(first, 1)
	inOrder(waiting, 2)
	if err := s.writer.runner.run(ctx, "", []step{{batch: hurryFirst, rows: first}, {batch: hurryWaiting, rows: waiting}}, ""); err != nil {
		return false, err
	}
	return len(waiting) == maxHurried, s.connection.notify(ctx, conn, lanesDue)
}

// Load reads the first messages of a lane that is this process's own.
func (s *Store) Load(ctx context.Context, endpointID, name string) (Lane, error) {
	lane := Lane{EndpointID: endpointID, Name: name}
	// The lane is read before its messages: those that come in between are found
	// when the lane is settled.
	err := s.readers.QueryRowContext(ctx, `
		SELECT last_sequence
		FROM lanes
		WHERE endpoint_id = $1 AND lane = $2`, endpointID, name).Scan(&lane.Last)
	if errors.Is(err, sql.ErrNoRows) { // its endpoint was deleted
		return lane, nil
	}
	if err != nil {
		return lane, fmt.Errorf("load a lane of endpoint %s: %w", endpointID, err)
	}
	rows, err := s.readers.QueryContext(ctx, selectMessages+`
		WHERE endpoint_id = $1 AND lane = $2 AND state = 'pending'
		ORDER BY deliveries.sequence
		LIMIT $3`, endpointID, name, maxLoaded)
	if err != nil {
		return lane, fmt.Errorf("load a lane of endpoint %s: %w", endpointID, err)
	}
	var sequences []int64 // of the events
	var caseID string
	err = scanAll(rows, func(rows *sql.Rows) error {
		m, of, sequence, err := scanMessage(rows)
		caseID = of
		lane.Messages = append(lane.Messages, m)
		sequences = append(sequences, sequence)
		return err
	})
	if err != nil {
		return lane, fmt.Errorf("load a lane of endpoint %s: %w", endpointID, err)
	}
	if len(lane.Messages) == 0 {
		return lane, nil
	}
	last := lane.Messages[len(lane.Messages)-1].Sequence
	if len(lane.Messages) == maxLoaded { // there may be more
		lane.Last = last
	}
	lane.Last = max(lane.Last, last)
	h, err := s.history(ctx, caseID, slices.Min(sequences), slices.Max(sequences)) // a replay may send an old event after a new one
	if errors.Is(err, ErrNotFound) {                                               // put in line while it was erased
		err = s.cancelErased(ctx, lane.Messages[0].OrganizationID, caseID)
		lane.Messages = nil
		return lane, err
	}
	if err != nil {
		return lane, err
	}
	for i := range lane.Messages {
		entry, err := h.entry(sequences[i])
		if err != nil {
			return lane, err
		}
		m := &lane.Messages[i]
		m.Event, m.Case, m.Key = entry.Event, entry.Case, entry.Key
	}
	return lane, nil
}

// Standing is how a process stands among those that share the database.
type Standing struct {
	Node  string // under which it has lanes
	Nodes int    // how many live, itself among them
	// Leads is whether it does what one is enough for. For a moment there may be two
	// that do, or none.
	Leads bool
}

// Live has this process count as alive for a lease from now on, and makes due now what
// processes leave behind whose lease has run out. It returns how many lanes that were.
//
// Named is called with the name under which this process has lanes, and how it stands
// among the others, by the writer, in the order of the commits, as [Outbox] is. The name
// is a new one at the first call, where the lease had run out before it was renewed, and
// where it is not known what became of a commit: all lanes under the old name are
// somebody else's then, or nobody's. See [Store.OnLoss].
func (s *Store) Live(ctx context.Context, lease time.Duration, named func(Standing)) (released int64, err error) {
	var node string
	standing := Standing{}
	err = s.writer.do(ctx, job{
		task: func(ctx context.Context, conn *sql.Conn) error {
			clock, err := s.leaseClock(ctx, conn)
			if err != nil {
				return err
			}
			now, until := clock.UnixMilli(), clock.Add(lease).UnixMilli()
			if node, err = s.renew(ctx, conn, now, until); err != nil {
				return err
			}
			result, err := conn.ExecContext(ctx, `
				UPDATE lanes
				SET owner = NULL, due_at = $1, recalled = 0
				WHERE owner IN (
					SELECT id
					FROM nodes
					WHERE expires_at < $2)`, s.now().UnixMilli(), now)
			if err != nil {
				return err
			}
			if released, err = result.RowsAffected(); err != nil {
				return err
			}
			if _, err := conn.ExecContext(ctx, `
				DELETE FROM nodes
				WHERE expires_at < $1`, now-mourning.Milliseconds()); err != nil {
				return err
			}
			var first string
			err = conn.QueryRowContext(ctx, `
				SELECT COUNT(*), MIN(id)
				FROM nodes
				WHERE expires_at >= $1`, now).Scan(&standing.Nodes, &first)
			standing.Node, standing.Leads = node, first == node
			return err
		},
		after: func() {
			if node != s.writer.node {
				s.writer.lose()
				s.writer.node = node
			}
			named(standing)
		},
	})
	if err != nil {
		return 0, fmt.Errorf("renew the lease of this process: %w", err)
	}
	return released, nil
}

// mourning is how long the name of a dead process is remembered. A commit of its that
// comes late can still give it lanes; they are found, as the others were.
const mourning = 10 * time.Minute

// renew renews the lease under this process's name, or else begins one under a new. A
// name that was dead never comes back.
func (s *Store) renew(ctx context.Context, conn *sql.Conn, now, until int64) (node string, err error) {
	if node = s.writer.node; node != "" {
		result, err := conn.ExecContext(ctx, `
			UPDATE nodes
			SET expires_at = $2
			WHERE id = $1 AND expires_at >= $3`, node, until, now)
		if err != nil {
			return "", err
		}
		if n, err := result.RowsAffected(); n > 0 || err != nil {
			return node, err
		}
	}
	if _, err := conn.ExecContext(ctx, `
		UPDATE nodes
		SET expires_at = $2
		WHERE id = $1`, s.writer.former, now-1); err != nil {
		return "", err
	}
	node = newID()
	_, err = conn.ExecContext(ctx, `
		INSERT INTO nodes (id, expires_at)
		VALUES ($1, $2)`, node, until)
	return node, err
}

// leaseClock returns the time that leases go by: the database's, as the clocks of
// processes may differ.
func (s *Store) leaseClock(ctx context.Context, conn *sql.Conn) (time.Time, error) {
	if s.clock != nil {
		return s.clock(), nil
	}
	return s.connection.clock(ctx, conn)
}

// OnLoss has the writer call lost when this process gives up its name, and with it
// all of its lanes, until [Store.Live] begins another. It is called before anything
// is written, and lost must not wait.
func (s *Store) OnLoss(lost func()) { s.writer.lost = lost }

// Leave makes due now the lanes that this process works on, and ends its lease.
func (s *Store) Leave(ctx context.Context) error {
	now := s.now().UnixMilli()
	err := s.writer.do(ctx, job{
		task: func(ctx context.Context, conn *sql.Conn) error {
			if _, err := conn.ExecContext(ctx, `
				UPDATE lanes
				SET owner = NULL, due_at = $2, recalled = 0
				WHERE owner = $1`, s.writer.node, now); err != nil {
				return err
			}
			if err := s.connection.notify(ctx, conn, lanesDue); err != nil {
				return err
			}
			clock, err := s.leaseClock(ctx, conn)
			if err != nil {
				return err
			}
			_, err = conn.ExecContext(ctx, `
				UPDATE nodes
				SET expires_at = $2
				WHERE id = $1`, s.writer.node, clock.UnixMilli()-1)
			return err
		},
		after: func() { s.writer.lose() },
	})
	if err != nil {
		return fmt.Errorf("end the lease of this process: %w", err)
	}
	return nil
}
