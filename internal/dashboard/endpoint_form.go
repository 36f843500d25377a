package dashboard

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// endpointForm is the form to make an endpoint, or to change one.
type endpointForm struct {
	ID     string // "" for one that is to be made
	Name   string
	Once   string
	Events []caseupdate.Event
	Was    string         // what the form was filled in with
	Stale  *conflict      // the endpoint was changed since; nil where it was not
	Why    *refusal.Error // it was refused; nil where it was not
	filled url.Values
}

// Text returns what stands in a field.
func (f endpointForm) Text(field string) string { return f.filled.Get(field) }

// Has reports whether a value of a field is chosen.
func (f endpointForm) Has(field string, value any) bool {
	return slices.Contains(f.filled[field], fmt.Sprint(value))
}

// Options returns what can be chosen in a field.
func (f endpointForm) Options(field string) []option { return options[field] }

// Fields are those of the form.
func (f endpointForm) Fields() (fields []field) {
	for _, f := range endpointFields {
		fields = append(fields, f.field)
	}
	return fields
}

// draftEndpoint shows the form to make an endpoint. What it may be told is not filled in: nobody
// is sent PHI because a default said so.
func (d *Dashboard) draftEndpoint(w http.ResponseWriter, r *http.Request) error {
	filled := filledOf(subscription.New("", subscription.Clearance{}))
	filled.Del("phi")
	filled.Del("restricted")
	filled.Set("once", newOnce())
	return d.showEndpointForm(w, r, nil, &form{values: filled})
}

