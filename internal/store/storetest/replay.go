package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var replayTests = []test{
	{"what was delivered is sent again under its old sequence, in the order of its lane", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.comments(3, id, s)
		c.drain(s)
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.through(r, e, s)
		require.Equal(t, []int64{1, 2, 3, 4, 1, 2, 3, 4}, s.sent[laneName{e.ID, id}])
		for _, d := range c.find(store.DeliveryFilter{}) {
			require.Equal(t, store.Delivered, d.State)
			require.Equal(t, 2, d.Tries)
		}
		require.Equal(t, int64(4), c.replayed(r).Queued)
		require.NotNil(t, c.replayed(r).FinishedAt)
	}},
	{"only what is asked for is sent again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		first := c.create(s)
		c.comments(2, first, s)
		c.clock.pass(time.Hour)
		second := c.create(s)
		c.do(second, s, caselog.Escalate{})
		c.drain(s)
		later := begin.Add(time.Minute)
		for _, test := range []struct {
			name string
			r    store.Replay
			want map[string][]int64
		}{
			{"by case", store.Replay{CaseID: first}, map[string][]int64{first: {1, 2, 3}}},
			{"since", store.Replay{Since: &later}, map[string][]int64{second: {1, 2}}},
			{"until", store.Replay{Until: &later}, map[string][]int64{first: {1, 2, 3}}},
			{"by event", store.Replay{Events: []caseupdate.Event{caseupdate.EventCreateCase}}, map[string][]int64{first: {1}, second: {1}}},
			{"by case and event", store.Replay{CaseID: second, Events: []caseupdate.Event{caseupdate.EventEscalateCase}}, map[string][]int64{second: {2}}},
			{"only failed, and none is", store.Replay{OnlyFailed: true}, map[string][]int64{}},
			{"nothing", store.Replay{Since: &later, Until: &later}, map[string][]int64{}},
		} {
			clear(s.sent)
			test.r.EndpointID = e.ID
			c.through(c.replay(test.r), e, s)
			got := make(map[string][]int64)
			for name, sequences := range s.sent {
				got[name.lane] = sequences
			}
			require.Equal(t, test.want, got, test.name)
		}
	}},
	{"what failed is sent again with a schedule of its own, and what did not is not", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.comments(2, id, s)
		c.work(s, func(m store.Message) (store.State, *time.Time) {
			if m.Sequence == 2 {
				return store.Failed, nil
			}
			return store.Delivered, nil
		})
		r := c.replay(store.Replay{EndpointID: e.ID, OnlyFailed: true})
		c.advance(r, 10)
		require.Equal(t, []string{"1 CREATE_CASE delivered", "2 ADD_CASE_COMMENT pending", "3 ADD_CASE_COMMENT delivered"}, c.deliveries(store.DeliveryFilter{}))
		s.claim(t, e.ID, 10)
		m := c.load(e.ID, id).Messages[0]
		require.Equal(t, []int{1, 1}, []int{m.Tries, m.Deferred})
		require.Equal(t, r.ID, m.ReplayID)
		c.drain(s)
		require.Equal(t, []int64{1, 2, 3, 2}, s.sent[laneName{e.ID, id}])
		c.through(r, e, s)
	}},
	{"what failed is found by the time of its event, whenever it was recorded that it is to be sent", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		c.clock.pass(2 * time.Hour)
		e := c.endpoint()
		s := newSender(c, true)
		c.comments(1, id, s)
		c.drain(s)
		first := c.replay(store.Replay{EndpointID: e.ID}) // its deliveries are younger than their events
		c.advance(first, 10)
		s.claim(t, e.ID, 10)
		c.work(s, func(store.Message) (store.State, *time.Time) { return store.Failed, nil })
		c.through(first, e, s)
		between := begin.Add(time.Hour)
		for _, test := range []struct {
			name string
			r    store.Replay
			want []int64
		}{
			{"until", store.Replay{Until: &between}, []int64{2}},
			{"since", store.Replay{Since: &between}, []int64{1}},
		} {
			clear(s.sent)
			test.r.EndpointID, test.r.OnlyFailed = e.ID, true
			c.through(c.replay(test.r), e, s)
			require.Equal(t, test.want, s.sent[laneName{e.ID, id}], test.name)
		}
	}},
	{"a replay of which all is in line rests until that was attempted, and takes up no more", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		first, second := c.create(s), c.create(s)
		fail := func(store.Message) (store.State, *time.Time) { return store.Failed, nil }
		s.step(t, laneName{e.ID, first}, fail)
		r := c.replay(store.Replay{EndpointID: e.ID, OnlyFailed: true})
		require.True(t, c.advance(r, 10))
		require.False(t, c.replayed(r).AllQueued)
		require.True(t, c.advance(r, 10))
		require.True(t, c.replayed(r).AllQueued)
		s.step(t, laneName{e.ID, second}, fail)
		require.False(t, c.advance(r, 10))
		require.Equal(t, []int64{1, 1}, []int64{c.replayed(r).Queued, c.replayed(r).Waiting})
		s.claim(t, e.ID, 10)
		c.drain(s)
		require.True(t, c.advance(r, 10))
		require.Equal(t, store.ReplayDone, c.replayed(r).State)
		require.Equal(t, []string{"1 CREATE_CASE failed"}, c.deliveries(store.DeliveryFilter{CaseID: second}))
	}},
	{"a lane whose first message waits goes on waiting, unless what is sent again comes before that", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		behind, before := c.create(s), c.create(s)
		c.comments(1, behind, s)
		c.comments(1, before, s)
		c.drain(s)
		_, err := c.Retry(t.Context(), c.org.ID, c.find(store.DeliveryFilter{CaseID: behind})[0].ID, nil)
		require.NoError(t, err)
		_, err = c.Retry(t.Context(), c.org.ID, c.find(store.DeliveryFilter{CaseID: before})[1].ID, nil)
		require.NoError(t, err)
		s.claim(t, e.ID, 10)
		later := c.clock.Now().Add(time.Hour)
		c.work(s, func(store.Message) (store.State, *time.Time) { return store.Pending, &later })
		requireDue(t, c, e.ID, &later)

		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		require.Equal(t, []string{before}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2}, sequences(c.load(e.ID, before).Messages))
		requireDue(t, c, e.ID, &later)
		c.clock.pass(time.Hour)
		require.Equal(t, []string{behind}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2}, sequences(c.load(e.ID, behind).Messages))
	}},
	{"what the endpoint was never sent is sent under new sequences, without what it may not be told", func(t *testing.T, url string) {
		c := newClinic(t, url)
		id := c.create(nil)
		c.comments(1, id, nil)
		c.do(id, nil, caselog.AddComment{Text: "between us", IsRestricted: true})
		c.do(id, nil, caselog.Escalate{})
		for _, set := range []func(*subscription.Endpoint){func(*subscription.Endpoint) {}, unordered} {
			e := c.endpoint(set, func(e *subscription.Endpoint) { e.Clearance.Restricted = false })
			s := newSender(c, true)
			c.do(id, s, comment(9))
			r := c.replay(store.Replay{EndpointID: e.ID})
			c.through(r, e, s)
			require.Equal(t,
				[]string{"1 ADD_CASE_COMMENT delivered", "2 CREATE_CASE delivered", "3 ADD_CASE_COMMENT delivered", "4 ESCALATE_CASE delivered"},
				c.deliveries(store.DeliveryFilter{EndpointID: e.ID})[:4])
			c.do(id, s, comment(10))
			c.drain(s)
			last := c.find(store.DeliveryFilter{EndpointID: e.ID})
			require.Equal(t, int64(len(last)), last[len(last)-1].Sequence)
		}
	}},
	{"a replay goes on in steps, tells how far it is, and sends nothing twice where two go on with it", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		for range 10 {
			c.create(s)
		}
		c.drain(s)
		r := c.replay(store.Replay{EndpointID: e.ID})
		require.Zero(t, r.Progress)
		c.advance(r, 4)
		_, err := c.AdvanceReplay(t.Context(), r, 4)
		require.ErrorIs(t, err, store.ErrReplayEnded)
		r = c.replayed(r)
		require.Equal(t, []int64{4, 4}, []int64{r.Queued, r.Waiting})
		require.InDelta(t, 0.4, r.Progress, 0.01)
		c.create(s) // is none of it
		c.drain(s)
		c.through(r, e, s)
		require.Equal(t, int64(10), c.replayed(r).Queued)
		require.InDelta(t, 1, c.replayed(r).Progress, 0)
	}},
	{"a replay that is stopped leaves what it has not sent as it was", func(t *testing.T, url string) {
		c := newClinic(t, url)
		old := c.create(nil)
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.comments(1, id, s)
		c.work(s, func(m store.Message) (store.State, *time.Time) {
			if m.Sequence == 1 {
				return store.Failed, nil
			}
			return store.Delivered, nil
		})
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		require.Len(t, c.find(store.DeliveryFilter{State: store.Pending}), 3)
		kept := &store.Kept{Once: store.Once{Key: "stop", Digest: [32]byte{1}}, Answer: []byte("stopped")}
		endpointID, err := c.StopReplay(t.Context(), c.org.ID, r.ID, kept)
		require.NoError(t, err)
		require.Equal(t, e.ID, endpointID)
		require.Equal(t, []string{"1 CREATE_CASE failed", "2 ADD_CASE_COMMENT delivered"}, c.deliveries(store.DeliveryFilter{CaseID: id}))
		require.Equal(t, []string{"1 CREATE_CASE canceled"}, c.deliveries(store.DeliveryFilter{CaseID: old}))
		require.Equal(t, store.ReplayStopped, c.replayed(r).State)
		_, err = c.StopReplay(t.Context(), c.org.ID, r.ID, nil)
		require.ErrorIs(t, err, store.ErrReplayEnded)
		_, err = c.StopReplay(t.Context(), c.neighbour().org.ID, r.ID, nil)
		require.ErrorIs(t, err, store.ErrNotFound)
		running, err := c.RunningReplays(t.Context())
		require.NoError(t, err)
		require.Empty(t, running)
	}},
	{"what is put in line before a message on its way does not wait until that is tried again", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, test := range []struct {
			name   string
			onWay  int // in the order of the lane
			atOnce bool
		}{
			{"before", 1, true},
			{"behind", 0, false},
		} {
			e := c.endpoint()
			s := newSender(c, true)
			id := c.create(s)
			c.comments(1, id, s)
			c.drain(s)
			_, err := c.Retry(t.Context(), c.org.ID, c.find(store.DeliveryFilter{EndpointID: e.ID, CaseID: id})[test.onWay].ID, nil)
			require.NoError(t, err)
			s.claim(t, e.ID, 10)
			s.work(t, nil) // loaded
			r := c.replay(store.Replay{EndpointID: e.ID, CaseID: id})
			_, err = c.AdvanceReplay(t.Context(), r, 10)
			require.NoError(t, err)
			later, due := c.clock.Now().Add(time.Hour), c.clock.Now()
			if !test.atOnce {
				due = later
			}
			c.work(s, func(store.Message) (store.State, *time.Time) { return store.Pending, &later })
			requireDue(t, c, e.ID, &due)
			require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		}
	}},
	{"one replay of an endpoint runs at a time, and none while the endpoint is sent nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other := c.endpoint(), c.endpoint()
		c.replay(store.Replay{EndpointID: e.ID})
		c.replay(store.Replay{EndpointID: other.ID})
		again := store.Replay{ID: newID(), OrganizationID: c.org.ID, EndpointID: e.ID, CreatedAt: begin}
		require.ErrorIs(t, c.InsertReplay(t.Context(), &again, nil), store.ErrReplaying)
		c.update(e.ID, in(subscription.Paused))
		running, err := c.RunningReplays(t.Context())
		require.NoError(t, err)
		require.Len(t, running, 1)
		require.Equal(t, other.ID, running[0].EndpointID)
		require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, other.ID))
		c.advance(running[0], 10)
		require.Equal(t, store.ReplayStopped, c.replayed(running[0]).State)
		list, err := c.Replays(t.Context(), c.org.ID, "", "", 10)
		require.NoError(t, err)
		require.Len(t, list, 2)
		list, err = c.Replays(t.Context(), c.org.ID, other.ID, "", 10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, other.ID, list[0].EndpointID)
	}},
	{"an endpoint or a case that is not there, or another organisation's, is not replayed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e, other := c.endpoint(), c.neighbour()
		for i, r := range []store.Replay{
			{OrganizationID: c.org.ID, EndpointID: newID()},
			{OrganizationID: other.org.ID, EndpointID: e.ID},
			{OrganizationID: c.org.ID, EndpointID: e.ID, CaseID: other.create(nil)},
			{OrganizationID: c.org.ID, EndpointID: e.ID, CaseID: newID()},
		} {
			r.ID, r.CreatedAt = newID(), begin
			require.ErrorIs(t, c.InsertReplay(t.Context(), &r, nil), store.ErrNotFound, fmt.Sprint(i))
		}
	}},
	{"a preview tells how many messages a replay would send, and changes nothing", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint(func(e *subscription.Endpoint) {
			e.Events = []string{string(caseupdate.EventCreateCase), string(caseupdate.EventAddCaseComment)}
		})
		s := newSender(c, true)
		id := c.create(s)
		c.clock.pass(time.Hour)
		since := c.clock.Now()
		c.comments(3, id, s)
		c.create(s)
		c.do(id, s, caselog.Escalate{}) // it is not subscribed to
		c.work(s, func(m store.Message) (store.State, *time.Time) {
			if m.Sequence == 2 {
				return store.Failed, nil
			}
			return store.Delivered, nil
		})
		before := c.find(store.DeliveryFilter{})
		for _, test := range []struct {
			name string
			r    store.Replay
			want int64
		}{
			{"the log", store.Replay{}, 5},
			{"since", store.Replay{Since: &since}, 4},
			{"until", store.Replay{Until: &since}, 1},
			{"an event", store.Replay{Events: []caseupdate.Event{caseupdate.EventCreateCase, caseupdate.EventEscalateCase}}, 2},
			{"a case", store.Replay{CaseID: id}, 4},
			{"a case, since", store.Replay{CaseID: id, Since: &since}, 3},
			{"what failed", store.Replay{OnlyFailed: true}, 1},
			{"what failed, of an event", store.Replay{OnlyFailed: true, Events: []caseupdate.Event{caseupdate.EventCreateCase}}, 0},
			{"what failed, until", store.Replay{OnlyFailed: true, Until: &since}, 0},
		} {
			test.r.OrganizationID, test.r.EndpointID, test.r.CreatedAt = c.org.ID, e.ID, c.clock.Now()
			got, err := c.PreviewReplay(t.Context(), &test.r)
			require.NoError(t, err)
			require.Equal(t, store.ReplayPreview{Messages: test.want}, got, test.name)
		}
		require.Equal(t, before, c.find(store.DeliveryFilter{}))
		for _, r := range []store.Replay{{EndpointID: newID()}, {EndpointID: e.ID, CaseID: newID()}} {
			r.OrganizationID = c.org.ID
			_, err := c.PreviewReplay(t.Context(), &r)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
	}},
}

