package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
)

// laneOf returns the lane in which a delivery of a case waits for its endpoint.
func laneOf(endpoint *subscription.Endpoint, deliveryID, caseID string) string {
	if endpoint.Ordering == subscription.OrderingNone {
		return deliveryID
	}
	return caseID
}

// hold has the endpoints of an organisation stay as they were read until the
// transaction ends that is under way. The error is errResubscribed where they are not.
func (s *Store) hold(ctx context.Context, org *organization) error {
	rows := [][]any{{org.ID}}
	version := int64(-1)
	read := step{batch: readEndpointsVersions, rows: rows, scan: func(row scanner) error {
		var id string
		return row.Scan(&id, &version)
	}}
	steps := []step{read}
	if hold := s.connection.holdEndpoints(); hold != nil {
		steps = []step{{batch: hold, rows: rows}, read}
	}
	if err := s.writer.runner.run(ctx, "", steps, ""); err != nil {
		return fmt.Errorf("hold the endpoints of organisation %s: %w", org.ID, err)
	}
	if version != org.version {
		return errResubscribed
	}
	return nil
}

// whileHeld runs f with an organisation, again where its endpoints have changed since
// they were read: f returns what [Store.hold] does.
func (s *Store) whileHeld(ctx context.Context, organizationID string, f func(*organization) error) error {
	for {
		org, err := s.organization(ctx, organizationID)
		if err != nil {
			return err
		}
		if err := f(org); !errors.Is(err, errResubscribed) {
			return err
		}
		s.forgetOrganization(organizationID)
	}
}

// maxMoved is how many lanes of single deliveries one transaction removes: others write
// too.
const maxMoved = 1000

// recording is how long it takes at most to record an attempt that has ended.
const recording = time.Second

var (
	removeOwnLanes = over(`endpoint_id text, lane text, working bigint`, `
		DELETE FROM lanes
		WHERE (endpoint_id, lane) IN (SELECT endpoint_id, lane FROM u) AND (owner IS NULL OR EXISTS (SELECT 1 FROM u WHERE working = 1))`)
	// What is in a lane that somebody works on has stayed there.
	moveDeliveries = over(`endpoint_id text, id text`, `
		UPDATE deliveries
		SET lane = deliveries.case_id
		FROM u
		WHERE deliveries.id = u.id AND deliveries.state = 'pending'
			AND NOT EXISTS (SELECT 1 FROM lanes WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.id)`)
	// The lane of a case is due by what is first in it now, and read again first where it
	// is worked on.
	orderLanes = over(`endpoint_id text, lane text, now bigint`, `
		UPDATE lanes
		SET due_at = CASE WHEN lanes.owner IS NULL THEN `+firstDue+` END,
			recalled = CASE WHEN lanes.owner IS NULL THEN 0 ELSE 1 END
		FROM u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane
			AND EXISTS (
				SELECT 1
				FROM deliveries
				WHERE deliveries.endpoint_id = u.endpoint_id AND deliveries.lane = u.lane AND deliveries.state = 'pending')`)
	delayLanes = over(`endpoint_id text, lane text, until bigint`, `
		UPDATE lanes
		SET due_at = u.until
		FROM u
		WHERE lanes.endpoint_id = u.endpoint_id AND lanes.lane = u.lane AND lanes.due_at < u.until`)
)

// ownLane is the lane of a single delivery, which has its id.
type ownLane struct {
	id, caseID string
	working    bool // somebody works on it
}

// ownLanes returns at most limit lanes of single deliveries of an endpoint, whose names
// come after another. Those that nothing waits in are not looked for: only a case has such
// a lane, and it has it for ever.
func ownLanes(ctx context.Context, conn *sql.Conn, endpointID, after string, limit int) (own []ownLane, err error) {
	rows, err := conn.QueryContext(ctx, `
		SELECT lanes.lane, deliveries.case_id, lanes.owner IS NOT NULL
		FROM lanes
		JOIN deliveries ON deliveries.id = lanes.lane
		WHERE lanes.endpoint_id = $1 AND lanes.lane > $2 AND (lanes.due_at IS NOT NULL OR lanes.owner IS NOT NULL)
		ORDER BY lanes.lane
		LIMIT $3`, endpointID, after, limit)
	if err != nil {
		return nil, err
	}
	return own, scanAll(rows, func(rows *sql.Rows) error {
		var l ownLane
		err := rows.Scan(&l.id, &l.caseID, &l.working)
		own = append(own, l)
		return err
	})
}

// intoOrder moves what waits for an endpoint, each in a lane of its own, into the lanes
// of its cases. These wait for what may be on its way: its lanes are gone, so that
// nothing of them is sent any more that is not. Where it is more than one transaction
// can move, it moves nothing: the endpoint is moving.
func (s *Store) intoOrder(ctx context.Context, conn *sql.Conn, e *subscription.Endpoint) (moving bool, err error) {
	own, err := ownLanes(ctx, conn, e.ID, "", maxMoved+1)
	if err == nil && len(own) > maxMoved {
		return true, nil
	}
	if err == nil {
		err = s.moveLanes(ctx, e.ID, own, true)
	}
	var late [][]any
	until := s.now().Add(e.Timeout + recording).UnixMilli()
	for _, l := range own {
		if l.working {
			late = append(late, []any{e.ID, l.caseID, until})
		}
	}
	if err == nil {
		err = s.writer.runner.run(ctx, "", []step{{batch: delayLanes, rows: distinct(late)}}, "")
	}
	if err != nil {
		return false, fmt.Errorf("bring what waits into the order of its cases: %w", err)
	}
	return false, nil
}

