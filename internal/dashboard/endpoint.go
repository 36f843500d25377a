package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// endpointsView is the list of endpoints, in the order in which they were made.
type endpointsView struct {
	Rows        []endpointRow
	First, Next string // pages of the list; "" where there is none, or it is this one
}

// endpointRow is an endpoint, and how it is now.
type endpointRow struct {
	ID          string
	Endpoint    endpointName
	URL         string // without its query, which may hold a secret, for whoever is no admin
	Description string
	Clearance   subscription.Clearance
	condition
	Waiting    string     // how many messages wait; "" for none
	Oldest     *time.Time // since when the first of them waits
	LastHour   hourView
	LastAnswer string // its status, or "None"; "" where there was no attempt
	LastAt     *time.Time
}

// hourView is what went to an endpoint in the last hour.
type hourView struct {
	Delivered, FailedAttempts string // "0" for none
	Median, P99               string // from the record of an event to its 2xx; "" for none
	Failing                   string // FailedAttempts in words; "" for none
}

func endpointRowOf(c service.Condition, who service.Caller) endpointRow {
	e, hour := c.Endpoint, c.LastHour
	row := endpointRow{
		ID:          e.ID,
		URL:         who.URLOf(e),
		Description: e.Description,
		Clearance:   e.Clearance,
		condition:   conditionOf(c),
		Waiting:     waiting(c.Backlog),
		Oldest:      c.Backlog.Since,
		LastHour: hourView{
			Delivered:      count(hour.Delivered),
			FailedAttempts: count(hour.FailedAttempts),
			Median:         tookIfKnown(hour.Median),
			P99:            tookIfKnown(hour.P99),
		},
	}
	if hour.FailedAttempts > 0 {
		row.LastHour.Failing = counted(hour.FailedAttempts, "attempt") + " failed"
	}
	if last := c.LastAnswer; last != nil {
		row.LastAnswer, row.LastAt = "None", &last.At
		if last.StatusCode != 0 {
			row.LastAnswer = strconv.Itoa(last.StatusCode)
		}
	}
	return row
}

func tookIfKnown(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return took(*d)
}

func (d *Dashboard) listEndpoints(w http.ResponseWriter, r *http.Request) error {
	conditions, next, err := d.service.Conditions(r.Context(), caller(r), service.Page{Cursor: cursorOf(r)})
	if err != nil {
		return err
	}
	ids := idsOf(conditions, func(c service.Condition) string { return c.Endpoint.ID })
	named, err := newNames(d.service, caller(r)).endpointsBy(r.Context(), ids...)
	if err != nil {
		return err
	}
	var view endpointsView
	for _, c := range conditions {
		row := endpointRowOf(c, caller(r))
		row.Endpoint = named[row.ID]
		view.Rows = append(view.Rows, row)
	}
	view.First, view.Next = pagesOf(r, "/endpoints", next)
	return d.show(w, r, page{Template: "endpoints", Title: "Endpoints", Data: view})
}

// How many of its last messages and replays the page of an endpoint shows.
const (
	shownMessages = 10
	shownReplays  = 5
)

// endpointView is one endpoint.
type endpointView struct {
	endpointRow
	Resume    string // what it is called to have it sent what waits; "" where nothing does
	PausedBy  string // in words; "" where it is not paused, or that is not known
	Refresh   int    // in how many seconds there may be something new; 0: nothing is expected
	CanPause  bool
	Settings  []fact
	Told      []option // what its clearance means
	Secrets   []secretRow
	CanEnd    bool // there are old secrets
	Once      string
	Messages  []sent // that were attempted, the newest first
	Replays   []replayView
	Events    []caseupdate.Event // of which it can be sent a sample
	Sample    caseupdate.Event   // that was chosen
	Test      *testView          // nil where none was made
	CreatedAt time.Time
	UpdatedAt time.Time
}

// testView is what came of a sample.
type testView struct {
	State  string // for a badge
	Answer string // its status, or that there was none
	Took   string
	Error  string // why there was no answer
	Body   string // its first 1 KiB
}

func (d *Dashboard) showEndpoint(w http.ResponseWriter, r *http.Request) error {
	return d.showTested(w, r, caseupdate.EventAddCaseComment, nil)
}

