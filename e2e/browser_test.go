package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/npmtest"
)

// chromium is the browser of all tests: started by the first that visits, ended by TestMain.
var chromium struct {
	once  sync.Once
	ctx   context.Context
	end   func()
	err   error
	axe   string // the source of axe-core
	where string // its profile
}

func startChromium() {
	c := &chromium
	path, err := exec.LookPath("chromium")
	if err != nil {
		c.err = fmt.Errorf("%w: install it (Debian: apt-get install chromium)", err)
		return
	}
	if c.axe, c.err = axe(); c.err != nil {
		return
	}
	if c.where, c.err = os.MkdirTemp("", "casehook-chromium-"); c.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(c.where), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, endBrowser := chromedp.NewContext(allocator)
	c.ctx, c.err = browser, chromedp.Do(browser)
	c.end = func() { endBrowser(); endAllocator() }
}

func endChromium() {
	if chromium.end != nil {
		chromium.end()
	}
	_ = os.RemoveAll(chromium.where) // it may write on while it ends
}

// axe returns the source of axe-core, which is installed where it is absent.
func axe() (string, error) {
	const dir = "testdata/axe"
	if err := npmtest.Install(dir); err != nil {
		return "", err
	}
	source, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	return string(source), err
}

// visitor is somebody in a browser of their own. Where a page of theirs asks for something
// that is not of the server's, or an error is on the console, the test fails.
type visitor struct {
	t   *testing.T
	ctx context.Context
	url string

	mu     sync.Mutex // protects faults
	faults []string
}

// visit opens a browser on a server.
func visit(t *testing.T, s *server) *visitor {
	t.Helper()
	chromium.once.Do(startChromium)
	require.NoError(t, chromium.err)
	v := &visitor{t: t, url: s.url}
	ctx, leave := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	ctx, cancel := context.WithTimeout(ctx, patience)
	v.ctx = ctx
	console := chromedp.Console(ctx)
	require.NoError(t, chromedp.Listen(ctx, v.watch))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for message, err := range console {
			if err != nil {
				return // the tab is closed
			}
			v.heard(message)
		}
	}()
	t.Cleanup(func() {
		cancel()
		leave()
		<-ended
		v.mu.Lock()
		defer v.mu.Unlock()
		require.Empty(t, v.faults)
	})
	return v
}

// signIn is visit by somebody who has a key.
func signIn(t *testing.T, s *server, key string) *visitor {
	t.Helper()
	v := visit(t, s)
	v.open("/login")
	v.fill("#key", key)
	v.click("Sign in")
	v.sees("Sign out")
	return v
}

// watch notes what is asked of others than the server. The browser's own pictures, such as
// that in a field for a date, are data.
func (v *visitor) watch(event any) {
	sent, ok := event.(*network.EventRequestWillBeSent)
	if ok && !strings.HasPrefix(sent.Request.URL, v.url+"/") && !strings.HasPrefix(sent.Request.URL, "data:") {
		v.fault("asked for " + sent.Request.URL)
	}
}

// heard notes an error on the console. That a page is answered by 404 or 422 is told there too,
// and none.
func (v *visitor) heard(message chromedp.ConsoleMessage) {
	isAnswer := message.Source == "network" && strings.HasPrefix(message.URL, v.url) && !strings.Contains(message.URL, "/assets/")
	if (message.Type == chromedp.ConsoleError || message.Type == chromedp.ConsoleException) && !isAnswer {
		v.fault("on the console: " + message.String())
	}
}

func (v *visitor) fault(what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.faults = append(v.faults, what)
}

func (v *visitor) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	require.NoError(v.t, chromedp.Do(v.ctx, steps...), what)
}

// open goes to a path.
func (v *visitor) open(path string) {
	v.t.Helper()
	v.do("open "+path, chromedp.Navigate(v.url+path))
}

// fill writes into a field, in the place of what is there.
func (v *visitor) fill(selector, text string) {
	v.t.Helper()
	empty := chromedp.Evaluate[chromedp.Void](`document.querySelector(` + quoted(selector) + `).value = ""`)
	v.do("fill "+selector, chromedp.WaitVisible(selector), empty, chromedp.SendKeys(selector, text))
}

// choose takes an option of a list by its value.
func (v *visitor) choose(selector, value string) {
	v.t.Helper()
	v.do("choose in "+selector, chromedp.WaitVisible(selector))
	v.script(`(() => {
		const list = document.querySelector(` + quoted(selector) + `);
		list.value = ` + quoted(value) + `;
		list.dispatchEvent(new Event("change", {bubbles: true}));
	})()`)
}

// tick presses what is not named by a text.
func (v *visitor) tick(selector string) {
	v.t.Helper()
	v.do("tick "+selector, chromedp.Click(selector, chromedp.NodeVisible))
}

