package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var cancelTests = []test{
	{"an attempt that comes home to what was given up counts, and the next has a number and a record of its own", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		m := c.waiting(e, 1)[0]
		_, _, err := c.Cancel(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		asked := store.Outcome{Message: m, Attempt: &store.Attempt{Number: 1, StartedAt: at(begin), StatusCode: 503}, State: store.Pending, Deferred: 1, RetryAt: new(begin.Add(time.Hour))}
		c.record(asked, &store.End{Due: asked.RetryAt})
		given := c.find(store.DeliveryFilter{})[0]
		require.Equal(t, store.Canceled, given.State)
		require.Equal(t, 1, given.Tries)
		require.Nil(t, given.NextAttemptAt)

		_, err = c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{m.Lane}, c.claim(e.ID))
		again := c.load(e.ID, m.Lane).Messages[0]
		require.Equal(t, []int{1, 1}, []int{again.Tries, again.Deferred})
		c.deliver(again, &store.End{Through: 1})
		_, attempts, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		require.Equal(t, []int{503, 204}, []int{attempts[0].StatusCode, attempts[1].StatusCode})
	}},
}
