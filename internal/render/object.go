package render

import (
	"fmt"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
)

// Object returns what e is about in its wire shape, such as a [caseupdate.Comment],
// with nothing withheld but the documents' content: an answer to whoever made the
// change. Of ADD_FORM_RESPONSE it is the response, without the form. It is nil for
// CREATE_CASE, which is about the case itself.
func Object(e caselog.Event) any {
	v := view{clearance: subscription.Clearance{PHI: true, Restricted: true}}
	payload, err := v.payload(e, caseupdate.Base{})
	if err != nil {
		return nil
	}
	switch p := payload.(type) {
	case *caseupdate.AddCaseComment:
		return p.Comment
	case *caseupdate.AddCaseDecision:
		return p.Decision
	case *caseupdate.AddCaseAttachment:
		return p.Attachment
	case *caseupdate.AddFormResponse:
		return p.Response
	case *caseupdate.AddCaseAssignee:
		return p.Assignees
	case *caseupdate.RemoveCaseAssignee:
		return p.Assignees
	case *caseupdate.PaymentAdded:
		return p.Payment
	case *caseupdate.PaymentCompleted:
		return p.Payment
	case *caseupdate.OrderCreated:
		return p.Order
	case *caseupdate.OrderStatusChanged:
		return p.Order
	case *caseupdate.OrderTrackingAdded:
		return p.Order
	case *caseupdate.DeleteAttachment:
		return p.DeletedAttachment
	case *caseupdate.EscalateCase:
		return p.Escalated
	case *caseupdate.DeescalateCase:
		return p.Escalated
	case *caseupdate.DeleteCaseComment:
		return p.DeletedComment
	case *caseupdate.ArchiveCase:
		return p.ArchiveCase
	case *caseupdate.ReopenCase:
		return p.ArchiveCase
	case *caseupdate.ChangeCaseStatus:
		return p.ChangeStatus
	}
	return nil
}

