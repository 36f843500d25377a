package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/vault"
)

// Entry is an event of the feed, with the case as of it.
type Entry struct {
	Position Position // in the feed
	Event    caselog.Event
	Case     *caselog.Case
	Key      *vault.Key // of the case
}

// Position is a place in the feed; the zero value is before its start.
type Position struct {
	Transaction int64 // in which the event was recorded
	Event       int64 // among all events
}

// Feed returns at most limit events of an organisation that come after a position
// in the feed, oldest first. What commits later comes later: a reader who goes on
// from position to position misses none. Events of cases that were erased are left out.
func (s *Store) Feed(ctx context.Context, organizationID string, after Position, limit int) (entries []Entry, err error) {
	for {
		found, last, more, err := s.feed(ctx, organizationID, after, limit-len(entries))
		if err != nil {
			return nil, err
		}
		entries = append(entries, found...)
		if !more || len(entries) == limit {
			return entries, nil
		}
		after = last // in between there was what was erased
	}
}

// feed looks at limit events, and returns those that can be read. Last is the position of
// the last of them all; more is whether others may follow it.
func (s *Store) feed(ctx context.Context, organizationID string, after Position, limit int) (entries []Entry, last Position, more bool, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT transaction_id, position, case_id, sequence
		FROM events
		WHERE organization_id = $1 AND `+s.connection.after("$2", "$3")+` AND type <> '' AND `+s.connection.settled()+`
		ORDER BY transaction_id, position
		LIMIT $4`, organizationID, after.Transaction, after.Event, limit)
	if err != nil {
		return nil, last, false, fmt.Errorf("read the feed: %w", err)
	}
	type place struct {
		position Position
		sequence int64
		caseID   string
	}
	var places []place
	starts, ends := make(map[string]int64), make(map[string]int64) // of each case, the sequences that are asked for
	err = scanAll(rows, func(rows *sql.Rows) error {
		var p place
		err := rows.Scan(&p.position.Transaction, &p.position.Event, &p.caseID, &p.sequence)
		places = append(places, p)
		if _, ok := starts[p.caseID]; !ok {
			starts[p.caseID] = p.sequence
		}
		ends[p.caseID] = p.sequence
		last = p.position
		return err
	})
	if err != nil {
		return nil, last, false, fmt.Errorf("read the feed: %w", err)
	}
	histories := make(map[string]*history, len(ends))
	for caseID, sequence := range ends {
		h, err := s.history(ctx, caseID, starts[caseID], sequence)
		switch {
		case errors.Is(err, ErrNotFound): // it was erased just now, or before the copy was made that this is
		case err != nil:
			return nil, last, false, err
		default:
			histories[caseID] = h
		}
	}
	for _, p := range places {
		h := histories[p.caseID]
		if h == nil {
			continue
		}
		entry, err := h.entry(p.sequence)
		if err != nil {
			return nil, last, false, err
		}
		entry.Position = p.position
		entries = append(entries, entry)
	}
	return entries, last, len(places) == limit, nil
}

// CaseFeed returns at most limit events of a case that come after a sequence,
// oldest first. The error is ErrNotFound where the organisation has no such case.
func (s *Store) CaseFeed(ctx context.Context, organizationID, caseID string, after int64, limit int) ([]Entry, error) {
	state, _, err := s.Case(ctx, organizationID, caseID, 0)
	if err != nil {
		return nil, err
	}
	after = max(after, 0)
	until := min(after+int64(limit), state.Version)
	if until <= after {
		return nil, nil
	}
	h, err := s.history(ctx, caseID, after+1, until)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, until-after)
	for sequence := after + 1; sequence <= until; sequence++ {
		entry, err := h.entry(sequence)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// history folds a case step by step.
type history struct {
	key    *vault.Key
	last   *caselog.Case   // the last known state, which need not be folded
	before int64           // the sequence of the event before the first of events
	events []caselog.Event // what is not in begin
	begin  *caselog.Case   // as of before; nil where that is 0, or only last is asked for
	state  *caselog.Case   // after the last entry that was asked for
}

// history returns the events of a case from a sequence up to another, or ErrNotFound. It
// reads those before only as far as no state of them is known.
func (s *Store) history(ctx context.Context, caseID string, from, until int64) (*history, error) {
	head, err := s.head(ctx, caseID)
	if err != nil {
		return nil, err
	}
	h := &history{key: head.key, last: head.state}
	switch known := head.state.Version; {
	case known < from:
		h.before, h.begin = known, head.state
	case known == from && from == until:
		h.before = from - 1
	default:
		h.begin, h.before = head.before(from)
	}
	h.events, _, err = s.events(ctx, head.key, caseID, h.before, until)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// entry returns the event with that sequence. It is quick where that is higher than the
// one of the call before.
func (h *history) entry(sequence int64) (Entry, error) {
	if sequence <= h.before || sequence > h.before+int64(len(h.events)) {
		return Entry{}, fmt.Errorf("there is no event %d among %d after event %d", sequence, len(h.events), h.before)
	}
	event := h.events[sequence-h.before-1]
	if sequence == h.last.Version {
		return Entry{Event: event, Case: h.last, Key: h.key}, nil
	}
	if h.state == nil || h.state.Version > sequence {
		h.state = h.begin
	}
	done := h.before
	if h.state != nil {
		done = h.state.Version
	}
	state, err := caselog.Fold(h.state, h.events[done-h.before:sequence-h.before]...)
	if err != nil {
		return Entry{}, err
	}
	h.state = state
	return Entry{Event: event, Case: state, Key: h.key}, nil
}

// events returns the events of a case after a sequence and up to another, and how many
// bytes they take, sealed. The error is ErrNotFound where the case was erased.
func (s *Store) events(ctx context.Context, key *vault.Key, caseID string, after, until int64) (events []caselog.Event, size int, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, sequence, type, at, body
		FROM events
		WHERE case_id = $1 AND sequence > $2 AND sequence <= $3
		ORDER BY sequence`, caseID, after, until)
	if err != nil {
		return nil, 0, fmt.Errorf("read the events of case %s: %w", caseID, err)
	}
	events = make([]caselog.Event, 0, until-after)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id, name string
		var sequence, milliseconds int64
		var sealed sql.RawBytes
		if err := rows.Scan(&id, &sequence, &name, &milliseconds, &sealed); err != nil {
			return err
		}
		if name == "" {
			s.cases.erase(caseID)
			return ErrNotFound
		}
		e, err := openEvent(key, id, caseupdate.Event(name), sealed)
		if err != nil {
			return err
		}
		e.CaseID, e.Sequence, e.At = caseID, sequence, caseupdate.At(at(milliseconds))
		events = append(events, e)
		size += len(sealed)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the events of case %s: %w", caseID, err)
	}
	return events, size, nil
}

