package caselog_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

const (
	toldCase  = "019ab0c4-2f00-7a10-8c3e-5d1f00000001" // of the golden bodies
	toldEvent = "019ab0c4-2f00-7a10-8c3e-5d1f000000aa"
)

// later is when all is told.
var later = begin.AddDate(1, 0, 0)

var elsewhere = caselog.Opening{OrganizationID: "organization", ShortID: "ADA-00001"}

// payloadOf returns the payload of a golden body.
func payloadOf(t testing.TB, event caseupdate.Event) json.RawMessage {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "caseupdate", "testdata", "golden", string(event)+".json"))
	require.NoError(t, err)
	var envelope struct{ Payload json.RawMessage }
	require.NoError(t, json.Unmarshal(body, &envelope))
	return envelope.Payload
}

// only returns a payload without the keys that are named.
func only(t testing.TB, payload json.RawMessage, without ...string) json.RawMessage {
	t.Helper()
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(payload, &keys))
	for _, key := range without {
		delete(keys, key)
	}
	rest, err := json.Marshal(keys)
	require.NoError(t, err)
	return rest
}

// hear has something told, and folds what comes of it.
func hear(t testing.TB, c *caselog.Case, telling caselog.Telling) ([]caselog.Event, *caselog.Case) {
	t.Helper()
	told, faults := caselog.ReadTold("", telling, later)
	require.Empty(t, faults)
	for _, d := range told.Documents {
		d.File = caselog.File{ID: d.ID, Size: int64(len(d.Content)), SHA256: []byte{1}}
	}
	events, err := caselog.Tell(c, told, elsewhere, newAct())
	require.NoError(t, err)
	next, err := caselog.Fold(c, stored(t, events)...)
	require.NoError(t, err)
	return events, next
}

// stored returns events as they come back from the store.
func stored(t testing.TB, events []caselog.Event) []caselog.Event {
	t.Helper()
	back := make([]caselog.Event, len(events))
	for i, e := range events {
		body, err := e.EncodeBody()
		require.NoError(t, err)
		back[i] = caselog.Event{ID: e.ID, CaseID: e.CaseID, Sequence: e.Sequence, At: e.At}
		require.NoError(t, back[i].DecodeBody(e.Type(), body))
	}
	return back
}

func newAct() caselog.Act {
	n := 0
	return caselog.Act{At: begin, Actor: caseupdate.User{ID: "key"}, NewID: func() string {
		n++
		return fmt.Sprintf("00000000-0000-7000-8000-%012d", n)
	}}
}

func TestEachEventCanBeToldOfACaseThatIsNotThere(t *testing.T) {
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			for name, payload := range map[string]json.RawMessage{
				"whole":                     payloadOf(t, event),
				"without the case":          only(t, payloadOf(t, event), "case"),
				"without case and activity": only(t, payloadOf(t, event), "case", "activity"),
			} {
				if event == caseupdate.EventCreateCase && strings.Contains(name, "case") {
					continue
				}
				events, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: string(event), Payload: payload})
				last := events[len(events)-1]
				require.Equal(t, event, last.Type(), name)
				require.Equal(t, caseupdate.EventCreateCase, events[0].Type(), name)
				require.Equal(t, elsewhere.ShortID, c.ShortID)
				require.Equal(t, elsewhere.OrganizationID, c.OrganizationID)
				require.NotEmpty(t, c.Submitter.ID)
				if name == "whole" {
					require.Equal(t, toldEvent, last.ID)
					require.Equal(t, "Ada's migraine", c.Title)
					require.Equal(t, "nurse-mary", last.Actor.ID)
				} else {
					require.True(t, c.IsImported)
				}
			}
		})
	}
}

func TestTheKeepersWordIsFinal(t *testing.T) {
	archived := only(t, payloadOf(t, caseupdate.EventArchiveCase), "case", "activity")
	_, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: "ARCHIVE_CASE", Payload: archived})
	require.True(t, c.IsArchived)
	for _, event := range caseupdate.Events() {
		if event == caseupdate.EventCreateCase {
			continue
		}
		_, c = hear(t, c, caselog.Telling{CaseID: toldCase, Event: string(event), Payload: only(t, payloadOf(t, event), "case", "activity")})
	}
	require.Equal(t, int64(20), c.Version)
	require.Len(t, c.Orders, 1, "what was changed and not there was put in, and then was there")
	require.Len(t, c.Payments, 1)

	told, faults := caselog.ReadTold("", caselog.Telling{CaseID: toldCase, Event: "CREATE_CASE", Payload: payloadOf(t, caseupdate.EventCreateCase)}, later)
	require.Empty(t, faults)
	_, err := caselog.Tell(c, told, elsewhere, newAct())
	require.EqualError(t, err, "event must not be CREATE_CASE: the case is there already")
}

