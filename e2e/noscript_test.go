package e2e_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// withoutScripts has the pages that are opened from now on run none.
func (v *visitor) withoutScripts() {
	v.t.Helper()
	_, err := chromedp.Call(v.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(v.t, err)
}

func TestWithoutAScriptThereIsNothingThatDoesNothing(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	made := client{s.url, adminKey}.call(t, "POST /v1/endpoints",
		object{"url": newMoody(t, http.StatusOK).URL, "description": "Partner", "clearance": object{"phi": true, "restricted": true}})
	v := signIn(t, s, adminKey)
	v.open("/endpoints/" + made.text("id"))
	require.Contains(t, v.text(), "Copy")
	v.open("/endpoints/" + made.text("id") + "/delete")
	v.sees("Delete the endpoint “Partner”?")
	v.check()

	v.withoutScripts()
	v.open("/endpoints/" + made.text("id"))
	for _, button := range []string{"Copy", "Light or dark"} {
		require.NotContains(t, v.text(), button)
	}
	v.open("/live")
	v.sees("Live needs JavaScript")
	require.NotContains(t, v.text(), "Not watching yet")
	require.NotContains(t, v.text(), "Leave this page open")
	v.click("Deliveries")
	v.sees("Nothing was sent yet")

	v.open("/endpoints/" + made.text("id"))
	v.click("Delete")
	v.sees("Delete the endpoint “Partner”?")
	v.click("Keep it")
	v.sees("Settings")
	v.click("Delete")
	v.sees("Nothing waits for it.")
	v.click("Delete")
	v.sees("There is no endpoint yet")
}