func sealEvent(key *vault.Key, e caselog.Event) ([]byte, error) {
	body, err := e.EncodeBody()
	if err != nil {
		return nil, err
	}
	sealed, err := key.Seal(body, eventPlace(e.ID))
	if err != nil {
		return nil, fmt.Errorf("seal event %s: %w", e.ID, err)
	}
	return sealed, nil
}

// openEvent returns an event without its place in the log and its time, which are not
// sealed.
func openEvent(key *vault.Key, id string, name caseupdate.Event, sealed []byte) (caselog.Event, error) {
	e := caselog.Event{ID: id}
	body, err := key.Open(sealed, eventPlace(id))
	if err != nil {
		return e, fmt.Errorf("open event %s: %w", id, err)
	}
	return e, e.DecodeBody(name, body)
}

func eventPlace(id string) vault.Where { return vault.Where{Table: "events", Row: id, Column: "body"} }

// KnownEvent is where an event is in the log.
type KnownEvent struct {
	OrganizationID string
	CaseID         string
	Sequence       int64
	Type           caseupdate.Event // "" where the case was erased
	IsRestricted   bool             // told only of the organisation's own
	// Digest is that of the organisation's own event, where it was told; see
	// [caselog.Report].
	Digest []byte
}

// EventsKnown returns those events that are in the log by their ids, whosever they are.
// Only those of the organisation itself are opened, each by itself, and not at all where
// their case was erased.
func (s *Store) EventsKnown(ctx context.Context, organizationID string, ids []string) (map[string]KnownEvent, error) {
	where := among(ids)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, organization_id, case_id, sequence, type, body,
			(SELECT share FROM cases WHERE cases.id = events.case_id),
			(SELECT wrapped_key FROM cases WHERE cases.id = events.case_id)
		FROM events
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("look for events: %w", err)
	}
	known, keys := make(map[string]KnownEvent), make(map[string]*vault.Key)
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id, name string
		var k KnownEvent
		var body, wrapped sql.RawBytes
		var share sql.NullString
		if err := rows.Scan(&id, &k.OrganizationID, &k.CaseID, &k.Sequence, &name, &body, &share, &wrapped); err != nil {
			return err
		}
		k.Type = caseupdate.Event(name)
		known[id] = k
		if k.OrganizationID != organizationID || name == "" {
			return nil
		}
		key, ok := keys[k.CaseID]
		if !ok {
			var err error
			if key, err = s.openCaseKey(k.CaseID, share, wrapped); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			keys[k.CaseID] = key
		}
		if key == nil { // it was erased before the copy was made that this is
			return nil
		}
		event, err := openEvent(key, id, caseupdate.Event(name), body)
		if err != nil {
			return err
		}
		k.IsRestricted = event.Activity().IsRestricted
		if event.Report != nil {
			k.Digest = event.Report.Digest
		}
		known[id] = k
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for events: %w", err)
	}
	return known, nil
}

