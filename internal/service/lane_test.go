package service_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
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

func (w *world) comment(t *testing.T, caseID string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: text}, nil)
		require.NoError(t, err)
	}
}

// sequences returns the sequences of a case's messages, as they came.
func sequences(messages []message, caseID string) []int {
	var found []int
	for _, m := range messages {
		if m.caseID == caseID {
			found = append(found, m.sequence)
		}
	}
	return found
}

// oneTo returns 1, 2, … n.
func oneTo(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i + 1
	}
	return numbers
}

// failed waits until a delivery has been tried in vain, and returns it.
func (w *world) failed(t *testing.T, filter service.DeliveryFilter) service.Delivery {
	t.Helper()
	var found service.Delivery
	require.Eventually(t, func() bool {
		deliveries, _, err := w.Deliveries(t.Context(), w.caller, filter, service.Page{})
		require.NoError(t, err)
		i := slices.IndexFunc(deliveries, func(d service.Delivery) bool { return d.Tries > 0 && d.State == store.Pending })
		if i >= 0 {
			found = deliveries[i]
		}
		return i >= 0
	}, 10*time.Second, 10*time.Millisecond)
	return found
}

func TestAMessageThatFailsHoldsItsLaneAndNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		var broken atomic.Value // the case whose messages fail
		broken.Store("")
		r.answer = func(m message) int {
			if m.caseID == broken.Load() && m.update.Event == caseupdate.EventAddCaseComment {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		sick, well := w.newCase(t), w.newCase(t)
		r.wait(t, 2)
		broken.Store(sick)

		w.comment(t, sick, "one", "two")
		delivery := w.failed(t, service.DeliveryFilter{CaseID: sick})
		w.comment(t, well, "one", "two")
		require.Equal(t, oneTo(3), sequences(r.wait(t, 4), well))
		require.Equal(t, oneTo(1), sequences(r.received, sick))
		require.NotNil(t, delivery.NextAttemptAt)

		_, attempts, err := w.Delivery(t.Context(), w.caller, delivery.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1)
		require.Equal(t, http.StatusInternalServerError, attempts[0].StatusCode)

		t.Run("until it is tried again", func(t *testing.T) {
			broken.Store("")
			_, err := w.RetryDelivery(t.Context(), w.caller, delivery.ID, nil)
			require.NoError(t, err)
			messages := r.wait(t, 6)
			require.Equal(t, oneTo(3), sequences(messages, sick))
			second := messages[slices.IndexFunc(messages, func(m message) bool { return m.caseID == sick && m.sequence == 2 })]
			require.Equal(t, 2, second.attempt)
			require.Equal(t, delivery.EventID, second.id)
			require.Equal(t, endpoint.ID, delivery.EndpointID)
		})
	})
}

func TestAFailedMessageIsTriedAgainByItself(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		r.answer = func(m message) int {
			if m.attempt == 1 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}
		caseID := w.newCase(t)
		require.Equal(t, 2, r.wait(t, 1)[0].attempt)
		require.Equal(t, caseID, r.received[0].caseID)
	})
}

func TestAnAnswerThatAsksToWaitIsHeardAndCostsNoTry(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		r.retryAfter = "1" // the schedule would have the fourth attempt two minutes later
		r.answer = func(m message) int {
			if m.attempt < 4 {
				return http.StatusTooManyRequests
			}
			return http.StatusOK
		}
		w.newCase(t)
		require.Equal(t, 4, r.wait(t, 1)[0].attempt)
	})
}

func TestAnEndpointThatIsGoneIsDisabledAndKeepsItsBacklog(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		var gone atomic.Bool
		gone.Store(true)
		r.answer = func(message) int {
			if gone.Load() {
				return http.StatusGone
			}
			return http.StatusOK
		}
		caseID := w.newCase(t)
		require.Eventually(t, func() bool {
			now, err := w.Endpoint(t.Context(), w.caller, endpoint.ID)
			require.NoError(t, err)
			return now.State == subscription.Disabled
		}, 10*time.Second, 10*time.Millisecond)
		w.comment(t, caseID, "one", "two")
		gone.Store(false)
		require.Eventually(t, func() bool { // the endpoint is disabled before the attempt is recorded
			deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Pending}, service.Page{})
			require.NoError(t, err)
			return len(deliveries) == 3
		}, 10*time.Second, 10*time.Millisecond)

		_, err := w.PauseEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		requireKind(t, refusal.Conflict, err)
		now, err := w.Endpoint(t.Context(), w.caller, endpoint.ID)
		require.NoError(t, err)
		require.Equal(t, subscription.Disabled, now.State, "that its receiver is gone is seen still")
		_, err = w.ResumeEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)
		require.Equal(t, oneTo(3), sequences(r.wait(t, 3), caseID))
	})
}

func TestAHangingEndpointHoldsNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, hanging, healthy := newWorldOn(t, dir, database), newReceiver(t), newReceiver(t)
		release := make(chan struct{})
		hanging.answer = func(message) int {
			<-release
			return http.StatusOK
		}
		w.endpoint(t, hanging.URL, func(e *subscription.Endpoint) { e.MaxInFlight = 2; e.Timeout = time.Minute })
		w.endpoint(t, healthy.URL, nil)
		const cases = 10
		for range cases {
			w.comment(t, w.newCase(t), "one", "two")
		}
		healthy.wait(t, 3*cases)
		require.Empty(t, hanging.received)
		close(release)
		hanging.wait(t, 3*cases)
	})
}

func TestWhatDoesNotFitIntoMemoryWaitsInTheTable(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		release := make(chan struct{})
		r.answer = func(message) int {
			<-release
			return http.StatusOK
		}
		w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.MaxInFlight = 4; e.Timeout = time.Minute })
		const cases, comments = 30, 49 // more than the engine keeps
		ids := make([]string, cases)
		var changing sync.WaitGroup
		for i := range ids {
			ids[i] = w.newCase(t)
			changing.Go(func() {
				for range comments {
					if _, err := w.Change(t.Context(), w.caller, ids[i], caselog.AddComment{Text: "again"}, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		changing.Wait()
		close(release)
		messages := r.wait(t, cases*(comments+1))
		for _, id := range ids {
			require.Equal(t, oneTo(comments+1), sequences(messages, id))
		}
	})
}

func TestAPausedEndpointKeepsItsBacklogAndResumesInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		r.wait(t, 1)
		_, err := w.PauseEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)
		w.comment(t, caseID, "one", "two", "three")
		deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Pending}, service.Page{})
		require.NoError(t, err)
		require.Len(t, deliveries, 3)
		_, err = w.ResumeEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)
		require.Equal(t, oneTo(4), sequences(r.wait(t, 4), caseID))
	})
}

func TestWhatWaitsForItsNextAttemptIsSentNowWhereItsEndpointIsResumed(t *testing.T) {
	for name, state := range map[string]subscription.State{"active": subscription.Active, "paused": subscription.Paused} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, dir, database string) {
				w, r := newWorldOn(t, dir, database), newReceiver(t)
				r.retryAfter = "43200"
				var failing atomic.Bool
				failing.Store(true)
				r.answer = func(message) int {
					if failing.Load() {
						return http.StatusInternalServerError
					}
					return http.StatusOK
				}
				endpoint := w.endpoint(t, r.URL, nil)
				caseID := w.newCase(t)
				w.failed(t, service.DeliveryFilter{})
				w.comment(t, caseID, "one", "two")
				if state == subscription.Paused {
					_, err := w.PauseEndpoint(t.Context(), w.caller, endpoint.ID, nil)
					require.NoError(t, err)
				}
				failing.Store(false)
				_, err := w.ResumeEndpoint(t.Context(), w.caller, endpoint.ID, nil)
				require.NoError(t, err)
				messages := r.wait(t, 3)
				require.Equal(t, oneTo(3), sequences(messages, caseID))
				require.Equal(t, 2, messages[0].attempt)
			})
		})
	}
}

func TestWhatWaitsIsSentByTheNextProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		first, r := newWorldOn(t, dir, database), newReceiver(t)
		r.answer = func(message) int { return http.StatusBadGateway }
		first.endpoint(t, r.URL, nil)
		caseID := first.newCase(t)
		first.failed(t, service.DeliveryFilter{})
		first.comment(t, caseID, "one", "two")
		first.stop()

		r.answer = nil
		second := newWorldOn(t, dir, database)
		second.comment(t, caseID, "three")
		require.Equal(t, oneTo(4), sequences(r.wait(t, 4), caseID))
	})
}

func TestWithoutOrderNoMessageWaitsForAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		var failing atomic.Bool
		failing.Store(true)
		r.answer = func(m message) int {
			if m.sequence == 1 && failing.Load() {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.Ordering = subscription.OrderingNone })
		caseID := w.newCase(t)
		w.comment(t, caseID, "one", "two")
		require.ElementsMatch(t, []int{2, 3}, sequences(r.wait(t, 2), caseID))
		delivery := w.failed(t, service.DeliveryFilter{})
		failing.Store(false)
		_, err := w.RetryDelivery(t.Context(), w.caller, delivery.ID, nil)
		require.NoError(t, err)
		require.Equal(t, 1, r.wait(t, 3)[2].sequence)
	})
}

