package e2e_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestTextComesBackFromWhereverItIsSent sends naughty strings where no body of a wording has
// them: in paths and queries, in forms, in the settings of an endpoint that are changed, in
// its headers, and in events of cases that are kept elsewhere.
func TestTextComesBackFromWhereverItIsSent(t *testing.T) {
	for engine, database := range onEach {
		t.Run(engine, func(t *testing.T) {
			s := serve(t, t.TempDir(), "--dev", "--database", database(t))
			p := &place{client: client{s.url, adminKey}, headers: make(chan http.Header, 1)}
			partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p.headers <- r.Header
				w.WriteHeader(http.StatusNoContent)
			}))
			t.Cleanup(partner.Close)
			p.endpoint = p.call(t, "POST /v1/endpoints", object{
				"url": partner.URL, "events": []string{"ARCHIVE_CASE"}, "clearance": object{"phi": true, "restricted": true},
			}).text("id")
			p.caseID = p.open(t).text("id")
			taken := 0
			for name, text := range naughty {
				for where, send := range map[string]func(*testing.T, string) bool{
					"in a path": p.path, "in a query": p.query, "in a form": p.form, "as the name of a file": p.file, "as the name of a field": p.fieldName,
					"as a changed description": p.description, "as a header": p.header, "in what is told": p.told,
				} {
					t.Run(name+" "+where, func(t *testing.T) {
						if send(t, text+planted) {
							taken++
						}
					})
				}
			}
			require.Greater(t, taken, 4*len(naughty), "most are taken")
			require.NotContains(t, s.log.String(), planted)
		})
	}
}

// place is where text is sent. Its methods report whether it was taken.
type place struct {
	client
	endpoint, caseID string
	headers          chan http.Header // that the endpoint was sent
}

// refused reports whether a was refused, which is by these fields only, and requires that
// it was taken otherwise.
func (p *place) refused(t *testing.T, a answer, fields ...string) bool {
	t.Helper()
	if a.status/100 == 2 {
		return false
	}
	require.Contains(t, []int{400, 404, 413, 422}, a.status, string(a.body))
	var problem struct{ Errors []struct{ Field string } }
	require.NoError(t, json.Unmarshal(a.body, &problem))
	for _, fault := range problem.Errors {
		require.Contains(t, fields, fault.Field)
	}
	require.NotContains(t, string(a.body), planted)
	return true
}

func (p *place) path(t *testing.T, text string) bool {
	a, err := p.do("PUT /v1/users/"+url.PathEscape(text), encode(t, object{"firstName": "a", "lastName": "a", "email": "a@clinic.example"}))
	require.NoError(t, err)
	if a.status == 431 || p.refused(t, a, "id") { // what is as long as a header may be is refused before it is read
		return false
	}
	require.Equal(t, text, a.text("id"))
	return true
}

func (p *place) query(t *testing.T, text string) bool {
	made, err := p.do("POST /v1/cases", encode(t, object{
		"type": text, "title": "a", "submitter": object{"firstName": "a", "lastName": "a", "email": "a@mail.example"},
	}))
	require.NoError(t, err)
	a, err := p.do("GET /v1/cases?type="+url.QueryEscape(text), nil)
	require.NoError(t, err)
	if a.status == 431 || p.refused(t, a, "type") {
		return false
	}
	var list struct{ Data []struct{ ID, Type string } }
	require.NoError(t, json.Unmarshal(a.body, &list))
	if p.refused(t, made, "type") {
		require.Empty(t, list.Data)
		return false
	}
	require.Len(t, list.Data, 1)
	require.Equal(t, text, list.Data[0].Type)
	require.Equal(t, made.text("id"), list.Data[0].ID)
	return true
}

// attach sends a form with these parts.
func (p *place) attach(t *testing.T, write func(*multipart.Writer)) answer {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	write(w)
	require.NoError(t, w.Close())
	a, err := p.do("POST /v1/cases/"+p.caseID+"/attachments", body.Bytes(), "Content-Type", w.FormDataContentType())
	require.NoError(t, err)
	return a
}

