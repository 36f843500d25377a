package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

const readerKey = "reader-key-5b1f"

// feed is casehook's log of case-1, over REST, two events a page. Its events are 1 to last, comments as hooks
// of that sequence.
type feed struct {
	last   int
	broken atomic.Bool
	asked  atomic.Int64
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	if f.broken.Load() {
		http.Error(w, "the log is being moved", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodGet || r.URL.Path != "/v1/cases/case-1/events" || r.Header.Get("Authorization") != "Bearer "+readerKey {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var data []string
	for i := after + 1; i <= min(after+2, f.last); i++ {
		data = append(data, hook{sequence: i}.body())
	}
	next := after + len(data)
	fmt.Fprintf(w, `{"data":[%s],"nextCursor":"%d","hasMore":%t}`, strings.Join(data, ","), next, next < f.last)
}

// newFilling returns a receiver that waits for nothing, and has a feed.
func newFilling(t *testing.T, f *feed) (r *webhook.Receiver, handled *record) {
	r, handled = newReceiver(t)
	r.Hold = time.Millisecond
	r.Feed = (&webhook.FeedClient{URL: serve(t, f) + "/", Key: readerKey}).CaseEvents
	return r, handled
}

func ids(sequences ...int) []string {
	ids := []string{}
	for _, n := range sequences {
		ids = append(ids, hook{sequence: n}.id())
	}
	return ids
}

func TestAHoleIsFilledFromTheFeed(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  int // how many events it has
		come []int
		want []int
	}{
		{"one that is missing", 3, []int{1, 3}, []int{1, 2, 3}},
		{"many that are missing, over pages", 9, []int{1, 9}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"the first ones", 4, []int{3, 4}, []int{1, 2, 3, 4}},
		{"one hole after the other", 7, []int{1, 3, 4, 7}, []int{1, 2, 3, 4, 5, 6, 7}},
		{"what is missing comes later all the same", 3, []int{1, 3, 2, 2}, []int{1, 2, 3}},
		{"what comes after the message is left alone", 9, []int{1, 3}, []int{1, 2, 3}},
		{"a log that does not have the message fills nothing", 3, []int{1, 5, 6}, []int{1, 5, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, handled := newFilling(t, &feed{last: tt.log})
			url := serve(t, r)
			for _, n := range tt.come {
				requireSent(t, url, 204, hook{sequence: n, attempt: 1})
			}
			require.Equal(t, ids(tt.want...), handled.all())
		})
	}
}

// An endpoint that was made when its case had events already counts from 1, though the log is longer.
func TestWhatIsBeforeTheLastThatWasHandledIsLeftAlone(t *testing.T) {
	r, handled := newFilling(t, &feed{last: 6})
	url := serve(t, r)
	count := func(sequence string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(webhook.HeaderSequence, sequence) }
	}
	requireSent(t, url, 204, hook{sequence: 4, change: count("1")}, hook{sequence: 6, change: count("3")})
	require.Equal(t, ids(4, 5, 6), handled.all())
}

func TestWhatIsForgottenByNowIsNotTakenForMissing(t *testing.T) {
	r, handled := newFilling(t, &feed{last: 7})
	r.Store = webhook.NewMemoryStore(3)
	url := serve(t, r)
	for n := range 5 {
		requireSent(t, url, 204, hook{sequence: n + 1})
	}
	for n := range 3 {
		requireSent(t, url, 204, hook{sequence: n + 1, caseID: "case-2"})
	}
	requireSent(t, url, 204, hook{sequence: 7})
	require.Equal(t, ids(6, 7), handled.all()[8:])
}

func TestTheLogIsReadFromTheLastThatWasHandled(t *testing.T) {
	for _, tt := range []struct {
		name        string
		place, last int // of the last that was handled: in the log, and its sequence
		pages       int64
	}{
		{"whose sequence is its place", 900, 900, 2},
		{"which is further behind, as the endpoint was not sent all", 900, 891, 6},
		{"from the beginning, where a replay gave it a higher number than its place", 2, 900, 1 + 2},
		{"or one that is no place at all", 2, 20_000, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &feed{last: tt.place + 4}
			r, handled := newFilling(t, log)
			r.Store = webhook.NewMemoryStore(0)
			require.NoError(t, r.Store.Keep(t.Context(), hook{sequence: tt.place}.id(), "case-1", int64(tt.last)))
			requireSent(t, serve(t, r), 204, hook{sequence: tt.place + 2, attempt: 1, change: func(r *http.Request) {
				r.Header.Set(webhook.HeaderSequence, strconv.Itoa(tt.last+2))
			}})
			require.Equal(t, ids(tt.place+1, tt.place+2), handled.all())
			require.Equal(t, tt.pages, log.asked.Load())
		})
	}
}

