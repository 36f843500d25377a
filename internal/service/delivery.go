package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Delivery is an event that an endpoint is, or was, to be sent.
type Delivery = store.Delivery

// Attempt is one try of a delivery.
type Attempt = store.Attempt

// DeliveryFilter narrows a list of deliveries; zero values do not.
type DeliveryFilter = store.DeliveryFilter

// Deliveries lists deliveries, the newest first. A page may have fewer than asked for, or none,
// and a next one all the same: those of restricted events are left out for a caller who is not
// cleared for them, and those of an event's name are looked for among some thousands of others
// at a time; see [LookedBackTo].
func (s *Service) Deliveries(ctx context.Context, caller Caller, filter DeliveryFilter, page Page) ([]Delivery, string, error) {
	if filter.Event != "" && !filter.Event.Known() {
		return nil, "", refusal.Field("event", refusal.OneOf(caseupdate.Events()))
	}
	var reached string
	found, next, err := byID(page, func(d Delivery) string { return d.ID }, func(before string, limit int) (found []Delivery, err error) {
		found, reached, err = s.Store.Deliveries(ctx, caller.OrganizationID, filter, before, limit)
		return found, err
	})
	if err != nil {
		return nil, "", err
	}
	if next == "" && reached != "" {
		next = encode(reached)
	}
	found, err = visible(ctx, s, caller, found, func(d Delivery) string { return d.EventID })
	return found, next, err
}

// LookedBackTo returns when the deliveries were made down to which a page of [Service.Deliveries]
// has looked, by its next; false where that is none.
func LookedBackTo(next string) (time.Time, bool) {
	var reached string
	if err := decode("cursor", next, &reached); err != nil {
		return time.Time{}, false
	}
	return store.MadeAt(reached)
}

// Delivery returns a delivery and its attempts, the first one first. That of a restricted event
// is not there for a caller who is not cleared for it. What was answered is left out for a
// caller who is not cleared for everything: it may repeat whatever was sent, and a full case
// is sent with each event.
func (s *Service) Delivery(ctx context.Context, caller Caller, id string) (Delivery, []Attempt, error) {
	d, attempts, err := s.Store.Delivery(ctx, caller.OrganizationID, id)
	if err != nil {
		return Delivery{}, nil, refused("delivery", err)
	}
	shown, err := visible(ctx, s, caller, []Delivery{d}, func(d Delivery) string { return d.EventID })
	if err != nil {
		return Delivery{}, nil, err
	}
	if len(shown) == 0 {
		return Delivery{}, nil, refused("delivery", store.ErrNotFound)
	}
	if caller.Clearance != FullClearance {
		for i := range attempts {
			attempts[i].Answer = nil
		}
		return d, attempts, nil
	}
	if slices.ContainsFunc(attempts, func(a Attempt) bool { return len(a.Answer) > 0 }) {
		err = s.shows(ctx, d.CaseID)
	}
	return d, attempts, err
}

// visible returns those items of which the caller may know: all, or those whose events
// are not restricted, as in the log.
func visible[T any](ctx context.Context, s *Service, caller Caller, items []T, eventID func(T) string) ([]T, error) {
	if caller.Clearance.Restricted || len(items) == 0 {
		return items, nil
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = eventID(item)
	}
	restricted, err := s.Store.RestrictedEvents(ctx, ids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(items, func(item T) bool { return restricted[eventID(item)] }), nil
}

// RetryDelivery sends a delivery again now, whatever became of it, in the order of
// its lane. What comes of it is seen by [Service.Delivery].
func (s *Service) RetryDelivery(ctx context.Context, caller Caller, id string, request *Repeatable) (d Delivery, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		d, _, err = s.Store.Delivery(ctx, caller.OrganizationID, id)
		if err != nil {
			return refused("delivery", err)
		}
		if d.Sequence == 0 { // it was withheld, and would be again
			endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, d.EndpointID)
			if err == nil && !endpoint.Clearance.Restricted {
				return refusal.Of(refusal.Conflict, "the endpoint is not cleared for what is restricted: set clearance.restricted first")
			}
		}
		d.State, d.FinishedAt, d.NextAttemptAt = store.Pending, nil, nil
		kept, err := request.kept(d)
		if err != nil {
			return err
		}
		if _, err := s.Store.Retry(ctx, caller.OrganizationID, id, kept); err != nil {
			return refused("delivery, or its endpoint was deleted", err)
		}
		s.Engine.Wake()
		return nil
	})
	return d, err
}

// CancelDelivery gives a delivery up that is not finished; its lane goes on. An attempt
// that is under way is finished, and where it succeeds the delivery was delivered.
func (s *Service) CancelDelivery(ctx context.Context, caller Caller, id string, request *Repeatable) (d Delivery, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		d, _, err = s.Store.Delivery(ctx, caller.OrganizationID, id)
		if err != nil {
			return refused("delivery", err)
		}
		finished := now()
		d.State, d.FinishedAt, d.NextAttemptAt = store.Canceled, &finished, nil
		kept, err := request.kept(d)
		if err != nil {
			return err
		}
		endpointID, lane, err := s.Store.Cancel(ctx, caller.OrganizationID, id, kept)
		if errors.Is(err, store.ErrFinished) {
			return refusal.Of(refusal.Conflict, "the delivery is finished already")
		}
		if err != nil {
			return refused("delivery", err)
		}
		s.Engine.DeliveryCanceled(endpointID, lane, id)
		return nil
	})
	return d, err
}

// MaxDeliveriesOf is how many deliveries are told of some events together.
const MaxDeliveriesOf = 2000

// DeliveriesOf returns the deliveries of events to all endpoints, at most the last 2,000. Those
// of restricted events are left out for a caller who is not cleared for them.
func (s *Service) DeliveriesOf(ctx context.Context, caller Caller, eventIDs []string) ([]Delivery, error) {
	if len(eventIDs) == 0 {
		return nil, nil
	}
	found, err := s.Store.DeliveriesOf(ctx, caller.OrganizationID, eventIDs, MaxDeliveriesOf)
	if err != nil {
		return nil, err
	}
	return visible(ctx, s, caller, found, func(d Delivery) string { return d.EventID })
}

// WhenRecorded returns when events of the caller's organisation were recorded, by their ids:
// whoever was subscribed then was sent them.
func (s *Service) WhenRecorded(ctx context.Context, caller Caller, eventIDs []string) (map[string]time.Time, error) {
	return s.Store.WhenRecorded(ctx, caller.OrganizationID, eventIDs)
}