func TestTimeDoesNotRunBackwardsInWhatIsTold(t *testing.T) {
	late, early := caseupdate.At(begin.AddDate(0, 0, 1)), caseupdate.At(begin.AddDate(0, 0, -1))
	payload := only(t, payloadOf(t, caseupdate.EventEscalateCase), "case", "activity")
	_, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: payload, OccurredAt: &late})
	events, _ := hear(t, c, caselog.Telling{CaseID: toldCase, Event: "DEESCALATE_CASE", Payload: only(t, payloadOf(t, caseupdate.EventDeescalateCase), "case", "activity"), OccurredAt: &early})
	require.Equal(t, late, events[0].At)
}

func TestTheMomentsOfASnapshotAreAtMostAnHourAhead(t *testing.T) {
	payload := string(payloadOf(t, caseupdate.EventEscalateCase))
	for key, old := range map[string]string{
		"createdAt": "2026-11-23T14:05:06.789Z", "updatedAt": "2026-11-23T15:30:00.000Z", "assignedAt": "2026-11-23T14:10:00.000Z",
		"inProgressAt": "2026-11-23T14:20:00.500Z", "closedAt": "2026-11-23T15:30:00.000Z",
	} {
		said := func(at time.Time) []refusal.Fault {
			telling := caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: json.RawMessage(
				strings.Replace(payload, fmt.Sprintf("%q:%q", key, old), fmt.Sprintf("%q:%q", key, caseupdate.At(at)), 1))}
			require.NotEqual(t, payload, string(telling.Payload))
			_, faults := caselog.ReadTold("[7].", telling, later)
			return faults
		}
		require.Equal(t, []refusal.Fault{{Field: "[7].payload.case." + key, Allowed: "must be at most an hour ahead"}}, said(later.Add(time.Hour+time.Millisecond)))
		require.Empty(t, said(later.Add(time.Hour)), "its keeper's clock may be ahead")
	}
}

func TestWhatIsDoneLaterIsNotLiftedByTheMomentsOfASnapshot(t *testing.T) {
	ahead := strings.Replace(string(payloadOf(t, caseupdate.EventEscalateCase)), `"updatedAt":"2026-11-23T15:30:00.000Z"`, fmt.Sprintf(`"updatedAt":%q`, caseupdate.At(later.Add(time.Hour))), 1)
	events, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: json.RawMessage(ahead)})
	require.Equal(t, caseupdate.At(later.Add(time.Hour)), c.UpdatedAt)
	last := events[len(events)-1].At

	act := newAct()
	act.At = later
	happened, err := caselog.Decide(c, caselog.Deescalate{}, act)
	require.NoError(t, err)
	require.Equal(t, caseupdate.At(later), happened[0].At)

	act.At = last.Add(-time.Hour)
	happened, err = caselog.Decide(c, caselog.Deescalate{}, act)
	require.NoError(t, err)
	require.Equal(t, last, happened[0].At, "time does not run backwards")
}

func TestMarksAreKeptAndNeverTakenOff(t *testing.T) {
	payload := payloadOf(t, caseupdate.EventAddCaseComment)
	marked := json.RawMessage(strings.Replace(strings.Replace(string(payload), `"isPHI":false`, `"isPHI":true`, 1), `"isRestricted":false`, `"isRestricted":true`, 1))
	events, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: "ADD_CASE_COMMENT", Payload: marked})
	activity := events[1].Activity()
	require.True(t, activity.IsPHI)
	require.True(t, activity.IsRestricted)
	require.Len(t, c.PHI, 1)
	require.Len(t, c.Restricted, 1)
	require.True(t, c.Comments[0].IsRestricted)
}

