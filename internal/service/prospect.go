package service

import (
	"context"
	"slices"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// Prospect is what becomes of a delivery.
type Prospect struct {
	Endpoint  *subscription.Endpoint // which the caller must not change; nil where it was deleted
	Health    subscription.Health
	Uncleared bool // the endpoint may not be told of the event, as it is now

	// What follows is of a delivery that is not finished.

	Ahead int         // how many deliveries come before it in its lane, at most store.MaxAhead
	First *store.Head // of them, where the caller may know of it
}

// Prospect is [Service.Prospects] of one delivery.
func (s *Service) Prospect(ctx context.Context, caller Caller, d Delivery) (Prospect, error) {
	prospects, err := s.Prospects(ctx, caller, []Delivery{d})
	if err != nil {
		return Prospect{}, err
	}
	return prospects[0], nil
}

// Prospects returns, in the order of the deliveries, what they wait for besides their time, and
// what keeps them from being sent. However many they are, the store is asked the same few times.
func (s *Service) Prospects(ctx context.Context, caller Caller, deliveries []Delivery) ([]Prospect, error) {
	prospects := make([]Prospect, len(deliveries))
	var endpointIDs, waiting, doubtful []string
	for i, d := range deliveries {
		endpoint, err := s.endpointLeft(ctx, caller, d.EndpointID)
		if err != nil {
			return nil, err
		}
		if endpoint == nil {
			continue
		}
		prospects[i].Endpoint = endpoint
		endpointIDs = append(endpointIDs, endpoint.ID)
		if d.FinishedAt == nil {
			waiting = append(waiting, d.ID)
		}
		if !endpoint.Clearance.Restricted {
			doubtful = append(doubtful, d.EventID)
		}
	}
	slices.Sort(endpointIDs)
	healths, err := s.Store.Healths(ctx, slices.Compact(endpointIDs))
	if err != nil {
		return nil, err
	}
	for i, d := range deliveries {
		prospects[i].Health = healths[d.EndpointID]
	}
	if len(doubtful) > 0 {
		restricted, err := s.Store.RestrictedEvents(ctx, doubtful)
		if err != nil {
			return nil, err
		}
		for i, d := range deliveries {
			p := &prospects[i]
			p.Uncleared = p.Endpoint != nil && !p.Endpoint.Clearance.Restricted && restricted[d.EventID]
		}
	}
	if len(waiting) == 0 {
		return prospects, nil
	}
	return prospects, s.addAhead(ctx, caller, deliveries, waiting, prospects)
}

// addAhead completes the prospects of those deliveries that wait.
func (s *Service) addAhead(ctx context.Context, caller Caller, deliveries []Delivery, waiting []string, prospects []Prospect) error {
	ahead, err := s.Store.Ahead(ctx, waiting)
	if err != nil {
		return err
	}
	var heads []store.Head
	for _, a := range ahead {
		heads = append(heads, a.First)
	}
	heads, err = visible(ctx, s, caller, heads, func(h store.Head) string { return h.EventID })
	if err != nil {
		return err
	}
	known := make(map[string]*store.Head, len(heads))
	for i := range heads {
		known[heads[i].DeliveryID] = &heads[i]
	}
	for i, d := range deliveries {
		p := &prospects[i]
		if d.FinishedAt != nil || p.Endpoint == nil {
			continue
		}
		p.Ahead, p.First = ahead[d.ID].Count, known[ahead[d.ID].First.DeliveryID]
	}
	return nil
}
