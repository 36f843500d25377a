package caseupdate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

// wrong are bodies that Parse refuses. What they have of values says "Zebra" or
// 7731, which no error may repeat.
var wrong = []struct{ name, body, want string }{
	{"an empty body", ``, "body: not JSON, at byte 0"},
	{"a body that was cut short", `{"event":"Zebra","payload":{"case":{"title":"Zebra`, "body: not JSON, at byte 50"},
	{"a byte order mark", "\ufeff{}", "body: not JSON, at byte 1"},
	{"a second body", `{}{"event":"Zebra"}`, "body: not JSON, at byte 3"},
	{"a form", `event=Zebra`, "body: not JSON, at byte 1"},
	{"too many levels", strings.Repeat(`[`, 10_001), "body: not JSON, at byte 10001"},

	{"a list", `[7731]`, "body: must be an object"},
	{"a string", `"Zebra"`, "body: must be an object"},
	{"a number", `7731`, "body: must be an object"},
	{"null", `null`, "event is missing"},
	{"no event", `{"payload":{"case":{}}}`, "event is missing"},
	{"an event of null", `{"event":null,"payload":{"case":{}}}`, "event is missing"},
	{"an event without a name", `{"event":"","payload":{"case":{}}}`, "event is missing"},
	{"an event that is a number", `{"event":7731,"payload":{"case":{}}}`, "body: event must be a string"},
	{"an event that is an object", `{"event":{"Zebra":7731},"payload":{"case":{}}}`, "body: event must be a string"},
	{"no payload", `{"event":"CREATE_CASE"}`, "payload is missing or not an object"},
	{"a payload of null", `{"event":"CREATE_CASE","payload":null}`, "payload is missing or not an object"},
	{"a payload that is a string", `{"event":"CREATE_CASE","payload":"Zebra"}`, "payload is missing or not an object"},
	{"a payload that is a list", `{"event":"CREATE_CASE","payload":[{"case":{}}]}`, "payload is missing or not an object"},
	{"an unknown event whose payload is a list", `{"event":"Zebra","payload":[7731]}`, "payload is missing or not an object"},

	{"no case", `{"event":"CREATE_CASE","payload":{"activity":{}}}`, "CREATE_CASE payload: case is missing"},
	{"a case of null", `{"event":"CREATE_CASE","payload":{"case":null}}`, "CREATE_CASE payload: case is missing"},
	{"a case that is a string", payload("CREATE_CASE", `"case":"Zebra"`), "CREATE_CASE payload: case must be an object"},
	{"a title that is a number", payload("CREATE_CASE", `"case":{"title":7731}`), "CREATE_CASE payload: case.title must be a string"},
	{"a status that is a flag", payload("CREATE_CASE", `"case":{"status":true}`), "CREATE_CASE payload: case.status must be a string"},
	{"a flag that is a string", payload("CREATE_CASE", `"case":{"isArchived":"Zebra"}`), "CREATE_CASE payload: case.isArchived must be true or false"},
	{"a list that is an object", payload("CREATE_CASE", `"case":{"assignees":{"Zebra":7731}}`), "CREATE_CASE payload: case.assignees must be a list"},
	{"a value deep in lists", payload("CREATE_CASE", `"case":{"responses":[{},{"responses":[{"question":{"options":["Zebra",7731]}}]}]}`),
		"CREATE_CASE payload: case.responses.responses.question.options must be a string"},
	{"an object that is a list", payload("ADD_CASE_COMMENT", `"comment":["Zebra"]`), "ADD_CASE_COMMENT payload: comment must be an object"},
	{"an actor that is a number", payload("ADD_CASE_COMMENT", `"activity":{"actor":7731}`), "ADD_CASE_COMMENT payload: activity.actor must be an object"},
	{"redacted paths that are a string", payload("ADD_CASE_COMMENT", `"redacted":"Zebra"`), "ADD_CASE_COMMENT payload: redacted must be a list"},
	{"a wrong value beside unknown fields", payload("ADD_CASE_COMMENT", `"Zebra":7731,"comment":{"Zebra":"Zebra","text":7731}`),
		"ADD_CASE_COMMENT payload: comment.text must be a string"},
	{"the first of two wrong values", payload("ADD_CASE_COMMENT", `"comment":{"text":7731,"isRestricted":"Zebra"}`),
		"ADD_CASE_COMMENT payload: comment.text must be a string"},

	{"a count with a point", payload("ADD_CASE_DECISION", `"decision":{"medInfo":{"refillCount":7731.5}}`),
		"ADD_CASE_DECISION payload: decision.medInfo.refillCount " + mustBeWhole},
	{"a count with an exponent", payload("ADD_CASE_DECISION", `"decision":{"medInfo":{"refillCount":7731e2}}`),
		"ADD_CASE_DECISION payload: decision.medInfo.refillCount " + mustBeWhole},
	{"a count that is too large", payload("ADD_FORM_RESPONSE", `"response":{"question":{"index":77317731773177317731}}`),
		"ADD_FORM_RESPONSE payload: response.question.index " + mustBeWhole},
	{"a count that is a string", payload("ADD_FORM_RESPONSE", `"response":{"question":{"index":"7731"}}`),
		"ADD_FORM_RESPONSE payload: response.question.index " + mustBeWhole},
	{"an amount that is a string", payload("PAYMENT_ADDED", `"payment":{"amount":"7731"}`), "PAYMENT_ADDED payload: payment.amount " + mustBeAmount},
	{"an amount in tenths of a cent", payload("PAYMENT_ADDED", `"payment":{"amount":7731.125}`), "PAYMENT_ADDED payload: payment.amount " + mustBeAmount},
	{"an amount that is too large", payload("PAYMENT_ADDED", `"payment":{"amount":7731773177317}`), "PAYMENT_ADDED payload: payment.amount " + mustBeAmount},
	{"an amount that is an object", payload("PAYMENT_ADDED", `"payment":{"amount":{"Zebra":7731}}`), "PAYMENT_ADDED payload: payment.amount " + mustBeAmount},
	{"a time that is a date", payload("ORDER_CREATED", `"order":{"createdAt":"7731-01-01"}`), "ORDER_CREATED payload: order.createdAt " + mustBeTime},
	{"a time that is a number", payload("ORDER_CREATED", `"order":{"createdAt":7731}`), "ORDER_CREATED payload: order.createdAt " + mustBeTime},
	{"a time that is a list", payload("ORDER_CREATED", `"case":{"closedAt":["Zebra"]}`), "ORDER_CREATED payload: case.closedAt " + mustBeTime},
	{"a time deep in lists", payload("CREATE_CASE", `"case":{"comments":[{"attachments":[{"createdAt":"Zebra"}]}]}`),
		"CREATE_CASE payload: case.comments.attachments.createdAt " + mustBeTime},
}