// moveLanes moves what waits in lanes of single deliveries into the lanes of its cases.
// Those that somebody works on are moved too where working is true, else they stay. It is
// called by the writer, in a transaction.
func (s *Store) moveLanes(ctx context.Context, endpointID string, own []ownLane, working bool) error {
	now := s.now().UnixMilli()
	var all, removed, moved, cases [][]any
	for _, l := range own {
		all = append(all, []any{endpointID, l.id}, []any{endpointID, l.caseID})
		removed = append(removed, []any{endpointID, l.id, number(working)})
		moved = append(moved, []any{endpointID, l.id})
		cases = append(cases, []any{endpointID, l.caseID, now})
	}
	var steps []step
	if lock := s.writer.lockLanes(); lock != nil {
		steps = append(steps, step{batch: lock, rows: distinct(all)})
	}
	steps = append(steps, step{batch: removeOwnLanes, rows: removed}, step{batch: moveDeliveries, rows: moved}, step{batch: orderLanes, rows: distinct(cases)})
	return s.writer.runner.run(ctx, "", steps, "")
}

// Move is that what waits for an endpoint is brought into the order of its cases, a little
// at a time: it is much. The endpoint is sent nothing meanwhile.
type Move struct {
	OrganizationID string
	EndpointID     string
	reached        string // the lane up to which all is moved
}

// Moves returns those that are under way, of all organisations.
func (s *Store) Moves(ctx context.Context) ([]Move, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT organization_id, id, moved_to
		FROM endpoints
		WHERE moved_to IS NOT NULL AND state <> 'deleted'`)
	if err != nil {
		return nil, fmt.Errorf("find the endpoints that are moving: %w", err)
	}
	var moves []Move
	err = scanAll(rows, func(rows *sql.Rows) error {
		var m Move
		err := rows.Scan(&m.OrganizationID, &m.EndpointID, &m.reached)
		moves = append(moves, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the endpoints that are moving: %w", err)
	}
	return moves, nil
}

// AdvanceMove moves a little more, as it was when m was read. Once all is moved, and nobody
// works on a lane of the endpoint any more, which may have been read before, it is done:
// the endpoint is sent what waits. Advanced is false where there is nothing to do for now.
func (s *Store) AdvanceMove(ctx context.Context, m Move) (advanced, done bool, err error) {
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		own, err := ownLanes(ctx, conn, m.EndpointID, m.reached, maxMoved)
		if advanced = len(own) > 0; err != nil || !advanced {
			return err
		}
		if err := s.moveLanes(ctx, m.EndpointID, own, false); err != nil {
			return err
		}
		return s.reach(ctx, conn, m, own[len(own)-1].id)
	})
	if err == nil && !advanced {
		done, err = s.endMove(ctx, m)
	}
	if errors.Is(err, ErrNotFound) { // its owner wants it otherwise by now, or somebody else has advanced it
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("bring what waits for endpoint %s into the order of its cases: %w", m.EndpointID, err)
	}
	return advanced || done, done, nil
}

// reach has a move be at a lane; nil ends it. The error is ErrNotFound where it is not as it
// was any more.
func (s *Store) reach(ctx context.Context, conn *sql.Conn, m Move, lane any) error {
	return oneChanged(conn.ExecContext(ctx, `
		UPDATE endpoints
		SET moved_to = $3
		WHERE id = $1 AND moved_to = $2 AND state <> 'deleted'`, m.EndpointID, m.reached, lane))
}

// errAtWork means that somebody works on a lane of an endpoint that is moving.
var errAtWork = errors.New("a lane is worked on")

// endMove ends a move, or has it begin again where there are lanes that were worked on when
// it came by.
func (s *Store) endMove(ctx context.Context, m Move) (done bool, err error) {
	const atWork = `
		SELECT EXISTS (
			SELECT 1
			FROM lanes
			WHERE owner IS NOT NULL AND endpoint_id || '' = $1)`
	var working bool
	err = s.readers.QueryRowContext(ctx, atWork, m.EndpointID).Scan(&working)
	if err != nil || working {
		return false, err
	}
	err = s.changeEndpoints(ctx, m.OrganizationID, func(ctx context.Context, conn *sql.Conn) error {
		if err := conn.QueryRowContext(ctx, atWork, m.EndpointID).Scan(&working); err != nil {
			return err
		}
		if working {
			return errAtWork
		}
		own, err := ownLanes(ctx, conn, m.EndpointID, "", 1)
		if err != nil {
			return err
		}
		if done = len(own) == 0; !done {
			return s.reach(ctx, conn, m, "")
		}
		return s.reach(ctx, conn, m, nil)
	})
	if errors.Is(err, errAtWork) {
		return false, nil
	}
	return done && err == nil, err
}
