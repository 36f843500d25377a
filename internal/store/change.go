package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

var (
	// ErrShortIDTaken means that the organisation has a case with that short id.
	ErrShortIDTaken = errors.New("the short id is taken")
	// ErrAnswered means that a request with that idempotency key was recorded
	// before: nothing was recorded now.
	ErrAnswered = errors.New("the idempotency key is taken")

	// errLost means that at least one change of a transaction lost a race. Each
	// that did says what it lost.
	errLost = errors.New("a change lost a race")
	// errMoved: the case has got events since it was read.
	errMoved = errors.New("the case has moved on")
	// errResubscribed: the organisation's endpoints changed since they were read.
	errResubscribed = errors.New("the endpoints have changed")
)

// Proposal is what a caller wants of a case.
type Proposal struct {
	OrganizationID string
	CaseID         string
	// Creates is whether the case is to be made by this change.
	Creates bool
	// Decide returns the events that follow state, nil for a case to be made. It is
	// called again where another change came first.
	Decide func(state *caselog.Case) ([]caselog.Event, error)
	// Blobs are the documents that the events speak of.
	Blobs []Blob
	// Outbox is told of the deliveries, where it is not nil; without one they wait in
	// the table.
	Outbox Outbox
	// Once is kept beside the events, where it is not nil; Answer makes what it keeps.
	Once   *Once
	Answer func(*Committed) ([]byte, error)
}

// Blob is a document in the blob store.
type Blob struct {
	ID   string
	Size int64
}

// Outbox takes what is to be sent.
//
// Hand is called by the writer, one call after the other in the order of the
// commits, and must not wait: only so does the outbox see what becomes of a lane
// in the order in which the database does.
type Outbox interface {
	// Accepts reports whether messages to the endpoint can be handed over. Those that
	// cannot wait in the table.
	Accepts(endpoint *subscription.Endpoint) bool
	// Hand gives over messages of one lane, which is now this process's own.
	Hand(messages []Message)
	// Waiting says that messages to the endpoint wait in the table.
	Waiting(endpointID string)
}

// Committed is a change that is on disk.
type Committed struct {
	Events []caselog.Event
	Case   *caselog.Case // after the last event
}

// Message is a delivery with all that it takes to send it.
type Message struct {
	DeliveryID     string
	OrganizationID string
	EndpointID     string
	Lane           string // in which it waits: the case, or without order the delivery
	Sequence       int64  // 1, 2, 3 … of the endpoint and the case
	Tries          int    // that were made
	Event          caselog.Event
	Case           *caselog.Case // as of the event
	Key            *vault.Key    // of the case
}

// change is a change on its way through the writer.
type change struct {
	creates        bool
	organization   *organization
	version        int64 // of the organisation's endpoints, as read
	expected       int64 // version of the case, as read
	wrapped        []byte
	events         []sealedEvent
	state          *caselog.Case
	blobs          []Blob
	lanes          []*laneUse
	once           *Once
	sealedAnswer   []byte
	at             int64
	node           string
	organizationID string
	outbox         Outbox
	lost           error // what race it lost; written by the writer
}

type sealedEvent struct {
	caselog.Event
	body []byte
}

// laneUse is what a change adds to one lane.
type laneUse struct {
	endpoint *subscription.Endpoint
	lane     string
	accepted bool // to be handed over at once, if nothing waits before it
	messages []Message

	last  int64  // the sequence of the last message; written by the writer
	owner string // of the lane; written by the writer
}

// Change folds the case, lets the proposal decide and commits what it decided,
// with a delivery for every endpoint that is subscribed at this moment. When it
// returns without an error, all of it is on disk.
//
// The error is ErrNotFound where there is no such case in the organisation,
// ErrShortIDTaken, ErrAnswered, or what Decide or Answer returned.
func (s *Store) Change(ctx context.Context, p Proposal) (*Committed, error) {
	lock := s.locks.of(p.CaseID)
	lock.Lock()
	defer lock.Unlock()
	for {
		committed, err := s.change(ctx, p)
		switch {
		case errors.Is(err, errMoved):
			s.cases.forget(p.CaseID)
		case errors.Is(err, errResubscribed):
			s.forgetOrganization(p.OrganizationID)
		default:
			return committed, err
		}
	}
}

