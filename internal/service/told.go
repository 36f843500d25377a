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

// maxTold is how often it is tried to record what others tell at the same time.
const maxTold = 10

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
		for range maxTold {
			recorded, err = s.tell(ctx, caller, told, request)
			if !s.toldMeanwhile(ctx, told, err) {
				return err
			}
		}
		if errors.Is(err, store.ErrCaseExists) {
			return refusal.Of(refusal.Conflict, "a caseId is taken: it is that of a case that was erased")
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

// errTaken is the refusal of an id under which something else is known.
var errTaken = refusal.Of(refusal.Conflict, "an id is that of another event: each event has an id of its own")

// tell tries once to record what is told.
func (s *Service) tell(ctx context.Context, caller Caller, told []*caselog.Told, request *Repeatable) ([]Recorded, error) {
	org, err := s.Store.Organization(ctx, caller.OrganizationID)
	if err != nil {
		return nil, err
	}
	recorded := make([]Recorded, len(told))
	if err := s.findTold(ctx, caller, told, recorded); err != nil {
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
		p, err := s.proposeTold(ctx, caller, org, caseID, told, byCase[caseID], recorded)
		blobs = append(blobs, p.Blobs...)
		if err != nil {
			s.discard(blobs)
			return nil, err
		}
		proposals = append(proposals, p)
	}
	var once *store.Once
	var answer func([]*store.Committed) ([]byte, error)
	if request != nil {
		once = &store.Once{Key: request.Key, Digest: request.Digest}
		answer = func([]*store.Committed) ([]byte, error) { return request.Answer(recorded) }
	}
	committed, err := s.Store.ChangeAll(ctx, proposals, once, answer)
	if nothingRecorded(err) || errors.Is(err, store.ErrCaseExists) || errors.Is(err, store.ErrShortIDTaken) {
		s.discard(blobs)
	}
	if err != nil {
		return nil, refused("case", err)
	}
	n := 0
	for _, c := range committed {
		n += len(c.Events)
	}
	s.Metrics.EventsRecorded(n)
	return recorded, nil
}

// findTold fills in where those are in the log that were told before.
func (s *Service) findTold(ctx context.Context, caller Caller, told []*caselog.Told, recorded []Recorded) error {
	ids := idsOf(told)
	if len(ids) == 0 {
		return nil
	}
	known, err := s.Store.EventsKnown(ctx, ids)
	if err != nil {
		return err
	}
	for i, t := range told {
		k, ok := known[t.ID]
		if !ok {
			continue
		}
		if k.OrganizationID != caller.OrganizationID || k.CaseID != t.CaseID {
			return errTaken
		}
		entries, err := s.Store.CaseFeed(ctx, caller.OrganizationID, k.CaseID, k.Sequence-1, 1)
		if err != nil {
			return refused("case", err)
		}
		if len(entries) == 0 || !t.Is(entries[0].Event) {
			return errTaken
		}
		recorded[i] = Recorded{EventID: t.ID, CaseID: t.CaseID, Event: t.Event, Sequence: k.Sequence, Known: true}
	}
	return nil
}

// proposeTold returns what the tellings with those indexes make of their case, and puts
// their documents into the blob store. Recorded is filled in once they are decided.
func (s *Service) proposeTold(ctx context.Context, caller Caller, org store.Organization, caseID string, told []*caselog.Told, indexes []int, recorded []Recorded) (store.Proposal, error) {
	p := store.Proposal{OrganizationID: caller.OrganizationID, CaseID: caseID, Outbox: s.Engine}
	_, key, err := s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
	if errors.Is(err, store.ErrNotFound) {
		if _, err = s.Store.CaseKey(ctx, caseID); errors.Is(err, store.ErrNotFound) {
			p.Creates = true
			if p.NewKey, err = s.Store.NewCaseKey(caseID); err == nil {
				key = p.NewKey.Key
			}
		} else if err == nil { // it is another organisation's, or was opened meanwhile
			_, key, err = s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
		}
	}
	if err != nil {
		return p, refused("case", err)
	}
	for _, i := range indexes {
		for _, d := range told[i].Documents {
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
		for _, i := range indexes {
			events, err := caselog.Tell(state, told[i], opening, act(caller))
			if err != nil {
				return nil, err
			}
			if state, err = caselog.Fold(state, events...); err != nil {
				return nil, fmt.Errorf("fold what was told: %w", err)
			}
			last := events[len(events)-1]
			recorded[i] = Recorded{EventID: last.ID, CaseID: caseID, Event: last.Type(), Sequence: last.Sequence}
			decided = append(decided, events...)
		}
		return decided, nil
	}
	return p, nil
}

// toldMeanwhile reports whether what was not recorded is to be tried again, because
// another request has opened one of the cases, or told the same, at the same time.
func (s *Service) toldMeanwhile(ctx context.Context, told []*caselog.Told, err error) bool {
	if err == nil || nothingRecorded(err) || ctx.Err() != nil {
		return false
	}
	if errors.Is(err, store.ErrShortIDTaken) || errors.Is(err, store.ErrCaseExists) {
		return true
	}
	known, err := s.Store.EventsKnown(ctx, idsOf(told))
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
