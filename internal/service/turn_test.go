package service

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestTurns(t *testing.T) {
	t.Run("of one key are taken one after the other", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var turns turns
			var taking sync.WaitGroup
			inside := 0
			for range 100 {
				taking.Go(func() {
					done, err := turns.take(t.Context(), turnKey{"o", "k"})
					if err != nil {
						t.Error(err)
						return
					}
					inside++
					if inside != 1 {
						t.Errorf("%d have the turn", inside)
					}
					inside--
					done()
				})
			}
			taking.Wait()
			require.Empty(t, turns.byKey, "nothing is kept of keys that nobody uses")
		})
	})
	t.Run("of other keys and organisations do not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var turns turns
			for _, key := range []turnKey{{"o", "k"}, {"o", "l"}, {"p", "k"}, {"ok", ""}} {
				_, err := turns.take(t.Context(), key)
				require.NoError(t, err)
			}
		})
	})
	t.Run("are waited for until the context is done", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var turns turns
			key := turnKey{"o", "k"}
			done, err := turns.take(t.Context(), key)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			waited := make(chan error, 1)
			go func() {
				_, err := turns.take(ctx, key)
				waited <- err
			}()
			synctest.Wait()
			cancel()
			require.ErrorIs(t, <-waited, context.Canceled)
			done()
			require.Empty(t, turns.byKey)
			done, err = turns.take(t.Context(), key)
			require.NoError(t, err)
			done()
		})
	})
}
