package service_test

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func TestMuchThatWaitsIsSentInOrderOnceThatIsAskedForAndWhatIsNewAfterIt(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		const cases, comments, width = 4, 300, 8
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		var held atomic.Int64
		sent := make(chan struct{})
		r.answer = func(message) int {
			held.Add(1)
			<-sent
			return http.StatusOK
		}
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) {
			e.Ordering, e.MaxInFlight, e.Timeout = subscription.OrderingNone, width, time.Minute
		})
		var ids []string
		var commenting sync.WaitGroup
		for range cases {
			id := w.newCase(t)
			ids = append(ids, id)
			commenting.Go(func() {
				for range comments {
					if _, err := w.Change(t.Context(), w.caller, id, caselog.AddComment{Text: "one of many"}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		commenting.Wait()
		require.Eventually(t, func() bool { return held.Load() == width }, 10*time.Second, time.Millisecond)

		_, err := w.UpdateEndpoint(t.Context(), w.caller, endpoint.ID, func(e *subscription.Endpoint) error {
			e.Ordering = subscription.OrderingCase
			return nil
		})
		require.NoError(t, err)
		moves, err := w.Store.Moves(t.Context())
		require.NoError(t, err)
		require.Len(t, moves, 1, "it is too much for one transaction")
		for _, id := range ids {
			w.comment(t, id, "a last one")
		}
		require.EqualValues(t, width, held.Load(), "nothing is sent meanwhile")
		close(sent)

		messages := r.wait(t, cases*(comments+2))
		after := messages[width:] // the first were on their way before
		for _, id := range ids {
			numbers := sequences(after, id)
			require.True(t, slices.IsSorted(numbers), "%v", numbers)
			require.Equal(t, comments+2, numbers[len(numbers)-1])
			all := sequences(messages, id)
			slices.Sort(all)
			require.Equal(t, oneTo(comments+2), all, "each comes once")
		}
		require.Eventually(t, func() bool {
			deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Pending}, service.Page{})
			require.NoError(t, err)
			return len(deliveries) == 0
		}, 10*time.Second, 10*time.Millisecond)
	})
}
