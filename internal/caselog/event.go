package caselog

import (
	"encoding/json"
	"fmt"

	"github.com/casehook/casehook/caseupdate"
)

// Event is one fact in the log of a case.
type Event struct {
	ID       string // UUIDv7: the activity's id, and the webhook-id of its deliveries
	CaseID   string
	Sequence int64 // 1, 2, 3 … in the case
	At       caseupdate.Time
	Actor    caseupdate.User
	Data     Data
	// Report is what the keeper of a case that is kept elsewhere said beyond Data; nil of
	// casehook's own events.
	Report *Report
}

// Data is what an event says, a pointer to one type per event: [Created],
// [CommentAdded] and so on.
type Data interface {
	// Type names the event.
	Type() caseupdate.Event
	// apply changes the state of the case, which nobody else holds yet.
	apply(c *Case, e Event) error
	// describe fills what the activity says beyond who, when and what.
	describe(a *caseupdate.Activity)
}

// Type names the event.
func (e Event) Type() caseupdate.Event { return e.Data.Type() }

// Activity returns the line that e writes into the history of its case.
func (e Event) Activity() caseupdate.Activity {
	activity := caseupdate.Activity{ID: e.ID, Type: e.Type(), Timestamp: e.At, Actor: e.Actor}
	e.Data.describe(&activity)
	e.Report.describe(&activity)
	return activity
}

// Caller returns who called for the change.
func (e Event) Caller() caseupdate.Person {
	if e.Report != nil && e.Report.Caller != nil {
		return *e.Report.Caller
	}
	return e.Actor.Person()
}

// ChangeDate returns since when what the event changed is so.
func (e Event) ChangeDate() caseupdate.Time {
	if e.Report != nil && e.Report.ChangeDate != nil {
		return *e.Report.ChangeDate
	}
	return e.At
}

// body is how the part of an event that is sealed is stored.
type body struct {
	Actor caseupdate.User `json:"actor"`
	Data  Data            `json:"data"`

	Report *Report `json:"report,omitempty"`
}

// EncodeBody returns the actor and the data of e as JSON: what of an event is to
// be sealed. Its id, case, sequence, type and time are stored beside it.
func (e Event) EncodeBody() ([]byte, error) {
	b, err := json.Marshal(body{e.Actor, e.Data, e.Report})
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", e.Type(), err)
	}
	return b, nil
}

// DecodeBody fills the actor and the data of an event of type name from what
// [Event.EncodeBody] returned. An error tells nothing of what encoded holds.
func (e *Event) DecodeBody(name caseupdate.Event, encoded []byte) error {
	data := newData(name)
	if data == nil {
		return fmt.Errorf("decode event %s: %q is not an event", e.ID, name)
	}
	stored := body{Data: data}
	// Data of null would leave an event without any.
	if err := json.Unmarshal(encoded, &stored); err != nil || stored.Data == nil {
		return fmt.Errorf("decode event %s: its body is not that of %s", e.ID, name)
	}
	e.Actor, e.Data, e.Report = stored.Actor, stored.Data, stored.Report
	return nil
}

// newData returns empty data of the type that name has, or nil for an unknown one.
func newData(name caseupdate.Event) Data {
	switch name {
	case caseupdate.EventCreateCase:
		return new(Created)
	case caseupdate.EventAddCaseComment:
		return new(CommentAdded)
	case caseupdate.EventDeleteCaseComment:
		return new(CommentDeleted)
	case caseupdate.EventAddCaseAttachment:
		return new(AttachmentAdded)
	case caseupdate.EventDeleteAttachment:
		return new(AttachmentDeleted)
	case caseupdate.EventAddCaseDecision:
		return new(DecisionAdded)
	case caseupdate.EventAddFormResponse:
		return new(FormAnswered)
	case caseupdate.EventAddCaseAssignee:
		return new(Assigned)
	case caseupdate.EventRemoveCaseAssignee:
		return new(Unassigned)
	case caseupdate.EventPaymentAdded:
		return new(PaymentAdded)
	case caseupdate.EventPaymentCompleted:
		return new(PaymentCompleted)
	case caseupdate.EventOrderCreated:
		return new(OrderCreated)
	case caseupdate.EventOrderStatusChanged:
		return new(OrderStatusChanged)
	case caseupdate.EventOrderTrackingAdded:
		return new(OrderTrackingAdded)
	case caseupdate.EventEscalateCase:
		return new(Escalated)
	case caseupdate.EventDeescalateCase:
		return new(Deescalated)
	case caseupdate.EventArchiveCase:
		return new(Archived)
	case caseupdate.EventReopenCase:
		return new(Reopened)
	case caseupdate.EventChangeCaseStatus:
		return new(StatusChanged)
	}
	return nil
}
