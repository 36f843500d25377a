package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestLocate(t *testing.T) {
	const text = "{ \"a\" : [ 1 , {\"b\":\"x\\\"}\"} ],\n \"c\":{} , \"d\":-2.5e1}"
	for _, test := range []struct {
		name, path, want string
		missing          []string
	}{
		{"a list", "a", "[ 1 , {\"b\":\"x\\\"}\"} ]", nil},
		{"a number in it", "a[0]", "1", nil},
		{"an object in it", "a[1]", `{"b":"x\"}"}`, nil},
		{"a string in that, with quotes and a brace", "a[1].b", `"x\"}"`, nil},
		{"an empty object", "c", "{}", nil},
		{"the last value", "d", "-2.5e1", nil},
		{"a key that is not there ends at its object", "c.e", "{}", []string{"e"}},
		{"so does a path below it", "c.e.f[0]", "{}", []string{"e", "f", "[0]"}},
		{"an index that is not there", "a[2]", "[ 1 , {\"b\":\"x\\\"}\"} ]", []string{"[2]"}},
		{"nothing is in a number", "d.x", "-2.5e1", []string{"x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, missing := locate([]byte(text), steps(test.path))
			require.Equal(t, test.want, text[at.begin:at.end])
			require.Empty(t, cmp.Diff(test.missing, missing, cmp.Transformer("list", func(s []string) []string { return append([]string{}, s...) })))
		})
	}
}

func TestSteps(t *testing.T) {
	for path, want := range map[string][]string{
		"event":                              {"event"},
		"payload.comment.attachments[0].id":  {"payload", "comment", "attachments", "[0]", "id"},
		"payload.case.responses[1].x[20][3]": {"payload", "case", "responses", "[1]", "x", "[20]", "[3]"},
	} {
		require.Equal(t, want, steps(path))
	}
}

func TestPosition(t *testing.T) {
	for _, test := range []struct{ at, line, column int }{{0, 1, 1}, {1, 1, 2}, {2, 1, 3}, {3, 2, 1}, {5, 2, 3}, {99, 2, 3}} {
		line, column := position([]byte("ab\ncd"), test.at)
		require.Equal(t, [2]int{test.line, test.column}, [2]int{line, column}, test.at)
	}
}

func TestSet(t *testing.T) {
	for _, test := range []struct{ name, path, value, want string }{
		{"a value is replaced where it stands", "a.b", `"x"`, `{"a":{"b":"x","c":[1,{}]},"d":{}}`},
		{"so is one in a list", "a.c[0]", `null`, `{"a":{"b":2,"c":[null,{}]},"d":{}}`},
		{"a new key is the last one", "a.e", `true`, `{"a":{"b":2,"c":[1,{}],"e":true},"d":{}}`},
		{"also in an empty object", "d.e", `[]`, `{"a":{"b":2,"c":[1,{}]},"d":{"e":[]}}`},
		{"and at the top", "e", `1`, `{"a":{"b":2,"c":[1,{}]},"d":{},"e":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := set([]byte(`{"a":{"b":2,"c":[1,{}]},"d":{}}`), test.path, json.RawMessage(test.value))
			require.NoError(t, err)
			require.Equal(t, test.want, string(got))
		})
	}
	for _, nowhere := range []string{"x.y", "a.b.c", "a.c[2]", "a.c.x"} {
		_, err := set([]byte(`{"a":{"b":2,"c":[1]}}`), nowhere, json.RawMessage("1"))
		require.Error(t, err, nowhere)
	}
}
