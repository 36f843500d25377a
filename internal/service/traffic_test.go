package service_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

func TestTrafficIsToldStepByStep(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		for range 3 {
			w.newCase(t)
		}
		w.delivered(t, 3)
		_, err := w.Store.NewTrafficCounter().Count(t.Context())
		require.NoError(t, err)

		until := time.Now().Add(time.Minute)
		for _, id := range []string{"", endpoint.ID} {
			got, err := w.Traffic(t.Context(), w.caller, service.TrafficFilter{EndpointID: id, Since: until.Add(-time.Hour), Until: until, Step: 10 * time.Minute})
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(got.Points), 6)
			var sum int64
			for i, p := range got.Points {
				require.Zero(t, p.At.UnixMilli()%(10*time.Minute).Milliseconds())
				if i > 0 {
					require.Equal(t, got.Points[i-1].At.Add(10*time.Minute), p.At)
				}
				require.Equal(t, p.Delivered > 0, p.Median != nil)
				sum += p.Delivered
			}
			require.False(t, got.Points[0].At.After(until.Add(-time.Hour)))
			require.Equal(t, []int64{3, 3, 0}, []int64{sum, got.Total.Delivered, got.Total.Failed})
			require.LessOrEqual(t, *got.Total.Median, *got.Total.P99)
		}
		_, err = w.Traffic(t.Context(), w.caller, service.TrafficFilter{EndpointID: uuid.NewString(), Since: until.Add(-time.Hour), Until: until, Step: time.Minute})
		requireRefused(t, refusal.NotFound, "", err)
	})
}

func TestASeriesOfTrafficHasLimits(t *testing.T) {
	w := newWorld(t, t.TempDir())
	until := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name       string
		long, step time.Duration
		field      string
	}{
		{"a day of minutes", 24 * time.Hour, time.Minute, ""},
		{"a week of hours", 7 * 24 * time.Hour, time.Hour, ""},
		{"more points than a day has minutes", 24*time.Hour + time.Minute, time.Minute, "step"},
		{"steps of seconds", time.Hour, time.Second, "step"},
		{"steps that are no whole minutes", time.Hour, 90 * time.Second, "step"},
		{"steps backwards", time.Hour, -time.Minute, "step"},
		{"no steps", time.Hour, 0, "step"},
		{"no time", 0, time.Minute, "until"},
		{"a time backwards", -time.Hour, time.Minute, "until"},
	} {
		got, err := w.Traffic(t.Context(), w.caller, service.TrafficFilter{Since: until.Add(-test.long), Until: until, Step: test.step})
		if test.field == "" {
			require.NoError(t, err, test.name)
			require.Len(t, got.Points, int(test.long/test.step), test.name)
			continue
		}
		requireRefused(t, refusal.Invalid, test.field, err)
	}
}

func TestWhatIsWrongNowIsToldTheWorstFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		well, gone, failing := w.endpoint(t, r.URL, nil), newReceiver(t), newReceiver(t)
		gone.answer = func(message) int { return http.StatusGone }
		failing.answer = func(message) int { return http.StatusServiceUnavailable }
		sick := w.endpoint(t, failing.URL, nil)
		dead := w.endpoint(t, gone.URL, nil)
		w.newCase(t)
		w.delivered(t, 1)
		var trouble service.Trouble
		require.Eventually(t, func() bool {
			var err error
			trouble, err = w.Trouble(t.Context(), w.caller)
			require.NoError(t, err)
			return len(trouble.Endpoints) == 2 && trouble.Endpoints[0].Health.StatusCode == http.StatusGone
		}, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, dead.ID, trouble.Endpoints[0].Endpoint.ID)
		require.Equal(t, int64(1), trouble.Endpoints[0].Backlog.Messages)
		require.Equal(t, sick.ID, trouble.Endpoints[1].Endpoint.ID)
		require.Equal(t, http.StatusServiceUnavailable, trouble.Endpoints[1].Health.StatusCode)
		require.Empty(t, trouble.Failed)

		conditions, next, err := w.Conditions(t.Context(), w.caller, service.Page{})
		require.NoError(t, err)
		require.Empty(t, next)
		require.Equal(t, []string{well.ID, sick.ID, dead.ID}, []string{conditions[0].Endpoint.ID, conditions[1].Endpoint.ID, conditions[2].Endpoint.ID})
		require.Zero(t, conditions[0].Backlog)
		require.Equal(t, int64(1), conditions[1].LastHour.FailedAttempts)
		for i, status := range []int{http.StatusNoContent, http.StatusServiceUnavailable, http.StatusGone} {
			require.Equal(t, status, conditions[i].LastAnswer.StatusCode)
			one, err := w.Condition(t.Context(), w.caller, conditions[i].Endpoint.ID)
			require.NoError(t, err)
			require.Equal(t, conditions[i].Endpoint.ID, one.Endpoint.ID)
			require.Equal(t, status, one.LastAnswer.StatusCode)
		}
		_, err = w.Condition(t.Context(), w.caller, uuid.NewString())
		requireRefused(t, refusal.NotFound, "", err)
	})
}

func TestOfManyEndpointsWithWhichSomethingIsWrongTheFirstAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, gone := newWorldOn(t, dir, database), newReceiver(t)
		gone.answer = func(message) int { return http.StatusGone }
		for range 23 {
			w.endpoint(t, gone.URL, nil)
		}
		w.newCase(t)
		var trouble service.Trouble
		require.Eventually(t, func() bool {
			var err error
			trouble, err = w.Trouble(t.Context(), w.caller)
			require.NoError(t, err)
			return len(trouble.Endpoints)+trouble.More == 23
		}, 10*time.Second, 10*time.Millisecond)
		require.Len(t, trouble.Endpoints, 20)
		require.Equal(t, 3, trouble.More)
	})
}

// requireRefused requires a refusal of a kind, and for a field where that is not "".
func requireRefused(t *testing.T, kind refusal.Kind, field string, err error) {
	t.Helper()
	var refused *refusal.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, kind, refused.Kind)
	if field != "" {
		require.Equal(t, field, refused.Faults[0].Field)
	}
}