func (s *Store) change(ctx context.Context, p Proposal) (*Committed, error) {
	org, err := s.organization(ctx, p.OrganizationID)
	if err != nil {
		return nil, err
	}
	head, wrapped, err := s.headFor(ctx, p)
	if err != nil {
		return nil, err
	}
	events, err := p.Decide(head.state)
	if err != nil {
		return nil, err
	}
	states, err := statesAfter(head.state, events)
	if err != nil {
		return nil, err
	}

	committed := &Committed{Events: events, Case: states[len(states)-1]}
	c := &change{
		creates:        p.Creates,
		organization:   org,
		organizationID: p.OrganizationID,
		version:        org.version,
		wrapped:        wrapped,
		state:          committed.Case,
		blobs:          p.Blobs,
		once:           p.Once,
		at:             s.now().UnixMilli(),
		node:           s.Node,
		outbox:         p.Outbox,
	}
	if head.state != nil {
		c.expected = head.state.Version
	}
	for _, e := range events {
		sealed, err := sealEvent(head.key, e)
		if err != nil {
			return nil, err
		}
		c.events = append(c.events, sealedEvent{e, sealed})
	}
	c.lanes = lanesOf(org, head.key, events, states, p.Outbox)
	if p.Once != nil {
		answer, err := p.Answer(committed)
		if err != nil {
			return nil, err
		}
		if c.sealedAnswer, err = sealAnswer(head.key, p.OrganizationID, p.Once, answer); err != nil {
			return nil, err
		}
	}

	if err := s.writer.do(ctx, job{change: c}); err != nil {
		if !c.isRace(err) {
			s.cases.forget(p.CaseID) // it may be on disk, or not
		}
		return nil, err
	}
	head.state = committed.Case
	s.cases.put(p.CaseID, head)
	return committed, nil
}

// isRace reports whether err says that nothing of c was written because of another
// change.
func (c *change) isRace(err error) bool { return c.lost != nil && errors.Is(err, c.lost) }

// headFor returns the case that p is about, and for one to be made its new key,
// wrapped.
func (s *Store) headFor(ctx context.Context, p Proposal) (caseHead, []byte, error) {
	if !p.Creates {
		head, err := s.head(ctx, p.CaseID)
		if err == nil && head.state.OrganizationID != p.OrganizationID {
			err = ErrNotFound
		}
		return head, nil, err
	}
	key, wrapped, err := s.vault.NewKey(caseOwner(p.CaseID))
	if err != nil {
		return caseHead{}, nil, fmt.Errorf("make the key of case %s: %w", p.CaseID, err)
	}
	return caseHead{key: key}, wrapped, nil
}

// statesAfter returns the case after each of the events.
func statesAfter(state *caselog.Case, events []caselog.Event) ([]*caselog.Case, error) {
	states := make([]*caselog.Case, len(events))
	for i, e := range events {
		next, err := caselog.Fold(state, e)
		if err != nil {
			return nil, err
		}
		states[i], state = next, next
	}
	return states, nil
}

// lanesOf returns what the events add to which lanes.
func lanesOf(org *organization, key *vault.Key, events []caselog.Event, states []*caselog.Case, outbox Outbox) []*laneUse {
	var lanes []*laneUse
	activities := make([]caseupdate.Activity, len(events))
	for i, e := range events {
		activities[i] = e.Activity()
	}
	for _, endpoint := range org.endpoints {
		var use *laneUse
		for i, e := range events {
			if !endpoint.Receives(activities[i]) {
				continue
			}
			if use == nil {
				accepted := endpoint.State == subscription.Active && outbox != nil && outbox.Accepts(endpoint)
				use = &laneUse{endpoint: endpoint, lane: e.CaseID, accepted: accepted}
				lanes = append(lanes, use)
			}
			m := Message{
				DeliveryID:     newID(),
				OrganizationID: endpoint.OrganizationID,
				EndpointID:     endpoint.ID,
				Lane:           use.lane,
				Event:          e,
				Case:           states[i],
				Key:            key,
			}
			if endpoint.Ordering == subscription.OrderingNone {
				m.Lane = m.DeliveryID
			}
			use.messages = append(use.messages, m)
		}
	}
	return lanes
}

