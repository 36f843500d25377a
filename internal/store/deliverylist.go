package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// DeliveryFilter narrows a list of deliveries; zero values do not.
type DeliveryFilter struct {
	EndpointID string
	CaseID     string
	EventID    string
	Event      caseupdate.Event // the name of the event
	State      State
	Tried      bool       // only what was attempted
	Since      *time.Time // made then or later
	Until      *time.Time // made before
}

// Deliveries returns at most limit deliveries of an organisation whose id comes
// before another, the newest first; from the newest for "".
//
// For those of an Event it looks at a part of the others only: then reached is the id down to
// which it has looked, from which the rest is found on. It is "" where there is no rest.
func (s *Store) Deliveries(ctx context.Context, organizationID string, filter DeliveryFilter, before string, limit int) (found []Delivery, reached string, err error) {
	list := filter.list(organizationID, before)
	var from reader = s.readers
	query := list.query
	if list.looked {
		// Both queries see the same deliveries: of what is made in between, the search would
		// look at the newest, and leave out the oldest.
		tx, err := s.readers.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return nil, "", fmt.Errorf("list deliveries: %w", err)
		}
		defer func() { _ = tx.Rollback() }() // there is nothing to commit
		var own bool
		if reached, own, err = list.depth(ctx, tx); err != nil {
			return nil, "", fmt.Errorf("list deliveries: %w", err)
		}
		if !own {
			return nil, "", nil
		}
		list.begin(reached)
		from, query = tx, list.search
	}
	// An endpoint, a case or an event is of one organisation: what is asked of it here is
	// asked of all or none.
	found, err = listDeliveries(ctx, from, selectDeliveries+`
	WHERE d.id IN (`+query(limit)+`) AND d.organization_id || '' = $4
	ORDER BY d.id DESC
	LIMIT `+strconv.Itoa(limit), list.where.arguments...)
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	return found, reached, nil
}

// deliveryList is a list of deliveries as the database is asked for it.
//
// It has them found by one index: of the event or of the case, where one is named; else of
// each state, by endpoint or by organisation. Then however many others there are of another
// state, endpoint or case, they are not looked at. Conditions that are to take no index add
// an empty text to their column, and the bounds and the order of a state's index are such that no other has them:
// PostgreSQL would go through all deliveries by their ids, and hope to find some soon. The
// other way round, the indexes of what is pending are of what has tries >= 0, so that only
// lists take them: else they would take the place of the one by lanes.
//
// No index tells of which name the events are: each would be written with every message. So
// those of a name are looked for among others, of which looked is the most at a time.
type deliveryList struct {
	column string     // whose index it is
	parts  []part     // that it is put together of
	where  conditions // of all parts that no index has; the first arguments are the bounds of the index, and the organisation
	looked bool
}

// part is the conditions of deliveries d, of which each is of one state: those that an index
// has, and others.
type part struct{ indexed, others string }

// maxLooked is how many deliveries of each state are looked at for those of an event's name.
const maxLooked = 4000

func (f DeliveryFilter) list(organizationID, before string) *deliveryList {
	first, end := f.bounds(before)
	l := &deliveryList{where: conditions{arguments: []any{"", first, end, organizationID}}}
	for _, of := range []struct{ column, id string }{
		{"event_id", f.EventID}, {"case_id", f.CaseID}, {"endpoint_id", f.EndpointID}, {"organization_id", organizationID},
	} {
		switch {
		case of.id == "" || of.column == "organization_id" && l.column != "":
		case l.column != "":
			l.where.and(`d.`+of.column+` || '' = ?`, of.id)
		default:
			l.column, l.where.arguments[0] = of.column, of.id
		}
	}
	if f.Event != "" {
		l.where.and(`d.event_type = ?`, string(f.Event))
	}
	l.parts = f.parts(f.EventID != "" || f.CaseID != "")
	l.looked = f.Event != "" && f.EventID == "" && f.State != Sending // of those are few
	return l
}

// within are the bounds of the index, and its order.
func (l *deliveryList) within() (bounds, order string) {
	return ` AND (d.` + l.column + `, d.id) >= ($1, $2) AND (d.` + l.column + `, d.id) < ($1, $3)`, `d.` + l.column + ` DESC, d.id DESC`
}

// begin has the list end at an id.
func (l *deliveryList) begin(first string) {
	if first != "" {
		l.where.arguments[1] = first
	}
}

// each returns the query of the ids that a query finds of each part.
func (l *deliveryList) each(query func(part) string) string {
	queries := make([]string, len(l.parts))
	for i, p := range l.parts {
		queries[i] = `
		SELECT id
		FROM (` + query(p) + `) AS page`
	}
	return strings.Join(queries, `
		UNION ALL`)
}

// query returns the query of the ids of the first deliveries of the list.
func (l *deliveryList) query(limit int) string {
	bounds, order := l.within()
	return l.each(func(p part) string {
		return `
			SELECT d.id
			FROM deliveries AS d
			WHERE ` + p.indexed + bounds + p.others + l.where.text + `
			ORDER BY ` + order + `
			LIMIT ` + strconv.Itoa(limit)
	})
}

