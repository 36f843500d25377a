package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/casehook/casehook/internal/subscription"
)

var (
	readEndpointsVersions = batch{columns: []string{"id"}, text: `
		SELECT organizations.id, organizations.endpoints_version
		FROM organizations
		JOIN u ON u.id = organizations.id`, shares: "organizations"}
	insertCases = batch{columns: []string{"id", "organization_id", "short_id", "version", "type", "status", "is_archived", "is_escalated", "wrapped_key", "created_at", "updated_at"}, text: `
		INSERT INTO cases (id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, created_at, updated_at)
		SELECT id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, created_at, updated_at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING id`}
	updateCases = batch{columns: []string{"id", "expected", "version", "status", "is_archived", "is_escalated", "updated_at"}, text: `
		UPDATE cases
		SET version = u.version, status = u.status, is_archived = u.is_archived, is_escalated = u.is_escalated, updated_at = u.updated_at
		FROM u
		WHERE cases.id = u.id AND cases.version = u.expected
		RETURNING cases.id`}
	insertEvents = batch{columns: []string{"id", "organization_id", "case_id", "sequence", "type", "at", "body"}, text: `
		INSERT INTO events (id, organization_id, case_id, sequence, type, at, body)
		SELECT id, organization_id, case_id, sequence, type, at, body
		FROM u`}
	insertBlobs = batch{columns: []string{"id", "case_id", "size", "created_at"}, text: `
		INSERT INTO blobs (id, case_id, size, created_at)
		SELECT id, case_id, size, created_at
		FROM u`}
	// A lane that is empty takes the owner or the time that is given; any other
	// keeps its own.
	useLanes = batch{columns: []string{"endpoint_id", "lane", "added", "due_at", "owner"}, text: `
		INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at, owner)
		SELECT endpoint_id, lane, added, due_at, owner
		FROM u
		WHERE true
		ON CONFLICT (endpoint_id, lane) DO UPDATE
		SET last_sequence = lanes.last_sequence + excluded.last_sequence,
			due_at = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.due_at ELSE lanes.due_at END,
			owner = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.owner ELSE lanes.owner END
		RETURNING endpoint_id, lane, last_sequence, COALESCE(owner, '')`}
	insertDeliveries = batch{columns: []string{"id", "organization_id", "event_id", "event_type", "endpoint_id", "case_id", "lane", "sequence", "created_at"}, text: `
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at)
		SELECT id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, 'pending', created_at
		FROM u`}
	insertAnswers = batch{columns: []string{"organization_id", "hash", "digest", "case_id", "answer", "created_at"}, text: `
		INSERT INTO idempotency_keys (organization_id, hash, digest, case_id, answer, created_at)
		SELECT organization_id, hash, digest, case_id, answer, created_at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING organization_id, hash`}
)

// writeChanges writes all of the changes, or returns errLost with those marked that
// lost a race.
func (w *writer) writeChanges(ctx context.Context, changes []*change) error {
	if len(changes) == 0 {
		return nil
	}
	for _, write := range []func(context.Context, []*change) error{
		w.checkEndpoints, w.writeCases, w.writeEvents, w.writeLanes, w.writeDeliveries, w.writeAnswers, w.tellOthers,
	} {
		if err := write(ctx, changes); err != nil {
			return err
		}
	}
	return nil
}

// tellOthers tells the other processes of lanes that this one does not take.
func (w *writer) tellOthers(ctx context.Context, changes []*change) error {
	for _, c := range changes {
		for _, use := range c.lanes {
			if !use.accepted && use.endpoint.State == subscription.Active {
				return w.notify(ctx, w.conn, lanesDue)
			}
		}
	}
	return nil
}

// checkEndpoints sees to it that who is subscribed now is who was when the
// deliveries were made up.
func (w *writer) checkEndpoints(ctx context.Context, changes []*change) error {
	versions := make(map[string]int64)
	var rows [][]any
	for _, c := range changes {
		if _, ok := versions[c.organizationID]; !ok {
			versions[c.organizationID] = -1
			rows = append(rows, []any{c.organizationID})
		}
	}
	err := w.each(ctx, &readEndpointsVersions, rows, func(rows *sql.Rows) error {
		var id string
		var version int64
		err := rows.Scan(&id, &version)
		versions[id] = version
		return err
	})
	if err != nil {
		return fmt.Errorf("read the versions of endpoints: %w", err)
	}
	return lose(changes, errResubscribed, func(c *change) bool { return versions[c.organizationID] == c.version })
}

// writeCases writes the heads of the cases.
func (w *writer) writeCases(ctx context.Context, changes []*change) error {
	var created, changed [][]any
	for _, c := range changes {
		s := c.state
		if c.creates {
			created = append(created, []any{s.ID, s.OrganizationID, s.ShortID, s.Version, s.Type, string(s.Status), s.IsArchived, s.IsEscalated, c.wrapped, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli()})
		} else {
			changed = append(changed, []any{s.ID, c.expected, s.Version, string(s.Status), s.IsArchived, s.IsEscalated, s.UpdatedAt.UnixMilli()})
		}
	}
	written := make(map[string]bool, len(changes))
	scan := func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		written[id] = true
		return err
	}
	if err := w.each(ctx, &insertCases, created, scan); err != nil {
		return fmt.Errorf("insert cases: %w", err)
	}
	if err := w.each(ctx, &updateCases, changed, scan); err != nil {
		return fmt.Errorf("update cases: %w", err)
	}
	lost := lose(changes, errMoved, func(c *change) bool { return written[c.state.ID] })
	for _, c := range changes {
		if c.creates && c.lost != nil {
			if err := w.whyNotCreated(ctx, c); err != nil {
				return err
			}
		}
	}
	return lost
}

