package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// patient is what a page shows of one only when it is asked to.
const patient = `Zoë <script>alert("Sample")</script>`

// clinic is a server with real traffic: a case that was worked on and sent to a receiver that
// takes it, and to one that does not.
func clinic(t *testing.T) (s *server, c client, caseID string) {
	t.Helper()
	s = serve(t, t.TempDir(), "--dev")
	c = client{s.url, adminKey}
	c.register(t, "nurse", "doctor")
	r := startGo(t)
	c.subscribe(t, r)
	made := c.call(t, "POST /v1/cases", object{
		"type": "migraine", "title": "Headache " + patient,
		"submitter": object{"firstName": patient, "lastName": "Sample", "email": "zoe@mail.example", "dob": "1984-07-12"},
	}, "Casehook-Actor", "nurse")
	caseID = made.text("id")
	path := "/v1/cases/" + caseID
	c.call(t, "POST "+path+"/comments", object{"text": "Text " + patient}, "Casehook-Actor", "doctor")
	c.call(t, "POST "+path+"/assignees", object{"userIds": []string{"doctor"}}, "Casehook-Actor", "nurse")
	c.call(t, "POST "+path+"/attachments", object{"fileName": patient + ".txt", "content": "aGVsbG8="}, "Casehook-Actor", "nurse")
	c.call(t, "POST "+path+"/escalate", nil, "Casehook-Actor", "doctor")
	return s, c, caseID
}

func TestSomebodySignsInAndFindsACase(t *testing.T) {
	s, c, caseID := clinic(t)
	shortID := c.call(t, "GET /v1/cases/"+caseID, nil).text("shortId")

	v := visit(t, s)
	v.open("/cases/" + caseID)
	require.True(t, strings.HasPrefix(v.path(), "/login?next="), v.path())
	v.check()
	v.fill("#key", "chk_wrong")
	v.click("Sign in")
	v.sees("The API key is not known.")
	v.check()
	v.fill("#key", adminKey)
	v.click("Sign in")
	v.sees("Timeline")
	require.Equal(t, "/cases/"+caseID, v.path())

	v.click("Cases")
	v.sees("Show patient data")
	v.check()
	v.press("/")
	v.hasFocus("#q")
	v.fill("#q", "a line of the log, longer than an id has ever been, tells of case "+shortID+"\r")
	v.sees("Timeline")
	require.Equal(t, "/cases/"+caseID, v.path())

	v.click("Sign out")
	v.sees("Sign in to casehook")
	v.open("/cases/" + caseID)
	v.sees("Sign in to casehook")
}

func TestACaseIsReadAndItsPatientShownOnRequest(t *testing.T) {
	s, c, caseID := clinic(t)
	v := signIn(t, s, adminKey)
	v.open("/cases/" + caseID)
	v.sees("Escalated")
	v.check()
	hidden := v.text()
	for _, private := range []string{"Zoë", "mail.example", "1984-07-12"} {
		require.NotContains(t, hidden, private)
	}

	v.click("Show patient data")
	v.sees(`<script>alert(`)
	v.check()
	shown := v.text()
	for _, private := range []string{"Headache " + patient, "Text " + patient, patient + ".txt", "zoe@mail.example", "1984-07-12"} {
		require.Contains(t, shown, private)
	}
	v.click("Hide patient data")
	v.sees("Show patient data")
	require.NotContains(t, v.text(), "Zoë")

	v.click("As of event 1")
	v.sees("as it was after event 1")
	v.check()
	require.Contains(t, string(c.call(t, "GET /v1/audit?operation=revealCase&caseId="+caseID, nil).body), `"status":200`)
}

func TestCasesAreFiltered(t *testing.T) {
	s, _, _ := clinic(t)
	v := signIn(t, s, adminKey)
	v.click("Cases")
	v.choose(`select[name="status"]`, "APPROVED")
	v.sees("No case is like that")
	require.Contains(t, v.path(), "status=APPROVED", "the filter lives in the address")
	v.check()
	v.click("Clear")
	v.sees("Show patient data")
	v.click("Show patient data")
	v.sees("Hide patient data")
	v.check()
	v.open("/cases?since=2026-11-24T10:00&until=2026-11-23T10:00")
	v.sees("Must be later than the other time.")
	v.check()
	v.open("/nothing")
	v.sees("There is nothing here")
	v.check()
}

