package service_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// watchers counts the goroutines that look for what happens.
func watchers() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "service.(*watcher).run(")
}

func TestAllWhoWatchAnOrganisationShareOneWatcher(t *testing.T) {
	w := newWorld(t, t.TempDir())
	before := w.newCase(t)
	var viewers []*service.Viewer
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		w.caller.KeyID = key
		for range 20 {
			v, err := w.Watch(t.Context(), w.caller, service.LiveFilter{}, "")
			require.NoError(t, err)
			viewers = append(viewers, v)
		}
		_, err := w.Watch(t.Context(), w.caller, service.LiveFilter{}, "")
		requireKind(t, refusal.Conflict, err)
	}
	w.caller.KeyID = "f"
	_, err := w.Watch(t.Context(), w.caller, service.LiveFilter{}, "")
	requireKind(t, refusal.Conflict, err)
	require.Equal(t, 1, watchers())

	caseID := w.newCase(t)
	for _, v := range viewers {
		seen, err := v.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, seen.Data, 1)
		require.Equal(t, caseID, seen.Data[0].CaseID)
		require.NotEqual(t, before, caseID)
		require.False(t, seen.More)
		v.Close()
	}
	require.Zero(t, watchers(), "nobody is there any more")
}

func TestWhoComesBackSeesWhatWasMissed(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.newCase(t)
	latest, err := w.Latest(t.Context(), w.caller, service.LiveFilter{}, 10)
	require.NoError(t, err)
	require.Len(t, latest.Data, 1)
	missed := w.newCase(t)
	v, err := w.Watch(t.Context(), w.caller, service.LiveFilter{}, latest.Next)
	require.NoError(t, err)
	defer v.Close()
	seen, err := v.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, seen.Data, 1)
	require.Equal(t, missed, seen.Data[0].CaseID)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = v.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestOneNodeSeesWhatHappensAtAnother(t *testing.T) {
	dir, database := t.TempDir(), postgrestest.DSN(t)
	here, there := newWorldOn(t, dir, database), newWorldOn(t, dir, database)
	v, err := here.Watch(t.Context(), here.caller, service.LiveFilter{}, "")
	require.NoError(t, err)
	defer v.Close()
	r := newReceiver(t)
	r.answer = func(message) int { return http.StatusServiceUnavailable }
	there.endpoint(t, r.URL, func(*subscription.Endpoint) {})
	caseID := there.newCase(t)
	var states []store.State
	for len(states) < 2 {
		seen, err := v.Next(t.Context())
		require.NoError(t, err)
		for _, h := range seen.Data {
			require.Equal(t, caseID, h.CaseID)
			states = append(states, h.State)
		}
	}
	require.Equal(t, []store.State{"", store.Pending}, states[:2], "an event, and an attempt that failed")
}

func TestOfMuchThatHappenedTheLatestIsTold(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.newCase(t)
	last := w.newCase(t)
	latest, err := w.Latest(t.Context(), w.caller, service.LiveFilter{}, 1)
	require.NoError(t, err)
	require.Len(t, latest.Data, 1)
	require.Equal(t, last, latest.Data[0].CaseID)
	require.True(t, latest.More)
}
