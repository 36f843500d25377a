package dashboard

import (
	"context"
	"slices"
	"strconv"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// timelinePage is how many events of a case a page tells.
const timelinePage = 50

// entry is an event in the timeline of its case.
type entry struct {
	numbered
	By            private
	Target        *private
	Before, After string // of what was changed by it; a status of the case, an order, a payment
	IsPrivate     bool   // Before and After are hidden
	AsOf          string // where the case is shown as of it
	IsShown       bool   // the page shows the case as of it
	IsLater       bool   // than that
	Sent          []sent
	Unsent        unsentView
}

// sent is an event to an endpoint.
type sent struct {
	Endpoint endpointName
	State    string
	Why      string // it is not delivered, or ""
	Wait     *wait  // nil where it does not
	service.Delivery
	prospect service.Prospect
}

// tellTimeline adds those events of the case that are told, the oldest first, each with
// who was sent it. Of what is restricted a caller without clearance is told nothing.
func (d *Dashboard) tellTimeline(ctx context.Context, who service.Caller, view *caseView, c *caselog.Case, told []caseupdate.Activity, v veil, f *form) error {
	sequences := make(map[string]int64, len(c.Activity))
	for i := range c.Activity {
		sequences[c.Activity[i].ID] = int64(i) + 1
	}
	from, err := strconv.Atoi(f.text("from"))
	if f.text("from") == "" { // the page with the event as of which the case is shown
		shown := slices.IndexFunc(told, func(a caseupdate.Activity) bool { return sequences[a.ID] >= view.AsOf })
		from, err = max(0, shown)/timelinePage*timelinePage, nil
	}
	if err != nil || from < 0 || from > len(told) {
		return refusal.Field("from", "must be where a page of events begins")
	}
	until := min(from+timelinePage, len(told))
	if from > 0 {
		view.Earlier = f.with("/cases/"+c.ID, "from", strconv.Itoa(max(0, from-timelinePage)))
	}
	if until < len(told) {
		view.Later = f.with("/cases/"+c.ID, "from", strconv.Itoa(until))
	}
	for _, activity := range told[from:until] {
		sequence := sequences[activity.ID]
		e := entry{
			numbered: numbered{activity, sequence},
			By:       v.person(activity.Actor.Person()),
			AsOf:     view.path("asOf", strconv.FormatInt(sequence, 10)),
			IsShown:  sequence == view.AsOf,
			IsLater:  view.AsOf != 0 && sequence > view.AsOf,
		}
		if activity.Type == caseupdate.EventAddFormResponse { // see submission
			e.By = v.text(e.By.Text)
		}
		if activity.TargetUser != nil {
			e.Target = new(v.person(activity.TargetUser.Person()))
		}
		if activity.ValueBefore != nil {
			e.Before = *activity.ValueBefore
		}
		if activity.ValueAfter != nil {
			e.After = *activity.ValueAfter
		}
		if !v.lifted && (!isState(e.Before) || !isState(e.After)) {
			e.Before, e.After, e.IsPrivate = "", "", true
		}
		view.Timeline = append(view.Timeline, e)
	}
	return d.tellDeliveries(ctx, who, c.ShortID, view.Timeline)
}

// tellDeliveries adds to each event of a case who was sent it, and who was not.
func (d *Dashboard) tellDeliveries(ctx context.Context, who service.Caller, shortID string, timeline []entry) error {
	events, ids := make([]numbered, len(timeline)), make([]string, len(timeline))
	for i, e := range timeline {
		events[i], ids[i] = e.numbered, e.ID
	}
	deliveries, err := d.service.DeliveriesOf(ctx, who, ids)
	if err != nil {
		return err
	}
	names := newNames(d.service, who)
	unsent, err := names.unsentOf(ctx, shortID, events, deliveries)
	if err != nil {
		return err
	}
	told, err := names.recipients(ctx, deliveries)
	if err != nil {
		return err
	}
	of := make(map[string][]sent)
	for _, s := range told {
		of[s.EventID] = append(of[s.EventID], s)
	}
	for i := range timeline {
		timeline[i].Sent, timeline[i].Unsent = of[ids[i]], unsent[ids[i]]
	}
	return nil
}

// recipients tells to whom deliveries go, and what keeps them from it.
func (n *names) recipients(ctx context.Context, deliveries []service.Delivery) ([]sent, error) {
	prospects, err := n.service.Prospects(ctx, n.who, deliveries)
	if err != nil {
		return nil, err
	}
	ids := idsOf(deliveries, func(d service.Delivery) string { return d.EndpointID })
	named, err := n.endpointsBy(ctx, ids...)
	if err != nil {
		return nil, err
	}
	all := make([]sent, len(deliveries))
	for i, delivery := range deliveries {
		all[i] = sentTo(named[delivery.EndpointID], delivery, prospects[i])
	}
	return all, nil
}

func sentTo(endpoint endpointName, delivery service.Delivery, p service.Prospect) sent {
	s := sent{Endpoint: endpoint, State: string(delivery.State), Wait: waitOf(delivery, p), Delivery: delivery, prospect: p}
	switch {
	case delivery.Withheld:
		s.State, s.Why = "withheld", whyWithheld(s.Made())
	case delivery.LastStatusCode != 0 && s.State != "delivered":
		s.Why = "answered " + strconv.Itoa(delivery.LastStatusCode)
	case delivery.Tries > 0 && s.State != "delivered":
		s.Why = "no answer"
	}
	return s
}

// Made is how many attempts were made: that at which a message was withheld was not.
func (s sent) Made() int {
	if s.Withheld {
		return max(0, s.Tries-1)
	}
	return s.Tries
}

// Took is how long it was from the making of a delivery to its end; "" where it is not delivered.
func (s sent) Took() string {
	if s.Delivery.State != store.Delivered || s.FinishedAt == nil {
		return ""
	}
	return took(s.FinishedAt.Sub(s.CreatedAt))
}

// whyWithheld says why a message was withheld for which so many attempts had been made.
func whyWithheld(made int) string {
	if made > 0 {
		return uncleared
	}
	return neverSent
}
