package caselog

import (
	"errors"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// MaxEvents is how many events a case can have.
const MaxEvents = 10_000

// Command asks for a change of a case: [CreateCase], [AddComment] and so on.
type Command interface {
	// check refuses what no case could accept.
	check(f *faults)
	// decide returns what happens to c, or a refusal.
	decide(c *Case, act Act) ([]Data, error)
}

// Act is what a decision needs of the world: when, who, and new ids.
type Act struct {
	At    time.Time
	Actor caseupdate.User
	// NewID returns a new id, a UUIDv7 but in tests.
	NewID func() string
}

// Decide returns the events that cmd makes of c, at least one, or a
// [*refusal.Error] if it cannot be. A nil c is a case that is not there yet.
//
// The events share memory with cmd, which must not be changed any more.
//
// Time does not run backwards in a case: where act.At lies before the last event,
// the events take the time of that one.
func Decide(c *Case, cmd Command, act Act) ([]Event, error) {
	var f faults
	cmd.check(&f)
	if err := f.refusal(); err != nil {
		return nil, err
	}

	create, creates := cmd.(CreateCase)
	_, reopens := cmd.(Reopen)
	switch {
	case creates != (c == nil):
		return nil, errors.New("a case is created once, before anything else")
	case c != nil && c.IsArchived && !reopens:
		return nil, refusal.Of(refusal.Conflict, "the case is archived: it can only be reopened")
	}

	caseID, version, at := create.ID, int64(0), caseupdate.At(act.At)
	if c != nil {
		caseID, version, at = c.ID, c.Version, c.notBefore(at)
	}
	act.At = at.Time
	happened, err := cmd.decide(c, act)
	if err != nil {
		return nil, err
	}
	if version+int64(len(happened)) > MaxEvents {
		return nil, refusal.Of(refusal.Conflict, "the case has as many events as a case can have, 10,000")
	}
	events := make([]Event, len(happened))
	for i, data := range happened {
		events[i] = Event{
			ID:       act.NewID(),
			CaseID:   caseID,
			Sequence: version + int64(i) + 1,
			At:       at,
			Actor:    act.Actor,
			Data:     data,
		}
		if c == nil {
			continue
		}
		if isPHI, isRestricted := c.marks(data); isPHI || isRestricted { // a mark is never taken off
			events[i].Report = &Report{IsPHI: isPHI, IsRestricted: isRestricted}
		}
	}
	return events, nil
}

// notBefore returns a moment, or that of the last event where that is later. What the
// keeper of a case says of updatedAt is no event.
func (c *Case) notBefore(at caseupdate.Time) caseupdate.Time {
	if last := c.Activity[len(c.Activity)-1].Timestamp; at.Before(last.Time) {
		return last
	}
	return at
}
