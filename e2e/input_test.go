package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// planted stands in everything that is refused, and must be found nowhere after it.
const planted = "PLANTED-4711"

// A refused is a request that must not succeed.
type refused struct {
	name   string
	call   string // with names of what there is in braces
	body   string
	header []string // pairs, over what a good request has
	status int
	field  string // that is to be named; "" where it is not about one
}

// impossible are the requests about what is not there, or not possible as it stands.
var impossible = []refused{
	{"a case that is not there", "GET /v1/cases/" + planted, "", nil, 404, ""},
	{"a change of a case that is not there", "POST /v1/cases/" + planted + "/escalate", "", nil, 404, ""},
	{"a comment on a case that is not there", "POST /v1/cases/" + planted + "/comments", `{"text":"PLANTED-4711"}`, nil, 404, ""},
	{"a case as of an event that it has not", "GET /v1/cases/{case}?at=4711", "", nil, 404, ""},
	{"a comment that is not there", "DELETE /v1/cases/{case}/comments/" + planted, "", nil, 404, ""},
	{"another case's comment", "DELETE /v1/cases/{other}/comments/{comment}", "", nil, 404, ""},
	{"an attachment that is not there", "DELETE /v1/cases/{case}/attachments/" + planted, "", nil, 404, ""},
	{"the content of an attachment that is not there", "GET /v1/cases/{case}/attachments/" + planted + "/content", "", nil, 404, ""},
	{"the content of another case's attachment", "GET /v1/cases/{other}/attachments/{attachment}/content", "", nil, 404, ""},
	{"a payment that is not there", "POST /v1/cases/{case}/payments/" + planted + "/complete", "", nil, 404, ""},
	{"an order that is not there", "POST /v1/cases/{case}/orders/" + planted + "/status", `{"status":"PLANTED-4711"}`, nil, 404, ""},
	{"tracking of an order that is not there", "POST /v1/cases/{case}/orders/" + planted + "/tracking", `{"trackingId":"PLANTED-4711"}`, nil, 404, ""},
	{"an assignee who is not there", "POST /v1/cases/{case}/assignees", `{"userIds":["PLANTED-4711"]}`, nil, 422, "userIds[0]"},
	{"a user who is not assigned", "DELETE /v1/cases/{case}/assignees/" + planted, "", nil, 404, ""},
	{"an endpoint that is not there", "PATCH /v1/endpoints/" + planted, `{"description":"PLANTED-4711"}`, nil, 404, ""},
	{"a delivery that is not there", "POST /v1/deliveries/" + planted + "/retry", "", nil, 404, ""},
	{"an API key that is not there", "DELETE /v1/api-keys/" + planted, "", nil, 404, ""},
	{"a document by a link that nobody signed", "GET /documents/{case}/{attachment}?expires=4102444800&signature=" + planted, "", nil, 404, ""},
	{"a path that is none", "GET /v1/" + planted, "", nil, 404, ""},
	{"a path that leads elsewhere", "GET /v1/cases/..%2f..%2f" + planted, "", nil, 404, ""},
	{"a case whose id has a NUL", "GET /v1/cases/%00" + planted, "", nil, 404, ""},
	{"a case whose id is not UTF-8", "GET /v1/cases/%ff" + planted, "", nil, 404, ""},
	{"a change of a case whose id has a NUL", "POST /v1/cases/%00" + planted + "/escalate", "", nil, 404, ""},
	{"a comment whose id has a NUL", "DELETE /v1/cases/{case}/comments/%00" + planted, "", nil, 404, ""},
	{"a method that a path does not have", "PUT /v1/cases", `{"type":"PLANTED-4711"}`, nil, 405, ""},
	{"a method that nobody knows", planted + " /v1/cases", "", nil, 405, ""},

	{"a comment on an archived case", "POST /v1/cases/{archived}/comments", `{"text":"PLANTED-4711"}`, nil, 409, ""},
	{"a document for an archived case", "POST /v1/cases/{archived}/attachments", `{"fileName":"PLANTED-4711","content":""}`, nil, 409, ""},
	{"a status of an archived case", "POST /v1/cases/{archived}/status", `{"status":"IN_PROGRESS"}`, nil, 409, ""},
	{"archiving an archived case", "POST /v1/cases/{archived}/archive", `{"archiveReason":"PLANTED-4711"}`, nil, 409, ""},
	{"reopening a case that is open", "POST /v1/cases/{case}/reopen", "", nil, 409, ""},
	{"escalating an escalated case", "POST /v1/cases/{case}/escalate", "", nil, 409, ""},
	{"deescalating a case that is not escalated", "POST /v1/cases/{other}/deescalate", "", nil, 409, ""},
	{"the status that a case has", "POST /v1/cases/{case}/status", `{"status":"OPEN"}`, nil, 409, ""},
	{"completing a paid payment", "POST /v1/cases/{case}/payments/{payment}/complete", "", nil, 409, ""},
	{"deleting a deleted comment", "DELETE /v1/cases/{case}/comments/{deleted}", "", nil, 409, ""},
}

