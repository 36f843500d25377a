package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

// receiver is a partner's server that takes what it is sent.
type receiver struct {
	*httptest.Server
	bodies chan []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{bodies: make(chan []byte, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		r.bodies <- body
		_, _ = io.WriteString(w, "thank you")
	}))
	t.Cleanup(r.Close)
	return r
}

// newEndpoint subscribes url with all clearance, and with more, such as
// `,"payload":"full"`, and returns the endpoint's id.
func (s *server) newEndpoint(t *testing.T, url, more string) string {
	t.Helper()
	made := s.post(t, "/v1/endpoints", `{"url":"`+url+`","clearance":{"phi":true,"restricted":true}`+more+`}`)
	require.Equal(t, http.StatusCreated, made.status, made)
	return made.text(t, "id")
}

func TestAnEndpointHasDefaults(t *testing.T) {
	s := newServer(t)
	made := s.post(t, "/v1/endpoints", `{"url":"https://partner.example/hooks","clearance":{"phi":false,"restricted":true}}`)
	require.Equal(t, http.StatusCreated, made.status, made)
	id := made.text(t, "id")
	require.Equal(t, "/v1/endpoints/"+id, made.header.Get("Location"))
	require.True(t, strings.HasPrefix(made.text(t, "secret"), "whsec_"))

	want := map[string]any{
		"url":            "https://partner.example/hooks",
		"state":          "active",
		"description":    "",
		"events":         []any{"*"},
		"payload":        "event",
		"documents":      "base64",
		"clearance":      map[string]any{"phi": false, "restricted": true},
		"ordering":       "case",
		"signing":        []any{"standard", "cv"},
		"headers":        map[string]any{},
		"timeoutSeconds": 15.0,
		"maxInFlight":    32.0,
		"rateLimit":      nil,
		"maxInlineBytes": nil,
		"secrets":        []any{map[string]any{"algorithm": "hmac-sha256", "expiresAt": nil}},
		"health":         map[string]any{"state": "open", "failures": 0.0, "closedAt": nil, "nextProbeAt": nil, "flaggedAt": nil},
	}
	ignored := cmpopts.IgnoreMapEntries(func(key string, _ any) bool {
		return key == "id" || key == "createdAt" || key == "updatedAt"
	})
	if diff := cmp.Diff(any(want), s.get(t, "/v1/endpoints/"+id).at(t), ignored); diff != "" {
		t.Errorf("endpoint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(any(want), s.get(t, "/v1/endpoints").at(t, "data", 0), ignored); diff != "" {
		t.Errorf("endpoint in the list (-want +got):\n%s", diff)
	}
}

func TestAnEndpointIsChangedFieldByField(t *testing.T) {
	s := newServer(t)
	id := s.newEndpoint(t, "https://partner.example/hooks", `,"headers":{"cv-api-key":"their secret"},"rateLimit":5,"description":"d"`)
	for _, test := range []struct {
		name string
		body string
		path []any
		want any
	}{
		{"nothing", `{}`, []any{"description"}, "d"},
		{"the description", `{"description":"e"}`, []any{"description"}, "e"},
		{"the URL", `{"url":"https://other.example/"}`, []any{"url"}, "https://other.example/"},
		{"the clearance", `{"clearance":{"phi":false,"restricted":false}}`, []any{"clearance", "phi"}, false},
		{"the events", `{"events":["CREATE_CASE"]}`, []any{"events"}, []any{"CREATE_CASE"}},
		{"the timeout", `{"timeoutSeconds":3}`, []any{"timeoutSeconds"}, 3.0},
		{"what was not given stays", `{"timeoutSeconds":4}`, []any{"rateLimit"}, 5.0},
		{"the rate limit, by a number", `{"rateLimit":7}`, []any{"rateLimit"}, 7.0},
		{"the rate limit, by null", `{"rateLimit":null}`, []any{"rateLimit"}, nil},
		{"the largest document in base64, by a number", `{"maxInlineBytes":0}`, []any{"maxInlineBytes"}, 0.0},
		{"the largest document in base64, by null", `{"maxInlineBytes":null}`, []any{"maxInlineBytes"}, nil},
		{"the headers stay, masked", `{}`, []any{"headers"}, map[string]any{"cv-api-key": "***"}},
		{"the headers, as a whole", `{"headers":{"authorization":"Bearer x"}}`, []any{"headers"}, map[string]any{"authorization": "***"}},
		{"the headers, by none", `{"headers":{}}`, []any{"headers"}, map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := s.do(t, http.MethodPatch, "/v1/endpoints/"+id, strings.NewReader(test.body))
			require.Equal(t, http.StatusOK, changed.status, changed)
			require.Equal(t, test.want, changed.at(t, test.path...))
			require.Equal(t, test.want, s.get(t, "/v1/endpoints/"+id).at(t, test.path...))
			require.NotContains(t, changed.at(t), "secret")
		})
	}
}

