package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// everyEvent is what is said of an event that is none.
const everyEvent = "must be one of ADD_CASE_COMMENT, ADD_CASE_DECISION, ADD_CASE_ATTACHMENT, ADD_FORM_RESPONSE, ADD_CASE_ASSIGNEE, REMOVE_CASE_ASSIGNEE, " +
	"PAYMENT_ADDED, PAYMENT_COMPLETED, ORDER_CREATED, ORDER_STATUS_CHANGED, ORDER_TRACKING_ADDED, DELETE_ATTACHMENT, " +
	"CREATE_CASE, ESCALATE_CASE, DEESCALATE_CASE, DELETE_CASE_COMMENT, ARCHIVE_CASE, REOPEN_CASE, CHANGE_CASE_STATUS"

func escalated(caseID string) string {
	return fmt.Sprintf(`{"caseId":%q,"event":"ESCALATE_CASE","payload":{"escalated":{"caseId":%[1]q,"isEscalated":true,`+
		`"caller":{"id":"u-2","firstName":"Eve","lastName":"Keeper"}}}}`, caseID)
}

func TestEventsAreToldOneOrMany(t *testing.T) {
	s := newServer(t)
	caseID := uuid.NewString()
	one := s.post(t, "/v1/events", escalated(caseID), as(s.writer))
	require.Equal(t, http.StatusCreated, one.status, one)
	require.Equal(t, caseID, one.text(t, "data", 0, "caseId"))
	require.Equal(t, one.text(t, "data", 0, "eventId"), one.header.Get("Casehook-Event-Id"))
	require.Equal(t, 2.0, one.at(t, "data", 0, "sequence"), "the case was opened before it")

	items := make([]string, 1000)
	for i := range items {
		items[i] = escalated(uuid.NewString())
	}
	many := s.post(t, "/v1/events", "["+strings.Join(items, ",")+"]", as(s.writer), with("Idempotency-Key", "many"))
	require.Equal(t, http.StatusCreated, many.status, many)
	require.Len(t, many.at(t, "data"), 1000)
	require.Empty(t, many.header.Get("Casehook-Event-Id"), "no client takes a header of that length")
	again := s.post(t, "/v1/events", "["+strings.Join(items, ",")+"]", as(s.writer), with("Idempotency-Key", "many"))
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.Equal(t, string(many.body), string(again.body))

	full := s.get(t, "/v1/cases/"+caseID)
	require.Equal(t, true, full.at(t, "isEscalated"))
	require.Equal(t, true, full.at(t, "isImported"))
}

func TestWhoActsIsTheRegisteredUserWhomTheItemNames(t *testing.T) {
	s := newServer(t)
	put := s.do(t, http.MethodPut, "/v1/users/nurse-7", strings.NewReader(`{"firstName":"Nora","lastName":"Quinn","email":"nora@clinic.example"}`))
	require.Equal(t, http.StatusOK, put.status, put)
	caseID := uuid.NewString()
	told := s.post(t, "/v1/events", strings.TrimSuffix(escalated(caseID), "}")+`,"actor":{"id":"nurse-7"},"occurredAt":"2026-01-02T03:04:05Z"}`)
	require.Equal(t, http.StatusCreated, told.status, told)
	events := s.get(t, "/v1/cases/"+caseID+"/events?after=1")
	require.Equal(t, "Quinn", events.text(t, "data", 0, "payload", "activity", "actor", "lastName"))
	require.Equal(t, "2026-01-02T03:04:05.000Z", events.text(t, "data", 0, "payload", "activity", "timestamp"))
	require.Equal(t, "Keeper", events.text(t, "data", 0, "payload", "escalated", "caller", "lastName"))
}

func TestWhatIsToldWrongIsRefusedByField(t *testing.T) {
	s := newServer(t)
	caseID := uuid.NewString()
	tooMany := "[" + strings.Repeat("1,", 1000) + "1]"
	for _, test := range []struct{ name, body, field, message string }{
		{"no event", `[]`, "", "the body must be an event, or an array of 1 to 1000 events"},
		{"too many events", tooMany, "", "the body must be an event, or an array of 1 to 1000 events"},
		{"no object", `["marker"]`, "[0].body", "must be an object"},
		{"a field that is missing", `{"event":"ESCALATE_CASE","payload":{}}`, "caseId", "must be given"},
		{"a field that is not known", `[` + escalated(caseID) + `,` + strings.TrimSuffix(escalated(caseID), "}") + `,"more":"marker"}]`, "[1].more", "is not known here"},
		{"an event that is none", `{"caseId":"` + caseID + `","event":"LOST","payload":{}}`, "event", everyEvent},
		{"a status that is none", `{"caseId":"` + caseID + `","event":"CHANGE_CASE_STATUS","payload":{"changeStatus":{"caseId":"` + caseID + `","oldStatus":"OPEN","newStatus":"LOST","changeDate":"2026-11-23T14:05:06.789Z","caller":{"id":"a","firstName":"A","lastName":"B"}}}}`,
			"payload.changeStatus.newStatus", "must be one of OPEN, ASSIGNED, IN_PROGRESS, APPROVED, REJECTED, NO_DECISION, ABANDONED"},
		{"a tracking id that is a number", `{"caseId":"` + caseID + `","event":"ORDER_TRACKING_ADDED","payload":{"order":{"id":"o","createdAt":"2026-11-23T14:05:06.789Z","status":"SHIPPED","trackingId":7,"message":null}}}`,
			"payload.order.trackingId", "must be a string, or null"},
		{"a field of another type", `{"caseId":7,"event":"ESCALATE_CASE","payload":{}}`, "caseId", "must be a string"},
		{"an actor without an id", strings.TrimSuffix(escalated(caseID), "}") + `,"actor":{"firstName":"marker"}}`, "actor.id", "must not be empty"},
		{"an actor that is none", strings.TrimSuffix(escalated(caseID), "}") + `,"actor":"marker"}`, "actor.id", "must be given"},
		{"no moment", strings.TrimSuffix(escalated(caseID), "}") + `,"occurredAt":"marker"}`, "occurredAt", "must be a timestamp, such as 2026-11-23T14:05:06.789Z"},
		{"no moment at all", strings.TrimSuffix(escalated(caseID), "}") + `,"occurredAt":null}`, "occurredAt", "must be a timestamp, such as 2026-11-23T14:05:06.789Z"},
		{"the future", strings.TrimSuffix(escalated(caseID), "}") + `,"occurredAt":"2999-01-01T00:00:00Z"}`, "occurredAt", "must be at most an hour ahead"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := s.post(t, "/v1/events", test.body)
			require.Equal(t, http.StatusUnprocessableEntity, got.status, got)
			require.NotContains(t, string(got.body), "marker")
			if test.field == "" {
				require.Equal(t, test.message, got.text(t, "detail"))
				return
			}
			require.Equal(t, test.field, got.text(t, "errors", 0, "field"), got)
			require.Equal(t, test.message, got.text(t, "errors", 0, "message"))
		})
	}
	require.Empty(t, s.get(t, "/v1/events").at(t, "data"), "nothing was recorded")
}

func FuzzTellEvents(f *testing.F) {
	for _, seed := range []string{escalated(uuid.NewString()), "[" + escalated(uuid.NewString()) + "]", `{"caseId":null}`, `[[]]`, `7`} {
		f.Add(seed)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, body string) {
		got := s.post(t, "/v1/events", body)
		require.Less(t, got.status, 500, got)
		require.True(t, json.Valid(got.body))
	})
}
