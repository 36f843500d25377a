package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var retryTests = []test{
	{"a retry makes a delivery due now, whatever became of it before", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, ordering := range []subscription.Ordering{subscription.OrderingCase, subscription.OrderingNone} {
			e := c.endpoint(func(e *subscription.Endpoint) { e.Ordering = ordering })
			for _, state := range []store.State{store.Delivered, store.Failed, store.Canceled} {
				outbox := new(tray)
				id := c.create(outbox)
				m := byEndpoint(outbox.take(), e.ID)[0]
				c.record(store.Outcome{
					Message: m,
					Attempt: &store.Attempt{Number: 1, StartedAt: c.clock.Now(), StatusCode: 500},
					State:   state,
				}, &store.End{Through: m.Sequence})
				c.clock.pass(time.Hour)
				endpointID, err := c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
				require.NoError(t, err)
				require.Equal(t, e.ID, endpointID)

				got, attempts, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
				require.NoError(t, err)
				require.Equal(t, store.Pending, got.State)
				require.Nil(t, got.FinishedAt)
				require.Len(t, attempts, 1, "what was tried is not forgotten")
				now := c.clock.Now()
				requireDue(t, c, e.ID, &now)
				require.Equal(t, []string{m.Lane}, c.claim(e.ID))
				again := c.load(e.ID, m.Lane)
				require.Len(t, again.Messages, 1)
				m.Tries = 1
				requireEqual(t, m, again.Messages[0])
				require.False(t, c.deliver(again.Messages[0], &store.End{Through: again.Last}))
				require.Equal(t, []string{"1 CREATE_CASE delivered"}, c.deliveries(store.DeliveryFilter{CaseID: id, EndpointID: e.ID}))
			}
			require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		}
	}},
	{"a retry ends the wait of its lane, and comes before what waits behind it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		c.fail(messages[1], begin.Add(time.Hour))
		_, err := c.Retry(t.Context(), c.org.ID, messages[0].DeliveryID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2, 3}, sequences(c.load(e.ID, id).Messages))
	}},
	{"a retry in a lane that is worked on is found when the lane is settled", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		_, err := c.Retry(t.Context(), c.org.ID, messages[0].DeliveryID, nil)
		require.NoError(t, err)
		requireDue(t, c, e.ID, nil)
		require.False(t, c.deliver(messages[1], &store.End{Through: 2}), "the lane is due again")
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane := c.load(e.ID, id)
		require.Equal(t, []int64{1}, sequences(lane.Messages))
		require.Equal(t, int64(2), lane.Last)
		require.False(t, c.deliver(lane.Messages[0], &store.End{Through: lane.Last}), "once")
		requireDue(t, c, e.ID, nil)
	}},
	{"a retry is found also where more comes into the lane before it is settled", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		_, err := c.Retry(t.Context(), c.org.ID, messages[0].DeliveryID, nil)
		require.NoError(t, err)
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take(), "it comes behind the retry")
		require.False(t, c.deliver(messages[1], &store.End{Through: 2}))
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{1, 3}, sequences(c.load(e.ID, id).Messages))
	}},
	{"an outcome that comes late does not undo what was tried since", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		c.fail(m, begin)
		require.Equal(t, []string{id}, c.claim(e.ID))
		second := c.load(e.ID, id).Messages[0]
		c.fail(second, begin.Add(time.Hour))
		c.record(store.Outcome{Message: m, Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 503}, State: store.Pending, RetryAt: &begin}, nil)
		require.Equal(t, 2, c.find(store.DeliveryFilter{})[0].Tries)
	}},
	{"a retry of what is being sent sends it once more only where it failed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		_, err := c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		require.False(t, c.deliver(m, &store.End{Through: 1}))
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane := c.load(e.ID, id)
		require.Empty(t, lane.Messages)
		require.False(t, c.end(m, store.End{Through: lane.Last}))
	}},
	{"a lane that is put back while it is recalled waits as long as it is told to", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		_, err := c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		due := begin.Add(time.Minute)
		require.False(t, c.fail(m, due))
		requireDue(t, c, e.ID, &due)
		c.clock.pass(time.Minute)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.False(t, c.deliver(c.load(e.ID, id).Messages[0], &store.End{Through: 1}), "the recall is forgotten")
	}},
	{"what was canceled while it was on its way was delivered if it was, and else stays canceled; its attempt is recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.do(id, outbox, caselog.Escalate{})
		c.do(id, outbox, caselog.Deescalate{})
		messages := outbox.take()
		c.deliver(messages[0], nil)
		c.clock.pass(time.Minute)
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		require.False(t, c.fail(messages[1], begin.Add(time.Hour)))
		require.False(t, c.deliver(messages[2], &store.End{Through: 3}))
		require.Equal(t,
			[]string{"1 CREATE_CASE delivered", "2 ESCALATE_CASE canceled", "3 DEESCALATE_CASE delivered"},
			c.deliveries(store.DeliveryFilter{}))
		for _, m := range messages[1:] {
			got, attempts, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
			require.NoError(t, err)
			require.Len(t, attempts, 1)
			require.NotNil(t, got.FinishedAt)
			require.Nil(t, got.NextAttemptAt)
		}
	}},
	{"a retry keeps its answer, once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		m := outbox.take()[0]
		c.deliver(m, &store.End{Through: 1})
		kept := &store.Kept{Once: store.Once{Key: "retry", Digest: [32]byte{1}}, Answer: []byte("accepted")}
		_, err := c.Retry(t.Context(), c.org.ID, m.DeliveryID, kept)
		require.NoError(t, err)
		_, err = c.Retry(t.Context(), c.org.ID, m.DeliveryID, kept)
		require.ErrorIs(t, err, store.ErrAnswered)
		kept.Key = "other"
		_, err = c.Retry(t.Context(), c.org.ID, newID(), kept)
		require.ErrorIs(t, err, store.ErrNotFound)
		requireAnswer(t, c, "retry", "accepted", [32]byte{1})
		_, _, err = c.Answer(t.Context(), c.org.ID, "other")
		require.ErrorIs(t, err, store.ErrNotFound)
	}},
}
