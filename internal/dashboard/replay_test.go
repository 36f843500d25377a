package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func TestAReplayIsPreviewedAndBegunAsItIsFilledIn(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	first := s.open(t, "mark")
	s.open(t, "mark")
	e := s.receiver(t, http.StatusOK, "Replayed")
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	path := "/endpoints/" + e.ID + "/replay"
	for query, want := range map[string]string{
		"":                                     "4 messages",
		"?caseId=" + first.ShortID:             "2 messages",
		"?caseId=" + first.ID:                  "2 messages",
		"?event=CREATE_CASE&event=ADD_PAYMENT": "Not done yet: look at what is marked.",
		"?event=CREATE_CASE":                   "2 messages",
		"?until=2020-01-01T00:00":              "Nothing",
		"?since=2020-01-01T00:00":              "4 messages",
		"?onlyFailed=yes":                      "Nothing",
		"?caseId=" + strings.ToLower(first.ShortID) + "&event=ADD_CASE_COMMENT": "1 message<",
	} {
		require.Contains(t, b.get(t, path+query).body, want, query)
	}
	require.Contains(t, b.get(t, path).body, "A replay waits for that.", "it is paused")
	for field, query := range map[string]string{
		"events": "event=ADD_PAYMENT", "since": "since=soon", "until": "since=2026-01-02T00:00&until=2026-01-01T00:00", "caseId": "caseId=ADA-00000",
	} {
		shown := b.get(t, path+"?"+query)
		require.Equal(t, http.StatusUnprocessableEntity, shown.status)
		require.Contains(t, shown.body, `id="`+field+`-wrong"`)
		require.Regexp(t, `autofocus><p>Not done yet: look at what is marked.</p>\s*<ul><li><a href="#`+field+`">`, shown.body)
		require.NotContains(t, b.get(t, path+"?"+query, "HX-Request", "true").body, "autofocus", "nobody is called away while they fill it in")
		form, err := url.ParseQuery(query)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnprocessableEntity, b.post(t, path, form).status)
	}

	begun := b.post(t, path, url.Values{"caseId": {first.ShortID}, "event": {"ADD_CASE_COMMENT"}, "since": {"2020-01-01T00:00"}})
	replays, _, err := s.service.Replays(t.Context(), s.admin, e.ID, service.Page{})
	require.NoError(t, err)
	require.Len(t, replays, 1)
	replay := replays[0]
	require.Equal(t, "/endpoints/"+e.ID+"/replays/"+replay.ID, begun.header.Get("Location"))
	require.Equal(t, first.ID, replay.CaseID)
	require.Equal(t, "2020-01-01T00:00:00Z", replay.Since.Format(time.RFC3339))
	require.Contains(t, b.get(t, path).body, "A replay of this endpoint runs already")
	require.Equal(t, http.StatusConflict, b.post(t, path, nil).status)

	_, err = s.service.ResumeEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return strings.Contains(b.get(t, begun.header.Get("Location")+"/progress").body, "Done")
	}, 10*time.Second, 10*time.Millisecond)
	require.Contains(t, b.get(t, "/endpoints/"+e.ID).body, replay.ID)
	require.ElementsMatch(t, []int{409, 303, 422, 422, 422, 422}, s.audited(t, "replay"))
}

func TestAPreviewSaysWhatWaitsAlready(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	e := s.receiver(t, http.StatusOK, "Replayed")
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	path := "/endpoints/" + e.ID + "/replay"
	require.NotContains(t, b.get(t, path).body, "Waiting for the endpoint already")
	s.open(t, "mark")
	preview := b.get(t, path).body
	require.Contains(t, preview, "Waiting for the endpoint already: 2 messages. A replay sends none of those")
	require.Contains(t, preview, "Replay 2 messages</button>")
}

func TestAReplayIsStopped(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	s.open(t, "mark")
	e, other := s.receiver(t, http.StatusOK, "Replayed"), s.receiver(t, http.StatusOK, "Another")
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	path := b.post(t, "/endpoints/"+e.ID+"/replay", nil).header.Get("Location")
	page := b.get(t, path).body
	require.Contains(t, page, "Running")
	require.Contains(t, page, path+"/stop")
	id := path[strings.LastIndex(path, "/")+1:]
	require.Equal(t, http.StatusNotFound, b.get(t, "/endpoints/"+other.ID+"/replays/"+id).status)
	require.Equal(t, http.StatusNotFound, b.post(t, "/endpoints/"+other.ID+"/replays/"+id+"/stop", nil).status)

	reader := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{}).Secret)
	require.NotContains(t, reader.get(t, path).body, path+"/stop")
	require.Equal(t, http.StatusForbidden, reader.post(t, path+"/stop", nil).status)

	require.Equal(t, path, b.post(t, path+"/stop", nil).header.Get("Location"))
	replay, err := s.service.ReplayOf(t.Context(), s.admin, id)
	require.NoError(t, err)
	require.Equal(t, store.ReplayStopped, replay.State)
	stopped := b.get(t, path).body
	require.Contains(t, stopped, "Stopped")
	require.NotContains(t, stopped, "hx-trigger", "it asks no more")
	require.Equal(t, http.StatusConflict, b.post(t, path+"/stop", nil).status)
}
