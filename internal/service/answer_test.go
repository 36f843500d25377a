package service_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/delivery/dnstest"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// TestAnAnswerMeans is the table of what an endpoint can answer to the first attempt of
// a message, and what comes of it.
func TestAnAnswerMeans(t *testing.T) {
	for _, test := range []struct {
		name       string
		status     int
		retryAfter string
		state      store.State
		after      time.Duration // of the next attempt; 0: none is planned
		endpoint   subscription.State
	}{
		{"delivered, for 200", 200, "", store.Delivered, 0, subscription.Active},
		{"delivered, for 204", 204, "", store.Delivered, 0, subscription.Active},
		{"delivered, for 299", 299, "", store.Delivered, 0, subscription.Active},
		{"again in 5 s, for 300", 300, "", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for a redirect", 307, "", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for 400", 400, "", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for 404", 404, "", store.Pending, 5 * time.Second, subscription.Active},
		{"disabled, for 410", 410, "", store.Pending, 0, subscription.Disabled},
		{"again in 5 s, for 413 to a message without documents", 413, "", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for 429", 429, "", store.Pending, 5 * time.Second, subscription.Active},
		{"when it says, in seconds", 429, "100", store.Pending, 100 * time.Second, subscription.Active},
		{"when it says, with any failure", 500, "3600", store.Pending, time.Hour, subscription.Active},
		{"when it says, as a date", 503, "date", store.Pending, 2 * time.Hour, subscription.Active},
		{"in a day, where it says later", 503, "999999", store.Pending, 24 * time.Hour, subscription.Active},
		{"again in 5 s, where what it says is nothing", 503, "soon", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for 500", 500, "", store.Pending, 5 * time.Second, subscription.Active},
		{"again in 5 s, for a connection that is reset", 0, "", store.Pending, 5 * time.Second, subscription.Active},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, dir, database string) {
				w, r := newWorldOn(t, dir, database), newReceiver(t)
				endpoint := w.endpoint(t, r.URL, nil)
				if r.retryAfter = test.retryAfter; r.retryAfter == "date" {
					r.retryAfter = time.Now().Add(2 * time.Hour).UTC().Format(http.TimeFormat)
				}
				r.answer = func(m message) int {
					if test.status == 0 {
						panic(http.ErrAbortHandler)
					}
					return test.status
				}
				w.newCase(t)
				var d service.Delivery
				require.Eventually(t, func() bool {
					found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{}, service.Page{})
					require.NoError(t, err)
					d = found[0]
					return d.Tries > 0 && d.State != store.Sending
				}, 10*time.Second, 10*time.Millisecond)
				require.Equal(t, test.state, d.State)
				require.Equal(t, test.status, d.LastStatusCode)
				require.Eventually(t, func() bool {
					now, err := w.Endpoint(t.Context(), w.caller, endpoint.ID)
					require.NoError(t, err)
					return now.State == test.endpoint
				}, 10*time.Second, 10*time.Millisecond)
				d, attempts, err := w.Delivery(t.Context(), w.caller, d.ID)
				require.NoError(t, err)
				require.Len(t, attempts, 1)
				if test.after == 0 {
					require.Nil(t, d.NextAttemptAt)
					return
				}
				jitter := time.Duration(0)
				if test.after == 5*time.Second {
					jitter = time.Second
				}
				require.WithinDuration(t, attempts[0].StartedAt.Add(test.after), *d.NextAttemptAt, jitter+3*time.Second)
			})
		})
	}
}

func TestAMessageThatIsTooLargeIsSentAtOnceWithLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		r.answer = func(m message) int {
			if m.update.Event == caseupdate.EventAddCaseComment {
				return http.StatusInternalServerError
			}
			if strings.Contains(string(m.body), `"content":"`) {
				return http.StatusRequestEntityTooLarge
			}
			return http.StatusOK
		}
		caseID := w.newCase(t)
		_, err := w.AddAttachment(t.Context(), w.caller, caseID, service.Upload{FileName: "scan.pdf", Content: strings.NewReader("the scan")}, nil)
		require.NoError(t, err)
		messages := r.wait(t, 2)
		require.Equal(t, oneTo(2), sequences(messages, caseID))
		require.Equal(t, 2, messages[1].attempt)
		document := messages[1].update.Payload.(*caseupdate.AddCaseAttachment).Attachment
		require.Nil(t, document.Content)
		require.NotNil(t, document.URL)
		require.NotNil(t, document.URLExpiresAt)

		w.comment(t, caseID, "which fails")
		require.Eventually(t, func() bool {
			health, err := w.Health(t.Context(), endpoint)
			require.NoError(t, err)
			require.LessOrEqual(t, health.Failures, 1, "what was too large is no failure of the endpoint")
			return health.Failures == 1
		}, 30*time.Second, 10*time.Millisecond)
	})
}