// redraftEndpoint shows the form to change an endpoint, filled in with what it is.
func (d *Dashboard) redraftEndpoint(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.Endpoint(r.Context(), caller(r), r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	filled := filledOf(e)
	filled.Set("was", filled.Encode())
	return d.showEndpointForm(w, r, e, &form{values: filled})
}

// showEndpointForm shows the form to change an endpoint, or to make one where it is nil, as it
// is filled in, with what is wrong in it.
func (d *Dashboard) showEndpointForm(w http.ResponseWriter, r *http.Request, e *subscription.Endpoint, f *form) error {
	view := endpointForm{Once: f.text("once"), Was: f.text("was"), Events: caseupdate.Events(), filled: f.values}
	p := page{Template: "endpoint_form", Title: "New endpoint", Crumbs: []crumb{{"Endpoints", "/endpoints"}}}
	if e != nil {
		name, err := newNames(d.service, caller(r)).endpoint(r.Context(), e.ID)
		if err != nil {
			return err
		}
		view.ID, view.Name = e.ID, name.String()
		p.Title, p.Crumbs = "Edit", aboveEndpoint(name)
		if f.isStale(e) {
			if view.Stale, err = d.reconcile(r.Context(), caller(r), f, e); err != nil {
				return err
			}
			view.Was = f.text("was")
		}
	}
	switch view.Why = f.why(); {
	case view.Stale != nil:
		p.Status = http.StatusConflict
	case view.Why != nil:
		p.Status = http.StatusUnprocessableEntity
	}
	p.Data = view
	return d.show(w, r, p)
}

func (d *Dashboard) createEndpoint(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	draft := subscription.New("", subscription.Clearance{})
	f.endpoint(draft)(draft)
	if f.err() != nil {
		f.refused(draft.Check(true)) // so that all that is wrong is told at once
		return d.showEndpointForm(w, r, nil, f)
	}
	made, err := d.service.CreateEndpoint(r.Context(), caller(r), draft, f.once(r, idOf))
	if repeated, ok := errors.AsType[*service.Repeated](err); ok {
		return d.goTo(w, r, endpointPath(string(repeated.Answer)), "It was made already, and its secret shown then. If nobody has kept that, rotate it.")
	}
	if f.refused(err) {
		return d.showEndpointForm(w, r, nil, f)
	}
	if err != nil {
		return err
	}
	return d.showSecret(w, r, made, true)
}

func (d *Dashboard) updateEndpoint(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	ctx, who := r.Context(), caller(r)
	known, err := d.service.Endpoint(ctx, who, r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	if f.isStale(known) {
		return d.showEndpointForm(w, r, known, f)
	}
	change := f.endpoint(known)
	if f.err() != nil {
		draft := *known
		change(&draft)
		f.refused(draft.Check(true))
		return d.showEndpointForm(w, r, known, f)
	}
	e, err := d.service.UpdateEndpoint(ctx, who, known.ID, func(e *subscription.Endpoint) error {
		if f.isStale(e) {
			known = e
			return errStale
		}
		change(e)
		return nil
	})
	if f.refused(err) || errors.Is(err, errStale) {
		return d.showEndpointForm(w, r, known, f)
	}
	if err != nil {
		return err
	}
	return d.goTo(w, r, endpointPath(e.ID), "It is changed. That holds from the next attempt on.")
}

// filledOf returns the form as it is filled in for an endpoint. Of its headers there are the
// names only.
func filledOf(e *subscription.Endpoint) url.Values {
	filled := url.Values{
		"seen":           {seenOf(e)},
		"url":            {e.URL},
		"description":    {e.Description},
		"phi":            {yesOrNo(e.Clearance.PHI)},
		"restricted":     {yesOrNo(e.Clearance.Restricted)},
		"events":         {"all"},
		"payload":        {string(e.Payload)},
		"documents":      {string(e.Documents)},
		"maxInlineBytes": {orEmpty(e.MaxInlineBytes)},
		"ordering":       {string(e.Ordering)},
		"signing":        {},
		"timeoutSeconds": {strconv.Itoa(int(e.Timeout / time.Second))},
		"maxInFlight":    {strconv.Itoa(e.MaxInFlight)},
		"rateLimit":      {orEmpty(e.RateLimit)},
	}
	if !slices.Contains(e.Events, subscription.AllEvents) {
		filled.Set("events", "some")
		filled["event"] = e.Events
	}
	for _, signing := range e.Signing {
		filled.Add("signing", string(signing))
	}
	var headers strings.Builder
	for _, name := range headerNames(e) {
		headers.WriteString(name + ": " + service.Mask + "\n")
	}
	filled.Set("headers", headers.String())
	return filled
}

func orEmpty(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func headerNames(e *subscription.Endpoint) []string { return slices.Sorted(maps.Keys(e.Headers)) }

// endpoint reads the form, and returns what makes an endpoint as it is filled in. Known is the
// endpoint that is to be changed, whose headers may be kept.
func (f *form) endpoint(known *subscription.Endpoint) (change func(*subscription.Endpoint)) {
	var clearance subscription.Clearance
	for field, cleared := range map[string]*bool{"phi": &clearance.PHI, "restricted": &clearance.Restricted} {
		if is := f.yesNo(field); is != nil {
			*cleared = *is
		} else if f.text(field) == "" {
			f.fault(field, "must be chosen: nobody is told more because a default said so")
		}
	}
	events := []string{subscription.AllEvents}
	if f.text("events") == "some" {
		if events = f.values["event"]; len(events) == 0 {
			f.fault("events", "must be chosen, at least one")
		}
	}
	signing := []subscription.Signing{subscription.SigningStandard}
	if slices.Contains(f.values["signing"], string(subscription.SigningCV)) {
		signing = append(signing, subscription.SigningCV)
	}
	timeout := f.number("timeoutSeconds", 1, int(subscription.MaxTimeout/time.Second))
	maxInFlight := f.number("maxInFlight", 1, subscription.MaxInFlight)
	rateLimit := f.maybeNumber("rateLimit", 1, subscription.MaxRateLimit)
	maxInlineBytes := f.maybeNumber("maxInlineBytes", 0, subscription.MaxInlineBytes)
	headers := f.headers(known)
	return func(e *subscription.Endpoint) {
		e.URL = strings.TrimSpace(f.text("url"))
		e.Description = strings.TrimSpace(f.text("description"))
		e.Clearance = clearance
		e.Events = events
		e.Payload = subscription.Payload(f.text("payload"))
		e.Documents = subscription.Documents(f.text("documents"))
		e.Ordering = subscription.Ordering(f.text("ordering"))
		e.Signing = signing
		e.Timeout = time.Duration(timeout) * time.Second
		e.MaxInFlight = maxInFlight
		e.RateLimit = rateLimit
		e.MaxInlineBytes = maxInlineBytes
		kept := e.Headers
		e.Headers = make(map[string]string, len(headers))
		for name, value := range headers {
			if value == service.Mask {
				value, _ = header(kept, name)
			}
			e.Headers[name] = value
		}
	}
}

// header returns the value of a header, whose name may be written in any case (RFC 9110, section
// 5.1).
func header(headers map[string]string, name string) (value string, there bool) {
	for known, value := range headers {
		if strings.EqualFold(known, name) {
			return value, true
		}
	}
	return "", false
}

// headers reads headers, one a line. Where the value of one that an endpoint has already is the
// mask, it stays as it is.
func (f *form) headers(known *subscription.Endpoint) map[string]string {
	headers, named := make(map[string]string), make(map[string]bool)
	var faults []string
	number := 0
	for line := range strings.Lines(f.text("headers")) {
		number++
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		_, there := header(known.Headers, name)
		allowed := subscription.CheckHeader(name, value)
		switch {
		case !ok:
			allowed = "must be a name, a colon and a value"
		case named[strings.ToLower(name)]:
			allowed = "must not name a header twice"
		case value == service.Mask && !there:
			allowed = "must have a value of its own: " + service.Mask + " stands for one that is kept"
		}
		if allowed != "" {
			faults = append(faults, fmt.Sprintf("line %d %s", number, allowed))
		}
		headers[name], named[strings.ToLower(name)] = value, true
	}
	if len(faults) > 0 {
		f.fault("headers", strings.Join(faults, "; "))
	}
	return headers
}
