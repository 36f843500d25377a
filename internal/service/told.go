package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// MaxTellings is how many events can be told at once.
const MaxTellings = 1000

// maxTries is how often it is tried to record what others tell at the same time.
const maxTries = 10

// Telling is an event of a case that is kept elsewhere.
type Telling = caselog.Telling

// Recorded says where a telling is in the log.
type Recorded struct {
	EventID  string
	CaseID   string
	Event    caseupdate.Event
	Sequence int64 // in the case
	Known    bool  // it was told before: nothing was recorded now
}

// Tell records what the keeper of cases tells of them, in order: all of it, or nothing. A
// case that is not known is opened. An event that was told before, by its id, is left
// out. Prefix names each telling in a refusal: "[3]." or "".
func (s *Service) Tell(ctx context.Context, caller Caller, tellings []Telling, prefix func(i int) string, request *Repeatable) (recorded []Recorded, err error) {
	told, err := s.readTold(ctx, caller, tellings, prefix)
	if err != nil {
		return nil, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		for range maxTries {
			recorded, err = s.tell(ctx, caller, told, request)
			if !s.toldMeanwhile(ctx, caller, told, err) {
				return err
			}
		}
		return err
	})
	return recorded, err
}

// readTold reads tellings, or refuses them with all that is wrong.
func (s *Service) readTold(ctx context.Context, caller Caller, tellings []Telling, prefix func(i int) string) ([]*caselog.Told, error) {
	told, ids := make([]*caselog.Told, len(tellings)), make(map[string]bool, len(tellings))
	var faults []refusal.Fault
	for i, telling := range tellings {
		if err := s.knowActor(ctx, caller, &telling); err != nil {
			return nil, err
		}
		read, wrong := caselog.ReadTold(prefix(i), telling, now())
		faults = append(faults, wrong...)
		if read.ID != "" && ids[read.ID] {
			faults = append(faults, refusal.Fault{Field: prefix(i) + "id", Allowed: "must not be given twice"})
		}
		ids[read.ID] = true
		told[i] = read
	}
	if len(faults) > 0 {
		return nil, refusal.Fields(faults...)
	}
	return told, nil
}

