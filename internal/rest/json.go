package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/casehook/casehook/internal/refusal"
)

// The bounds of a JSON body: of its depth, and of all values in it together.
const (
	maxDepth  = 32
	maxValues = 200_000
)

// checkJSON refuses a body that is not one JSON value in UTF-8, that is deeper or
// has more values than any request needs, that has a number or half of a surrogate
// pair which encoding/json cannot read, or that names a field twice: of two values,
// encoding/json would take the last, and somebody else's the first. It refuses null where
// refusesNull, if it is not nil, says so of the place.
func checkJSON(body []byte, refusesNull func(place []scope) bool) error {
	if !utf8.Valid(body) {
		return newProblem(http.StatusBadRequest, "the body is not UTF-8")
	}
	if !json.Valid(body) {
		return newProblem(http.StatusBadRequest, fmt.Sprintf("the body is not JSON, at byte %d", faultyByte(body)))
	}
	var w walk
	for i := 0; i < len(body); i++ {
		var err error
		switch body[i] {
		case '{', '[':
			err = w.open(body[i] == '{')
		case '}', ']':
			w.scopes = w.scopes[:len(w.scopes)-1]
		case ',':
			err = w.next()
		case '"':
			end := i + stringLength(body[i:])
			if isKey(body[end:]) {
				err = w.key(body[i:end])
			} else {
				err = w.text(body[i:end])
			}
			i = end - 1
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := i + numberLength(body[i:])
			err = w.number(string(body[i:end]))
			i = end - 1
		case 'n': // of null: true and false have none
			if refusesNull != nil && refusesNull(w.scopes) {
				err = refusal.Field(w.path(), "must not be null")
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walk is a way through a body that is known to be JSON.
type walk struct {
	scopes []scope // the objects and arrays that are open, the outermost first
	values int
}

// scope is an object, or an array, in which keys is nil.
type scope struct {
	keys  map[string]bool
	key   string // the last
	index int    // of an array's item
}

func (w *walk) open(object bool) error {
	if len(w.scopes) == maxDepth {
		return refusal.Of(refusal.Invalid, fmt.Sprintf("the body must be at most %d levels deep", maxDepth))
	}
	var inner scope
	if object {
		inner.keys = map[string]bool{}
	}
	w.scopes = append(w.scopes, inner)
	return w.count()
}

func (w *walk) next() error {
	w.scopes[len(w.scopes)-1].index++
	return w.count()
}

func (w *walk) count() error {
	if w.values++; w.values > maxValues {
		return refusal.Of(refusal.Invalid, fmt.Sprintf("the body must have at most %d values", maxValues))
	}
	return nil
}

// key enters the name of a field, given as it is written.
func (w *walk) key(quoted []byte) error {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return errors.New("read a key of JSON that is valid")
	}
	inner := &w.scopes[len(w.scopes)-1]
	inner.key = name
	if inner.keys[name] {
		return refusal.Field(w.path(), "must not be given twice")
	}
	inner.keys[name] = true
	return nil
}

// text refuses a string with half of a surrogate pair, which stands for nothing.
func (w *walk) text(quoted []byte) error {
	for i := 1; i < len(quoted)-1; i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		first := escaped(quoted[i-1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if utf16.DecodeRune(first, escaped(quoted[i+1:])) == utf8.RuneError {
			return refusal.Field(cmp.Or(w.path(), "body"), "must not have half of a surrogate pair")
		}
		i += 6
	}
	return nil
}

// escaped returns the code unit with whose escape, \uXXXX, b begins; 0 where it does
// not begin with one.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(unit)
}

// number refuses what is too large for a float64.
func (w *walk) number(digits string) error {
	if _, err := strconv.ParseFloat(digits, 64); err != nil {
		return refusal.Field(cmp.Or(w.path(), "body"), "must not be such a large number")
	}
	return nil
}

// path names where the walk is: responses[3].text.
func (w *walk) path() string {
	var path strings.Builder
	for _, s := range w.scopes {
		switch {
		case s.keys == nil:
			path.WriteString("[" + strconv.Itoa(s.index) + "]")
		case path.Len() == 0:
			path.WriteString(s.key)
		default:
			path.WriteString("." + s.key)
		}
	}
	return path.String()
}

// stringLength returns how long the string is with which b begins, quotes included.
func stringLength(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// numberLength returns how long the number is with which b begins.
func numberLength(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, "+-.0123456789Ee"))
}

// isKey reports whether the string before after names a field: in JSON, whether a
// colon follows it.
func isKey(after []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(after, " \t\r\n"), []byte(":"))
}

// faultyByte returns where in body JSON ends to be JSON.
func faultyByte(body []byte) int64 {
	var ignored json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(body, &ignored)); ok {
		return syntax.Offset
	}
	return int64(len(body))
}
