package webhook_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// watched is a store that tells of each look into it.
type watched struct {
	webhook.Store
	looked chan string
}

func newWatched() watched { return watched{webhook.NewMemoryStore(0), make(chan string, 1024)} }

func (w watched) Look(ctx context.Context, id, caseID string) (bool, int64, error) {
	seen, last, err := w.Store.Look(ctx, id, caseID)
	w.looked <- id
	return seen, last, err
}

func TestAnEarlyMessageIsHeldUntilItsTurn(t *testing.T) {
	r, handled := newReceiver(t)
	store := newWatched()
	r.Store = store
	url := serve(t, r)

	third := hook{sequence: 3}.sending(t, url)
	require.Equal(t, "case-1-3", <-store.looked)
	second := hook{sequence: 2}.sending(t, url)
	require.Equal(t, "case-1-2", <-store.looked)
	require.Empty(t, handled.all())
	requireSent(t, url, 204, hook{sequence: 1})
	requireAnswer(t, 204, second)
	requireAnswer(t, 204, third)
	require.Equal(t, []string{"case-1-1", "case-1-2", "case-1-3"}, handled.all())
}

func TestAHoleThatIsNeverFilledHoldsUpNothingForEver(t *testing.T) {
	for _, hold := range []time.Duration{-1, time.Millisecond} {
		r, handled := newReceiver(t)
		r.Hold = hold
		url := serve(t, r)
		requireSent(t, url, 204, hook{sequence: 1}, hook{sequence: 4}, hook{sequence: 5})
		require.Equal(t, []string{"case-1-1", "case-1-4", "case-1-5"}, handled.all())
		requireSent(t, url, 204, hook{sequence: 3}, hook{sequence: 2}, hook{sequence: 4})
		require.Equal(t, []string{"case-1-1", "case-1-4", "case-1-5", "case-1-3", "case-1-2"}, handled.all(),
			"what was missing is handled when it comes all the same")
	}
}

func TestAfterTheHighestSequenceThatThereIsNothingIsHeld(t *testing.T) {
	r, handled := newReceiver(t)
	r.Store = webhook.NewMemoryStore(0)
	require.NoError(t, r.Store.Keep(t.Context(), "highest", "case-1", math.MaxInt64))
	requireSent(t, serve(t, r), 204, hook{sequence: 3})
	require.Equal(t, []string{"case-1-3"}, handled.all())
}

// together lets requests to handler go on when n of them have come.
func together(n int, handler http.Handler) http.Handler {
	var came atomic.Int64
	all := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if came.Add(1) == int64(n) {
			close(all)
		}
		<-all
		handler.ServeHTTP(w, r)
	})
}

func TestDuplicatesAtTheSameTime(t *testing.T) {
	const n = 8
	for _, tt := range []struct {
		name         string
		fails        int64 // how many calls fail
		calls, taken int64
	}{
		{"are handled once", 0, 1, n},
		{"are handled by the next one where one fails", 3, 4, n - 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &webhook.Receiver{
				Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
				Logger:   silent,
			}
			var calls, under, taken atomic.Int64
			webhook.On(r, func(context.Context, *caseupdate.AddCaseComment) error {
				if under.Add(1) > 1 {
					t.Error("two functions of a case at the same time")
				}
				defer under.Add(-1)
				if calls.Add(1) <= tt.fails {
					return errors.New("not yet")
				}
				return nil
			})
			url := serve(t, together(n, r))
			var answers []<-chan reply
			for range n {
				answers = append(answers, hook{sequence: 1}.sending(t, url))
			}
			for _, answered := range answers {
				got := <-answered
				require.NoError(t, got.err)
				if got.status == http.StatusNoContent {
					taken.Add(1)
				}
			}
			require.Equal(t, tt.calls, calls.Load())
			require.Equal(t, tt.taken, taken.Load())
		})
	}
}

func TestCasesDoNotWaitForEachOther(t *testing.T) {
	r := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}}}
	other := make(chan struct{})
	webhook.On(r, func(_ context.Context, p *caseupdate.AddCaseComment) error {
		if p.Case.ID == "case-2" {
			close(other)
		}
		<-other
		return nil
	})
	url := serve(t, r)
	first := hook{sequence: 1}.sending(t, url)
	requireSent(t, url, 204, hook{sequence: 1, caseID: "case-2"})
	requireAnswer(t, 204, first)
}

func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	r, handled := newReceiver(t)
	store := newWatched()
	r.Store = store
	url := serve(t, r)
	ctx, giveUp := context.WithCancel(t.Context())
	answered := make(chan reply, 1)
	go func() { answered <- hook{sequence: 2}.send(ctx, url) }()
	require.Equal(t, "case-1-2", <-store.looked)
	giveUp()
	require.ErrorIs(t, (<-answered).err, context.Canceled)
	requireSent(t, url, 204, hook{sequence: 1}, hook{sequence: 2})
	require.Equal(t, []string{"case-1-1", "case-1-2"}, handled.all())
}

// The process ended after it had kept 2 from the feed, and before it handled what 2 was missing before.
func TestWhatWasKeptWithoutItsSequenceIsCountedWhenItComes(t *testing.T) {
	r, handled := newReceiver(t)
	r.Store = webhook.NewMemoryStore(0)
	url := serve(t, r)
	requireSent(t, url, 204, hook{sequence: 1})
	require.NoError(t, r.Store.Keep(t.Context(), hook{sequence: 2}.id(), "case-1", 0))
	requireSent(t, url, 204, hook{sequence: 2}, hook{sequence: 3})
	require.Equal(t, []string{"case-1-1", "case-1-3"}, handled.all())
}

// Whatever the order and the repetition in which messages arrive, each is handled once, and in the order of
// its case, as long as nothing is missing and nothing fails.
func TestPropertyNothingIsMissing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		arrivals, cases := drawArrivals(rt)
		r, handled := newReceiver(t)
		server := httptest.NewServer(r)
		defer server.Close()
		requireAll(rt, server.URL, arrivals)
		requireInOrder(rt, cases, handled.all())
	})
}

// Where some are missing and functions fail now and then, whatever was answered 2xx was handled, everything
// that is sent until it is answered 2xx is, and nothing is stuck.
func TestPropertySomethingIsMissing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		arrivals, cases := drawArrivals(rt)
		lost := make(map[string]bool)
		for _, h := range arrivals {
			if rapid.IntRange(0, 4).Draw(rt, "lost") == 0 {
				lost[h.id()] = true
			}
		}
		fails := rapid.IntRange(2, 5).Draw(rt, "every which call fails")
		r := &webhook.Receiver{
			Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(rt, vectorSecret)}},
			Hold:     time.Duration(rapid.SampledFrom([]int{-1, 1, 3}).Draw(rt, "hold in ms")) * time.Millisecond,
			Logger:   silent,
		}
		handled := new(record)
		var calls atomic.Int64
		webhook.On(r, func(_ context.Context, p *caseupdate.AddCaseComment) error {
			if calls.Add(1)%int64(fails) == 0 {
				return errors.New("not now")
			}
			handled.add(p.Activity.ID)
			return nil
		})
		server := httptest.NewServer(r)
		defer server.Close()

		var sent []hook
		for _, h := range arrivals {
			if !lost[h.id()] {
				sent = append(sent, h)
			}
		}
		requireAll(rt, server.URL, sent)
		want := []string{}
		for _, id := range cases {
			if !lost[id] {
				want = append(want, id)
			}
		}
		require.ElementsMatch(rt, want, handled.all(), "each once")
	})
}