// malformed are the requests that say what cannot be.
var malformed = []refused{
	{"a string that is an array", "POST /v1/cases/{case}/comments", `{"text":["PLANTED-4711"]}`, nil, 422, "text"},
	{"a boolean that is a string", "POST /v1/cases/{case}/comments", `{"text":"a","isRestricted":"PLANTED-4711"}`, nil, 422, "isRestricted"},
	{"an array that is a string", "POST /v1/cases/{case}/comments", `{"text":"a","attachments":"PLANTED-4711"}`, nil, 422, "attachments"},
	{"an object that is a string", "POST /v1/cases", `{"type":"a","title":"a","submitter":"PLANTED-4711"}`, nil, 422, "submitter"},
	{"a number that is a string", "POST /v1/cases/{case}/payments", `{"description":"a","amount":"PLANTED-4711"}`, nil, 422, "amount"},
	{"a number that is too large", "POST /v1/cases/{case}/payments", `{"description":"PLANTED-4711","amount":1e400}`, nil, 422, "amount"},
	{"an amount below nothing", "POST /v1/cases/{case}/payments", `{"description":"PLANTED-4711","amount":-1}`, nil, 422, "amount"},
	{"a whole number that is a string", "POST /v1/cases/{case}/decisions",
		`{"isApproved":true,"medInfo":{"medicine":"a","refillCount":"PLANTED-4711"}}`, nil, 422, "medInfo.refillCount"},
	{"a timestamp that is none", "POST /v1/cases/{case}/payments", `{"description":"a","amount":1,"dueDate":"PLANTED-4711"}`, nil, 422, "dueDate"},
	{"a status that is none", "POST /v1/cases/{case}/status", `{"status":"PLANTED-4711"}`, nil, 422, "status"},
	{"a date of birth that is none", "POST /v1/cases",
		`{"type":"a","title":"a","submitter":{"firstName":"a","lastName":"a","email":"a@b.example","dob":"PLANTED-4711"}}`, nil, 422, "submitter.dob"},
	{"an e-mail address that is none", "POST /v1/cases",
		`{"type":"a","title":"a","submitter":{"firstName":"a","lastName":"a","email":"PLANTED-4711"}}`, nil, 422, "submitter.email"},
	{"a field that is missing", "POST /v1/cases", `{"type":"a","title":"PLANTED-4711","submitter":{"firstName":"a","lastName":"a"}}`, nil, 422, "submitter.email"},
	{"a title that is too long", "POST /v1/cases",
		`{"type":"a","title":"PLANTED-4711` + strings.Repeat("a", 500) + `","submitter":{"firstName":"a","lastName":"a","email":"a@b.example"}}`, nil, 422, "title"},
	{"a title with a NUL", "POST /v1/cases",
		`{"type":"a","title":"\u0000PLANTED-4711","submitter":{"firstName":"a","lastName":"a","email":"a@b.example"}}`, nil, 422, "title"},
	{"a type with a NUL", "POST /v1/cases",
		`{"type":"\u0000PLANTED-4711","title":"a","submitter":{"firstName":"a","lastName":"a","email":"a@b.example"}}`, nil, 422, "type"},
	{"a user whose id has a NUL", "PUT /v1/users/%00" + planted, `{"firstName":"a","lastName":"a","email":"a@b.example"}`, nil, 422, "id"},
	{"an assignee whose id has a NUL", "POST /v1/cases/{case}/assignees", `{"userIds":["\u0000PLANTED-4711"]}`, nil, 422, "userIds[0]"},
	{"a field that is not known", "POST /v1/cases/{case}/comments", `{"text":"a","colour":"PLANTED-4711"}`, nil, 422, "colour"},
	{"a field that is not known, further in", "POST /v1/cases/{case}/form-responses",
		`{"form":{"name":"a"},"responses":[{"question":{"index":0,"type":"a","text":"a","colour":"PLANTED-4711"},"text":"a"}]}`, nil, 422, "responses[0].question.colour"},
	{"a field that is given twice", "POST /v1/cases/{case}/comments", `{"text":"a","text":"PLANTED-4711"}`, nil, 422, "text"},
	{"fields where none are taken", "POST /v1/cases/{other}/escalate", `{"reason":"PLANTED-4711"}`, nil, 422, ""},
	{"base64 that is broken", "POST /v1/cases/{case}/attachments", `{"fileName":"a","content":"PLANTED-4711"}`, nil, 422, "content"},
	{"base64 that is broken, further in", "POST /v1/cases/{case}/comments",
		`{"text":"a","attachments":[{"fileName":"a","content":"PLANTED-4711"}]}`, nil, 422, "attachments[0].content"},
	{"a body of 11 MB", "POST /v1/cases/{case}/attachments",
		`{"fileName":"PLANTED-4711","content":"` + strings.Repeat("AAAA", 11<<20/4) + `"}`, nil, 413, ""},
	{"no body", "POST /v1/cases/{case}/comments", "", nil, 422, ""},
	{"a body that is not JSON", "POST /v1/cases/{case}/comments", `{"text":PLANTED-4711}`, nil, 400, ""},
	{"a body that ends before its end", "POST /v1/cases/{case}/comments", `{"text":"PLANTED-4711`, nil, 400, ""},
	{"a body that is not UTF-8", "POST /v1/cases/{case}/comments", "{\"text\":\"PLANTED-4711\xff\"}", nil, 400, ""},
	{"a body that is an array", "POST /v1/cases/{case}/comments", `["PLANTED-4711"]`, nil, 422, "body"},
	{"a body that is too deep", "POST /v1/cases/{case}/comments", `{"text":` + strings.Repeat("[", 4711) + strings.Repeat("]", 4711) + `}`, nil, 422, ""},
	{"a body of another type", "POST /v1/cases/{case}/comments", `{"text":"PLANTED-4711"}`, []string{"Content-Type", "text/plain; a=PLANTED-4711"}, 415, ""},
	{"a compressed body", "POST /v1/cases/{case}/comments", `{"text":"PLANTED-4711"}`, []string{"Content-Encoding", "gzip"}, 415, ""},

	{"a limit of nothing", "GET /v1/cases?limit=0", "", nil, 422, "limit"},
	{"a limit that is too large", "GET /v1/events?limit=4711", "", nil, 422, "limit"},
	{"a limit that is no number", "GET /v1/users?limit=" + planted, "", nil, 422, "limit"},
	{"a cursor that nobody gave", "GET /v1/cases?cursor=" + planted, "", nil, 422, "cursor"},
	{"a cursor with a NUL", "GET /v1/deliveries?cursor=%00" + planted, "", nil, 422, "cursor"},
	{"a cursor of the log that nobody gave", "GET /v1/events?after=" + planted, "", nil, 422, "after"},
	{"a place in a case that is none", "GET /v1/cases/{case}/events?after=" + planted, "", nil, 422, "after"},
	{"an event before the first", "GET /v1/cases/{case}?at=-1", "", nil, 422, "at"},
	{"a filter that is not known", "GET /v1/cases?colour=" + planted, "", nil, 422, "colour"},
	{"a filter that is no boolean", "GET /v1/cases?isArchived=" + planted, "", nil, 422, "isArchived"},
	{"a filter with a NUL", "GET /v1/deliveries?caseId=%00" + planted, "", nil, 422, "caseId"},
	{"a filter that is not UTF-8", "GET /v1/cases?type=%ff" + planted, "", nil, 422, "type"},
	{"an event that is none", "GET /v1/deliveries?event=" + planted, "", nil, 422, "event"},
	{"a state that is none", "GET /v1/deliveries?state=" + planted, "", nil, 422, "state"},

	{"an endpoint without clearance", "POST /v1/endpoints", `{"url":"https://partner.example/PLANTED-4711"}`, nil, 422, "clearance"},
	{"an endpoint with half of a clearance", "POST /v1/endpoints", `{"url":"https://partner.example/PLANTED-4711","clearance":{"phi":true}}`, nil, 422, "clearance.restricted"},
	{"a URL that is none", "POST /v1/endpoints", `{"url":"PLANTED-4711",` + cleared, nil, 422, "url"},
	{"a URL of another protocol", "POST /v1/endpoints", `{"url":"ftp://partner.example/PLANTED-4711",` + cleared, nil, 422, "url"},
	{"a URL with a password", "POST /v1/endpoints", `{"url":"https://a:PLANTED-4711@partner.example",` + cleared, nil, 422, "url"},
	{"a URL with a NUL", "POST /v1/endpoints", `{"url":"https://partner.example/\u0000PLANTED-4711",` + cleared, nil, 422, "url"},
	{"an event that is none", "POST /v1/endpoints", `{"url":"https://partner.example","events":["PLANTED-4711"],` + cleared, nil, 422, "events[0]"},
	{"a header that is two", "POST /v1/endpoints", `{"url":"https://partner.example","headers":{"a":"b\r\nPLANTED-4711: c"},` + cleared, nil, 422, "headers"},
	{"a header that is casehook's own", "POST /v1/endpoints", `{"url":"https://partner.example","headers":{"webhook-id":"PLANTED-4711"},` + cleared, nil, 422, "headers"},
	{"a role that is none", "POST /v1/api-keys", `{"name":"PLANTED-4711","role":"owner"}`, nil, 422, "role"},
}

