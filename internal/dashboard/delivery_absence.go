package dashboard

import (
	"context"
	"net/url"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// absence is why a list of deliveries is empty.
type absence struct {
	Title, Text string
	Path, Link  string        // where there is more, and by which words; "" for nowhere
	Events      []unsentEvent // the first of the events that were not sent to an endpoint
	More        int           // of them, which are not told
}

// unsentEvent is an event that an endpoint has no delivery of.
type unsentEvent struct {
	numbered
	unsent
}

// tellAbsence adds to a list what it has no rows of.
func (d *Dashboard) tellAbsence(ctx context.Context, n *names, view *deliveriesView, filter service.DeliveryFilter) error {
	switch {
	case view.Event != nil:
		return d.tellEvent(ctx, n, view, filter)
	case len(view.Rows) == 0 && view.Next == "" && filter.EventID == "" && filter.CaseID != "" && filter.EndpointID != "":
		return d.tellCase(ctx, n, view, filter)
	}
	return nil
}

// tellEvent adds to a list of deliveries of an event to whom it was not sent, and why the list
// is empty where it is.
func (d *Dashboard) tellEvent(ctx context.Context, n *names, view *deliveriesView, filter service.DeliveryFilter) error {
	isWhole := filter == service.DeliveryFilter{EventID: filter.EventID}
	if view.Event.ShortID == "" || len(view.Rows) > 0 && !isWhole {
		return nil
	}
	deliveries, err := d.service.DeliveriesOf(ctx, n.who, []string{view.Event.ID})
	if err != nil {
		return err
	}
	events := []numbered{{caseupdate.Activity{ID: view.Event.ID, Type: view.Event.Type, IsRestricted: view.Event.isRestricted}, view.Event.Sequence}}
	told, err := n.unsentOf(ctx, view.Event.ShortID, events, deliveries)
	if err != nil {
		return err
	}
	switch unsent := told[view.Event.ID]; {
	case len(view.Rows) > 0:
		view.Unsent = &unsent
		return nil
	case filter.EndpointID != "" && !unsent.Unknown && !hasDelivery(deliveries, filter.EndpointID):
		view.None, err = n.absenceOf(ctx, filter.EndpointID, view.Event.ShortID, events)
	case len(deliveries) == 0:
		view.None, view.Unsent = &absence{Title: "This event was sent to nobody", Text: "It has no delivery."}, &unsent
		if unsent.IsNone() {
			view.None.Text = "There is no endpoint."
		}
	default:
		view.None = &absence{Title: "No delivery of this event is like that", Text: "It was sent, but not as the filter asks."}
	}
	if err == nil && len(deliveries) > 0 {
		view.None.Path, view.None.Link = "/deliveries?"+url.Values{"eventId": {view.Event.ID}}.Encode(), "All deliveries of this event"
	}
	return err
}

// tellCase says why the list of deliveries of a case to an endpoint is empty.
func (d *Dashboard) tellCase(ctx context.Context, n *names, view *deliveriesView, filter service.DeliveryFilter) error {
	both := service.DeliveryFilter{CaseID: filter.CaseID, EndpointID: filter.EndpointID}
	sent, next, err := d.service.Deliveries(ctx, n.who, both, service.Page{Limit: 1})
	if err != nil {
		return err
	}
	if len(sent) > 0 || next != "" {
		view.None = &absence{
			Title: "No delivery is like that", Text: "The endpoint was sent events of the case, but not as the filter asks.",
			Path: "/deliveries?" + url.Values{"caseId": {both.CaseID}, "endpointId": {both.EndpointID}}.Encode(), Link: "All deliveries of the case to it",
		}
		return nil
	}
	c, err := d.service.Case(ctx, n.who, filter.CaseID, 0)
	if err != nil {
		return err
	}
	var events []numbered
	for i, activity := range c.Activity {
		if !n.who.Clearance.Withholds(activity) {
			events = append(events, numbered{activity, int64(i) + 1})
		}
	}
	view.None, err = n.absenceOf(ctx, filter.EndpointID, c.ShortID, events)
	return err
}

// absenceOf says why an endpoint has no delivery of any of these events of a case.
func (n *names) absenceOf(ctx context.Context, endpointID, shortID string, events []numbered) (*absence, error) {
	endpoints, err := n.knownEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	name, err := n.endpoint(ctx, endpointID)
	if err != nil {
		return nil, err
	}
	none := &absence{Title: "Not sent to " + name.String()}
	at := slices.IndexFunc(endpoints, func(e *subscription.Endpoint) bool { return e.ID == endpointID })
	if at < 0 {
		none.Text = "The endpoint was deleted. What it was subscribed to is not kept, nor when."
		return none, nil
	}
	if len(events) > maxUnsent {
		events, none.More = events[:maxUnsent], len(events)-maxUnsent
	}
	recorded, err := n.whenRecorded(ctx, events)
	if err != nil {
		return nil, err
	}
	none.Text = "Why, as far as is known now:"
	for _, event := range events {
		none.Events = append(none.Events, unsentEvent{event, n.unsentTo(endpoints[at], shortID, event.Activity, recorded[event.ID])})
	}
	return none, nil
}

func hasDelivery(deliveries []service.Delivery, endpointID string) bool {
	return slices.ContainsFunc(deliveries, func(d service.Delivery) bool { return d.EndpointID == endpointID })
}
