package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// Backlog is what waits for an endpoint.
type Backlog = store.Backlog

// MaxBacklog is up to how many messages that wait are counted.
const MaxBacklog = store.MaxBacklog

// Answer is that an endpoint answered, or did not.
type Answer = store.Answer

// Condition is how an endpoint is now.
type Condition struct {
	Endpoint *subscription.Endpoint // which the caller must not change
	Health   subscription.Health
	Backlog  Backlog
	LastHour TrafficPoint
	// LastAnswer is that to the last attempt where that failed, else that to the newest
	// message that was delivered; nil where there is none.
	LastAnswer *Answer
}

// Conditions is [Service.Endpoints] with how each of them is now.
func (s *Service) Conditions(ctx context.Context, caller Caller, page Page) ([]Condition, string, error) {
	endpoints, next, err := s.Endpoints(ctx, caller, page)
	if err != nil {
		return nil, "", err
	}
	conditions, err := s.conditions(ctx, caller, endpoints)
	return conditions, next, err
}

// Condition is [Service.Endpoint] with how it is now.
func (s *Service) Condition(ctx context.Context, caller Caller, id string) (Condition, error) {
	endpoint, err := s.Endpoint(ctx, caller, id)
	if err != nil {
		return Condition{}, err
	}
	conditions, err := s.conditions(ctx, caller, []*subscription.Endpoint{endpoint})
	if err != nil {
		return Condition{}, err
	}
	return conditions[0], nil
}

func (s *Service) conditions(ctx context.Context, caller Caller, endpoints []*subscription.Endpoint) ([]Condition, error) {
	if len(endpoints) == 0 {
		return nil, nil
	}
	ids := make([]string, len(endpoints))
	for i, e := range endpoints {
		ids[i] = e.ID
	}
	healths, err := s.Store.Healths(ctx, ids)
	if err != nil {
		return nil, err
	}
	backlogs, err := s.Store.Backlogs(ctx, ids)
	if err != nil {
		return nil, err
	}
	delivered, err := s.Store.LastDelivered(ctx, ids)
	if err != nil {
		return nil, err
	}
	since := now().Add(-time.Hour)
	hours := make(map[string]*sum)
	err = s.Store.Traffic(ctx, caller.OrganizationID, ids, since, now(), func(m *store.MinuteTraffic) {
		if hours[m.EndpointID] == nil {
			hours[m.EndpointID] = &sum{TrafficPoint: TrafficPoint{At: since}}
		}
		hours[m.EndpointID].add(m)
	})
	if err != nil {
		return nil, err
	}
	conditions := make([]Condition, len(endpoints))
	for i, e := range endpoints {
		c := Condition{Endpoint: e, Health: healths[e.ID], Backlog: backlogs[e.ID], LastHour: TrafficPoint{At: since}}
		if hour := hours[e.ID]; hour != nil {
			c.LastHour = hour.point()
		}
		if last, ok := delivered[e.ID]; ok {
			c.LastAnswer = &last
		}
		if failed := c.Health.FailedAt; failed != nil && (c.Health.Failures > 0 || c.LastAnswer == nil || failed.After(c.LastAnswer.At)) {
			c.LastAnswer = &Answer{At: *c.Health.FailedAt, StatusCode: c.Health.StatusCode}
		}
		conditions[i] = c
	}
	return conditions, nil
}

// Trouble is what is wrong now, the worst first.
type Trouble struct {
	// Endpoints are those that are disabled, closed or flagged, whose last attempt failed, or
	// for which something has waited for longer than a minute; at most 20.
	Endpoints []Condition
	More      int        // how many more of them there are
	Failed    []Delivery // messages that failed for good, the last one first; at most 20
}

const (
	maxTroubled = 20
	maxFailed   = 20
	// patience is how long a message may wait before that is trouble.
	patience = time.Minute
)

// Trouble returns what is wrong now. Messages of restricted events are left out for a caller
// who is not cleared for them.
func (s *Service) Trouble(ctx context.Context, caller Caller) (t Trouble, err error) {
	pulses, err := s.Store.Pulses(ctx, caller.OrganizationID)
	if err != nil {
		return Trouble{}, err
	}
	overdue := now().Add(-patience)
	pulses = slices.DeleteFunc(pulses, func(e store.Pulse) bool { return severityOf(e, overdue) == well })
	slices.SortStableFunc(pulses, func(a, b store.Pulse) int {
		return cmp.Or(cmp.Compare(severityOf(b, overdue), severityOf(a, overdue)), oldest(a.Since, b.Since))
	})
	if t.More = len(pulses) - maxTroubled; t.More < 0 {
		t.More = 0
	}
	if t.Endpoints, err = s.troubled(ctx, caller, pulses[:len(pulses)-t.More]); err != nil {
		return Trouble{}, err
	}
	failed, err := s.Store.FailedLately(ctx, caller.OrganizationID, maxFailed)
	if err != nil {
		return Trouble{}, err
	}
	t.Failed, err = visible(ctx, s, caller, failed, func(d Delivery) string { return d.EventID })
	return t, err
}

// troubled returns the conditions of endpoints, in their order. One that was deleted meanwhile
// is left out.
func (s *Service) troubled(ctx context.Context, caller Caller, pulses []store.Pulse) ([]Condition, error) {
	var endpoints []*subscription.Endpoint
	for _, e := range pulses {
		endpoint, err := s.endpointLeft(ctx, caller, e.EndpointID)
		if err != nil {
			return nil, err
		}
		if endpoint != nil {
			endpoints = append(endpoints, endpoint)
		}
	}
	return s.conditions(ctx, caller, endpoints)
}

// severity is how bad it is how an endpoint is.
type severity int

const (
	well    severity = iota
	lost             // a message failed for good, and nothing waits
	waiting          // something waits, because there is much
	failing          // its attempts fail
	down             // what waits is not sent, or by probes only
)

func severityOf(e store.Pulse, overdue time.Time) severity {
	switch {
	case e.State == subscription.Disabled, e.State == subscription.Active && e.Health.Gate() != subscription.Open:
		return down
	case e.State == subscription.Paused && e.Since != nil && e.Since.Before(overdue):
		return down
	case e.Health.Failures > 0 || e.Health.Gate() != subscription.Open:
		return failing
	case e.Since != nil && e.Since.Before(overdue):
		return waiting
	case e.Health.FlaggedAt != nil:
		return lost
	}
	return well
}

// oldest compares since when something waits, the longest first; where nothing does last.
func oldest(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}
