package caseupdate

import "encoding/json"

// Field is a value in a body, and where it stands.
type Field struct {
	Path  string          // "payload.case.priority", "payload.comment.attachments[0].pages"
	Value json.RawMessage // as it was written
}

// UnknownFields returns what [Parse] passes over in a body: the fields that this version of the
// package does not know, in their order, each whole. Of an event that it does not know that is
// the payload. A field of another spelling than the format's is among them, though Parse may read it.
//
// The values are parts of body, and must not be changed. Of what is no JSON object there are none.
func UnknownFields(body []byte) []Field {
	var envelope struct {
		Event Event `json:"event"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return nil
	}
	whole := &shape{kind: kindObject, fields: []member{{key: "event", shape: &shape{kind: kindText}}}}
	if payload := shapes()[envelope.Event]; payload != nil {
		whole.fields = append(whole.fields, member{key: "payload", shape: payload})
	}
	var fields []Field
	c := checker{text: body, unknown: func(f Field) { fields = append(fields, f) }}
	c.value(whole)
	return fields
}
