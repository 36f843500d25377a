package storetest

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var trafficTests = []test{
	{"what went to each endpoint is counted by the minute", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		e := c.endpoint()
		messages := c.waiting(e, 5)
		first := c.nextMinute()
		c.deliver(messages[0], nil)
		c.fail(messages[1], first.Add(time.Hour))
		c.clock.pass(time.Minute)
		c.deliver(messages[2], nil)
		c.failForGood(messages[3])
		c.count()
		got := c.traffic(e.ID)
		require.Equal(t, []store.MinuteTraffic{
			{Minute: first, EndpointID: e.ID, Delivered: 1, FailedAttempts: 1},
			{Minute: first.Add(time.Minute), EndpointID: e.ID, Delivered: 1, Failed: 1, FailedAttempts: 1, Waiting: 2},
		}, withoutLatencies(got))
		require.Equal(t, ofAll(got), c.traffic(""))
		require.Empty(t, c.neighbour().traffic(""))
		require.Empty(t, c.traffic("another"))
	}},
	{"what went to all endpoints is one row a minute", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		first, second := c.endpoint(), c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		c.create(outbox)
		minute := c.nextMinute()
		for i, m := range outbox.take() {
			if i == 0 {
				c.fail(m, minute.Add(time.Hour))
				continue
			}
			c.deliver(m, nil)
		}
		c.clock.pass(time.Minute)
		c.count()
		total := c.traffic("")
		require.Equal(t, []store.MinuteTraffic{
			{Minute: minute, Delivered: 3, FailedAttempts: 1},
			{Minute: minute.Add(time.Minute), Waiting: 1},
		}, withoutLatencies(total))
		var each store.MinuteTraffic
		require.NoError(t, c.Traffic(t.Context(), c.org.ID, []string{first.ID, second.ID}, minute, minute.Add(time.Minute), func(m *store.MinuteTraffic) {
			each.Delivered += m.Delivered
			each.FailedAttempts += m.FailedAttempts
			each.Latencies.Merge(&m.Latencies)
		}))
		require.Equal(t, store.MinuteTraffic{Delivered: 3, FailedAttempts: 1, Latencies: total[0].Latencies}, each)
	}},
	{"a latency is from the record of an event to its first 2xx", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		e := c.endpoint()
		messages := c.waiting(e, 2)
		c.clock.pass(4 * time.Second)
		c.deliver(messages[0], nil) // which takes a second
		c.fail(messages[1], c.clock.Now().Add(time.Minute))
		c.clock.pass(time.Hour)
		messages[1].Tries++
		c.deliver(messages[1], nil)
		messages[0].Tries++
		c.putBack(messages[0])
		c.deliver(messages[0], nil)
		c.count()
		var latencies store.Latencies
		var delivered int64
		for _, m := range c.traffic(e.ID) {
			latencies.Merge(&m.Latencies)
			delivered += m.Delivered
		}
		require.Equal(t, int64(3), delivered, "each time that it was")
		for part, want := range map[float64]time.Duration{0.5: 5 * time.Second, 1: time.Hour} {
			took, ok := latencies.Quantile(part)
			require.True(t, ok)
			require.InEpsilon(t, want, took, math.Sqrt2-1)
		}
	}},
	{"nothing is counted twice or left out, whoever counts, and whenever it ends", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		for range 4 {
			for _, m := range c.waiting(e, 5) {
				c.deliver(m, nil)
				c.fail(m, begin)
			}
			var counting sync.WaitGroup
			for range 3 {
				counting.Go(func() {
					if _, err := c.NewTrafficCounter().Count(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			counting.Wait()
			c.clock.pass(time.Minute)
			c.reopen()
			c.live()
		}
		c.count()
		c.count()
		var got store.MinuteTraffic
		for _, m := range c.traffic("") {
			got.Delivered += m.Delivered
		}
		require.Equal(t, int64(20), got.Delivered)
	}},
	{"what is recorded late is counted in its own minute", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 3)
		early := c.nextMinute()
		c.clock.pass(time.Hour)
		c.deliver(messages[0], nil)
		c.count()
		late := store.Attempt{Number: 1, StartedAt: early, StatusCode: 204}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[1], Attempt: &late, State: store.Delivered}))
		failed := store.Attempt{Number: 1, StartedAt: early, StatusCode: 500}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[2], Attempt: &failed, State: store.Failed}))
		c.count()
		require.Equal(t, store.MinuteTraffic{Minute: early, EndpointID: e.ID, Delivered: 1, Failed: 1, FailedAttempts: 1}, withoutLatencies(c.traffic(e.ID))[0])
	}},
	{"what is written again, because the answer to its commit was lost, is counted once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		m := c.waiting(c.endpoint(), 1)[0]
		a := store.Attempt{Number: 1, StartedAt: begin, StatusCode: 500}
		for range 3 {
			require.NoError(t, c.Record(t.Context(), store.Outcome{Message: m, Attempt: &a, State: store.Failed}))
			c.count()
		}
		got := c.traffic("")
		require.Len(t, got, 1)
		require.Equal(t, []int64{1, 1}, []int64{got[0].Failed, got[0].FailedAttempts})
	}},
	{"what is withheld or given up is no failure", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		a := &store.Attempt{Number: 1, StartedAt: begin, Error: "withheld"}
		require.NoError(t, c.Record(t.Context(), store.Outcome{Message: messages[0], Attempt: a, State: store.Canceled}))
		_, _, err := c.Cancel(t.Context(), c.org.ID, messages[1].DeliveryID, nil)
		require.NoError(t, err)
		c.count()
		require.Empty(t, c.traffic(""))
	}},
	{"traffic outlives deliveries and attempts, and is removed after eight days", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		messages := c.waiting(e, 2)
		c.deliver(messages[0], nil)
		c.failForGood(messages[1])
		c.count()
		before := c.traffic("")
		c.clock.pass(store.TrafficKept - time.Minute)
		c.prune(store.Retention{Deliveries: time.Hour, Failed: time.Hour, Answers: time.Hour})
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM attempts`))
		require.Equal(t, before, c.traffic(""))
		c.clock.pass(2 * time.Minute)
		c.prune(store.Retention{Deliveries: time.Hour, Failed: time.Hour, Answers: time.Hour})
		require.Zero(t, rows(t, url, `SELECT COUNT(*) FROM traffic`))
	}},
	{"receipts that are older than traffic is kept are passed over", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.tell(3)
		c.clock.pass(store.TrafficKept + time.Minute)
		c.tell(1)
		c.count()
		require.Len(t, c.traffic(""), 1)
	}},
	{"what waits for each endpoint is told with the time since when", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.today()
		e, other := c.endpoint(), c.endpoint(unordered)
		none, err := c.Backlogs(t.Context(), []string{e.ID, other.ID})
		require.NoError(t, err)
		require.Empty(t, none)
		since := at(c.clock.Now())
		outbox := new(tray)
		c.create(outbox)
		c.clock.pass(time.Minute)
		c.create(outbox)
		for _, m := range outbox.take() {
			if m.EndpointID != e.ID {
				c.deliver(m, nil)
			}
		}
		backlogs, err := c.Backlogs(t.Context(), []string{e.ID, other.ID})
		require.NoError(t, err)
		require.Equal(t, map[string]store.Backlog{e.ID: {Messages: 2, Since: &since}}, backlogs)
	}},
}

// nextMinute moves the clock to where a minute begins, and returns it.
func (c *clinic) nextMinute() time.Time {
	next := c.clock.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	c.clock.pass(next.Sub(c.clock.Now()))
	return next
}

// count counts the traffic.
func (c *clinic) count() {
	c.t.Helper()
	more, err := c.NewTrafficCounter().Count(c.ctx)
	require.NoError(c.t, err)
	require.False(c.t, more)
}

// traffic returns what went to an endpoint, or to all for "".
func (c *clinic) traffic(endpointID string) (all []store.MinuteTraffic) {
	c.t.Helper()
	var of []string
	if endpointID != "" {
		of = []string{endpointID}
	}
	err := c.Traffic(c.ctx, c.org.ID, of, begin.AddDate(-1, 0, 0), begin.AddDate(1, 0, 0), func(m *store.MinuteTraffic) { all = append(all, *m) })
	require.NoError(c.t, err)
	return all
}

// ofAll returns traffic of the only endpoint that there is as that of all.
func ofAll(all []store.MinuteTraffic) []store.MinuteTraffic {
	same := slices.Clone(all)
	for i := range same {
		same[i].EndpointID = ""
	}
	return same
}

// withoutLatencies returns traffic without the latencies, which go by the real time.
func withoutLatencies(all []store.MinuteTraffic) []store.MinuteTraffic {
	plain := make([]store.MinuteTraffic, len(all))
	for i, m := range all {
		m.Latencies = store.Latencies{}
		plain[i] = m
	}
	return plain
}

// failForGood records that a message failed, and is not tried again.
func (c *clinic) failForGood(m store.Message) {
	c.t.Helper()
	a := &store.Attempt{Number: m.Tries + 1, StartedAt: c.clock.Now(), StatusCode: 500}
	require.NoError(c.t, c.Record(c.ctx, store.Outcome{Message: m, Attempt: a, State: store.Failed}))
}

// putBack has a message sent again.
func (c *clinic) putBack(m store.Message) {
	c.t.Helper()
	_, err := c.Retry(c.ctx, c.org.ID, m.DeliveryID, nil)
	require.NoError(c.t, err)
}
