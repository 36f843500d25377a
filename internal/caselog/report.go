package caselog

import (
	"reflect"
	"slices"

	"github.com/casehook/casehook/caseupdate"
)

// Report is what the keeper of a case says of an event beyond its data.
type Report struct {
	Case         *caseupdate.Case   `json:"case,omitempty"`       // as of the event; nil: what follows from the events
	Digest       []byte             `json:"digest,omitempty"`     // of what was told, to know it again
	Caller       *caseupdate.Person `json:"caller,omitempty"`     // who called for the change; nil: who acted
	ChangeDate   *caseupdate.Time   `json:"changeDate,omitempty"` // of a change of the status; nil: when it happened
	IsPHI        bool               `json:"isPHI,omitempty"`
	IsRestricted bool               `json:"isRestricted,omitempty"`
	ValueBefore  *string            `json:"valueBefore,omitempty"`
	ValueAfter   *string            `json:"valueAfter,omitempty"`
	TargetUser   *caseupdate.User   `json:"targetUser,omitempty"`
}

// describe puts what was told into the activity. A mark is never taken off.
func (r *Report) describe(a *caseupdate.Activity) {
	if r == nil {
		return
	}
	a.IsPHI, a.IsRestricted = a.IsPHI || r.IsPHI, a.IsRestricted || r.IsRestricted
	if r.ValueBefore != nil || r.ValueAfter != nil {
		a.ValueBefore, a.ValueAfter = r.ValueBefore, r.ValueAfter
	}
	if r.TargetUser != nil {
		a.TargetUser = r.TargetUser
	}
}

// marks returns whether what the event is about is marked as a whole.
func (r *Report) marks() (isPHI, isRestricted bool) {
	if r == nil {
		return false, false
	}
	return r.IsPHI, r.IsRestricted
}

// inherit marks what is done with something that is marked as a whole.
func (r *Report) inherit(c *Case, data Data) {
	isPHI, isRestricted := c.marks(data)
	r.IsPHI, r.IsRestricted = r.IsPHI || isPHI, r.IsRestricted || isRestricted
}

// marks returns whether what data speaks of is marked as a whole already.
func (c *Case) marks(data Data) (isPHI, isRestricted bool) {
	id := objectID(data)
	return slices.Contains(c.PHI, id), slices.Contains(c.Restricted, id)
}

// takeTold puts in what an event speaks of and the case does not have. Where it is
// deleted or taken off, there is nothing to do.
func (c *Case) takeTold(data Data) {
	switch d := data.(type) {
	case *PaymentCompleted:
		c.Payments = extend(&c.rooms.payments, c.Payments, d.Payment)
	case *OrderStatusChanged:
		c.Orders = extend(&c.rooms.orders, c.Orders, d.Order)
	case *OrderTrackingAdded:
		c.Orders = extend(&c.rooms.orders, c.Orders, d.Order)
	}
}

// adopt makes the case what its keeper says that it is. Its short id and organisation are
// casehook's own.
func (c *Case) adopt(s *caseupdate.Case) {
	if title := text(s.Title); c.Title != "" && c.Title != title {
		c.FormerPHI = append(c.FormerPHI, c.Title)
	}
	if !reflect.DeepEqual(c.Submitter, s.Submitter) {
		c.FormerSubmitters = append(c.FormerSubmitters, c.Submitter)
	}
	c.formerArchive()
	c.Type, c.Title, c.Status = s.Type, text(s.Title), s.Status
	c.CreatedAt, c.UpdatedAt = s.CreatedAt, s.UpdatedAt
	c.AssignedAt, c.InProgressAt, c.ClosedAt = s.AssignedAt, s.InProgressAt, s.ClosedAt
	c.IsArchived, c.IsEscalated, c.IsImported = s.IsArchived, s.IsEscalated, s.IsImported
	c.ReferralCode, c.ClosedBy, c.InProgressBy = s.ReferralCode, s.ClosedBy, s.InProgressBy
	c.ArchiveReason, c.ArchiveNote, c.ProductBundle = s.ArchiveReason, s.ArchiveNote, s.ProductBundle
	c.HRRep, c.AssignedBy, c.Submitter = s.HRRep, s.AssignedBy, s.Submitter
	if c.ProductBundle == nil && s.ProductBundleID != nil {
		c.ProductBundle = &caseupdate.ProductBundle{ID: *s.ProductBundleID}
	}
	known := c.Assignees
	c.Assignees, c.Assignee = nil, s.AssignedTo
	for _, assignee := range s.Assignees {
		c.Assignees = append(c.Assignees, asUser(known, assignee.Assignee))
	}
	if s.Details != nil && c.Version == 1 {
		c.adoptDetails(s.Details)
	}
}

// asUser returns a person as a user, with the e-mail address where it is known.
func asUser(known []caseupdate.User, p caseupdate.Person) caseupdate.User {
	user := caseupdate.User{ID: p.ID, FirstName: p.FirstName, LastName: p.LastName}
	for _, k := range known {
		if k.ID == p.ID {
			user.Email = k.Email
		}
	}
	return user
}

// adoptDetails gives a case that is opened what it has already.
func (c *Case) adoptDetails(d *caseupdate.Details) {
	var without Told // documents
	c.Submissions, c.Decisions, c.Payments, c.Orders = d.Responses, d.Decisions, d.Payments, d.Orders
	for _, a := range d.Attachments {
		c.Attachments = append(c.Attachments, without.attachment(a))
	}
	for _, told := range d.Comments {
		comment := Comment{
			ID: told.ID, Text: told.Text, IsRestricted: told.IsRestricted,
			CreatedAt: told.CreatedAt, Author: told.Author, Attachments: make([]Attachment, len(told.Attachments)),
		}
		for i, a := range told.Attachments {
			comment.Attachments[i] = without.attachment(a)
		}
		c.Comments = append(c.Comments, comment)
	}
}

// ObjectID returns the id of what the event has brought into the case, or changed, "" where
// that has none by which it can be marked.
func (e Event) ObjectID() string { return objectID(e.Data) }

// objectID returns the id of what an event has brought into the case, or changed.
func objectID(data Data) string {
	switch d := data.(type) {
	case *CommentAdded:
		return d.Comment.ID
	case *DecisionAdded:
		return d.Decision.ID
	case *FormAnswered:
		return d.Response.ID
	case *PaymentAdded:
		return d.Payment.ID
	case *PaymentCompleted:
		return d.Payment.ID
	case *OrderCreated:
		return d.Order.ID
	case *OrderStatusChanged:
		return d.Order.ID
	case *OrderTrackingAdded:
		return d.Order.ID
	}
	return ""
}
