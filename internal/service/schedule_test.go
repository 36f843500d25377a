package service_test

import (
	"bytes"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// answers is a receiver without a network, so that time can be made to pass.
type answers func(*http.Request) int

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{StatusCode: a(r), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: r}, r.Body.Close()
}

// The tests of this file are on SQLite: time passes in a bubble only while everything in it waits
// for time, or for the rest of the bubble, and a connection to PostgreSQL waits for a network. That
// lanes are due by the same clock on both engines is shown by storetest.
func TestAMessageThatFailsIsTriedAgainOnScheduleAndThenItsLaneGoesOn(t *testing.T) {
	schedule := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var attempts []time.Time // of the first message
		w := newWorldWith(t, dir, "sqlite:"+filepath.Join(dir, "casehook.db"), &http.Client{Transport: answers(func(r *http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			if r.Header.Get("casehook-sequence") != "1" {
				return http.StatusOK
			}
			if attempts = append(attempts, time.Now()); len(attempts) <= len(schedule) {
				return http.StatusBadRequest
			}
			return http.StatusOK
		})})
		w.endpoint(t, "https://partner.example", nil)
		caseID := w.newCase(t)
		w.comment(t, caseID, "waits for the first")
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, attempts, len(schedule)+1)
		for i, planned := range schedule {
			require.InDelta(t, float64(planned), float64(attempts[i+1].Sub(attempts[i])), 0.2*float64(planned)+float64(time.Second), "wait %d", i+1)
		}
		deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Delivered}, service.Page{})
		require.NoError(t, err)
		require.Len(t, deliveries, 2)
		w.stop()
	})
}

func TestAnEndpointThatIsClosedIsProbedAtGrowingIntervals(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tries []time.Time
		begun := time.Now()
		w := newWorldWith(t, dir, "sqlite:"+filepath.Join(dir, "casehook.db"), &http.Client{Transport: answers(func(*http.Request) int {
			mu.Lock()
			defer mu.Unlock()
			tries = append(tries, time.Now())
			if time.Since(begun) < time.Hour {
				return http.StatusBadGateway
			}
			return http.StatusOK
		})})
		w.endpoint(t, "https://partner.example", nil)
		const cases = 30
		for range cases {
			w.newCase(t)
		}
		time.Sleep(59 * time.Minute)
		mu.Lock()
		probes := slices.DeleteFunc(slices.Clone(tries), func(at time.Time) bool { return at.Sub(begun) < 2*time.Second })
		mu.Unlock()
		require.Less(t, len(probes), 20, "one message at a time, and seldom")
		for i := range probes[1:] {
			wait := probes[i+1].Sub(probes[i])
			require.LessOrEqual(t, wait, 12*time.Minute+time.Second)
			require.GreaterOrEqual(t, wait, 4*time.Second)
		}
		require.Greater(t, probes[len(probes)-1].Sub(probes[len(probes)-2]), 6*time.Minute)
		time.Sleep(15 * time.Minute)
		delivered, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Delivered}, service.Page{Limit: 100})
		require.NoError(t, err)
		require.Len(t, delivered, cases)
		for _, d := range delivered {
			require.LessOrEqual(t, d.Tries, 1+len(probes))
		}
		w.stop()
	})
}
