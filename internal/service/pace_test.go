package service_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func TestWhatARateLimitHoldsBackIsSentLater(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		limit := 20
		w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.RateLimit = &limit })
		const n = 30 // twenty at once, and the others at twenty a second
		for range n {
			w.newCase(t)
		}
		r.wait(t, n)
	})
}

// What is put back because the endpoint closed costs none of its rate: at ten a second,
// two hundred messages would have held the probe up for twenty seconds.
func TestTheRateLimitOfAnEndpointThatClosesIsLeftToItsProbe(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dir, database string) {
		t.Parallel()
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		const cases, limit = 200, 10
		rate := limit
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.RateLimit = &rate; e.MaxInFlight = limit; e.Timeout = time.Minute })
		release := make(chan struct{})
		var healthy atomic.Bool
		r.answer = func(message) int {
			<-release
			if healthy.Load() {
				return http.StatusOK
			}
			return http.StatusInternalServerError
		}
		for range cases {
			w.newCase(t)
		}
		close(release)
		require.Eventually(t, func() bool {
			health, err := w.Health(t.Context(), endpoint)
			require.NoError(t, err)
			return health.Gate() != subscription.Open
		}, 10*time.Second, 10*time.Millisecond)
		healthy.Store(true)
		closed := time.Now()
		r.wait(t, 1)
		require.WithinDuration(t, closed, time.Now(), subscription.MinProbeWait+8*time.Second)
	})
}

// An endpoint at which something new is ready at any moment is sent what is replayed too.
func TestAReplayComesThroughToAnEndpointThatNeverRests(t *testing.T) {
	for _, test := range []struct {
		name string
		busy int // new messages that are not answered yet, at any moment
	}{
		{"with a few that are ready", 10},
		{"with more than are kept in memory", 1100},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, dir, database string) {
				t.Parallel()
				w, r := newWorldOn(t, dir, database), newReceiver(t)
				endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight = 4; e.Timeout = time.Minute })
				const old = 20
				for range old {
					w.newCase(t)
				}
				r.wait(t, old)
				until := time.Now()

				release := make(chan struct{})
				var quiet atomic.Bool
				var fresh atomic.Int64
				r.answer = func(m message) int {
					<-release
					if m.attempt == 1 && !quiet.Load() { // another one comes before this one is answered
						fresh.Add(1)
						if _, err := w.CreateCase(context.WithoutCancel(t.Context()), w.caller, newCase(), nil); err != nil {
							t.Errorf("open a case: %v", err)
						}
					}
					return http.StatusOK
				}
				defer quiet.Store(true)
				for range test.busy {
					w.newCase(t)
				}
				replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{Until: &until}, nil)
				require.NoError(t, err)
				close(release)
				require.Eventually(t, func() bool { // once what waited before it has gone
					now, err := w.ReplayOf(context.WithoutCancel(t.Context()), w.caller, replay.ID)
					require.NoError(t, err)
					return now.State == store.ReplayDone && now.Queued == old
				}, 2*time.Minute, 50*time.Millisecond)
				require.Greater(t, fresh.Load(), int64(3*old), "what is new goes first")
			})
		})
	}
}
