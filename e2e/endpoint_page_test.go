package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// moody is a partner that answers by a status that can be changed, and by a text that wants to be a page.
type moody struct {
	*httptest.Server
	status atomic.Int64
}

func newMoody(t *testing.T, status int64) *moody {
	t.Helper()
	p := new(moody)
	p.status.Store(status)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(int(p.status.Load()))
		_, _ = io.WriteString(w, "Answer "+patient)
	}))
	t.Cleanup(p.Close)
	return p
}

func TestAnEndpointIsMadeTestedAndLookedAfter(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c, p := client{s.url, adminKey}, newMoody(t, http.StatusOK)
	v := signIn(t, s, adminKey)
	v.click("Endpoints")
	v.sees("There is no endpoint yet")

	v.click("New endpoint")
	v.sees("What this partner sees of a patient")
	v.fill("#url", "ftp://partner.example")
	v.fill("#description", "Partner "+patient)
	v.fill("#rateLimit", "many")
	v.click("Create endpoint")
	v.sees("Must be chosen: nobody is told more because a default said so.")
	v.check()
	require.Contains(t, v.text(), "Must be a whole number from 1 to 10,000.")
	v.fill("#url", p.URL+"/hooks")
	v.fill("#rateLimit", "")
	v.tick(`[name="phi"][value="yes"]`)
	v.tick(`[name="restricted"][value="no"]`)
	v.fill("#headers", "cv-api-key: s3cr3t")
	v.click("Create endpoint")
	v.sees("Copy it now: it is shown this once, and never again.")
	require.Contains(t, v.text(), "whsec_")
	v.check()
	v.click("To the endpoint")
	v.sees("Nothing was sent to it yet")
	require.NotContains(t, v.text(), "whsec_")

	v.click("Send a test")
	v.sees(`Answer Zoë <script>alert(`)
	p.status.Store(http.StatusServiceUnavailable)
	v.click("Send a test")
	v.sees("503 Service Unavailable")
	v.check()
	p.status.Store(http.StatusOK)

	v.click("Edit")
	v.sees("cv-api-key: ***")
	v.tick(`[name="events"][value="some"]`)
	v.tick(`[value="CREATE_CASE"]`)
	v.tick(`[value="ADD_CASE_COMMENT"]`)
	v.click("Save")
	v.sees("It is changed.")
	require.Contains(t, v.text(), "ADD_CASE_COMMENT, CREATE_CASE")

	v.click("Pause")
	v.sees("It is paused")
	c.open(t)
	v.click("Endpoints")
	v.sees("Paused")
	v.sees("Partner Zoë")
	v.check()
	v.tick("th.endpoint a")
	v.click("Resume")
	v.sees("Resumed at")

	v.click("Rotate the secret")
	v.sees("A new secret is made and shown once.")
	v.check()
	v.click("Rotate")
	v.sees("This is the new secret")
	v.click("I have kept it")
	v.sees("Old")
	v.asks("End the old secrets", "1 old secret signs nothing from now on.")
	v.confirms()
	v.sees("The old secrets sign nothing any more.")

	v.asks("Delete", "Delete the endpoint")
	v.check()
	v.confirms()
	v.sees("There is no endpoint yet")
}

func TestWhatIsFilledInDuringAPreviewIsKept(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	c.moody(t)
	c.open(t)
	v := signIn(t, s, adminKey)
	v.click("Endpoints")
	v.do("open the endpoint", chromedp.Click("th.endpoint a", chromedp.NodeVisible))
	v.click("Replay")
	v.sees("1 message")
	v.script(`for (const [id, value] of [["onlyFailed", "yes"], ["since", "2999-01-01T00:00"]]) {
		const field = document.getElementById(id);
		if (field.type === "checkbox") field.checked = true; else field.value = value;
		field.dispatchEvent(new Event("change", { bubbles: true }));
	}`)
	v.do("see that nothing is to be sent", chromedp.WaitVisible(`//strong[text()="Nothing"]`))
	v.do("see the time", chromedp.WaitVisible(`//input[@id="since" and starts-with(@value, "2999-01-01T00:00")]`))
	require.Contains(t, v.path(), "since=2999")
}

func TestALongNameStaysInItsPage(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	made := c.call(t, "POST /v1/endpoints", object{"url": "http://127.0.0.1:9/hooks", "description": strings.Repeat("long", 120), "clearance": object{"phi": true, "restricted": true}})
	v := signIn(t, s, adminKey)
	v.open("/endpoints/" + made.text("id"))
	v.check()
}

func TestAReplayIsPreviewedBegunAndStopped(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c, p := client{s.url, adminKey}, newMoody(t, http.StatusOK)
	first := c.open(t).text("id")
	for range 50 {
		c.call(t, "POST /v1/cases/"+first+"/comments", object{"text": "Text"})
	}
	made := c.call(t, "POST /v1/endpoints", object{"url": p.URL, "description": "Partner", "clearance": object{"phi": true, "restricted": true}})
	v := signIn(t, s, adminKey)
	v.open("/endpoints/" + made.text("id"))
	v.click("Replay")
	v.sees("51 messages")
	v.fill("#caseId", "ADA-00000\t")
	v.sees("Must be the short id of a case")
	v.check()
	v.fill("#caseId", "")
	v.click("Only some events")
	v.tick("#event-CREATE_CASE")
	v.sees("1 message")
	require.Contains(t, v.path(), "event=CREATE_CASE", "the form lives in the address")
	v.click("Replay 1 message")
	v.sees("Progress")
	v.sees("Done") // without anybody doing anything

	p.status.Store(http.StatusServiceUnavailable)
	v.open(fmt.Sprintf("/endpoints/%s/replay", made.text("id")))
	v.click("Last hour")
	v.sees("51 messages")
	v.click("Replay 51 messages")
	v.sees("Running")
	v.check()
	v.asks("Stop", "What it has sent again stays sent")
	v.confirms()
	v.sees("It is stopped")
	v.click("Partner")
	v.sees("Replays")
	v.check()
}
