package caseupdate

// Activity is the line that an event writes into the history of its case.
type Activity struct {
	// ID is the event's id: a UUIDv7, the same as the webhook-id header.
	ID           string `json:"id"`
	Type         Event  `json:"type"`
	IsPHI        bool   `json:"isPHI"`
	IsRestricted bool   `json:"isRestricted"`
	Timestamp    Time   `json:"timestamp"`
	// ValueBefore and ValueAfter are the two statuses where the event changed
	// one: of the case, of an order or of a payment. Else nil.
	ValueBefore *string `json:"valueBefore"`
	ValueAfter  *string `json:"valueAfter"`
	Actor       User    `json:"actor"`
	// TargetUser is the assignee where one was assigned or removed (the first,
	// where one event assigned several), else nil.
	TargetUser *User `json:"targetUser"`
}
