package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DeliveryFilter narrows a list of deliveries; zero values do not.
type DeliveryFilter struct {
	EndpointID string
	CaseID     string
	EventID    string
	State      State
	Tried      bool       // only what was attempted
	Since      *time.Time // made then or later
	Until      *time.Time // made before
}

// Deliveries returns at most limit deliveries of an organisation whose id comes
// before another, the newest first; from the newest for "".
func (s *Store) Deliveries(ctx context.Context, organizationID string, filter DeliveryFilter, before string, limit int) ([]Delivery, error) {
	query, arguments := filter.query(organizationID, before, limit)
	// An endpoint, a case or an event is of one organisation: what is asked of it here is
	// asked of all or none.
	deliveries, err := s.listDeliveries(ctx, selectDeliveries+`
	WHERE d.id IN (`+query+`) AND d.organization_id || '' = $1
	ORDER BY d.id DESC
	LIMIT `+strconv.Itoa(limit), arguments...)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return deliveries, nil
}

// query returns the query of the ids of the first deliveries of a list.
//
// It has them found by one index: of the event or of the case, where one is named; else of
// each state, by endpoint or by organisation. Then however many others there are of another
// state, endpoint or case, they are not looked at. Conditions that are to take no index add
// an empty text to their column, and the bounds and the order of a state's index are such that no other has them:
// PostgreSQL would go through all deliveries by their ids, and hope to find some soon. The
// other way round, the indexes of what is pending are of what has tries >= 0, so that only
// lists take them: else they would take the place of the one by lanes.
func (f DeliveryFilter) query(organizationID, before string, limit int) (query string, arguments []any) {
	where := conditions{arguments: []any{organizationID}} // which is $1 of the caller, too
	ofFew := f.EventID != "" || f.CaseID != ""
	var order string
	first, end := f.bounds(before)
	for _, of := range []struct{ column, id string }{
		{"event_id", f.EventID}, {"case_id", f.CaseID}, {"endpoint_id", f.EndpointID}, {"organization_id", organizationID},
	} {
		switch {
		case of.id == "" || of.column == "organization_id" && order != "":
		case order != "":
			where.and(`d.`+of.column+` || '' = ?`, of.id)
		default:
			order = `d.` + of.column + ` DESC, d.id DESC`
			where.and(`(d.`+of.column+`, d.id) >= (?, ?)`, of.id, first)
			where.and(`(d.`+of.column+`, d.id) < (?, ?)`, of.id, end)
		}
	}
	if f.Tried {
		where.and(`d.tries > 0`)
	}
	var parts []string
	for _, state := range f.states(ofFew) {
		parts = append(parts, `
		SELECT id
		FROM (
			SELECT d.id
			FROM deliveries AS d
			WHERE `+state+where.text+`
			ORDER BY `+order+`
			LIMIT `+strconv.Itoa(limit)+`) AS page`)
	}
	return strings.Join(parts, `
		UNION ALL`), where.arguments
}

// bounds returns the id that those of a list are not before, and the one that they are before.
func (f DeliveryFilter) bounds(before string) (first, end string) {
	end = "g" // behind all digits
	if f.Since != nil {
		first = firstID(*f.Since)
	}
	if f.Until != nil {
		end = firstID(*f.Until)
	}
	if before != "" {
		end = min(end, before)
	}
	return first, end
}

// listed is true of all deliveries, and has those that are pending found by the indexes of
// lists; see [DeliveryFilter.query].
const listed = ` AND d.tries >= 0`

// states returns the conditions of deliveries d, of which each is of one state, but where
// few come into question: then no index of a state is to be taken.
func (f DeliveryFilter) states(ofFew bool) []string {
	column := `d.state`
	if ofFew {
		column = `d.state || ''`
	}
	switch f.State {
	case "":
		if ofFew {
			return []string{`true`}
		}
		return []string{`d.state = 'pending'` + listed, `d.state = 'delivered'`, `d.state = 'failed'`, `d.state = 'canceled'`}
	case Sending: // found from the lanes: few are worked on, many may be pending
		return []string{column + ` = 'pending'
				AND d.id IN (
					SELECT (
						SELECT first.id
						FROM deliveries AS first
						WHERE first.endpoint_id = lanes.endpoint_id AND first.lane = lanes.lane AND first.state = 'pending'
						ORDER BY first.sequence
						LIMIT 1)
					FROM lanes
					WHERE lanes.owner IS NOT NULL)`}
	case Pending:
		return []string{column + ` = 'pending'` + listed + ` AND NOT ` + isSending}
	case Delivered, Failed, Canceled:
		return []string{column + ` = '` + string(f.State) + `'`}
	}
	return []string{`false`}
}

// DeliveriesOf returns at most limit deliveries of events to all endpoints, the newest first.
func (s *Store) DeliveriesOf(ctx context.Context, organizationID string, eventIDs []string, limit int) ([]Delivery, error) {
	where := conditions{text: `d.organization_id || '' = $1 AND d.event_id IN (''`, arguments: []any{organizationID}}
	for _, id := range eventIDs {
		where.arguments = append(where.arguments, id)
		where.text += `, $` + strconv.Itoa(len(where.arguments))
	}
	deliveries, err := s.listDeliveries(ctx, selectDeliveries+`
	WHERE `+where.text+`)
	ORDER BY d.id DESC
	LIMIT `+strconv.Itoa(limit), where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("list the deliveries of events: %w", err)
	}
	return deliveries, nil
}

// FailedLately returns at most limit deliveries of an organisation that failed for good, the
// last one first.
func (s *Store) FailedLately(ctx context.Context, organizationID string, limit int) ([]Delivery, error) {
	deliveries, err := s.listDeliveries(ctx, selectDeliveries+`
	WHERE d.organization_id = $1 AND d.state = 'failed' AND d.finished_at IS NOT NULL
	ORDER BY d.finished_at DESC
	LIMIT $2`, organizationID, limit)
	if err != nil {
		return nil, fmt.Errorf("list what failed lately: %w", err)
	}
	return deliveries, nil
}

func (s *Store) listDeliveries(ctx context.Context, query string, arguments ...any) ([]Delivery, error) {
	rows, err := s.readers.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	var deliveries []Delivery
	return deliveries, scanAll(rows, func(rows *sql.Rows) error {
		d, err := scanDelivery(rows)
		deliveries = append(deliveries, d)
		return err
	})
}

// firstID returns the least id that can be made at a moment; see madeAt.
func firstID(moment time.Time) string {
	hex := fmt.Sprintf("%012x", max(moment.UnixMilli(), 0))
	return hex[:8] + "-" + hex[8:12] + "-0000-0000-000000000000"
}
