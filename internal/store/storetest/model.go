package storetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var modelTests = []test{
	{"whatever happens in whatever order, each lane is sent in order and nothing is lost", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.live()
		runs := 0
		rapid.Check(t, func(rt *rapid.T) {
			runs++
			w := newWorld(t, rt, c, runs)
			rt.Repeat(map[string]func(*rapid.T){
				"check":   w.check,
				"change":  w.change,
				"claim":   w.claim,
				"send":    w.send,
				"retry":   w.retry,
				"cancel":  w.cancel,
				"pass":    w.pass,
				"pause":   w.pause,
				"delete":  w.deleteEndpoint,
				"accept":  w.accept,
				"restart": w.restart,
				// What is done most.
				"change again": w.change,
				"send again":   w.send,
				"send more":    w.send,
			})
			w.finish(rt)
		})
	}},
}

// world is an organisation of a few cases and endpoints, with a model of what must
// be known of their deliveries.
type world struct {
	*clinic
	outer     *testing.T // in which the store lives on
	sender    *sender
	cases     []string
	endpoints []*subscription.Endpoint // as they are now; the deleted ones are out
	known     map[string]*known        // by delivery
	counted   map[laneName]int64       // the last sequence of each endpoint and case
}

// known is what the model knows of a delivery.
type known struct {
	laneName
	id       string
	caseID   string
	sequence int64
	state    store.State // never Sending
	tries    int
	// recalled is whether it was put back while its lane was worked on: it is sent when
	// the lane is loaded again, after what follows it.
	recalled bool
}

func newWorld(outer *testing.T, t *rapid.T, c *clinic, run int) *world {
	c.t = t
	var err error
	c.org, err = c.EnsureOrganization(c.ctx, fmt.Sprintf("World %d", run), "WLD")
	require.NoError(t, err)
	w := &world{
		clinic:  c,
		outer:   outer,
		sender:  newSender(c, true),
		known:   make(map[string]*known),
		counted: make(map[laneName]int64),
	}
	w.endpoints = []*subscription.Endpoint{w.endpoint(), w.endpoint(), w.endpoint(unordered)}
	w.cases = []string{w.create(nil), w.create(nil)}
	w.note(t, len(w.cases)*len(w.endpoints))
	return w
}

// note takes note of deliveries that are new, which must be counted without a hole.
func (w *world) note(t *rapid.T, n int) {
	found, _, err := w.Deliveries(w.ctx, w.org.ID, store.DeliveryFilter{}, "", n)
	require.NoError(t, err)
	require.Len(t, found, n)
	for _, d := range slices.Backward(found) {
		require.Nil(t, w.known[d.ID], "one of each event to each endpoint is new")
		count := laneName{d.EndpointID, d.CaseID}
		w.counted[count]++
		require.Equal(t, w.counted[count], d.Sequence)
		lane := d.CaseID
		for _, e := range w.endpoints {
			if e.ID == d.EndpointID && e.Ordering == subscription.OrderingNone {
				lane = d.ID
			}
		}
		w.known[d.ID] = &known{laneName: laneName{d.EndpointID, lane}, id: d.ID, caseID: d.CaseID, sequence: d.Sequence, state: store.Pending}
	}
}

// change adds a few events to a case.
func (w *world) change(t *rapid.T) {
	id := rapid.SampledFrom(w.cases).Draw(t, "case")
	n := rapid.IntRange(1, 3).Draw(t, "events")
	commands := make([]caselog.Command, n)
	for i := range commands {
		commands[i] = comment(i)
	}
	w.do(id, w.sender, commands...)
	w.note(t, n*len(w.endpoints))
}

func (w *world) claim(t *rapid.T) {
	e := w.anyEndpoint(t)
	if e.State == subscription.Active {
		w.sender.claim(t, e.ID, rapid.IntRange(1, 3).Draw(t, "limit"))
	}
}

// send does one step in a lane: loads it, or makes an attempt.
func (w *world) send(t *rapid.T) {
	held := w.sender.held()
	if len(held) == 0 {
		return
	}
	name := rapid.SampledFrom(held).Draw(t, "lane")
	w.step(t, name, func() (store.State, *time.Time) {
		state := rapid.SampledFrom([]store.State{store.Delivered, store.Delivered, store.Delivered, store.Pending, store.Failed}).Draw(t, "comes to")
		if state != store.Pending {
			return state, nil
		}
		return state, new(w.clock.Now().Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes")) * time.Minute))
	})
}

func (w *world) step(t *rapid.T, name laneName, choose func() (store.State, *time.Time)) {
	if w.sender.lanes[name].loading {
		for _, k := range w.lane(name) {
			k.recalled = false // what is loaded has it
		}
	}
	w.sender.step(t, name, func(m store.Message) (store.State, *time.Time) {
		k := w.known[m.DeliveryID]
		require.NotNil(t, k)
		require.Equal(t, name, k.laneName)
		require.Equal(t, k.sequence, m.Sequence)
		require.Equal(t, k.caseID, m.Event.CaseID)
		require.Equal(t, m.Event.Sequence, m.Case.Version, "the case is as of the event")
		state, retryAt := choose()
		if k.state == store.Canceled { // while the message was on its way
			k.tries = m.Tries + 1
			if state == store.Delivered {
				k.state = state
			}
			return state, retryAt
		}
		require.Equal(t, store.Pending, k.state, "what is done is not sent again")
		for _, other := range w.lane(name) {
			if other.state == store.Pending && other.sequence < k.sequence {
				require.True(t, other.recalled, "%d is sent before %d", k.sequence, other.sequence)
			}
		}
		k.state, k.tries = state, m.Tries+1
		return state, retryAt
	})
}

// lane returns what the model knows of a lane.
func (w *world) lane(name laneName) []*known {
	var lane []*known
	for _, k := range w.known {
		if k.laneName == name {
			lane = append(lane, k)
		}
	}
	return lane
}

// retry puts a delivery back.
func (w *world) retry(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(w.known))
	k := w.known[rapid.SampledFrom(ids).Draw(t, "delivery")]
	_, err := w.Retry(w.ctx, w.org.ID, k.id, nil)
	if !slices.ContainsFunc(w.endpoints, func(e *subscription.Endpoint) bool { return e.ID == k.endpoint }) {
		require.ErrorIs(t, err, store.ErrNotFound)
		return
	}
	require.NoError(t, err)
	if held := w.sender.lanes[k.laneName]; held != nil && k.state != store.Pending {
		k.recalled = true
	}
	k.state = store.Pending
}

