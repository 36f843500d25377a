package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// replayForm is the form to send an endpoint events again, with what that would be.
type replayForm struct {
	EndpointID string
	Holdup     string // why the endpoint is sent nothing now, "" where it is
	Spans      []spanLink
	Events     []caseupdate.Event
	Preview    string         // how many messages; "" where the form cannot be accepted
	IsNone     bool           // there are none
	Waiting    string         // how many wait for the endpoint already; "" for none
	Running    string         // the page of a replay that runs already; "" for none
	Why        *refusal.Error // it cannot be accepted; nil where it can
	IsPart     bool           // it is previewed while somebody fills it in
	filled     url.Values
}

// spanLink leads to the form with another time filled in.
type spanLink struct {
	Name, Path string
	Current    bool
}

// Fields are those of the form.
func (replayForm) Fields() []field {
	return []field{{"since", "From"}, {"until", "Before"}, {"caseId", "Case"}, {"events", "Only some events"}}
}

// Text returns what stands in a field.
func (f replayForm) Text(field string) string { return f.filled.Get(field) }

// Has reports whether an event is chosen.
func (f replayForm) Has(event caseupdate.Event) bool {
	return slices.Contains(f.filled["event"], string(event))
}

// Chosen returns how many events are chosen.
func (f replayForm) Chosen() int { return len(f.filled["event"]) }

// Filled returns the form as it is, for the one that begins the replay.
func (f replayForm) Filled() (fields []fact) {
	for _, name := range replayFields {
		for _, value := range f.filled[name] {
			fields = append(fields, fact{name, value})
		}
	}
	return fields
}

var replayFields = []string{"since", "until", "caseId", "event", "onlyFailed"}

// previewReplay shows the form to send an endpoint events again, and how many messages it would
// be as it is filled in.
func (d *Dashboard) previewReplay(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	filter, err := d.replayFilter(r.Context(), caller(r), f)
	if err != nil {
		return err
	}
	return d.showReplayForm(w, r, f, filter)
}

