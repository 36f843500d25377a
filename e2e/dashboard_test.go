package e2e_test

import (
	"strings"
	"testing"

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
	v.fill("#q", shortID+"\r")
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
	v.choose(`select[name="status"]`, "APPROVED")
	v.sees("No case is like that")
	require.Contains(t, v.path(), "status=APPROVED", "the filter lives in the address")
	v.check()
	v.click("Clear")
	v.sees("Show patient data")
	v.click("Show patient data")
	v.sees("Hide patient data")
	v.check()
	v.open("/nothing")
	v.sees("There is nothing here")
	v.check()
}
