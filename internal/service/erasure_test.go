package service_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// holding is a receiver that keeps those waiting who send to it until they are let go.
type holding struct {
	*receiver
	begun, letGo chan struct{}
	attempts     atomic.Int64
}

func newHolding(t *testing.T) *holding {
	h := &holding{receiver: newReceiver(t), begun: make(chan struct{}, 100), letGo: make(chan struct{})}
	h.answer = func(message) int {
		h.attempts.Add(1)
		h.begun <- struct{}{}
		select {
		case <-h.letGo:
		case <-t.Context().Done():
		}
		return http.StatusNoContent
	}
	return h
}

func TestOfACaseThatWasErasedNothingMoreIsSentAndItsDocumentsAreGone(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, h := newWorldOn(t, dir, database), newHolding(t)
		w.endpoint(t, h.URL, nil)
		id := w.newCase(t)
		<-h.begun
		changed, err := w.AddAttachment(t.Context(), w.caller, id, service.Upload{FileName: "x-ray.png", Content: strings.NewReader("bones")}, nil)
		require.NoError(t, err)
		attachment := changed.Case.Attachments[0].ID
		w.comment(t, id, "one", "two")
		key, err := w.Store.CaseKey(t.Context(), id)
		require.NoError(t, err)
		minted, _ := delivery.MintLink(key, "https://casehook.example", id, attachment, []byte("digest"), time.Now())
		link, err := url.Parse(minted)
		require.NoError(t, err)
		digest, expires, signature := link.Query().Get("digest"), link.Query().Get("expires"), link.Query().Get("signature")
		content, _, err := w.LinkedAttachment(t.Context(), id, attachment, digest, expires, signature)
		require.NoError(t, err, "before the erasure the link is good")
		require.NoError(t, content.Close())
		blobs, err := filepath.Glob(filepath.Join(dir, "blobs", attachment[34:], "*"))
		require.NoError(t, err)
		require.Len(t, blobs, 1)

		require.NoError(t, w.EraseCase(t.Context(), w.caller, id))
		_, err = os.Stat(blobs[0])
		require.ErrorIs(t, err, os.ErrNotExist)
		for _, call := range []func() error{
			func() error { _, err := w.Case(t.Context(), w.caller, id, 0); return err },
			func() error { _, _, err := w.Attachment(t.Context(), w.caller, id, attachment); return err },
			func() error {
				_, _, err := w.LinkedAttachment(t.Context(), id, attachment, digest, expires, signature)
				return err
			},
			func() error {
				_, _, err := w.CaseReceipts(t.Context(), w.as(service.Writer), id, service.Page{})
				return err
			},
			func() error { _, _, _, err := w.CaseFeed(t.Context(), w.caller, id, 0, 0); return err },
			func() error {
				_, err := w.Change(t.Context(), w.caller, id, caselog.AddComment{Text: "more"}, nil)
				return err
			},
			func() error { return w.EraseCase(t.Context(), w.caller, id) },
		} {
			requireKind(t, refusal.NotFound, call())
		}
		_, _, err = w.CaseReceipts(t.Context(), w.as(service.Admin), id, service.Page{})
		require.NoError(t, err)

		// What is under way is finished; what follows it in its lane is not sent.
		other := w.newCase(t)
		<-h.begun
		close(h.letGo)
		received := h.wait(t, 2)
		require.ElementsMatch(t, []string{id, other}, []string{received[0].caseID, received[1].caseID})
		w.comment(t, other, "of the other")
		require.Equal(t, other, h.wait(t, 3)[2].caseID)
		require.Equal(t, int64(3), h.attempts.Load())
	})
}

func TestNodesThatHaveACaseInMemoryForgetItWhenAnotherErasesIt(t *testing.T) {
	dir, database := t.TempDir(), postgrestest.DSN(t)
	one, two, h := newWorldOn(t, dir, database), newWorldOn(t, dir, database), newHolding(t)
	endpoint := one.endpoint(t, h.URL, nil)
	id := two.newCase(t)
	<-h.begun
	two.comment(t, id, "one", "two", "three") // in the lane of whoever is sending
	for _, w := range []*world{one, two} {
		_, err := w.Case(t.Context(), w.caller, id, 0)
		require.NoError(t, err)
	}

	require.NoError(t, one.EraseCase(t.Context(), one.caller, id))
	for _, w := range []*world{one, two} {
		_, err := w.Case(t.Context(), w.caller, id, 0)
		requireKind(t, refusal.NotFound, err)
		_, err = w.Change(t.Context(), w.caller, id, caselog.AddComment{Text: "more"}, nil)
		requireKind(t, refusal.NotFound, err)
	}
	// Nodes hear of what happens in its order: who knows of this knows of the erasure.
	_, err := one.UpdateEndpoint(t.Context(), one.caller, endpoint.ID, func(e *subscription.Endpoint) error {
		e.Description = "heard"
		return nil
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		known, err := two.Store.Endpoint(t.Context(), two.caller.OrganizationID, endpoint.ID)
		return err == nil && known.Description == "heard"
	}, time.Minute, 5*time.Millisecond)

	close(h.letGo)
	other := two.newCase(t)
	received := h.wait(t, 2)
	require.ElementsMatch(t, []string{id, other}, []string{received[0].caseID, received[1].caseID})
	two.comment(t, other, "of the other")
	require.Equal(t, other, h.wait(t, 3)[2].caseID)
	require.Equal(t, int64(3), h.attempts.Load())
}

func TestAnEventOfACaseThatWasErasedIsNotTaken(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w := newWorldOn(t, dir, database)
		id, eventID := newUUID(), newUUID()
		tell := func(telling service.Telling) error {
			_, err := w.Tell(t.Context(), w.caller, []service.Telling{telling}, at, nil)
			return err
		}
		created := golden(t, caseupdate.EventCreateCase, id, eventID)
		require.NoError(t, tell(created))
		require.NoError(t, w.EraseCase(t.Context(), w.caller, id))

		requireKind(t, refusal.Conflict, tell(created))
		requireKind(t, refusal.Conflict, tell(escalation(id)))
		requireKind(t, refusal.Conflict, tell(golden(t, caseupdate.EventCreateCase, id, newUUID())))
		require.Zero(t, w.logged(t, id))
		erasures, _, err := w.Erasures(t.Context(), w.caller, service.Page{})
		require.NoError(t, err)
		require.Equal(t, []string{id, w.caller.Actor.ID}, []string{erasures[0].CaseID, erasures[0].ActorID})
		events, _, more, err := w.Feed(t.Context(), w.caller, "", 0)
		require.NoError(t, err)
		require.Empty(t, events)
		require.False(t, more)
	})
}