func TestWhatIsToldWrongIsRefusedByField(t *testing.T) {
	escalate := string(only(t, payloadOf(t, caseupdate.EventEscalateCase), "case"))
	attachment := string(only(t, payloadOf(t, caseupdate.EventAddCaseAttachment), "case", "activity"))
	replace := func(payload, old, new string) json.RawMessage {
		require.Contains(t, payload, old)
		return json.RawMessage(strings.Replace(payload, old, new, 1))
	}
	for _, test := range []struct {
		name    string
		telling caselog.Telling
		want    []refusal.Fault
	}{
		{"a case id that is no UUID", caselog.Telling{CaseID: "42", Event: "WHAT"}, []refusal.Fault{
			{Field: "[7].caseId", Allowed: "must be a UUID in lower case, such as 01932b5e-7c1d-7e5a-9d3b-2f7a6c1e8b40"},
			{Field: "[7].event", Allowed: refusal.OneOf(caseupdate.Events())},
		}},
		{"no payload", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE"}, []refusal.Fault{{Field: "[7].payload", Allowed: "must be JSON"}}},
		{"another case", caselog.Telling{CaseID: toldEvent, Event: "ESCALATE_CASE", Payload: json.RawMessage(escalate)}, []refusal.Fault{{Field: "[7].payload.escalated.caseId", Allowed: "must be the caseId"}}},
		{"another id", caselog.Telling{CaseID: toldCase, ID: toldCase, Event: "ESCALATE_CASE", Payload: json.RawMessage(escalate)}, []refusal.Fault{{Field: "[7].payload.activity.id", Allowed: "must be the id of the event"}}},
		{"another event", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: replace(escalate, "ESCALATE_CASE", "REOPEN_CASE")}, []refusal.Fault{{Field: "[7].payload.activity.type", Allowed: "must be the event"}}},
		{"a flag that contradicts the event", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: replace(escalate, `"isEscalated":true`, `"isEscalated":false`)}, []refusal.Fault{{Field: "[7].payload.escalated.isEscalated", Allowed: "must be true"}}},
		{"a document that is not base64", caselog.Telling{CaseID: toldCase, Event: "ADD_CASE_ATTACHMENT", Payload: replace(attachment, `"content":"TW9u`, `"content":"?`)}, []refusal.Fault{{Field: "[7].payload.attachment.content", Allowed: "must be base64, as in RFC 4648, section 4"}}},
		{"a document as a link", caselog.Telling{CaseID: toldCase, Event: "ADD_CASE_ATTACHMENT", Payload: replace(attachment, `"content":"`, `"url":"`)}, []refusal.Fault{
			{Field: "[7].payload.attachment.url", Allowed: "must not be given: casehook makes links itself"},
			{Field: "[7].payload.attachment.content", Allowed: "must be given"},
		}},
		{"what is redacted", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: replace(escalate, `{`, `{"redacted":[],`)}, []refusal.Fault{{Field: "[7].payload.redacted", Allowed: "must not be given"}}},
		{"a key too many", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: replace(escalate, `{`, `{"more":1,`)}, []refusal.Fault{{Field: "[7].payload.more", Allowed: "is not in the format"}}},
		{"nobody who acts", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: json.RawMessage(escalate), Actor: &caseupdate.User{}}, []refusal.Fault{{Field: "[7].actor.id", Allowed: "must not be empty"}}},
		{"somebody whose names are no line", caselog.Telling{CaseID: toldCase, Event: "ESCALATE_CASE", Payload: json.RawMessage(escalate), Actor: &caseupdate.User{
			ID: "nurse-7", FirstName: "Nora\n", LastName: strings.Repeat("Q", caselog.MaxName+1), Email: new("nora@clinic.example\r\nX: y"),
		}}, []refusal.Fault{
			{Field: "[7].actor.firstName", Allowed: "must have no control characters"},
			{Field: "[7].actor.lastName", Allowed: "must be at most 200 bytes long"},
			{Field: "[7].actor.email", Allowed: "must have no control characters"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, faults := caselog.ReadTold("[7].", test.telling, later)
			if diff := cmp.Diff(test.want, faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzReadTold(f *testing.F) {
	for _, event := range caseupdate.Events() {
		f.Add(toldCase, "", string(event), []byte(payloadOf(f, event)))
	}
	f.Fuzz(func(t *testing.T, caseID, id, event string, payload []byte) {
		told, faults := caselog.ReadTold("", caselog.Telling{CaseID: caseID, ID: id, Event: event, Payload: payload}, later)
		if len(faults) > 0 {
			return
		}
		events, err := caselog.Tell(nil, told, elsewhere, newAct())
		require.NoError(t, err)
		_, err = caselog.Fold(nil, stored(t, events)...)
		require.NoError(t, err)
	})
}

func TestWhatIsDoneWithSomethingMarkedIsMarked(t *testing.T) {
	payload := string(payloadOf(t, caseupdate.EventOrderCreated))
	marked := strings.Replace(strings.Replace(payload, `"isPHI":false`, `"isPHI":true`, 1), `"isRestricted":false`, `"isRestricted":true`, 1)
	_, c := hear(t, nil, caselog.Telling{CaseID: toldCase, Event: "ORDER_CREATED", Payload: json.RawMessage(marked)})
	require.Len(t, c.Orders, 1)

	order := c.Orders[0]
	happened, err := caselog.Decide(c, caselog.ChangeOrderStatus{OrderID: order.ID, Status: "LOST"}, newAct())
	require.NoError(t, err)
	order.Status = "FOUND"
	unmarked, err := json.Marshal(map[string]any{"order": order})
	require.NoError(t, err)
	told, c := hear(t, c, caselog.Telling{CaseID: toldCase, Event: "ORDER_STATUS_CHANGED", Payload: unmarked})
	for _, e := range append(stored(t, happened), told...) {
		require.True(t, e.Activity().IsPHI)
		require.True(t, e.Activity().IsRestricted)
	}
	require.Len(t, c.PHI, 1)
	require.Len(t, c.Restricted, 1)

	order.ID = ""
	nameless, err := json.Marshal(map[string]any{"order": order})
	require.NoError(t, err)
	_, faults := caselog.ReadTold("", caselog.Telling{CaseID: toldCase, Event: "ORDER_STATUS_CHANGED", Payload: nameless}, later)
	require.Equal(t, []refusal.Fault{{Field: "payload.order.id", Allowed: "must not be empty"}}, faults)
}