func TestAnEndpointMoreThanThereMayBeIsRefused(t *testing.T) {
	s := newServer(t)
	s.newEndpoint(t, "https://partner.example/hooks", "")
	s.get(t, "/v1/endpoints") // those that follow cannot be read
	s.exec(t, fmt.Sprintf(`
		WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO endpoints (id, organization_id, state, settings)
		SELECT id || '-' || i, organization_id, state, settings
		FROM n
		CROSS JOIN endpoints`, store.MaxEndpoints))
	refused := s.post(t, "/v1/endpoints", `{"url":"https://partner.example/hooks","clearance":{"phi":true,"restricted":true}}`)
	require.Equal(t, http.StatusConflict, refused.status, refused)
	require.Equal(t, "an organisation has at most 2000 endpoints: delete one that is not used any more", refused.text(t, "detail"))
}

func TestOnlyAnAdminIsShownTheQueryOfAnEndpointsURL(t *testing.T) {
	s := newServer(t)
	const bare = "https://partner.example/hooks"
	plain := s.newEndpoint(t, bare, "")
	secret := s.newEndpoint(t, bare+"?token=of-the-partner", "")
	for name, test := range map[string]struct{ key, shown string }{
		"an admin": {s.admin, bare + "?token=of-the-partner"},
		"a writer": {s.writer, bare + "?***"},
		"a reader": {s.reader, bare + "?***"},
	} {
		t.Run(name, func(t *testing.T) {
			list := s.get(t, "/v1/endpoints", as(test.key))
			require.Equal(t, []string{bare, test.shown}, []string{list.text(t, "data", 0, "url"), list.text(t, "data", 1, "url")})
			require.Equal(t, bare, s.get(t, "/v1/endpoints/"+plain, as(test.key)).text(t, "url"))
			require.Equal(t, test.shown, s.get(t, "/v1/endpoints/"+secret, as(test.key)).text(t, "url"))
		})
	}
	refused := s.do(t, http.MethodPatch, "/v1/endpoints/"+secret, strings.NewReader(`{"url":"`+bare+`?***"}`))
	require.Equal(t, []string{"url: must have a query of its own: *** only stands for what is not shown"}, refused.faults(t))
}

