package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestACaseThatWasErasedIsAnsweredAsIfItHadNeverBeen(t *testing.T) {
	s := newServer(t)
	kept, id := s.newCase(t), s.newCase(t)
	path := "/v1/cases/" + id
	attached := s.post(t, path+"/attachments", `{"fileName":"a.txt","content":"aGVsbG8="}`)
	require.Equal(t, http.StatusCreated, attached.status, attached)
	attachment := attached.text(t, "id")
	require.Equal(t, http.StatusForbidden, s.do(t, http.MethodDelete, path, nil, as(s.writer)).status, "only an admin may")

	erased := s.do(t, http.MethodDelete, path, nil)
	require.Equal(t, http.StatusNoContent, erased.status, erased)
	require.Empty(t, erased.body)

	unknown := "0190a6e1-0000-7000-8000-000000000000"
	for _, call := range []struct{ method, path, body string }{
		{"GET", "", ""},
		{"GET", "?at=1", ""},
		{"GET", "/events", ""},
		{"GET", "/attachments/" + attachment + "/content", ""},
		{"DELETE", "/attachments/" + attachment, ""},
		{"POST", "/comments", `{"text":"Hello"}`},
		{"POST", "/attachments", `{"fileName":"a.txt","content":"aGVsbG8="}`},
		{"POST", "/status", `{"status":"IN_PROGRESS"}`},
		{"POST", "/reopen", ""},
		{"DELETE", "", ""},
	} {
		ask := func(id string) answer {
			if call.body == "" {
				return s.do(t, call.method, "/v1/cases/"+id+call.path, nil)
			}
			return s.do(t, call.method, "/v1/cases/"+id+call.path, strings.NewReader(call.body))
		}
		got, want := ask(id), ask(unknown)
		require.Equal(t, http.StatusNotFound, got.status, call.method+call.path)
		require.Equal(t, want.text(t, "detail"), got.text(t, "detail"), "the same as of a case that never was")
	}
	listed := s.get(t, "/v1/cases")
	require.Len(t, listed.at(t, "data"), 1)
	require.Equal(t, kept, listed.text(t, "data", 0, "id"))

	erasures := s.get(t, "/v1/erasures")
	require.Equal(t, http.StatusOK, erasures.status, erasures)
	require.Len(t, erasures.at(t, "data"), 1)
	require.Equal(t, id, erasures.text(t, "data", 0, "caseId"))
	require.Equal(t, "environment", erasures.text(t, "data", 0, "keyId"))
	require.NotNil(t, erasures.at(t, "data", 0, "finishedAt"))
	require.Equal(t, http.StatusForbidden, s.get(t, "/v1/erasures", as(s.reader)).status)
}

func TestAnAdminIsGivenTheAccountOfACaseThatWasErased(t *testing.T) {
	s, receiver := newServer(t), newReceiver(t)
	endpoint := s.newEndpoint(t, receiver.URL+"/hooks", "")
	id := s.newCase(t)
	path := "/v1/cases/" + id
	<-receiver.bodies
	var before answer
	require.Eventually(t, func() bool {
		before = s.get(t, path+"/receipts")
		return len(before.at(t, "data").([]any)) == 1
	}, tooLong, poll)
	require.Equal(t, http.StatusNoContent, s.do(t, http.MethodDelete, path, nil).status)

	require.Equal(t, before.at(t), s.get(t, path+"/receipts").at(t))
	for _, key := range []string{s.writer, s.reader} {
		require.Equal(t, http.StatusNotFound, s.get(t, path+"/receipts", as(key)).status)
	}
	require.Equal(t, http.StatusNotFound, s.get(t, "/v1/cases/0190a6e1-0000-7000-8000-000000000000/receipts").status, "it never was")

	listed := s.get(t, "/v1/deliveries?caseId="+id)
	require.Equal(t, endpoint, listed.text(t, "data", 0, "endpointId"))
	one := s.get(t, "/v1/deliveries/"+listed.text(t, "data", 0, "id"))
	require.Equal(t, http.StatusOK, one.status, one)
	require.Equal(t, "delivered", one.text(t, "state"))
	require.Equal(t, 1.0, one.at(t, "tries"))
	require.Empty(t, one.at(t, "attempts"), "what was answered is erased")
	require.Equal(t, http.StatusNotFound, s.post(t, "/v1/deliveries/"+one.text(t, "id")+"/retry", "").status)
	require.Equal(t, http.StatusConflict, s.post(t, "/v1/deliveries/"+one.text(t, "id")+"/cancel", "").status, "it is finished")
}
