package service_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func (w *world) clear(t *testing.T, endpointID string, clearance subscription.Clearance) {
	t.Helper()
	_, err := w.UpdateEndpoint(t.Context(), w.caller, endpointID, func(e *subscription.Endpoint) error {
		e.Clearance = clearance
		return nil
	})
	require.NoError(t, err)
}

func TestClearanceIsAskedAgainAtEachAttempt(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		var refused atomic.Bool
		refused.Store(true)
		var first atomic.Pointer[message]
		r.answer = func(m message) int {
			if refused.Load() {
				first.CompareAndSwap(nil, &m)
				return http.StatusBadRequest
			}
			return http.StatusOK
		}
		endpoint := w.endpoint(t, r.URL, nil)
		caseID := w.newCase(t)
		failed := w.failed(t, service.DeliveryFilter{CaseID: caseID})
		require.Contains(t, string(first.Load().body), "grace@example.com")

		w.clear(t, endpoint.ID, subscription.Clearance{Restricted: true})
		refused.Store(false)
		_, err := w.RetryDelivery(t.Context(), w.caller, failed.ID, nil)
		require.NoError(t, err)
		second := r.wait(t, 1)[0]
		require.Equal(t, first.Load().id, second.id)
		require.NotContains(t, string(second.body), "grace@example.com")

		w.clear(t, endpoint.ID, subscription.Clearance{PHI: true, Restricted: true})
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		w.replayed(t, replay.ID)
		third := r.wait(t, 2)[1]
		require.Equal(t, string(first.Load().body), string(third.body), "and again as it was first")
	})
}

func TestWhatWaitsWhenClearanceIsNarrowedIsCanceledAndLeavesNoHole(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
		endpoint := w.endpoint(t, r.URL, nil)
		_, err := w.PauseEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)
		caseID := w.newCase(t)
		secret := caselog.AddComment{Text: "between us", IsRestricted: true}
		_, err = w.Change(t.Context(), w.caller, caseID, secret, nil)
		require.NoError(t, err)
		w.comment(t, caseID, "for all")
		w.clear(t, endpoint.ID, subscription.Clearance{PHI: true})
		_, err = w.Change(t.Context(), w.caller, caseID, secret, nil)
		require.NoError(t, err)
		w.comment(t, caseID, "for all, too")
		_, err = w.ResumeEndpoint(t.Context(), w.caller, endpoint.ID, nil)
		require.NoError(t, err)

		sent := r.wait(t, 3)
		require.Equal(t, []int{1, 2, 3}, sequences(sent, caseID))
		for _, m := range sent {
			require.NotContains(t, string(m.body), "between us")
		}
		canceled, _, err := w.Deliveries(t.Context(), w.caller, service.DeliveryFilter{State: store.Canceled}, service.Page{})
		require.NoError(t, err)
		require.Len(t, canceled, 1)
		require.Zero(t, canceled[0].Sequence)

		_, err = w.RetryDelivery(t.Context(), w.caller, canceled[0].ID, nil)
		var refused *refusal.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, refusal.Conflict, refused.Kind)
		replay, err := w.Replay(t.Context(), w.caller, endpoint.ID, service.ReplayFilter{CaseID: caseID}, nil)
		require.NoError(t, err)
		require.Equal(t, store.ReplayDone, w.replayed(t, replay.ID).State)
		require.Equal(t, []int{1, 2, 3, 1, 2, 3}, sequences(r.wait(t, 6), caseID), "it is still not sent, and not counted")

		w.clear(t, endpoint.ID, subscription.Clearance{PHI: true, Restricted: true})
		_, err = w.RetryDelivery(t.Context(), w.caller, canceled[0].ID, nil)
		require.NoError(t, err)
		w.comment(t, caseID, "at last")
		sent = r.wait(t, 8)[6:]
		require.Equal(t, []int{4, 5}, sequences(sent, caseID))
		require.Contains(t, string(sent[0].body), "between us")
	})
}

const (
	planted  = "zqPHIqz"
	shielded = "zqSECRETqz"
)

// encoded is what may be base64.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{8,}`)

// readable returns a body, and what in it can be read as base64, in small letters.
func readable(t *testing.T, body []byte) string {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(body, &value))
	text := string(body) + fmt.Sprint(value)
	for _, run := range encoded.FindAllString(text, -1) {
		for offset := range 4 {
			part := run[offset:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			decoded, err := base64.RawStdEncoding.DecodeString(part)
			require.NoError(t, err)
			text += "\n" + string(decoded)
		}
	}
	return strings.ToLower(text)
}

