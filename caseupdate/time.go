package caseupdate

import (
	"errors"
	"time"
)

// timeLayout is a timestamp of the format: UTC, milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is a moment as the format writes it: UTC, in milliseconds,
// "2026-11-23T14:05:06.789Z".
type Time struct{ time.Time }

// At returns t in UTC, cut to the millisecond.
func At(t time.Time) Time {
	return Time{t.UTC().Truncate(time.Millisecond)}
}

// String returns t as the format writes it.
func (t Time) String() string { return t.UTC().Format(timeLayout) }

// MarshalJSON writes t in quotes. A year outside 0 to 9999 is an error, as in
// RFC 3339.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.Year(); y < 0 || y > 9999 {
		return nil, errors.New("caseupdate: year outside 0 to 9999")
	}
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON reads an RFC 3339 timestamp of any offset and precision, and
// cuts it to the millisecond.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return errTime
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(b[1:len(b)-1]))
	if err != nil {
		return errTime // time's own error repeats the value
	}
	at := At(parsed)
	if y := at.Year(); y < 0 || y > 9999 { // in UTC: it could not be written again
		return errTime
	}
	*t = at
	return nil
}

var errTime = errors.New("caseupdate: a timestamp must be RFC 3339, such as 2026-11-23T14:05:06.789Z")
