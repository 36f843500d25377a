package caselog_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

// What is stored must be read for as long as there are cases: a golden body that
// changes is a log that can no longer be read, unless what changes is an addition.
func TestBodiesAreStoredAsTheGoldenOnes(t *testing.T) {
	told := make(map[caseupdate.Event]caselog.Event) // the first of each type
	for _, e := range journey(t).events {
		if _, ok := told[e.Type()]; !ok {
			told[e.Type()] = e
		}
	}
	for _, name := range caseupdate.Events() {
		t.Run(string(name), func(t *testing.T) {
			e, ok := told[name]
			require.True(t, ok)
			body, err := e.EncodeBody()
			require.NoError(t, err)

			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden(name), indented(t, body), 0o644))
			}
			want, err := os.ReadFile(golden(name))
			require.NoError(t, err)
			equal(t, "body", string(want), string(indented(t, body)))

			again := without(e)
			require.NoError(t, again.DecodeBody(name, want))
			equal(t, "the event, read again", e, again)
		})
	}
}

func golden(name caseupdate.Event) string { return filepath.Join("testdata", string(name)+".json") }

func indented(t testing.TB, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, json.Indent(&buf, body, "", "  "))
	buf.WriteByte('\n')
	return buf.Bytes()
}

// without returns e without what its body holds.
func without(e caselog.Event) caselog.Event {
	e.Actor, e.Data = caseupdate.User{}, nil
	return e
}

func TestAnyBodyIsReadAsItWasStored(t *testing.T) {
	for _, name := range caseupdate.Events() {
		t.Run(string(name), rapid.MakeCheck(func(t *rapid.T) {
			e := caselog.Event{ID: "event-1", CaseID: "case-1", Sequence: 1, At: caseupdate.At(begin)}
			require.NoError(t, e.DecodeBody(name, []byte("{}")))
			require.Equal(t, name, e.Type())
			arbitrary(t, reflect.ValueOf(&e.Actor).Elem())
			arbitrary(t, reflect.ValueOf(e.Data).Elem())

			body, err := e.EncodeBody()
			require.NoError(t, err)
			again := without(e)
			require.NoError(t, again.DecodeBody(name, body))
			equal(t, "the event, read again", e, again)
			equal(t, "its activity", e.Activity(), again.Activity())
		}))
	}
}

// arbitrary draws all of v.
func arbitrary(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case caseupdate.Time:
		at := time.UnixMilli(rapid.Int64Range(-62_000_000_000_000, 253_000_000_000_000).Draw(t, "time")) // years 5 to 9987
		v.Set(reflect.ValueOf(caseupdate.At(at)))
		return
	case caseupdate.Amount:
		v.SetInt(rapid.Int64Range(-int64(caseupdate.MaxAmount), int64(caseupdate.MaxAmount)).Draw(t, "amount"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.StringN(0, 6, -1).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			arbitrary(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				arbitrary(t, v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			arbitrary(t, v.Field(i))
		}
	default:
		t.Fatalf("a body holds a %s", v.Type())
	}
}

func TestADamagedBodyIsNotRead(t *testing.T) {
	const (
		marker  = "PLANTED"
		comment = caseupdate.EventAddCaseComment
		told    = "decode event event-1: its body is not that of ADD_CASE_COMMENT"
	)
	for _, test := range []struct {
		name string
		as   caseupdate.Event
		body string
		want string
	}{
		{"nothing", comment, "", told},
		{"no JSON", comment, marker, told},
		{"cut off", comment, `{"actor":{"id":"` + marker + `"},"data":{"comment":{"text":"` + marker, told},
		{"followed by something", comment, `{"data":{}} "` + marker + `"`, told},
		{"a list", comment, `["` + marker + `"]`, told},
		{"without data", comment, `{"actor":{"id":"` + marker + `"},"data":null}`, told},
		{"data that is a text", comment, `{"data":"` + marker + `"}`, told},
		{"data of another type", comment, `{"data":{"comment":"` + marker + `"}}`, told},
		{"a time that is none", comment, `{"data":{"comment":{"createdAt":"` + marker + `"}}}`, told},
		{"an actor that is a text", comment, `{"actor":"` + marker + `","data":{}}`, told},
		{"an unknown event", "MERGE_CASES", `{"actor":{"id":"` + marker + `"},"data":{}}`, `decode event event-1: "MERGE_CASES" is not an event`},
		{"no event", "", `{"actor":{"id":"` + marker + `"},"data":{}}`, `decode event event-1: "" is not an event`},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := caselog.Event{ID: "event-1", Actor: doctor, Data: &caselog.Escalated{}}
			err := e.DecodeBody(test.as, []byte(test.body))
			require.EqualError(t, err, test.want)
			equal(t, "the event is as it was", caselog.Event{ID: "event-1", Actor: doctor, Data: &caselog.Escalated{}}, e)
		})
	}
}

func TestWhatCannotBeWrittenIsNotStored(t *testing.T) {
	late := caseupdate.At(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC))
	e := caselog.Event{Data: &caselog.DecisionAdded{Decision: caseupdate.Decision{StartDate: &late}}}
	body, err := e.EncodeBody()
	require.ErrorContains(t, err, "encode ADD_CASE_DECISION")
	require.Nil(t, body)
}

// Whatever is decoded can be shown and folded without a panic, and stored again;
// whatever is not, is refused with an error that says the same of every body.
func FuzzDecodeBody(f *testing.F) {
	for _, name := range caseupdate.Events() {
		body, err := os.ReadFile(golden(name))
		require.NoError(f, err)
		f.Add(string(name), body)
		f.Add(string(name), []byte("{}"))
		f.Add(string(name), []byte(`{"actor":null,"data":null}`))
	}
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		e := caselog.Event{ID: "event-2", CaseID: "case-1", Sequence: 2, At: caseupdate.At(begin)}
		if err := e.DecodeBody(caseupdate.Event(name), body); err != nil {
			nothing := e.DecodeBody(caseupdate.Event(name), nil)
			require.EqualError(t, err, nothing.Error())
			require.Nil(t, e.Data)
			return
		}
		require.Equal(t, name, string(e.Type()))
		require.Equal(t, e.Type(), e.Activity().Type)
		if c, err := caselog.Fold(tell(t).now, e); err == nil {
			require.Equal(t, int64(2), c.Version)
		}

		stored, err := e.EncodeBody()
		if err != nil {
			return // JSON can hold a moment that the format cannot: 9999-12-31T23:59:59-01:00
		}
		again := without(e)
		require.NoError(t, again.DecodeBody(e.Type(), stored))
		equal(t, "the event, stored and read again", e, again)
	})
}
