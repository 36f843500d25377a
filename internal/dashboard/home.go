package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// homeView is what is wrong now, and what went to endpoints.
type homeView struct {
	Trouble   []troubleRow // endpoints, the worst first
	More      string       // how many more of them there are; "" for none
	Failed    []failedRow  // messages that failed for good in the last day, the last one first
	Traffic   trafficView
	Beginning *beginning // what to do first; nil once something was sent
	At        time.Time  // when it was so
}

// IsWell reports whether nothing is wrong.
func (v homeView) IsWell() bool { return len(v.Trouble) == 0 && len(v.Failed) == 0 }

// beginning is a casehook that has sent nothing yet.
type beginning struct {
	EndpointID string // one that there is; "" for none
	Sample     string // a command that opens a case
}

// home shows what is wrong now, and what went to endpoints in an hour or a day.
func (d *Dashboard) home(w http.ResponseWriter, r *http.Request) error {
	view, err := d.viewHome(r)
	if err != nil {
		return err
	}
	return d.show(w, r, page{Template: "home", Title: "Home", Data: view})
}

// refreshHome answers a page that is open by what it shows now.
func (d *Dashboard) refreshHome(w http.ResponseWriter, r *http.Request) error {
	view, err := d.viewHome(r)
	if err != nil {
		return err
	}
	return d.write(w, "home", "content", http.StatusOK, page{Role: doorway.ExchangeOf(r.Context()).Caller.Role, Data: view})
}

func (d *Dashboard) viewHome(r *http.Request) (view homeView, err error) {
	form, err := readForm(r)
	if err != nil {
		return view, err
	}
	span, ok := spans[form.text("span")]
	if !ok {
		return view, refusal.Field("span", "must be hour or day")
	}
	ctx, who := r.Context(), caller(r)
	view.At = time.Now()
	if view.Traffic, err = d.viewTraffic(ctx, who, span, view.At); err != nil {
		return view, err
	}
	trouble, err := d.service.Trouble(ctx, who)
	if err != nil {
		return view, err
	}
	if view.Trouble, err = d.tellTrouble(ctx, who, trouble.Endpoints); err != nil {
		return view, err
	}
	if trouble.More > 0 {
		view.More = "and " + count(int64(trouble.More)) + " more"
	}
	if view.Failed, err = d.failedSince(ctx, who, trouble.Failed, view.At.AddDate(0, 0, -1)); err != nil {
		return view, err
	}
	if view.IsWell() && !view.Traffic.moved {
		view.Beginning, err = d.findBeginning(ctx, who)
	}
	return view, err
}

// tellTrouble tells of the endpoints with which something is wrong.
func (d *Dashboard) tellTrouble(ctx context.Context, who service.Caller, conditions []service.Condition) (rows []troubleRow, err error) {
	ids := idsOf(conditions, func(c service.Condition) string { return c.Endpoint.ID })
	named, err := newNames(d.service, who).endpointsBy(ctx, ids...)
	for _, c := range conditions {
		rows = append(rows, troubleOf(named[c.Endpoint.ID], c))
	}
	return rows, err
}

// failedSince tells of the messages that failed for good since a moment.
func (d *Dashboard) failedSince(ctx context.Context, who service.Caller, failed []service.Delivery, since time.Time) (rows []failedRow, err error) {
	failed = slices.DeleteFunc(failed, func(delivery service.Delivery) bool {
		return delivery.FinishedAt == nil || delivery.FinishedAt.Before(since)
	})
	deliveries, err := d.rowsOf(ctx, who, failed)
	for _, row := range deliveries {
		rows = append(rows, failedOf(row))
	}
	return rows, err
}

// findBeginning returns what to do first, nil where something was sent before.
func (d *Dashboard) findBeginning(ctx context.Context, who service.Caller) (*beginning, error) {
	first := service.Page{Limit: 1}
	deliveries, _, err := d.service.Deliveries(ctx, who, service.DeliveryFilter{}, first)
	if err != nil || len(deliveries) > 0 {
		return nil, err
	}
	endpoints, _, err := d.service.Endpoints(ctx, who, first)
	if err != nil {
		return nil, err
	}
	begin := &beginning{Sample: fmt.Sprintf(sample, d.publicURL)}
	if len(endpoints) > 0 {
		begin.EndpointID = endpoints[0].ID
	}
	return begin, nil
}

// sample is a command that opens a case at a URL.
const sample = `curl %s/v1/cases -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
  -d '{"type":"migraine","title":"Headache","submitter":{"firstName":"Zoe","lastName":"Sample","email":"zoe@mail.example"}}'`
