package service_test

import (
	"context"
	"database/sql"
	"math"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// holder has a receiver hold its answers until it is told which, and fails the test where
// more is on its way at once than may be.
type holder struct {
	t       *testing.T
	answers chan int

	mu       sync.Mutex
	inFlight int
	came     int
	allowed  int
}

// hold has r hold its answers until the test ends, or let is called.
func hold(t *testing.T, r *receiver, allowed int) *holder {
	h := &holder{t: t, answers: make(chan int), allowed: allowed}
	r.answer = h.answer
	t.Cleanup(h.let)
	return h
}

func (h *holder) answer(message) int {
	h.mu.Lock()
	h.inFlight++
	h.came++
	if h.inFlight > h.allowed {
		h.t.Errorf("%d are on their way at once, of %d that may be", h.inFlight, h.allowed)
	}
	h.mu.Unlock()
	status, held := <-h.answers
	if !held {
		return http.StatusOK
	}
	h.mu.Lock()
	h.inFlight--
	h.mu.Unlock()
	return status
}

// reply gives one answer, after which so many may be on their way at once.
func (h *holder) reply(status, allowed int) {
	h.mu.Lock()
	h.allowed = allowed
	h.mu.Unlock()
	h.answers <- status
}

// onTheirWay waits until so many are on their way, of so many that came.
func (h *holder) onTheirWay(t *testing.T, inFlight, came int) {
	t.Helper()
	require.Eventually(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.inFlight == inFlight && h.came >= came
	}, 30*time.Second, time.Millisecond)
}

// let answers all that come from now on with success.
func (h *holder) let() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.allowed < math.MaxInt {
		h.allowed = math.MaxInt
		close(h.answers)
	}
}

func TestAnAnswerThatSaysOverloadedHalvesWhatIsOnItsWayAndEachSuccessAddsOne(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, dir, database string) {
				w, r := newWorldOn(t, dir, database), newReceiver(t)
				const most, cases = 8, 30
				h := hold(t, r, most)
				w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight = most; e.Timeout = time.Minute })
				for range cases {
					w.newCase(t)
				}
				h.onTheirWay(t, most, most)

				h.reply(status, most/2)
				require.Equal(t, status, w.failed(t, service.DeliveryFilter{Tried: true}).LastStatusCode)
				for range most / 2 { // which say nothing of how much is too much
					h.reply(http.StatusInternalServerError, most/2)
				}
				came := most + 1
				h.onTheirWay(t, most/2, came)
				for allowed := most/2 + 1; allowed <= most+2; allowed++ {
					h.reply(http.StatusOK, min(allowed, most))
					if came++; allowed <= most {
						came++
					}
					h.onTheirWay(t, min(allowed, most), came)
				}
				h.let()
				r.wait(t, cases)
			})
		})
	}
}

func TestNodesShareWhatMayBeOnItsWayAtOnce(t *testing.T) {
	t.Parallel()
	dir, database := t.TempDir(), postgrestest.DSN(t)
	direct, err := sql.Open("pgx", database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = direct.Close() })
	// lives returns until when each node lives, as far as is known.
	lives := func() map[string]int64 {
		rows, err := direct.QueryContext(context.WithoutCancel(t.Context()), `SELECT id, expires_at FROM nodes`)
		require.NoError(t, err)
		defer rows.Close()
		until := make(map[string]int64)
		for rows.Next() {
			var name string
			var expires int64
			require.NoError(t, rows.Scan(&name, &expires))
			until[name] = expires
		}
		require.NoError(t, rows.Err())
		return until
	}
	r := newReceiver(t)
	first := newWorldOn(t, dir, database)
	require.Eventually(t, func() bool { return len(lives()) == 1 }, 10*time.Second, 10*time.Millisecond)
	alone := lives()
	second := newWorldOn(t, dir, database)
	require.Eventually(t, func() bool { // the first one learns of the second when it renews its lease
		now := lives()
		for name, until := range alone {
			if now[name] <= until {
				return false
			}
		}
		return len(now) == 2
	}, 30*time.Second, 10*time.Millisecond)

	const most, cases = 8, 24
	h := hold(t, r, most)
	first.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight = most; e.Timeout = time.Minute })
	for range cases / 2 {
		first.newCase(t)
		second.newCase(t)
	}
	h.onTheirWay(t, most, most)
	for answered := 1; answered <= cases-most; answered++ {
		h.reply(http.StatusNoContent, most)
		h.onTheirWay(t, most, most+answered)
	}
	h.let()
	r.wait(t, cases)
}
