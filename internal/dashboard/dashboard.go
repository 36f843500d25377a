package dashboard

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/alexedwards/scs/v2"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// Options are what a dashboard can do without.
type Options struct {
	// Log takes a line for each request, and what went wrong; nil: slog's default.
	Log *slog.Logger
	// Metrics counts requests; nil: nobody does.
	Metrics doorway.Metrics
	// PublicURL is where browsers reach the dashboard. Where it begins with https:// the
	// cookie is sent over that only.
	PublicURL string
}

// Dashboard is the handler that New returns.
type Dashboard struct {
	service    *service.Service
	log        *slog.Logger
	mux        *http.ServeMux
	doorway    doorway.Doorway
	protection *http.CrossOriginProtection
	sessions   *scs.SessionManager
	failures   *failures // of signing in
	recorded   *recorded
	pages      *pages
	publicURL  string
	streams    context.Context // ends when all streams are to end
	endStreams context.CancelFunc
}

// New returns the handler of all pages and what they load. What no page answers gets one
// that says so.
func New(s *service.Service, o Options) *Dashboard {
	d := &Dashboard{
		service:    s,
		log:        o.Log,
		mux:        http.NewServeMux(),
		protection: http.NewCrossOriginProtection(),
		sessions:   newSessions(s, strings.HasPrefix(o.PublicURL, "https://")),
		failures:   newFailures(),
		recorded:   newRecorded(),
		pages:      loadPages(),
		publicURL:  o.PublicURL,
	}
	d.streams, d.endStreams = context.WithCancel(context.Background())
	if d.log == nil {
		d.log = slog.Default()
	}
	d.doorway = doorway.Doorway{Log: d.log, Metrics: o.Metrics, Record: d.record, Fail: d.broken}
	d.mux.HandleFunc(assetPattern, serveAsset)
	for _, route := range d.routes() {
		d.mux.HandleFunc(route.pattern, d.handle(route))
	}
	return d
}

// EndStreams ends all answers that would go on for as long as somebody watches, also those that
// begin later. A server that shuts down waits for the others.
func (d *Dashboard) EndStreams() { d.endStreams() }

// always is in the header of every answer. What a page may load is what the dashboard itself
// serves; nothing in a page is a script or a style, and nobody frames it.
var always = http.Header{
	"Cache-Control": {"no-store"},
	"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Opener-Policy": {"same-origin"},
	"Referrer-Policy":            {"no-referrer"},
	"X-Content-Type-Options":     {"nosniff"},
}

// ServeHTTP answers one request.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	miss, pattern := d.mux.Handler(r)
	d.doorway.Serve(w, r, pattern, always, func(w http.ResponseWriter, r *http.Request) {
		if pattern == "" {
			d.missed(w, r, miss)
			return
		}
		if err := d.protection.Check(r); err != nil {
			d.refuse(w, r, refusal.Of(refusal.Forbidden, "This came from a page of somebody else, and was not done. Go back, and try it from here."))
			return
		}
		d.mux.ServeHTTP(w, r)
	})
}