// whyNotCreated finds out what a case that is not new has in common with another.
func (w *writer) whyNotCreated(ctx context.Context, c *change) error {
	var exists bool
	err := w.conn.QueryRowContext(ctx, `
		SELECT EXISTS (
			SELECT 1
			FROM cases
			WHERE id = $1)`, c.state.ID).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for a case: %w", err)
	}
	c.lost = ErrShortIDTaken
	if exists {
		c.lost = ErrCaseExists
	}
	return nil
}

func (w *writer) writeEvents(ctx context.Context, changes []*change) error {
	var events, blobs [][]any
	for _, c := range changes {
		for _, e := range c.events {
			events = append(events, []any{e.ID, c.organizationID, e.CaseID, e.Sequence, string(e.Type()), e.At.UnixMilli(), e.body})
		}
		for _, blob := range c.blobs {
			blobs = append(blobs, []any{blob.ID, c.state.ID, blob.Size, c.at})
		}
	}
	if err := w.each(ctx, &insertEvents, events, nil); err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	if err := w.each(ctx, &insertBlobs, blobs, nil); err != nil {
		return fmt.Errorf("insert blobs: %w", err)
	}
	return nil
}

// writeLanes counts the messages into their lanes. The lane of a case counts them
// all; where they do not wait for each other, each waits in a lane of its own.
func (w *writer) writeLanes(ctx context.Context, changes []*change) error {
	type key struct{ endpoint, lane string }
	uses := make(map[key]*laneUse)
	var rows [][]any
	for _, c := range changes {
		for _, use := range c.lanes {
			uses[key{use.endpoint.ID, use.lane}] = use
			var due, owner any
			if use.ordered() {
				due, owner = c.whenEmpty(use)
			}
			rows = append(rows, []any{use.endpoint.ID, use.lane, int64(len(use.messages)), due, owner})
			if use.ordered() {
				continue
			}
			due, owner = c.whenEmpty(use)
			for _, m := range use.messages {
				rows = append(rows, []any{use.endpoint.ID, m.Lane, int64(1), due, owner})
			}
		}
	}
	err := w.each(ctx, &useLanes, rows, func(rows *sql.Rows) error {
		var k key
		var last int64
		var owner string
		if err := rows.Scan(&k.endpoint, &k.lane, &last, &owner); err != nil {
			return err
		}
		if use := uses[k]; use != nil {
			use.last, use.owner = last, owner
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("use lanes: %w", err)
	}
	return nil
}

// whenEmpty returns what becomes of the lane if nothing waits in it: it is this
// node's where the messages are handed over, else due now.
func (c *change) whenEmpty(use *laneUse) (due, owner any) {
	if use.accepted {
		return nil, c.node
	}
	return c.at, nil
}

func (w *writer) writeDeliveries(ctx context.Context, changes []*change) error {
	var rows [][]any
	for _, c := range changes {
		for _, use := range c.lanes {
			if !use.ordered() && use.accepted {
				use.owner = c.node
			}
			first := use.last - int64(len(use.messages)) + 1
			for i := range use.messages {
				m := &use.messages[i]
				m.Sequence = first + int64(i)
				rows = append(rows, []any{m.DeliveryID, m.OrganizationID, m.Event.ID, string(m.Event.Type()), m.EndpointID, m.Event.CaseID, m.Lane, m.Sequence, c.at})
			}
		}
	}
	if err := w.each(ctx, &insertDeliveries, rows, nil); err != nil {
		return fmt.Errorf("insert deliveries: %w", err)
	}
	return nil
}

func (w *writer) writeAnswers(ctx context.Context, changes []*change) error {
	var rows [][]any
	for _, c := range changes {
		if c.once != nil {
			rows = append(rows, []any{c.organizationID, c.once.hash(), c.once.Digest[:], c.state.ID, c.sealedAnswer, c.at})
		}
	}
	type key struct{ organization, hash string }
	written := make(map[key]bool, len(rows))
	err := w.each(ctx, &insertAnswers, rows, func(rows *sql.Rows) error {
		var organization string
		var hash []byte
		err := rows.Scan(&organization, &hash)
		written[key{organization, string(hash)}] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("keep answers: %w", err)
	}
	return lose(changes, ErrAnswered, func(c *change) bool {
		if c.once == nil {
			return true
		}
		// Of two with one key the first wins.
		k := key{c.organizationID, string(c.once.hash())}
		won := written[k]
		delete(written, k)
		return won
	})
}

// lose marks the changes that did not win with what they lost, and returns errLost
// if there are any.
func lose(changes []*change, what error, won func(*change) bool) error {
	var lost error
	for _, c := range changes {
		if !won(c) {
			c.lost, lost = what, errLost
		}
	}
	return lost
}
