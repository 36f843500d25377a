package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

const selectMessages = `
		SELECT id, organization_id, endpoint_id, lane, case_id, sequence, tries, deferred, linked, COALESCE(replay_id, ''), due_at,
			(SELECT events.sequence FROM events WHERE events.id = deliveries.event_id)
		FROM deliveries`

// scanMessage reads a message without its event, and says of which case that is, and which of
// its events.
func scanMessage(row scanner) (m Message, caseID string, sequence int64, err error) {
	var linked int64
	var due sql.NullInt64
	err = row.Scan(&m.DeliveryID, &m.OrganizationID, &m.EndpointID, &m.Lane, &caseID, &m.Sequence, &m.Tries, &m.Deferred, &linked, &m.ReplayID, &due, &sequence)
	m.Linked, m.DueAt = linked == 1, maybeAt(due)
	return m, caseID, sequence, err
}

// Message returns what a delivery has to send, whatever its state. The error is ErrNotFound
// where there is no such delivery, or its case was erased.
func (s *Store) Message(ctx context.Context, organizationID, deliveryID string) (Message, error) {
	m, caseID, sequence, err := scanMessage(s.readers.QueryRowContext(ctx, selectMessages+`
		WHERE id = $1 AND organization_id = $2`, deliveryID, organizationID))
	if err != nil {
		return Message{}, oneRow("a message", err)
	}
	h, err := s.history(ctx, caseID, sequence, sequence)
	if err != nil {
		return Message{}, err
	}
	entry, err := h.entry(sequence)
	m.Event, m.Case, m.Key = entry.Event, entry.Case, entry.Key
	return m, err
}

// MaxAhead is up to how many deliveries ahead of another are counted.
const MaxAhead = 100

// Ahead is what comes before a delivery in its lane, and is pending.
type Ahead struct {
	Count int // at most MaxAhead
	First Head
}

// Head is the first delivery of a lane that is pending, which all others there wait for.
type Head struct {
	DeliveryID string
	EventID    string
	EventType  caseupdate.Event
	Sequence   int64      // its place among the events of the case: 1, 2, 3 …
	DueAt      *time.Time // of its next attempt; nil where it waits for none
}

// Ahead returns what comes before deliveries that are pending, by their ids; nothing for
// those that are the first in their lanes. Whose they are is not asked: they are to be
// deliveries that the caller may see.
func (s *Store) Ahead(ctx context.Context, deliveryIDs []string) (map[string]Ahead, error) {
	if len(deliveryIDs) == 0 {
		return nil, nil
	}
	where := conditions{text: `d.state || '' = 'pending'`} // each is found by its id
	where.among(`d.id`, deliveryIDs)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT behind.id, behind.count, head.id, head.event_id, head.event_type, head.due_at, (
				SELECT events.sequence
				FROM events
				WHERE events.id = head.event_id)
		FROM (
			SELECT d.id, (
					SELECT COUNT(*)
					FROM (
						SELECT 1
						FROM deliveries AS ahead
						WHERE ahead.endpoint_id = d.endpoint_id AND ahead.lane = d.lane AND ahead.state = 'pending' AND ahead.sequence < d.sequence
						LIMIT `+strconv.Itoa(MaxAhead)+`) AS ahead) AS count, (
					SELECT first.id
					FROM deliveries AS first
					WHERE first.endpoint_id = d.endpoint_id AND first.lane = d.lane AND first.state = 'pending' AND first.sequence < d.sequence
					ORDER BY first.sequence
					LIMIT 1) AS head
			FROM deliveries AS d
			WHERE `+where.text+`) AS behind
		JOIN deliveries AS head ON head.id = behind.head`, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("ask what is ahead of deliveries: %w", err)
	}
	all := make(map[string]Ahead)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var a Ahead
		var due sql.NullInt64
		err := rows.Scan(&id, &a.Count, &a.First.DeliveryID, &a.First.EventID, &a.First.EventType, &due, &a.First.Sequence)
		a.First.DueAt = maybeAt(due)
		all[id] = a
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask what is ahead of deliveries: %w", err)
	}
	return all, nil
}
