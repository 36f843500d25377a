// Package caselog is the domain: a case is its log of events 1, 2, 3 …, and its
// state is the fold of them.
//
// Start with [Decide], which turns a [Command] into events or into a refusal,
// and [Fold], which turns events into a [Case]. Both are pure: they know no
// clock, no database and no network. What they need of the world comes in by
// [Act].
package caselog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casehook/casehook/caseupdate"
)

// Case is the state of a case after one of its events. It is immutable: [Fold]
// returns a new one, so that a Case can be shared and kept.
type Case struct {
	ID             string
	OrganizationID string
	ShortID        string // for people: "ADA-7K2QX"
	// Version is the sequence of the last event folded in.
	Version int64

	Type          string
	Title         string
	Status        caseupdate.Status
	CreatedAt     caseupdate.Time
	UpdatedAt     caseupdate.Time
	AssignedAt    *caseupdate.Time
	InProgressAt  *caseupdate.Time
	ClosedAt      *caseupdate.Time
	IsArchived    bool
	IsEscalated   bool
	IsImported    bool
	ReferralCode  *string
	ClosedBy      *caseupdate.Person
	InProgressBy  *caseupdate.Person
	ArchiveReason *string
	ArchiveNote   *string
	// IsArchivePHI and IsArchiveRestricted mark the reason and the note, as the keeper of the
	// case has said.
	IsArchivePHI, IsArchiveRestricted bool

	ProductBundle *caseupdate.ProductBundle
	HRRep         *caseupdate.Person
	AssignedBy    *caseupdate.Person
	Assignees     []caseupdate.User  // in the order in which they were assigned
	Assignee      *caseupdate.Person // of them, whom the keeper of the case names; nil: the last
	Submitter     caseupdate.Submitter

	Submissions []caseupdate.FormSubmission
	Decisions   []caseupdate.Decision
	Comments    []Comment // without the deleted ones
	// DeletedComments are ids, so that deleting twice is told from deleting nothing.
	DeletedComments []string
	Attachments     []Attachment // those of no comment; the deleted ones stay
	Payments        []caseupdate.Payment
	Orders          []caseupdate.Order
	Activity        []caseupdate.Activity // one of each event
	// PHI and Restricted are the ids of what is so as a whole, because the keeper of the case
	// said so: comments, answers, decisions, payments, orders.
	PHI, Restricted []string

	// FormerSubmitters and FormerPHI are what the case no longer shows, and its history may
	// repeat: submitters and titles that its keeper has replaced, and what of deleted comments is
	// PHI.
	FormerSubmitters []caseupdate.Submitter
	FormerPHI        []string

	rooms rooms // of the lists
}

// Fold returns c after the events, which must be of the same case and follow it
// without a hole. A nil c is the case before its first event. An error means that
// the log is damaged.
//
// The new case shares memory with c and the events, so that all states of a case take
// little more than the last of them. States may be folded from c by several goroutines.
func Fold(c *Case, events ...Event) (*Case, error) {
	if len(events) == 0 {
		return c, nil
	}
	next := c.clone()
	for _, e := range events {
		if err := next.apply(e); err != nil {
			return nil, fmt.Errorf("fold event %d (%s) of case %s: %w", e.Sequence, e.Type(), e.CaseID, err)
		}
	}
	return next, nil
}

// errMissing means that the log speaks of something that it has not made.
var errMissing = errors.New("what it changes is not there")

// apply changes c, which nobody else may hold yet.
func (c *Case) apply(e Event) error {
	if e.Sequence != c.Version+1 {
		return fmt.Errorf("the event does not follow version %d", c.Version)
	}
	if c.Version > 0 && e.CaseID != c.ID {
		return fmt.Errorf("the event is not one of case %s", c.ID)
	}
	if _, creates := e.Data.(*Created); creates != (c.Version == 0) {
		return fmt.Errorf("a log begins with %s, and has it once", caseupdate.EventCreateCase)
	}
	c.ID = e.CaseID
	c.Version = e.Sequence
	c.UpdatedAt = e.At
	c.Activity = extend(&c.rooms.activity, c.Activity, e.Activity())
	err := e.Data.apply(c, e)
	if e.Report == nil {
		return err
	}
	if errors.Is(err, errMissing) {
		c.takeTold(e.Data)
		err = nil
	}
	if id := objectID(e.Data); id != "" {
		if e.Report.IsPHI && !slices.Contains(c.PHI, id) {
			c.PHI = extend(&c.rooms.phi, c.PHI, id)
		}
		if e.Report.IsRestricted && !slices.Contains(c.Restricted, id) {
			c.Restricted = extend(&c.rooms.restricted, c.Restricted, id)
		}
	}
	if err == nil && e.Report.Case != nil {
		c.adopt(e.Report.Case)
	}
	return err
}

// clone copies c, but not its lists: what follows is added to them by [extend], which
// leaves those of c alone, and who changes an item copies the list first.
func (c *Case) clone() *Case {
	if c == nil {
		return new(Case)
	}
	next := *c
	next.Assignees = slices.Clip(c.Assignees) // few: appended to as they are
	next.FormerSubmitters = slices.Clip(c.FormerSubmitters)
	next.FormerPHI = slices.Clip(c.FormerPHI)
	return &next
}

// AssignedTo returns who was assigned last and still is, or whom the keeper of the case
// names; nil where nobody is.
func (c *Case) AssignedTo() *caseupdate.Person {
	if c.Assignee != nil {
		return c.Assignee
	}
	if len(c.Assignees) == 0 {
		return nil
	}
	last := c.Assignees[len(c.Assignees)-1].Person()
	return &last
}
