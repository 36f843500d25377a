package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	neturl "net/url"
	"slices"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

const (
	archiveCases    = 100_000
	eventsOfEach    = 2
	eventsOfLongest = 9_900  // of one case more, which can have few more
	archivePartner  = 5      // endpoints, so that there are a million deliveries
	backlog         = 50_000 // of them that wait for one endpoint
	repeats         = 20     // of each read
)

// read is something that pages show, and how long it took each time.
type read struct {
	name string
	do   func(ctx context.Context) error
	took quantiles // the median, and the worst
}

// measurePages measures how long it takes to read what pages show, with 100,000 cases, a
// million deliveries and 2,000 endpoints: calls of the service in this process, and then answers over HTTP.
func (r *results) measurePages(ctx context.Context, _ *sinkClient, data string) error {
	url, err := r.database.create(ctx, data)
	if err != nil {
		return err
	}
	places, err := r.fillArchive(ctx, data, url)
	if err != nil {
		return err
	}
	if err := r.readInside(ctx, data, url, places); err != nil {
		return err
	}
	process, err := start(ctx, "server", dataVariable+"="+data, databaseVariable+"="+url, profileVariable+"="+r.profile("pages"))
	if err != nil {
		return err
	}
	defer process.stop()
	rest := &restClient{"http://" + process.address}
	r.progress("pages over HTTP")
	raw := read{name: "/healthz", do: func(ctx context.Context) error { return rest.fetch(ctx, "/healthz") }}
	if err := raw.time(ctx); err != nil {
		return err
	}
	r.rawPage = raw.took
	browser, err := signIn(ctx, rest.url)
	if err != nil {
		return err
	}
	var reads []*read
	for _, path := range places.paths() {
		reads = append(reads, &read{name: "GET " + path, do: func(ctx context.Context) error { return rest.fetch(ctx, path) }})
	}
	for _, path := range places.pages() {
		reads = append(reads, &read{name: "page " + path, do: func(ctx context.Context) error {
			return visit(ctx, browser, rest.url, path)
		}})
	}
	return r.timeAll(ctx, reads)
}

// signIn returns a browser that is signed in to the dashboard.
func signIn(ctx context.Context, url string) (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Transport: client.Transport, Jar: jar}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/login", strings.NewReader("key="+key))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || len(jar.Cookies(request.URL)) == 0 {
		return nil, fmt.Errorf("sign in: %s", response.Status)
	}
	return browser, nil
}