func (d *Dashboard) showReplayForm(w http.ResponseWriter, r *http.Request, f *form, filter service.ReplayFilter) error {
	ctx, who := r.Context(), caller(r)
	c, err := d.service.Condition(ctx, who, r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	e := c.Endpoint
	view := replayForm{EndpointID: e.ID, Holdup: holdup(c), Events: caseupdate.Events(), IsPart: isPartial(r)}
	if c.Backlog.Messages > 0 {
		view.Waiting = waiting(c.Backlog) + plural(int(c.Backlog.Messages), " message", " messages")
	}
	if f.err() == nil {
		preview, err := d.service.PreviewReplay(ctx, who, e.ID, filter)
		if !f.refused(err) && err != nil {
			return err
		}
		if err == nil {
			view.Preview, view.IsNone = previewed(preview), preview.Messages == 0
		}
	}
	if view.Running, err = d.runningReplay(ctx, who, e.ID); err != nil {
		return err
	}
	view.Spans = spanLinks(f, endpointPath(e.ID)+"/replay")
	view.filled, view.Why = f.values, f.why()
	name, err := newNames(d.service, who).endpoint(ctx, e.ID)
	if err != nil {
		return err
	}
	p := page{Template: "replay_form", Title: "Replay", Crumbs: aboveEndpoint(name), Data: view}
	if view.Why != nil {
		p.Status = http.StatusUnprocessableEntity
	}
	return d.show(w, r, p)
}

// replayFilter reads the form. What is wrong with it is among its faults.
func (d *Dashboard) replayFilter(ctx context.Context, who service.Caller, f *form) (filter service.ReplayFilter, err error) {
	filter = service.ReplayFilter{
		Since:      f.time("since"),
		Until:      f.time("until"),
		Events:     f.values["event"],
		OnlyFailed: f.text("onlyFailed") == "yes",
	}
	name := strings.TrimSpace(f.text("caseId"))
	if name == "" {
		return filter, nil
	}
	filter.CaseID, err = d.findCase(ctx, who, name)
	if refused, ok := errors.AsType[*refusal.Error](err); ok && refused.Kind == refusal.NotFound {
		f.fault("caseId", "must be the short id of a case, such as ADA-7K2QX, or its id")
		return filter, nil
	}
	return filter, err
}

// runningReplay returns the page of the replay of an endpoint that runs, "" where none does.
func (d *Dashboard) runningReplay(ctx context.Context, who service.Caller, endpointID string) (string, error) {
	last, _, err := d.service.Replays(ctx, who, endpointID, service.Page{Limit: 1})
	if err != nil || len(last) == 0 || last[0].State != store.ReplayRunning {
		return "", err
	}
	return replayPath(last[0]), nil
}

// previewed tells how many messages a replay would send.
func previewed(p service.ReplayPreview) string {
	if p.More {
		return counted(p.Messages, "message") + " or more"
	}
	return counted(p.Messages, "message")
}

// spanLinks leads to the times that are asked for most.
func spanLinks(f *form, path string) (links []spanLink) {
	until, now := f.text("until"), time.Now().UTC()
	for _, span := range []struct {
		name string
		long time.Duration
	}{{"All", 0}, {"Last hour", time.Hour}, {"Last day", 24 * time.Hour}, {"Last 7 days", 7 * 24 * time.Hour}} {
		var since string
		if span.long > 0 {
			since = now.Add(-span.long).Format(moments[0])
		}
		query := url.Values{}
		for name, values := range f.values {
			if name != "until" && name != "since" {
				query[name] = values
			}
		}
		if since != "" {
			query.Set("since", since)
		}
		links = append(links, spanLink{span.name, strings.TrimSuffix(path+"?"+query.Encode(), "?"), until == "" && f.text("since") == since})
	}
	return links
}

func (d *Dashboard) replay(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	filter, err := d.replayFilter(r.Context(), caller(r), f)
	if err != nil {
		return err
	}
	if f.err() != nil {
		return d.showReplayForm(w, r, f, filter)
	}
	begun, err := d.service.Replay(r.Context(), caller(r), r.PathValue("endpointId"), filter, nil)
	if f.refused(err) {
		return d.showReplayForm(w, r, f, filter)
	}
	if err != nil {
		return err
	}
	return d.goTo(w, r, replayPath(begun), "")
}

// replayView is a replay, and how far it is.
type replayView struct {
	ID, EndpointID string
	State          string
	IsRunning      bool
	Percent        int
	Queued         string // how many messages were put in line
	Sent           string // how many of them were attempted again
	Waiting        string // how many were not
	What           []fact // is sent again
	CreatedAt      time.Time
	FinishedAt     *time.Time
	Holdup         string // why the endpoint is sent nothing now, "" where it is
}

func replayViewOf(r service.Replay) replayView {
	view := replayView{
		ID:         r.ID,
		EndpointID: r.EndpointID,
		State:      string(r.State),
		IsRunning:  r.State == store.ReplayRunning,
		Percent:    int(100 * r.Progress),
		Queued:     count(r.Queued),
		Sent:       count(r.Queued - r.Waiting),
		Waiting:    count(r.Waiting),
		CreatedAt:  r.CreatedAt,
		FinishedAt: r.FinishedAt,
	}
	messages := "All that the endpoint is subscribed to"
	if r.OnlyFailed {
		messages = "What failed for good"
	}
	view.What = append(view.What, fact{"Messages", messages})
	add := func(name, value string) {
		if value != "" {
			view.What = append(view.What, fact{name, value})
		}
	}
	var events []string
	for _, event := range r.Events {
		events = append(events, string(event))
	}
	add("Events", strings.Join(events, ", "))
	add("Case", r.CaseID)
	add("From", exactly(r.Since))
	add("Until", exactly(r.Until))
	return view
}

// exactly writes a moment, "" for none.
func exactly(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// Path is where the replay is shown.
func (v replayView) Path() string { return "/endpoints/" + v.EndpointID + "/replays/" + v.ID }

func replayPath(r service.Replay) string { return replayViewOf(r).Path() }

func (d *Dashboard) showReplay(w http.ResponseWriter, r *http.Request) error {
	ctx, who := r.Context(), caller(r)
	replay, err := d.replayOf(r)
	if err != nil {
		return err
	}
	c, err := d.service.Condition(ctx, who, replay.EndpointID)
	if err != nil {
		return err
	}
	name, err := newNames(d.service, who).endpoint(ctx, replay.EndpointID)
	if err != nil {
		return err
	}
	view := replayViewOf(replay)
	view.Holdup = holdup(c)
	return d.show(w, r, page{Template: "replay", Title: "Replay", Crumbs: aboveEndpoint(name), Data: view})
}

// holdup tells why an endpoint is sent nothing now, "" where it is.
func holdup(c service.Condition) string {
	if c.Endpoint.Receiving() && c.Health.Gate() == subscription.Open {
		return ""
	}
	return conditionOf(c).Why
}

// replayOf returns the replay that a request names, which is one of the endpoint that it names.
func (d *Dashboard) replayOf(r *http.Request) (service.Replay, error) {
	replay, err := d.service.ReplayOf(r.Context(), caller(r), r.PathValue("replayId"))
	if err == nil && replay.EndpointID != r.PathValue("endpointId") {
		err = refusal.Of(refusal.NotFound, "There is no such replay of this endpoint.")
	}
	return replay, err
}

func (d *Dashboard) askToStopReplay(w http.ResponseWriter, r *http.Request) error {
	replay, err := d.replayOf(r)
	if err != nil {
		return err
	}
	if replay.State != store.ReplayRunning {
		return refusal.Of(refusal.Conflict, "The replay does not run any more.")
	}
	if _, err := d.service.Endpoint(r.Context(), caller(r), replay.EndpointID); err != nil {
		return err
	}
	name, err := newNames(d.service, caller(r)).endpoint(r.Context(), replay.EndpointID)
	if err != nil {
		return err
	}
	view := replayViewOf(replay)
	return d.ask(w, r, question{
		Title:   "Stop the replay to",
		About:   name.String(),
		Text:    "What it has sent again stays sent: until now " + view.Sent + ". The rest, of which " + view.Waiting + " in line, is as it was before.",
		Button:  "Stop",
		Dismiss: "Let it go on",
		Back:    view.Path(),
	}, append(aboveEndpoint(name), crumb{"Replay", view.Path()})...)
}

func (d *Dashboard) stopReplay(w http.ResponseWriter, r *http.Request) error {
	replay, err := d.replayOf(r)
	if err != nil {
		return err
	}
	if _, err := d.service.StopReplay(r.Context(), caller(r), replay.ID, nil); err != nil {
		return err
	}
	return d.goTo(w, r, replayPath(replay), "It is stopped: what it had not sent again is as it was before.")
}
