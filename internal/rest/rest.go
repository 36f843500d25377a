// Package rest is the REST door: it turns HTTP requests into calls of package
// service, and what they return into answers.
//
// Start with [New]. A door translates and decides nothing: what a case may do is
// said by package caselog, what an endpoint may be by package subscription, and
// what is refused by package refusal, whose refusals become answers in error.go. The
// calls stand one noun a file; package service has the role that each of them needs.
//
// Every call is described where it is registered, so that the OpenAPI document,
// the checks of a request and the code cannot disagree.
package rest

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/service"
)

// Options are what a door can do without.
type Options struct {
	// Version of casehook, as the OpenAPI document tells it.
	Version string
	// Log takes a line for each request, and what went wrong; nil: slog's default.
	// Never a path's values, a query or a body.
	Log *slog.Logger
	// Metrics counts requests and is shown under /metrics; nil: neither.
	Metrics Metrics
	// PublicURL is where clients reach the door, for the documents that describe it;
	// empty: wherever they read it.
	PublicURL string
}

// Metrics counts requests and shows what was counted.
type Metrics interface {
	doorway.Metrics
	// Handler shows what was counted.
	Handler() http.Handler
}

// door is the handler that New returns.
type door struct {
	service *service.Service
	log     *slog.Logger
	doorway doorway.Doorway
	metrics Metrics
	mux     *http.ServeMux
	api     huma.API
}

// New returns the handler of everything that clients call: /v1, its description
// under /openapi.json and /docs, that of what endpoints are sent under /asyncapi.json
// and /schemas, signed links under /documents, and /healthz, /readyz and /metrics for
// the operator. Whatever else is asked for gets 404.
//
// The handler limits what a request may hold, but not how long it may take: that
// is up to the server that it is given to.
func New(s *service.Service, o Options) http.Handler {
	d := &door{service: s, log: o.Log, metrics: o.Metrics, mux: http.NewServeMux()}
	if d.log == nil {
		d.log = slog.Default()
	}
	d.doorway = doorway.Doorway{Log: d.log, Metrics: o.Metrics, Record: s.RecordAuditEntry, Fail: fail}
	registry := newRegistry()
	d.api = humago.New(d.mux, configuration(registry, o))
	d.api.UseMiddleware(inJSON, d.authenticate, d.checkParameters, d.readBody)

	d.registerCases()
	d.registerComments()
	d.registerAttachments()
	d.registerDecisions()
	d.registerForms()
	d.registerAssignees()
	d.registerPayments()
	d.registerOrders()
	d.registerStatus()
	d.registerUsers()
	d.registerEvents()
	d.registerTold()
	d.registerEndpoints()
	d.registerReplays()
	d.registerReceipts()
	d.registerErasures()
	d.registerDeliveries()
	d.registerKeys()
	d.registerOrganizations()
	d.registerAudit()

	d.registerHealth()
	d.registerDocument(registry)
	d.registerPublished(o)
	return d
}

// configuration is huma's, without what it would serve by itself: its docs page
// loads from elsewhere, and its schema links would add a key to every answer.
func configuration(registry *registry, o Options) huma.Config {
	config := huma.DefaultConfig("casehook", o.Version)
	config.OpenAPI = description(registry, o)
	config.CreateHooks = nil
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	format := huma.Format{Marshal: writeJSON, Unmarshal: readJSON}
	config.Formats = map[string]huma.Format{"application/json": format, "json": format} // "json" is for +json
	config.RejectUnknownQueryParameters = true
	return config
}

// inJSON answers in JSON whatever is asked for: huma would take the name of a format
// for a media type.
func inJSON(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	r.Header.Del("Accept")
	next(ctx)
}

// paths are where the door answers, /docs/ for all that begins so.
var paths = []string{"/v1/", "/openapi.json", "/asyncapi.json", "/schemas/", "/docs/", "/documents/", "/healthz", "/readyz", "/metrics"}

// Answers reports whether a path is one that the door answers, also where there is nothing:
// who calls it expects problem+json.
func Answers(path string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		return path == p || strings.HasSuffix(p, "/") && (strings.HasPrefix(path, p) || path+"/" == p)
	})
}

// writeJSON writes v without escaping HTML. That the client has hung up is no
// error: nobody is left to be told.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(deaf{w})
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// deaf writes and does not hear of errors.
type deaf struct{ io.Writer }

func (w deaf) Write(p []byte) (int, error) {
	_, _ = w.Writer.Write(p)
	return len(p), nil
}