// replay begins a replay.
func (c *clinic) replay(r store.Replay) store.Replay {
	c.t.Helper()
	c.clock.pass(time.Second)
	r.ID, r.OrganizationID, r.CreatedAt = newID(), c.org.ID, c.clock.Now()
	require.NoError(c.t, c.InsertReplay(c.ctx, &r, nil))
	return c.replayed(r)
}

// advance advances a replay from where it is now, and reports whether that moved it.
func (c *clinic) advance(r store.Replay, limit int) bool {
	c.t.Helper()
	advanced, err := c.AdvanceReplay(c.ctx, c.replayed(r), limit)
	require.NoError(c.t, err)
	return advanced
}

// replayed returns a replay as it is now.
func (c *clinic) replayed(r store.Replay) store.Replay {
	c.t.Helper()
	now, err := c.Replay(c.ctx, c.org.ID, r.ID)
	require.NoError(c.t, err)
	return now
}

// through advances a replay until it is done, while what it puts in line is sent.
func (c *clinic) through(r store.Replay, e *subscription.Endpoint, s *sender) {
	c.t.Helper()
	for r = c.replayed(r); r.State == store.ReplayRunning; r = c.replayed(r) {
		c.advance(r, 3)
		s.claim(c.t, e.ID, 1000)
		c.drain(s)
	}
	require.Equal(c.t, store.ReplayDone, r.State)
	require.Zero(c.t, r.Waiting)
}

// drain has everything delivered.
func (c *clinic) drain(s *sender) {
	c.t.Helper()
	c.work(s, nil)
}

func (c *clinic) work(s *sender, choose func(store.Message) (store.State, *time.Time)) {
	c.t.Helper()
	for s.work(c.t, choose) {
	}
}
