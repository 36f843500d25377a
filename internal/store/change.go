package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/vault"
)

var (
	// ErrShortIDTaken means that the organisation has a case with that short id.
	ErrShortIDTaken = errors.New("the short id is taken")
	// ErrNameTaken is that there is an organisation of that name.
	ErrNameTaken = errors.New("the name is taken")
	// ErrCaseExists means that a case to be made is there, in whatever organisation.
	ErrCaseExists = errors.New("the case exists")
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
	// Decide returns the events that follow state, at least one; state is nil for a case
	// to be made. It is called again where another change came first.
	Decide func(state *caselog.Case) ([]caselog.Event, error)
	// Blobs are the documents that the events speak of.
	Blobs []Blob
	// Outbox is told of the deliveries, where it is not nil; without one they wait in
	// the table.
	Outbox Outbox
	// Once is kept beside the events, where it is not nil; Answer makes what it keeps.
	Once   *Once
	Answer func(*Committed) ([]byte, error)
	// NewKey is the key of a case to be made, where it was made before; see
	// [Store.NewCaseKey].
	NewKey *CaseKey
}

// CaseKey is the key of a case that is not there yet, and as it will be kept.
type CaseKey struct {
	Key     *vault.Key
	wrapped []byte
	share   string // the name of what it is bound to
}

// NewCaseKey makes the key of a case that is not there yet.
func (s *Store) NewCaseKey(caseID string) (*CaseKey, error) {
	name, share, err := s.shares.New()
	if err != nil {
		return nil, fmt.Errorf("make the key of case %s: %w", caseID, err)
	}
	key, wrapped, err := s.vault.NewKey(caseOwner(caseID), &share)
	if err != nil {
		return nil, fmt.Errorf("make the key of case %s: %w", caseID, err)
	}
	return &CaseKey{key, wrapped, name}, nil
}

// Blob is a document in the blob store.
type Blob struct {
	ID   string
	Size int64
}

// Committed is a change that is on disk.
type Committed struct {
	Events []caselog.Event
	Case   *caselog.Case // after the last event
}

// change is a change on its way through the writer.
type change struct {
	creates        bool
	relisted       bool     // whether the case is in other lists than before, or elsewhere in them
	version        int64    // of the organisation's endpoints, as read
	expected       int64    // version of the case, as read
	key            *CaseKey // of a case to be made
	decided        []caselog.Event
	events         []sealedEvent
	state          *caselog.Case
	blobs          []Blob
	lanes          []*laneUse
	once           *Once
	answer         sealedAnswer
	at             int64
	entry          *AuditEntry // of the call that asked for it; nil for none
	organizationID string
	outbox         Outbox
	alone          bool  // whether it may be left out without others; written by the writer
	lost           error // what race it lost; written by the writer
}

type sealedEvent struct {
	caselog.Event
	body []byte
}

// Change folds the case, lets the proposal decide and commits what it decided,
// with a delivery for every endpoint that is subscribed at this moment. When it
// returns without an error, all of it is on disk.
//
// The error is ErrNotFound where there is no such case in the organisation,
// ErrShortIDTaken or ErrCaseExists where one cannot be made, ErrAnswered, or what
// Decide or Answer returned. Nothing was recorded then.
func (s *Store) Change(ctx context.Context, p Proposal) (*Committed, error) {
	committed, err := s.ChangeAll(ctx, []Proposal{p}, p.Once, func(all []*Committed) ([]byte, error) { return p.Answer(all[0]) })
	if err != nil {
		return nil, err
	}
	return committed[0], nil
}

// ChangeAll is Change for several cases of one organisation, each named once: all of it
// is on disk, or nothing. Once is kept beside the events, where it is not nil; answer
// makes what it keeps.
func (s *Store) ChangeAll(ctx context.Context, proposals []Proposal, once *Once, answer func([]*Committed) ([]byte, error)) ([]*Committed, error) {
	defer s.locks.lock(proposals)()
	for {
		committed, lost, err := s.changeAll(ctx, proposals, once, answer)
		switch {
		case errors.Is(err, errMoved):
			if err := s.catchUp(ctx, lost); err != nil {
				return nil, err
			}
		case errors.Is(err, errResubscribed):
			s.forgetOrganization(proposals[0].OrganizationID)
		default:
			return committed, err
		}
	}
}