// showTested shows an endpoint, with what came of a sample where there was one.
func (d *Dashboard) showTested(w http.ResponseWriter, r *http.Request, sample caseupdate.Event, test *testView) error {
	ctx, who := r.Context(), caller(r)
	c, err := d.service.Condition(ctx, who, r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	e := c.Endpoint
	view := endpointView{
		endpointRow: endpointRowOf(c, who),
		Resume:      resumption(c),
		Refresh:     refreshOf(c),
		CanPause:    e.State == subscription.Active,
		Settings:    settingsOf(e),
		Told:        clearanceOf(e.Clearance),
		Secrets:     secretsOf(e),
		Once:        newOnce(),
		Events:      caseupdate.Events(),
		Sample:      sample,
		Test:        test,
		CreatedAt:   e.CreatedAt,
		UpdatedAt:   e.UpdatedAt,
	}
	names := newNames(d.service, who)
	if e.State == subscription.Paused && e.StateAt != nil {
		if view.PausedBy, err = names.doneBy(ctx, "pauseEndpoint", *e.StateAt, "endpointId", e.ID); err != nil {
			return err
		}
	}
	view.CanEnd = slices.ContainsFunc(view.Secrets, func(s secretRow) bool { return s.ExpiresAt != nil })
	deliveries, _, err := d.service.Deliveries(ctx, who, service.DeliveryFilter{EndpointID: e.ID, Tried: true}, service.Page{Limit: shownMessages})
	if err != nil {
		return err
	}
	if view.Messages, err = names.recipients(ctx, deliveries); err != nil {
		return err
	}
	if view.Endpoint, err = names.endpoint(ctx, e.ID); err != nil {
		return err
	}
	replays, _, err := d.service.Replays(ctx, who, e.ID, service.Page{Limit: shownReplays})
	if err != nil {
		return err
	}
	for _, replay := range replays {
		view.Replays = append(view.Replays, replayViewOf(replay))
	}
	return d.show(w, r, page{Template: "endpoint", Title: view.Endpoint.String(), Crumbs: []crumb{{"Endpoints", "/endpoints"}}, Data: view})
}

// resumption is what it is called to have an endpoint sent what waits, "" where nothing does.
func resumption(c service.Condition) string {
	switch {
	case c.Endpoint.State != subscription.Active, c.Health.Gate() != subscription.Open:
		return "Resume"
	case c.Backlog.Messages > 0:
		return "Send what waits now"
	case c.Health.FlaggedAt != nil:
		return "Clear the flag"
	}
	return ""
}

// refreshOf returns in how many seconds the page of an endpoint may have something new; 0 where
// nothing goes to it.
func refreshOf(c service.Condition) int {
	switch {
	case c.Endpoint.State != subscription.Active, c.Backlog.Messages == 0:
		return 0
	case c.Health.Failures > 0:
		return 10
	}
	return 2
}

func (d *Dashboard) testEndpoint(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	event := caseupdate.Event(form.text("event"))
	attempt, err := d.service.TestEndpoint(r.Context(), caller(r), r.PathValue("endpointId"), event, nil)
	if err != nil {
		return err
	}
	test := &testView{
		State:  string(store.Failed),
		Answer: answered(attempt.StatusCode),
		Took:   took(attempt.Duration),
		Error:  attempt.Error,
		Body:   strings.ToValidUTF8(string(attempt.Answer), "\uFFFD"),
	}
	if attempt.StatusCode/100 == 2 {
		test.State = string(store.Delivered)
	}
	return d.showTested(w, r, event, test)
}

func (d *Dashboard) pauseEndpoint(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.PauseEndpoint(r.Context(), caller(r), r.PathValue("endpointId"), nil)
	if err != nil {
		return err
	}
	return d.goTo(w, r, endpointPath(e.ID), "It is paused: what it is to be sent waits.")
}

func (d *Dashboard) resumeEndpoint(w http.ResponseWriter, r *http.Request) error {
	e, err := d.service.ResumeEndpoint(r.Context(), caller(r), r.PathValue("endpointId"), nil)
	if err != nil {
		return err
	}
	return d.goTo(w, r, endpointPath(e.ID), "Resumed at "+timeOfDay(time.Now())+": what waited is due since then, in order.")
}

func (d *Dashboard) askToDeleteEndpoint(w http.ResponseWriter, r *http.Request) error {
	c, err := d.service.Condition(r.Context(), caller(r), r.PathValue("endpointId"))
	if err != nil {
		return err
	}
	name, err := newNames(d.service, caller(r)).endpoint(r.Context(), c.Endpoint.ID)
	if err != nil {
		return err
	}
	lost := "Nothing waits for it."
	switch messages := waiting(c.Backlog); messages {
	case "":
	case "1":
		lost = "1 message waits for it and will never be sent."
	default:
		lost = messages + " messages wait for it and will never be sent."
	}
	return d.ask(w, r, question{
		Title:   "Delete the endpoint",
		About:   name.String(),
		Text:    c.Endpoint.Recipient() + " is sent nothing any more, and its secrets are gone. " + lost + " This cannot be undone.",
		Button:  "Delete",
		Class:   "danger",
		Dismiss: "Keep it",
		Back:    endpointPath(name.ID),
	}, aboveEndpoint(name)...)
}

func (d *Dashboard) deleteEndpoint(w http.ResponseWriter, r *http.Request) error {
	if err := d.service.DeleteEndpoint(r.Context(), caller(r), r.PathValue("endpointId")); err != nil {
		return err
	}
	return d.goTo(w, r, "/endpoints", "The endpoint is deleted, and is sent nothing any more.")
}

// aboveEndpoint is what lies above the pages of an endpoint.
func aboveEndpoint(name endpointName) []crumb {
	return []crumb{{"Endpoints", "/endpoints"}, {name.String(), endpointPath(name.ID)}}
}

func endpointPath(id string) string { return "/endpoints/" + url.PathEscape(id) }
