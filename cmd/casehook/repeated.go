package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// maxRepeated is how many keys that come twice are looked for.
const maxRepeated = 100

// repeats looks for keys that an object has twice: of two values one reader takes the first, and another
// the last.
type repeats struct {
	text   []byte // valid JSON
	dec    *json.Decoder
	path   []string // the steps to the value that is read
	faults []fault
}

// repeated returns the keys of JSON that come twice, each at the value that it has again.
func repeated(text []byte) []fault {
	r := &repeats{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	r.value()
	return r.faults
}

// value reads the next value.
func (r *repeats) value() {
	token, _ := r.dec.Token() // of JSON that is valid
	switch token {
	case json.Delim('{'):
		r.object()
	case json.Delim('['):
		for i := 0; r.dec.More(); i++ {
			r.step("[" + strconv.Itoa(i) + "]")
		}
		_, _ = r.dec.Token()
	}
}

// object reads an object from behind its brace.
func (r *repeats) object() {
	seen := map[string]bool{}
	for r.dec.More() {
		token, _ := r.dec.Token()
		key, _ := token.(string)
		if seen[key] && len(r.faults) < maxRepeated {
			at := int(r.dec.InputOffset())
			for isSpace(r.text[at]) || r.text[at] == ':' {
				at++
			}
			line, column := position(r.text, at)
			r.faults = append(r.faults, fault{line, column, r.where(key) + " must not be given twice"})
		}
		seen[key] = true
		r.step(key)
	}
	_, _ = r.dec.Token()
}

// step reads the value under a key or an index.
func (r *repeats) step(to string) {
	r.path = append(r.path, to)
	r.value()
	r.path = r.path[:len(r.path)-1]
}

// where returns the path of a key of the object that is read.
func (r *repeats) where(key string) string {
	var path strings.Builder
	for _, step := range append(r.path[:len(r.path):len(r.path)], key) {
		if path.Len() > 0 && !strings.HasPrefix(step, "[") {
			path.WriteByte('.')
		}
		path.WriteString(cut(step, 40))
	}
	return path.String()
}
