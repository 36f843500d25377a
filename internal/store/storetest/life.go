package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

var lifeTests = []test{
	{"a store that is open takes a transaction, and one that is closed nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		require.NoError(t, c.Ping(t.Context()))
		require.NoError(t, c.Close())
		require.NoError(t, c.Close(), "closing again does nothing")

		require.Error(t, c.Ping(t.Context()))
		_, err := c.Change(t.Context(), c.proposal(id, outbox, comment(1)))
		require.Error(t, err)
		require.Error(t, c.Record(t.Context(), store.Outcome{Message: m, Attempt: &store.Attempt{Number: 1}, State: store.Delivered}))
		require.Error(t, c.Claim(t.Context(), e.ID, 1, func([]string) { t.Error("nothing is claimed") }))
		_, err = c.Live(t.Context(), lease, func(store.Standing) { t.Error("nothing is told") })
		require.Error(t, err)
		_, err = c.Feed(t.Context(), c.org.ID, store.Position{}, 1)
		require.Error(t, err)
		require.Empty(t, outbox.take())
	}},
	{"what is taken before the end is written, and what is not fails", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ids := make([]string, crowd)
		for i := range ids {
			ids[i] = c.create(nil)
		}
		outbox := new(tray)
		c.endpoint()
		recorded := make([]int64, crowd) // the last version that was answered
		begun := make(chan struct{}, crowd)
		var group sync.WaitGroup
		for i, id := range ids {
			group.Go(func() {
				for first := true; ; first = false {
					committed, err := c.Change(t.Context(), c.proposal(id, outbox, comment(1)))
					if first {
						begun <- struct{}{}
					}
					if err != nil {
						return
					}
					recorded[i] = committed.Case.Version
				}
			})
		}
		<-begun
		require.NoError(t, c.Close())
		group.Wait()
		handed := len(outbox.take())
		c.open()
		var written int
		for i, id := range ids {
			state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
			require.NoError(t, err)
			require.Equal(t, max(recorded[i], 1), state.Version)
			written += int(state.Version) - 1
		}
		require.Equal(t, handed, written)
	}},
	{"what is given up before it is taken fails, and what is taken is seen through", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		version := int64(1)
		for range 20 {
			committed, err := c.Change(ctx, c.proposal(id, nil, comment(1)))
			if err == nil {
				version++
				require.Equal(t, version, committed.Case.Version)
			} else {
				require.True(t, errors.Is(err, context.Canceled))
			}
		}
		requireLog(t, c, id, int(version))
	}},
}
