package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"strconv"
	"strings"
)

// span is where a value stands in a text, from its first byte to behind its last.
type span struct{ begin, end int }

// members goes over the values in an object or a list, each under its key, or its index in
// brackets. The text is valid JSON; of anything else than an object or a list there is none.
func members(text []byte) iter.Seq2[string, span] {
	return func(yield func(string, span) bool) {
		dec := json.NewDecoder(bytes.NewReader(text))
		opening, err := dec.Token()
		if err != nil || opening != json.Delim('{') && opening != json.Delim('[') {
			return
		}
		for i := 0; dec.More(); i++ {
			step := "[" + strconv.Itoa(i) + "]"
			if opening == json.Delim('{') {
				key, err := dec.Token()
				if err != nil {
					return
				}
				step, _ = key.(string)
			}
			var raw json.RawMessage
			if dec.Decode(&raw) != nil {
				return
			}
			end := int(dec.InputOffset())
			if !yield(step, span{end - len(raw), end}) {
				return
			}
		}
	}
}

// locate follows a path into JSON for as far as it goes: it returns where the last value on it
// stands, and what of the path is not there.
func locate(text []byte, path []string) (at span, missing []string) {
	at = span{0, len(text)}
	for ; len(path) > 0; path = path[1:] {
		inner, ok := member(text[at.begin:at.end], path[0])
		if !ok {
			break
		}
		at = span{at.begin + inner.begin, at.begin + inner.end}
	}
	for at.begin < at.end && isSpace(text[at.begin]) {
		at.begin++
	}
	return at, path
}

// member returns where in an object or a list the value under a step stands.
func member(text []byte, step string) (span, bool) {
	for key, at := range members(text) {
		if key == step {
			return at, true
		}
	}
	return span{}, false
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// steps takes a path apart: payload.comment.attachments[0].id has five.
func steps(path string) []string {
	var all []string
	for part := range strings.SplitSeq(path, ".") {
		key, indices, _ := strings.Cut(part, "[")
		all = append(all, key)
		if indices == "" {
			continue
		}
		for index := range strings.SplitSeq(indices, "[") {
			all = append(all, "["+index)
		}
	}
	return all
}

// position returns the line and the column of a byte of a text, both from 1.
func position(text []byte, at int) (line, column int) {
	before := text[:min(at, len(text))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// set returns JSON with the value at a path replaced. Where only the last step is missing and what
// is before it is an object, the key is put at its end.
func set(text []byte, path string, value json.RawMessage) ([]byte, error) {
	at, missing := locate(text, steps(path))
	switch {
	case len(missing) == 0:
		return bytes.Join([][]byte{text[:at.begin], value, text[at.end:]}, nil), nil
	case len(missing) > 1 || text[at.begin] != '{':
		return nil, errors.New("there is no such place")
	}
	key, err := json.Marshal(missing[0])
	if err != nil {
		return nil, err
	}
	object := bytes.TrimRight(text[at.begin:at.end], " \t\r\n")
	last := at.begin + len(object) - 1 // the brace
	var comma []byte
	for range members(object) {
		comma = []byte(",")
		break
	}
	return bytes.Join([][]byte{text[:last], comma, key, []byte(":"), value, text[last:]}, nil), nil
}
