package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// Due returns, for each active endpoint in front of which lanes wait, when the first
// of them is due.
func (s *Store) Due(ctx context.Context) (map[string]time.Time, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, (SELECT MIN(due_at) FROM lanes WHERE endpoint_id = endpoints.id AND due_at IS NOT NULL)
		FROM endpoints
		WHERE state = 'active'`)
	if err != nil {
		return nil, fmt.Errorf("find the lanes that are due: %w", err)
	}
	due := make(map[string]time.Time)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var first sql.NullInt64
		if err := rows.Scan(&id, &first); err != nil {
			return err
		}
		if first.Valid {
			due[id] = at(first.Int64)
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
// order of the commits, as [Outbox] is.
func (s *Store) Claim(ctx context.Context, endpointID string, limit int, claimed func(lanes []string)) error {
	now := s.now().UnixMilli()
	var lanes []string
	err := s.writer.do(ctx, job{after: func() { claimed(lanes) }, task: func(ctx context.Context, conn *sql.Conn) error {
		lanes = nil // of a try before
		rows, err := conn.QueryContext(ctx, `
			UPDATE lanes
			SET owner = $1, due_at = NULL, recalled = 0
			WHERE endpoint_id = $2 AND lane IN (
				SELECT lane
				FROM lanes
				WHERE endpoint_id = $2 AND due_at <= $3
				ORDER BY due_at
				LIMIT $4`+s.connection.skipLocked()+`)
			RETURNING lane`, s.Node, endpointID, now, limit)
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
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, organization_id, case_id, sequence, tries, (SELECT events.sequence FROM events WHERE events.id = deliveries.event_id)
		FROM deliveries
		WHERE endpoint_id = $1 AND lane = $2 AND state = 'pending'
		ORDER BY deliveries.sequence
		LIMIT $3`, endpointID, name, maxLoaded)
	if err != nil {
		return lane, fmt.Errorf("load a lane of endpoint %s: %w", endpointID, err)
	}
	var sequences []int64 // of the events
	var caseID string
	err = scanAll(rows, func(rows *sql.Rows) error {
		m := Message{EndpointID: endpointID, Lane: name}
		var sequence int64
		err := rows.Scan(&m.DeliveryID, &m.OrganizationID, &caseID, &m.Sequence, &m.Tries, &sequence)
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
	h, err := s.history(ctx, caseID, sequences[len(sequences)-1])
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

// LaneName names a lane.
type LaneName struct {
	EndpointID string
	Lane       string
}

// Live tells the others that this process lives until then, and makes due now what
// those leave behind whose time has run out. It returns how many lanes that were.
//
// Own is called with the lanes that are this process's own, by the writer, in the
// order of the commits, as [Outbox] is. There are some of which it was not told where
// the database went away while it committed.
func (s *Store) Live(ctx context.Context, until time.Time, own func([]LaneName)) (released int64, err error) {
	now := s.now().UnixMilli()
	var mine []LaneName
	err = s.writer.do(ctx, job{after: func() { own(mine) }, task: func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, `
			INSERT INTO nodes (id, expires_at)
			VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE
			SET expires_at = excluded.expires_at`, s.Node, until.UnixMilli()); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, `
			DELETE FROM nodes
			WHERE expires_at < $1`, now); err != nil {
			return err
		}
		result, err := conn.ExecContext(ctx, `
			UPDATE lanes
			SET owner = NULL, due_at = $1, recalled = 0
			WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM nodes)`, now)
		if err != nil {
			return err
		}
		if released, err = result.RowsAffected(); err != nil {
			return err
		}
		mine, err = s.ownLanes(ctx, conn)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("renew the lease of this node: %w", err)
	}
	return released, nil
}

func (s *Store) ownLanes(ctx context.Context, conn *sql.Conn) (lanes []LaneName, err error) {
	rows, err := conn.QueryContext(ctx, `
		SELECT endpoint_id, lane
		FROM lanes
		WHERE owner = $1`, s.Node)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var lane LaneName
		err := rows.Scan(&lane.EndpointID, &lane.Lane)
		lanes = append(lanes, lane)
		return err
	})
	return lanes, err
}

// Leave makes due now the lanes that this process works on, and ends its lease.
func (s *Store) Leave(ctx context.Context) error {
	now := s.now().UnixMilli()
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, `
			UPDATE lanes
			SET owner = NULL, due_at = $2, recalled = 0
			WHERE owner = $1`, s.Node, now); err != nil {
			return err
		}
		if err := s.connection.notify(ctx, conn, lanesDue); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `
			DELETE FROM nodes
			WHERE id = $1`, s.Node)
		return err
	})
	if err != nil {
		return fmt.Errorf("end the lease of this node: %w", err)
	}
	return nil
}
