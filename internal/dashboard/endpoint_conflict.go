package dashboard

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// conflict is what somebody else has changed of an endpoint since a form to change it was opened.
type conflict struct {
	By      string // whose key it was; "" where the audit does not tell
	At      time.Time
	Changed []changedField // in the order of the form
}

// changedField is a field that has another value by now.
type changedField struct {
	field
	Now  string // its value, in words
	Both bool   // the form has another one, which stands there still
}

// seenOf tells one change of an endpoint from the others. Who saves a form says by it what they
// have seen: they must not take back unawares what somebody else has changed since.
func seenOf(e *subscription.Endpoint) string { return e.UpdatedAt.UTC().Format(time.RFC3339Nano) }

// was returns what the form was filled in with; nothing where it does not tell.
func (f *form) was() url.Values {
	filled, err := url.ParseQuery(f.text("was"))
	if err != nil {
		return url.Values{}
	}
	return filled
}

// isStale reports whether an endpoint was changed since the form was filled in.
func (f *form) isStale(e *subscription.Endpoint) bool { return f.was().Get("seen") != seenOf(e) }

// errStale gives up the change of an endpoint by a form that is stale.
var errStale = refusal.Of(refusal.Conflict, "the endpoint was changed since the form was opened")

// reconcile brings a stale form up to what an endpoint is now, and tells what has changed. A field
// that was not touched has the new value then; one that both have changed keeps what was typed,
// and is marked.
func (d *Dashboard) reconcile(ctx context.Context, who service.Caller, f *form, e *subscription.Endpoint) (*conflict, error) {
	was, is := f.was(), filledOf(e)
	c := new(conflict)
	for _, field := range endpointFields {
		now, typed := entered(is, field.Field), entered(f.values, field.Field)
		if now == entered(was, field.Field) {
			continue
		}
		changed := changedField{field.field, field.told(e), typed != now && typed != entered(was, field.Field)}
		if changed.Both {
			f.fault(field.Field, "was changed meanwhile, to: "+changed.Now+". What stands here is yours")
		} else {
			for _, input := range inputsOf(field.Field) {
				f.values[input] = is[input]
			}
		}
		c.Changed = append(c.Changed, changed)
	}
	f.values.Set("was", is.Encode())
	seen, err := time.Parse(time.RFC3339Nano, was.Get("seen"))
	if err != nil {
		return c, nil
	}
	c.By, c.At, err = newNames(d.service, who).lastDone(ctx, service.AuditFilter{Operation: "updateEndpoint", Since: &seen}, "endpointId", e.ID)
	return c, err
}

// inputsOf returns the inputs that a field has.
func inputsOf(field string) []string {
	if field == "events" {
		return []string{"events", "event"}
	}
	return []string{field}
}

// entered returns what stands in a field, such that the same is the same text.
func entered(values url.Values, field string) string {
	switch field {
	case "events":
		if values.Get("events") == "some" {
			return strings.Join(slices.Sorted(slices.Values(values["event"])), " ")
		}
	case "signing":
		return strconv.FormatBool(slices.Contains(values["signing"], string(subscription.SigningCV)))
	case "headers":
		var lines []string
		for line := range strings.Lines(values.Get("headers")) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	return strings.TrimSpace(values.Get(field))
}
