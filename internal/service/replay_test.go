package service_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// replayed waits until a replay has ended.
func (w *world) replayed(t *testing.T, id string) service.Replay {
	t.Helper()
	var replay service.Replay
	require.Eventually(t, func() bool {
		var err error
		replay, err = w.ReplayOf(t.Context(), w.caller, id)
		require.NoError(t, err)
		return replay.State != store.ReplayRunning
	}, 30*time.Second, 10*time.Millisecond)
	return replay
}

func TestAReplaySendsEverythingAgainInOrderWhileChangesGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		const cases, comments = 40, 19
		ids := make([]string, cases)
		for i := range ids {
			ids[i] = w.newCase(t)
			w.comment(t, ids[i], slices.Repeat([]string{"again"}, comments)...)
		}
		const before = cases * (comments + 1)
		first := r.wait(t, before)

		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		for _, id := range ids {
			w.comment(t, id, "live")
		}
		require.Equal(t, store.ReplayDone, w.replayed(t, replay.ID).State)
		messages := r.wait(t, 2*before+cases)
		require.Len(t, messages, 2*before+cases)

		bodies := make(map[string]string)
		for _, m := range first {
			bodies[m.id] = string(m.body)
		}
		for _, id := range ids {
			again := slices.DeleteFunc(sequences(messages[before:], id), func(sequence int) bool { return sequence == comments+2 })
			require.Equal(t, oneTo(comments+1), again, "in the order of its lane")
		}
		for _, m := range messages[before:] {
			if body, ok := bodies[m.id]; ok {
				require.Equal(t, body, string(m.body), "byte for byte")
				require.Equal(t, 2, m.attempt)
			}
		}
	})
}

func TestAReplayAsksForClearanceAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
		require.NoError(t, err)
		r.wait(t, 2)
		_, err = w.UpdateEndpoint(t.Context(), w.caller, endpoint.ID, func(e *subscription.Endpoint) error {
			e.Clearance = subscription.Clearance{}
			return nil
		})
		require.NoError(t, err)
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		w.replayed(t, replay.ID)
		again := r.wait(t, 3)[2:]
		require.Len(t, again, 1)
		require.NotContains(t, string(again[0].body), "Grace")
		require.Contains(t, string(again[0].body), `"redacted"`)
	})
}

func TestWhatAStoppedReplayHadInLineIsSentWhereItIsRetried(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight, e.Timeout = 2, time.Minute })
		const cases = 5
		for range cases {
			w.newCase(t)
		}
		r.wait(t, cases)
		begun, release := make(chan struct{}, cases), make(chan struct{})
		r.answer = func(message) int {
			begun <- struct{}{}
			<-release
			return http.StatusOK
		}
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		<-begun
		require.Eventually(t, func() bool {
			now, err := w.ReplayOf(t.Context(), w.caller, replay.ID)
			require.NoError(t, err)
			return now.Queued == cases
		}, 10*time.Second, 10*time.Millisecond)
		_, err = w.StopReplay(t.Context(), w.caller, replay.ID, nil)
		require.NoError(t, err)
		all, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{}, service.Page{})
		require.NoError(t, err)
		for _, d := range all {
			_, err = w.RetryDelivery(t.Context(), w.caller, d.ID, nil)
			require.NoError(t, err)
		}
		close(release)
		require.Eventually(t, func() bool {
			delivered, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Delivered}, service.Page{})
			require.NoError(t, err)
			return len(delivered) == cases && !slices.ContainsFunc(delivered, func(d service.Delivery) bool { return d.Tries < 2 })
		}, 20*time.Second, 10*time.Millisecond)
	})
}

func TestWhatAStoppedReplayHasSpentATryOnGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.Timeout = time.Minute })
		caseID, other := w.newCase(t), w.newCase(t)
		r.wait(t, 2)
		release := make(chan struct{})
		r.answer = func(m message) int {
			switch {
			case m.caseID == other: // the replay goes on
				<-release
			case m.attempt == 2:
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{CaseID: caseID}, service.Page{})
			require.NoError(t, err)
			return found[0].Tries == 2
		}, 10*time.Second, 10*time.Millisecond)
		_, err = w.StopReplay(t.Context(), w.caller, replay.ID, nil)
		require.NoError(t, err)
		close(release)
		require.Eventually(t, func() bool {
			found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{CaseID: caseID}, service.Page{})
			require.NoError(t, err)
			return found[0].Tries == 3 && found[0].State == store.Delivered
		}, 20*time.Second, 10*time.Millisecond)
	})
}

