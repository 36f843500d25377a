package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casehook/casehook/caseupdate"
)

// payloads are those of the golden bodies, by file.
func payloads(t testing.TB) map[string]envelope {
	t.Helper()
	all := make(map[string]envelope)
	for _, g := range goldens() {
		body, err := os.ReadFile(filepath.Join("testdata", "golden", g.file))
		if err != nil {
			t.Fatal(err)
		}
		var e envelope
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		all[g.file] = e
	}
	return all
}

type envelope struct {
	Event   caseupdate.Event `json:"event"`
	Payload json.RawMessage  `json:"payload"`
}

func TestTheGoldenBodiesAreAsTheFormatHasThem(t *testing.T) {
	seen := make(map[caseupdate.Event]bool)
	for name, e := range payloads(t) {
		seen[e.Event] = true
		if faults := caseupdate.Check(e.Event, e.Payload); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
	}
	if len(seen) != len(caseupdate.Events()) {
		t.Errorf("want goldens of all 19 events, got %d", len(seen))
	}
}

func TestCheckFindsWhatIsNotInTheFormat(t *testing.T) {
	const comment = `{"comment":{"id":"c","text":"t","isRestricted":false,"createdAt":"2026-11-23T14:05:06.789Z","author":{"firstName":"A","lastName":"B"},"attachments":[]}}`
	edit := func(old, new string) string { return strings.Replace(comment, old, new, 1) }
	for _, test := range []struct {
		name, payload string
		want          []caseupdate.Fault
	}{
		{"nothing", comment, nil},
		{"a key is missing", edit(`"text":"t",`, ``), []caseupdate.Fault{{"comment.text", "must be given"}}},
		{"a key too many", edit(`"text":"t"`, `"text":"t","more":1`), []caseupdate.Fault{{"comment.more", "is not in the format"}}},
		{"a key that is not fit to be shown", edit(`"text":"t"`, `"text":"t","Ada\nLovelace":1`), []caseupdate.Fault{{"comment.a key", "is not in the format"}}},
		{"another type", edit(`"t"`, `7`), []caseupdate.Fault{{"comment.text", "must be a string"}}},
		{"null", edit(`"t"`, `null`), []caseupdate.Fault{{"comment.text", "must not be null"}}},
		{"a list that is null", edit(`[]`, `null`), []caseupdate.Fault{{"comment.attachments", "must not be null"}}},
		{"an item of another type", edit(`[]`, `[1]`), []caseupdate.Fault{{"comment.attachments[0]", "must be an object"}}},
		{"a time that is none", edit(`2026-11-23T14`, `yesterday`), []caseupdate.Fault{{"comment.createdAt", "must be an RFC 3339 timestamp, such as 2026-11-23T14:05:06.789Z"}}},
		{"no object", `[]`, []caseupdate.Fault{{"", "must be an object"}}},
		{"null in place of all", `null`, []caseupdate.Fault{{"", "must not be null"}}},
		{"several", `{"comment":{"id":1}}`, []caseupdate.Fault{
			{"comment.id", "must be a string"}, {"comment.text", "must be given"}, {"comment.isRestricted", "must be given"},
			{"comment.createdAt", "must be given"}, {"comment.author", "must be given"}, {"comment.attachments", "must be given"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := caseupdate.Check(caseupdate.EventAddCaseComment, []byte(test.payload), "case", "activity")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	if got := caseupdate.Check("WHAT", []byte(`{}`)); len(got) != 1 {
		t.Errorf("an unknown event has a fault, got %v", got)
	}
	if got := caseupdate.Check(caseupdate.EventAddCaseComment, []byte(comment)); len(got) != 2 {
		t.Errorf("case and activity are missing, got %v", got)
	}
}

func TestAFullCaseIsWholeOrBasic(t *testing.T) {
	e := payloads(t)["CREATE_CASE.json"]
	if e.Payload == nil {
		t.Fatal("there is no golden of CREATE_CASE")
	}
	var payload map[string]map[string]any
	if err := json.Unmarshal(e.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	delete(payload["case"], "orders")
	cut, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	want := []caseupdate.Fault{{"case.orders", "must be given"}}
	if diff := cmp.Diff(want, caseupdate.Check(e.Event, cut)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func FuzzCheck(f *testing.F) {
	for _, e := range payloads(f) {
		f.Add(string(e.Event), []byte(e.Payload))
	}
	f.Fuzz(func(t *testing.T, event string, payload []byte) {
		if !json.Valid(payload) || len(caseupdate.Check(caseupdate.Event(event), payload)) > 0 {
			return
		}
		if _, err := caseupdate.ParsePayload(caseupdate.Event(event), payload); err != nil {
			t.Errorf("what has no fault must be read: %v", err)
		}
		body := bytes.Join([][]byte{[]byte(`{"event":"` + event + `","payload":`), payload, []byte(`}`)}, nil)
		if _, err := caseupdate.Parse(body); err != nil {
			t.Errorf("what has no fault must be read: %v", err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	e := payloads(b)["ADD_CASE_COMMENT.json"]
	b.SetBytes(int64(len(e.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		if len(caseupdate.Check(e.Event, e.Payload)) > 0 {
			b.Fatal("it has faults")
		}
	}
}