func TestWhatComesFromTheFeedIsToldOfToo(t *testing.T) {
	var got []webhook.Message
	r := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
		Hold:     -1,
		Feed:     (&webhook.FeedClient{URL: serve(t, &feed{last: 2}), Key: readerKey}).CaseEvents,
		Fallback: func(ctx context.Context, _ *caseupdate.Update) error {
			got = append(got, webhook.MessageOf(ctx))
			return nil
		},
	}
	first, second := hook{sequence: 1}, hook{sequence: 2, attempt: 1}
	requireSent(t, serve(t, r), 204, second)
	require.Equal(t, []webhook.Message{
		{ID: first.id(), CaseID: "case-1", Body: []byte(first.body())},
		{ID: second.id(), CaseID: "case-1", Sequence: 2, Attempt: 1, Body: []byte(second.body())},
	}, got)
}

func TestTheFeedIsAskedOnlyWhereSomethingIsMissing(t *testing.T) {
	log := &feed{last: 3}
	r, _ := newFilling(t, log)
	url := serve(t, r)
	requireSent(t, url, 204, hook{sequence: 1}, hook{sequence: 2}, hook{sequence: 2}, hook{sequence: 3}, hook{sequence: 1})
	require.Zero(t, log.asked.Load())
}

func TestAHoleThatCannotBeFilledHoldsUpItsCaseForThreeAttempts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		broken bool // the feed is
		fails  int  // the function fails for this one
	}{
		{"a feed that fails", true, 0},
		{"a function that fails for what is missing", false, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := &feed{last: 9}
			log.broken.Store(tt.broken)
			r := &webhook.Receiver{
				Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
				Hold:     time.Millisecond,
				Feed:     (&webhook.FeedClient{URL: serve(t, log), Key: readerKey}).CaseEvents,
				Logger:   silent,
			}
			handled := new(record)
			var mended atomic.Bool
			webhook.On(r, func(_ context.Context, p *caseupdate.AddCaseComment) error {
				if p.Activity.ID == (hook{sequence: tt.fails}).id() && !mended.Load() {
					return errors.New("not this one")
				}
				handled.add(p.Activity.ID)
				return nil
			})
			url := serve(t, r)
			requireSent(t, url, 204, hook{sequence: 1})
			for attempt := 1; attempt <= 3; attempt++ {
				requireSent(t, url, 503, hook{sequence: 3, attempt: attempt})
			}
			require.Equal(t, ids(1), handled.all(), "nothing goes past it yet")
			requireSent(t, url, 204, hook{sequence: 3, attempt: 4})
			require.Equal(t, ids(1, 3), handled.all())

			log.broken.Store(false)
			mended.Store(true)
			requireSent(t, url, 204, hook{sequence: 5, attempt: 1})
			require.Equal(t, ids(1, 3, 4, 5), handled.all(), "the next hole is another one")
			requireSent(t, url, 204, hook{sequence: 2, attempt: 14})
			require.Equal(t, ids(1, 3, 4, 5, 2), handled.all(), "a retry still brings it")
		})
	}
}

func TestAMessageWithoutAnAttemptIsNotHeldUpByTheFeed(t *testing.T) {
	log := &feed{last: 3}
	log.broken.Store(true)
	r, handled := newFilling(t, log)
	requireSent(t, serve(t, r), 204, hook{sequence: 1}, hook{sequence: 3})
	require.Equal(t, ids(1, 3), handled.all())
}

// What was filled in is done, though the message after it fails: its next attempt waits for nothing.
func TestAHoleThatIsFilledIsFilledOnce(t *testing.T) {
	log := &feed{last: 4}
	r := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
		Hold:     time.Millisecond,
		Feed:     (&webhook.FeedClient{URL: serve(t, log), Key: readerKey}).CaseEvents,
		Logger:   silent,
	}
	handled := new(record)
	webhook.On(r, func(_ context.Context, p *caseupdate.AddCaseComment) error {
		handled.add(p.Activity.ID)
		if n := len(handled.all()); p.Activity.ID == (hook{sequence: 4}).id() && n < 5 {
			return errors.New("not yet")
		}
		return nil
	})
	url := serve(t, r)
	requireSent(t, url, 204, hook{sequence: 1})
	requireSent(t, url, 500, hook{sequence: 4, attempt: 1})
	asked := log.asked.Load()
	requireSent(t, url, 204, hook{sequence: 4, attempt: 2})
	require.Equal(t, ids(1, 2, 3, 4, 4), handled.all())
	require.Equal(t, asked, log.asked.Load())
}