const (
	mustBeWhole  = "must be a whole number, not too large, without point or exponent"
	mustBeAmount = "must be a number of at most two decimal places, up to 999999999999.99"
	mustBeTime   = "must be an RFC 3339 timestamp, such as 2026-11-23T14:05:06.789Z"
)

// payload is the body of an event with a case and fields.
func payload(event, fields string) string {
	return `{"event":"` + event + `","payload":{"case":{"id":"Zebra"},` + fields + `}}`
}

func TestAWrongBodyIsRefusedByItsFieldAndNeverItsValue(t *testing.T) {
	for _, test := range wrong {
		t.Run(test.name, func(t *testing.T) {
			u, err := caseupdate.Parse([]byte(test.body))
			require.EqualError(t, err, "caseupdate: "+test.want)
			require.Nil(t, u)
			require.NotContains(t, err.Error(), "Zebra")
			require.NotContains(t, err.Error(), "7731")
		})
	}
}

func TestParseAcceptsWhatLaterSendersMayWrite(t *testing.T) {
	for _, test := range []struct{ name, body, want string }{
		{"fields that are not known are ignored",
			`{"v":2,"event":"ADD_CASE_COMMENT","payload":{"case":{"id":"c1","mood":"good"},"comment":{"text":"Hi","likes":[1,{"by":null}]},"extra":{}}}`, "c1: Hi"},
		{"white space and the order of keys do not matter",
			"\r\n{ \"payload\" : {\n\t\"comment\": { \"text\": \"Hi\" }, \"case\": { \"id\": \"c1\" } }, \"event\": \"ADD_CASE_COMMENT\" } ", "c1: Hi"},
		{"an absent object is empty", `{"event":"ADD_CASE_COMMENT","payload":{"case":{"id":"c1"}}}`, "c1: "},
		{"null is an empty object", `{"event":"ADD_CASE_COMMENT","payload":{"case":{"id":"c1"},"activity":null,"comment":null}}`, "c1: "},
		{"null is an empty value", `{"event":"ADD_CASE_COMMENT","payload":{"case":{"id":"c1","createdAt":null},"comment":{"text":null}}}`, "c1: "},
		{"of two values for one key the last counts",
			`{"event":"CREATE_CASE","event":"ADD_CASE_COMMENT","payload":{"case":{"id":"c0"}},"payload":{"case":{"id":"c0","id":"c1"},"comment":{"text":"Ho","text":"Hi"}}}`, "c1: Hi"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := caseupdate.Parse([]byte(test.body))
			require.NoError(t, err)
			require.Equal(t, caseupdate.EventAddCaseComment, u.Event)
			require.IsType(t, &caseupdate.AddCaseComment{}, u.Payload)
			require.Equal(t, test.want, u.Case().ID+": "+u.Payload.(*caseupdate.AddCaseComment).Comment.Text)
		})
	}
}

