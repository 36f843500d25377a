package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestPagesSayThatTheServerIsAwayAndGoOnWhenItIsBack(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	client{s.url, adminKey}.subscribe(t, startGo(t))
	to, err := url.Parse(s.url)
	require.NoError(t, err)
	var away atomic.Bool
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			http.Error(w, "<h1>deploying</h1>", http.StatusServiceUnavailable)
			return
		}
		behind.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)

	v := signIn(t, &server{url: proxy.URL}, adminKey)
	away.Store(true)
	v.comesBack()
	v.sees("No connection to casehook since")
	v.sees("it was answered 503")
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
	away.Store(false)
	v.sees("Watching")
}