func TestAnEndpointThatCannotBeIsRefused(t *testing.T) {
	s := newServer(t)
	id := s.newEndpoint(t, "https://partner.example/hooks", "")
	const url = `"url":"https://partner.example/hooks"`
	const clearance = `"clearance":{"phi":true,"restricted":true}`
	const masked = "headers: must have values of their own: *** only stands for what is not shown"
	for _, test := range []struct {
		name   string
		method string
		body   string
		want   []string
	}{
		{"without clearance", "POST", `{` + url + `}`, []string{"clearance: must be given"}},
		{"with half a clearance", "POST", `{` + url + `,"clearance":{"phi":true}}`, []string{"clearance.restricted: must be given"}},
		{"with clearance that is null", "POST", `{` + url + `,"clearance":null}`, []string{"clearance: must be an object"}},
		{"with half a clearance, changed", "PATCH", `{"clearance":{"restricted":true}}`, []string{"clearance.phi: must be given"}},
		{"without a URL", "POST", `{` + clearance + `}`, []string{"url: must be given"}},
		{"with a URL that is none", "POST", `{"url":"partner",` + clearance + `}`, []string{"url: must be an absolute URL, such as https://partner.example/hooks"}},
		{"with no events", "PATCH", `{"events":[]}`, []string{`events: must have at least 1 item, ["*"] for all`}},
		{"with another payload", "PATCH", `{"payload":"half"}`, []string{"payload: must be one of event, full"}},
		{"with another signing", "PATCH", `{"signing":["standard","md5"]}`, []string{"signing[1]: must be one of standard, cv"}},
		{"with a timeout of 0", "POST", `{` + url + `,` + clearance + `,"timeoutSeconds":0}`, []string{"timeoutSeconds: must be at least 1"}},
		{"with documents of less than nothing in base64", "PATCH", `{"maxInlineBytes":-1}`, []string{"maxInlineBytes: must be at least 0"}},
		{"with a rate limit of 0", "PATCH", `{"rateLimit":0}`, []string{"rateLimit: must be at least 1"}},
		{"with the mask as a header's value", "POST", `{` + url + `,` + clearance + `,"headers":{"cv-api-key":"***"}}`, []string{masked}},
		{"with the mask as a header's value, changed", "PATCH", `{"headers":{"cv-api-key":"***"}}`, []string{masked}},
		{"with a header that is casehook's", "PATCH", `{"headers":{"webhook-id":"1"}}`, []string{"headers: must not name a header that casehook or HTTP sets"}},
		{"with an id of its own", "PATCH", `{"id":"1"}`, []string{"id: is not known here"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := "/v1/endpoints"
			if test.method == http.MethodPatch {
				path += "/" + id
			}
			refused := s.do(t, test.method, path, strings.NewReader(test.body))
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
			require.Equal(t, test.want, refused.faults(t))
		})
	}
}

func TestAnEndpointsLife(t *testing.T) {
	s := newServer(t)
	receiver := newReceiver(t)
	made := s.post(t, "/v1/endpoints", `{"url":"`+receiver.URL+`","clearance":{"phi":true,"restricted":true}}`)
	path := "/v1/endpoints/" + made.text(t, "id")

	require.Equal(t, "paused", s.post(t, path+"/pause", "").text(t, "state"))
	require.Equal(t, "active", s.post(t, path+"/resume", "").text(t, "state"))

	rotated := s.post(t, path+"/rotate-secret", `{"overlapHours":0}`)
	require.Equal(t, http.StatusOK, rotated.status, rotated)
	require.NotEqual(t, made.text(t, "secret"), rotated.text(t, "secret"))
	require.Equal(t, []string{"overlapHours: must be at most 168"}, s.post(t, path+"/rotate-secret", `{"overlapHours":169}`).faults(t))

	tested := s.post(t, path+"/test", `{"event":"PAYMENT_ADDED"}`)
	require.Equal(t, http.StatusOK, tested.status, tested)
	require.Equal(t, 200.0, tested.at(t, "statusCode"))
	require.Equal(t, "thank you", tested.text(t, "answer"))
	require.Contains(t, string(<-receiver.bodies), `"event":"PAYMENT_ADDED"`)
	require.Equal(t, http.StatusUnprocessableEntity, s.post(t, path+"/test", `{"event":"NOTHING"}`).status)

	require.Equal(t, http.StatusNoContent, s.do(t, http.MethodDelete, path, nil).status)
	require.Equal(t, http.StatusNotFound, s.get(t, path).status)
}

