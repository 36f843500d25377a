package e2e_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// focus is where the keyboard is: on what, "" for nothing in the page, and how it looks there.
type focus struct {
	On          string  `json:"on"`
	IsSkip      bool    `json:"isSkip"`
	IsInSight   bool    `json:"isInSight"`
	IsMarked    bool    `json:"isMarked"`
	IsInSide    bool    `json:"isInSide"` // where the navigation is
	Top, Bottom float64 // in pixels
}

const findFocus = `(() => {
	const one = document.activeElement;
	if (!one || one === document.body) return {on: ""};
	const {top, bottom, left, right} = one.getBoundingClientRect(), style = getComputedStyle(one);
	return {
		on: one.outerHTML.slice(0, 200), isSkip: one.matches(".skip"), isInSide: one.closest(".side") !== null, Top: top, Bottom: bottom,
		isInSight: bottom > top && right > left && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
		isMarked: one.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
	};
})()`

// tab goes on by one, and returns where it came to.
func (v *visitor) tab() focus {
	v.t.Helper()
	v.press("\t")
	at, err := chromedp.Run(v.ctx, chromedp.Evaluate[focus](findFocus))
	require.NoError(v.t, err)
	return at
}

func TestPagesAreUsedByTheKeyboard(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	endpoint := c.call(t, "POST /v1/endpoints", object{"url": "http://127.0.0.1:9/", "clearance": object{"phi": true, "restricted": true}}).text("id")
	c.open(t)
	v := signIn(t, s, adminKey)
	v.open("/deliveries")
	v.do("open the delivery", chromedp.Click("tbody th a", chromedp.NodeVisible))
	v.sees("Show patient data")
	delivery := v.path()
	for _, width := range []int64{1280, 390} {
		v.screen(width, "light")
		for _, path := range []string{"/", "/deliveries", delivery, "/endpoints/" + endpoint + "/edit"} {
			v.open(path)
			v.script(`scrollTo(0, 0)`)
			before := v.tab()
			require.True(t, before.IsSkip, "%s, %d wide: first is %s", path, width, before.On)
			require.True(t, before.IsInSight, path)
			stops := 1
			for at := v.tab(); at.On != "" && !at.IsSkip; at = v.tab() {
				require.True(t, at.IsInSight, "%s, %d wide: out of sight: %s", path, width, at.On)
				require.True(t, at.IsMarked, "%s, %d wide: the focus is not seen: %s", path, width, at.On)
				if at.IsInSide && before.IsInSide {
					require.Greater(t, at.Bottom, before.Top, "%s, %d wide: it leads up: %s", path, width, at.On)
				}
				before = at
				stops++
			}
			require.Greater(t, stops, 15, "%s, %d wide: all of the page is reached", path, width)
		}
	}
	v.screen(1280, "light")

	v.open("/deliveries")
	v.tab()
	v.press("\r")
	v.hasFocus("#main")
	v.press("/")
	v.hasFocus("#q")

	v.open("/endpoints/" + endpoint)
	v.asks("Delete", "This cannot be undone.")
	v.press("\x1b")
	v.do("see that nothing is asked any more", chromedp.WaitNotPresent("dialog[open]"))
	v.hasFocus("a[data-ask]")
}