// changeAll tries once. Lost is the case that has moved.
func (s *Store) changeAll(ctx context.Context, proposals []Proposal, once *Once, answer func([]*Committed) ([]byte, error)) (committed []*Committed, lost string, err error) {
	org, err := s.organization(ctx, proposals[0].OrganizationID)
	if err != nil {
		return nil, "", err
	}
	changes, heads := make([]*change, len(proposals)), make([]caseHead, len(proposals))
	committed = make([]*Committed, len(proposals))
	for i, p := range proposals {
		if changes[i], heads[i], err = s.propose(ctx, org, p); err != nil {
			return nil, p.CaseID, err
		}
		committed[i] = &Committed{Events: changes[i].decided, Case: changes[i].state}
	}
	if once != nil {
		plain, err := answer(committed)
		if err != nil {
			return nil, "", err
		}
		changes[0].once = once
		if changes[0].answer, err = sealAnswer(heads[0].key, org.ID, once, plain); err != nil {
			return nil, "", err
		}
	}
	if err := s.writer.do(ctx, job{changes: changes}); err != nil {
		for _, c := range changes {
			switch {
			case c.lost != nil:
				lost = c.state.ID
			case !lostRace(err):
				s.cases.forget(c.state.ID) // it may be on disk, or not
			}
		}
		return nil, lost, err
	}
	for i, p := range proposals {
		s.cases.put(p.CaseID, heads[i].advance(committed[i].Case))
	}
	return committed, "", nil
}

// lostRace reports whether err is that a change was not written, for another came first.
func lostRace(err error) bool {
	for _, race := range []error{errMoved, errResubscribed, ErrShortIDTaken, ErrCaseExists, ErrAnswered} {
		if errors.Is(err, race) {
			return true
		}
	}
	return false
}

// propose makes a change of a proposal: folded, decided and sealed.
func (s *Store) propose(ctx context.Context, org *organization, p Proposal) (*change, caseHead, error) {
	head, made, err := s.headFor(ctx, p)
	if err != nil {
		return nil, head, err
	}
	events, err := p.Decide(head.state)
	if err != nil && head.state != nil && s.hasMoved(ctx, head.state) {
		return nil, head, errMoved // it may decide otherwise now
	}
	if err != nil {
		return nil, head, err
	}
	if len(events) == 0 {
		return nil, head, fmt.Errorf("change case %s: nothing was decided", p.CaseID)
	}
	states, err := statesAfter(head.state, events)
	if err != nil {
		return nil, head, err
	}
	c := &change{
		creates:        p.Creates,
		organizationID: p.OrganizationID,
		version:        org.version,
		key:            made,
		decided:        events,
		state:          states[len(states)-1],
		blobs:          p.Blobs,
		at:             s.now().UnixMilli(),
		outbox:         p.Outbox,
	}
	if head.state != nil {
		c.expected = head.state.Version
		c.relisted = relisted(head.state, c.state)
	}
	for _, e := range events {
		sealed, err := sealEvent(head.key, e)
		if err != nil {
			return nil, head, err
		}
		head.size += len(sealed)
		c.events = append(c.events, sealedEvent{e, sealed})
	}
	c.lanes = lanesOf(org, head.key, events, states, p.Outbox)
	return c, head, nil
}

// relisted reports whether a case is found by other filters than before, or at another place.
func relisted(before, after *caselog.Case) bool {
	return before.Type != after.Type || before.Status != after.Status || before.IsArchived != after.IsArchived ||
		before.IsEscalated != after.IsEscalated || !before.CreatedAt.Equal(after.CreatedAt.Time)
}

// catchUp has the cached state of a case brought up to date. One that is not behind
// cannot be: it is forgotten.
func (s *Store) catchUp(ctx context.Context, caseID string) error {
	before, _ := s.cases.get(caseID)
	after, err := s.current(ctx, caseID)
	if err == nil && after.state == before.state {
		s.cases.forget(caseID)
	}
	return err
}

// hasMoved reports whether another process has changed the case since state, or erased it.
func (s *Store) hasMoved(ctx context.Context, state *caselog.Case) bool {
	if s.connection.exclusive {
		return false
	}
	var moved bool
	err := s.readers.QueryRowContext(ctx, `
		SELECT version <> $2
		FROM cases
		WHERE id = $1`, state.ID, state.Version).Scan(&moved)
	return err == nil && moved
}

// headFor returns the case that p is about, and for one to be made its new key.
func (s *Store) headFor(ctx context.Context, p Proposal) (caseHead, *CaseKey, error) {
	if !p.Creates {
		head, err := s.head(ctx, p.CaseID)
		if err == nil && head.state.OrganizationID != p.OrganizationID {
			err = ErrNotFound
		}
		return head, nil, err
	}
	if p.NewKey == nil {
		made, err := s.NewCaseKey(p.CaseID)
		if err != nil {
			return caseHead{}, nil, err
		}
		return caseHead{key: made.Key}, made, nil
	}
	made := *p.NewKey
	sealer, err := s.vault.Sealer()
	if err != nil {
		return caseHead{}, nil, fmt.Errorf("keep the key of case %s: %w", p.CaseID, err)
	}
	if bytes.HasPrefix(made.wrapped, sealer) {
		return caseHead{key: made.Key}, &made, nil
	}
	// Its documents took so long that there is another master key by now.
	if made.wrapped, err = s.vault.Rewrap(caseOwner(p.CaseID), made.wrapped); err != nil {
		return caseHead{}, nil, fmt.Errorf("wrap the key of case %s again: %w", p.CaseID, err)
	}
	return caseHead{key: made.Key}, &made, nil
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
