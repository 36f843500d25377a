//go:build unix

package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

func TestNothingIsLostWhenTheServerIsKilled(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		twice := interrupt(t, 2000, (*server).kill, database...)
		require.LessOrEqual(t, twice, 2*maxInFlight, "more was sent twice than can have been under way")
	})
}

func TestNothingIsLostNorSentTwiceWhenTheServerIsTerminated(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		twice := interrupt(t, 1000, func(s *server) { require.Zero(t, s.terminate(t)) }, database...)
		require.Zero(t, twice, "sent twice, though attempts that are under way are finished")
	})
}

// onBoth runs a test on each engine, with the arguments of a server that name it.
func onBoth(t *testing.T, test func(t *testing.T, database ...string)) {
	t.Run("SQLite", func(t *testing.T) { test(t) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, "--database", postgrestest.DSN(t)) })
}

// interrupt has many clients make changes, stops the server in the middle of it and
// starts another one in its place. A client that got no answer asks again with the
// same idempotency key. In the end the log has what was answered and nothing else,
// and the receiver has got it, each case in order. It returns how many deliveries
// came twice.
func interrupt(t *testing.T, changes int, stop func(*server), database ...string) (twice int) {
	data := t.TempDir()
	arguments := append([]string{"--dev"}, database...)
	first := serve(t, data, arguments...)
	admin := client{first.url, adminKey}
	r := startGo(t)
	admin.subscribe(t, r)
	l := newLoad(t, admin, 100, changes)

	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(t, 16)
	}()
	<-l.half
	stop(first)
	second := serve(t, data, append(arguments, "--listen", first.address())...)
	close(l.restarted)
	<-done
	if t.Failed() {
		t.FailNow()
	}
	require.NotZero(t, l.unanswered.Load(), "the server stopped when nobody needed it")
	l.checkLog(t)
	return l.checkReceived(t, r, second)
}

// load is clients that make changes at once.
type load struct {
	client    client   // of the server that is there in the end
	nodes     []client // any of which is asked first; client alone where there are none
	cases     []string
	changes   int
	half      chan struct{} // closed when half of the changes are answered
	restarted chan struct{} // closed when there is a server again

	answered, unanswered atomic.Int64

	mu     sync.Mutex
	events []string // those that were answered
}

// newLoad opens the cases that are to be changed.
func newLoad(t *testing.T, c client, cases, changes int) *load {
	t.Helper()
	l := &load{client: c, changes: changes, half: make(chan struct{}), restarted: make(chan struct{})}
	for range cases {
		opened := c.open(t)
		l.cases = append(l.cases, opened.text("id"))
		l.events = append(l.events, opened.events()...)
	}
	return l
}

// run makes all changes and returns when they are answered.
func (l *load) run(t *testing.T, clients int) {
	numbers := make(chan int)
	var working sync.WaitGroup
	for range clients {
		working.Go(func() {
			for n := range numbers {
				l.change(t, n)
			}
		})
	}
	for n := range l.changes {
		numbers <- n
	}
	close(numbers)
	working.Wait()
}

// change makes the nth change. Where there is no answer, or the database is gone, it
// asks again.
func (l *load) change(t *testing.T, n int) {
	call, body := l.nth(n)
	key := fmt.Sprintf("change-%d", n)
	asked := l.client
	if len(l.nodes) > 0 {
		asked = l.nodes[rand.N(len(l.nodes))]
	}
	a, err := asked.do(call, []byte(body), "Idempotency-Key", key)
	for err != nil || a.status == http.StatusServiceUnavailable {
		l.unanswered.Add(1)
		<-l.restarted
		if err == nil {
			retryLater(t, a)
		}
		if a, err = l.client.do(call, []byte(body), "Idempotency-Key", key); err != nil {
			break
		}
	}
	if err != nil || a.status != http.StatusCreated {
		t.Errorf("%s: %d %s, %v", call, a.status, a.body, err)
	}
	l.mu.Lock()
	l.events = append(l.events, a.events()...)
	l.mu.Unlock()
	if l.answered.Add(1) == int64(l.changes/2) {
		close(l.half)
	}
}

// retryLater waits as long as an answer asks for.
func retryLater(t *testing.T, a answer) {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil {
		t.Errorf("an answer of %d does not say when to ask again: %v", a.status, err)
	}
	<-time.After(time.Duration(seconds) * time.Second)
}

// nth returns the nth change, of one event or two.
func (l *load) nth(n int) (call, body string) {
	call = "POST /v1/cases/" + l.cases[n%len(l.cases)]
	switch n / len(l.cases) % 4 {
	case 0:
		return call + "/comments", fmt.Sprintf(`{"text":"change %d","attachments":[{"fileName":"note.txt","content":"aGVsbG8="}]}`, n)
	case 1:
		return call + "/payments", fmt.Sprintf(`{"description":"change %d","amount":%d}`, n, n)
	case 2:
		return call + "/orders", fmt.Sprintf(`{"message":"change %d"}`, n)
	default:
		question := `{"question":{"index":0,"type":"text","text":"?"},"text":"change %d"}`
		return call + "/form-responses", fmt.Sprintf(`{"form":{"name":"Intake"},"responses":[`+question+`,`+question+`]}`, n, n)
	}
}

// checkLog requires that the log has each event that was answered, once, and no
// other: no change was lost and none was made twice.
func (l *load) checkLog(t *testing.T) {
	t.Helper()
	log, _ := l.client.feed(t, "")
	var recorded []string
	for _, event := range log {
		recorded = append(recorded, idOf(t, event))
	}
	require.ElementsMatch(t, l.events, recorded)
}

// checkReceived waits until r has got all that was answered, ends the server and
// requires that nothing else came. It returns how many deliveries came twice.
func (l *load) checkReceived(t *testing.T, r *receiver, s *server) (twice int) {
	t.Helper()
	got := received{missing: map[string]bool{}, last: map[string]message{}, twice: map[string]bool{}}
	for _, id := range l.events {
		got.missing[id] = true
	}
	for len(got.missing) > 0 {
		got.take(t, r.next(t))
	}
	require.Zero(t, s.terminate(t))
	for len(r.deliveries) > 0 {
		got.take(t, r.next(t))
	}
	return len(got.twice)
}

// received is what a receiver has got.
type received struct {
	missing map[string]bool    // the events that are still to come
	last    map[string]message // by case
	twice   map[string]bool    // the cases of which one delivery came twice
}

// message is a delivery in its case.
type message struct {
	id       string
	sequence int
}

// take requires that a delivery is the next of its case, or once more the last: of a
// case one message is in flight, and so one at most came twice.
func (r *received) take(t *testing.T, d delivery) {
	t.Helper()
	require.Empty(t, d.fault)
	caseID := d.header.Get("casehook-case-id")
	sequence, err := strconv.Atoi(d.header.Get("casehook-sequence"))
	require.NoError(t, err)
	m := message{d.header.Get("webhook-id"), sequence}
	last := r.last[caseID]
	if m == last {
		require.False(t, r.twice[caseID], "more than one delivery of a case came twice")
		r.twice[caseID] = true
		return
	}
	require.Equalf(t, last.sequence+1, m.sequence, "the sequence of case %s", caseID)
	require.Truef(t, r.missing[m.id], "event %s was not answered, or came before", m.id)
	delete(r.missing, m.id)
	r.last[caseID] = m
}

// idOf returns the id of an event in the wire format.
func idOf(t *testing.T, event json.RawMessage) string {
	t.Helper()
	var body struct {
		Payload struct{ Activity struct{ ID string } }
	}
	require.NoError(t, json.Unmarshal(event, &body))
	return body.Payload.Activity.ID
}