func TestAMessageThatFailsForGoodIsListedAndLetsItsLaneGoOn(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		sick, well := w.newCase(t), w.newCase(t)
		r.wait(t, 2)
		r.answer = func(m message) int {
			if m.caseID == sick && m.sequence == 2 {
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		w.comment(t, sick, "never taken", "waits behind it")
		failing := w.failed(t, service.DeliveryFilter{CaseID: sick})
		for tries := 1; tries < subscription.MaxTries; tries++ { // in place of the schedule's three days
			w.comment(t, well, "taken") // so that the endpoint is not closed
			r.wait(t, 2+tries)
			_, err := w.RetryDelivery(t.Context(), w.caller, failing.ID, nil)
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				now, _, err := w.Delivery(t.Context(), w.caller, failing.ID)
				require.NoError(t, err)
				return now.Tries == tries+1 && now.State != store.Sending
			}, 10*time.Second, 10*time.Millisecond)
		}

		require.Equal(t, []int{1, 3}, sequences(r.wait(t, 2+subscription.MaxTries), sick))
		listed, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{EndpointID: endpoint.ID, State: store.Failed}, service.Page{})
		require.NoError(t, err)
		require.Len(t, listed, 1)
		require.Equal(t, failing.ID, listed[0].ID)
		require.Equal(t, http.StatusBadRequest, listed[0].LastStatusCode)
		require.Nil(t, listed[0].NextAttemptAt)
		_, attempts, err := w.Delivery(t.Context(), w.caller, failing.ID)
		require.NoError(t, err)
		require.Len(t, attempts, subscription.MaxTries)
		health, err := w.Health(t.Context(), endpoint)
		require.NoError(t, err)
		require.NotNil(t, health.FlaggedAt)
	})
}

func TestAnAddressThatIsRefusedIsAnAttemptThatSaysSo(t *testing.T) {
	for _, test := range []struct{ name, host string }{
		{"loopback", "127.0.0.1"},
		{"loopback, mapped to IPv6", "[::ffff:127.0.0.1]"},
		{"loopback, through NAT64", "[64:ff9b::7f00:1]"},
		{"a name that leads to loopback", "localhost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, dir, database string) {
				w := newWorldWith(t, dir, database, delivery.NewGuard(nil, false).Client())
				r := newReceiver(t)
				w.endpoint(t, strings.Replace(r.URL, "127.0.0.1", test.host, 1), nil)
				caseID := w.newCase(t)
				_, attempts, err := w.Delivery(t.Context(), w.caller, w.failed(t, service.DeliveryFilter{CaseID: caseID, Tried: true}).ID)
				require.NoError(t, err)
				require.Equal(t, "refused: the address is not a public one", attempts[0].Error)
				require.Zero(t, attempts[0].StatusCode)
				require.Empty(t, r.received)
			})
		})
	}
}

// A name is public while its endpoint is made, and leads to loopback when it is dialled.
func TestANameThatIsReboundAfterTheCheckIsAnAttemptThatSaysSo(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		names := dnstest.Serve(t, map[string][]string{"rebound.example.": {"8.8.8.8"}})
		guard := delivery.NewGuard(nil, false)
		guard.Resolver = names.Resolver()
		w := newWorldBehind(t, dir, database, guard, guard.Client())
		var connected atomic.Int64
		internal := httptest.NewUnstartedServer(http.NotFoundHandler())
		internal.Config.ConnState = func(net.Conn, http.ConnState) { connected.Add(1) }
		internal.StartTLS()
		t.Cleanup(internal.Close)
		url := strings.Replace(internal.URL, "127.0.0.1", "rebound.example", 1)
		endpoint := w.endpoint(t, url, nil)

		names.Set("rebound.example.", "127.0.0.1")

		caseID := w.newCase(t)
		_, attempts, err := w.Delivery(t.Context(), w.caller, w.failed(t, service.DeliveryFilter{CaseID: caseID, EndpointID: endpoint.ID, Tried: true}).ID)
		require.NoError(t, err)
		require.Equal(t, "refused: the address is not a public one", attempts[0].Error)
		require.Zero(t, attempts[0].StatusCode)
		require.Empty(t, attempts[0].Answer)
		require.Zero(t, connected.Load())
		_, err = w.UpdateEndpoint(t.Context(), w.caller, endpoint.ID, func(e *subscription.Endpoint) error {
			e.URL = url + "/again"
			return nil
		})
		require.Equal(t, refusal.Field("url", "must not lead to a private or reserved address"), err)
	})
}

