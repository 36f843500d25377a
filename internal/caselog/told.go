package caselog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Telling is what somebody says who keeps cases elsewhere: an event in the wire format.
type Telling struct {
	CaseID     string          // a UUID, as the keeper knows the case
	ID         string          // of the event, a UUID, by which it is told once; "" for a new one
	Event      string          // its name
	Payload    json.RawMessage // its own object, and where it is given the case, or the activity
	Actor      *caseupdate.User
	OccurredAt *caseupdate.Time
}

// MaxTold is how large a payload may be, in bytes, without its documents.
const MaxTold = 256 << 10

// Told is a [Telling] that was found to be as the format has it.
type Told struct {
	CaseID    string
	ID        string // "" for a new one
	Event     caseupdate.Event
	Documents []*Document // those that it brings

	prefix   string // of the names of its fields
	payload  caseupdate.Payload
	snapshot *caseupdate.Case     // nil where it is not given
	activity *caseupdate.Activity // nil where it is not given
	actor    *caseupdate.User
	at       *caseupdate.Time
	digest   []byte
}

// Is reports whether an event that has its id, and that [Report.Digest], is what came of
// the same telling. Casehook's own events have no digest.
func (t *Told) Is(digest []byte) bool { return digest != nil && bytes.Equal(digest, t.digest) }

// Refuse returns the refusal of a telling that is as the format has it, and cannot be as
// things stand: it names the field, as the faults of [ReadTold] do.
func (t *Told) Refuse(kind refusal.Kind, field, why string) error {
	return refusal.Of(kind, t.prefix+field+" "+why)
}

// Document is one that is told with its bytes.
type Document struct {
	ID      string // of its attachment
	Content []byte
	File    File // what is known of it once it is in the blob store
}

// uuid is the one spelling of an id that is taken.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

const mustBeUUID = "must be a UUID in lower case, such as 01932b5e-7c1d-7e5a-9d3b-2f7a6c1e8b40"

// maxAhead is how far the clock of a keeper may be ahead.
const maxAhead = time.Hour

const mustNotBeAhead = "must be at most an hour ahead"

// ReadTold reads a telling that comes at a moment, or returns what is wrong with it.
// Prefix begins the names of the fields: "" or "[3].".
func ReadTold(prefix string, telling Telling, now time.Time) (*Told, []refusal.Fault) {
	var f faults
	t := &Told{
		CaseID: telling.CaseID, ID: telling.ID, Event: caseupdate.Event(telling.Event),
		prefix: prefix, actor: telling.Actor, at: telling.OccurredAt,
	}
	if !uuid.MatchString(t.CaseID) {
		f.add("caseId", mustBeUUID)
	}
	if t.ID != "" && !uuid.MatchString(t.ID) {
		f.add("id", mustBeUUID)
	}
	if !t.Event.Known() {
		f.add("event", refusal.OneOf(caseupdate.Events()))
	} else {
		t.read(&f, telling.Payload)
	}
	if t.actor != nil {
		f.required("actor.id", t.actor.ID, MaxName)
		f.line("actor.firstName", t.actor.FirstName, MaxName)
		f.line("actor.lastName", t.actor.LastName, MaxName)
		f.optional("actor.email", t.actor.Email, MaxLine)
	}
	f.moment("occurredAt", t.at)
	latest := now.Add(maxAhead)
	if t.when(now).After(latest) {
		f.add(t.whenField(), mustNotBeAhead)
	}
	t.checkMoments(&f, latest)
	for i := range f {
		f[i].Field = prefix + f[i].Field
	}
	return t, f
}

// checkMoments refuses a snapshot of a time that has not come: the case would be listed
// as of then.
func (t *Told) checkMoments(f *faults, latest time.Time) {
	s := t.snapshot
	if s == nil {
		return
	}
	for _, moment := range []struct {
		key string
		at  *caseupdate.Time
	}{
		{"createdAt", &s.CreatedAt},
		{"updatedAt", &s.UpdatedAt},
		{"assignedAt", s.AssignedAt},
		{"inProgressAt", s.InProgressAt},
		{"closedAt", s.ClosedAt},
	} {
		if moment.at != nil && moment.at.After(latest) {
			f.add("payload.case."+moment.key, mustNotBeAhead)
		}
	}
}

// read reads the payload, where it is as the format has it.
func (t *Told) read(f *faults, payload json.RawMessage) {
	optional := []string{"activity"}
	if t.Event != caseupdate.EventCreateCase {
		optional = append(optional, "case")
	}
	for _, fault := range caseupdate.Check(t.Event, payload, optional...) {
		field := "payload"
		if fault.Path != "" {
			field += "." + fault.Path
		}
		f.add(field, fault.Allowed)
	}
	if len(*f) > 0 {
		return
	}
	var given struct{ Activity, Case, Redacted json.RawMessage }
	var err error
	if t.payload, err = caseupdate.ParsePayload(t.Event, payload); err == nil {
		err = json.Unmarshal(payload, &given)
	}
	if err != nil {
		f.add("payload", "must be a payload of the event")
		return
	}
	if given.Redacted != nil {
		f.add("payload.redacted", "must not be given")
	}
	told := &caseupdate.Update{Event: t.Event, Payload: t.payload}
	if given.Case != nil {
		t.snapshot = told.Case()
		f.line("payload.case.type", t.snapshot.Type, MaxName)
		f.same("payload.case.id", t.snapshot.ID, t.CaseID, "must be the caseId")
	}
	if given.Activity != nil {
		activity := told.Activity()
		t.activity = &activity
		if !uuid.MatchString(activity.ID) {
			f.add("payload.activity.id", mustBeUUID)
		}
		if t.ID == "" {
			t.ID = activity.ID
		}
		f.same("payload.activity.id", activity.ID, t.ID, "must be the id of the event")
		f.same("payload.activity.type", string(activity.Type), string(t.Event), "must be the event")
	}
	t.readObject(f)
	t.summarize()
	size := len(payload)
	for _, d := range t.Documents {
		size -= base64.StdEncoding.EncodedLen(len(d.Content))
	}
	if size > MaxTold {
		f.add("payload", fmt.Sprintf("must be at most %d bytes long, without documents", MaxTold))
	}
}

