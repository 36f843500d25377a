package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// overlong is longer than any text may be.
var overlong = planted + strings.Repeat("a", 64<<10)

// bounded are calls beside the wordings that take text, or a list or an object of any length,
// each with what is too much at one place.
var bounded = []struct {
	call, field string
	body        string
	status      int
}{
	{"PATCH /v1/endpoints/{endpoint}", "url", `{"url":"https://partner.example/§"}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "description", `{"description":"§"}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "headers", `{"headers":{"a":"§"}}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "headers", `{"headers":{"§":"a"}}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "headers", `{"headers":{` + many(21, `"a%d":"a"`) + `}}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "events[0]", `{"events":["§"]}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "signing[0]", `{"signing":["§"]}`, 422},
	{"POST /v1/endpoints", "url", `{"url":"https://partner.example/§",` + cleared, 422},
	{"POST /v1/endpoints/{endpoint}/replay", "events[0]", `{"events":["§"]}`, 422},
	{"POST /v1/endpoints/{endpoint}/replay", "", `{"caseId":"§"}`, 404},
	{"POST /v1/endpoints/{endpoint}/replay", "events", `{"events":[` + many(20, `"ORDER_CREATED"`) + `]}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "events", `{"events":[` + many(20, `"ORDER_CREATED"`) + `]}`, 422},
	{"PATCH /v1/endpoints/{endpoint}", "signing", `{"signing":["cv","cv","cv"]}`, 422},
	{"POST /v1/cases/{case}/decisions", "medInfo.refillCount", `{"isApproved":true,"medInfo":{"medicine":"a","refillCount":1001}}`, 422},
	{"POST /v1/cases/{case}/form-responses", "responses[0].question.index",
		`{"form":{"name":"a"},"responses":[{"question":{"index":1000001,"type":"a","text":"a"},"text":"a"}]}`, 422},
	{"POST /v1/cases/{case}/payments", "amount", `{"description":"a","amount":1000000000000}`, 422},
	{"GET /v1/cases/{case}?at=10001", "at", ``, 422},
	{"GET /v1/cases/{case}/events?after=10001", "after", ``, 422},
	{"POST /v1/cases/{case}/assignees", "userIds[0]", `{"userIds":["§"]}`, 422},
	{"POST /v1/cases/{case}/assignees", "userIds", `{"userIds":[` + many(101, `"a%d"`) + `]}`, 422},
	{"POST /v1/cases/{case}/comments", "attachments", `{"text":"a","attachments":[` + many(21, `{"fileName":"a%d","content":""}`) + `]}`, 422},
	{"POST /v1/cases/{case}/form-responses", "responses", `{"form":{"name":"a"},"responses":[` + many(201, `{"question":{"index":%d,"type":"a","text":"a"},"text":"a"}`) + `]}`, 422},
	{"POST /v1/cases/{case}/form-responses", "responses[0].question.options",
		`{"form":{"name":"a"},"responses":[{"question":{"index":0,"type":"a","text":"a","options":[` + many(201, `"a%d"`) + `]},"text":"a"}]}`, 422},
	{"POST /v1/events", "", `[` + many(1001, `{"caseId":"a%d"}`) + `]`, 422},
	{"POST /v1/events", "id", `{"id":"§","caseId":"0190a6e1-0000-7000-8000-000000000001",` + escalated + `}`, 422},
	{"POST /v1/events", "caseId", `{"caseId":"§",` + escalated + `}`, 422},
	{"POST /v1/events", "event", `{"caseId":"0190a6e1-0000-7000-8000-000000000001","event":"§","payload":{}}`, 422},
	{"POST /v1/events", "actor.id", `{"caseId":"0190a6e1-0000-7000-8000-000000000001",` + escalated + `,"actor":{"id":"§","firstName":"a","lastName":"a"}}`, 422},
	{"POST /v1/events", "actor.firstName", `{"caseId":"0190a6e1-0000-7000-8000-000000000001",` + escalated + `,"actor":{"id":"a","firstName":"§","lastName":"a"}}`, 422},
	{"POST /v1/events", "actor.lastName", `{"caseId":"0190a6e1-0000-7000-8000-000000000001",` + escalated + `,"actor":{"id":"a","firstName":"a","lastName":"§"}}`, 422},
	{"POST /v1/events", "actor.email", `{"caseId":"0190a6e1-0000-7000-8000-000000000001",` + escalated + `,"actor":{"id":"a","firstName":"a","lastName":"a","email":"§@a.example"}}`, 422},
}

const escalated = `"event":"ESCALATE_CASE","payload":{"escalated":{"caseId":"0190a6e1-0000-7000-8000-000000000001","isEscalated":true,"caller":{"id":"a","firstName":"a","lastName":"a"}}}`

// many returns so many items, separated by commas, with the number of each for %d.
func many(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "%d", strconv.Itoa(i))
	}
	return strings.Join(items, ",")
}

// TestEveryTextAndListHasALimit sends what is too long at each place by itself: it is refused,
// by the name of the field, and nothing is recorded.
func TestEveryTextAndListHasALimit(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	existing := furnish(t, c)
	order := c.call(t, existing.Replace("POST /v1/cases/{case}/orders"), object{"status": "NEW"}).text("id")
	endpoint := c.call(t, "POST /v1/endpoints", object{"url": "https://partner.invalid", "clearance": object{"phi": false, "restricted": false}}).text("id")
	c.call(t, "POST /v1/endpoints/"+endpoint+"/pause", nil)
	ids := strings.NewReplacer("{id}", existing.Replace("{case}"), "{orderId}", order, "{endpoint}", endpoint)
	_, end := c.feed(t, "")
	refuse := func(t *testing.T, call, body string, status int, field string) {
		a, err := c.do(call, []byte(body))
		require.NoError(t, err)
		require.Equal(t, status, a.status, string(a.body))
		var problem struct{ Errors []struct{ Field string } }
		require.NoError(t, json.Unmarshal(a.body, &problem))
		if field != "" {
			require.True(t, slices.ContainsFunc(problem.Errors, func(f struct{ Field string }) bool { return f.Field == field }), "%s: %s", field, a.body)
		}
		recorded, _ := c.feed(t, end)
		require.Empty(t, recorded)
	}
	for _, w := range wordings {
		for _, field := range slots(t, w.body) {
			t.Run(w.call+" "+field, func(t *testing.T) {
				var value any
				require.NoError(t, json.Unmarshal([]byte(w.body), &value))
				value = eachText("", value, func(at, was string) string {
					if at == field {
						return strings.Replace(was, slot, overlong, 1)
					}
					return strings.Replace(was, slot, "plain", 1)
				})
				body, err := json.Marshal(value)
				require.NoError(t, err)
				call := ids.Replace(w.call)
				if strings.HasPrefix(call, "PUT") {
					call = "PUT /v1/users/plain"
				}
				refuse(t, call, string(body), http.StatusUnprocessableEntity, field)
			})
		}
	}
	for _, b := range bounded {
		t.Run(b.call+" "+b.field, func(t *testing.T) {
			refuse(t, ids.Replace(existing.Replace(b.call)), strings.ReplaceAll(b.body, slot, overlong), b.status, b.field)
		})
	}
	require.NotContains(t, s.log.String(), planted)
}

// slots names the texts in body that have a slot.
func slots(t *testing.T, body string) (fields []string) {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	eachText("", value, func(field, was string) string {
		if strings.Contains(was, slot) {
			fields = append(fields, field)
		}
		return was
	})
	slices.Sort(fields)
	return fields
}