// WhenRecorded returns when those events of an organisation were recorded, by their ids, which
// for one that was told of is later than it happened. Of one from before that was kept it is when
// that happened.
func (s *Store) WhenRecorded(ctx context.Context, organizationID string, ids []string) (map[string]time.Time, error) {
	where := among(ids)
	where.and(`organization_id || '' = ?`, organizationID) // SQLite would go through all events of the organisation
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, COALESCE(recorded_at, at)
		FROM events
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read when events were recorded: %w", err)
	}
	recorded := make(map[string]time.Time, len(ids))
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var milliseconds int64
		err := rows.Scan(&id, &milliseconds)
		recorded[id] = at(milliseconds)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read when events were recorded: %w", err)
	}
	return recorded, nil
}

// RestrictedEvents returns which of the events, by their ids, are restricted. It says so too
// of those that cannot be asked any more, as their case was erased.
func (s *Store) RestrictedEvents(ctx context.Context, ids []string) (map[string]bool, error) {
	where := among(ids)
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, case_id, type, body
		FROM events
		WHERE `+where.text+` AND type <> ''`, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("ask which events are restricted: %w", err)
	}
	type row struct {
		id, caseID, name string
		body             []byte
	}
	var found []row
	err = scanAll(rows, func(rows *sql.Rows) error {
		var r row
		err := rows.Scan(&r.id, &r.caseID, &r.name, &r.body)
		found = append(found, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("ask which events are restricted: %w", err)
	}
	restricted := make(map[string]bool, len(ids))
	for _, id := range ids {
		restricted[id] = true
	}
	for _, r := range found {
		head, err := s.head(ctx, r.caseID)
		if errors.Is(err, ErrNotFound) { // it was erased just now, or before the copy was made that this is
			continue
		}
		if err != nil {
			return nil, err
		}
		event, err := openEvent(head.key, r.id, caseupdate.Event(r.name), r.body)
		if err != nil {
			return nil, err
		}
		restricted[r.id] = event.Activity().IsRestricted
	}
	return restricted, nil
}

// among is the condition that a row has one of the ids.
func among(ids []string) conditions {
	where := conditions{text: `id IN (''`}
	for _, id := range ids {
		where.arguments = append(where.arguments, id)
		where.text += ", $" + strconv.Itoa(len(where.arguments))
	}
	where.text += ")"
	return where
}
