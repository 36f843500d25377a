package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/vault"
)

// Happening is an event that was recorded, or what an attempt came to.
type Happening struct {
	ID         string // its own
	At         time.Time
	EventID    string
	EventType  caseupdate.Event
	CaseID     string
	ShortID    string // of the case; "" where it was erased
	DeliveryID string // "" where an event was recorded: then there is nothing of what follows
	EndpointID string
	State      State         // what became of the delivery: Pending where it is tried again
	Attempt    int           // 1, 2, 3 …; 0 where none was made
	StatusCode int           // 0 where there was no answer
	Withheld   bool          // Attempt was not made, as the endpoint may not be told of the event: it was canceled instead
	Took       time.Duration // 0 also where it is not known any more
}

// Horizon is up to where what has happened is known; the zero value is before its start.
type Horizon struct {
	Event    Position
	Receipt  Position // where Event is its place among all receipts
	FailedAt int64    // up to when attempts that failed are known, in milliseconds
}

const (
	// lateness is how much later than it was over an attempt may be on record, and that clocks
	// of nodes may differ.
	lateness = 30 * time.Second
	// maxGlanced is how many receipts and attempts of all organisations are looked at for
	// those of one.
	maxGlanced = 5000
)

// SealHorizon returns a horizon as a text that only an organisation's own key opens: its places
// are among those of all organisations, and would tell how much happens in the others.
func (s *Store) SealHorizon(ctx context.Context, organizationID string, h Horizon) (string, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return "", err
	}
	places, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("seal a horizon: %w", err)
	}
	sealed, err := org.key.Seal(places, horizonOf(organizationID))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// OpenHorizon returns the horizon that SealHorizon sealed, or ErrNotFound.
func (s *Store) OpenHorizon(ctx context.Context, organizationID, sealed string) (h Horizon, err error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return Horizon{}, err
	}
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return Horizon{}, ErrNotFound
	}
	places, err := org.key.Open(b, horizonOf(organizationID))
	if err != nil {
		return Horizon{}, ErrNotFound
	}
	return h, json.Unmarshal(places, &h)
}

func horizonOf(organizationID string) vault.Where {
	return vault.Where{Table: "events", Row: organizationID, Column: "horizon"}
}

// Happenings returns what has happened in an organisation beyond a horizon, the oldest first,
// and the horizon that there is now. Of more than limit events, or outcomes, or attempts it
// has the latest, and more is true; so it is where of all organisations more have ended or
// failed than are looked at. Attempts that failed of late are there again: they are
// on record in no order.
func (s *Store) Happenings(ctx context.Context, organizationID string, after Horizon, limit int) (all []Happening, reached Horizon, more bool, err error) {
	reached = after
	read := func(found []Happening, left bool, err error) error {
		more = more || left || len(found) == limit
		all = append(all, found...)
		return err
	}
	recorded, err := s.recordedSince(ctx, organizationID, &reached.Event, limit)
	if err := read(recorded, false, err); err != nil {
		return nil, after, false, fmt.Errorf("read what happened: %w", err)
	}
	if err := read(s.outcomesSince(ctx, organizationID, &reached.Receipt, limit)); err != nil {
		return nil, after, false, fmt.Errorf("read what happened: %w", err)
	}
	if err := read(s.failuresSince(ctx, organizationID, &reached.FailedAt, limit)); err != nil {
		return nil, after, false, fmt.Errorf("read what happened: %w", err)
	}
	slices.SortStableFunc(all, func(a, b Happening) int { return a.At.Compare(b.At) })
	return all, reached, more, nil
}

// recordedSince returns events after a position, and moves it to the last of them.
func (s *Store) recordedSince(ctx context.Context, organizationID string, after *Position, limit int) (found []Happening, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT transaction_id, position, id, type, case_id, at, (`+shortIDOf+`events.case_id)
		FROM events
		WHERE organization_id = $1 AND `+s.connection.after("$2", "$3")+` AND type <> '' AND `+s.connection.settled()+`
		ORDER BY transaction_id DESC, position DESC
		LIMIT $4`, organizationID, after.Transaction, after.Event, limit)
	if err != nil {
		return nil, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var h Happening
		var p Position
		var milliseconds int64
		var shortID sql.NullString
		err := rows.Scan(&p.Transaction, &p.Event, &h.EventID, &h.EventType, &h.CaseID, &milliseconds, &shortID)
		h.ID, h.At, h.ShortID = h.EventID, at(milliseconds), shortID.String
		after.advance(p)
		found = append(found, h)
		return err
	})
	slices.Reverse(found)
	return found, err
}

// outcomesSince is recordedSince for the ends of deliveries. Left is whether there were more
// than were looked at.
func (s *Store) outcomesSince(ctx context.Context, organizationID string, after *Position, limit int) (found []Happening, left bool, err error) {
	until := *after // of all organisations, so that what is not of this one is not looked at again
	err = s.readers.QueryRowContext(ctx, `
		SELECT transaction_id, position
		FROM receipts
		WHERE `+s.connection.settled()+`
		ORDER BY transaction_id DESC, position DESC
		LIMIT 1`).Scan(&until.Transaction, &until.Event)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, false, err
	}
	if until == *after { // as it is most of the time
		return nil, false, nil
	}
	err = s.readers.QueryRowContext(ctx, `
		SELECT EXISTS (
			SELECT 1
			FROM receipts
			WHERE (transaction_id, position) > ($1, $2) AND (transaction_id, position) <= ($3, $4) AND repeated + 0 = 0
			ORDER BY transaction_id DESC, position DESC
			LIMIT 1 OFFSET $5)`, after.Transaction, after.Event, until.Transaction, until.Event, maxGlanced).Scan(&left)
	if err != nil {
		return nil, false, err
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT delivery_id, event_id, event_type, case_id, endpoint_id, outcome, attempts, status_code, at,
			(
				SELECT milliseconds
				FROM attempts
				WHERE attempts.delivery_id = latest.delivery_id AND attempts.number = latest.attempts),
			outcome = 'canceled' AND EXISTS (
				SELECT 1
				FROM attempts
				WHERE attempts.delivery_id = latest.delivery_id AND attempts.number = latest.attempts AND `+isWithheld(`attempts`)+` AND attempts.started_at = latest.at),
			(`+shortIDOf+`latest.case_id)
		FROM (
			SELECT transaction_id, position, organization_id, delivery_id, event_id, event_type, case_id, endpoint_id, outcome, attempts, status_code, at
			FROM receipts
			WHERE `+s.connection.after("$1", "$2")+` AND (transaction_id, position) <= ($3, $4) AND repeated + 0 = 0
			ORDER BY transaction_id DESC, position DESC
			LIMIT $5) AS latest
		WHERE organization_id = $6
		ORDER BY transaction_id DESC, position DESC
		LIMIT $7`, after.Transaction, after.Event, until.Transaction, until.Event, maxGlanced, organizationID, limit)
	if err != nil {
		return nil, false, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var h Happening
		var over int64
		var status, took sql.NullInt64
		var shortID sql.NullString
		err := rows.Scan(&h.DeliveryID, &h.EventID, &h.EventType, &h.CaseID, &h.EndpointID, &h.State, &h.Attempt, &status, &over, &took, &h.Withheld, &shortID)
		h.ended(over, status, took, shortID)
		found = append(found, h)
		return err
	})
	*after = until
	slices.Reverse(found)
	return found, left, err
}

