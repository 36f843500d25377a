package caseupdate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Update is one Case Updates webhook: what happened, to which case.
type Update struct {
	Event Event
	// Payload is a pointer to the event's type, such as *AddCaseComment, or to
	// UnknownEvent.
	Payload Payload
	// Raw is the body that Parse read, with all that this version does not know: what to keep, or to
	// pass on. [UnknownFields] returns what that is. It is nil in an update that was not read, and
	// [Marshal] does not look at it.
	Raw json.RawMessage
}

// Case returns the case as of the event; nil only in an unknown event that has none.
func (u *Update) Case() *Case { return u.Payload.base().Case }

// Activity returns the activity that the event wrote.
func (u *Update) Activity() Activity { return u.Payload.base().Activity }

// Redacted returns the paths that were blanked for want of clearance for PHI.
func (u *Update) Redacted() []string { return u.Payload.redaction().Redacted }

// Parse reads the body of a webhook. Unknown fields are passed over and an unknown
// event is no error but an [UnknownEvent]: new ones may come. All of it is in Raw,
// which is body itself: it must not be changed after. A body that is not
// JSON, has no event, payload or case, or has a field of another type is an error,
// which names the field and never repeats a value of the body.
//
// Parse believes its sender: verify the signature first, with package webhook. It
// does not look for keys that come twice, nor for fields that are absent; those
// keep their zero value.
func Parse(body []byte) (*Update, error) {
	var envelope struct {
		Event   *Event          `json:"event"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, fmt.Errorf("caseupdate: body: %w", withoutValue(err))
	}
	if envelope.Event == nil || *envelope.Event == "" {
		return nil, errors.New("caseupdate: event is missing")
	}
	if !bytes.HasPrefix(envelope.Payload, []byte("{")) {
		return nil, errors.New("caseupdate: payload is missing or not an object")
	}
	update := &Update{Event: *envelope.Event, Payload: envelope.Event.NewPayload(), Raw: body}
	if update.Payload == nil {
		update.Payload = newUnknownEvent(envelope.Payload)
		return update, nil
	}
	if err := json.Unmarshal(envelope.Payload, update.Payload); err != nil {
		return nil, fmt.Errorf("caseupdate: %s payload: %w", update.Event, withoutValue(err))
	}
	if update.Case() == nil {
		return nil, fmt.Errorf("caseupdate: %s payload: case is missing", update.Event)
	}
	return update, nil
}
