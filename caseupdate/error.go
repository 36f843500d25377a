package caseupdate

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// mistyped is the error of an UnmarshalJSON method. encoding/json adds to it
// which field it was.
func mistyped[T any]() error {
	return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[T]()}
}

// withoutValue returns what was wrong with a body that err refuses, and where, but
// nothing that err repeats of it.
func withoutValue(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON, at byte %d", syntax.Offset)
	}
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return errors.New("cannot be read")
	}
	if path := jsonPath(wrong.Field); path != "" {
		return errors.New(path + " must be " + required(wrong.Type))
	}
	return errors.New("must be " + required(wrong.Type))
}

// jsonPath returns field, which encoding/json names, without the embedded structs
// that it passes through: "Base.case.title" is case.title. No key of the format
// begins with a capital.
func jsonPath(field string) string {
	embedded := func(key string) bool { return key != "" && 'A' <= key[0] && key[0] <= 'Z' }
	return strings.Join(slices.DeleteFunc(strings.Split(field, "."), embedded), ".")
}

// required says, in the words of JSON, what a field of type t must be.
func required(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[Amount]():
		return "a number of at most two decimal places, up to " + MaxAmount.String()
	case reflect.TypeFor[Time]():
		return "an RFC 3339 timestamp, such as 2026-11-23T14:05:06.789Z"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number, not too large, without point or exponent"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}
