package e2e_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// behindProxy is a server that browsers reach by a proxy, which answers by itself what the server is not to see.
func behindProxy(t *testing.T, s *server, answers func(http.ResponseWriter, *http.Request) bool) (*server, *httptest.Server) {
	t.Helper()
	to, err := url.Parse(s.url)
	require.NoError(t, err)
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(proxy.Close)
	return &server{url: proxy.URL}, proxy
}

// whileAway answers as a proxy does while it does not reach its server.
func whileAway(away *atomic.Bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if away.Load() {
			http.Error(w, "<h1>deploying</h1>", http.StatusServiceUnavailable)
		}
		return away.Load()
	}
}

func TestPagesSayThatTheServerIsAwayAndGoOnWhenItIsBack(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	client{s.url, adminKey}.subscribe(t, startGo(t))
	var away atomic.Bool
	proxied, proxy := behindProxy(t, s, whileAway(&away))

	v := signIn(t, proxied, adminKey)
	away.Store(true)
	v.comesBack()
	v.sees("No connection to casehook since")
	v.sees("it was answered 503")
	v.sees("it is tried again by itself")
	v.check()
	require.NotContains(t, v.text(), "deploying")
	away.Store(false)
	v.comesBack()
	v.do("see that it is back", chromedp.WaitNotVisible("#connection"))

	v.open("/live")
	v.sees("Watching")
	away.Store(true)
	proxy.CloseClientConnections()
	v.sees("No connection since")
	v.click("Pause")
	v.click("Go on")
	v.sees("No connection since")
	away.Store(false)
	v.sees("Watching")
}

func TestWhatIsNotAnsweredChangesNoPageAndIsNotTriedByItself(t *testing.T) {
	s, c, caseID := clinic(t)
	var away atomic.Bool
	proxied, _ := behindProxy(t, s, whileAway(&away))
	v := signIn(t, proxied, adminKey)
	endpoint := c.call(t, "POST /v1/endpoints", object{"url": "http://127.0.0.1:9/", "clearance": object{"phi": false, "restricted": false}}).text("id")
	for _, page := range []struct{ path, does, answered string }{
		{"/cases/" + caseID, "Show patient data", `//*[text()="zoe@mail.example"]`},
		{"/endpoints/" + endpoint, "Send a test", "#tested .badges"},
	} {
		v.open(page.path)
		title := v.title()
		away.Store(true)
		v.click(page.does)
		v.sees("it was answered 503")
		v.sees("What you asked for was not answered: try again.")
		require.NotContains(t, v.text(), "by itself")
		require.NotContains(t, v.text(), "deploying")
		require.Equal(t, title, v.title())
		away.Store(false)
		v.click(page.does)
		v.do("see the answer", chromedp.WaitVisible(page.answered))
		v.do("see that it is back", chromedp.WaitNotVisible("#connection"))
	}

	v.open("/deliveries")
	away.Store(true)
	v.choose(`select[name="state"]`, "failed")
	v.sees("What you asked for was not answered: try again.")
	require.NotContains(t, v.text(), "deploying")
}

func TestWhatIsFilledInStaysWhereTheServerIsNotReached(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	var away atomic.Bool
	proxied, _ := behindProxy(t, s, whileAway(&away))
	v := signIn(t, proxied, adminKey)
	v.open("/keys")
	v.click("Make a key")
	v.fill("#name", "Ada")
	away.Store(true)
	v.click("Make the key")
	v.sees("casehook was not reached: nothing was done.")
	require.Equal(t, "/keys", v.path())
	require.NotContains(t, v.text(), "deploying")
	away.Store(false)
	v.click("Make the key")
	v.sees("The key “Ada” is made")
}

func TestAPageThatWatchesGoesOnAfterAnUpgrade(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	var upgraded atomic.Bool
	proxied, proxy := behindProxy(t, s, func(w http.ResponseWriter, r *http.Request) bool {
		of := r.URL.Path == "/live/stream" && r.FormValue("after")+r.Header.Get("Last-Event-ID") != ""
		if of && upgraded.Load() {
			http.Error(w, "it is of the version before", http.StatusUnprocessableEntity)
			return true
		}
		return false
	})
	v := signIn(t, proxied, adminKey)
	v.open("/live")
	v.sees("Watching")
	upgraded.Store(true)
	proxy.CloseClientConnections()
	v.sees("Some of what happened is not shown here.")
	v.sees("Watching")
	client{s.url, adminKey}.open(t)
	v.happens("Case opened")
}

func TestAPageThatWatchesSaysWhyItIsRefusedAndThatItsSessionHasEnded(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	others := &http.Client{Jar: jar}
	in, err := others.PostForm(s.url+"/login", url.Values{"key": {adminKey}})
	require.NoError(t, err)
	require.NoError(t, in.Body.Close())
	for range 20 { // as many as may watch with one key
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/live/stream", nil)
		require.NoError(t, err)
		stream, err := others.Do(r)
		require.NoError(t, err)
		defer func() { _ = stream.Body.Close() }()
		require.Equal(t, http.StatusOK, stream.StatusCode)
	}
	v := signIn(t, s, adminKey)
	v.open("/live")
	v.sees("Too many watch already: close a page that does. It is tried again by itself.")
	v.click("Pause")
	v.click("Go on")
	v.sees("Too many watch already")
	v.check()
	leave()
	v.sees("Watching")

	v.script(`void fetch("/logout", {method: "POST"})`)
	v.sees("Your session has ended.")
	v.click("Pause")
	v.click("Go on")
	v.sees("Your session has ended.")
	v.check()
	v.click("Sign in again")
	v.sees("Sign in to casehook")
}

// title returns that of the page.
func (v *visitor) title() string {
	v.t.Helper()
	title, err := chromedp.Run(v.ctx, chromedp.Title())
	require.NoError(v.t, err)
	return title
}
