// Package refusal is the few kinds of no that a user of casehook is told.
//
// Whatever else goes wrong is internal: it is logged for the operator, and the
// user learns only that it did. A door asks errors.As for an [*Error] and turns
// its Kind into an answer in one table.
package refusal

import "strings"

// Kind says what kind of no it is.
type Kind int

// The kinds, each with the answer that REST gives.
const (
	Invalid      Kind = iota + 1 // 422: what was sent cannot be accepted
	Unauthorized                 // 401: no key, or one that is not known
	Forbidden                    // 403: the key's role does not reach that far
	NotFound                     // 404: not there, or another organisation's
	Conflict                     // 409: not possible as things stand now
	TooLarge                     // 413: more than the limit
)

// Error is a refusal. Its text is for the user: it names the field and what is
// allowed, and never repeats a value that was sent.
type Error struct {
	Kind   Kind
	Detail string
	Faults []Fault // what is wrong, field by field; of Invalid only
}

// Fault is one field that cannot be accepted.
type Fault struct {
	Field   string // as in the request: "submitter.dob", "responses[3].text"
	Allowed string // what the field must be: "must be a date, such as 1984-07-12"
}

// Error returns the detail, then each fault.
func (e *Error) Error() string {
	if len(e.Faults) == 0 {
		return e.Detail
	}
	var b strings.Builder
	b.WriteString(e.Detail)
	separator := ": "
	for _, fault := range e.Faults {
		b.WriteString(separator + fault.Field + " " + fault.Allowed)
		separator = "; "
	}
	return b.String()
}

// Of returns a refusal without faults.
func Of(kind Kind, detail string) *Error {
	return &Error{Kind: kind, Detail: detail}
}

// Field refuses one field of what was sent.
func Field(field, allowed string) *Error {
	return Fields(Fault{field, allowed})
}

// Fields refuses several fields of what was sent.
func Fields(faults ...Fault) *Error {
	return &Error{Kind: Invalid, Detail: "the request cannot be accepted", Faults: faults}
}

// OneOf says that a field must be one of some values.
func OneOf[T ~string](values []T) string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = string(value)
	}
	return "must be one of " + strings.Join(names, ", ")
}