const cleared = `"clearance":{"phi":true,"restricted":true}}`

// unwelcome are good requests of who may not make them.
var unwelcome = []refused{
	{"no key", "POST /v1/cases/{other}/escalate", "", []string{"Authorization", ""}, 401, ""},
	{"a key that is not known", "POST /v1/cases/{other}/escalate", "", []string{"Authorization", "Bearer " + planted}, 401, ""},
	{"a key that is not known, in the other header", "POST /v1/cases/{other}/escalate", "", []string{"Authorization", "", "cv-api-key", planted}, 401, ""},
	{"two keys", "POST /v1/cases/{other}/escalate", "", []string{"cv-api-key", planted}, 401, ""},
	{"a scheme that is none", "POST /v1/cases/{other}/escalate", "", []string{"Authorization", planted}, 401, ""},
	{"a reader who writes", "POST /v1/cases/{other}/comments", `{"text":"PLANTED-4711"}`, []string{"Authorization", "Bearer {reader}"}, 403, ""},
	{"a reader who deletes", "DELETE /v1/cases/{case}/comments/{comment}", "", []string{"Authorization", "Bearer {reader}"}, 403, ""},
	{"a writer who subscribes", "POST /v1/endpoints", `{"url":"https://partner.example/PLANTED-4711",` + cleared, []string{"Authorization", "Bearer {writer}"}, 403, ""},
	{"a writer who makes keys", "POST /v1/api-keys", `{"name":"PLANTED-4711","role":"admin"}`, []string{"Authorization", "Bearer {writer}"}, 403, ""},
	{"an actor who is not registered", "POST /v1/cases/{other}/escalate", "", []string{"Casehook-Actor", planted}, 422, "Casehook-Actor"},
	{"an actor who is not UTF-8", "POST /v1/cases/{other}/escalate", "", []string{"Casehook-Actor", "\xff" + planted}, 422, "Casehook-Actor"},
	{"an idempotency key with a space", "POST /v1/cases/{other}/escalate", "", []string{"Idempotency-Key", "PLANTED 4711 " + planted}, 422, "Idempotency-Key"},
	{"an idempotency key that is too long", "POST /v1/cases/{other}/escalate", "", []string{"Idempotency-Key", strings.Repeat(planted, 30)}, 422, "Idempotency-Key"},
	{"an idempotency key of another request", "POST /v1/cases/{case}/comments", `{"text":"PLANTED-4711"}`, []string{"Idempotency-Key", "used"}, 422, ""},
}

