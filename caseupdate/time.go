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

// MarshalJSON writes t in quotes. A year that in UTC is outside 0 to 9999 is an
// error, as in RFC 3339.
func (t Time) MarshalJSON() ([]byte, error) {
	utc := t.UTC()
	if !writable(utc) {
		return nil, errors.New("caseupdate: year outside 0 to 9999")
	}
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = utc.AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON reads an RFC 3339 timestamp of any offset and precision, as
// [time.Parse] does, and cuts it to the millisecond. All else is a [json.UnmarshalTypeError], which does
// not repeat the value.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return mistyped[Time]()
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(b[1:len(b)-1]))
	if err != nil {
		return mistyped[Time]() // time's own error repeats the value
	}
	at := At(parsed)
	if !writable(at.Time) {
		return mistyped[Time]()
	}
	*t = at
	return nil
}

// writable reports whether the year of utc has four digits.
func writable(utc time.Time) bool {
	return 0 <= utc.Year() && utc.Year() <= 9999
}
