package service

import (
	"context"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// MaxTrafficPoints is how many steps a series of traffic has at most: a day of minutes. Where its
// time does not begin with a step, there is a point more.
const MaxTrafficPoints = 1440

// TrafficFilter says of what a series tells.
type TrafficFilter struct {
	EndpointID   string // "" for all endpoints of the organisation, also those that were deleted
	Since, Until time.Time
	Step         time.Duration // of the points; whole minutes
}

// TrafficPoint is what went to endpoints in a time: one step of a series, or all of it.
type TrafficPoint struct {
	At             time.Time // its beginning
	Delivered      int64     // messages, each time that they were
	Failed         int64     // messages, for good
	FailedAttempts int64     // attempts that did not succeed
	Waiting        int64     // messages: the most that waited when they were counted, once a minute
	// Median and P99 are how long it took half of the messages, and 99 of 100, from the record
	// of their event to the first 2xx; nil where there are none. What they are of the true
	// times lies between the square root of 2 and its inverse.
	Median, P99 *time.Duration
}

// Traffic is a series, and what it comes to.
type Traffic struct {
	Points []TrafficPoint // one for each step, the oldest first
	Total  TrafficPoint
}

// Traffic returns what went to endpoints from the step that since lies in to the one before
// until. Steps begin at multiples of their length since 1970. It is known to the minute
// for the last 8 days ([store.TrafficKept]), and counted within seconds after a minute is over.
func (s *Service) Traffic(ctx context.Context, caller Caller, filter TrafficFilter) (Traffic, error) {
	if err := filter.check(); err != nil {
		return Traffic{}, err
	}
	var of []string
	if filter.EndpointID != "" {
		if _, err := s.Endpoint(ctx, caller, filter.EndpointID); err != nil {
			return Traffic{}, err
		}
		of = []string{filter.EndpointID}
	}
	since := filter.Since.UTC().Truncate(filter.Step)
	until := filter.Until.UTC().Add(filter.Step - 1).Truncate(filter.Step)
	points := make([]sum, until.Sub(since)/filter.Step)
	for i := range points {
		points[i].At = since.Add(time.Duration(i) * filter.Step)
	}
	total := sum{TrafficPoint: TrafficPoint{At: since}}
	err := s.Store.Traffic(ctx, caller.OrganizationID, of, since, until, func(m *store.MinuteTraffic) {
		total.add(m)
		points[m.Minute.Sub(since)/filter.Step].add(m)
	})
	if err != nil {
		return Traffic{}, err
	}
	series := Traffic{Points: make([]TrafficPoint, len(points)), Total: total.point()}
	for i := range points {
		series.Points[i] = points[i].point()
	}
	return series, nil
}

// check refuses a series that cannot be.
func (f TrafficFilter) check() error {
	switch {
	case !f.Since.Before(f.Until):
		return refusal.Field("until", "must be later than since")
	case f.Step < time.Minute || f.Step%time.Minute != 0:
		return refusal.Field("step", "must be whole minutes")
	case f.Until.Sub(f.Since) > MaxTrafficPoints*f.Step:
		return refusal.Field("step", "must be so long that it goes into the time at most 1,440 times")
	}
	return nil
}

// sum is a point that grows, minute by minute.
type sum struct {
	TrafficPoint
	latencies store.Latencies
	minute    time.Time // that was added last
	waiting   int64     // in it
}

// add adds what went to an endpoint in a minute, which is that of the last call or a later one.
func (s *sum) add(m *store.MinuteTraffic) {
	if !m.Minute.Equal(s.minute) {
		s.minute, s.waiting = m.Minute, 0
	}
	s.waiting += m.Waiting
	s.Waiting = max(s.Waiting, s.waiting)
	s.Delivered += m.Delivered
	s.Failed += m.Failed
	s.FailedAttempts += m.FailedAttempts
	s.latencies.Merge(&m.Latencies)
}

// point returns the point as it is now.
func (s *sum) point() TrafficPoint {
	p := s.TrafficPoint
	if median, ok := s.latencies.Quantile(0.5); ok {
		p.Median = &median
	}
	if p99, ok := s.latencies.Quantile(0.99); ok {
		p.P99 = &p99
	}
	return p
}
