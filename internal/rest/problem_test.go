package rest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// faults returns the errors of a problem, each as "field: message".
func (a answer) faults(t *testing.T) []string {
	t.Helper()
	var problem struct {
		Errors []struct{ Field, Message string }
	}
	require.NoError(t, json.Unmarshal(a.body, &problem))
	var faults []string
	for _, f := range problem.Errors {
		faults = append(faults, f.Field+": "+f.Message)
	}
	return faults
}

func (a answer) detail(t *testing.T) string { return a.text(t, "detail") }

func TestWhatCannotBeAcceptedIsSaidFieldByField(t *testing.T) {
	s := newServer(t)
	of := "/v1/cases/" + s.newCase(t)
	const cannot = "the request cannot be accepted"
	for _, test := range []struct {
		name string
		call string
		body string
		want []string
	}{
		{"a field that is missing", "POST /comments", `{}`, []string{"text: must be given"}},
		{"a field that is missing, further in", "POST /form-responses",
			`{"form":{"name":"Intake"},"responses":[{"question":{"index":0,"type":"TEXT","text":"?"},"text":"a"},{"question":{"index":1,"type":"TEXT","text":"?"}}]}`,
			[]string{"responses[1].text: must be given"}},
		{"a field that is not known", "POST /comments", `{"text":"a","colour":"red"}`, []string{"colour: is not known here"}},
		{"a field that is written otherwise", "POST /comments", `{"Text":"a"}`, []string{"text: must be given", "Text: is not known here"}},
		{"a string that is a number", "POST /comments", `{"text":7}`, []string{"text: must be a string"}},
		{"a string that is null", "POST /comments", `{"text":null}`, []string{"text: must be a string"}},
		{"a boolean that is a string", "POST /comments", `{"text":"a","isRestricted":"yes"}`, []string{"isRestricted: must be true or false"}},
		{"an array that is an object", "POST /comments", `{"text":"a","attachments":{}}`, []string{"attachments: must be an array"}},
		{"an object that is an array", "POST /form-responses", `{"form":[],"responses":[]}`, []string{"form: must be an object"}},
		{"a body that is an array", "POST /comments", `[]`, []string{"body: must be an object"}},
		{"what an event's own rules refuse", "POST /comments", `{"text":""}`, []string{"text: must not be empty"}},
		{"base64 that is broken", "POST /comments", `{"text":"a","attachments":[{"fileName":"a","content":"aGk="},{"fileName":"b","content":"a*b"}]}`,
			[]string{"attachments[1].content: must be base64, as in RFC 4648, section 4"}},
		{"content that is no string", "POST /attachments", `{"fileName":"a","content":12}`, []string{"content: must be a string"}},
		{"a file name that is missing", "POST /attachments", `{"content":"aGk="}`, []string{"fileName: must be given"}},
		{"a timestamp that is a date", "POST /payments", `{"description":"a","amount":1,"dueDate":"2026-11-23"}`,
			[]string{"dueDate: must be a timestamp, such as 2026-11-23T14:05:06.789Z"}},
		{"a timestamp that could not be written", "POST /payments", `{"description":"a","amount":1,"dueDate":"9999-12-31T23:59:59-01:00"}`,
			[]string{"dueDate: must be a timestamp, such as 2026-11-23T14:05:06.789Z"}},
		{"an amount of three decimal places", "POST /payments", `{"description":"a","amount":1.005}`,
			[]string{"amount: must be a number of at most two decimal places, up to 999999999999.99"}},
		{"an amount that is a string", "POST /payments", `{"description":"a","amount":"1"}`, []string{"amount: must be a number"}},
		{"a status that is none", "POST /status", `{"status":"LOST"}`,
			[]string{"status: must be one of OPEN, ASSIGNED, IN_PROGRESS, APPROVED, REJECTED, NO_DECISION, ABANDONED"}},
		{"a whole number that is not whole", "POST /decisions", `{"isApproved":true,"medInfo":{"medicine":"a","refillCount":1.5}}`,
			[]string{"medInfo.refillCount: must be a whole number"}},
		{"a whole number that is too large", "POST /decisions", `{"isApproved":true,"medInfo":{"medicine":"a","refillCount":1e30}}`,
			[]string{"medInfo.refillCount: must be at most 1000"}},
		{"a field that is given twice", "POST /comments", `{"text":"a","text":"b"}`, []string{"text: must not be given twice"}},
		{"a field that is given twice, once escaped", "POST /comments", `{"text":"a","t\u0065xt":"b"}`, []string{"text: must not be given twice"}},
		{"a user who is not registered", "POST /assignees", `{"userIds":["nobody"]}`, []string{"userIds[0]: must be the id of a registered user"}},
		{"a limit that is too large", "GET ?limit=101", ``, []string{"limit: must be at most 100"}},
		{"a limit that is no number", "GET ?limit=many", ``, []string{"limit: must be a whole number"}},
		{"a parameter that is not known", "GET ?colour=red", ``, []string{"colour: is not known here"}},
		{"a parameter that is given twice", "GET ?limit=1&limit=2", ``, []string{"limit: must not be given twice"}},
		{"a text with half of a surrogate pair", "POST /comments", `{"text":"\ud800"}`, []string{"text: must not have half of a surrogate pair"}},
		{"a parameter that is no boolean", "GET ?isArchived=perhaps", ``, []string{"isArchived: must be true or false"}},
		{"a parameter that is no timestamp", "GET ?createdAfter=yesterday", ``, []string{"createdAfter: must be a timestamp, such as 2026-11-23T14:05:06.789Z"}},
		{"a parameter that is no status", "GET ?status=LOST", ``,
			[]string{"status: must be one of OPEN, ASSIGNED, IN_PROGRESS, APPROVED, REJECTED, NO_DECISION, ABANDONED"}},
		{"a parameter that is no state", "GET /v1/deliveries?state=LOST", ``,
			[]string{"state: must be one of pending, sending, delivered, failed, canceled"}},
		{"a cursor of another list", "GET ?cursor=abc", ``, []string{"cursor: must be the nextCursor of this list"}},
		{"a cursor that no list gave", "GET /v1/users?cursor=" + base64.RawURLEncoding.EncodeToString([]byte(`["a\u0000b"]`)), ``,
			[]string{"cursor: must be the nextCursor of this list"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, path, _ := strings.Cut(test.call, " ")
			switch {
			case strings.HasPrefix(path, "?"):
				path = "/v1/cases" + path
			case !strings.HasPrefix(path, "/v1/"):
				path = of + path
			}
			refused := s.do(t, method, path, strings.NewReader(test.body))
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
			require.Equal(t, cannot, refused.detail(t))
			if diff := cmp.Diff(test.want, refused.faults(t)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
	require.Len(t, s.get(t, of).at(t, "activity"), 1, "what was refused was recorded")
}

func TestABodyIsRefused(t *testing.T) {
	s := newServer(t)
	path := "/v1/cases/" + s.newCase(t) + "/comments"
	for _, test := range []struct {
		name   string
		body   string
		how    []asked
		status int
		detail string
	}{
		{"that is empty", ``, nil, 422, "this call needs a JSON object as its body"},
		{"that is no JSON", `{"text":`, nil, 400, "the body is not JSON, at byte 8"},
		{"that goes on after its end", `{"text":"a"} {}`, nil, 400, "the body is not JSON, at byte 14"},
		{"that is not UTF-8", "{\"text\":\"\xff\"}", nil, 400, "the body is not UTF-8"},
		{"that is too deep", `{"text":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, nil, 422, "the body must be at most 32 levels deep"},
		{"that has too many values", `{"text":[` + strings.Repeat("1,", 200_000) + `1]}`, nil, 422, "the body must have at most 200000 values"},
		{"that is a form", `text=a`, []asked{with("Content-Type", "application/x-www-form-urlencoded")}, 415, "the body must be application/json, in UTF-8 and not compressed"},
		{"that is of a type that is none", `{}`, []asked{with("Content-Type", "//")}, 415, "the body must be application/json, in UTF-8 and not compressed"},
		{"that is in another charset", `{}`, []asked{with("Content-Type", "application/json; charset=latin1")}, 415, "the body must be application/json, in UTF-8 and not compressed"},
		{"that is compressed", `{}`, []asked{with("Content-Encoding", "gzip")}, 415, "the body must be application/json, in UTF-8 and not compressed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused := s.post(t, path, test.body, test.how...)
			require.Equal(t, test.status, refused.status, refused)
			require.Equal(t, test.detail, refused.detail(t))
		})
	}
	t.Run("that has fields where none are taken", func(t *testing.T) {
		refused := s.post(t, strings.TrimSuffix(path, "/comments")+"/escalate", `{"reason":"a"}`)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
		require.Equal(t, "this call takes no fields", refused.detail(t))
	})
}

func TestABodyMayBeAsLargeAsTheLimit(t *testing.T) {
	s := newServer(t)
	path := "/v1/cases/" + s.newCase(t) + "/attachments"
	const before, after = `{"fileName":"large.bin","content":"`, `"}`
	const limit = 10 << 20
	fits := before + strings.Repeat("AAAA", (limit-len(before)-len(after))/4) + after
	fits += strings.Repeat(" ", limit-len(fits))

	for _, test := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"the limit", strings.NewReader(fits), 201},
		{"the limit, of a length that is not told", io.MultiReader(strings.NewReader(fits)), 201},
		{"one byte more", strings.NewReader(fits + " "), 413},
		{"far more", strings.NewReader(strings.Repeat(" ", 4*limit)), 413},
		{"far more, of a length that is not told", io.MultiReader(strings.NewReader(strings.Repeat(" ", 4*limit))), 413},
		{"one byte more, of a length that is not told", io.MultiReader(strings.NewReader(fits + " ")), 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := s.do(t, http.MethodPost, path, test.body)
			require.Equal(t, test.status, answer.status)
			if test.status == http.StatusRequestEntityTooLarge {
				require.Equal(t, "the body must be at most 10 MiB", answer.detail(t))
			}
		})
	}
}

func TestAnAttachmentIsReadWhateverItsJSONLooksLike(t *testing.T) {
	s := newServer(t)
	path := "/v1/cases/" + s.newCase(t) + "/attachments"
	want := []byte{0xfb, 0xff, 0xfe}
	for _, content := range []string{`"+//+"`, `"+\/\/+"`, `"\u002b//+"`} {
		t.Run(content, func(t *testing.T) {
			made := s.post(t, path, `{ "content" : `+content+` , "fileName" : "a" }`)
			require.Equal(t, http.StatusCreated, made.status, made)
			got := s.get(t, path+"/"+made.text(t, "id")+"/content")
			require.True(t, bytes.Equal(want, got.body))
		})
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct {
		name   string
		method string
		path   string
		status int
		detail string
		allow  string
	}{
		{"a path that is none", "GET", "/v1/nothing", 404, "there is nothing here", ""},
		{"a path that only begins like one", "GET", "/v1/cases/a/b/c/d", 404, "there is nothing here", ""},
		{"a page of the documentation that is none", "GET", "/docs/nothing.js", 404, "there is nothing here", ""},
		{"a schema that is none", "GET", "/schemas/NO_EVENT.json", 404, "there is nothing here", ""},
		{"a schema by another name", "GET", "/schemas/open/CREATE_CASE", 404, "there is nothing here", ""},
		{"a method that a path does not have", "PUT", "/v1/cases", 405, "this can be called by GET, HEAD, POST", "GET, HEAD, POST"},
		{"a method that nobody knows", "BREW", "/v1/cases", 405, "this can be called by GET, HEAD, POST", "GET, HEAD, POST"},
		{"a case", "GET", "/v1/cases/nothing", 404, "there is no such case, or it has no such event", ""},
		{"an endpoint", "GET", "/v1/endpoints/nothing", 404, "there is no such endpoint", ""},
		{"a delivery", "GET", "/v1/deliveries/nothing", 404, "there is no such delivery", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			missing := s.do(t, test.method, test.path, nil)
			require.Equal(t, test.status, missing.status, missing)
			require.Equal(t, test.detail, missing.detail(t))
			require.Equal(t, test.allow, missing.header.Get("Allow"))
		})
	}
}
