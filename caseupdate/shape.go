package caseupdate

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shape is what a value of the format must be.
type shape struct {
	kind     kindOfValue
	nullable bool
	required string   // "must be a string"
	fields   []member // of an object, in order; at most 64
	group    uint64   // those of them that are given together, or not at all
	item     *shape   // of a list
}

type kindOfValue int

const (
	kindObject kindOfValue = iota
	kindList
	kindText
	kindFlag
	kindWhole
	kindTime
	kindAmount
	kindStatus
	kindEvent
)

// member is a key of an object, and what is under it.
type member struct {
	key      string
	shape    *shape
	optional bool
	group    bool
}

// shapes are those of the payloads, by event. They follow from the types.
var shapes = sync.OnceValue(func() map[Event]*shape {
	all := make(map[Event]*shape, len(events))
	known := make(map[reflect.Type]*shape)
	for _, e := range events {
		all[e.name] = shapeOf(reflect.TypeOf(e.new()).Elem(), known)
	}
	return all
})

func shapeOf(t reflect.Type, known map[reflect.Type]*shape) *shape {
	if s := known[t]; s != nil {
		return s
	}
	s := new(shape)
	known[t] = s
	plain := t
	if t.Kind() == reflect.Pointer {
		plain, s.nullable = t.Elem(), true
	}
	s.required = "must be " + required(plain)
	if s.nullable {
		s.required += ", or null"
	}
	switch plain {
	case reflect.TypeFor[Time]():
		s.kind = kindTime
		return s
	case reflect.TypeFor[Amount]():
		s.kind = kindAmount
		return s
	case reflect.TypeFor[Status]():
		s.kind, s.required = kindStatus, oneOf(Statuses())
		return s
	case reflect.TypeFor[Event]():
		s.kind, s.required = kindEvent, oneOf(Events())
		return s
	}
	switch plain.Kind() {
	case reflect.String:
		s.kind = kindText
	case reflect.Bool:
		s.kind = kindFlag
	case reflect.Int:
		s.kind = kindWhole
	case reflect.Slice:
		s.kind, s.item = kindList, shapeOf(plain.Elem(), known)
	default:
		s.kind, s.fields = kindObject, membersOf(plain, known)
		for i, m := range s.fields {
			if m.group {
				s.group |= 1 << i
			}
		}
	}
	return s
}

func oneOf[T ~string](values []T) string {
	names := make([]string, len(values))
	for i, value := range values {
		names[i] = string(value)
	}
	return "must be one of " + strings.Join(names, ", ")
}

// membersOf returns the keys of a struct, those of embedded structs among them.
func membersOf(t reflect.Type, known map[reflect.Type]*shape) []member {
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for _, m := range membersOf(inner, known) {
				m.group = m.group || f.Type.Kind() == reflect.Pointer
				members = append(members, m)
			}
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		members = append(members, member{key: key, shape: shapeOf(f.Type, known), optional: options == "omitempty"})
	}
	return members
}

// index returns the place of a key, as it is written, or -1.
func (s *shape) index(key []byte) int {
	return slices.IndexFunc(s.fields, func(m member) bool { return m.key == string(key) })
}

// takes reports whether a value that is no object, list or null is one of the shape.
func (s *shape) takes(value []byte) bool {
	isText := value[0] == '"'
	switch s.kind {
	case kindText:
		return isText
	case kindFlag:
		return value[0] == 't' || value[0] == 'f'
	case kindWhole:
		_, err := strconv.Atoi(string(value))
		return err == nil
	case kindTime:
		return new(Time).UnmarshalJSON(value) == nil
	case kindAmount:
		return new(Amount).UnmarshalJSON(value) == nil
	case kindStatus:
		return isText && slices.Contains(Statuses(), Status(unquoted(value)))
	case kindEvent:
		return isText && Event(unquoted(value)).Known()
	}
	return false
}

func unquoted(value []byte) (text string) {
	_ = json.Unmarshal(value, &text) // it is a string
	return text
}
