package service_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
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

// delivered returns what was delivered, once it is n deliveries.
func (w *world) delivered(t *testing.T, n int) []service.Delivery {
	t.Helper()
	var found []service.Delivery
	require.Eventually(t, func() bool {
		var err error
		found, _, err = w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Delivered}, service.Page{Limit: service.MaxLimit})
		require.NoError(t, err)
		return len(found) == n
	}, 10*time.Second, 10*time.Millisecond)
	return found
}

// cleared is the world's caller with less clearance.
func (w *world) cleared(clearance subscription.Clearance) service.Caller {
	caller := w.caller
	caller.Clearance = clearance
	return caller
}

// as returns the caller with another role.
func (w *world) as(role service.Role) service.Caller {
	caller := w.caller
	caller.Role = role
	return caller
}

// An endpoint may repeat anything of what it was sent: PHI, and in a full case also what is
// restricted of it, whatever the event was.
func TestAnswersAreShownOnlyToWhoIsClearedForEverything(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		echo := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			_, _ = rw.Write([]byte("got: between us"))
		}))
		t.Cleanup(echo.Close)
		w.endpoint(t, echo.URL, nil)
		w.newCase(t)
		d := w.delivered(t, 1)[0]
		for clearance, want := range map[subscription.Clearance]string{
			{PHI: true, Restricted: true}: "got: between us",
			{PHI: true}:                   "",
			{Restricted: true}:            "",
			{}:                            "",
		} {
			_, attempts, err := w.Delivery(t.Context(), w.cleared(clearance), d.ID)
			require.NoError(t, err)
			require.Len(t, attempts, 1)
			require.Equal(t, http.StatusOK, attempts[0].StatusCode)
			require.Equal(t, want, string(attempts[0].Answer), clearance)
		}
	})
}

// shown returns the cases that a call was recorded to show besides the one that it names.
func (w *world) shown(t *testing.T, caller service.Caller, call func(context.Context) error) []string {
	t.Helper()
	entry := &service.AuditEntry{RequestID: newUUID(), Operation: "getDelivery", At: time.Now()}
	require.NoError(t, w.Attribute(t.Context(), entry, caller))
	require.NoError(t, call(service.WithCall(t.Context(), entry)))
	entry.Answered(http.StatusOK)
	require.NoError(t, w.RecordAuditEntry(t.Context(), entry))
	entries, _, err := w.Audit(t.Context(), w.caller, service.AuditFilter{}, service.Page{Limit: 1})
	require.NoError(t, err)
	return entries[0].Details.Shown
}

func TestADeliveryShowsAPatientByItsAnswersOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		for _, test := range []struct {
			name      string
			answer    http.HandlerFunc
			clearance subscription.Clearance
			shows     bool
		}{
			{"with an answer", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusBadRequest) }, service.FullClearance, true},
			{"to a caller who is not shown it", func(rw http.ResponseWriter, _ *http.Request) { http.Error(rw, "no", http.StatusBadRequest) }, subscription.Clearance{PHI: true}, false},
			{"with an empty answer", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadRequest) }, service.FullClearance, false},
			{"without an answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, service.FullClearance, false},
		} {
			partner := httptest.NewServer(test.answer)
			t.Cleanup(partner.Close)
			endpoint := w.endpoint(t, partner.URL, nil)
			caseID := w.newCase(t)
			var d service.Delivery
			require.Eventually(t, func() bool {
				found, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{EndpointID: endpoint.ID, CaseID: caseID}, service.Page{})
				require.NoError(t, err)
				d = found[0]
				return d.Tries > 0 && d.State != store.Sending
			}, 10*time.Second, 10*time.Millisecond)
			got := w.shown(t, w.cleared(test.clearance), func(ctx context.Context) error {
				_, attempts, err := w.Delivery(ctx, w.cleared(test.clearance), d.ID)
				require.NotEmpty(t, attempts)
				return err
			})
			var want []string
			if test.shows {
				want = []string{caseID}
			}
			require.Equal(t, want, got, test.name)
		}
	})
}

// What a call shows is recorded, or it is not shown.
func TestWhatIsShownAfterTheEntryWasWrittenIsRefused(t *testing.T) {
	w := newWorld(t, t.TempDir())
	caseID := w.newCase(t)
	entry := &service.AuditEntry{RequestID: newUUID(), Operation: "createCase", Status: http.StatusCreated, At: time.Now()}
	require.NoError(t, w.Attribute(t.Context(), entry, w.caller))
	ctx := service.WithAuditEntry(service.WithCall(t.Context(), entry), entry)
	_, err := w.CreateCase(ctx, w.caller, newCase(), nil)
	require.NoError(t, err)

	_, _, err = w.Cases(ctx, w.caller, service.CaseFilter{}, service.Page{})
	require.ErrorContains(t, err, "the entry of the call was written before")
	_, _, _, err = w.CaseFeed(ctx, w.caller, caseID, 0, 1)
	require.ErrorContains(t, err, "the entry of the call was written before")
	require.Empty(t, entry.Details.Shown)
}

