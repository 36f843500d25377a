package dashboard

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// failureView is what a page shows in the place of what was asked for.
type failureView struct {
	Detail    string
	Advice    string // what to do about it
	Faults    []refusal.Fault
	RequestID string // for the operator, who finds it in the log; "" where that has nothing to say
}

// headings are what is said at first of each answer that is none.
var headings = map[int]string{
	http.StatusUnauthorized:          "You are signed out",
	http.StatusForbidden:             "This is not allowed",
	http.StatusNotFound:              "There is nothing here",
	http.StatusMethodNotAllowed:      "There is nothing here",
	http.StatusConflict:              "This is not possible now",
	http.StatusRequestEntityTooLarge: "This is too large",
	http.StatusUnprocessableEntity:   "Something in this is not right",
	http.StatusInternalServerError:   "This failed",
	http.StatusServiceUnavailable:    "This cannot be done now",
}

// advice is what is done about each.
var advice = map[int]string{
	http.StatusForbidden:             "Ask an administrator of your organization for a key that may, and sign in with that.",
	http.StatusNotFound:              "Check the id, or look for it with the search at the top of each page.",
	http.StatusMethodNotAllowed:      "Go back, and use the button there.",
	http.StatusConflict:              "Go back and load the page again: what it shows has changed since.",
	http.StatusRequestEntityTooLarge: "Go back, and send less.",
	http.StatusUnprocessableEntity:   "Go back, and mend what is named. What you typed is still there.",
	http.StatusInternalServerError:   "Try again. If it goes on, give the operator the id of the request.",
}

// refuse is the one place where what went wrong becomes an answer.
func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	x := doorway.ExchangeOf(r.Context())
	refused, ok := errors.AsType[*refusal.Error](err)
	switch {
	case ok && refused.Kind == refusal.Unauthorized:
		d.signedOut(w, r, refused)
		return
	case ok:
		d.answer(w, r, doorway.StatusOf(refused.Kind), failureView{Detail: sentence(refused.Detail), Faults: refused.Faults})
		return
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		w.WriteHeader(doorway.StatusGone)
		return
	}
	d.log.Error("request failed", "route", x.Route, "request", x.ID, "error", err)
	if service.Unavailable(err) {
		w.Header().Set("Retry-After", "1")
		d.answer(w, r, http.StatusServiceUnavailable, failureView{Detail: "The database, or something else that is needed, does not answer. Try again in a moment.", RequestID: x.ID})
		return
	}
	d.broken(w, x, http.StatusInternalServerError)
}

// signedOut ends the session of a key that is refused.
func (d *Dashboard) signedOut(w http.ResponseWriter, r *http.Request, refused *refusal.Error) {
	if err := d.end(w, r); err != nil {
		d.log.Warn("could not end a session", "request", doorway.ExchangeOf(r.Context()).ID, "error", err)
	}
	if isPartial(r) {
		w.Header().Set("HX-Redirect", d.signInPath(r))
		w.WriteHeader(http.StatusUnauthorized) // as it is on record
		return
	}
	view := signInView{Next: d.pageOf(r), Why: sentence(refused.Detail)}
	if d.routeOf(r.Pattern).fills {
		view.Why += " " + lost
	}
	if err := d.askToSignIn(w, http.StatusUnauthorized, view); err != nil {
		d.broken(w, doorway.ExchangeOf(r.Context()), http.StatusInternalServerError)
	}
}

// missed answers what no route matches.
func (d *Dashboard) missed(w http.ResponseWriter, r *http.Request, miss http.Handler) {
	r, err := d.recognize(r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	status, detail := http.StatusNotFound, "The address may be mistyped, or what was here is gone."
	if allow := doorway.Missed(r, miss); allow != "" {
		w.Header().Set("Allow", allow)
		status, detail = http.StatusMethodNotAllowed, "This page cannot be opened by itself."
	}
	d.answer(w, r, status, failureView{Detail: detail})
}

// answer shows a failure, within the frame of who is signed in.
func (d *Dashboard) answer(w http.ResponseWriter, r *http.Request, status int, v failureView) {
	v.Advice = advice[status]
	p := page{Template: "failure", Title: headings[status], Status: status, Data: v}
	if err := d.show(w, r, p); err != nil {
		x := doorway.ExchangeOf(r.Context())
		d.log.Error("could not show a failure", "route", x.Route, "request", x.ID, "error", err)
		d.broken(w, x, status)
	}
}

// broken answers where nothing is known of who asks.
func (d *Dashboard) broken(w http.ResponseWriter, x *doorway.Exchange, status int) {
	v := failureView{Detail: "This failed here, through no fault of yours. The operator finds it in the log.", RequestID: x.ID}
	if status == http.StatusServiceUnavailable {
		v.Detail = "The call cannot be recorded in the audit now, and what is not on record is not answered. Try again in a moment."
	}
	v.Advice = advice[status]
	_ = d.write(w, "failure", "frame", status, page{Title: headings[status], Data: v}) // nothing is left to be tried
}

// sentence makes one of a text that stands by itself.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}
