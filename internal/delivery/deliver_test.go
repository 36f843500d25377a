package delivery

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

func TestADeliveryFailsAfterThirteenAttemptsInAboutThreeDays(t *testing.T) {
	e, o := new(Engine), &store.Outcome{}
	begun := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	now := begun
	for number := 1; ; number++ {
		o.Attempt = &store.Attempt{Number: number, StatusCode: http.StatusBadGateway}
		due, again := e.again(o, now)
		if !again {
			require.Equal(t, 13, number)
			break
		}
		require.True(t, due.After(now))
		now, o.Message.DueAt = due, nil
	}
	require.InDelta(t, 75.7, now.Sub(begun).Hours(), 0.2*75.7)
	require.Zero(t, o.Deferred)
}

func TestWhatCostsNoTry(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for _, test := range []struct {
		name     string
		attempt  store.Attempt
		message  store.Message
		deferred int // before
		want     int // deferred after
		due      time.Duration
		linked   bool
	}{
		{name: "an answer that asks to wait", attempt: store.Attempt{StatusCode: 429, RetryAfter: time.Minute}, want: 1, due: time.Minute},
		{name: "an answer that asks to wait, the 101st time", attempt: store.Attempt{StatusCode: 429, RetryAfter: time.Minute}, deferred: 100, want: 100, due: time.Minute},
		{name: "a body with documents that is too large", attempt: store.Attempt{StatusCode: 413, Inline: true}, want: 1, linked: true},
		{name: "a probe before its turn", attempt: store.Attempt{StatusCode: 500}, message: store.Message{DueAt: &later}, want: 1, due: time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.attempt.Number = test.deferred + 5
			o := &store.Outcome{Message: test.message, Attempt: &test.attempt, Deferred: test.deferred}
			due, again := new(Engine).again(o, now)
			require.True(t, again)
			require.Equal(t, test.want, o.Deferred)
			require.Equal(t, test.linked, o.Linked)
			require.Equal(t, now.Add(test.due), due)
		})
	}
}

func TestAReplayHasHalfOfWhatMayBeOnItsWayAndWhatIsNewGoesFirst(t *testing.T) {
	target := new(target)
	target.see(newTestEndpoint(4), 1)
	replayed := &lane{queue: []store.Message{{ReplayID: "replay"}}}
	live := &lane{queue: []store.Message{{}}}
	target.line(replayed)
	target.line(replayed)
	target.line(live)
	require.Same(t, &target.ready, target.queue())
	target.ready = nil
	require.Same(t, &target.replays, target.queue())
	target.inFlight, target.replayed = 2, 2
	require.Nil(t, target.queue())
	target.line(live)
	require.Same(t, &target.ready, target.queue())
	target.inFlight = 4
	require.Nil(t, target.queue())
}

func TestAReplayGetsAnEighthWhereSomethingNewIsAlwaysReady(t *testing.T) {
	target := new(target)
	target.see(newTestEndpoint(4), 1)
	replayed := 0
	for range 80 {
		target.line(&lane{queue: []store.Message{{ReplayID: "replay"}}})
		target.line(&lane{queue: []store.Message{{}}})
		if l := target.depart(target.queue()); l.queue[0].ReplayID != "" {
			replayed++
		}
		target.inFlight, target.open, target.replayed = 0, 0, 0
	}
	require.Equal(t, 10, replayed)
}

func TestAProbeGoesFirst(t *testing.T) {
	target := new(target)
	target.see(newTestEndpoint(4), 1)
	probe := &lane{queue: []store.Message{{ReplayID: "replay"}}, probe: true}
	target.line(&lane{queue: []store.Message{{}}})
	target.line(probe)
	target.passed = maxPassed
	require.Same(t, probe, target.depart(target.queue()))
}

func TestWhatIsNewComesIntoMemoryBehindWhatHadNoRoomThere(t *testing.T) {
	e := newTestEngine()
	target := e.target(newTestEndpoint(4))
	for _, step := range []struct {
		queued int
		want   bool
	}{
		{maxQueued / 2, true}, {maxQueued - 1, true}, {maxQueued, false},
		{maxQueued - 1, false}, {maxQueued / 4, false}, {maxQueued/4 - 1, true}, // since it was full
	} {
		target.queued = step.queued
		require.Equal(t, step.want, target.accepts(), "%d", step.queued)
		if !step.want {
			e.Waiting("")
		}
	}
	target.behind = false
	target.queued = maxQueued / 2
	e.Waiting("") // such as behind a message that is to be tried again later
	require.True(t, target.accepts())
}

func TestTheLimitsOfAnEndpointAreSharedOutAmongTheNodes(t *testing.T) {
	target, endpoint := new(target), newTestEndpoint(8)
	limit := 100
	endpoint.RateLimit = &limit
	for _, test := range []struct{ nodes, width, burst int }{{1, 8, 100}, {2, 4, 50}, {3, 3, 34}, {8, 1, 13}, {100, 1, 1}} {
		target.see(endpoint, test.nodes)
		require.Equal(t, test.width, target.width(), "%d nodes", test.nodes)
		require.Equal(t, test.burst, target.limiter.Burst())
		require.InDelta(t, float64(limit)/float64(test.nodes), float64(target.limiter.Limit()), 0.001)
	}
}
