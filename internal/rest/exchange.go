package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/service"
)

// exchange is what is known of one request and its answer. Only the goroutine
// that serves the request touches it.
type exchange struct {
	*doorway.Exchange          // its caller and its entry are set by authenticate
	key               *string  // Idempotency-Key, after readBody; nil for none
	digest            [32]byte // of method, path and body, after readBody

	document *formDocument // of a form, after readBody; nil for none, else digest is its own
}

type exchangeKey struct{}

// exchangeOf returns the exchange that ServeHTTP began.
func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// caller returns who calls. The zero Caller reaches nothing.
func caller(ctx context.Context) service.Caller { return exchangeOf(ctx).Caller }

// always is in the header of every answer.
var always = http.Header{
	"Cache-Control":           {"no-store"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
	"Referrer-Policy":         {"no-referrer"},
	"X-Content-Type-Options":  {"nosniff"},
}

// ServeHTTP answers one request. Whatever happens in it, it ends with an answer, a
// line in the log and a count.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	miss, pattern := d.mux.Handler(r)
	d.doorway.Serve(w, r, pattern, always, func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Exchange: doorway.ExchangeOf(r.Context())}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		if pattern == "" {
			missed(w, r, miss)
			return
		}
		d.mux.ServeHTTP(w, r)
	})
}

// fail answers where no call does.
func fail(w http.ResponseWriter, x *doorway.Exchange, status int) {
	switch status {
	case doorway.StatusGone:
		hungUp().write(w)
	case http.StatusServiceUnavailable:
		newProblem(status, "the call cannot be recorded in the audit now: try again, and with the same Idempotency-Key it is done once").write(w)
	default:
		internal(x).write(w)
	}
}

// missed answers what no pattern matched: by 405 where another method would have
// been, else by 404.
func missed(answer http.ResponseWriter, r *http.Request, miss http.Handler) {
	allow := doorway.Missed(r, miss)
	if allow == "" {
		newProblem(http.StatusNotFound, nothingHere).write(answer)
		return
	}
	answer.Header().Set("Allow", allow)
	newProblem(http.StatusMethodNotAllowed, "this can be called by "+allow).write(answer)
}