// visit opens a page, or posts what stands behind the question mark to it.
func visit(ctx context.Context, browser *http.Client, url, page string) error {
	path, posts := strings.CutPrefix(page, "POST ")
	if !posts {
		return ask(ctx, browser, http.MethodGet, url+path, "", nil)
	}
	path, form, _ := strings.Cut(path, "?")
	return ask(ctx, browser, http.MethodPost, url+path, form, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// readInside measures calls of the service.
func (r *results) readInside(ctx context.Context, data, url string, places archive) (err error) {
	h, err := open(ctx, data, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	h.caller.Clearance = service.FullClearance
	r.progress("what pages show")
	return r.timeAll(ctx, places.reads(h))
}

// timeAll measures reads, each by itself.
func (r *results) timeAll(ctx context.Context, reads []*read) error {
	r.pages = append(r.pages, reads...)
	for _, read := range reads {
		if err := read.time(ctx); err != nil {
			return fmt.Errorf("%s: %w", read.name, err)
		}
	}
	return nil
}

// time reads again and again. The first time, which finds nothing in memory, counts too.
func (r *read) time(ctx context.Context) error {
	took := make([]time.Duration, repeats)
	for i := range took {
		started := time.Now()
		if err := r.do(ctx); err != nil {
			return err
		}
		took[i] = time.Since(started)
	}
	slices.Sort(took)
	r.took = quantiles{median: took[repeats/2], p99: took[repeats-1]}
	return nil
}

// fetch gets what is at a path, and reads all of it.
func (c *restClient) fetch(ctx context.Context, path string) error {
	return ask(ctx, client, http.MethodGet, c.url+path, "", http.Header{"Authorization": {"Bearer " + key}})
}

// ask makes a request, and reads all of the answer.
func ask(ctx context.Context, client *http.Client, method, url, body string, header http.Header) error {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	maps.Copy(request.Header, header)
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, request.URL.Path, response.Status)
	}
	return nil
}

// archive is what there is to be shown.
type archive struct {
	behind, well     string // endpoints: one for which much waits, and another
	caseID, shortID  string
	longID           string // of the case with the most events
	eventID          string
	delivery, failed string
	ofLongest        string    // the last delivery of that case
	waiting          string    // the last delivery to the endpoint behind, which waits
	middle           time.Time // before which half of it was made
}

// pages are those of the dashboard that are measured: each, as it is first seen, and with what
// makes it look at most.
func (a archive) pages() []string {
	middle := neturl.QueryEscape(a.middle.UTC().Format("2006-01-02T15:04:05"))
	return []string{
		"/",
		"/?span=day",
		"/home?span=day",
		"POST /search?q=" + a.shortID,
		"POST /search?q=" + a.eventID,
		"POST /search?q=" + a.delivery,
		"/cases",
		"/cases?status=ABANDONED",
		"/cases?type=none",
		"/cases?archived=yes",
		"/cases?escalated=yes&archived=yes",
		"/cases?until=" + middle,
		"/cases?since=" + middle + "&status=ABANDONED",
		"/cases/" + a.caseID,
		"/cases/" + a.longID,
		"/cases/" + a.longID + "?asOf=5000",
		"POST /cases/reveal",
		"POST /cases/" + a.caseID + "/reveal",
		"POST /cases/" + a.longID + "/reveal",
		"/endpoints",
		"/endpoints/new",
		"/endpoints/" + a.behind,
		"/endpoints/" + a.well,
		"/endpoints/" + a.well + "/edit",
		"/endpoints/" + a.well + "/replay",
		"/endpoints/" + a.well + "/replay?onlyFailed=yes",
		"/endpoints/" + a.well + "/replay?caseId=" + a.longID,
		"/deliveries",
		"/deliveries?state=failed",
		"/deliveries?state=pending",
		"/deliveries?state=sending",
		"/deliveries?state=canceled&until=" + middle,
		"/deliveries?endpointId=" + a.behind,
		"/deliveries?endpointId=" + a.well,
		"/deliveries?state=pending&endpointId=" + a.behind,
		"/deliveries?state=sending&endpointId=" + a.behind,
		"/deliveries?state=pending&tried=yes&endpointId=" + a.behind,
		"/deliveries?event=" + string(caseupdate.EventReopenCase),
		"/deliveries?event=" + string(caseupdate.EventReopenCase) + "&state=delivered&endpointId=" + a.behind,
		"/deliveries?tried=yes&endpointId=" + a.behind,
		"/deliveries?state=failed&endpointId=" + a.behind + "&until=" + middle,
		"/deliveries?caseId=" + a.shortID,
		"/deliveries?caseId=" + a.longID,
		"/deliveries?state=pending&caseId=" + a.longID,
		"/deliveries?eventId=" + a.eventID,
		"/deliveries/" + a.failed,
		"/deliveries/" + a.waiting,
		"/deliveries/" + a.ofLongest,
		"/deliveries/" + a.ofLongest + "/progress",
		"POST /deliveries/" + a.failed + "/reveal",
		"POST /deliveries/" + a.ofLongest + "/reveal",
		"/live",
		"/live?event=" + string(caseupdate.EventReopenCase) + "&endpoint=" + a.behind,
		"/keys",
		"/users",
		"/users/new",
		"/audit",
		"/audit?operation=eraseCase",
		"/audit?keyId=k&operation=eraseCase",
		"/audit?keyId=k&operation=eraseCase&until=" + middle,
		"/audit?caseId=" + a.caseID,
	}
}

// paths are the calls of the REST interface that are measured.
func (a archive) paths() []string {
	return []string{
		"/v1/cases",
		"/v1/cases?status=ABANDONED",
		"/v1/cases?shortId=" + a.shortID,
		"/v1/cases/" + a.caseID,
		"/v1/cases/" + a.caseID + "/events",
		"/v1/endpoints",
		"/v1/deliveries",
		"/v1/deliveries?state=failed",
		"/v1/deliveries?state=pending&tried=true",
		"/v1/deliveries?event=" + string(caseupdate.EventReopenCase),
		"/v1/deliveries?state=delivered&endpointId=" + a.behind,
		"/v1/deliveries/" + a.failed,
		"/v1/audit?operation=eraseCase",
	}
}

// reads are the calls of the service that are measured.
func (a archive) reads(h *house) []*read {
	now := time.Now()
	cases := func(name string, f service.CaseFilter) *read {
		return &read{name: "cases: " + name, do: func(ctx context.Context) error {
			_, _, err := h.Cases(ctx, h.caller, f, service.Page{})
			return err
		}}
	}
	deliveries := func(name string, f service.DeliveryFilter) *read {
		return &read{name: "deliveries: " + name, do: func(ctx context.Context) error {
			_, _, err := h.Deliveries(ctx, h.caller, f, service.Page{})
			return err
		}}
	}
	series := func(name, endpointID string, long, step time.Duration) *read {
		return &read{name: "traffic: " + name, do: func(ctx context.Context) error {
			_, err := h.Traffic(ctx, h.caller, service.TrafficFilter{EndpointID: endpointID, Since: now.Add(-long), Until: now, Step: step})
			return err
		}}
	}
	preview := func(name string, f service.ReplayFilter) *read {
		return &read{name: "replay preview: " + name, do: func(ctx context.Context) error {
			_, err := h.PreviewReplay(ctx, h.caller, a.well, f)
			return err
		}}
	}
	entries := func(name string, f service.AuditFilter) *read {
		return &read{name: "audit: " + name, do: func(ctx context.Context) error {
			_, _, err := h.Audit(ctx, h.caller, f, service.Page{})
			return err
		}}
	}
	return []*read{
		{name: "what is wrong now", do: func(ctx context.Context) error {
			_, err := h.Trouble(ctx, h.caller)
			return err
		}},
		{name: "endpoints and how they are", do: func(ctx context.Context) error {
			_, _, err := h.Conditions(ctx, h.caller, service.Page{})
			return err
		}},
		series("an hour", "", time.Hour, time.Minute),
		series("a day", "", 24*time.Hour, 10*time.Minute),
		series("a day, of an endpoint", a.behind, 24*time.Hour, 10*time.Minute),
		series("a week", "", 7*24*time.Hour, time.Hour),

		cases("all", service.CaseFilter{}),
		cases("a short id", service.CaseFilter{ShortID: a.shortID}),
		cases("a rare status", service.CaseFilter{Status: caseupdate.StatusAbandoned}),
		cases("a type that there is not", service.CaseFilter{Type: "none"}),
		cases("archived", service.CaseFilter{IsArchived: new(true)}),
		cases("escalated", service.CaseFilter{IsEscalated: new(true)}),
		cases("created before", service.CaseFilter{CreatedBefore: &a.middle}),
		{name: "a case: its events, and their deliveries", do: func(ctx context.Context) error {
			if _, _, _, err := h.CaseFeed(ctx, h.caller, a.caseID, 0, 0); err != nil {
				return err
			}
			_, err := h.DeliveriesOf(ctx, h.caller, []string{a.eventID})
			return err
		}},

		deliveries("all", service.DeliveryFilter{}),
		deliveries("of a case", service.DeliveryFilter{CaseID: a.caseID}),
		deliveries("of an event", service.DeliveryFilter{EventID: a.eventID}),
		deliveries("to the endpoint behind", service.DeliveryFilter{EndpointID: a.behind}),
		deliveries("to another", service.DeliveryFilter{EndpointID: a.well}),
		deliveries("that wait", service.DeliveryFilter{State: store.Pending}),
		deliveries("that wait, to an endpoint where none do", service.DeliveryFilter{State: store.Pending, EndpointID: a.well}),
		deliveries("that fail, and are tried again", service.DeliveryFilter{State: store.Pending, Tried: true}),
		deliveries("that fail, to the endpoint behind", service.DeliveryFilter{State: store.Pending, Tried: true, EndpointID: a.behind}),
		deliveries("that are being sent", service.DeliveryFilter{State: store.Sending}),
		deliveries("delivered", service.DeliveryFilter{State: store.Delivered}),
		deliveries("delivered to the endpoint behind", service.DeliveryFilter{State: store.Delivered, EndpointID: a.behind}),
		deliveries("failed", service.DeliveryFilter{State: store.Failed}),
		deliveries("failed, to an endpoint, before", service.DeliveryFilter{State: store.Failed, EndpointID: a.well, Until: &a.middle}),
		deliveries("of an event that is common", service.DeliveryFilter{Event: caseupdate.EventAddCaseComment}),
		deliveries("of an event that is rare", service.DeliveryFilter{Event: caseupdate.EventReopenCase}),
		deliveries("of an event that is rare, before", service.DeliveryFilter{Event: caseupdate.EventReopenCase, Until: &a.middle}),
		deliveries("of an event that is rare, delivered to the endpoint behind", service.DeliveryFilter{Event: caseupdate.EventReopenCase, State: store.Delivered, EndpointID: a.behind}),
		deliveries("of an event that is rare, that wait", service.DeliveryFilter{Event: caseupdate.EventReopenCase, State: store.Pending}),
		deliveries("of an event that is rare, tried", service.DeliveryFilter{Event: caseupdate.EventReopenCase, Tried: true}),
		deliveries("canceled", service.DeliveryFilter{State: store.Canceled}),
		deliveries("canceled, to an endpoint", service.DeliveryFilter{State: store.Canceled, EndpointID: a.behind}),
		deliveries("before", service.DeliveryFilter{Until: &a.middle}),
		{name: "a delivery and its attempts", do: func(ctx context.Context) error {
			_, _, err := h.Delivery(ctx, h.caller, a.delivery)
			return err
		}},
		preview("all", service.ReplayFilter{}),
		preview("an event, since", service.ReplayFilter{Events: []string{string(caseupdate.EventPaymentAdded)}, Since: &a.middle}),
		preview("what failed", service.ReplayFilter{OnlyFailed: true, Since: &a.middle}),
		entries("all", service.AuditFilter{}),
		entries("an operation that is rare", service.AuditFilter{Operation: "eraseCase"}),
		entries("of a key, an operation that is rare", service.AuditFilter{KeyID: "k", Operation: "eraseCase"}),
	}
}