func TestWhatTheFeedMayNotSayIsAnError(t *testing.T) {
	text := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		address func(string) string
		want    string
	}{
		{name: "a key that may not read", answer: text(403, "Sam Sample"), want: "webhook: read the log of a case: the answer is 403"},
		{name: "what is not JSON", answer: text(200, "Sam Sample"), want: "webhook: read the log of a case: the answer is not a part of the log"},
		{name: "a log that goes in circles", answer: text(200, `{"data":[],"nextCursor":"0","hasMore":true}`),
			want: "webhook: read the log of a case: the answer does not go on"},
		{name: "a URL that is none", answer: text(200, ""), address: func(string) string { return "http://Sam Sample\x00" },
			want: "webhook: read the log of a case: the URL of casehook cannot be read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt.answer)
			defer server.Close()
			client := &webhook.FeedClient{URL: server.URL, Key: readerKey}
			if tt.address != nil {
				client.URL = tt.address(client.URL)
			}
			n := 0
			for body, err := range client.CaseEvents(t.Context(), "case-1", 0) {
				n++
				require.Nil(t, body)
				require.EqualError(t, err, tt.want)
			}
			require.Equal(t, 1, n)
		})
	}

	server := httptest.NewServer(text(200, ""))
	server.Close()
	client := &webhook.FeedClient{URL: server.URL, Key: readerKey, HTTP: new(http.Client)}
	for _, err := range client.CaseEvents(t.Context(), "case-1", 0) {
		require.ErrorContains(t, err, "connection refused")
		require.NotContains(t, err.Error(), "/v1/cases")
	}
}

func TestAnEventOfTheFeedThatCannotBeReadIsNotPassedOver(t *testing.T) {
	for _, body := range []string{`"Sam Sample"`, `{"event":"ADD_CASE_COMMENT","payload":{"case":{"id":"case-1"},"activity":{}}}`} {
		r, handled := newReceiver(t)
		r.Hold = -1
		r.Feed = (&webhook.FeedClient{URL: serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"data":[%s],"nextCursor":"1","hasMore":false}`, body)
		}))}).CaseEvents
		url := serve(t, r)
		requireSent(t, url, 204, hook{sequence: 1})
		requireSent(t, url, 503, hook{sequence: 3, attempt: 1})
		require.Equal(t, ids(1), handled.all())
	}
}

func TestNoMoreIsTakenFromTheFeedThanTheReceiverCanHold(t *testing.T) {
	for _, tt := range []struct {
		name    string
		missing int // events
		size    int // of each, in bytes
		past    int // events before the last one that was handled
		filled  bool
	}{
		{"as many as it can hold", 1000, 0, 0, true},
		{"one more", 1001, 0, 0, false},
		{"few that are large", 2, 33 << 20, 0, false},
		{"a long past counts for nothing", 1, 0, 1500, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, handled := newReceiver(t)
			r.Hold = -1
			last := tt.past + 1
			message := last + tt.missing + 1
			r.Feed = func(context.Context, string, int64) iter.Seq2[[]byte, error] {
				return func(yield func([]byte, error) bool) {
					for n := 1; n <= message; n++ {
						body := hook{sequence: n}.body()
						if last < n && n < message {
							body += strings.Repeat(" ", tt.size)
						}
						if !yield([]byte(body), nil) {
							return
						}
					}
				}
			}
			r.Store = webhook.NewMemoryStore(0)
			require.NoError(t, r.Store.Keep(t.Context(), hook{sequence: last}.id(), "case-1", int64(last)))
			url := serve(t, r)
			want := 204
			if !tt.filled {
				want = 503
			}
			requireSent(t, url, want, hook{sequence: message, attempt: 3})
			requireSent(t, url, 204, hook{sequence: message, attempt: 4})
			if !tt.filled {
				require.Equal(t, ids(message), handled.all(), "it goes on without")
				return
			}
			require.Len(t, handled.all(), tt.missing+1)
		})
	}
}
