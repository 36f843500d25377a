package caselog

import (
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Opening is what a case is given that is opened by what is told of it.
type Opening struct{ OrganizationID, ShortID string }

// Tell returns the events that follow c where its keeper tells t: one, or two where a
// case that is not there, a nil c, is opened by another event than CREATE_CASE. The
// keeper's word is final: what is told is not refused for the state of the case. The
// error is a [*refusal.Error] where a case that is there is told to be created.
func Tell(c *Case, t *Told, opening Opening, act Act) ([]Event, error) {
	if c != nil && t.Event == caseupdate.EventCreateCase {
		return nil, t.Refuse(refusal.Conflict, "event", "must not be CREATE_CASE: the case is there already")
	}
	actor, at := t.who(act.Actor), t.when(act.At)
	var version int64
	if c != nil {
		version, at = c.Version, c.notBefore(at)
	}
	if version+2 > MaxEvents {
		return nil, t.Refuse(refusal.Conflict, "caseId", "is that of a case with as many events as a case can have, 10,000")
	}
	var events []Event
	tell := func(id string, data Data, report *Report) {
		if id == "" {
			id = act.NewID()
		}
		version++
		events = append(events, Event{ID: id, CaseID: t.CaseID, Sequence: version, At: at, Actor: actor, Data: data, Report: report})
	}
	report := t.report()
	switch {
	case t.Event == caseupdate.EventCreateCase:
		tell(t.ID, t.created(opening, act), report)
		return events, nil
	case c == nil:
		tell("", t.created(opening, act), &Report{Case: t.snapshot})
		var err error
		if c, err = Fold(nil, events...); err != nil {
			return nil, err
		}
	}
	data := t.data(c, actor, at, act)
	report.inherit(c, data)
	tell(t.ID, data, report)
	return events, nil
}

// who returns who acted: as the item says, or the activity, or the object itself.
func (t *Told) who(caller caseupdate.User) caseupdate.User {
	person := t.caller()
	switch {
	case t.actor != nil:
		return *t.actor
	case t.activity != nil:
		return t.activity.Actor
	case person != nil:
		return caseupdate.User{ID: person.ID, FirstName: person.FirstName, LastName: person.LastName}
	}
	return caller
}

// caller returns whom the event's own object names as who called for it, or nil.
func (t *Told) caller() *caseupdate.Person {
	switch p := t.payload.(type) {
	case *caseupdate.EscalateCase:
		return &p.Escalated.Caller
	case *caseupdate.DeescalateCase:
		return &p.Escalated.Caller
	case *caseupdate.ArchiveCase:
		return &p.ArchiveCase.Caller
	case *caseupdate.ReopenCase:
		return &p.ArchiveCase.Caller
	case *caseupdate.ChangeCaseStatus:
		return &p.ChangeStatus.Caller
	case *caseupdate.DeleteCaseComment:
		return &p.DeletedComment.Caller
	case *caseupdate.DeleteAttachment:
		return &p.DeletedAttachment.Caller
	}
	return nil
}

// when returns when it happened.
func (t *Told) when(now time.Time) caseupdate.Time {
	switch {
	case t.at != nil:
		return *t.at
	case t.activity != nil:
		return t.activity.Timestamp
	}
	return caseupdate.At(now)
}

// whenField is the field that says when it happened.
func (t *Told) whenField() string {
	if t.at != nil {
		return "occurredAt"
	}
	return "payload.activity.timestamp"
}

// report returns what was told beyond the event's own object.
func (t *Told) report() *Report {
	r := &Report{Case: t.snapshot, Digest: t.digest, Caller: t.caller()}
	if p, ok := t.payload.(*caseupdate.ChangeCaseStatus); ok {
		r.ChangeDate = &p.ChangeStatus.ChangeDate
	}
	if a := t.activity; a != nil {
		r.IsPHI, r.IsRestricted = a.IsPHI, a.IsRestricted
		r.ValueBefore, r.ValueAfter, r.TargetUser = a.ValueBefore, a.ValueAfter, a.TargetUser
	}
	return r
}

// created returns what opens the case.
func (t *Told) created(opening Opening, act Act) *Created {
	d := &Created{OrganizationID: opening.OrganizationID, ShortID: opening.ShortID, Imported: true}
	if s := t.snapshot; s != nil {
		d.CaseType, d.Title, d.Submitter = s.Type, text(s.Title), s.Submitter
		d.ReferralCode, d.ProductBundle, d.HRRep = s.ReferralCode, s.ProductBundle, s.HRRep
	}
	if d.Submitter.ID == "" {
		d.Submitter.ID = act.NewID()
	}
	return d
}

// data returns what the event says, in a case as it is before.
func (t *Told) data(c *Case, actor caseupdate.User, at caseupdate.Time, act Act) Data {
	phi := t.activity != nil && t.activity.IsPHI
	restricted := t.activity != nil && t.activity.IsRestricted
	switch p := t.payload.(type) {
	case *caseupdate.AddCaseComment:
		told := p.Comment
		comment := Comment{
			ID: told.ID, Text: told.Text, IsRestricted: told.IsRestricted || restricted,
			CreatedAt: told.CreatedAt, Author: told.Author, Attachments: make([]Attachment, len(told.Attachments)),
		}
		for i, a := range told.Attachments {
			comment.Attachments[i] = t.attachment(a)
		}
		if phi && !comment.isPHI() { // which of them it is about is not said
			for i := range comment.Attachments {
				comment.Attachments[i].IsPHI = true
			}
		}
		return &CommentAdded{comment}
	case *caseupdate.AddCaseAttachment:
		a := t.attachment(p.Attachment)
		a.IsPHI, a.IsRestricted = a.IsPHI || phi, a.IsRestricted || restricted
		return &AttachmentAdded{a}
	case *caseupdate.DeleteCaseComment:
		d := &CommentDeleted{CommentID: p.DeletedComment.CaseCommentID}
		for _, comment := range c.Comments {
			if comment.ID == d.CommentID {
				d.IsPHI, d.IsRestricted = c.isPHI(comment), comment.IsRestricted
			}
		}
		return d
	case *caseupdate.DeleteAttachment:
		d := &AttachmentDeleted{AttachmentID: p.DeletedAttachment.CaseAttachmentID}
		if a, ok := c.Attachment(d.AttachmentID); ok {
			d.IsPHI, d.IsRestricted = a.IsPHI, a.IsRestricted
		}
		return d
	case *caseupdate.AddCaseDecision:
		return &DecisionAdded{p.Decision}
	case *caseupdate.AddFormResponse:
		return &FormAnswered{SubmissionID: submission(c, p.Form, at, act), Form: p.Form, Response: p.Response}
	case *caseupdate.AddCaseAssignee:
		d := new(Assigned)
		for _, assignee := range p.Assignees {
			d.Users = append(d.Users, t.user(c, assignee.Assignee))
		}
		return d
	case *caseupdate.RemoveCaseAssignee:
		return &Unassigned{t.user(c, p.Assignees[0].Assignee)}
	case *caseupdate.PaymentAdded:
		return &PaymentAdded{p.Payment}
	case *caseupdate.PaymentCompleted:
		return &PaymentCompleted{p.Payment}
	case *caseupdate.OrderCreated:
		return &OrderCreated{p.Order}
	case *caseupdate.OrderStatusChanged:
		d := &OrderStatusChanged{Order: p.Order}
		if known, err := c.order(p.Order.ID); err == nil {
			d.OldStatus = known.Status
		}
		return d
	case *caseupdate.OrderTrackingAdded:
		return &OrderTrackingAdded{p.Order}
	case *caseupdate.EscalateCase:
		return &Escalated{}
	case *caseupdate.DeescalateCase:
		return &Deescalated{}
	case *caseupdate.ArchiveCase:
		d := &Archived{Reason: text(p.ArchiveCase.ArchiveReason)}
		if t.snapshot != nil {
			d.Note = t.snapshot.ArchiveNote
		}
		return d
	case *caseupdate.ReopenCase:
		return &Reopened{}
	case *caseupdate.ChangeCaseStatus:
		return &StatusChanged{Old: p.ChangeStatus.OldStatus, New: p.ChangeStatus.NewStatus}
	}
	return nil // CREATE_CASE, which is not asked for here
}

// attachment returns an attachment as the case keeps it. That of a document which was
// not brought is empty.
func (t *Told) attachment(a caseupdate.Attachment) Attachment {
	kept := Attachment{
		ID: a.ID, IsRestricted: a.IsRestricted, IsPHI: a.IsPHI, FileName: a.FileName,
		IsDeleted: a.IsDeleted, CreatedAt: a.CreatedAt, UploadedBy: a.UploadedBy,
	}
	for _, d := range t.Documents {
		if d.ID == a.ID {
			kept.Size, kept.SHA256, kept.Document = d.File.Size, d.File.SHA256, d.File.ID
		}
	}
	return kept
}

// user returns a person as a user, as the activity tells them or the case knows them.
func (t *Told) user(c *Case, p caseupdate.Person) caseupdate.User {
	if t.activity != nil && t.activity.TargetUser != nil && t.activity.TargetUser.ID == p.ID {
		return *t.activity.TargetUser
	}
	return asUser(c.Assignees, p)
}

// submission returns the submission that an answer belongs to: the last one, where that
// is of the same form and moment, else a new one.
func submission(c *Case, form caseupdate.Form, at caseupdate.Time, act Act) string {
	if n := len(c.Submissions); n > 0 && c.Submissions[n-1].Form.ID == form.ID && c.Submissions[n-1].CreatedAt.Equal(at.Time) {
		return c.Submissions[n-1].ID
	}
	return act.NewID()
}