// summarize makes the digest by which a telling is known again. It does not depend on
// how the JSON is written.
func (t *Told) summarize() {
	h := sha256.New()
	for _, part := range []any{t.CaseID, t.Event, t.payload, t.actor, t.at} {
		// What was read from JSON can be written as JSON.
		b, _ := json.Marshal(part)
		_, _ = h.Write(append(b, '\n')) // a hash never fails
	}
	for _, d := range t.Documents {
		content := sha256.Sum256(d.Content)
		_, _ = h.Write(content[:])
	}
	t.digest = h.Sum(nil)
}

// readObject checks what the format does not say of the event's own object, and takes
// the documents out of it. What can be marked needs an id: it is marked by that.
func (t *Told) readObject(f *faults) {
	const mustBeCase = "must be the caseId"
	switch p := t.payload.(type) {
	case *caseupdate.AddCaseComment:
		f.required("payload.comment.id", p.Comment.ID, MaxName)
		f.count("payload.comment.attachments", len(p.Comment.Attachments), MaxAttachments)
		for i := range p.Comment.Attachments {
			t.readDocument(f, fmt.Sprintf("payload.comment.attachments[%d]", i), &p.Comment.Attachments[i])
		}
	case *caseupdate.AddCaseAttachment:
		t.readDocument(f, "payload.attachment", &p.Attachment)
	case *caseupdate.AddCaseDecision:
		f.required("payload.decision.id", p.Decision.ID, MaxName)
	case *caseupdate.AddFormResponse:
		f.required("payload.response.id", p.Response.ID, MaxName)
	case *caseupdate.PaymentAdded:
		f.required("payload.payment.id", p.Payment.ID, MaxName)
	case *caseupdate.PaymentCompleted:
		f.required("payload.payment.id", p.Payment.ID, MaxName)
	case *caseupdate.OrderCreated:
		f.required("payload.order.id", p.Order.ID, MaxName)
	case *caseupdate.OrderStatusChanged:
		f.required("payload.order.id", p.Order.ID, MaxName)
	case *caseupdate.OrderTrackingAdded:
		f.required("payload.order.id", p.Order.ID, MaxName)
	case *caseupdate.AddCaseAssignee:
		if len(p.Assignees) == 0 {
			f.add("payload.assignees", "must have at least 1 item")
		}
		f.count("payload.assignees", len(p.Assignees), MaxAssignees)
	case *caseupdate.RemoveCaseAssignee:
		if len(p.Assignees) != 1 {
			f.add("payload.assignees", "must have 1 item: an event for each who is removed")
		}
	case *caseupdate.EscalateCase:
		f.same("payload.escalated.caseId", p.Escalated.CaseID, t.CaseID, mustBeCase)
		if !p.Escalated.IsEscalated {
			f.add("payload.escalated.isEscalated", "must be true")
		}
	case *caseupdate.DeescalateCase:
		f.same("payload.escalated.caseId", p.Escalated.CaseID, t.CaseID, mustBeCase)
		if p.Escalated.IsEscalated {
			f.add("payload.escalated.isEscalated", "must be false")
		}
	case *caseupdate.ArchiveCase:
		f.same("payload.archiveCase.caseId", p.ArchiveCase.CaseID, t.CaseID, mustBeCase)
		if !p.ArchiveCase.IsArchived {
			f.add("payload.archiveCase.isArchived", "must be true")
		}
		if p.ArchiveCase.ArchiveReason == nil {
			f.add("payload.archiveCase.archiveReason", "must not be null")
		}
	case *caseupdate.ReopenCase:
		f.same("payload.archiveCase.caseId", p.ArchiveCase.CaseID, t.CaseID, mustBeCase)
		if p.ArchiveCase.IsArchived {
			f.add("payload.archiveCase.isArchived", "must be false")
		}
	case *caseupdate.ChangeCaseStatus:
		f.same("payload.changeStatus.caseId", p.ChangeStatus.CaseID, t.CaseID, mustBeCase)
	case *caseupdate.DeleteCaseComment:
		f.same("payload.deletedComment.caseId", p.DeletedComment.CaseID, t.CaseID, mustBeCase)
	case *caseupdate.DeleteAttachment:
		f.same("payload.deletedAttachment.caseId", p.DeletedAttachment.CaseID, t.CaseID, mustBeCase)
	}
}

// readDocument takes the bytes of a document out of an attachment.
func (t *Told) readDocument(f *faults, field string, a *caseupdate.Attachment) {
	if !uuid.MatchString(a.ID) {
		f.add(field+".id", mustBeUUID)
	}
	if slices.ContainsFunc(t.Documents, func(d *Document) bool { return d.ID == a.ID }) {
		f.add(field+".id", "must not be given twice")
	}
	f.required(field+".fileName", a.FileName, MaxFileName)
	if a.URL != nil || a.URLExpiresAt != nil {
		f.add(field+".url", "must not be given: casehook makes links itself")
	}
	if a.Content == nil {
		f.add(field+".content", "must be given")
		return
	}
	content, err := base64.StdEncoding.DecodeString(*a.Content)
	if err != nil {
		f.add(field+".content", "must be base64, as in RFC 4648, section 4")
	}
	a.Content = nil
	t.Documents = append(t.Documents, &Document{ID: a.ID, Content: content})
}
