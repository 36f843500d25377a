package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARequestWithAKeyHappensOnce(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	receiver := newReceiver(t)
	endpoint := s.newEndpoint(t, receiver.URL, "")
	for _, test := range []struct {
		name string
		path string
		body string
	}{
		{"creating a case", "/v1/cases", caseBody},
		{"commenting, with signs that JSON could escape", "/v1/cases/" + id + "/comments", `{"text":"<a> & \u2028 é"}`},
		{"deciding, which makes two events", "/v1/cases/" + id + "/decisions", `{"isApproved":true}`},
		{"answering a form", "/v1/cases/" + id + "/form-responses", `{"form":{"name":"f"},"responses":[{"question":{"index":0,"type":"t","text":"q"},"text":"a"}]}`},
		{"a change without a body", "/v1/cases/" + id + "/escalate", ``},
		{"making an endpoint", "/v1/endpoints", `{"url":"` + receiver.URL + `","clearance":{"phi":true,"restricted":false}}`},
		{"rotating a secret", "/v1/endpoints/" + endpoint + "/rotate-secret", ``},
		{"pausing an endpoint", "/v1/endpoints/" + endpoint + "/pause", ``},
		{"testing an endpoint", "/v1/endpoints/" + endpoint + "/test", ``},
		{"making a key", "/v1/api-keys", `{"name":"k","role":"reader"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := with("Idempotency-Key", "key-"+strings.ReplaceAll(test.name, " ", "-"))
			first := s.post(t, test.path, test.body, key)
			require.Less(t, first.status, 300, first)
			require.Empty(t, first.header.Get("Idempotent-Replayed"))

			again := s.post(t, test.path, test.body, key)
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
			require.Equal(t, first.status, again.status)
			require.Equal(t, string(first.body), string(again.body))
			for _, name := range []string{"Casehook-Event-Id", "Location", "Content-Type"} {
				require.Equal(t, first.header.Get(name), again.header.Get(name), name)
			}

			other := s.post(t, test.path, test.body+" ", key)
			if test.body == "" {
				other = s.post(t, test.path, "{}", key)
			}
			require.Equal(t, http.StatusUnprocessableEntity, other.status, other)
			require.Equal(t, []string{"Idempotency-Key: must not have been used for another request"}, other.faults(t))
		})
	}
	require.Equal(t, "CHANGE_CASE_STATUS", s.get(t, "/v1/cases/"+id).text(t, "activity", 3, "type"))
	require.Len(t, s.get(t, "/v1/cases/"+id).at(t, "activity"), 6)
}

func TestAKeyIsForOnePath(t *testing.T) {
	s := newServer(t)
	id, key := s.newCase(t), with("Idempotency-Key", "one")
	require.Equal(t, http.StatusOK, s.post(t, "/v1/cases/"+id+"/escalate", "", key).status)
	require.Equal(t, http.StatusUnprocessableEntity, s.post(t, "/v1/cases/"+id+"/deescalate", "", key).status)
}

func TestARefusalIsNotKept(t *testing.T) {
	s := newServer(t)
	id, key := s.newCase(t), with("Idempotency-Key", "one")
	require.Equal(t, http.StatusConflict, s.post(t, "/v1/cases/"+id+"/deescalate", "", key).status)
	require.Equal(t, http.StatusOK, s.post(t, "/v1/cases/"+id+"/escalate", "").status)
	require.Equal(t, http.StatusOK, s.post(t, "/v1/cases/"+id+"/deescalate", "", key).status)
}

func TestAnIdempotencyKeyIsVisible(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	const visible = "Idempotency-Key: must be 1 to 255 visible ASCII characters"
	for _, test := range []struct {
		name string
		keys []string
		want string
	}{
		{"empty", []string{""}, visible},
		{"with a space", []string{"a b"}, visible},
		{"not ASCII", []string{"é"}, visible},
		{"too long", []string{strings.Repeat("a", 256)}, visible},
		{"given twice", []string{"a", "b"}, "Idempotency-Key: must be given once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused := s.post(t, "/v1/cases/"+id+"/escalate", "", func(r *http.Request) { r.Header["Idempotency-Key"] = test.keys })
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
			require.Equal(t, []string{test.want}, refused.faults(t))
		})
	}
}
