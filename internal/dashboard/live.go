package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

const (
	// shownAtFirst is how much of what happened last the page begins with.
	shownAtFirst = 50
	// beat is how often a stream says something, and asks whether its session lasts still.
	beat = 2 * time.Second
	// retry is how long a browser waits before it connects again.
	retry = 3 * time.Second
)

// liveView is the page on which what happens is watched.
type liveView struct {
	Rows      []happeningRow
	Stream    string // where what happens next comes from
	Filtered  bool
	Filter    map[string]string
	Endpoints []choice
	Events    []caseupdate.Event
}

// happeningRow is a line of what happens. It tells of no patient.
type happeningRow struct {
	service.Happening
	State    string
	Endpoint *endpointName // that it was sent to; nil where an event was recorded
	Path     string        // where more of it is shown; "" for nowhere
	Why      string        // it was withheld, or ""
	Took     string        // "" where nothing was sent
}

// liveFilters are the fields by which what happens is filtered.
var liveFilters = []string{"endpoint", "event"}

func readLiveFilter(form *form) (service.LiveFilter, error) {
	filter := service.LiveFilter{EndpointID: form.text("endpoint"), Event: caseupdate.Event(form.text("event"))}
	if filter.Event != "" && !filter.Event.Known() {
		return filter, refusal.Field("event", refusal.OneOf(caseupdate.Events()))
	}
	return filter, nil
}

func (d *Dashboard) showLive(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	ctx, who := r.Context(), caller(r)
	filter, err := readLiveFilter(form)
	if err != nil {
		return err
	}
	latest, err := d.service.Latest(ctx, who, filter, shownAtFirst)
	if err != nil {
		return err
	}
	view := liveView{Stream: form.with("/live/stream", "after", latest.Next), Filter: map[string]string{}, Events: caseupdate.Events()}
	for _, name := range liveFilters {
		view.Filter[name] = form.text(name)
		view.Filtered = view.Filtered || form.text(name) != ""
	}
	names := newNames(d.service, who)
	if view.Endpoints, err = names.endpointChoices(ctx, filter.EndpointID); err != nil {
		return err
	}
	if view.Rows, err = names.tellHappenings(ctx, latest.Data); err != nil {
		return err
	}
	return d.show(w, r, page{Template: "live", Title: "Live", Data: view})
}

// tellHappenings returns the lines of what has happened, the latest first.
func (n *names) tellHappenings(ctx context.Context, happenings []service.Happening) ([]happeningRow, error) {
	ids := idsOf(happenings, func(h service.Happening) string { return h.EndpointID })
	named, err := n.endpointsBy(ctx, ids...)
	if err != nil {
		return nil, err
	}
	rows := make([]happeningRow, len(happenings))
	for i, h := range happenings {
		row := happeningRow{Happening: h, State: string(h.State)}
		switch {
		case h.DeliveryID == "":
			row.State = "recorded"
			if h.ShortID != "" {
				row.Path = "/cases/" + url.PathEscape(h.CaseID) + "?" + url.Values{"asOf": {h.EventID}}.Encode()
			}
		case h.Withheld:
			row.State, row.Why = "withheld", whyWithheld(h.Attempt-1)
		case h.State == "pending":
			row.State = "failing"
		}
		if h.DeliveryID != "" {
			row.Path = "/deliveries/" + url.PathEscape(h.DeliveryID)
			row.Endpoint = new(named[h.EndpointID])
		}
		if h.Attempt > 0 && !h.Withheld {
			row.Took = took(h.Took)
		}
		rows[len(rows)-1-i] = row
	}
	return rows, nil
}

// streamLive goes on with what the page began with, as server-sent events (HTML Living
// Standard, section 9.2): each has lines of the page, and the place to go on after as its id.
// It ends with the session, with the server, and when the browser leaves.
func (d *Dashboard) streamLive(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	filter, err := readLiveFilter(form)
	if err != nil {
		return err
	}
	after := r.Header.Get("Last-Event-ID")
	if after == "" {
		after = form.text("after")
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.streams, cancel)()
	stream := newStream(w)
	viewer, err := d.service.Watch(ctx, caller(r), filter, after)
	if err != nil && d.streams.Err() != nil { // one that ends at once has the browser begin another
		_ = stream.begin()
		return nil
	}
	if err != nil {
		return err
	}
	defer viewer.Close()
	if err := stream.begin(); err != nil {
		return nil // the browser has left
	}
	if err := d.follow(ctx, r, viewer, stream); err != nil && ctx.Err() == nil {
		d.log.Warn("a stream ended early", "error", err) // the browser begins another
	}
	return nil
}

// follow writes what a viewer sees to a stream, until that is over.
func (d *Dashboard) follow(ctx context.Context, r *http.Request, viewer *service.Viewer, stream *stream) error {
	asked := time.Now()
	for {
		until, cancel := context.WithDeadline(ctx, asked.Add(beat))
		seen, err := viewer.Next(until)
		over := until.Err() != nil
		cancel()
		switch {
		case err == nil:
			if err := d.tell(ctx, caller(r), seen, stream); err != nil {
				return err
			}
		case !over || ctx.Err() != nil:
			return err
		}
		if time.Since(asked) < beat {
			continue
		}
		asked = time.Now()
		lasts, err := d.lasts(r)
		if err != nil {
			return err
		}
		if !lasts {
			return stream.send("end", "", "")
		}
		if err := stream.rest(); err != nil {
			return err
		}
	}
}

// tell writes what has happened to a stream. Names are asked for each time: an endpoint may be
// renamed, or deleted, while the stream goes on.
func (d *Dashboard) tell(ctx context.Context, who service.Caller, seen service.Happenings, stream *stream) error {
	rows, err := newNames(d.service, who).tellHappenings(ctx, seen.Data)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	if err := (*d.pages)["live"].ExecuteTemplate(&lines, "happenings", rows); err != nil {
		return fmt.Errorf("show what happened: %w", err)
	}
	name := "happened"
	if seen.More {
		name = "left"
	}
	return stream.send(name, seen.Next, string(undisguise(lines.Bytes())))
}

// stream is an answer of server-sent events.
type stream struct {
	w          http.ResponseWriter
	connection *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream { return &stream{w, http.NewResponseController(w)} }

func (s *stream) begin() error {
	_ = s.connection.SetReadDeadline(time.Time{}) // nothing more is read; fails only where there is no connection
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.Header().Set("X-Accel-Buffering", "no") // a proxy is not to wait until there is more
	s.w.WriteHeader(http.StatusOK)
	return s.write(fmt.Sprintf("retry: %d\n\n", retry.Milliseconds()))
}

// send sends an event. Its data is lines of HTML.
func (s *stream) send(name, id, data string) error {
	var event strings.Builder
	event.WriteString("event: " + name + "\n")
	if id != "" {
		event.WriteString("id: " + id + "\n")
	}
	for line := range strings.Lines(strings.ReplaceAll(data, "\r", " ") + "\n") {
		event.WriteString("data: " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return s.write(event.String() + "\n")
}

// rest says that there is nothing to say, so that nobody takes the connection for dead.
func (s *stream) rest() error { return s.write(":\n\n") }

func (s *stream) write(text string) error {
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.connection.Flush()
}
