package store

import (
	"context"
	"database/sql"
	"fmt"
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

// Ahead returns how many deliveries that are pending come before another in its lane, at most
// MaxAhead, and the first of them, which all others wait for; nil where there is none.
func (s *Store) Ahead(ctx context.Context, deliveryID string) (first *Delivery, count int, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT ahead.id
		FROM deliveries AS d
		JOIN deliveries AS ahead ON ahead.endpoint_id = d.endpoint_id AND ahead.lane = d.lane AND ahead.state = 'pending' AND ahead.sequence < d.sequence
		WHERE d.id = $1
		ORDER BY ahead.sequence
		LIMIT $2`, deliveryID, MaxAhead)
	if err != nil {
		return nil, 0, fmt.Errorf("ask what is ahead of delivery %s: %w", deliveryID, err)
	}
	var ids []string
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("ask what is ahead of delivery %s: %w", deliveryID, err)
	}
	if len(ids) == 0 {
		return nil, 0, nil
	}
	ahead, err := s.listDeliveries(ctx, selectDeliveries+`
	WHERE d.id = $1`, ids[0])
	if err != nil || len(ahead) == 0 { // pruned just now
		return nil, 0, err
	}
	return &ahead[0], len(ids), nil
}