func TestAReplayDoesNotHurryWhatWaitsForItsNextTry(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		r.answer = func(m message) int {
			if m.sequence == 2 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}
		r.retryAfter = "3600"
		endpoint := w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		w.comment(t, caseID, "refused")
		waiting := w.failed(t, service.DeliveryFilter{CaseID: caseID})

		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{Events: []string{"CREATE_CASE"}}, nil)
		require.NoError(t, err)
		w.replayed(t, replay.ID)
		require.Equal(t, []int{1, 1}, sequences(r.wait(t, 2), caseID))
		require.Eventually(t, func() bool {
			due, err := w.Store.Due(t.Context())
			require.NoError(t, err)
			return due[endpoint.ID].At.Equal(*waiting.NextAttemptAt)
		}, 10*time.Second, 10*time.Millisecond)
		now, _, err := w.Delivery(t.Context(), w.caller, waiting.ID)
		require.NoError(t, err)
		require.Equal(t, 1, now.Tries)
	})
}

func TestAReplayOfWhatFailedFillsTheHole(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		var refused atomic.Bool
		refused.Store(true)
		r.answer = func(m message) int {
			if m.sequence == 2 && refused.Load() {
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		caseID := w.newCase(t)
		w.comment(t, caseID, "refused", "taken")
		second := w.failed(t, service.DeliveryFilter{CaseID: caseID})
		_, err := w.CancelDelivery(t.Context(), w.caller, second.ID, nil) // as the end of the schedule would
		require.NoError(t, err)
		w.comment(t, caseID, "and on")
		require.Equal(t, []int{1, 3, 4}, sequences(r.wait(t, 3), caseID))

		refused.Store(false)
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{CaseID: caseID}, nil)
		require.NoError(t, err)
		require.Equal(t, int64(4), w.replayed(t, replay.ID).Queued)
		require.Equal(t, []int{1, 3, 4, 1, 2, 3, 4}, sequences(r.wait(t, 7), caseID))
	})
}

func TestAReplayIsStopped(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight = 2; e.Timeout = time.Minute })
		const cases = 50
		for range cases {
			w.newCase(t)
		}
		r.wait(t, cases)
		release := make(chan struct{})
		var again atomic.Int64
		r.answer = func(message) int {
			again.Add(1)
			<-release
			return http.StatusOK
		}
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		_, err = w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.ErrorContains(t, err, "a replay of the endpoint is running")
		require.Eventually(t, func() bool { return again.Load() == 1 }, 10*time.Second, 10*time.Millisecond, "half of what may be on its way")
		stopped, err := w.StopReplay(t.Context(), w.caller, replay.ID, nil)
		require.NoError(t, err)
		require.Equal(t, store.ReplayStopped, stopped.State)
		require.Zero(t, stopped.Queued, "none had been attempted")
		now, err := w.ReplayOf(t.Context(), w.caller, replay.ID)
		require.NoError(t, err)
		require.Zero(t, now.Queued)
		close(release)
		w.comment(t, w.newCase(t), "live")
		r.wait(t, cases+3)
		require.LessOrEqual(t, again.Load(), int64(3), "what was on its way, and what is new")
		pending, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Pending}, service.Page{})
		require.NoError(t, err)
		require.Empty(t, pending)
	})
}

func TestAReplayThatCannotBeIsRefused(t *testing.T) {
	w := newWorld(t, t.TempDir())
	endpoint := w.endpoint(t, "https://partner.example/hooks", nil)
	since, until := time.Now(), time.Now().Add(-time.Hour)
	for _, test := range []struct {
		endpoint, want string
		filter         service.ReplayFilter
	}{
		{endpoint.ID, "until must be later than since", service.ReplayFilter{Since: &since, Until: &until}},
		{endpoint.ID, "events[1] " + refusal.OneOf(caseupdate.Events()), service.ReplayFilter{Events: []string{"CREATE_CASE", "WHAT"}}},
		{endpoint.ID, "there is no such endpoint, or case", service.ReplayFilter{CaseID: "nobody"}},
		{"nobody", "there is no such endpoint, or case", service.ReplayFilter{}},
	} {
		_, err := w.Replay(t.Context(), w.caller, test.endpoint, test.filter, nil)
		require.ErrorContains(t, err, test.want)
	}
}
