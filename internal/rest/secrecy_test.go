package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is looked for where it must not be.
const (
	canary       = "CANARY-7731"
	canaryNumber = 773177.3177
)

// TestNothingThatWasSentIsRepeated sends values of all kinds in all places of all
// calls. What is refused must not repeat them, and what is logged neither.
func TestNothingThatWasSentIsRepeated(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	values := []any{canary, canaryNumber, []any{canary}, map[string]any{"a": canary}, "2026-" + canary, true, nil, canary + "@example.com"}
	for path, operations := range s.paths {
		for method, call := range operations {
			t.Run(call.OperationID, func(t *testing.T) {
				refuses := func(path, body string, how ...asked) {
					got := s.do(t, strings.ToUpper(method), path, strings.NewReader(body), how...)
					if got.status >= 400 {
						requireNoCanary(t, got.String())
					}
				}
				nowhere := pathParameter.ReplaceAllString(path, canary)
				real := pathParameter.ReplaceAllString(strings.Replace(path, "{id}", id, 1), canary)
				refuses(nowhere, "")
				refuses(nowhere, `{"a":"`+canary)
				refuses(nowhere, `"`+canary+`"`)
				refuses(nowhere, "{}", with("Idempotency-Key", canary+" "+canary))
				refuses(nowhere, "{}", with("Casehook-Actor", canary))
				refuses(nowhere, "{}", as(canary))
				for _, parameter := range call.Parameters {
					if parameter.In == "query" {
						refuses(real+"?"+parameter.Name+"="+canary, "")
					}
				}
				if call.RequestBody == nil {
					return
				}
				for _, value := range values {
					body, err := json.Marshal(s.filled(t, call.RequestBody.Content["application/json"].Schema, value))
					require.NoError(t, err)
					refuses(real, string(body))
				}
			})
		}
	}
	requireNoCanary(t, s.log.String())
	for _, line := range s.metrics.all() {
		requireNoCanary(t, line)
	}
}

func requireNoCanary(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, text, "CANARY")
	require.NotContains(t, text, "773177")
	require.NotContains(t, text, "7.731773177e+05")
}

// filled returns what a schema describes, with value in place of all its scalars.
func (s *server) filled(t *testing.T, of schema, value any) any {
	t.Helper()
	if name, ok := strings.CutPrefix(of.Ref, "#/components/schemas/"); ok {
		of = s.schemas[name]
	}
	switch {
	case of.Items != nil:
		return []any{s.filled(t, *of.Items, value), s.filled(t, *of.Items, value)}
	case len(of.Properties) == 0:
		return value
	}
	object := map[string]any{}
	for name, property := range of.Properties {
		object[name] = s.filled(t, property, value)
	}
	return object
}

func TestALogLineIsWrittenForEachRequest(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	answer := s.get(t, "/v1/cases/"+id+"?at=1")
	require.Equal(t, http.StatusOK, answer.status)

	request := answer.header.Get("Casehook-Request-Id")
	require.Regexp(t, `level=INFO msg=request method=GET route=/v1/cases/\{id\} status=200 ms=[0-9.]+ request=`+request, s.log.String())
	require.Contains(t, s.metrics.all(), "GET /v1/cases/{id} 200")
	require.NotContains(t, s.log.String(), id)

	require.Equal(t, http.StatusMethodNotAllowed, s.do(t, "CANARY", "/v1/cases", nil).status)
	require.Equal(t, http.StatusNotFound, s.get(t, "/CANARY").status)
	require.Contains(t, s.metrics.all(), "other  405")
	requireNoCanary(t, s.log.String())
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	s := newServer(t)
	for _, path := range []string{"/v1/cases", "/v1/nothing", "/openapi.json", "/asyncapi.json", "/schemas/", "/schemas/case.json", "/healthz", "/readyz", "/metrics"} {
		t.Run(path, func(t *testing.T) {
			header := s.get(t, path).header
			require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			require.Equal(t, "default-src 'none'; frame-ancestors 'none'", header.Get("Content-Security-Policy"))
			require.NotEmpty(t, header.Get("Casehook-Request-Id"))
		})
	}
}

func TestAnAnswerIsInJSONWhateverIsAskedFor(t *testing.T) {
	s := newServer(t)
	for _, accept := range []string{"", "*/*", "json", "text/html", "application/cbor", "application/problem+json"} {
		t.Run(accept, func(t *testing.T) {
			require.Equal(t, "application/json", s.get(t, "/v1/cases", with("Accept", accept)).header.Get("Content-Type"))
			require.Equal(t, "application/problem+json", s.get(t, "/v1/cases/nothing", with("Accept", accept)).header.Get("Content-Type"))
		})
	}
}

func TestTheOperatorsTools(t *testing.T) {
	s := newServer(t)
	for path, want := range map[string]string{
		"/healthz": "{\"status\":\"ok\"}\n",
		"/readyz":  "{\"status\":\"ok\"}\n",
		"/metrics": "casehook_up 1\n",
	} {
		t.Run(path, func(t *testing.T) {
			got := s.get(t, path, with("Authorization", ""))
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, want, string(got.body))
		})
	}
	t.Run("what fails on this side is told by no more than where the log has it", func(t *testing.T) {
		require.Equal(t, http.StatusOK, s.do(t, http.MethodPut, "/v1/users/nora", strings.NewReader(userBody)).status)
		s.exec(t, `UPDATE users SET profile = zeroblob(64)`)
		failed := s.get(t, "/v1/users")
		require.Equal(t, http.StatusInternalServerError, failed.status, failed)
		request := failed.header.Get("Casehook-Request-Id")
		require.Equal(t, "this failed here, through no fault of the request; the operator's log has it as "+request, failed.detail(t))
		require.Regexp(t, `level=ERROR msg="request failed" route=/v1/users request=`+request+` error=`, s.log.String())
	})
	t.Run("not ready where nothing can be recorded", func(t *testing.T) {
		require.NoError(t, s.db.Close())
		require.Equal(t, http.StatusServiceUnavailable, s.get(t, "/readyz").status)
		require.Equal(t, http.StatusOK, s.get(t, "/healthz").status)
	})
}
