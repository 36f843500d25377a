package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
)

// notRaw leaves the body out of a comparison: what was made has none.
var notRaw = cmpopts.IgnoreFields(caseupdate.Update{}, "Raw")

func TestUnknownFieldsAreWhatParsePassesOver(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       []caseupdate.Field
	}{
		{"none in what is known", payload("ADD_CASE_COMMENT", `"comment":{"attachments":[{"content":"aGk="}]},"redacted":[]`), nil},
		{"beside the payload, in it, and in its objects and lists, in their order",
			`{"version":2,"event":"ADD_CASE_COMMENT","payload":{"case":{"mood":"good"},"extra":{},"comment":{"attachments":[{},{"pages":[ 1 ]}]}},"trace":null}`,
			[]caseupdate.Field{
				{Path: "version", Value: json.RawMessage(`2`)},
				{Path: "payload.case.mood", Value: json.RawMessage(`"good"`)},
				{Path: "payload.extra", Value: json.RawMessage(`{}`)},
				{Path: "payload.comment.attachments[1].pages", Value: json.RawMessage(`[ 1 ]`)},
				{Path: "trace", Value: json.RawMessage(`null`)},
			}},
		{"the payload of an event that is not known", `{"event":"CASE_MERGED","payload":{"case":{},"into":"c2"}}`,
			[]caseupdate.Field{{Path: "payload", Value: json.RawMessage(`{"case":{},"into":"c2"}`)}}},
		{"all that there is where the event is missing", `{"payload":{}}`, []caseupdate.Field{{Path: "payload", Value: json.RawMessage(`{}`)}}},
		{"a field of another spelling", `{"event":"REOPEN_CASE","payload":{"Case":{}}}`, []caseupdate.Field{{Path: "payload.Case", Value: json.RawMessage(`{}`)}}},
		{"none of a list", `[{"a":1}]`, nil},
		{"none of null", `null`, nil},
		{"none of what is not JSON", `{"a":1`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, caseupdate.UnknownFields([]byte(test.body))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnknownFieldsSurviveWhereverTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom(goldens()).Draw(t, "body")
		tree := decoded(t, marshal(t, g.update))
		var want []caseupdate.Field
		sow(t, "", tree, &want)
		body, err := json.Marshal(tree)
		require.NoError(t, err)

		got, err := caseupdate.Parse(body)
		require.NoError(t, err)
		if diff := cmp.Diff(g.update, got, notRaw); diff != "" {
			t.Fatalf("what is known (-want +got):\n%s", diff)
		}
		require.Equal(t, string(body), string(got.Raw))
		fields := caseupdate.UnknownFields(got.Raw)
		for _, all := range [][]caseupdate.Field{want, fields} {
			slices.SortFunc(all, func(a, b caseupdate.Field) int { return strings.Compare(a.Path, b.Path) })
		}
		if diff := cmp.Diff(want, fields, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("what is not known (-want +got):\n%s", diff)
		}
	})
}

// drawUnknown draws a key that the format has in no spelling.
var drawUnknown = rapid.OneOf(
	rapid.SampledFrom([]string{"", ".", "[0]", "priority", "x.y"}),
	rapid.Map(drawText, func(text string) string { return "x-" + text }),
)

// sow puts fields that are not known into some of the objects of a body, and appends them to sown.
func sow(t *rapid.T, path string, value any, sown *[]caseupdate.Field) {
	switch v := value.(type) {
	case []any:
		for i := range v {
			sow(t, path+"["+strconv.Itoa(i)+"]", v[i], sown)
		}
	case map[string]any:
		below := func(key string) string {
			if path == "" {
				return key
			}
			return path + "." + key
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			sow(t, below(key), v[key], sown)
		}
		if rapid.IntRange(0, 3).Draw(t, "sow") > 0 {
			return
		}
		key := drawUnknown.Draw(t, "key")
		text, err := json.Marshal(rapid.SampledFrom([]any{nil, true, 7, "<\u2028>", []any{}, []any{1, map[string]any{"id": "7"}}, map[string]any{"case": nil}}).Draw(t, "value"))
		require.NoError(t, err)
		v[key] = json.RawMessage(text)
		*sown = append(*sown, caseupdate.Field{Path: below(key), Value: text})
	}
}

// decoded reads JSON, with its numbers as they are.
func decoded(t require.TestingT, body []byte) any {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var tree any
	require.NoError(t, dec.Decode(&tree))
	return tree
}

func FuzzUnknownFields(f *testing.F) {
	for _, g := range goldens() {
		f.Add(g.read(f))
	}
	f.Add([]byte(` { "a" : 1 , "event" : "ADD_CASE_COMMENT" , "payload" : { "\u0063ase" : [ ] , "" : { } } , "b" : [ { } ] } `))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, field := range caseupdate.UnknownFields(body) {
			require.True(t, json.Valid(field.Value))
			require.True(t, bytes.Contains(body, field.Value))
		}
	})
}