// search is query where what is looked for is in no index. The limit within has it looked for
// among what the index has found, whatever the engine expects to be there. It leaves nothing
// out: from where depth says are no more.
func (l *deliveryList) search(limit int) string {
	bounds, order := l.within()
	return l.each(func(p part) string {
		return `
			SELECT d.id
			FROM (
				SELECT d.id, d.organization_id, d.event_type, d.endpoint_id, d.case_id, d.lane, d.sequence, d.state, d.tries
				FROM deliveries AS d
				WHERE ` + p.indexed + bounds + `
				ORDER BY ` + order + `
				LIMIT ` + strconv.Itoa(maxLooked) + `) AS d
			WHERE true` + l.where.text + p.others + `
			ORDER BY d.id DESC
			LIMIT ` + strconv.Itoa(limit)
	})
}

// depth returns the id down to which a list is looked through: of no state are more than
// maxLooked. It is "" where that is all. Own is whether the list is the organisation's: it
// may be of an endpoint, a case or an event of another one.
func (l *deliveryList) depth(ctx context.Context, from reader) (reached string, own bool, err error) {
	bounds, order := l.within()
	err = from.QueryRowContext(ctx, `
		SELECT d.id, d.organization_id || '' = $4
		FROM deliveries AS d
		WHERE d.id = (
			SELECT MAX(id)
			FROM (`+l.each(func(p part) string {
		return `
			SELECT d.id
			FROM deliveries AS d
			WHERE ` + p.indexed + bounds + `
			ORDER BY ` + order + `
			LIMIT 1 OFFSET ` + strconv.Itoa(maxLooked-1)
	})+`) AS last)`, l.where.arguments[:4]...).Scan(&reached, &own)
	if errors.Is(err, sql.ErrNoRows) {
		return "", true, nil
	}
	return reached, own, err
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
// lists; see [deliveryList].
const listed = ` AND d.tries >= 0`

// parts returns the parts of a list, each of one state, but where few come into question: then
// no index of a state is to be taken.
func (f DeliveryFilter) parts(ofFew bool) []part {
	pending, tried := part{`d.state = 'pending'` + listed, ""}, ""
	if f.Tried { // they have an index of their own where they are pending
		tried = ` AND d.tries > 0`
		pending.indexed = `d.state = 'pending'` + tried
	}
	if ofFew {
		return []part{{`true`, f.state(`d.state || ''`) + tried}}
	}
	switch f.State {
	case "":
		return []part{pending, {`d.state = 'delivered'`, tried}, {`d.state = 'failed'`, tried}, {`d.state = 'canceled'`, tried}}
	case Pending:
		return []part{{pending.indexed, ` AND NOT ` + isSending}}
	}
	return []part{{`true` + f.state(`d.state`), tried}}
}

// state returns the condition that a delivery d, of which state is a column, is in the state.
func (f DeliveryFilter) state(column string) string {
	switch f.State {
	case "":
		return ""
	case Sending: // found from the lanes: few are worked on, many may be pending
		return ` AND ` + column + ` = 'pending'
				AND d.id IN (
					SELECT (
						SELECT first.id
						FROM deliveries AS first
						WHERE first.endpoint_id = lanes.endpoint_id AND first.lane = lanes.lane AND first.state = 'pending'
						ORDER BY first.sequence
						LIMIT 1)
					FROM lanes
					WHERE lanes.owner IS NOT NULL)`
	case Pending:
		return ` AND ` + column + ` = 'pending' AND NOT ` + isSending
	case Delivered, Failed, Canceled:
		return ` AND ` + column + ` = '` + string(f.State) + `'`
	}
	return ` AND false`
}

// DeliveriesOf returns at most limit deliveries of events to all endpoints, the newest first.
func (s *Store) DeliveriesOf(ctx context.Context, organizationID string, eventIDs []string, limit int) ([]Delivery, error) {
	where := conditions{text: `d.organization_id || '' = $1 AND d.event_id IN (''`, arguments: []any{organizationID}}
	for _, id := range eventIDs {
		where.arguments = append(where.arguments, id)
		where.text += `, $` + strconv.Itoa(len(where.arguments))
	}
	deliveries, err := listDeliveries(ctx, s.readers, selectDeliveries+`
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
	deliveries, err := listDeliveries(ctx, s.readers, selectDeliveries+`
	WHERE d.organization_id = $1 AND d.state = 'failed' AND d.finished_at IS NOT NULL
	ORDER BY d.finished_at DESC
	LIMIT $2`, organizationID, limit)
	if err != nil {
		return nil, fmt.Errorf("list what failed lately: %w", err)
	}
	return deliveries, nil
}

// reader is all connections that read, or a transaction on one.
type reader interface {
	QueryContext(ctx context.Context, query string, arguments ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, arguments ...any) *sql.Row
}

func listDeliveries(ctx context.Context, from reader, query string, arguments ...any) ([]Delivery, error) {
	rows, err := from.QueryContext(ctx, query, arguments...)
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

// firstID returns the least id that can be made at a moment; see MadeAt.
func firstID(moment time.Time) string {
	hex := fmt.Sprintf("%012x", max(moment.UnixMilli(), 0))
	return hex[:8] + "-" + hex[8:12] + "-0000-0000-000000000000"
}
