package webhook_test

import (
	"context"
	"iter"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// panicking is a store that panics once, when it is asked to look or to keep the first message of case-1.
type panicking struct {
	watched
	onLook, onKeep *atomic.Bool
}

func (p panicking) Look(ctx context.Context, id, caseID string) (bool, int64, error) {
	if id == (hook{sequence: 1}).id() && p.onLook.CompareAndSwap(true, false) {
		panic("Sam Sample")
	}
	return p.watched.Look(ctx, id, caseID)
}

func (p panicking) Keep(ctx context.Context, id, caseID string, sequence int64) error {
	if p.onKeep.CompareAndSwap(true, false) {
		panic("Sam Sample")
	}
	return p.watched.Keep(ctx, id, caseID, sequence)
}

func TestAStoreThatPanicsLocksNoCase(t *testing.T) {
	for _, tt := range []struct {
		name   string
		onLook bool
		want   string
		calls  []string
	}{
		{"when it looks", true, "the store of what was handled cannot be read\n", ids(1, 2)},
		{"when it keeps", false, "the store of what was handled cannot be written\n", ids(1, 1, 2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, handled := newReceiver(t)
			store := panicking{newWatched(), new(atomic.Bool), new(atomic.Bool)}
			store.onLook.Store(tt.onLook)
			store.onKeep.Store(!tt.onLook)
			r.Store = store
			url := serve(t, r)

			second := hook{sequence: 2}.sending(t, url)
			require.Equal(t, hook{sequence: 2}.id(), <-store.looked)
			first := hook{sequence: 1}
			require.Equal(t, reply{status: http.StatusServiceUnavailable, text: tt.want}, first.send(t.Context(), url))
			requireAnswer(t, 503, second)
			requireSent(t, url, 204, first, hook{sequence: 2})
			require.Equal(t, tt.calls, handled.all())
		})
	}
}

func TestAFeedThatPanicsIsOneThatFails(t *testing.T) {
	r, handled := newReceiver(t)
	r.Hold = time.Millisecond
	r.Feed = func(context.Context, string, int64) iter.Seq2[[]byte, error] {
		return func(func([]byte, error) bool) { panic("Sam Sample") }
	}
	url := serve(t, r)
	requireSent(t, url, 204, hook{sequence: 1})
	for attempt := 1; attempt <= 3; attempt++ {
		requireSent(t, url, 503, hook{sequence: 3, attempt: attempt})
	}
	requireSent(t, url, 204, hook{sequence: 3, attempt: 4}, hook{sequence: 2})
	require.Equal(t, ids(1, 3, 2), handled.all())
}

// What waits in the lane is answered, whatever became of the function before it.
func TestAFunctionThatEndsItsGoroutineLocksNoCase(t *testing.T) {
	r, handled := newReceiver(t)
	store := newWatched()
	r.Store = store
	var ended atomic.Bool
	webhook.On(r, func(_ context.Context, p *caseupdate.ReopenCase) error {
		if ended.CompareAndSwap(false, true) {
			runtime.Goexit()
		}
		handled.add(p.Activity.ID)
		return nil
	})
	url := serve(t, r)
	third := hook{sequence: 3}.sending(t, url)
	require.Equal(t, hook{sequence: 3}.id(), <-store.looked)

	first := hook{sequence: 1, event: "REOPEN_CASE"}
	require.Error(t, first.send(t.Context(), url).err, "nobody answers")
	requireAnswer(t, 503, third)
	requireSent(t, url, 204, first, hook{sequence: 2}, hook{sequence: 3})
	require.Equal(t, ids(1, 2, 3), handled.all())
}