// failuresSince returns attempts that were made and failed, but not for good, which were over after a
// moment, or not long before it, and moves it to now. Left is whether there were more since
// than were looked at.
func (s *Store) failuresSince(ctx context.Context, organizationID string, after *int64, limit int) (found []Happening, left bool, err error) {
	from, now := *after-lateness.Milliseconds(), s.now().UnixMilli()
	var some bool
	err = s.readers.QueryRowContext(ctx, `
		SELECT EXISTS (
			SELECT 1
			FROM attempts
			WHERE started_at + milliseconds > $1 AND (status_code IS NULL OR status_code < 200 OR status_code > 299)
			ORDER BY started_at + milliseconds DESC
			LIMIT 1), EXISTS (
			SELECT 1
			FROM attempts
			WHERE started_at + milliseconds > $2 AND (status_code IS NULL OR status_code < 200 OR status_code > 299)
			ORDER BY started_at + milliseconds DESC
			LIMIT 1 OFFSET $3)`, from, *after, maxGlanced).Scan(&some, &left)
	if err != nil {
		return nil, false, err
	}
	if !some { // as it is most of the time
		*after = now
		return nil, false, nil
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT d.id, d.event_id, d.event_type, d.case_id, d.endpoint_id, latest.number, latest.status_code, latest.over, latest.milliseconds, (`+shortIDOf+`d.case_id)
		FROM (
			SELECT delivery_id, number, status_code, milliseconds, started_at + milliseconds AS over
			FROM attempts
			WHERE started_at + milliseconds > $1 AND (status_code IS NULL OR status_code < 200 OR status_code > 299)
			ORDER BY started_at + milliseconds DESC
			LIMIT $2) AS latest
		JOIN deliveries AS d ON d.id = latest.delivery_id
		WHERE d.organization_id || '' = $3 AND NOT EXISTS (
			SELECT 1
			FROM receipts
			WHERE receipts.delivery_id = latest.delivery_id AND receipts.attempts = latest.number AND receipts.repeated = 0
				AND (receipts.outcome = 'failed'
					OR receipts.outcome = 'canceled' AND receipts.at = latest.over AND `+isWithheld(`latest`)+`))
		ORDER BY latest.over DESC
		LIMIT $4`, from, maxGlanced, organizationID, limit)
	if err != nil {
		return nil, false, err
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		h := Happening{State: Pending}
		var over int64
		var status, took sql.NullInt64
		var shortID sql.NullString
		err := rows.Scan(&h.DeliveryID, &h.EventID, &h.EventType, &h.CaseID, &h.EndpointID, &h.Attempt, &status, &over, &took, &shortID)
		h.ended(over, status, took, shortID)
		found = append(found, h)
		return err
	})
	*after = now
	slices.Reverse(found)
	return found, left, err
}

// shortIDOf begins the query of the short id of a case that was not erased.
const shortIDOf = `SELECT short_id FROM cases WHERE cases.version > 0 AND cases.id = `

// ended completes what is known of an attempt.
func (h *Happening) ended(over int64, status, took sql.NullInt64, shortID sql.NullString) {
	h.ID = fmt.Sprintf("%s-%d-%s", h.DeliveryID, h.Attempt, h.State)
	h.At, h.StatusCode, h.Took, h.ShortID = at(over), int(status.Int64), time.Duration(took.Int64)*time.Millisecond, shortID.String
}

// advance moves a position to another one that comes after it.
func (p *Position) advance(to Position) {
	if cmp.Or(cmp.Compare(to.Transaction, p.Transaction), cmp.Compare(to.Event, p.Event)) > 0 {
		*p = to
	}
}
