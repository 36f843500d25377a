package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/service"
)

// exchange is what is known of one request and its answer. Only the goroutine
// that serves the request touches it.
type exchange struct {
	id      string // told to the client and to the log, so that they can be brought together
	started time.Time
	method  string
	route   string // the pattern that was matched, such as /v1/cases/{id}; empty for none
	log     *slog.Logger

	caller service.Caller      // after authenticate
	entry  *service.AuditEntry // after authenticate; nil where no call was found
	key    *string             // Idempotency-Key, after readBody; nil for none
	digest [32]byte            // of method, path and body, after readBody

	document *formDocument // of a form, after readBody; nil for none, else digest is its own
}

type exchangeKey struct{}

// exchangeOf returns the exchange that ServeHTTP began.
func exchangeOf(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// caller returns who calls. The zero Caller reaches nothing.
func caller(ctx context.Context) service.Caller { return exchangeOf(ctx).caller }

// ServeHTTP answers one request. Whatever happens in it, it ends with an answer, a
// line in the log and a count.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	miss, pattern := d.mux.Handler(r)
	x := &exchange{id: rand.Text(), started: time.Now(), method: methodName(r.Method), route: route(pattern), log: d.log}
	answer := &recorder{ResponseWriter: w, begins: func(status int) *problem { return d.answered(r.Context(), x, status) }}
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))

	defer d.finish(x, answer)
	defer d.rescue(x, answer)
	header := answer.Header()
	header.Set("Casehook-Request-Id", x.id)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	answer.always = header.Clone()
	if pattern == "" {
		missed(answer, r, miss)
		return
	}
	d.mux.ServeHTTP(answer, r)
}

// finish logs and counts the exchange.
func (d *door) finish(x *exchange, answer *recorder) {
	answer.begin(http.StatusOK) // what net/http sends where nothing was said
	status, took := answer.status, time.Since(x.started)
	d.log.Info("request", "method", x.method, "route", x.route, "status", status,
		"ms", float64(took.Microseconds())/1000, "request", x.id)
	if d.metrics != nil {
		d.metrics.RequestFinished(x.method, x.route, status, took)
	}
}

// rescue turns a panic into an answer. Where the answer has begun already it can
// only be broken off, so that the client does not take it for a whole one.
func (d *door) rescue(x *exchange, answer *recorder) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		// The value of a panic may hold anything; its type does not.
		d.log.Error("panic", "type", fmt.Sprintf("%T", p), "route", x.route, "request", x.id, "stack", string(debug.Stack()))
	}
	if p == http.ErrAbortHandler || answer.status != 0 {
		panic(http.ErrAbortHandler)
	}
	internal(x).write(answer)
}

// missed answers what no pattern matched: by 405 where another method would have
// been, else by 404. The mux knows which, and says it in plain text to miss.
func missed(answer http.ResponseWriter, r *http.Request, miss http.Handler) {
	verdict := &verdict{header: http.Header{}}
	miss.ServeHTTP(verdict, r)
	if verdict.status != http.StatusMethodNotAllowed {
		newProblem(http.StatusNotFound, nothingHere).write(answer)
		return
	}
	allow := verdict.header.Get("Allow")
	answer.Header().Set("Allow", allow)
	newProblem(http.StatusMethodNotAllowed, "this can be called by "+allow).write(answer)
}

// verdict takes the status and the header of an answer, and drops its body.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }
func (v *verdict) WriteHeader(status int)      { v.status = status }

// recorder notes the status of an answer; 0 means that it has not begun.
type recorder struct {
	http.ResponseWriter
	status   int
	begins   func(status int) *problem // called before the answer begins; what it returns, where not nil, is the answer
	always   http.Header               // of every answer
	replaced bool                      // the answer that was made is not given
}

// errReplaced means that another answer is given in the place of the one that is written.
var errReplaced = errors.New("another answer is given")

func (w *recorder) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	if !w.replaced {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	if w.replaced {
		return 0, errReplaced
	}
	return w.ResponseWriter.Write(p)
}

// begin notes the status, where none was noted before, and gives another answer where that
// is to be.
func (w *recorder) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	instead := w.begins(status)
	if instead == nil {
		return
	}
	w.status, w.replaced = instead.Status, true
	header := w.Header()
	clear(header)
	maps.Copy(header, w.always)
	if instead.Status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	instead.write(w.ResponseWriter)
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// route returns a mux pattern without its method.
func route(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		return path
	}
	return pattern
}

// methodName returns the method, or "other" where a client made one up: what it
// sends is not to be found in logs and labels.
func methodName(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return method
	}
	return "other"
}
