package caseupdate

import "slices"

// Event names what happened to a case: the "event" of a webhook body.
type Event string

// The 19 events, in the order in which the format shows them.
const (
	EventAddCaseComment     Event = "ADD_CASE_COMMENT"
	EventAddCaseDecision    Event = "ADD_CASE_DECISION"
	EventAddCaseAttachment  Event = "ADD_CASE_ATTACHMENT"
	EventAddFormResponse    Event = "ADD_FORM_RESPONSE"
	EventAddCaseAssignee    Event = "ADD_CASE_ASSIGNEE"
	EventRemoveCaseAssignee Event = "REMOVE_CASE_ASSIGNEE"
	EventPaymentAdded       Event = "PAYMENT_ADDED"
	EventPaymentCompleted   Event = "PAYMENT_COMPLETED"
	EventOrderCreated       Event = "ORDER_CREATED"
	EventOrderStatusChanged Event = "ORDER_STATUS_CHANGED"
	EventOrderTrackingAdded Event = "ORDER_TRACKING_ADDED"
	EventDeleteAttachment   Event = "DELETE_ATTACHMENT"
	EventCreateCase         Event = "CREATE_CASE"
	EventEscalateCase       Event = "ESCALATE_CASE"
	EventDeescalateCase     Event = "DEESCALATE_CASE"
	EventDeleteCaseComment  Event = "DELETE_CASE_COMMENT"
	EventArchiveCase        Event = "ARCHIVE_CASE"
	EventReopenCase         Event = "REOPEN_CASE"
	EventChangeCaseStatus   Event = "CHANGE_CASE_STATUS"
)

// kind pairs an event with an empty payload of its type.
type kind struct {
	name Event
	new  func() Payload
}

var events = []kind{
	{EventAddCaseComment, func() Payload { return new(AddCaseComment) }},
	{EventAddCaseDecision, func() Payload { return new(AddCaseDecision) }},
	{EventAddCaseAttachment, func() Payload { return new(AddCaseAttachment) }},
	{EventAddFormResponse, func() Payload { return new(AddFormResponse) }},
	{EventAddCaseAssignee, func() Payload { return new(AddCaseAssignee) }},
	{EventRemoveCaseAssignee, func() Payload { return new(RemoveCaseAssignee) }},
	{EventPaymentAdded, func() Payload { return new(PaymentAdded) }},
	{EventPaymentCompleted, func() Payload { return new(PaymentCompleted) }},
	{EventOrderCreated, func() Payload { return new(OrderCreated) }},
	{EventOrderStatusChanged, func() Payload { return new(OrderStatusChanged) }},
	{EventOrderTrackingAdded, func() Payload { return new(OrderTrackingAdded) }},
	{EventDeleteAttachment, func() Payload { return new(DeleteAttachment) }},
	{EventCreateCase, func() Payload { return new(CreateCase) }},
	{EventEscalateCase, func() Payload { return new(EscalateCase) }},
	{EventDeescalateCase, func() Payload { return new(DeescalateCase) }},
	{EventDeleteCaseComment, func() Payload { return new(DeleteCaseComment) }},
	{EventArchiveCase, func() Payload { return new(ArchiveCase) }},
	{EventReopenCase, func() Payload { return new(ReopenCase) }},
	{EventChangeCaseStatus, func() Payload { return new(ChangeCaseStatus) }},
}

// Events returns the 19 events in the order in which the format shows them.
func Events() []Event {
	names := make([]Event, len(events))
	for i, e := range events {
		names[i] = e.name
	}
	return names
}

// Known reports whether e is one of the 19 events.
func (e Event) Known() bool {
	return e.index() >= 0
}

// NewPayload returns a pointer to an empty payload of e's type, such as *AddCaseComment, or nil for an
// unknown event.
func (e Event) NewPayload() Payload {
	if i := e.index(); i >= 0 {
		return events[i].new()
	}
	return nil
}

// index returns e's place in events, or -1.
func (e Event) index() int {
	return slices.IndexFunc(events, func(k kind) bool { return k.name == e })
}
