package caseupdate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Marshal writes u as the body of a webhook: keys in the order of the format, no
// HTML escaping, U+2028 and U+2029 as they are, no newline at the end. The bytes
// equal JSON.stringify(JSON.parse(body)).
//
// A nil list is written as null, which the format does not know: set every list,
// if only to an empty one.
func Marshal(u *Update) ([]byte, error) {
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

// asJavaScript undoes, in place, the escapes that encoding/json makes and
// JavaScript does not: U+2028, U+2029, and U+FFFD for what is not UTF-8.
func asJavaScript(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u`)) {
		return b
	}
	out := b[:0]
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			out = append(out, b[i])
			i++
			continue
		}
		if i+6 <= len(b) {
			if r := unescaped(string(b[i : i+6])); r != 0 {
				out = utf8.AppendRune(out, r)
				i += 6
				continue
			}
		}
		out = append(out, b[i], b[i+1]) // an escape is at least two bytes long
		i += 2
	}
	return out
}

func unescaped(escape string) rune {
	switch escape {
	case `\u2028`:
		return '\u2028'
	case `\u2029`:
		return '\u2029'
	case `\ufffd`:
		return '\ufffd'
	}
	return 0
}
