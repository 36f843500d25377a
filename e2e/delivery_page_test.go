package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// moody is an endpoint that answers 503 with whatever it was sent, until it is mended.
func (c client) moody(t *testing.T) (mend func()) {
	t.Helper()
	var mended atomic.Bool
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // the server was stopped while it sent
		}
		if !mended.Load() {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write(append([]byte(patient+"\x00"), body...))
	}))
	t.Cleanup(r.Close)
	c.call(t, "POST /v1/endpoints", object{
		"url": r.URL + "/hooks", "clearance": object{"phi": true, "restricted": true}, "headers": object{"x-key": "secret"},
	})
	return func() { mended.Store(true) }
}

func TestWhoNeverGotItIsAnsweredInAMinute(t *testing.T) {
	s, c, caseID := clinic(t)
	mend := c.moody(t)
	shortID := c.call(t, "GET /v1/cases/"+caseID, nil).text("shortId")
	eventID := c.call(t, "POST /v1/cases/"+caseID+"/comments", object{"text": "Text " + patient}).header.Get("Casehook-Event-Id")
	c.call(t, "POST /v1/cases/"+caseID+"/deescalate", nil)

	v := signIn(t, s, adminKey)
	v.press("/")
	v.fill("#q", shortID+"\r")
	v.sees("Timeline")
	v.click("Deliveries")
	v.sees("No longer escalated")
	v.press("/")
	v.fill("#q", eventID+"\r")
	v.sees("The case as of it")
	v.choose(`select[name="state"]`, "pending")
	v.sees("503")
	require.Contains(t, v.path(), "eventId="+eventID, "the filter lives in the address")
	v.check()

	v.click("Comment added")
	v.sees("Next attempt in 59 min")
	v.sees("503 Service Unavailable")
	v.check()
	require.NotContains(t, v.text(), "Zoë")
	v.click("Show patient data")
	v.sees("as of attempt 1")
	v.sees(`Text Zoë <script>alert(`)
	v.sees("Copy as curl")
	v.check()
	v.click("Hide patient data")

	mend()
	v.click("Retry now")
	v.sees("The endpoint took it at attempt 2") // without anybody doing anything
	v.asks("Send again", "under the same webhook-id")
	v.check()
	v.press("\x1b")
	v.click("Replay the case")
	v.sees("Preview")
	require.Contains(t, v.path(), "caseId="+shortID)
}

func TestADeliveryThatWaitsBehindAnotherIsGivenUp(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	c.moody(t)
	caseID := c.open(t).text("id")
	c.call(t, "POST /v1/cases/"+caseID+"/escalate", nil)

	v := signIn(t, s, adminKey)
	v.click("Deliveries")
	v.click("Escalated")
	v.sees("It waits behind 1 earlier event of the case")
	v.click("What it waits for: Case opened")
	v.sees("It is number")
	v.asks("Cancel delivery", "a hole in casehook-sequence")
	v.confirms()
	v.sees("It was given up by the key “Administrator”")
	v.check()
}
