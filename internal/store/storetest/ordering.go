package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
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
		free := *e
		unordered(&free)
		require.NoError(t, c.UpdateEndpoint(t.Context(), &free, nil))
		c.comments(1, id, outbox)
		second := outbox.take()[0]
		require.NoError(t, c.UpdateEndpoint(t.Context(), e, nil))
		c.comments(1, id, outbox)
		third := outbox.take()[0]
		require.Equal(t, []int64{1, 2, 3}, sequences([]store.Message{first, second, third}))
		require.Equal(t, []string{id, second.DeliveryID, id}, []string{first.Lane, second.Lane, third.Lane})
		require.False(t, c.deliver(second, &store.End{Through: 2}))
		c.deliver(first, nil)
		require.False(t, c.deliver(third, &store.End{Through: 3}))
	}},
}
