package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
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

// TestTheAxisOfDurationsHasRoundWords reads what is written beside the chart, which is an image.
func TestTheAxisOfDurationsHasRoundWords(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	c.subscribe(t, startGo(t))
	c.open(t)
	v := signIn(t, s, adminKey)
	v.sees("Messages per minute")
	for _, test := range []struct {
		name        string
		least, most int // milliseconds
		want        []string
	}{
		{"as usual", 12, 40, []string{"10 ms", "100 ms"}},
		{"an incident", 1, 3 * 3600 * 1000, []string{"1 ms", "10 ms", "100 ms", "1 s", "10 s", "1 min", "10 min", "1 h", "1 d"}},
		{"longer than any schedule", 1, 300 * 86400 * 1000, []string{"1 ms", "100 ms", "10 s", "10 min", "1 d", "100 d"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, theme := range []string{"light", "dark"} {
				for _, width := range []int64{1280, 390} {
					v.screen(width, theme)
					written, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](fmt.Sprintf(`(async () => {
						const cells = [...document.querySelectorAll("#points tbody td:nth-child(6), #points tbody td:nth-child(7)")];
						cells.forEach((cell, i) => { cell.innerHTML = '<data value="' + (i %% 2 ? %d : %d) + '"></data>'; });
						const fillText = CanvasRenderingContext2D.prototype.fillText, written = new Set();
						CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
							if (this.canvas.closest("[data-chart=duration]") && !text.includes(":")) written.add(text);
							return fillText.call(this, text, ...at);
						};
						htmx.trigger("#points", "htmx:load");
						await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
						CanvasRenderingContext2D.prototype.fillText = fillText;
						return [...written];
					})()`, test.most, test.least), chromedp.EvalAwaitPromise))
					require.NoError(t, err)
					require.ElementsMatch(t, test.want, written, "%d wide, %s", width, theme)
				}
			}
		})
	}
}
