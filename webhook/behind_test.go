package webhook_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

func TestWhatWaitsBehindOneThatFailsComesAgainToo(t *testing.T) {
	r, handled := newReceiver(t)
	store := newWatched()
	r.Store = store
	var mended atomic.Bool
	webhook.On(r, func(_ context.Context, p *caseupdate.ReopenCase) error {
		if !mended.Load() {
			return errors.New("not yet")
		}
		handled.add(p.Activity.ID)
		return nil
	})
	url := serve(t, r)
	var behind []<-chan reply
	for _, n := range []int{3, 4} {
		behind = append(behind, hook{sequence: n}.sending(t, url))
		require.Equal(t, hook{sequence: n}.id(), <-store.looked)
	}
	requireSent(t, url, 204, hook{sequence: 1})
	second := hook{sequence: 2, event: "REOPEN_CASE"}
	requireSent(t, url, 500, second)
	for _, answered := range behind {
		got := <-answered
		require.Equal(t, reply{status: 503, text: "a message before this one failed\n"}, got)
	}
	require.Equal(t, ids(1), handled.all())

	mended.Store(true)
	requireSent(t, url, 204, second, hook{sequence: 3}, hook{sequence: 4})
	require.Equal(t, ids(1, 2, 3, 4), handled.all())
}

// 2 was missing before 4 was handled. That it fails when it comes says nothing of 5, which is next.
func TestWhatIsLateAndFailsHoldsUpNothing(t *testing.T) {
	r, handled := newReceiver(t)
	r.Store = webhook.NewMemoryStore(0)
	require.NoError(t, r.Store.Keep(t.Context(), "case-1-4", "case-1", 4))
	begun, end := make(chan struct{}), make(chan struct{})
	webhook.On(r, func(context.Context, *caseupdate.ReopenCase) error {
		close(begun)
		<-end
		return errors.New("not yet")
	})
	url := serve(t, r)
	late := hook{sequence: 2, event: "REOPEN_CASE"}.sending(t, url)
	<-begun
	next := hook{sequence: 5}.sending(t, url)
	close(end)
	requireAnswer(t, 500, late)
	requireAnswer(t, 204, next)
	require.Equal(t, ids(5), handled.all())
}