// handOver tells the outbox what is to be sent, once the change is on disk.
func (c *change) handOver() {
	if c.outbox == nil {
		return
	}
	for _, use := range c.lanes {
		switch {
		case !use.accepted:
			c.outbox.Waiting(use.endpoint.ID)
		case use.owner != c.node: // its turn comes when the lane is due, or another node is done
		case use.ordered():
			c.outbox.Hand(use.messages)
		default:
			for i := range use.messages {
				c.outbox.Hand(use.messages[i : i+1])
			}
		}
	}
}

// ordered reports whether the messages of the lane wait for each other.
func (use *laneUse) ordered() bool { return use.endpoint.Ordering != subscription.OrderingNone }

var (
	readEndpointsVersions = batch{[]string{"id"}, `
		SELECT organizations.id, organizations.endpoints_version
		FROM organizations
		JOIN u ON u.id = organizations.id`}
	insertCases = batch{[]string{"id", "organization_id", "short_id", "version", "type", "status", "is_archived", "is_escalated", "wrapped_key", "created_at", "updated_at"}, `
		INSERT INTO cases (id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, created_at, updated_at)
		SELECT id, organization_id, short_id, version, type, status, is_archived, is_escalated, wrapped_key, created_at, updated_at
		FROM u
		WHERE true
		ON CONFLICT DO NOTHING
		RETURNING id`}
	updateCases = batch{[]string{"id", "expected", "version", "status", "is_archived", "is_escalated", "updated_at"}, `
		UPDATE cases
		SET version = u.version, status = u.status, is_archived = u.is_archived, is_escalated = u.is_escalated, updated_at = u.updated_at
		FROM u
		WHERE cases.id = u.id AND cases.version = u.expected
		RETURNING cases.id`}
	insertEvents = batch{[]string{"id", "organization_id", "case_id", "sequence", "type", "at", "body"}, `
		INSERT INTO events (id, organization_id, case_id, sequence, type, at, body)
		SELECT id, organization_id, case_id, sequence, type, at, body
		FROM u`}
	insertBlobs = batch{[]string{"id", "case_id", "size", "created_at"}, `
		INSERT INTO blobs (id, case_id, size, created_at)
		SELECT id, case_id, size, created_at
		FROM u`}
	// A lane that is empty takes the owner or the time that is given; any other
	// keeps its own.
	useLanes = batch{[]string{"endpoint_id", "lane", "added", "due_at", "owner"}, `
		INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at, owner)
		SELECT endpoint_id, lane, added, due_at, owner
		FROM u
		WHERE true
		ON CONFLICT (endpoint_id, lane) DO UPDATE
		SET last_sequence = lanes.last_sequence + excluded.last_sequence,
			due_at = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.due_at ELSE lanes.due_at END,
			owner = CASE WHEN lanes.due_at IS NULL AND lanes.owner IS NULL THEN excluded.owner ELSE lanes.owner END
		RETURNING endpoint_id, lane, last_sequence, COALESCE(owner, '')`}
	insertDeliveries = batch{[]string{"id", "organization_id", "event_id", "event_type", "endpoint_id", "case_id", "lane", "sequence", "created_at"}, `
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, created_at)
		SELECT id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, 'pending', created_at
		FROM u`}
	insertAnswers = batch{[]string{"organization_id", "hash", "digest", "case_id", "answer", "created_at"}, `
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
		w.checkEndpoints, w.writeCases, w.writeEvents, w.writeLanes, w.writeDeliveries, w.writeAnswers,
	} {
		if err := write(ctx, changes); err != nil {
			return err
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
			c.lost = ErrShortIDTaken
		}
	}
	return lost
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
	written := make(map[string]bool, len(rows))
	err := w.each(ctx, &insertAnswers, rows, func(rows *sql.Rows) error {
		var organization string
		var hash []byte
		err := rows.Scan(&organization, &hash)
		written[organization+string(hash)] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("keep answers: %w", err)
	}
	return lose(changes, ErrAnswered, func(c *change) bool {
		return c.once == nil || written[c.organizationID+string(c.once.hash())]
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
