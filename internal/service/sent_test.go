package service_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// bodyOf reads all that was sent.
func bodyOf(t *testing.T, sent *service.Sent) string {
	t.Helper()
	stream := sent.Body.Open(t.Context())
	defer stream.Close()
	body, err := io.ReadAll(stream)
	require.NoError(t, err)
	return string(body)
}

func TestWhatIsToldToHaveBeenSentIsWhatWasReceived(t *testing.T) {
	for name, set := range map[string]func(*subscription.Endpoint){
		"the usual":            func(*subscription.Endpoint) {},
		"a full case":          func(e *subscription.Endpoint) { e.Payload = subscription.PayloadFull },
		"documents as links":   func(e *subscription.Endpoint) { e.Documents = subscription.DocumentsURL },
		"a standard signature": func(e *subscription.Endpoint) { e.Signing = []subscription.Signing{subscription.SigningStandard} },
		"no clearance for PHI": func(e *subscription.Endpoint) { e.Clearance.PHI = false },
		"headers and a secret": func(e *subscription.Endpoint) {
			e.URL, e.Headers = e.URL+"/?token=canary", map[string]string{"X-Key": "canary"}
		},
		"messages in any order": func(e *subscription.Endpoint) { e.Ordering = subscription.OrderingNone },
	} {
		t.Run(name, func(t *testing.T) {
			w, r := newWorld(t, t.TempDir()), newReceiver(t)
			endpoint := w.endpoint(t, r.URL, set)
			caseID := w.newCase(t)
			_, err := w.AddAttachment(t.Context(), w.caller, caseID, service.Upload{FileName: "scan.pdf", Content: strings.NewReader("the scan")}, nil)
			require.NoError(t, err)
			deliveries := w.delivered(t, 2)
			received := make(map[string]message)
			for _, m := range r.wait(t, 2) {
				received[m.id] = m
			}
			_, err = w.RotateSecret(t.Context(), w.caller, endpoint.ID, service.Symmetric, time.Hour, nil)
			require.NoError(t, err)
			for _, d := range deliveries {
				sent, err := w.Sent(t.Context(), w.caller, d.ID)
				require.NoError(t, err)
				got := received[d.EventID]
				require.Equal(t, string(got.body), bodyOf(t, sent))
				require.True(t, sent.Exact)
				require.True(t, sent.Signed)
				require.False(t, sent.Narrowed)
				for _, header := range []string{
					"content-type", "user-agent", webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderCV,
					webhook.HeaderCaseID, webhook.HeaderSequence, webhook.HeaderAttempt,
				} {
					require.Equal(t, got.header.Get(header), sent.Header.Get(header), header)
				}
				require.NotContains(t, sent.URL, "canary")
				require.Empty(t, sent.Header.Get("X-Key"))
				require.Len(t, sent.Secrets, len(endpoint.Headers))
			}
		})
	}
}

func TestWhoIsClearedForLessIsToldLessOfWhatWasSent(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	w.endpoint(t, r.URL, nil)
	w.newCase(t)
	d := w.delivered(t, 1)[0]
	sent, err := w.Sent(t.Context(), w.cleared(subscription.Clearance{Restricted: true}), d.ID)
	require.NoError(t, err)
	require.NotContains(t, bodyOf(t, sent), "grace@example.com")
	require.True(t, sent.Narrowed)
	require.False(t, sent.Exact)
	require.False(t, sent.Signed)
	require.Equal(t, d.EventID, sent.Header.Get(webhook.HeaderID))
	for _, header := range []string{webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderCV} {
		require.Empty(t, sent.Header.Get(header), header)
	}
}