// payload adds the event's own object to base. What it does not know is an error:
// nobody has said yet who may see it.
//
// Each literal calls the view's methods in the order of its keys, and redaction
// last, when all that was blanked is known.
func (v *view) payload(e caselog.Event, base caseupdate.Base) (caseupdate.Payload, error) {
	switch d := e.Data.(type) {
	case *caselog.Created:
		return &caseupdate.CreateCase{Base: base, Redaction: v.redaction()}, nil
	case *caselog.CommentAdded:
		return &caseupdate.AddCaseComment{Base: base, Comment: v.addedComment(d), Redaction: v.redaction()}, nil
	case *caselog.CommentDeleted:
		deleted := caseupdate.DeletedComment{CaseID: e.CaseID, CaseCommentID: d.CommentID, Caller: v.caller("deletedComment", e)}
		return &caseupdate.DeleteCaseComment{Base: base, DeletedComment: deleted, Redaction: v.redaction()}, nil
	case *caselog.AttachmentAdded:
		return &caseupdate.AddCaseAttachment{Base: base, Attachment: v.addedAttachment(d), Redaction: v.redaction()}, nil
	case *caselog.AttachmentDeleted:
		deleted := caseupdate.DeletedAttachment{CaseID: e.CaseID, CaseAttachmentID: d.AttachmentID, Caller: v.caller("deletedAttachment", e)}
		return &caseupdate.DeleteAttachment{Base: base, DeletedAttachment: deleted, Redaction: v.redaction()}, nil
	case *caselog.DecisionAdded:
		return &caseupdate.AddCaseDecision{Base: base, Decision: within(v, "decision", d.Decision, v.decision), Redaction: v.redaction()}, nil
	case *caselog.FormAnswered:
		return &caseupdate.AddFormResponse{Base: base, Form: d.Form, Response: v.addedResponse(d), Redaction: v.redaction()}, nil
	case *caselog.Assigned:
		return &caseupdate.AddCaseAssignee{Base: base, Assignees: v.assignees("assignees", d.Users), Redaction: v.redaction()}, nil
	case *caselog.Unassigned:
		removed := v.assignees("assignees", []caseupdate.User{d.User})
		return &caseupdate.RemoveCaseAssignee{Base: base, Assignees: removed, Redaction: v.redaction()}, nil
	case *caselog.PaymentAdded:
		return &caseupdate.PaymentAdded{Base: base, Payment: v.changedPayment(d.Payment), Redaction: v.redaction()}, nil
	case *caselog.PaymentCompleted:
		return &caseupdate.PaymentCompleted{Base: base, Payment: v.changedPayment(d.Payment), Redaction: v.redaction()}, nil
	case *caselog.OrderCreated:
		return &caseupdate.OrderCreated{Base: base, Order: within(v, "order", d.Order, v.order), Redaction: v.redaction()}, nil
	case *caselog.OrderStatusChanged:
		return &caseupdate.OrderStatusChanged{Base: base, Order: within(v, "order", d.Order, v.order), Redaction: v.redaction()}, nil
	case *caselog.OrderTrackingAdded:
		return &caseupdate.OrderTrackingAdded{Base: base, Order: within(v, "order", d.Order, v.order), Redaction: v.redaction()}, nil
	case *caselog.Escalated:
		escalated := caseupdate.Escalated{CaseID: e.CaseID, IsEscalated: true, Caller: v.caller("escalated", e)}
		return &caseupdate.EscalateCase{Base: base, Escalated: escalated, Redaction: v.redaction()}, nil
	case *caselog.Deescalated:
		escalated := caseupdate.Escalated{CaseID: e.CaseID, IsEscalated: false, Caller: v.caller("escalated", e)}
		return &caseupdate.DeescalateCase{Base: base, Escalated: escalated, Redaction: v.redaction()}, nil
	case *caselog.Archived:
		archive := caseupdate.Archive{CaseID: e.CaseID, IsArchived: true, ArchiveReason: v.reason(e, &d.Reason), Caller: v.caller("archiveCase", e)}
		return &caseupdate.ArchiveCase{Base: base, ArchiveCase: archive, Redaction: v.redaction()}, nil
	case *caselog.Reopened:
		archive := caseupdate.Archive{CaseID: e.CaseID, IsArchived: false, Caller: v.caller("archiveCase", e)}
		return &caseupdate.ReopenCase{Base: base, ArchiveCase: archive, Redaction: v.redaction()}, nil
	case *caselog.StatusChanged:
		change := caseupdate.StatusChange{
			CaseID: e.CaseID, NewStatus: d.New, OldStatus: d.Old, ChangeDate: e.ChangeDate(), Caller: v.caller("changeStatus", e),
		}
		return &caseupdate.ChangeCaseStatus{Base: base, ChangeStatus: change, Redaction: v.redaction()}, nil
	}
	return nil, fmt.Errorf("%T is not an event that can be shown", e.Data)
}

// reason shows why a case was archived by e.
func (v *view) reason(e caselog.Event, reason *string) *string {
	outer := v.enter("archiveCase")
	defer v.leave(outer)
	if e.Activity().IsPHI && !v.clearance.PHI {
		return v.phiOrNil("archiveReason", reason)
	}
	return reason
}

func (v *view) caller(key string, e caselog.Event) caseupdate.Person {
	outer := v.enter(key)
	defer v.leave(outer)
	return v.person("caller", e.Caller())
}

func (v *view) addedComment(d *caselog.CommentAdded) caseupdate.Comment {
	outer := v.enter("comment")
	defer v.leave(outer)
	return v.comment(d.Comment, v.withDocument)
}

func (v *view) comment(c caselog.Comment, show func(caselog.Attachment) caseupdate.Attachment) caseupdate.Comment {
	text := c.Text
	if v.phiIDs[c.ID] {
		text = v.phi("text", text)
	}
	return caseupdate.Comment{
		ID:           c.ID,
		Text:         text,
		IsRestricted: c.IsRestricted,
		CreatedAt:    c.CreatedAt,
		Author:       v.name("author", c.Author),
		Attachments:  v.attachments(c.Attachments, show),
	}
}

