package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var orderingTests = []test{
	{"without order each message is a lane of its own, counted by the case", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(unordered)
		outbox := new(tray)
		id := c.create(outbox)
		c.do(id, outbox, comment(1), comment(2))
		messages := outbox.take()
		require.Equal(t, []int64{1, 2, 3}, sequences(messages))
		for _, m := range messages {
			require.Equal(t, m.DeliveryID, m.Lane)
		}

		// One that failed keeps nobody waiting.
		due := begin.Add(time.Minute)
		require.False(t, c.fail(messages[0], due))
		require.False(t, c.deliver(messages[1], &store.End{Through: messages[1].Sequence}))
		c.comments(1, id, outbox)
		require.Equal(t, []int64{4}, sequences(outbox.take()))

		// One that waits is claimed by itself.
		outbox.full = true
		c.comments(1, id, outbox)
		fifth := c.claim(e.ID)
		require.Len(t, fifth, 1)
		lane := c.load(e.ID, fifth[0])
		require.Equal(t, []int64{5}, sequences(lane.Messages))
		require.False(t, c.deliver(lane.Messages[0], &store.End{Through: lane.Last}))

		c.clock.pass(time.Minute)
		require.Equal(t, []string{messages[0].Lane}, c.claim(e.ID))
		lane = c.load(e.ID, messages[0].Lane)
		requireEqual(t, 1, lane.Messages[0].Tries)
		require.False(t, c.deliver(lane.Messages[0], &store.End{Through: lane.Last}))
	}},
	{"a lane of one message is gone when that is done", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint(unordered)
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		messages := outbox.take()
		lanes := func() int { return rows(t, url, `SELECT count(*) FROM lanes`) }
		require.Equal(t, 1+3, lanes(), "one counts for the case")
		c.deliver(messages[0], &store.End{Through: messages[0].Sequence})
		require.Equal(t, 1+2, lanes())
		c.fail(messages[1], begin)
		require.Equal(t, 1+2, lanes())

		// Also where it was put back while it was worked on, and turned out to be done.
		_, err := c.Retry(t.Context(), c.org.ID, messages[2].DeliveryID, nil)
		require.NoError(t, err)
		require.False(t, c.deliver(messages[2], &store.End{Through: messages[2].Sequence}))
		require.Equal(t, []string{messages[1].Lane, messages[2].Lane}, c.claim(messages[2].EndpointID))
		lane := c.load(messages[2].EndpointID, messages[2].Lane)
		require.Empty(t, lane.Messages)
		require.False(t, c.end(store.Message{EndpointID: lane.EndpointID, Lane: lane.Name}, store.End{Through: lane.Last}))
		require.Equal(t, 1+1, lanes())
	}},
	{"an endpoint that gives up order, and asks for it again, goes on counting", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		c.update(e.ID, unordered)
		c.comments(1, id, outbox)
		second := outbox.take()[0]
		require.False(t, c.deliver(second, &store.End{Through: 2}))
		c.update(e.ID, ordered)
		c.comments(1, id, outbox)
		third := outbox.take()[0]
		require.Equal(t, []int64{1, 2, 3}, sequences([]store.Message{first, second, third}))
		require.Equal(t, []string{id, second.DeliveryID, id}, []string{first.Lane, second.Lane, third.Lane})
		c.deliver(first, nil)
		require.False(t, c.deliver(third, &store.End{Through: 3}))
	}},
	{"what comes into the order of a case that is worked on comes before what is new", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		c.update(e.ID, unordered)
		outbox.full = true
		c.comments(2, id, outbox)
		c.update(e.ID, ordered)
		outbox.full = false
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take(), "it is not handed over before the others")
		require.False(t, c.deliver(first, &store.End{Through: 1}), "the lane is due again")
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{2, 3, 4}, sequences(c.load(e.ID, id).Messages))
	}},
	{"what is sent again goes by what its endpoint asks for now", func(t *testing.T, url string) {
		c := newClinic(t, url)
		retry := func(e *subscription.Endpoint, _ string) {
			for _, d := range c.find(store.DeliveryFilter{EndpointID: e.ID}) {
				_, err := c.Retry(t.Context(), c.org.ID, d.ID, nil)
				require.NoError(t, err)
			}
		}
		replay := func(e *subscription.Endpoint, caseID string) {
			c.advance(c.replay(store.Replay{EndpointID: e.ID, CaseID: caseID}), 10)
		}
		for _, test := range []struct {
			name     string
			was, now func(*subscription.Endpoint)
			again    func(e *subscription.Endpoint, caseID string)
			want     [][]int64 // by lane
		}{
			{"retried, now in order", unordered, ordered, retry, [][]int64{{1, 2, 3}}},
			{"replayed, now in order", unordered, ordered, replay, [][]int64{{1, 2, 3}}},
			{"retried, now without", ordered, unordered, retry, [][]int64{{1}, {2}, {3}}},
			{"replayed, now without", ordered, unordered, replay, [][]int64{{1}, {2}, {3}}},
		} {
			e := c.endpoint(test.was)
			s := newSender(c, true)
			id := c.create(s)
			c.comments(2, id, s)
			c.drain(s)
			c.update(e.ID, test.now)
			test.again(e, id)
			var got [][]int64
			for _, lane := range c.claim(e.ID) {
				got = append(got, sequences(c.load(e.ID, lane).Messages))
			}
			slices.SortFunc(got, slices.Compare)
			require.Equal(t, test.want, got, test.name)
			require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		}
	}},
	{"what waits comes into the order of its case where its endpoint asks for that, and before what is new", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(unordered)
		outbox := new(tray)
		id, other := c.create(outbox), c.create(outbox)
		messages := outbox.take()
		later := begin.Add(time.Hour)
		c.fail(messages[1], later)
		require.False(t, c.deliver(messages[0], &store.End{Through: 1}))
		outbox.full = true
		c.comments(2, id, outbox)
		c.comments(1, other, outbox)
		c.update(e.ID, ordered)
		require.Equal(t, 2, rows(t, url, `SELECT count(*) FROM lanes`), "of the cases")
		outbox.full = false
		c.comments(1, id, outbox)
		c.comments(1, other, outbox)
		require.Empty(t, outbox.take(), "it waits behind the others")

		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{2, 3, 4}, sequences(c.load(e.ID, id).Messages))
		requireDue(t, c, e.ID, &later)
		c.clock.pass(time.Hour)
		require.Equal(t, []string{other}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2, 3}, sequences(c.load(e.ID, other).Messages))
	}},
	{"what is on its way while an endpoint asks for order is waited for, as long as an attempt may take", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(unordered)
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		onWay := outbox.take()
		c.update(e.ID, ordered)
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take())
		require.Empty(t, c.claim(e.ID))
		again := begin.Add(time.Second)
		require.False(t, c.deliver(onWay[1], &store.End{Through: 2}), "its lane is gone")
		require.False(t, c.fail(onWay[2], again))
		require.Empty(t, c.claim(e.ID))
		c.clock.pass(e.Timeout + time.Second)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{1, 3, 4}, sequences(c.load(e.ID, id).Messages))
	}},
	{"what waits when an endpoint gives up order goes as it was to", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := &tray{full: true}
		id := c.create(outbox)
		c.comments(1, id, outbox)
		c.update(e.ID, unordered)
		outbox.full = false
		c.comments(1, id, outbox)
		require.Equal(t, []int64{3}, sequences(outbox.take()))
		_, err := c.Retry(t.Context(), c.org.ID, c.find(store.DeliveryFilter{})[1].ID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane := c.load(e.ID, id)
		require.Equal(t, []int64{1, 2}, sequences(lane.Messages))
		c.deliver(lane.Messages[0], nil)
		require.False(t, c.deliver(lane.Messages[1], &store.End{Through: lane.Last}))
		requireDue(t, c, e.ID, nil)
	}},
	{"much that waits comes into the order of its case a little at a time, and nothing goes before that is done", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(unordered)
		outbox := &tray{full: true}
		id, other := c.backlog(outbox, 700), c.backlog(outbox, 700)
		require.True(t, c.update(e.ID, ordered).Moving)
		own := func() int {
			return rows(t, url, `SELECT count(*) FROM lanes JOIN deliveries ON deliveries.id = lanes.lane`)
		}
		require.Equal(t, 1400, own(), "nothing is moved by the change itself")

		outbox.full = false
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take(), "what is new waits behind the others")
		requireDue(t, c, e.ID, nil)
		for _, want := range []int{400, 0} {
			advanced, done := c.advanceMove(e.ID)
			require.Equal(t, []bool{true, false}, []bool{advanced, done})
			require.Equal(t, want, own())
			requireDue(t, c, e.ID, nil)
			c.reopen() // as after a crash
			c.live()
		}
		c.comments(1, other, outbox)
		require.Empty(t, outbox.take())
		advanced, done := c.advanceMove(e.ID)
		require.Equal(t, []bool{true, true}, []bool{advanced, done})
		moves, err := c.Moves(t.Context())
		require.NoError(t, err)
		require.Empty(t, moves)

		requireDue(t, c, e.ID, &begin)
		require.ElementsMatch(t, []string{id, other}, c.claim(e.ID))
		for _, lane := range []string{id, other} {
			require.Equal(t, count(64), sequences(c.load(e.ID, lane).Messages))
		}
		require.Equal(t, 1402, rows(t, url, `SELECT count(*) FROM deliveries WHERE lane = case_id AND state = 'pending'`))
	}},
	{"what is on its way when much comes into order is waited for, and so is what was read before", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		first := outbox.take()[0]
		c.update(e.ID, unordered)
		c.comments(2, id, outbox)
		onWay := outbox.take()
		outbox.full = true
		c.backlog(outbox, 1100)
		c.update(e.ID, ordered)
		outbox.full = false
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take(), "nor is it handed over to who works on the case")
		for range 2 {
			advanced, done := c.advanceMove(e.ID)
			require.Equal(t, []bool{true, false}, []bool{advanced, done})
		}
		waits := func() {
			t.Helper()
			advanced, done := c.advanceMove(e.ID)
			require.Equal(t, []bool{false, false}, []bool{advanced, done})
			requireDue(t, c, e.ID, nil)
		}
		waits()
		require.False(t, c.deliver(onWay[0], &store.End{Through: 2}), "its lane is done")
		require.False(t, c.fail(onWay[1], begin.Add(time.Second)))
		waits()
		require.False(t, c.deliver(first, &store.End{Through: 1}), "the lane is read again")
		waits() // it begins again, for the one that has failed
		advanced, done := c.advanceMove(e.ID)
		require.Equal(t, []bool{true, false}, []bool{advanced, done})
		advanced, done = c.advanceMove(e.ID)
		require.Equal(t, []bool{true, true}, []bool{advanced, done})

		c.clock.pass(time.Second)
		require.Contains(t, c.claim(e.ID), id)
		require.Equal(t, []int64{3, 4}, sequences(c.load(e.ID, id).Messages))
	}},
	{"an endpoint that gives up order while much comes into it is sent all of it, and can ask again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(unordered)
		outbox := &tray{full: true}
		id := c.backlog(outbox, 1100)
		c.update(e.ID, ordered)
		moves, err := c.Moves(t.Context())
		require.NoError(t, err)
		c.advanceMove(e.ID)
		require.True(t, c.update(e.ID, in(subscription.Paused)).Moving)
		require.True(t, c.update(e.ID, in(subscription.Active)).Moving)
		require.False(t, c.update(e.ID, unordered).Moving)
		advanced, done, err := c.AdvanceMove(t.Context(), moves[0])
		require.NoError(t, err)
		require.Equal(t, []bool{false, false}, []bool{advanced, done})
		requireDue(t, c, e.ID, &begin)

		require.False(t, c.update(e.ID, ordered).Moving, "what is left is little")
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, count(64), sequences(c.load(e.ID, id).Messages))
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))

		gone := c.endpoint(unordered)
		c.backlog(outbox, 1100)
		c.update(gone.ID, ordered)
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, gone.ID))
		moves, err = c.Moves(t.Context())
		require.NoError(t, err)
		require.Empty(t, moves)
	}},
}

// backlog makes a case of so many events.
func (c *clinic) backlog(outbox store.Outbox, events int) (caseID string) {
	c.t.Helper()
	caseID = c.create(outbox)
	for left := events - 1; left > 0; left -= 100 {
		var comments []caselog.Command
		for i := range min(left, 100) {
			comments = append(comments, comment(i))
		}
		c.do(caseID, outbox, comments...)
	}
	return caseID
}

// advanceMove moves a little more of what waits for an endpoint.
func (c *clinic) advanceMove(endpointID string) (advanced, done bool) {
	c.t.Helper()
	moves, err := c.Moves(c.ctx)
	require.NoError(c.t, err)
	require.Len(c.t, moves, 1)
	require.Equal(c.t, endpointID, moves[0].EndpointID)
	advanced, done, err = c.AdvanceMove(c.ctx, moves[0])
	require.NoError(c.t, err)
	return advanced, done
}