// Nobody who may only look is given a message that a receiver takes for one of now.
func TestWhatWasNotSentYetIsNotSigned(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	endpoint := w.endpoint(t, r.URL, nil)
	_, err := w.PauseEndpoint(t.Context(), w.caller, endpoint.ID, nil)
	require.NoError(t, err)
	w.newCase(t)
	found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{}, service.Page{})
	require.NoError(t, err)
	sent, err := w.Sent(t.Context(), w.caller, found[0].ID)
	require.NoError(t, err)
	require.Contains(t, bodyOf(t, sent), "CREATE_CASE")
	require.False(t, sent.Signed)
	require.Empty(t, sent.Header.Get(webhook.HeaderSignature))

	prospect, err := w.Prospect(t.Context(), w.caller, found[0])
	require.NoError(t, err)
	require.Equal(t, subscription.Paused, prospect.Endpoint.State)
}

func TestOfWhatIsGoneNothingIsToldToHaveBeenSent(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	endpoint := w.endpoint(t, r.URL, nil)
	caseID := w.newCase(t)
	_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
	require.NoError(t, err)
	d := w.delivered(t, 2)[0]

	w.clear(t, endpoint.ID, subscription.Clearance{PHI: true})
	_, err = w.Sent(t.Context(), w.caller, d.ID)
	requireRefused(t, refusal.Conflict, "", err)
	_, err = w.Sent(t.Context(), w.cleared(subscription.Clearance{PHI: true}), d.ID)
	requireRefused(t, refusal.NotFound, "", err)

	require.NoError(t, w.DeleteEndpoint(t.Context(), w.caller, endpoint.ID))
	_, err = w.Sent(t.Context(), w.caller, d.ID)
	requireRefused(t, refusal.NotFound, "", err)
	prospect, err := w.Prospect(t.Context(), w.caller, d)
	require.NoError(t, err)
	require.Nil(t, prospect.Endpoint)
}

func TestADeliveryTellsWhatItWaitsFor(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	var ok atomic.Bool
	r.answer = func(message) int {
		if ok.Load() {
			return http.StatusOK
		}
		return http.StatusServiceUnavailable
	}
	w.endpoint(t, r.URL, nil)
	caseID := w.newCase(t)
	_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
	require.NoError(t, err)
	w.comment(t, caseID, "for all")
	found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{CaseID: caseID}, service.Page{})
	require.NoError(t, err)
	require.Len(t, found, 3)
	prospect, err := w.Prospect(t.Context(), w.caller, found[0])
	require.NoError(t, err)
	require.Equal(t, 2, prospect.Ahead)
	require.Equal(t, found[2].ID, prospect.First.DeliveryID)
	require.Equal(t, int64(1), prospect.First.Sequence)
	prospects, err := w.Prospects(t.Context(), w.caller, found)
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 0}, []int{prospects[0].Ahead, prospects[1].Ahead, prospects[2].Ahead})

	_, err = w.CancelDelivery(t.Context(), w.caller, found[2].ID, nil)
	require.NoError(t, err)
	prospect, err = w.Prospect(t.Context(), w.cleared(subscription.Clearance{PHI: true}), found[0])
	require.NoError(t, err)
	require.Equal(t, 1, prospect.Ahead)
	require.Nil(t, prospect.First, "it is of a restricted event")
}

func TestAnEventIsFoundByItsID(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	w.endpoint(t, r.URL, nil)
	caseID := w.newCase(t)
	_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
	require.NoError(t, err)
	id := r.wait(t, 2)[1].id
	event, err := w.FindEvent(t.Context(), w.caller, id)
	require.NoError(t, err)
	require.Equal(t, caseID, event.CaseID)
	require.Equal(t, int64(2), event.Sequence)
	_, err = w.FindEvent(t.Context(), w.cleared(subscription.Clearance{PHI: true}), id)
	requireRefused(t, refusal.NotFound, "", err)
	_, err = w.FindEvent(t.Context(), w.stranger(t), id)
	requireRefused(t, refusal.NotFound, "", err)
	_, err = w.FindEvent(t.Context(), w.caller, newUUID())
	requireRefused(t, refusal.NotFound, "", err)
}
