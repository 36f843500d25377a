// Package doorway is what all doors do alike around a request: it has an id, ends with an
// answer, a line in the log and a count, whatever happens in it, and is on record in the
// audit before its answer begins.
//
// Start with [Doorway.Serve]. What is asked for, and how it is answered, is up to the doors.
package doorway

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/service"
)

// StatusGone is what is noted where the client hung up before it was answered.
// Nobody reads it but the log.
const StatusGone = 499

// Metrics counts requests.
type Metrics interface {
	// RequestFinished counts a request. Route is the pattern that it matched, such
	// as "/v1/cases/{id}", or empty.
	RequestFinished(method, route string, status int, took time.Duration)
}

// Doorway stands before one door.
type Doorway struct {
	Log     *slog.Logger
	Metrics Metrics // nil: nothing is counted
	// Record has the entry of a call recorded; what fails to be is not answered.
	Record func(context.Context, *service.AuditEntry) error
	// Fail gives the answer where the door gives none: 500 after a panic, 503 where the
	// call cannot be recorded, StatusGone where the client hung up.
	Fail func(w http.ResponseWriter, x *Exchange, status int)
}

// Exchange is what is known of one request and its answer. Only the goroutine
// that serves the request touches it.
type Exchange struct {
	ID      string // told to the client and to the log, so that they can be brought together
	Started time.Time
	Method  string
	Route   string // the pattern that was matched, such as /v1/cases/{id}; empty for none
	Log     *slog.Logger

	Caller service.Caller      // once it is known; the zero Caller reaches nothing
	Entry  *service.AuditEntry // of the audit; nil until Begin
}

type exchangeKey struct{}

// ExchangeOf returns the exchange that Serve began.
func ExchangeOf(ctx context.Context) *Exchange {
	return ctx.Value(exchangeKey{}).(*Exchange)
}

// Serve has next answer a request that matched a pattern of a mux, "" for none. The
// header is that of every answer, also of one that is given in the place of next's.
func (d *Doorway) Serve(w http.ResponseWriter, r *http.Request, pattern string, header http.Header, next http.HandlerFunc) {
	x := &Exchange{ID: rand.Text(), Started: time.Now(), Method: methodName(r.Method), Route: route(pattern), Log: d.Log}
	answer := &recorder{ResponseWriter: w, begins: func(status int) int { return d.answered(r.Context(), x, status) }}
	answer.fail = func(status int) { d.Fail(w, x, status) }
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))

	defer d.finish(x, answer)
	defer d.rescue(x, answer)
	answer.always = header.Clone()
	answer.always.Set("Casehook-Request-Id", x.ID)
	answer.reset()
	next(answer, r)
}

// finish logs and counts the exchange.
func (d *Doorway) finish(x *Exchange, answer *recorder) {
	answer.begin(http.StatusOK) // what net/http sends where nothing was said
	status, took := answer.status, time.Since(x.Started)
	d.Log.Info("request", "method", x.Method, "route", x.Route, "status", status,
		"ms", float64(took.Microseconds())/1000, "request", x.ID)
	if d.Metrics != nil {
		d.Metrics.RequestFinished(x.Method, x.Route, status, took)
	}
}

// rescue turns a panic into an answer. Where the answer has begun already it can
// only be broken off, so that the client does not take it for a whole one.
func (d *Doorway) rescue(x *Exchange, answer *recorder) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		// The value of a panic may hold anything; its type does not.
		d.Log.Error("panic", "type", fmt.Sprintf("%T", p), "route", x.Route, "request", x.ID, "stack", string(debug.Stack()))
	}
	if p == http.ErrAbortHandler || answer.status != 0 {
		panic(http.ErrAbortHandler)
	}
	d.Fail(answer, x, http.StatusInternalServerError)
}

// answered records the call before its answer is begun. Where that cannot be, it returns
// the status of what is answered in its place, else 0: nobody is told what is not on record.
func (d *Doorway) answered(ctx context.Context, x *Exchange, status int) int {
	if x.Entry == nil {
		return 0
	}
	x.Entry.Answered(status)
	err := d.Record(ctx, x.Entry)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return StatusGone
	}
	d.Log.Error("could not record a call", "route", x.Route, "request", x.ID, "error", err)
	return http.StatusServiceUnavailable
}

// maxResource is how much of an id is recorded, in bytes: a client may have made it up.
const maxResource = 200

// Begin gives the exchange the entry of a call, in which nobody is named yet. Status is that
// of the answer where the call succeeds, resources are the ids in the path, by what they are of.
func (x *Exchange) Begin(r *http.Request, operation string, status int, resources map[string]string) {
	for name, id := range resources {
		resources[name] = recorded(id)
	}
	x.Entry = &service.AuditEntry{
		RequestID: x.ID,
		At:        x.Started,
		Method:    x.Method,
		Operation: operation,
		CaseID:    resources["caseId"],
		Status:    status,
		Details:   service.AuditDetails{From: AddressOf(r), Resources: resources},
	}
}

// About adds to the entry of a call what the call is about, where its path does not tell. The
// entry is to be attributed again then.
func (x *Exchange) About(resource, id string) { x.Entry.Details.Resources[resource] = recorded(id) }

// recorded returns an id as it is recorded.
func recorded(id string) string {
	id = strings.ToValidUTF8(id, "\uFFFD")
	if len(id) > maxResource {
		id = strings.ToValidUTF8(id[:maxResource], "") + "…"
	}
	return id
}

// AddressOf returns the address that a request came from, without the port.
func AddressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

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