func (p *place) form(t *testing.T, text string) bool {
	a := p.attach(t, func(w *multipart.Writer) {
		require.NoError(t, w.WriteField("fileName", text))
		_, err := w.CreateFormFile("file", "plain")
		require.NoError(t, err)
	})
	if p.refused(t, a, "fileName") {
		return false
	}
	require.Equal(t, text, a.text("fileName"))
	got := p.call(t, "GET /v1/cases/"+p.caseID+"/attachments/"+a.text("id")+"/content", nil)
	require.True(t, strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment"))
	return true
}

func (p *place) file(t *testing.T, text string) bool {
	a := p.attach(t, func(w *multipart.Writer) {
		_, err := w.CreateFormFile("file", text)
		require.NoError(t, err)
	})
	if p.refused(t, a, "fileName", "file") {
		return false
	}
	named := a.text("fileName")
	require.NotContains(t, named, "/")
	require.NotContains(t, named, `\`)
	require.True(t, strings.HasSuffix(named, planted), named)
	return true
}

func (p *place) fieldName(t *testing.T, text string) bool {
	a := p.attach(t, func(w *multipart.Writer) { require.NoError(t, w.WriteField(text, "a")) })
	require.NotEqual(t, 2, a.status/100)
	require.Contains(t, []int{400, 413, 422}, a.status, string(a.body))
	require.Less(t, len(a.body), 2000)
	return false
}

func (p *place) description(t *testing.T, text string) bool {
	a, err := p.do("PATCH /v1/endpoints/"+p.endpoint, encode(t, object{"description": text}))
	require.NoError(t, err)
	if p.refused(t, a, "description") {
		return false
	}
	require.Equal(t, text, a.text("description"))
	require.Equal(t, text, p.call(t, "GET /v1/endpoints/"+p.endpoint, nil).text("description"))
	return true
}

func (p *place) header(t *testing.T, text string) bool {
	a, err := p.do("PATCH /v1/endpoints/"+p.endpoint, encode(t, object{"headers": object{"X-Naughty": text}}))
	require.NoError(t, err)
	if p.refused(t, a, "headers") {
		return false
	}
	var shown struct{ Headers map[string]string }
	require.NoError(t, json.Unmarshal(a.body, &shown))
	require.Equal(t, map[string]string{"X-Naughty": "***"}, shown.Headers)
	p.call(t, "POST /v1/endpoints/"+p.endpoint+"/test", object{"event": "ARCHIVE_CASE"})
	require.Equal(t, []string{text}, (<-p.headers).Values("X-Naughty"))
	return true
}

func (p *place) told(t *testing.T, text string) bool {
	caseID := uuid.NewString()
	caller := object{"id": "nora", "firstName": text, "lastName": "a"}
	a, err := p.do("POST /v1/events", encode(t, object{
		"caseId": caseID, "event": "ADD_CASE_COMMENT", "payload": object{"comment": object{
			"id": uuid.NewString(), "text": text, "isRestricted": false, "createdAt": "2026-11-23T14:05:06.789Z",
			"author": object{"firstName": "a", "lastName": "a"}, "attachments": []any{},
		}}, "actor": object{"id": "nora", "firstName": "a", "lastName": "a"},
	}))
	require.NoError(t, err)
	if p.refused(t, a, "payload.comment.text", "payload") {
		return false
	}
	requireTexts(t, "the log", p.call(t, "GET /v1/cases/"+caseID+"/events", nil).body, []string{text})
	a, err = p.do("POST /v1/events", encode(t, object{
		"caseId": caseID, "event": "ESCALATE_CASE", "payload": object{"escalated": object{"caseId": caseID, "isEscalated": true, "caller": caller}},
	}))
	require.NoError(t, err)
	if !p.refused(t, a, "payload.escalated.caller.firstName", "payload", "actor.firstName") {
		requireTexts(t, "the log", p.call(t, "GET /v1/cases/"+caseID+"/events", nil).body, []string{text})
	}
	return true
}