func TestAKeyIsMadeUsedAndRevoked(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	v := signIn(t, s, adminKey)
	v.click("Keys")
	v.sees("No key is kept")
	v.check()
	v.click("Make a key")
	v.fill("#name", patient)
	v.click("Make the key")
	v.sees("Copy it now.")
	v.check()
	key, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.querySelector(".made [data-copy]").dataset.copy`))
	require.NoError(t, err)

	other := signIn(t, s, key)
	require.NotContains(t, other.text(), "Audit", "a reader sees nothing of it")
	v.click("Keys")
	v.sees("What it did")
	require.NotContains(t, v.text(), key)
	v.click("What it did")
	v.sees("127.0.0.1")
	v.click("Sign in")
	v.sees("Digest")
	v.check()
	v.choose(`select[name="operation"]`, "eraseCase")
	v.sees("No call is like that")
	v.check()
	v.click("Is the record whole?")
	v.sees("casehook verify audit")

	v.click("Keys")
	v.asks("Revoke", "Whatever uses it is refused from now on")
	fits, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`(() => { const asked = document.querySelector("dialog[open]"); return asked.scrollWidth <= asked.clientWidth; })()`))
	require.NoError(t, err)
	require.True(t, fits, "all of the question is seen")
	v.check()
	v.confirms()
	v.sees("The key is revoked.")
	v.check()
	other.open("/cases")
	other.sees("The API key has expired or was revoked.")
}

func TestAUserIsRegisteredAndChanged(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	v := signIn(t, s, adminKey)
	v.click("Users")
	v.sees("Nobody is registered yet")
	v.click("Register a user")
	v.fill("#id", "nurse/7")
	v.fill("#firstName", "<b>Nora</b>")
	v.fill("#lastName", "Quinn")
	v.fill("#email", "nora@clinic")
	v.check()
	v.click("Register")
	v.sees("The user is kept.")
	v.check()
	v.click("Edit <b>Nora</b> Quinn")
	v.fill("#role", "nurse")
	v.check()
	v.click("Save")
	v.sees("nurse")
}

func TestSomebodyWatchesWhatHappens(t *testing.T) {
	s, c, caseID := clinic(t)
	shortID := c.call(t, "GET /v1/cases/"+caseID, nil).text("shortId")
	v := signIn(t, s, adminKey)
	v.click("Live")
	v.sees("Watching")
	v.happens("Document added")
	v.check()
	v.click("Pause")
	v.sees("Paused")
	c.call(t, "POST /v1/cases/"+caseID+"/deescalate", nil, "Casehook-Actor", "doctor")
	v.sees("new")
	v.check()
	require.Zero(t, v.happened("No longer escalated"))
	v.click("Go on")
	v.happens("No longer escalated")
	v.check()
	require.NotContains(t, v.text(), "Zoë")

	v.choose(`select[name="event"]`, "REOPEN_CASE")
	v.sees("Nothing like that has happened of late")
	v.sees("Watching")
	v.check()
	c.call(t, "POST /v1/cases/"+caseID+"/archive", object{"archiveReason": "done"}, "Casehook-Actor", "doctor")
	c.call(t, "POST /v1/cases/"+caseID+"/reopen", nil, "Casehook-Actor", "doctor")
	v.happens("Reopened")
	require.Zero(t, v.happened("Archived"))
	v.do("click the case", chromedp.Click("//tbody//a[text()="+quoted(shortID)+"]", chromedp.NodeVisible))
	v.sees("Timeline")
}

func TestAPageThatWatchesOutlivesARestart(t *testing.T) {
	data := t.TempDir()
	s := serve(t, data, "--dev")
	v := signIn(t, s, adminKey)
	v.click("Live")
	v.sees("Nothing has happened yet")
	v.sees("Watching")
	v.check()
	require.Zero(t, s.terminate(t), "nobody waits for who watches")
	v.sees("trying again")
	c := client{serve(t, data, "--dev", "--listen", s.address()).url, adminKey}
	c.call(t, "POST /v1/cases", object{"type": "migraine", "title": "A", "submitter": object{"firstName": "A", "lastName": "B", "email": "a@mail.example"}})
	v.happens("Case opened")
}

func TestWhatIsToldLateIsShownWhereItBelongs(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	c.moody(t)
	caseID := c.open(t).text("id")
	v := signIn(t, s, adminKey)
	v.click("Live")
	v.sees("Failing")
	for range 50 { // as many as the page begins with
		c.call(t, "POST /v1/cases/"+caseID+"/payments", object{"description": "Visit", "amount": 1})
	}
	v.open("/live")
	v.sees("Failing")
	inOrder, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`(() => {
		const times = [...document.querySelectorAll("tbody time")].map((time) => time.dateTime);
		return times.length > 50 && times.every((time, i) => i === 0 || time <= times[i-1]);
	})()`))
	require.NoError(t, err)
	require.True(t, inOrder, "the latest is first")
}

// happens waits for a line of what happens.
func (v *visitor) happens(what string) {
	v.t.Helper()
	v.do("see that it happens: "+what, chromedp.WaitVisible("//tbody//a[text()="+quoted(what)+"]"))
}

// happened counts its lines.
func (v *visitor) happened(what string) int64 {
	v.t.Helper()
	n, err := chromedp.Run(v.ctx, chromedp.Evaluate[int64](`[...document.querySelectorAll("tbody a")].filter((a) => a.textContent === `+quoted(what)+`).length`))
	require.NoError(v.t, err)
	return n
}
