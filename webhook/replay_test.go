package webhook_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/webhook"
)

// A replay sends an old event by a number of its own. What it is in the log is not where the case is.
func TestAReplayDoesNotMoveTheLastOfItsCaseBack(t *testing.T) {
	test := func(t *testing.T, store webhook.Store, forget func(t *testing.T)) {
		r, handled := newFilling(t, &feed{last: 6})
		r.Store = store
		url := serve(t, r)
		for n := range 4 {
			requireSent(t, url, 204, hook{sequence: n + 1})
		}
		count := func(sequence string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(webhook.HeaderSequence, sequence) }
		}
		requireSent(t, url, 204, hook{sequence: 1, change: count("5")})
		forget(t)
		requireSent(t, url, 204, hook{sequence: 6, attempt: 1, change: count("7")})
		require.Equal(t, ids(1, 2, 3, 4, 5, 6), handled.all(), "5 was missing, and nothing else")
	}
	t.Run("memory", func(t *testing.T) {
		store := webhook.NewMemoryStore(4)
		test(t, store, func(t *testing.T) {
			for _, other := range ids(7, 8, 9, 10) {
				require.NoError(t, store.Keep(t.Context(), other, "case-2", 0))
			}
		})
	})
	onBoth(t, func(t *testing.T, open database) {
		store := newSQLStore(t, open())
		test(t, store, func(t *testing.T) {
			n, err := store.Forget(t.Context(), time.Now().Add(time.Hour))
			require.NoError(t, err)
			require.EqualValues(t, 3, n, "all but the last of the case")
		})
	})
}
