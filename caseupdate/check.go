package caseupdate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is a place in a payload that is not as the format has it.
type Fault struct {
	Path    string // "comment.attachments[0].fileName"
	Allowed string // "must be a string"
}

// maxFaults is how many faults are looked for.
const maxFaults = 100

// Check returns what in a payload of a known event is not exactly as the format has it:
// a key that is missing, a key too many, a value of another type, or null where there
// must be a value. Keys of the payload that are named optional may be missing. There is
// no fault in a payload that [Marshal] wrote, and what has none is read by [Parse].
//
// Of many faults it returns the first 100. None repeats a value. That of an event that is
// not known is the only one, and has no path.
func Check(event Event, payload []byte, optional ...string) []Fault {
	if !event.Known() {
		return []Fault{{"", oneOf(Events())}}
	}
	if !json.Valid(payload) {
		return []Fault{{"", "must be JSON"}}
	}
	c := checker{text: payload, optional: optional}
	c.value(shapes()[event])
	return c.faults
}

// ParsePayload reads the payload of a known event, like [Parse], but for that the case
// may be missing.
func ParsePayload(event Event, payload []byte) (Payload, error) {
	parsed := event.NewPayload()
	if parsed == nil {
		return nil, fmt.Errorf("caseupdate: %s is not one of the 19 events", strconv.Quote(string(event)))
	}
	if err := json.Unmarshal(payload, parsed); err != nil {
		return nil, fmt.Errorf("caseupdate: %s payload: %w", event, withoutValue(err))
	}
	return parsed, nil
}

// checker goes through JSON, which is known to be valid, beside the shape that it is to
// have.
type checker struct {
	text     []byte
	at       int // in text
	path     []step
	optional []string // keys of the outermost object
	faults   []Fault
	unknown  func(Field) // called with each field that is in no shape, where it is not nil
}

// step is a key, or for "" an index.
type step struct {
	key   string
	index int
}

func (c *checker) fault(allowed string) {
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, Fault{c.where(), allowed})
	}
}

// where returns the path of the value that is being checked.
func (c *checker) where() string {
	var path strings.Builder
	for _, s := range c.path {
		switch {
		case s.key == "":
			path.WriteString("[" + strconv.Itoa(s.index) + "]")
		case path.Len() == 0:
			path.WriteString(s.key)
		default:
			path.WriteString("." + s.key)
		}
	}
	return path.String()
}

// value checks the value that begins here, and goes behind it.
func (c *checker) value(s *shape) {
	c.space()
	begin := c.at
	switch first := c.text[begin]; {
	case first == 'n':
		c.skip()
		if !s.nullable {
			c.fault("must not be null")
		}
	case first == '{' && s.kind == kindObject:
		c.object(s)
	case first == '[' && s.kind == kindList:
		c.list(s)
	default:
		c.skip()
		if !s.takes(c.text[begin:c.at]) {
			c.fault(s.required)
		}
	}
}

func (c *checker) object(s *shape) {
	var seen uint64
	var unknown []string
	c.at++ // {
	for c.space(); c.text[c.at] != '}'; c.space() {
		if c.text[c.at] == ',' {
			c.at++
			c.space()
		}
		begin := c.at
		c.skip()
		key := c.text[begin+1 : c.at-1]
		c.space()
		c.at++ // :
		i := s.index(key)
		if i < 0 {
			unknown = append(unknown, shown(key))
			c.pass(unquoted(c.text[begin : begin+len(key)+2]))
			continue
		}
		seen |= 1 << i
		c.path = append(c.path, step{key: s.fields[i].key})
		c.value(s.fields[i].shape)
		c.path = c.path[:len(c.path)-1]
	}
	c.at++ // }
	for i := range s.fields {
		f := &s.fields[i]
		if seen&(1<<i) != 0 || f.optional || f.group && seen&s.group == 0 || len(c.path) == 0 && slices.Contains(c.optional, f.key) {
			continue
		}
		c.at1(f.key, "must be given")
	}
	for _, key := range unknown {
		c.at1(key, "is not in the format")
	}
}

// pass goes behind the value of a key that the object does not have.
func (c *checker) pass(key string) {
	c.space()
	begin := c.at
	c.skip()
	if c.unknown == nil {
		return
	}
	path := key
	if len(c.path) > 0 {
		path = c.where() + "." + key
	}
	c.unknown(Field{path, c.text[begin:c.at]})
}

// at1 is fault for a key of the object that is being checked.
func (c *checker) at1(key, allowed string) {
	c.path = append(c.path, step{key: key})
	c.fault(allowed)
	c.path = c.path[:len(c.path)-1]
}

// shown returns a key that the format does not know, where it is fit to be shown.
func shown(key []byte) string {
	if len(key) == 0 || len(key) > 40 || bytes.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return "a key"
	}
	return string(key)
}

func (c *checker) list(s *shape) {
	c.at++ // [
	for i := 0; ; i++ {
		c.space()
		if c.text[c.at] == ']' {
			c.at++
			return
		}
		if c.text[c.at] == ',' {
			c.at++
		}
		c.path = append(c.path, step{index: i})
		c.value(s.item)
		c.path = c.path[:len(c.path)-1]
	}
}

func (c *checker) space() {
	for c.at < len(c.text) && (c.text[c.at] == ' ' || c.text[c.at] == '\n' || c.text[c.at] == '\t' || c.text[c.at] == '\r') {
		c.at++
	}
}

// skip goes behind the value that begins here.
func (c *checker) skip() {
	depth := 0
	for {
		switch c.text[c.at] {
		case '"':
			for c.at++; c.text[c.at] != '"'; c.at++ {
				if c.text[c.at] == '\\' {
					c.at++
				}
			}
			c.at++
		case '{', '[':
			depth++
			c.at++
			continue
		case '}', ']':
			depth--
			c.at++
		case ',', ':', ' ', '\n', '\t', '\r':
			c.at++
			continue
		default: // a number, or a word
			for c.at < len(c.text) && !bytes.ContainsRune([]byte(",:]} \n\t\r"), rune(c.text[c.at])) {
				c.at++
			}
		}
		if depth == 0 {
			return
		}
	}
}
