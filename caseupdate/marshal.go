package caseupdate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Marshal writes u as the body of a webhook: keys in the order of the format, no
// HTML escaping, U+2028 and U+2029 as they are, no newline at the end. The bytes
// equal JSON.stringify(JSON.parse(body)).
//
// The payload must be of the event's type and have a case, so that [Parse] reads
// the body again. A nil list is written as null, which the format does not know:
// set every list, if only to an empty one. Text that is not UTF-8 comes out with
// U+FFFD in place of each wrong byte.
//
// What Parse did not know in a known event is not written: who passes an update on
// as it came sends u.Raw.
//
// An [UnknownEvent] is written as its Raw, without white space between tokens.
// What numbers look like and in which order keys stand is left as it is: those
// bytes equal JavaScript's only where their sender's did.
func Marshal(u *Update) ([]byte, error) {
	if err := u.check(); err != nil {
		return nil, fmt.Errorf("caseupdate: write %s: %w", u.Event, err)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Event   Event   `json:"event"`
		Payload Payload `json:"payload"`
	}{u.Event, u.Payload})
	if err != nil {
		return nil, fmt.Errorf("caseupdate: write %s: %w", u.Event, err)
	}
	return asJavaScript(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))), nil
}

// check refuses what Parse would not read again.
func (u *Update) check() error {
	if u.Event == "" {
		return errors.New("event is missing")
	}
	want := u.Event.NewPayload()
	if want == nil {
		want = new(UnknownEvent)
	}
	switch got := reflect.ValueOf(u.Payload); {
	case !got.IsValid() || got.Type() != reflect.TypeOf(want):
		return fmt.Errorf("payload is %T, not %T", u.Payload, want)
	case got.IsNil():
		return errors.New("payload is nil")
	case u.Case() == nil && u.Event.Known():
		return errors.New("case is missing")
	}
	return nil
}

// unescape undoes the escapes that encoding/json makes and JavaScript does not:
// U+2028, U+2029, and U+FFFD for what is not UTF-8. An escaped backslash comes
// first, so that none of it is taken for the start of another escape.
var unescape = strings.NewReplacer(
	`\\`, `\\`,
	`\u2028`, "\u2028",
	`\u2029`, "\u2029",
	`\ufffd`, "\ufffd",
)

func asJavaScript(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u`)) {
		return b
	}
	return []byte(unescape.Replace(string(b)))
}
