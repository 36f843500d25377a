package caseupdate

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Payload is the payload of one event: a pointer to one of the 19 types of this
// file, or to [UnknownEvent].
type Payload interface {
	base() *Base
	redaction() *Redaction
}

// Base opens every payload: the case as of the event, then the activity. It is
// what the format writes as <...>.
type Base struct {
	Case     *Case    `json:"case"`
	Activity Activity `json:"activity"`
}

func (b *Base) base() *Base { return b }

// Redaction closes a payload that was blanked for an endpoint without clearance
// for PHI.
type Redaction struct {
	// Redacted lists the paths that were blanked, such as "case.title" or
	// "attachment.fileName"; nil where nothing was.
	Redacted []string `json:"redacted,omitempty"`
}

func (r *Redaction) redaction() *Redaction { return r }

// AddCaseComment is the payload of ADD_CASE_COMMENT.
type AddCaseComment struct {
	Base
	Comment Comment `json:"comment"`
	Redaction
}

// AddCaseDecision is the payload of ADD_CASE_DECISION.
type AddCaseDecision struct {
	Base
	Decision Decision `json:"decision"`
	Redaction
}

// AddCaseAttachment is the payload of ADD_CASE_ATTACHMENT.
type AddCaseAttachment struct {
	Base
	Attachment Attachment `json:"attachment"`
	Redaction
}

// AddFormResponse is the payload of ADD_FORM_RESPONSE: one answer to one
// question of a form.
type AddFormResponse struct {
	Base
	Form     Form     `json:"form"`
	Response Response `json:"response"`
	Redaction
}

// AddCaseAssignee is the payload of ADD_CASE_ASSIGNEE: who was assigned.
type AddCaseAssignee struct {
	Base
	Assignees []Assignee `json:"assignees"`
	Redaction
}

// RemoveCaseAssignee is the payload of REMOVE_CASE_ASSIGNEE: who was removed.
type RemoveCaseAssignee struct {
	Base
	Assignees []Assignee `json:"assignees"`
	Redaction
}

// PaymentAdded is the payload of PAYMENT_ADDED.
type PaymentAdded struct {
	Base
	Payment Payment `json:"payment"`
	Redaction
}

// PaymentCompleted is the payload of PAYMENT_COMPLETED.
type PaymentCompleted struct {
	Base
	Payment Payment `json:"payment"`
	Redaction
}

// OrderCreated is the payload of ORDER_CREATED.
type OrderCreated struct {
	Base
	Order Order `json:"order"`
	Redaction
}

// OrderStatusChanged is the payload of ORDER_STATUS_CHANGED.
type OrderStatusChanged struct {
	Base
	Order Order `json:"order"`
	Redaction
}

// OrderTrackingAdded is the payload of ORDER_TRACKING_ADDED.
type OrderTrackingAdded struct {
	Base
	Order Order `json:"order"`
	Redaction
}

// DeleteAttachment is the payload of DELETE_ATTACHMENT.
type DeleteAttachment struct {
	Base
	DeletedAttachment DeletedAttachment `json:"deletedAttachment"`
	Redaction
}

// CreateCase is the payload of CREATE_CASE. The event's own object is the case
// itself, which here is always the full case object.
type CreateCase struct {
	Base
	Redaction
}

// EscalateCase is the payload of ESCALATE_CASE.
type EscalateCase struct {
	Base
	Escalated Escalated `json:"escalated"`
	Redaction
}

// DeescalateCase is the payload of DEESCALATE_CASE.
type DeescalateCase struct {
	Base
	Escalated Escalated `json:"escalated"`
	Redaction
}

// DeleteCaseComment is the payload of DELETE_CASE_COMMENT.
type DeleteCaseComment struct {
	Base
	DeletedComment DeletedComment `json:"deletedComment"`
	Redaction
}

// ArchiveCase is the payload of ARCHIVE_CASE.
type ArchiveCase struct {
	Base
	ArchiveCase Archive `json:"archiveCase"`
	Redaction
}

// ReopenCase is the payload of REOPEN_CASE.
type ReopenCase struct {
	Base
	ArchiveCase Archive `json:"archiveCase"`
	Redaction
}

// ChangeCaseStatus is the payload of CHANGE_CASE_STATUS.
type ChangeCaseStatus struct {
	Base
	ChangeStatus StatusChange `json:"changeStatus"`
	Redaction
}

// UnknownEvent is the payload of an event that this version of the package does
// not know. Case, Activity and Redacted are filled where they have the usual shape.
type UnknownEvent struct {
	Base
	Redaction
	// Raw is the whole payload as it was received. It alone is written by Marshal.
	Raw json.RawMessage
}

// newUnknownEvent reads what it can of payload, a JSON object, and keeps it.
func newUnknownEvent(payload json.RawMessage) *UnknownEvent {
	u := &UnknownEvent{Raw: payload}
	var fields map[string]json.RawMessage
	if json.Unmarshal(payload, &fields) == nil {
		u.Case = readable[*Case](fields["case"])
		u.Activity = readable[Activity](fields["activity"])
		u.Redacted = readable[[]string](fields["redacted"])
	}
	return u
}

// readable returns field as a T, or the zero T where it has another shape.
func readable[T any](field json.RawMessage) T {
	var value, zero T
	if json.Unmarshal(field, &value) != nil {
		return zero
	}
	return value
}

// MarshalJSON returns Raw, which must be a JSON object.
func (u *UnknownEvent) MarshalJSON() ([]byte, error) {
	if !json.Valid(u.Raw) || !bytes.HasPrefix(bytes.TrimSpace(u.Raw), []byte("{")) {
		return nil, errors.New("caseupdate: Raw is not a JSON object")
	}
	return u.Raw, nil
}