// knowActor gives an actor of whom only the id is told the name that they are registered
// under.
func (s *Service) knowActor(ctx context.Context, caller Caller, telling *Telling) error {
	actor := telling.Actor
	if actor == nil || *actor != (caseupdate.User{ID: actor.ID}) {
		return nil
	}
	user, err := s.registered(ctx, caller, actor.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	telling.Actor = &user.User
	return nil
}

// tell tries once to record what is told.
func (s *Service) tell(ctx context.Context, caller Caller, told []*caselog.Told, request *Repeatable) ([]Recorded, error) {
	org, err := s.Store.Organization(ctx, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	recorded, err := s.findTold(ctx, caller, told)
	if err != nil {
		return nil, err
	}
	byCase := make(map[string][]int)
	var cases []string // in the order in which they are told of
	for i, t := range told {
		if recorded[i].Known {
			continue
		}
		if byCase[t.CaseID] == nil {
			cases = append(cases, t.CaseID)
		}
		byCase[t.CaseID] = append(byCase[t.CaseID], i)
	}
	if len(cases) == 0 {
		return recorded, s.keep(ctx, caller, request, recorded)
	}
	var proposals []store.Proposal
	var blobs []store.Blob
	for _, caseID := range cases {
		of := make([]*caselog.Told, len(byCase[caseID]))
		for i, at := range byCase[caseID] {
			of[i] = told[at]
		}
		p, err := s.proposeTold(ctx, caller, org, caseID, of)
		blobs = append(blobs, p.Blobs...)
		if err != nil {
			s.discard(blobs)
			return nil, err
		}
		proposals = append(proposals, p)
	}
	// What has been decided ends with one event for each telling.
	fill := func(committed []*store.Committed) []Recorded {
		for i, caseID := range cases {
			events := committed[i].Events[len(committed[i].Events)-len(byCase[caseID]):]
			for j, at := range byCase[caseID] {
				e := events[j]
				recorded[at] = Recorded{EventID: e.ID, CaseID: caseID, Event: e.Type(), Sequence: e.Sequence}
			}
		}
		return recorded
	}
	var once *store.Once
	var answer func([]*store.Committed) ([]byte, error)
	if request != nil {
		once = &store.Once{Key: request.Key, Digest: request.Digest}
		answer = func(committed []*store.Committed) ([]byte, error) { return request.Answer(fill(committed)) }
	}
	committed, err := s.Store.ChangeAll(ctx, proposals, once, answer)
	if nothingRecorded(err) || outrun(err) {
		s.discard(blobs)
	}
	if err != nil {
		return nil, err
	}
	n := 0
	for _, c := range committed {
		n += len(c.Events)
	}
	s.Metrics.EventsRecorded(n)
	return fill(committed), nil
}

// findTold returns where those are in the log that were told before, and zero values for
// the others.
func (s *Service) findTold(ctx context.Context, caller Caller, told []*caselog.Told) ([]Recorded, error) {
	recorded, ids := make([]Recorded, len(told)), idsOf(told)
	if len(ids) == 0 {
		return recorded, nil
	}
	known, err := s.Store.EventsKnown(ctx, caller.OrganizationID, ids)
	if err != nil {
		return nil, err
	}
	for i, t := range told {
		k, ok := known[t.ID]
		if !ok {
			continue
		}
		if !t.Is(k.Digest) {
			return nil, s.whyNotKnown(ctx, caller, t, k)
		}
		recorded[i] = Recorded{EventID: t.ID, CaseID: t.CaseID, Event: t.Event, Sequence: k.Sequence, Known: true}
	}
	return recorded, nil
}

// whyNotKnown refuses a telling whose id an event has that is none of it, or of which that
// cannot be found out any more. Another organisation's event is answered like any other.
func (s *Service) whyNotKnown(ctx context.Context, caller Caller, t *caselog.Told, k store.KnownEvent) error {
	if k.OrganizationID == caller.OrganizationID && k.CaseID == t.CaseID {
		_, _, err := s.Store.Case(ctx, caller.OrganizationID, t.CaseID, 0)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errErased(t)
		case err != nil:
			return err
		}
	}
	return t.Refuse(refusal.Conflict, "id", "is that of another event: each event has an id of its own")
}

func errErased(t *caselog.Told) error {
	return t.Refuse(refusal.Conflict, "caseId", "is that of a case that was erased")
}

// proposeTold returns what the tellings make of their case, at least one, and puts their
// documents into the blob store.
func (s *Service) proposeTold(ctx context.Context, caller Caller, org store.Organization, caseID string, told []*caselog.Told) (store.Proposal, error) {
	p := store.Proposal{OrganizationID: caller.OrganizationID, CaseID: caseID, Outbox: s.Engine}
	_, key, err := s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
	if errors.Is(err, store.ErrNotFound) {
		owner, notThere := s.Store.CaseOwner(ctx, caseID)
		switch {
		case errors.Is(notThere, store.ErrNotFound):
			p.Creates = true
			if p.NewKey, err = s.Store.NewCaseKey(caseID); err == nil {
				key = p.NewKey.Key
			}
		case notThere != nil:
			err = notThere
		case owner != caller.OrganizationID:
			return p, told[0].Refuse(refusal.NotFound, "caseId", "is that of no case that can be told of")
		default:
			_, key, err = s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
			if errors.Is(err, store.ErrNotFound) { // nor was it opened meanwhile
				return p, errErased(told[0])
			}
		}
	}
	if err != nil {
		return p, err
	}
	for _, t := range told {
		for _, d := range t.Documents {
			d.File = caselog.File{ID: newID()}
			info, err := s.Blobs.Put(ctx, key, d.File.ID, bytes.NewReader(d.Content))
			if err != nil {
				return p, err
			}
			d.File.Size, d.File.SHA256 = info.Size, info.SHA256[:]
			p.Blobs = append(p.Blobs, store.Blob{ID: d.File.ID, Size: info.Size})
		}
	}
	opening := caselog.Opening{OrganizationID: org.ID, ShortID: newShortID(org.ShortIDPrefix)}
	p.Decide = func(state *caselog.Case) (decided []caselog.Event, err error) {
		for _, t := range told {
			events, err := caselog.Tell(state, t, opening, act(caller))
			if err != nil {
				return nil, err
			}
			if state, err = caselog.Fold(state, events...); err != nil {
				return nil, fmt.Errorf("fold what was told: %w", err)
			}
			decided = append(decided, events...)
		}
		return decided, nil
	}
	return p, nil
}

// outrun reports whether err is that nothing was recorded, because another request has
// opened one of the cases, or erased it, at the same time.
func outrun(err error) bool {
	return errors.Is(err, store.ErrCaseExists) || errors.Is(err, store.ErrShortIDTaken) || errors.Is(err, store.ErrNotFound)
}

// toldMeanwhile reports whether what was not recorded is to be tried again, because
// another request was faster, or told the same at the same time.
func (s *Service) toldMeanwhile(ctx context.Context, caller Caller, told []*caselog.Told, err error) bool {
	if err == nil || nothingRecorded(err) || ctx.Err() != nil {
		return false
	}
	if outrun(err) {
		return true
	}
	known, err := s.Store.EventsKnown(ctx, caller.OrganizationID, idsOf(told))
	return err == nil && len(known) > 0
}

// idsOf returns the ids that the keeper has given to events.
func idsOf(told []*caselog.Told) []string {
	var ids []string
	for _, t := range told {
		if t.ID != "" {
			ids = append(ids, t.ID)
		}
	}
	return ids
}
