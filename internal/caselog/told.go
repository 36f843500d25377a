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

	payload  caseupdate.Payload
	snapshot *caseupdate.Case     // nil where it is not given
	activity *caseupdate.Activity // nil where it is not given
	actor    *caseupdate.User
	at       *caseupdate.Time
	digest   []byte
}

// Is reports whether e, which has its id, is what came of the same telling.
func (t *Told) Is(e Event) bool {
	return e.Report != nil && e.CaseID == t.CaseID && bytes.Equal(e.Report.Digest, t.digest)
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

// ReadTold reads a telling that comes at a moment, or returns what is wrong with it.
// Prefix begins the names of the fields: "" or "[3].".
func ReadTold(prefix string, telling Telling, now time.Time) (*Told, []refusal.Fault) {
	var f faults
	t := &Told{CaseID: telling.CaseID, ID: telling.ID, Event: caseupdate.Event(telling.Event), actor: telling.Actor, at: telling.OccurredAt}
	if !uuid.MatchString(t.CaseID) {
		f.add("caseId", mustBeUUID)
	}
	if t.ID != "" && !uuid.MatchString(t.ID) {
		f.add("id", mustBeUUID)
	}
	if !t.Event.Known() {
		f.add("event", "must be one of the 19 events")
	} else {
		t.read(&f, telling.Payload)
	}
	if t.actor != nil {
		f.required("actor.id", t.actor.ID, MaxName)
	}
	f.moment("occurredAt", t.at)
	if t.when(now).After(now.Add(maxAhead)) {
		f.add(t.whenField(), "must not lie in the future")
	}
	for i := range f {
		f[i].Field = prefix + f[i].Field
	}
	return t, f
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
		t.same(f, "payload.case.id", t.snapshot.ID, t.CaseID, "must be the caseId")
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
		t.same(f, "payload.activity.id", activity.ID, t.ID, "must be the id of the event")
		t.same(f, "payload.activity.type", string(activity.Type), string(t.Event), "must be the event")
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

func (t *Told) same(f *faults, field, got, want, allowed string) {
	if got != want {
		f.add(field, allowed)
	}
}

// readObject checks what the format does not say of the event's own object, and takes
// the documents out of it.
func (t *Told) readObject(f *faults) {
	const mustBeCase = "must be the caseId"
	switch p := t.payload.(type) {
	case *caseupdate.AddCaseComment:
		f.count("payload.comment.attachments", len(p.Comment.Attachments), MaxAttachments)
		for i := range p.Comment.Attachments {
			t.readDocument(f, fmt.Sprintf("payload.comment.attachments[%d]", i), &p.Comment.Attachments[i])
		}
	case *caseupdate.AddCaseAttachment:
		t.readDocument(f, "payload.attachment", &p.Attachment)
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
		t.same(f, "payload.escalated.caseId", p.Escalated.CaseID, t.CaseID, mustBeCase)
		if !p.Escalated.IsEscalated {
			f.add("payload.escalated.isEscalated", "must be true")
		}
	case *caseupdate.DeescalateCase:
		t.same(f, "payload.escalated.caseId", p.Escalated.CaseID, t.CaseID, mustBeCase)
		if p.Escalated.IsEscalated {
			f.add("payload.escalated.isEscalated", "must be false")
		}
	case *caseupdate.ArchiveCase:
		t.same(f, "payload.archiveCase.caseId", p.ArchiveCase.CaseID, t.CaseID, mustBeCase)
		if !p.ArchiveCase.IsArchived {
			f.add("payload.archiveCase.isArchived", "must be true")
		}
		if p.ArchiveCase.ArchiveReason == nil {
			f.add("payload.archiveCase.archiveReason", "must not be null")
		}
	case *caseupdate.ReopenCase:
		t.same(f, "payload.archiveCase.caseId", p.ArchiveCase.CaseID, t.CaseID, mustBeCase)
		if p.ArchiveCase.IsArchived {
			f.add("payload.archiveCase.isArchived", "must be false")
		}
	case *caseupdate.ChangeCaseStatus:
		t.same(f, "payload.changeStatus.caseId", p.ChangeStatus.CaseID, t.CaseID, mustBeCase)
	case *caseupdate.DeleteCaseComment:
		t.same(f, "payload.deletedComment.caseId", p.DeletedComment.CaseID, t.CaseID, mustBeCase)
	case *caseupdate.DeleteAttachment:
		t.same(f, "payload.deletedAttachment.caseId", p.DeletedAttachment.CaseID, t.CaseID, mustBeCase)
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

// Opening is what a case is given that is opened by what is told of it.
type Opening struct{ OrganizationID, ShortID string }

// Tell returns the events that follow c where its keeper tells t: one, or two where a
// case that is not there, a nil c, is opened by another event than CREATE_CASE. The
// keeper's word is final: what is told is not refused for the state of the case. The
// error is a [*refusal.Error] where a case that is there is told to be created.
func Tell(c *Case, t *Told, opening Opening, act Act) ([]Event, error) {
	if c != nil && t.Event == caseupdate.EventCreateCase {
		return nil, refusal.Of(refusal.Conflict, "the case is there already: CREATE_CASE can be told once, before all else")
	}
	actor, at := t.who(act.Actor), t.when(act.At)
	var version int64
	if c != nil {
		version = c.Version
		if last := c.Activity[len(c.Activity)-1].Timestamp; at.Before(last.Time) {
			at = last
		}
	}
	if version+2 > MaxEvents {
		return nil, refusal.Of(refusal.Conflict, "the case has as many events as a case can have, 10,000")
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
	tell(t.ID, t.data(c, actor, at, act), report)
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
		return &CommentAdded{comment}
	case *caseupdate.AddCaseAttachment:
		a := t.attachment(p.Attachment)
		a.IsPHI, a.IsRestricted = a.IsPHI || phi, a.IsRestricted || restricted
		return &AttachmentAdded{a}
	case *caseupdate.DeleteCaseComment:
		d := &CommentDeleted{CommentID: p.DeletedComment.CaseCommentID}
		for _, comment := range c.Comments {
			if comment.ID == d.CommentID {
				d.IsPHI, d.IsRestricted = comment.isPHI(), comment.IsRestricted
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