// attachments leaves out those that the reader may not know of.
func (v *view) attachments(
	attachments []caselog.Attachment, show func(caselog.Attachment) caseupdate.Attachment,
) []caseupdate.Attachment {
	shown := make([]caseupdate.Attachment, 0, len(attachments))
	for _, a := range attachments {
		if a.IsRestricted && !v.clearance.Restricted {
			continue
		}
		outer := v.enterItem("attachments", len(shown))
		shown = append(shown, show(a))
		v.leave(outer)
	}
	return shown
}

func (v *view) addedAttachment(d *caselog.AttachmentAdded) caseupdate.Attachment {
	outer := v.enter("attachment")
	defer v.leave(outer)
	return v.withDocument(d.Attachment)
}

// attachment shows a without its document.
func (v *view) attachment(a caselog.Attachment) caseupdate.Attachment {
	fileName := a.FileName
	if a.IsPHI {
		fileName = v.phi("fileName", a.FileName)
	}
	return caseupdate.Attachment{
		ID:           a.ID,
		IsRestricted: a.IsRestricted,
		IsPHI:        a.IsPHI,
		FileName:     fileName,
		IsDeleted:    a.IsDeleted,
		CreatedAt:    a.CreatedAt,
		UploadedBy:   v.name("uploadedBy", a.UploadedBy),
	}
}

// withDocument shows a with its document, where the view shows documents at all.
func (v *view) withDocument(a caselog.Attachment) caseupdate.Attachment {
	shown := v.attachment(a)
	switch {
	case v.documents == nil:
	case a.IsPHI && !v.clearance.PHI:
		if key := v.documents.hide(&shown, a); key != "" {
			v.blanked(key)
		}
	default:
		v.documents.show(&shown, a)
	}
	return shown
}

func (v *view) addedResponse(d *caselog.FormAnswered) caseupdate.Response {
	outer := v.enter("response")
	defer v.leave(outer)
	return v.response(d.Response)
}

// response blanks the answer, never the question, which is the form's.
func (v *view) response(r caseupdate.Response) caseupdate.Response {
	r.Question.Options = list(r.Question.Options)
	if r.Question.IsPHI || v.phiIDs[r.ID] {
		r.Text = v.phi("text", r.Text)
	}
	r.Respondent = v.person("respondent", r.Respondent)
	return r
}

func (v *view) changedPayment(p caseupdate.Payment) caseupdate.Payment {
	outer := v.enter("payment")
	defer v.leave(outer)
	return v.payment(p)
}

func (v *view) payment(p caseupdate.Payment) caseupdate.Payment {
	if v.phiIDs[p.ID] {
		p.Description = v.phi("description", p.Description)
	}
	p.CreatedBy = v.user("createdBy", p.CreatedBy)
	return p
}

// within shows an object that lies under a key.
func within[T any](v *view, key string, object T, show func(T) T) T {
	outer := v.enter(key)
	defer v.leave(outer)
	return show(object)
}

// decision blanks what is written in a decision that is PHI as a whole.
func (v *view) decision(d caseupdate.Decision) caseupdate.Decision {
	if !v.phiIDs[d.ID] {
		return d
	}
	d.DecisionText = v.phiOrNil("decisionText", d.DecisionText)
	d.Category = v.phiOrNil("category", d.Category)
	if d.MedInfo != nil {
		v.blanked("medInfo")
		d.MedInfo = nil
	}
	return d
}

// order blanks what is written in an order that is PHI as a whole.
func (v *view) order(o caseupdate.Order) caseupdate.Order {
	if v.phiIDs[o.ID] {
		o.Status = v.phi("status", o.Status)
		o.TrackingID = v.phiOrNil("trackingId", o.TrackingID)
		o.Message = v.phiOrNil("message", o.Message)
	}
	return o
}

// each shows the items of a list under a key, where something in them may be blanked, or
// is not to be known of.
func each[T any](v *view, key string, items []T, id func(T) string, show func(T) T) []T {
	if v.clearance.PHI && len(v.hiddenIDs) == 0 {
		return list(items)
	}
	shown := make([]T, 0, len(items))
	for _, item := range items {
		if v.hiddenIDs[id(item)] {
			continue
		}
		outer := v.enterItem(key, len(shown))
		shown = append(shown, show(item))
		v.leave(outer)
	}
	return shown
}