func TestAnUnknownEventIsReadAsFarAsItHasTheUsualShape(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          caseupdate.UnknownEvent
	}{
		{
			"with case, activity and redacted paths",
			`{"case":{"id":"c1","title":null},"activity":{"id":"a1","type":"CASE_MERGED"},"redacted":["case.title"],"into":"c2"}`,
			caseupdate.UnknownEvent{
				Base:      caseupdate.Base{Case: &caseupdate.Case{ID: "c1"}, Activity: caseupdate.Activity{ID: "a1", Type: "CASE_MERGED"}},
				Redaction: caseupdate.Redaction{Redacted: []string{"case.title"}},
			},
		},
		{"without any", `{}`, caseupdate.UnknownEvent{}},
		{"with a case of null", `{"case":null}`, caseupdate.UnknownEvent{}},
		{
			"a case of another shape is left out, and does not take the activity with it",
			`{"case":{"id":"c1","title":7},"activity":{"id":"a1"}}`,
			caseupdate.UnknownEvent{Base: caseupdate.Base{Activity: caseupdate.Activity{ID: "a1"}}},
		},
		{
			"an activity of another shape is left out, and does not take the case with it",
			`{"activity":["a1"],"redacted":7,"case":{"id":"c1"}}`,
			caseupdate.UnknownEvent{Base: caseupdate.Base{Case: &caseupdate.Case{ID: "c1"}}},
		},
		{"a case that is no object is left out", `{"case":"c1"}`, caseupdate.UnknownEvent{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := caseupdate.Parse([]byte(`{"event":"CASE_MERGED","payload":` + test.payload + `}`))
			require.NoError(t, err)
			test.want.Raw = json.RawMessage(test.payload)
			want := &caseupdate.Update{Event: "CASE_MERGED", Payload: &test.want}
			if diff := cmp.Diff(want, u, notRaw); diff != "" {
				t.Errorf("update (-want +got):\n%s", diff)
			}
			require.Equal(t, test.want.Case, u.Case())
			require.Equal(t, test.want.Activity, u.Activity())
			require.Equal(t, test.want.Redacted, u.Redacted())
		})
	}
}

func TestAnUpdateKeepsNothingOfTheBodyItWasReadFrom(t *testing.T) {
	body := []byte(`{"event":"CASE_MERGED","payload":{"into":"c2"}}`)
	u, err := caseupdate.Parse(body)
	require.NoError(t, err)
	clear(body)
	require.Equal(t, `{"into":"c2"}`, string(u.Payload.(*caseupdate.UnknownEvent).Raw))
}

func TestABasicCaseHasNoDetailsAndAFullOneHas(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       *caseupdate.Details
	}{
		{"basic", `{"event":"REOPEN_CASE","payload":{"case":{"id":"c1"}}}`, nil},
		{"full", `{"event":"REOPEN_CASE","payload":{"case":{"id":"c1","orders":[]}}}`, &caseupdate.Details{Orders: []caseupdate.Order{}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := caseupdate.Parse([]byte(test.body))
			require.NoError(t, err)
			if diff := cmp.Diff(test.want, u.Case().Details); diff != "" {
				t.Errorf("details (-want +got):\n%s", diff)
			}
		})
	}
}
