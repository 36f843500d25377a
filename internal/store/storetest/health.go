package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var healthTests = []test{
	{"an endpoint that was never tried is well", func(t *testing.T, url string) {
		c := newClinic(t, url)
		requireEqual(t, subscription.Health{}, c.health(c.endpoint().ID))
	}},
	{"ten failures in a row close an endpoint, and one success opens it", func(t *testing.T, url string) {
		c, told := newClinic(t, url), []bool(nil)
		c.OnHealth(func(_ string, closed bool) { told = append(told, closed) })
		e := c.endpoint()
		messages := c.waiting(e, 12)
		for i, m := range messages[:9] {
			c.fail(m, begin.Add(time.Hour))
			require.Equal(t, i+1, c.health(e.ID).Failures)
		}
		require.Equal(t, subscription.Open, c.health(e.ID).Gate())
		require.Empty(t, told)

		c.fail(messages[9], begin.Add(time.Hour))
		h := c.health(e.ID)
		require.Equal(t, 10, h.Failures)
		require.Equal(t, subscription.Closed, h.Gate())
		require.Equal(t, at(begin), *h.ClosedAt)
		require.WithinRange(t, *h.ProbeAt, begin.Add(4*time.Second), begin.Add(6*time.Second))
		require.Equal(t, []bool{true}, told)
		require.Equal(t, 503, h.StatusCode)
		require.Equal(t, at(begin.Add(time.Second)), *h.FailedAt)
		healths, err := c.Healths(t.Context(), []string{e.ID})
		require.NoError(t, err)
		require.Equal(t, map[string]subscription.Health{e.ID: h}, healths)
		well, since := c.endpoint(), at(begin)
		pulses, err := c.Pulses(t.Context(), c.org.ID)
		require.NoError(t, err)
		require.Equal(t, []store.Pulse{{EndpointID: e.ID, State: subscription.Active, Health: h, Since: &since}, {EndpointID: well.ID, State: subscription.Active}}, pulses)

		c.deliver(messages[10], nil)
		requireEqual(t, subscription.Health{}, c.health(e.ID))
		require.Equal(t, []bool{true, false}, told)

		c.fail(messages[11], begin.Add(time.Hour))
		require.Equal(t, 1, c.health(e.ID).Failures)
		require.Equal(t, []bool{true, false}, told)
	}},
	{"a success between failures begins the count again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 19)
		for i, m := range messages {
			if i == 9 {
				c.deliver(m, nil)
			} else {
				c.fail(m, begin.Add(time.Hour))
			}
		}
		require.Equal(t, 9, c.health(e.ID).Failures)
		require.Equal(t, subscription.Open, c.health(e.ID).Gate())
	}},
	{"failures are counted over all processes, and closing is known to all", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 10)
		for _, m := range messages[:5] {
			c.fail(m, begin)
		}
		c.reopen()
		c.live()
		for _, m := range messages[5:] {
			c.fail(m, begin)
		}
		due, err := c.Due(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]store.Due{e.ID: {At: *c.health(e.ID).ProbeAt, Closed: true}}, due)
	}},
	{"what is closed is probed with one message at a time, after as long as it was closed, at most ten minutes", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		for _, m := range c.waiting(e, 10) {
			c.fail(m, begin.Add(time.Minute))
		}
		require.ErrorIs(t, c.Probe(t.Context(), e.ID, c.clock.Now(), func(string) {}), store.ErrNoProbe)
		var waits []time.Duration
		for range 12 {
			probeAt := *c.health(e.ID).ProbeAt
			waits = append(waits, probeAt.Sub(c.clock.Now()))
			c.clock.pass(probeAt.Sub(c.clock.Now()))
			c.live()
			var lane string
			until := c.clock.Now().Add(20 * time.Second)
			require.NoError(t, c.Probe(t.Context(), e.ID, until, func(claimed string) { lane = claimed }))
			h := c.health(e.ID)
			require.Equal(t, subscription.Probing, h.Gate())
			require.Equal(t, at(until), *h.ProbeAt)
			require.ErrorIs(t, c.Probe(t.Context(), e.ID, until, func(string) {}), store.ErrNoProbe)
			m := c.load(e.ID, lane).Messages[0]
			c.fail(m, c.clock.Now().Add(time.Hour))
			require.Equal(t, subscription.Closed, c.health(e.ID).Gate())
		}
		closedFor := time.Duration(0)
		for i, wait := range waits {
			planned := min(max(closedFor, subscription.MinProbeWait), subscription.MaxProbeWait)
			require.InDelta(t, float64(planned), float64(wait), 0.2*float64(planned)+1e6, "wait %d", i)
			closedFor += wait
		}
		require.Greater(t, waits[11], 7*time.Minute)
	}},
	{"a probe takes the lane that waits longest, due or not, and is taken over where its process ends", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 10)
		for i, m := range messages {
			c.fail(m, begin.Add(time.Duration(20-i)*time.Hour))
		}
		c.clock.pass(10 * time.Second)
		var lanes []string
		for range 2 {
			until := c.clock.Now().Add(20 * time.Second)
			require.NoError(t, c.Probe(t.Context(), e.ID, until, func(lane string) { lanes = append(lanes, lane) }))
			c.reopen()
			c.clock.pass(lease + time.Second)
			c.live()
		}
		require.Equal(t, []string{messages[9].Lane, messages[9].Lane}, lanes)
	}},
	{"an endpoint is flagged when a message fails for good, and until it is resumed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		a := &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[0], Attempt: a, State: store.Failed}))
		c.deliver(messages[1], nil)
		require.Equal(t, at(begin), *c.health(e.ID).FlaggedAt)
		require.NoError(t, c.OpenEndpoint(t.Context(), e.ID))
		require.NotNil(t, c.health(e.ID).FlaggedAt)
		require.NoError(t, c.RecoverEndpoint(t.Context(), e.ID))
		requireEqual(t, subscription.Health{}, c.health(e.ID))
	}},
	{"that the last attempt failed stays known when an endpoint is resumed, until one succeeds", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		c.fail(messages[0], begin.Add(time.Hour))
		require.NoError(t, c.RecoverEndpoint(t.Context(), e.ID))
		failed := at(begin.Add(time.Second))
		requireEqual(t, subscription.Health{FailedAt: &failed, StatusCode: 503}, c.health(e.ID))
		c.deliver(messages[1], nil)
		requireEqual(t, subscription.Health{}, c.health(e.ID))
	}},
	{"what is withheld says nothing of the endpoint", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		a := &store.Attempt{Number: 1, StartedAt: begin, Error: "withheld"}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: c.waiting(e, 1)[0], Attempt: a, State: store.Canceled}))
		requireEqual(t, subscription.Health{}, c.health(e.ID))
	}},
	{"health is forgotten with its endpoint", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		c.fail(c.waiting(e, 1)[0], begin)
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM endpoint_health`))
	}},
}

// health returns how an endpoint has answered of late.
func (c *clinic) health(endpointID string) subscription.Health {
	c.t.Helper()
	h, err := c.Health(c.ctx, endpointID)
	require.NoError(c.t, err)
	return h
}

// waiting returns the first messages of n new cases for an endpoint, whose lanes are the
// clinic's own.
func (c *clinic) waiting(e *subscription.Endpoint, n int) []store.Message {
	c.t.Helper()
	outbox := new(tray)
	for range n {
		c.create(outbox)
	}
	messages := outbox.take()
	require.Len(c.t, messages, n)
	require.Equal(c.t, e.ID, messages[0].EndpointID)
	return messages
}