func TestWhatIsRefusedIsSaidAndNeitherRepeatedNorRecorded(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	admin := client{s.url, adminKey}
	existing := furnish(t, admin)
	_, end := admin.feed(t, "")

	for about, requests := range map[string][]refused{"impossible": impossible, "malformed": malformed, "unwelcome": unwelcome} {
		for _, r := range requests {
			t.Run(about+"/"+r.name, func(t *testing.T) {
				header := make([]string, len(r.header))
				for i := range header {
					header[i] = existing.Replace(r.header[i])
				}
				a, err := admin.do(existing.Replace(r.call), []byte(r.body), header...)
				require.NoError(t, err)
				a.requireProblem(t, r.status, r.field)
				recorded, _ := admin.feed(t, end)
				require.Empty(t, recorded, "events")
			})
		}
	}
	require.NotContains(t, s.log.String(), planted)
	require.Zero(t, s.terminate(t))
	require.NotContains(t, s.log.String(), planted)
}

// furnish makes what there is, and returns what puts it in place of its names.
func furnish(t *testing.T, c client) *strings.Replacer {
	t.Helper()
	id := c.open(t).text("id")
	of := "/v1/cases/" + id
	other, archived := c.open(t).text("id"), c.open(t).text("id")
	c.call(t, "POST "+of+"/escalate", nil)
	c.call(t, "POST /v1/cases/"+archived+"/archive", object{"archiveReason": "Done"})
	comment := c.call(t, "POST "+of+"/comments", object{"text": "Hello"}, "Idempotency-Key", "used").text("id")
	deleted := c.call(t, "POST "+of+"/comments", object{"text": "Oh"}).text("id")
	c.call(t, "DELETE "+of+"/comments/"+deleted, nil)
	attachment := c.call(t, "POST "+of+"/attachments", object{"fileName": "a", "content": "aGk="}).text("id")
	payment := c.call(t, "POST "+of+"/payments", object{"description": "a", "amount": 1}).text("id")
	c.call(t, "POST "+of+"/payments/"+payment+"/complete", nil)
	keys := map[string]string{}
	for _, role := range []string{"reader", "writer"} {
		keys[role] = c.call(t, "POST /v1/api-keys", object{"name": role, "role": role}).text("key")
	}
	return strings.NewReplacer(
		"{case}", id, "{other}", other, "{archived}", archived, "{comment}", comment, "{deleted}", deleted,
		"{attachment}", attachment, "{payment}", payment, "{reader}", keys["reader"], "{writer}", keys["writer"],
	)
}

// requireProblem requires that a is a problem of that status (RFC 9457), that it
// names the field where there is one, and that nothing in it repeats what was sent.
func (a answer) requireProblem(t *testing.T, status int, field string) {
	t.Helper()
	require.Equal(t, status, a.status, string(a.body))
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var problem struct {
		Type, Title, Detail string
		Status              int
		Errors              []struct{ Field, Message string }
	}
	strict := json.NewDecoder(bytes.NewReader(a.body))
	strict.DisallowUnknownFields()
	require.NoError(t, strict.Decode(&problem))
	require.Equal(t, status, problem.Status)
	require.Equal(t, http.StatusText(status), problem.Title)
	require.NotEmpty(t, problem.Detail)
	var named []string
	for _, fault := range problem.Errors {
		require.NotEmpty(t, fault.Message)
		named = append(named, fault.Field)
	}
	if field != "" {
		require.Contains(t, named, field)
	}
	require.NotContains(t, fmt.Sprint(a.header, string(a.body)), planted)
}