// Who is not told of an event by the log is not told by its deliveries and receipts either.
func TestDeliveriesAndReceiptsOfWhatIsRestrictedAreNotThereWithoutClearance(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		const pairs = 3
		for range pairs {
			_, err := w.Change(t.Context(), w.caller, caseID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
			require.NoError(t, err)
			payload, err := json.Marshal(map[string]any{
				"activity": caseupdate.Activity{ID: newUUID(), Type: caseupdate.EventAddCaseDecision, IsRestricted: true, Actor: caseupdate.User{ID: "u-1"}},
				"decision": caseupdate.Decision{ID: newUUID(), DecisionText: new("between us")},
			})
			require.NoError(t, err)
			_, err = w.Tell(t.Context(), w.caller, []service.Telling{{CaseID: caseID, Event: "ADD_CASE_DECISION", Payload: payload}}, at, nil)
			require.NoError(t, err)
			w.comment(t, caseID, "for all")
		}
		all := w.delivered(t, 3*pairs+1)
		partner := w.cleared(subscription.Clearance{PHI: true})
		var told []string // the ids of the events of the log, as the partner reads it
		entries, _, more, err := w.CaseFeed(t.Context(), partner, caseID, 0, 100)
		require.NoError(t, err)
		require.False(t, more)
		for _, entry := range entries {
			var event struct {
				Payload struct{ Activity caseupdate.Activity }
			}
			require.NoError(t, json.Unmarshal(entry, &event))
			told = append(told, event.Payload.Activity.ID)
		}
		require.Len(t, told, pairs+1)

		for name, list := range map[string]func(service.Caller, service.Page) (eventIDs []string, next string, err error){
			"deliveries": func(caller service.Caller, page service.Page) (eventIDs []string, next string, err error) {
				found, next, err := w.Deliveries(t.Context(), caller, service.DeliveryFilter{}, page)
				for _, d := range found {
					eventIDs = append(eventIDs, d.EventID)
				}
				return eventIDs, next, err
			},
			"receipts": func(caller service.Caller, page service.Page) (eventIDs []string, next string, err error) {
				found, next, err := w.CaseReceipts(t.Context(), caller, caseID, page)
				for _, receipt := range found {
					eventIDs = append(eventIDs, receipt.EventID)
				}
				return eventIDs, next, err
			},
		} {
			for limit := 1; limit <= 4; limit++ {
				var seen []string
				page := service.Page{Limit: limit}
				for more := true; more; more = page.Cursor != "" {
					part, next, err := list(partner, page)
					require.NoError(t, err)
					require.LessOrEqual(t, len(part), limit)
					seen, page.Cursor = append(seen, part...), next
				}
				require.ElementsMatch(t, told, seen, "%s, %d a page", name, limit)
			}
			everything, _, err := list(w.caller, service.Page{})
			require.NoError(t, err)
			require.Len(t, everything, len(all), name)
		}
		for _, d := range all {
			_, _, err := w.Delivery(t.Context(), partner, d.ID)
			named, _, listErr := w.Deliveries(t.Context(), partner, service.DeliveryFilter{EventID: d.EventID}, service.Page{})
			require.NoError(t, listErr)
			if d.EventType == caseupdate.EventCreateCase || len(named) > 0 {
				require.NoError(t, err)
				require.Contains(t, told, d.EventID)
				continue
			}
			require.NotContains(t, told, d.EventID)
			_, _, unknown := w.Delivery(t.Context(), partner, newUUID())
			require.Equal(t, unknown, err, "it is as if there were none")
			require.IsType(t, (*refusal.Error)(nil), err)
		}
	})
}

// Nothing tells any more whether what was erased was restricted.
func TestDeliveriesOfErasedCasesAreShownOnlyToWhoIsClearedForWhatIsRestricted(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		delivered := w.delivered(t, 1)
		require.NoError(t, w.EraseCase(t.Context(), w.caller, caseID))
		for caller, want := range map[service.Caller]int{w.caller: 1, w.cleared(subscription.Clearance{PHI: true}): 0} {
			found, _, err := w.Deliveries(t.Context(), caller, service.DeliveryFilter{}, service.Page{})
			require.NoError(t, err)
			require.Len(t, found, want)
			known, attempts, err := w.Delivery(t.Context(), caller, delivered[0].ID)
			if want == 0 {
				requireKind(t, refusal.NotFound, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, found[0], known)
			require.Empty(t, attempts)
		}
	})
}