// For random cases, changed by commands and told by their keeper, nothing that is planted
// arrives at a receiver that is not cleared for it, and each is told without a hole.
func TestNoReceiverIsToldWhatItIsNotClearedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		type partner struct {
			*receiver
			clearance subscription.Clearance
		}
		var partners []partner
		for _, clearance := range []subscription.Clearance{{}, {PHI: true}, {Restricted: true}} {
			for _, payload := range []subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull} {
				for _, documents := range []subscription.Documents{subscription.DocumentsBase64, subscription.DocumentsURL} {
					p := partner{newReceiver(t), clearance}
					w.endpoint(t, p.URL, func(e *subscription.Endpoint) {
						e.Clearance, e.Payload, e.Documents = clearance, payload, documents
					})
					partners = append(partners, p)
				}
			}
		}
		open, total := 0, 0 // events that are not restricted, and all
		rapid.Check(t, func(rt *rapid.T) {
			n := 0
			plant := func(mark string) *string {
				n++
				return new(fmt.Sprintf("%s%d", mark, n))
			}
			caseID := ""
			did := func(restricted bool, err error) {
				require.NoError(t, err)
				total++
				if !restricted {
					open++
				}
			}
			created := newCase()
			created.Title = *plant(planted)
			created.Submitter = caseupdate.Submitter{
				ID: "patient", FirstName: plant(planted), LastName: plant(planted), Email: new(*plant(planted) + "@example.com"), City: plant(planted),
			}
			changed, err := w.CreateCase(t.Context(), w.caller, created, nil)
			did(false, err)
			caseID = changed.Case.ID
			patient := caseupdate.Person{ID: "patient", FirstName: *plant(planted), LastName: *plant(planted)}
			for range rapid.IntRange(1, 5).Draw(rt, "changes") {
				phi, restricted := rapid.Bool().Draw(rt, "isPHI"), rapid.Bool().Draw(rt, "isRestricted")
				text := "open"
				if phi {
					text += *plant(planted)
				}
				if restricted {
					text += *plant(shielded)
				}
				upload := service.Upload{FileName: text, IsPHI: phi, IsRestricted: restricted, Content: strings.NewReader(text)}
				switch rapid.IntRange(0, 3).Draw(rt, "what") {
				case 0:
					_, err := w.AddAttachment(t.Context(), w.caller, caseID, upload, nil)
					did(restricted, err)
				case 1:
					_, err := w.AddComment(t.Context(), w.caller, caseID, "see the document", restricted, []service.Upload{upload}, nil)
					did(restricted, err)
				case 2:
					_, err := w.Change(t.Context(), w.caller, caseID, caselog.AnswerForm{
						Form:    caseupdate.Form{Name: "Intake"},
						Answers: []caselog.Answer{{Question: caseupdate.Question{Type: "text", Text: "Private?", IsPHI: true}, Text: *plant(planted)}},
					}, nil)
					did(false, err)
				case 3: // the keeper repeats what is PHI, and marks the decision as it is
					id := newUUID()
					payload, err := json.Marshal(map[string]any{
						"activity": caseupdate.Activity{
							ID: id, Type: caseupdate.EventAddCaseDecision, IsPHI: phi, IsRestricted: restricted,
							ValueBefore: new("was " + strings.ToUpper(created.Title)), ValueAfter: created.Submitter.City,
							Actor: caseupdate.User{ID: patient.ID, FirstName: patient.FirstName, LastName: patient.LastName},
						},
						"decision": caseupdate.Decision{ID: newUUID(), DecisionText: &text},
					})
					require.NoError(t, err)
					_, err = w.Tell(t.Context(), w.caller, []service.Telling{{CaseID: caseID, Event: "ADD_CASE_DECISION", Payload: payload}}, at, nil)
					did(restricted, err)
				}
			}
			for _, p := range partners {
				count := open
				if p.clearance.Restricted {
					count = total
				}
				messages := p.wait(t, count)
				require.Len(t, messages, count)
				got := sequences(messages, caseID)
				require.Equal(t, oneTo(len(got)), got)
				for _, m := range messages {
					if m.caseID != caseID {
						continue
					}
					text := readable(t, m.body)
					require.Equal(t, p.clearance.PHI, strings.Contains(text, strings.ToLower(planted)))
					require.True(t, p.clearance.Restricted || !strings.Contains(text, strings.ToLower(shielded)))
				}
			}
		})
	})
}