// TestWhatIsSentIsWhatTheDocumentSays checks each body against the webhooks of the
// document, and follows a signed link.
func TestWhatIsSentIsWhatTheDocumentSays(t *testing.T) {
	s := newServer(t)
	receiver := newReceiver(t)
	endpoint := s.newEndpoint(t, receiver.URL, `,"payload":"full","documents":"url"`)
	id := s.newCase(t)
	require.Equal(t, http.StatusCreated, s.post(t, "/v1/cases/"+id+"/attachments", `{"fileName":"a.html","content":"PGI+aGk8L2I+"}`).status)

	var link string
	for _, want := range []string{"CREATE_CASE", "ADD_CASE_ATTACHMENT"} {
		body := <-receiver.bodies
		var sent struct {
			Event   string
			Payload struct{ Attachment struct{ URL string } }
		}
		require.NoError(t, json.Unmarshal(body, &sent))
		require.Equal(t, want, sent.Event)
		s.conforms(t, "#/components/schemas/"+sent.Event, body)
		link = sent.Payload.Attachment.URL
	}

	t.Run("a signed link needs no key and is saved, not shown", func(t *testing.T) {
		path := strings.TrimPrefix(link, s.URL)
		document := s.get(t, path, with("Authorization", ""))
		require.Equal(t, http.StatusOK, document.status, document)
		require.Equal(t, "<b>hi</b>", string(document.body))
		require.Equal(t, "application/octet-stream", document.header.Get("Content-Type"))
		require.Equal(t, "attachment", document.header.Get("Content-Disposition"))
		require.Equal(t, "nosniff", document.header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", document.header.Get("Cache-Control"))

		require.Equal(t, "sha-256=:MrJOpSY5GhKlm5vySD+totXWv+iV3Rvq9iQYKKqd7is=:", document.header.Get("Repr-Digest"))

		other := strings.Replace(path, "digest=", "digest=A", 1)
		require.Equal(t, http.StatusNotFound, s.get(t, other, with("Authorization", "")).status)
		forged, _, _ := strings.Cut(path, "signature=")
		require.Equal(t, http.StatusNotFound, s.get(t, forged+"signature=AAAA", with("Authorization", "")).status)
	})
	t.Run("its deliveries are listed, and one shows its attempts", func(t *testing.T) {
		var delivered answer
		require.Eventually(t, func() bool {
			delivered = s.get(t, "/v1/deliveries?state=delivered&endpointId="+endpoint+"&caseId="+id)
			return len(delivered.at(t, "data").([]any)) == 2
		}, tooLong, poll)
		one := s.get(t, "/v1/deliveries/"+delivered.text(t, "data", 0, "id"), as(s.reader))
		require.Equal(t, "ADD_CASE_ATTACHMENT", one.text(t, "event"))
		require.Equal(t, 2.0, one.at(t, "sequence"))
		require.Equal(t, 200.0, one.at(t, "attempts", 0, "statusCode"))
		require.Equal(t, "thank you", one.text(t, "attempts", 0, "answer"))

		again := s.post(t, "/v1/deliveries/"+one.text(t, "id")+"/retry", "")
		require.Equal(t, http.StatusOK, again.status, again)
		require.Contains(t, string(<-receiver.bodies), "ADD_CASE_ATTACHMENT")
		require.Equal(t, []string{"state: must be one of pending, sending, delivered, failed, canceled"}, s.get(t, "/v1/deliveries?state=lost").faults(t))
	})
}

func TestADocumentIsSavedUnderItsName(t *testing.T) {
	s := newServer(t)
	path := "/v1/cases/" + s.newCase(t) + "/attachments"
	for name, want := range map[string]string{
		"scan.pdf":           `attachment; filename=scan.pdf`,
		`my "scan"\;`:        `attachment; filename="my \"scan\"\\;"`,
		"Überweisung":        `attachment; filename*=utf-8''%C3%9Cberweisung`,
		"photo\u202egpj.exe": `attachment; filename=photo_gpj.exe`,
	} {
		t.Run(name, func(t *testing.T) {
			quoted, err := json.Marshal(name)
			require.NoError(t, err)
			made := s.post(t, path, `{"content":"aGk=","fileName":`+string(quoted)+`}`)
			require.Equal(t, http.StatusCreated, made.status, made)
			document := s.get(t, path+"/"+made.text(t, "id")+"/content")
			require.Equal(t, want, document.header.Get("Content-Disposition"))
			require.Equal(t, "2", document.header.Get("Content-Length"))
			require.Equal(t, "hi", string(document.body))
		})
	}
}
