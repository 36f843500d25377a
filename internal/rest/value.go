package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
)

// The types of this file are values in requests that encoding/json could only
// refuse without naming the field, and with an error that repeats the value. They
// read whatever there is, remember that it was not what it should be, and say so,
// by Resolve, when huma knows where they stand. Null is none of them: caseupdate's types
// leave what they are as it was.

// timestamp is a moment.
type timestamp struct {
	moment caseupdate.Time
	broken bool
}

// UnmarshalJSON reads an RFC 3339 timestamp. It never fails. A moment of which the
// year has not four digits in UTC could not be written.
func (t *timestamp) UnmarshalJSON(b []byte) error {
	t.broken = isNull(b) || t.moment.UnmarshalJSON(b) != nil || t.moment.Year() < 1 || t.moment.Year() > 9999
	return nil
}

// Resolve refuses what is no timestamp.
func (t *timestamp) Resolve(_ huma.Context, path *huma.PathBuffer) []error {
	return refuseIf(t.broken, path, mustBeTime)
}

// Schema is asked by huma.
func (timestamp) Schema(huma.Registry) *huma.Schema { return timeSchema() }

// time returns the moment, nil for a nil t.
func (t *timestamp) time() *caseupdate.Time {
	if t == nil {
		return nil
	}
	return &t.moment
}

// amount is money, in major units.
type amount struct {
	minor  caseupdate.Amount
	broken bool
}

// UnmarshalJSON reads a number. It never fails.
func (a *amount) UnmarshalJSON(b []byte) error {
	a.broken = isNull(b) || a.minor.UnmarshalJSON(b) != nil
	return nil
}

// Resolve refuses what is no amount.
func (a *amount) Resolve(_ huma.Context, path *huma.PathBuffer) []error {
	return refuseIf(a.broken, path, "must be a number of at most two decimal places, up to "+caseupdate.MaxAmount.String())
}

// Schema is asked by huma.
func (amount) Schema(huma.Registry) *huma.Schema {
	s := amountSchema()
	// Where huma does not see it, which would say less of what is wrong.
	s.Extensions = map[string]any{"minimum": 0, "maximum": json.Number(caseupdate.MaxAmount.String())}
	return s
}

// content is a document, in base64.
type content struct {
	bytes  []byte
	broken bool
}

// UnmarshalJSON reads a string of base64 (RFC 4648, section 4). It never fails.
func (c *content) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		c.broken = true // though null, true and many a number could be base64
		return nil
	}
	encoded := b[1 : len(b)-1]
	if bytes.Contains(b, []byte(`\`)) { // some encoders write / as \/
		var unescaped string
		c.broken = json.Unmarshal(b, &unescaped) != nil
		encoded = []byte(unescaped)
	}
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(decoded, encoded)
	c.bytes, c.broken = decoded[:n], c.broken || err != nil
	return nil
}

// Resolve refuses what is no base64.
func (c *content) Resolve(_ huma.Context, path *huma.PathBuffer) []error {
	return refuseIf(c.broken, path, "must be base64, as in RFC 4648, section 4")
}

// Schema is asked by huma. It says base64 where huma does not see it, which would
// search megabytes by a regular expression.
func (content) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Extensions: map[string]any{"contentEncoding": "base64"}}
}

func isNull(b []byte) bool { return string(b) == "null" }

func refuseIf(broken bool, path *huma.PathBuffer, allowed string) []error {
	if !broken {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: path.String(), Message: allowed}}
}

// clearable is a field that can be left out, be null, or have a value.
type clearable[T any] struct {
	given bool
	value *T
}

// UnmarshalJSON reads a T or null. It is not called where the field is left out.
func (c *clearable[T]) UnmarshalJSON(b []byte) error {
	c.given = true
	return json.Unmarshal(b, &c.value)
}

// Schema is asked by huma.
func (clearable[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[*T](), true, "")
}

// optional is a query parameter that may be left out, where its zero value asks
// for something else than nothing.
type optional[T any] struct {
	Value T // exported for huma, which fills it
	given bool
}

// Schema is asked by huma.
func (optional[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

// Receiver tells huma what to fill.
func (o *optional[T]) Receiver() reflect.Value { return reflect.ValueOf(o).Elem().Field(0) }

// OnParamSet is called by huma when it has.
func (o *optional[T]) OnParamSet(given bool, _ any) { o.given = given }

// pointer returns the value, nil where it was left out.
func (o optional[T]) pointer() *T {
	if !o.given {
		return nil
	}
	return &o.Value
}
