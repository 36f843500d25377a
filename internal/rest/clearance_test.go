package rest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAKeyIsToldWhatItIsClearedFor asks each call that shows something of a case.
func TestAKeyIsToldWhatItIsClearedFor(t *testing.T) {
	s := newServer(t)
	made := s.post(t, "/v1/cases", `{"type":"rash","title":"marker-title","submitter":{"firstName":"Marker","lastName":"Patient","email":"marker@mail.example"}}`)
	require.Equal(t, http.StatusCreated, made.status, made)
	path := "/v1/cases/" + made.text(t, "id")
	add := func(call, body string) string {
		t.Helper()
		got := s.post(t, path+call, body)
		require.Equal(t, http.StatusCreated, got.status, got)
		return got.text(t, "id")
	}
	add("/comments", `{"text":"marker-restricted","isRestricted":true}`)
	phi := add("/attachments", `{"fileName":"marker.pdf","content":"bWFya2Vy","isPHI":true}`)
	restricted := add("/attachments", `{"fileName":"marker.png","content":"bWFya2Vy","isRestricted":true}`)

	key := func(clearance string) asked {
		t.Helper()
		got := s.post(t, "/v1/api-keys", `{"name":"partner","role":"writer"`+clearance+`}`)
		require.Equal(t, http.StatusCreated, got.status, got)
		return as(got.text(t, "key"))
	}
	none := key(`,"clearance":{"phi":false,"restricted":false}`)
	for _, call := range []string{"/v1/cases", path, path + "?at=2", path + "/events", "/v1/events"} {
		got := s.get(t, call, none)
		require.Equal(t, http.StatusOK, got.status, got)
		require.NotContains(t, string(got.body), "arker", call)
		require.Contains(t, string(s.get(t, call).body), "arker", call)
	}
	changed := s.post(t, path+"/escalate", "", none, with("Idempotency-Key", "escalate"))
	require.Equal(t, http.StatusOK, changed.status, changed)
	require.NotContains(t, string(changed.body), "arker")
	require.Equal(t, http.StatusUnprocessableEntity, s.post(t, path+"/escalate", "", with("Idempotency-Key", "escalate")).status,
		"an answer is not given to who is cleared for something else")

	require.Equal(t, http.StatusForbidden, s.get(t, path+"/attachments/"+phi+"/content", none).status)
	require.Equal(t, http.StatusNotFound, s.get(t, path+"/attachments/"+restricted+"/content", none).status)
	require.Equal(t, http.StatusOK, s.get(t, path+"/attachments/"+phi+"/content", key("")).status)

	refused := s.post(t, "/v1/api-keys", `{"name":"chief","role":"admin","clearance":{"phi":false,"restricted":true}}`)
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Equal(t, "clearance", refused.text(t, "errors", 0, "field"))
}