func TestAnEndpointThatAsksForOrderIsSentWhatWaitsInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		r.retryAfter = "1"
		first, release := make(chan struct{}), make(chan struct{})
		r.answer = func(m message) int {
			if m.sequence == 1 {
				close(first)
				<-release
			}
			if m.sequence == 2 && m.attempt == 1 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		}
		endpoint := w.endpoint(t, r.URL, func(e *subscription.Endpoint) {
			e.Ordering, e.MaxInFlight, e.Timeout = subscription.OrderingNone, 1, 3*time.Second
		})
		caseID := w.newCase(t)
		<-first
		w.comment(t, caseID, "these are in memory", "behind that")
		_, err := w.UpdateEndpoint(t.Context(), w.caller, endpoint.ID, func(e *subscription.Endpoint) error {
			e.Ordering, e.MaxInFlight = subscription.OrderingCase, 32
			return nil
		})
		require.NoError(t, err)
		w.comment(t, caseID, "and new")
		close(release)
		require.Equal(t, oneTo(4), sequences(r.wait(t, 4), caseID))
	})
}

func TestADeletedEndpointIsSentNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		r.answer = func(message) int { return http.StatusInternalServerError }
		endpoint := w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		w.failed(t, service.DeliveryFilter{})
		require.NoError(t, w.DeleteEndpoint(t.Context(), w.caller, endpoint.ID))
		w.comment(t, caseID, "nobody is told")
		deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{}, service.Page{})
		require.NoError(t, err)
		require.Len(t, deliveries, 1)
		require.Equal(t, store.Canceled, deliveries[0].State)
	})
}

func TestWhatIsWithheldLeavesNoHole(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.Clearance.Restricted = false })
		caseID := w.newCase(t)
		_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
		require.NoError(t, err)
		w.comment(t, caseID, "for all")
		messages := r.wait(t, 2)
		require.Equal(t, oneTo(2), sequences(messages, caseID))
		require.NotContains(t, string(messages[1].body), "between us")
	})
}

func TestADocumentIsSentInTheBodyOrAsALink(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, inline, linked, small := newWorldOn(t, dir, database), newReceiver(t), newReceiver(t), newReceiver(t)
		w.endpoint(t, inline.URL, func(e *subscription.Endpoint) { e.MaxInlineBytes = new(8) })
		w.endpoint(t, small.URL, func(e *subscription.Endpoint) { e.MaxInlineBytes = new(7) })
		w.endpoint(t, linked.URL, func(e *subscription.Endpoint) { e.Documents = subscription.DocumentsURL })
		caseID := w.newCase(t)
		_, err := w.AddAttachment(t.Context(), w.caller, caseID, service.Upload{FileName: "scan.pdf", Content: strings.NewReader("the scan")}, nil)
		require.NoError(t, err)

		whole := inline.wait(t, 2)[1].update.Payload.(*caseupdate.AddCaseAttachment).Attachment
		require.Equal(t, "dGhlIHNjYW4=", *whole.Content)
		require.Nil(t, whole.URL)
		for _, r := range []*receiver{linked, small} {
			link := r.wait(t, 2)[1].update.Payload.(*caseupdate.AddCaseAttachment).Attachment
			require.Nil(t, link.Content)
			require.Contains(t, *link.URL, caseID+"/"+link.ID)
			require.WithinDuration(t, time.Now().Add(15*time.Minute), link.URLExpiresAt.Time, time.Minute)
		}
	})
}

func TestTheFeedTellsWhatWasSent(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		w.comment(t, caseID, "one", "two")
		messages := r.wait(t, 3)
		feed, next, more, err := w.Feed(t.Context(), w.caller, "", 2)
		require.NoError(t, err)
		require.True(t, more)
		rest, last, more, err := w.Feed(t.Context(), w.caller, next, 0)
		require.NoError(t, err)
		require.False(t, more)
		feed = append(feed, rest...)
		require.Len(t, feed, 3)
		for i, m := range messages {
			require.Equal(t, string(m.body), string(feed[i]))
		}
		rest, again, more, err := w.Feed(t.Context(), w.caller, last, 0)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, last, again)
		require.False(t, more)
	})
}