// cancel gives a delivery up.
func (w *world) cancel(t *rapid.T) {
	ids := slices.Sorted(maps.Keys(w.known))
	k := w.known[rapid.SampledFrom(ids).Draw(t, "delivery")]
	_, _, err := w.Cancel(w.ctx, w.org.ID, k.id, nil)
	if k.state != store.Pending {
		require.ErrorIs(t, err, store.ErrFinished)
		return
	}
	require.NoError(t, err)
	k.state = store.Canceled
}

func (w *world) pass(t *rapid.T) {
	w.clock.pass(time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second)
	w.live()
}

// pause pauses an endpoint, or resumes it.
func (w *world) pause(t *rapid.T) {
	e := w.anyEndpoint(t)
	state := subscription.Paused
	if e.State == subscription.Paused {
		state = subscription.Active
	}
	w.endpoints[slices.Index(w.endpoints, e)] = w.update(e.ID, in(state))
}

// deleteEndpoint deletes an endpoint; a new one takes its place.
func (w *world) deleteEndpoint(t *rapid.T) {
	i := rapid.IntRange(0, 20*len(w.endpoints)).Draw(t, "endpoint") // seldom
	if i >= len(w.endpoints) {
		return
	}
	gone := w.endpoints[i]
	require.NoError(t, w.DeleteEndpoint(w.ctx, w.org.ID, gone.ID))
	for _, k := range w.known {
		if k.endpoint == gone.ID && k.state == store.Pending {
			k.state = store.Canceled
		}
	}
	w.endpoints[i] = w.endpoint(func(e *subscription.Endpoint) { e.Ordering = gone.Ordering })
}

// accept has the sender accept more, or not.
func (w *world) accept(*rapid.T) { w.sender.accepts = !w.sender.accepts }

// restart ends the process, properly or not, and begins the next.
func (w *world) restart(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "whether") > 0 {
		return // seldom: it takes long
	}
	if rapid.Bool().Draw(t, "properly") {
		require.NoError(t, w.Leave(w.ctx))
	}
	w.sender.lose()
	w.t = w.outer
	w.reopen()
	w.t = t
}

func (w *world) anyEndpoint(t *rapid.T) *subscription.Endpoint {
	return rapid.SampledFrom(w.endpoints).Draw(t, "endpoint")
}

// check compares the deliveries with the model.
func (w *world) check(t *rapid.T) {
	type row struct {
		endpoint, caseID string
		sequence         int64
		state            store.State
		tries            int
	}
	var want, got []row
	for _, k := range w.known {
		want = append(want, row{k.endpoint, k.caseID, k.sequence, k.state, k.tries})
	}
	for _, d := range w.find(store.DeliveryFilter{}) {
		if d.State == store.Sending {
			d.State = store.Pending
		}
		got = append(got, row{d.EndpointID, d.CaseID, d.Sequence, d.State, d.Tries})
	}
	order := func(a, b row) int {
		return slices.Compare([]string{a.endpoint, a.caseID, fmt.Sprintf("%9d", a.sequence)}, []string{b.endpoint, b.caseID, fmt.Sprintf("%9d", b.sequence)})
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(row{})); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// finish resumes everything and sends until nothing is left.
func (w *world) finish(t *rapid.T) {
	for i, e := range w.endpoints {
		w.endpoints[i] = w.update(e.ID, in(subscription.Active))
	}
	w.clock.pass(time.Hour)
	w.live()
	for {
		for _, e := range w.endpoints {
			w.sender.claim(t, e.ID, 1000)
		}
		held := w.sender.held()
		if len(held) == 0 {
			break
		}
		for _, name := range held {
			w.step(t, name, func() (store.State, *time.Time) { return store.Delivered, nil })
		}
	}
	for _, k := range w.known {
		require.NotEqual(t, store.Pending, k.state, "%d of %v is lost", k.sequence, k.laneName)
	}
	w.check(t)
}
