package storetest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var laneTests = []test{
	{"what waits in a lane is looked for in no other, also where the database knows of no rows yet", func(t *testing.T, url string) {
		_, _, err := store.Migrate(t.Context(), url)
		require.NoError(t, err)
		for _, query := range []string{
			`SELECT 1 FROM deliveries WHERE endpoint_id = 'e' AND lane = 'l' AND state = 'pending' AND sequence <= 1`,
			`SELECT due_at FROM deliveries WHERE endpoint_id = 'e' AND lane = 'l' AND state = 'pending' ORDER BY sequence LIMIT 1`,
		} {
			require.Contains(t, plan(t, url, query), "deliveries_pending")
		}
	}},
	{"an empty lane is handed over with the change, and stays with who has it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		require.Equal(t, []string{"1 CREATE_CASE"}, lines(outbox.take()))
		c.do(id, outbox, comment(1), comment(2))
		require.Equal(t, []string{"2 ADD_CASE_COMMENT", "3 ADD_CASE_COMMENT"}, lines(outbox.take()))
		requireDue(t, c, e.ID, nil)
		require.Empty(t, c.claim(e.ID))
		require.Empty(t, outbox.waiting)
	}},
	{"what an outbox does not accept waits in the table, and it is told", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := &tray{full: true}
		id := c.create(outbox)
		require.Empty(t, outbox.messages)
		require.Equal(t, []string{e.ID}, outbox.waiting)
		requireDue(t, c, e.ID, &begin)
		require.Equal(t, []string{id}, c.claim(e.ID))
		requireDue(t, c, e.ID, nil)
		require.Equal(t, []string{"1 CREATE_CASE"}, lines(c.load(e.ID, id).Messages))
	}},
	{"what has no outbox waits in the table", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		id := c.create(nil)
		require.Equal(t, []string{id}, c.claim(e.ID))
	}},
	{"a lane in which something waits is not handed over, and is loaded in order", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := &tray{full: true}
		id := c.create(outbox)
		outbox.full = false
		c.comments(2, id, outbox)
		require.Empty(t, outbox.take())
		require.Equal(t, []string{id}, c.claim(e.ID))
		c.comments(1, id, outbox)
		require.Equal(t, []int64{4}, sequences(outbox.take()), "it is this process's own now")
		lane := c.load(e.ID, id)
		require.Equal(t, []int64{1, 2, 3, 4}, sequences(lane.Messages))
		require.Equal(t, int64(4), lane.Last)
	}},
	{"what is loaded is what is handed over, but for the tries", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.do(id, outbox, comment(1))
		want := outbox.take()
		c.end(want[0], store.End{Due: &begin})
		require.Equal(t, []string{id}, c.claim(e.ID))
		requireEqual(t, want, c.load(e.ID, id).Messages)
		c.end(want[0], store.End{Due: &begin})
		c.reopen()
		c.live()
		require.Equal(t, []string{id}, c.claim(e.ID))
		requireEqual(t, want, c.load(e.ID, id).Messages)
	}},
	{"a lane in which all is done is empty, and is handed over again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		require.False(t, c.deliver(outbox.take()[0], &store.End{Through: 1}), "nothing remains")
		requireDue(t, c, e.ID, nil)
		require.Empty(t, c.claim(e.ID))
		c.comments(1, id, outbox)
		require.Equal(t, []int64{2}, sequences(outbox.take()))
	}},
	{"a lane into which more came meanwhile stays with who has it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		c.comments(1, id, outbox)
		second := outbox.take()[0]
		require.True(t, c.deliver(first, &store.End{Through: 1}), "more remains")
		requireDue(t, c, e.ID, nil)
		require.Equal(t, []int64{2}, sequences(c.load(e.ID, id).Messages))
		require.False(t, c.deliver(second, &store.End{Through: 2}))
	}},
	{"a message that is not the last leaves its lane as it is", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		c.deliver(outbox.take()[0], nil)
		requireDue(t, c, e.ID, nil)
		require.Equal(t, []int64{2}, sequences(c.load(e.ID, id).Messages))
	}},
	{"a lane whose message failed waits until it is due, whatever comes meanwhile", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		due := begin.Add(time.Minute)
		require.False(t, c.fail(outbox.take()[0], due))
		requireDue(t, c, e.ID, &due)
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take())
		requireDue(t, c, e.ID, &due)
		c.clock.pass(time.Minute - time.Millisecond)
		require.Empty(t, c.claim(e.ID))
		c.clock.pass(time.Millisecond)
		require.Equal(t, []string{id}, c.claim(e.ID))
		messages := c.load(e.ID, id).Messages
		require.Equal(t, []int64{1, 2}, sequences(messages))
		require.Equal(t, 1, messages[0].Tries)
		require.Equal(t, 0, messages[1].Tries)
	}},
	{"a message is due again after each wait of its schedule and not before, and once it has failed its lane goes on", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		c.comments(1, id, nil)
		var second store.Message
		for tries := 1; tries < subscription.MaxTries; tries++ {
			wait, _ := subscription.Wait(tries, 0.5)
			require.False(t, c.fail(first, c.clock.Now().Add(wait)))
			c.create(outbox)
			c.deliver(outbox.take()[0], &store.End{Through: 1}) // so that the endpoint is not closed
			c.clock.pass(wait - time.Millisecond)
			require.Empty(t, c.claim(e.ID), "%v after try %d", wait, tries)
			c.clock.pass(time.Millisecond)
			require.Equal(t, []string{id}, c.claim(e.ID), "%v after try %d", wait, tries)
			messages := c.load(e.ID, id).Messages
			require.Equal(t, []int64{1, 2}, sequences(messages))
			first, second = messages[0], messages[1]
			require.Equal(t, tries, first.Tries)
		}
		require.NoError(t, c.Record(t.Context(), store.Outcome{
			Message: first, State: store.Failed,
			Attempt: &store.Attempt{Number: first.Tries + 1, StartedAt: c.clock.Now(), StatusCode: 503},
		}))
		require.Equal(t, []int64{2}, sequences(c.load(e.ID, id).Messages))
		require.False(t, c.deliver(second, &store.End{Through: 2}))
		requireDue(t, c, e.ID, nil)
		d, attempts, err := c.Delivery(t.Context(), c.org.ID, first.DeliveryID)
		require.NoError(t, err)
		require.Equal(t, store.Failed, d.State)
		require.Len(t, attempts, subscription.MaxTries)
	}},
	{"a long lane is loaded 64 messages at a time", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		id := c.create(nil)
		c.comments(150, id, nil)
		require.Equal(t, []string{id}, c.claim(e.ID))
		var got []int64
		for remains := true; remains; {
			lane := c.load(e.ID, id)
			require.LessOrEqual(t, len(lane.Messages), 64)
			got = append(got, sequences(lane.Messages)...)
			for i, m := range lane.Messages {
				if i < len(lane.Messages)-1 {
					c.deliver(m, nil)
				} else {
					require.Equal(t, m.Sequence, lane.Last)
					remains = c.deliver(m, &store.End{Through: lane.Last})
				}
			}
		}
		require.Equal(t, count(151), got)
	}},
	{"a lane has only what is pending, and is settled where that is nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, nil)
		m := outbox.take()[0]
		c.deliver(m, nil)
		second := c.load(e.ID, id).Messages[0]
		c.deliver(second, nil)
		lane := c.load(e.ID, id)
		require.Empty(t, lane.Messages)
		require.Equal(t, int64(2), lane.Last)
		require.False(t, c.end(store.Message{EndpointID: e.ID, Lane: id}, store.End{Through: lane.Last}))
		require.Empty(t, c.load(newID(), id).Messages, "nor is there anything in a lane that is not there")
	}},
	{"lanes are claimed those first that wait longest, no more than asked for", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other := c.endpoint(), c.endpoint()
		var want []string
		for range 5 {
			want = append(want, c.create(nil))
			c.clock.pass(time.Second)
		}
		requireDue(t, c, e.ID, &begin)
		require.ElementsMatch(t, want[:2], c.claimed(e.ID, 2))
		later := begin.Add(2 * time.Second)
		requireDue(t, c, e.ID, &later)
		require.ElementsMatch(t, want[2:4], c.claimed(e.ID, 2))
		require.Equal(t, want[4:], c.claimed(e.ID, 2))
		require.Empty(t, c.claimed(e.ID, 2))
		require.ElementsMatch(t, want, c.claim(other.ID), "each endpoint has lanes of its own")
	}},
	{"a lane is claimed by one", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		var want []string
		for range 40 {
			want = append(want, c.create(nil))
		}
		var mu sync.Mutex
		var got []string
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				err := c.Claim(t.Context(), e.ID, 7, func(lanes []string) {
					mu.Lock()
					defer mu.Unlock()
					got = append(got, lanes...)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.ElementsMatch(t, want, got)
	}},
	{"lanes of endpoints that are not active wait until they are", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(func(e *subscription.Endpoint) { e.State = subscription.Paused })
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		requireDue(t, c, e.ID, nil)
		c.update(e.ID, in(subscription.Active))
		requireDue(t, c, e.ID, &begin)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2}, sequences(c.load(e.ID, id).Messages))
	}},
	{"what waits for its next try is due now once it is hurried, in order and after as many tries, and that of another endpoint is not", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other := c.endpoint(), c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		later := begin.Add(12 * time.Hour)
		for _, m := range outbox.take() {
			require.False(t, c.fail(m, later))
		}
		c.comments(1, id, nil)
		for range 2 {
			require.NoError(t, c.Hurry(t.Context(), e.ID))
			requireDue(t, c, e.ID, &begin)
			requireDue(t, c, other.ID, &later)
		}
		require.Equal(t, []string{id}, c.claim(e.ID))
		messages := c.load(e.ID, id).Messages
		require.Equal(t, []int64{1, 2}, sequences(messages))
		require.Equal(t, []int{1, 0}, []int{messages[0].Tries, messages[1].Tries})
		require.False(t, messages[0].DueAt.After(begin), "it is not put back for a try that is still to come")

		require.NoError(t, c.Hurry(t.Context(), e.ID))
		require.Empty(t, c.claim(e.ID), "who works on a lane keeps it")
		require.False(t, c.fail(messages[0], later))
		requireDue(t, c, e.ID, &later)
	}},
	{"all lanes that wait are hurried, however many they are", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		for _, m := range c.waiting(e, 25) {
			c.fail(m, begin.Add(time.Hour))
		}
		_, err := database(t, url).Exec(`
			INSERT INTO lanes (endpoint_id, lane, last_sequence, due_at)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
			SELECT $1, 'lane ' || i, 1, $2
			FROM n`, e.ID, begin.Add(time.Hour).UnixMilli())
		require.NoError(t, err)
		require.NoError(t, c.Hurry(t.Context(), e.ID))
		require.Equal(t, 2525, rows(t, url, `SELECT COUNT(*) FROM lanes WHERE due_at = $1`, begin.UnixMilli()))
		require.Equal(t, 25, rows(t, url, `SELECT COUNT(*) FROM deliveries WHERE due_at = $1`, begin.UnixMilli()))
	}},
	{"who does not have a lane cannot settle it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		require.False(t, c.fail(m, begin.Add(time.Hour)))
		require.False(t, c.end(m, store.End{Through: 1}))
		require.False(t, c.end(m, store.End{Due: &begin}))
		due := begin.Add(time.Hour)
		requireDue(t, c, e.ID, &due)
		require.False(t, c.end(store.Message{EndpointID: e.ID, Lane: newID()}, store.End{}))
		c.clock.pass(time.Hour)
		require.Equal(t, []string{id}, c.claim(e.ID))
	}},
	{"a lane that is handed over again while it is settled is never lost", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		ids := []string{c.create(s), c.create(s)}
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				for i := range 100 {
					if _, err := c.Change(t.Context(), c.proposal(id, s, comment(i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		changed := make(chan struct{})
		go func() {
			defer close(changed)
			group.Wait()
		}()
		for working := true; working; {
			select {
			case <-changed:
				working = false
			default:
			}
			for s.work(t, nil) {
			}
		}
		for _, id := range ids {
			require.Equal(t, count(101), s.sent[laneName{e.ID, id}])
		}
		require.Empty(t, s.lanes)
		requireDue(t, c, e.ID, nil)
		require.Empty(t, c.deliveries(store.DeliveryFilter{State: store.Pending}))
	}},
}

// claim claims what is due for an endpoint.
func (c *clinic) claim(endpointID string) []string {
	c.t.Helper()
	return c.claimed(endpointID, 1000)
}

func (c *clinic) claimed(endpointID string, limit int) []string {
	c.t.Helper()
	var claimed []string
	require.NoError(c.t, c.Claim(c.ctx, endpointID, limit, func(lanes []string) { claimed = slices.Clone(lanes) }))
	return claimed
}

func (c *clinic) load(endpointID, name string) store.Lane {
	c.t.Helper()
	lane, err := c.Load(c.ctx, endpointID, name)
	require.NoError(c.t, err)
	require.Equal(c.t, []string{endpointID, name}, []string{lane.EndpointID, lane.Name})
	return lane
}

// deliver records that a message was delivered, and leaves its lane where end is not
// nil. It returns what End.Settled was told.
func (c *clinic) deliver(m store.Message, end *store.End) (remains bool) {
	c.t.Helper()
	o := store.Outcome{
		Message: m,
		Attempt: &store.Attempt{Number: m.Tries + 1, StartedAt: c.clock.Now(), Duration: time.Second, StatusCode: 204},
		State:   store.Delivered,
	}
	return c.record(o, end)
}

// fail records that a message failed and its lane waits until due.
func (c *clinic) fail(m store.Message, due time.Time) (remains bool) {
	c.t.Helper()
	o := store.Outcome{
		Message: m,
		Attempt: &store.Attempt{Number: m.Tries + 1, StartedAt: c.clock.Now(), Duration: time.Second, StatusCode: 503, Answer: []byte("not now")},
		State:   store.Pending,
		RetryAt: &due,
	}
	return c.record(o, &store.End{Due: &due})
}

// end settles the lane of a message without an attempt.
func (c *clinic) end(m store.Message, end store.End) (remains bool) {
	c.t.Helper()
	return c.record(store.Outcome{Message: m}, &end)
}

func (c *clinic) record(o store.Outcome, end *store.End) (remains bool) {
	c.t.Helper()
	if end != nil {
		settled := 0
		defer func() { require.Equal(c.t, 1, settled, "Settled is called once") }()
		end.Node = c.node
		end.EndpointID, end.Lane = o.Message.EndpointID, o.Message.Lane
		end.Settled = func(r, _ bool) { remains, settled = r, settled+1 }
		o.End = end
	}
	require.NoError(c.t, c.Record(c.ctx, o))
	return remains
}

// requireDue demands that the first lane of an endpoint is due then; that none is,
// for nil.
func requireDue(t *testing.T, c *clinic, endpointID string, want *time.Time) {
	t.Helper()
	due, err := c.Due(t.Context())
	require.NoError(t, err)
	got, ok := due[endpointID]
	if want == nil {
		require.False(t, ok, "no lane is to be due, and one is at %v", got)
		return
	}
	require.True(t, ok, "a lane is to be due")
	require.Equal(t, store.Due{At: want.UTC()}, got)
}
