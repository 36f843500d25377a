package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// refuser is an endpoint, with a description, at which everything is answered by a status.
func (c client) refuser(t *testing.T, status int, description string) (id string) {
	t.Helper()
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(r.Close)
	return c.call(t, "POST /v1/endpoints", object{
		"url": r.URL + "/hooks", "description": description, "clearance": object{"phi": true, "restricted": true},
	}).text("id")
}

// comesBack has the window of the page be looked at again.
func (v *visitor) comesBack() {
	v.t.Helper()
	v.script(`window.dispatchEvent(new Event("focus"))`)
}

func TestHomeLeadsFromNothingToWhatIsWrong(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	v := signIn(t, s, adminKey)
	v.sees("Welcome to casehook")
	v.click("Create an endpoint")
	v.sees("What it may be told")
	require.Equal(t, "/endpoints/new", v.path())

	v.open("/")
	r := startGo(t)
	c.subscribe(t, r)
	v.comesBack()
	v.sees("Test the endpoint")
	v.check()
	c.open(t)
	v.comesBack()
	v.sees("All is well")
	v.sees("Messages per minute")
	v.check()

	v.click("The figures as a table")
	v.script(`document.querySelector("#traffic .scroll").focus()`)
	const partner = "Partner <script>alert(1)</script>"
	sick := c.refuser(t, http.StatusServiceUnavailable, partner)
	c.open(t)
	v.comesBack()
	v.sees("Needs attention")
	v.sees(partner)
	v.sees("503 Service Unavailable")
	v.hasFocus("#traffic details[open] .scroll")
	v.check()

	v.click("Day")
	v.sees("Messages per 15 minutes")
	require.Contains(t, v.path(), "span=day")
	v.check()

	v.click(partner)
	v.sees("Pause")
	require.Equal(t, "/endpoints/"+sick, v.path())
	v.open("/")
	v.click("1 waiting")
	v.sees("Case opened")
	require.Equal(t, "/deliveries?endpointId="+sick+"&state=pending", v.path())
}