// click presses the first visible button or link with that text.
func (v *visitor) click(text string) {
	v.t.Helper()
	name := `[normalize-space()=` + quoted(text) + ` or @aria-label=` + quoted(text) + `]`
	v.do("click "+text, chromedp.Click("//button"+name+" | //a"+name+" | //summary"+name, chromedp.NodeVisible))
}

// asks presses a button that asks first, and waits for the question.
func (v *visitor) asks(button, question string) {
	v.t.Helper()
	v.do("wait for the scripts", chromedp.Evaluate[chromedp.Void](
		`new Promise((ready) => document.readyState === "complete" ? ready() : addEventListener("load", () => ready()))`, chromedp.EvalAwaitPromise))
	v.do("click "+button, chromedp.Click("//a[@data-ask][normalize-space()="+quoted(button)+"]", chromedp.NodeVisible))
	v.sees(question)
}

// confirms answers the question that is open by yes.
func (v *visitor) confirms() {
	v.t.Helper()
	v.do("confirm", chromedp.Click("dialog[open] button", chromedp.NodeVisible))
}

// press types where the focus is.
func (v *visitor) press(keys string) {
	v.t.Helper()
	v.do("press "+keys, chromedp.KeyEvent(keys))
}

// hasFocus requires that what is typed goes there.
func (v *visitor) hasFocus(selector string) {
	v.t.Helper()
	has, err := chromedp.Run(v.ctx, chromedp.Evaluate[bool](`document.activeElement.matches(`+quoted(selector)+`)`))
	require.NoError(v.t, err)
	require.True(v.t, has, "%s has not the focus", selector)
}

// sees waits until the page has a text, beside what can be chosen in it.
func (v *visitor) sees(text string) {
	v.t.Helper()
	v.do("see "+text, chromedp.WaitVisible(`//body//*[not(self::option)][contains(normalize-space(.), `+quoted(text)+`)][not(*[contains(normalize-space(.), `+quoted(text)+`)])]`))
}

// text returns the page as it can be read.
func (v *visitor) text() string {
	v.t.Helper()
	text, err := chromedp.Run(v.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	require.NoError(v.t, err)
	return text
}

// path returns where the browser is.
func (v *visitor) path() string {
	v.t.Helper()
	location, err := chromedp.Run(v.ctx, chromedp.Location())
	require.NoError(v.t, err)
	return strings.TrimPrefix(location, v.url)
}

func (v *visitor) script(expression string) {
	v.t.Helper()
	v.do("run a script", chromedp.Evaluate[chromedp.Void](expression))
}

// screen is how wide it is, and what the system prefers.
func (v *visitor) screen(width int64, theme string) {
	v.t.Helper()
	_, err := chromedp.Call(v.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
	require.NoError(v.t, err)
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	_, err = chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	require.NoError(v.t, err)
}

// missed finds what is there to be pressed and lies beside the screen, or on a narrow one is lower
// than the 24 pixels of WCAG 2.2, section 2.5.8. What is named by a label is pressed there.
const missed = `(width) => [...document.querySelectorAll("a, button, summary, input, select, textarea")].filter((one) => {
	const {left, right, height} = one.getBoundingClientRect();
	if (height <= 1 || one.closest(".skip, .hidden")) return false;
	return right > width || left < 0 || width < 900 && height < 24 && !one.closest("label");
}).map((one) => one.outerHTML)`

// check requires of the page that is open that axe finds no fault in it, in light and dark, on
// a wide screen and on a narrow one, that nothing has to be scrolled sideways, and that all there
// is to press is in sight and can be hit.
func (v *visitor) check() {
	v.t.Helper()
	v.script(`void (window.axe || (() => {` + chromium.axe + `})())`)
	for _, width := range []int64{1280, 390} {
		for _, theme := range []string{"light", "dark"} {
			v.screen(width, theme)
			where := fmt.Sprintf("%s, %d wide, %s", v.path(), width, theme)
			found, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](`axe.run().then((found) => found.violations.flatMap(
				(fault) => fault.nodes.map((node) => fault.id + ": " + fault.help + ": " + node.html + " " + node.any.map((one) => one.message).join(" "))))`, chromedp.EvalAwaitPromise))
			require.NoError(v.t, err, where)
			require.Empty(v.t, found, where)
			scrolled, err := chromedp.Run(v.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
			require.NoError(v.t, err, where)
			require.LessOrEqual(v.t, scrolled, width, "%s: it is scrolled sideways", where)
			missed, err := chromedp.Run(v.ctx, chromedp.Evaluate[[]string](`(`+missed+`)(`+strconv.FormatInt(width, 10)+`)`))
			require.NoError(v.t, err, where)
			require.Empty(v.t, missed, "%s: it is out of sight, or too small for a finger", where)
		}
	}
	v.screen(1280, "light")
}

// quoted writes a text as a string of JavaScript, or, where it has no quotes, of XPath.
func quoted(text string) string { return strconv.Quote(text) }
