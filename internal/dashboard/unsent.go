package dashboard

import (
	"context"
	"net/url"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// maxUnsent is to how many endpoints, by name, a page tells that an event was not sent.
const maxUnsent = 20

// unsent is an endpoint that an event has no delivery to.
type unsent struct {
	Endpoint  endpointName
	Why       string
	ChangedAt *time.Time // when the endpoint was last changed, where Why may have been otherwise before
	Replay    string     // where the case is replayed to it; "" where that would not send the event
}

// unsentView is to whom an event has no delivery.
type unsentView struct {
	Withheld []unsent // from these; the others were not to be sent it
	Others   []unsent
	More     int  // endpoints that are not told by name
	Unknown  bool // it has more deliveries than are looked at: who has none is not known
}

// Count is how many endpoints there are besides those named that it was withheld from.
func (v unsentView) Count() int { return len(v.Others) + v.More }

// IsNone reports whether each endpoint there is has a delivery.
func (v unsentView) IsNone() bool { return len(v.Withheld)+v.Count() == 0 && !v.Unknown }

// numbered is an event with its place among those of its case.
type numbered struct {
	caseupdate.Activity
	Sequence int64
}

// uncleared is why a restricted event is withheld.
const uncleared = "the endpoint is not cleared for what is restricted"

// neverSent is what a message is that was withheld without any attempt.
const neverSent = "never sent: " + uncleared

// unsentOf tells by the ids of events of one case, which have these deliveries, to which of the
// endpoints that there are now they have none.
func (n *names) unsentOf(ctx context.Context, shortID string, events []numbered, deliveries []service.Delivery) (map[string]unsentView, error) {
	all := make(map[string]unsentView, len(events))
	if len(deliveries) >= service.MaxDeliveriesOf {
		for _, event := range events {
			all[event.ID] = unsentView{Unknown: true}
		}
		return all, nil
	}
	endpoints, err := n.knownEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	recorded, err := n.whenRecorded(ctx, events)
	if err != nil {
		return nil, err
	}
	sent := make(map[[2]string]bool, len(deliveries)) // by event and endpoint
	for _, d := range deliveries {
		sent[[2]string{d.EventID, d.EndpointID}] = true
	}
	for _, event := range events {
		var view unsentView
		for _, e := range endpoints {
			if sent[[2]string{event.ID, e.ID}] {
				continue
			}
			withheld := isWithheld(e, event.Activity, recorded[event.ID])
			switch {
			case withheld && len(view.Withheld) < maxUnsent:
				view.Withheld = append(view.Withheld, n.unsentTo(e, shortID, event.Activity, recorded[event.ID]))
			case !withheld && len(view.Others) < maxUnsent:
				view.Others = append(view.Others, n.unsentTo(e, shortID, event.Activity, recorded[event.ID]))
			default:
				view.More++
			}
		}
		if over := len(view.Withheld) + len(view.Others) - maxUnsent; over > 0 {
			view.Others = view.Others[:len(view.Others)-over]
			view.More += over
		}
		all[event.ID] = view
	}
	return all, nil
}

func (n *names) whenRecorded(ctx context.Context, events []numbered) (map[string]time.Time, error) {
	ids := make([]string, len(events))
	for i, event := range events {
		ids[i] = event.ID
	}
	return n.service.WhenRecorded(ctx, n.who, ids)
}

// isWithheld reports whether an endpoint would have been sent an event, were it cleared for it.
func isWithheld(e *subscription.Endpoint, event caseupdate.Activity, recorded time.Time) bool {
	return e.Subscribes(event.Type) && e.Clearance.Withholds(event) && !e.CreatedAt.After(recorded)
}

// unsentTo says why an endpoint has no delivery of an event, as far as that is known from how the
// endpoint is now.
func (n *names) unsentTo(e *subscription.Endpoint, shortID string, event caseupdate.Activity, recorded time.Time) unsent {
	u := unsent{Endpoint: n.endpoints[e.ID]}
	if e.Receives(event) {
		u.Replay = endpointPath(e.ID) + "/replay?" + url.Values{"caseId": {shortID}}.Encode()
	}
	if e.UpdatedAt.After(recorded) {
		u.ChangedAt = &e.UpdatedAt
	}
	switch {
	case e.CreatedAt.After(recorded):
		u.Why, u.ChangedAt = "made "+took(e.CreatedAt.Sub(recorded))+" after it", nil
	case !e.Subscribes(event.Type):
		u.Why = "not subscribed to it, as it is set now"
	case e.Clearance.Withholds(event):
		u.Why = neverSent
	case u.ChangedAt != nil:
		u.Why = "subscribed to it and cleared for it, as it is set now"
	default:
		u.Why = "its delivery is kept no longer"
	}
	return u
}