func TestAnEndpointThatFailsIsProbedAndThenGetsAllThatHasWaited(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, dir, database string) {
		t.Parallel()
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		var tries, failing atomic.Int64
		failing.Store(1)
		r.answer = func(message) int {
			tries.Add(1)
			if failing.Load() == 1 {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		}
		const cases = 60
		ids := make([]string, cases)
		for i := range ids {
			ids[i] = w.newCase(t)
		}
		gate := func() subscription.Gate {
			h, err := w.Health(t.Context(), endpoint)
			require.NoError(t, err)
			return h.Gate()
		}
		require.Eventually(t, func() bool { return gate() != subscription.Open }, 10*time.Second, 10*time.Millisecond)
		for _, id := range ids {
			w.comment(t, id, "waits")
		}
		tried, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{Tried: true}, service.Page{Limit: 100})
		require.NoError(t, err)
		require.LessOrEqual(t, len(tried), subscription.MaxFailures+subscription.DefaultMaxInFlight+2, "the others wait, and spend no tries")

		failing.Store(0)
		messages := r.wait(t, 2*cases) // the probe opens it
		require.Equal(t, subscription.Open, gate())
		for _, id := range ids {
			require.Equal(t, oneTo(2), sequences(messages, id))
		}
	})
}

func TestAnEndpointThatIsClosedIsOpenedByASampleOrByBeingResumed(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		var failing atomic.Bool
		r.answer = func(m message) int {
			if failing.Load() {
				return http.StatusBadGateway
			}
			return http.StatusOK
		}
		for i, open := range []func() error{
			func() error {
				_, err := w.TestEndpoint(t.Context(), w.caller, endpoint.ID, caseupdate.EventEscalateCase, nil)
				return err
			},
			func() error {
				_, err := w.ResumeEndpoint(t.Context(), w.caller, endpoint.ID, nil)
				return err
			},
		} {
			failing.Store(true)
			for range subscription.MaxFailures {
				w.newCase(t)
			}
			require.Eventually(t, func() bool {
				h, err := w.Health(t.Context(), endpoint)
				require.NoError(t, err)
				return h.Gate() != subscription.Open
			}, 10*time.Second, 10*time.Millisecond)
			caseID := w.newCase(t)
			failing.Store(false)
			require.NoError(t, open())
			require.Eventually(t, func() bool {
				delivered, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{CaseID: caseID, State: store.Delivered}, service.Page{})
				require.NoError(t, err)
				return len(delivered) == 1
			}, 20*time.Second, 10*time.Millisecond, fmt.Sprint(i))
		}
	})
}

func TestACanceledDeliveryIsNotSentAndItsLaneGoesOn(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		release := make(chan struct{})
		r.answer = func(m message) int {
			if m.sequence == 1 {
				<-release
			}
			return http.StatusOK
		}
		w.endpoint(t, r.URL, func(e *subscription.Endpoint) { e.Timeout = time.Minute })
		caseID := w.newCase(t)
		w.comment(t, caseID, "canceled", "sent")
		deliveries, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{CaseID: caseID}, service.Page{})
		require.NoError(t, err)
		second := deliveries[1]
		require.Equal(t, int64(2), second.Sequence)
		canceled, err := w.CancelDelivery(t.Context(), w.caller, second.ID, nil)
		require.NoError(t, err)
		require.Equal(t, store.Canceled, canceled.State)
		_, err = w.CancelDelivery(t.Context(), w.caller, second.ID, nil)
		require.ErrorContains(t, err, "finished already")
		close(release)
		require.Equal(t, []int{1, 3}, sequences(r.wait(t, 2), caseID))
		now, attempts, err := w.Delivery(t.Context(), w.caller, second.ID)
		require.NoError(t, err)
		require.Equal(t, store.Canceled, now.State)
		require.Empty(t, attempts)
	})
}

func TestALaneGoesOnAtOnceWhereItsFirstMessageIsCanceledBetweenTwoTries(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		r.answer = func(m message) int {
			if m.sequence == 1 {
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		r.retryAfter = "3600"
		w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		w.comment(t, caseID, "sent")
		failed := w.failed(t, service.DeliveryFilter{CaseID: caseID})
		require.Equal(t, int64(1), failed.Sequence)
		_, err := w.CancelDelivery(t.Context(), w.caller, failed.ID, nil)
		require.NoError(t, err)
		require.Equal(t, []int{2}, sequences(r.wait(t, 1), caseID))
	})
}
