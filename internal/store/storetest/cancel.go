package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var cancelTests = []test{
	{"an attempt that comes home to what was given up counts, and the next has a number and a record of its own", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		m := c.waiting(e, 1)[0]
		_, _, err := c.Cancel(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		asked := store.Outcome{Message: m, Attempt: &store.Attempt{Number: 1, StartedAt: at(begin), StatusCode: 503}, State: store.Pending, Deferred: 1, RetryAt: new(begin.Add(time.Hour))}
		c.record(asked, &store.End{Due: asked.RetryAt})
		given := c.find(store.DeliveryFilter{})[0]
		require.Equal(t, store.Canceled, given.State)
		require.Equal(t, 1, given.Tries)
		require.Nil(t, given.NextAttemptAt)

		_, err = c.Retry(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{m.Lane}, c.claim(e.ID))
		again := c.load(e.ID, m.Lane).Messages[0]
		require.Equal(t, []int{1, 1}, []int{again.Tries, again.Deferred})
		c.deliver(again, &store.End{Through: 1})
		_, attempts, err := c.Delivery(t.Context(), c.org.ID, m.DeliveryID)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		require.Equal(t, []int{503, 204}, []int{attempts[0].StatusCode, attempts[1].StatusCode})
	}},
	{"what is given up while it is on its way, and fails, has a receipt: it may have been received", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for i, m := range c.waiting(c.endpoint(), 2) {
			_, _, err := c.Cancel(t.Context(), c.org.ID, m.DeliveryID, nil)
			require.NoError(t, err)
			require.Empty(t, c.receipts(m.Event.CaseID), "nothing is known to be sent")
			due := begin.Add(time.Hour)
			c.record(store.Outcome{
				Message: m, State: []store.State{store.Pending, store.Failed}[i], RetryAt: &due,
				Recipient: "https://partner.example/hooks", Clearance: subscription.Clearance{Restricted: true},
				Attempt: &store.Attempt{Number: 1, StartedAt: begin, StatusCode: 503, BodySHA256: []byte{31: 7}},
			}, &store.End{Due: &due})
			require.Equal(t, store.Canceled, c.find(store.DeliveryFilter{CaseID: m.Event.CaseID})[0].State)
			receipts := c.receipts(m.Event.CaseID)
			require.Len(t, receipts, 1)
			got := receipts[0]
			require.Equal(t, store.Canceled, got.Outcome)
			require.Equal(t, []int{1, 503}, []int{got.Attempts, got.StatusCode})
			require.Equal(t, []byte{31: 7}, got.BodySHA256)
			require.Equal(t, "https://partner.example/hooks", got.Recipient)
			require.Equal(t, subscription.Clearance{Restricted: true}, got.Clearance)
		}
	}},
	{"what a replay has sent has a receipt when it is stopped, and what it has not has none", func(t *testing.T, url string) {
		c := newClinic(t, url)
		old := c.create(nil)
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.comments(2, id, s)
		c.drain(s)
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		c.claim(e.ID)
		// Two attempts are told to wait, which costs no try of the schedule.
		for _, lane := range []string{old, id} {
			m := c.load(e.ID, lane).Messages[0]
			due := begin.Add(time.Hour)
			c.record(store.Outcome{
				Message: m, State: store.Pending, Deferred: m.Deferred + 1, RetryAt: &due,
				Attempt: &store.Attempt{Number: m.Tries + 1, StartedAt: begin, StatusCode: 503},
			}, &store.End{Due: &due})
		}
		_, err := c.StopReplay(t.Context(), c.org.ID, r.ID, nil)
		require.NoError(t, err)
		outcomes := func(caseID string) (all []string) {
			for _, r := range c.receipts(caseID) {
				all = append(all, fmt.Sprintf("%s %d %s", r.Outcome, r.Attempts, r.Recipient))
			}
			return all
		}
		require.Equal(t, []string{"1 CREATE_CASE canceled"}, c.deliveries(store.DeliveryFilter{CaseID: old}))
		require.Equal(t, []string{"canceled 1 https://partner.example/hooks"}, outcomes(old))
		require.Equal(t, []string{"1 CREATE_CASE delivered", "2 ADD_CASE_COMMENT delivered", "3 ADD_CASE_COMMENT delivered"}, c.deliveries(store.DeliveryFilter{CaseID: id}))
		require.Equal(t, []string{"delivered 1 ", "delivered 1 ", "delivered 1 ", "canceled 2 https://partner.example/hooks"}, outcomes(id))
	}},
	{"what a replay is sending when it is stopped, and fails, is as it was before, with a receipt", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		id := c.create(s)
		c.drain(s)
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		require.Equal(t, []string{id}, c.claim(e.ID))
		m := c.load(e.ID, id).Messages[0]
		_, err := c.StopReplay(t.Context(), c.org.ID, r.ID, nil)
		require.NoError(t, err)
		c.fail(m, begin.Add(time.Hour))
		require.Equal(t, []string{"1 CREATE_CASE delivered"}, c.deliveries(store.DeliveryFilter{}))
		receipts := c.receipts(id)
		require.Len(t, receipts, 2)
		require.Equal(t, store.Canceled, receipts[1].Outcome)
		require.Equal(t, 2, receipts[1].Attempts)
	}},
	{"a lane whose first message is given up while it waits for its next try goes on at once", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		for behind := range 2 {
			outbox := new(tray)
			id := c.create(outbox)
			c.comments(behind, id, outbox)
			c.fail(outbox.messages[0], c.clock.Now().Add(24*time.Hour))
			c.clock.pass(time.Minute)
			_, _, err := c.Cancel(t.Context(), c.org.ID, outbox.messages[0].DeliveryID, nil)
			require.NoError(t, err)
			now := c.clock.Now()
			requireDue(t, c, e.ID, &now)
			require.Equal(t, []string{id}, c.claim(e.ID))
			lane := c.load(e.ID, id)
			require.Len(t, lane.Messages, behind)
			require.False(t, c.end(outbox.messages[0], store.End{Through: lane.Last}))
		}
	}},
	{"a lane waits on where what is given up is not its first message, or the next one waits for a try too", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		later, latest := begin.Add(time.Hour), begin.Add(2*time.Hour)
		c.fail(messages[1], latest)
		_, _, err := c.Cancel(t.Context(), c.org.ID, messages[2].DeliveryID, nil)
		require.NoError(t, err)
		requireDue(t, c, e.ID, &latest)

		_, err = c.Retry(t.Context(), c.org.ID, messages[0].DeliveryID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{id}, c.claim(e.ID))
		c.fail(c.load(e.ID, id).Messages[0], later)
		requireDue(t, c, e.ID, &later)
		_, _, err = c.Cancel(t.Context(), c.org.ID, messages[0].DeliveryID, nil)
		require.NoError(t, err)
		requireDue(t, c, e.ID, &latest)
	}},
	{"a lane whose first message is given up while it is on its way goes on once that has failed", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		m := outbox.take()[0]
		_, _, err := c.Cancel(t.Context(), c.org.ID, m.DeliveryID, nil)
		require.NoError(t, err)
		requireDue(t, c, e.ID, nil)
		require.False(t, c.fail(m, begin.Add(24*time.Hour)))
		requireDue(t, c, e.ID, &begin)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{2}, sequences(c.load(e.ID, id).Messages))
	}},
	{"lanes whose first message is a replay's that is stopped go on at once, and others wait on", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		s := newSender(c, true)
		first, second := c.create(s), c.create(s)
		c.drain(s)
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		require.Len(t, c.claim(e.ID), 2)
		due := c.clock.Now().Add(24 * time.Hour)
		for _, lane := range []string{first, second} {
			m := c.load(e.ID, lane).Messages[0]
			o := store.Outcome{Message: m, State: store.Pending, Deferred: m.Deferred, RetryAt: &due, Attempt: &store.Attempt{Number: m.Tries + 1, StartedAt: begin, StatusCode: 503}}
			if lane == first {
				o.Deferred++ // it was told to wait: that cost no try
			}
			c.record(o, &store.End{Due: &due})
		}
		_, err := c.StopReplay(t.Context(), c.org.ID, r.ID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{first}, c.claim(e.ID))
		requireDue(t, c, e.ID, &due)
	}},
	{"what a replay had put in line is finished, once that is stopped, when it was before", func(t *testing.T, url string) {
		c := newClinic(t, url)
		old := c.create(nil)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		c.record(store.Outcome{
			Message: messages[1], State: store.Failed, Attempt: &store.Attempt{Number: 1, StartedAt: begin.Add(time.Second), StatusCode: 503},
		}, &store.End{Through: messages[1].Sequence})
		finished := func(caseID string) (all []*time.Time) {
			for _, d := range c.find(store.DeliveryFilter{CaseID: caseID}) {
				all = append(all, d.FinishedAt)
			}
			return all
		}
		before := finished(id)
		c.clock.pass(time.Hour)
		r := c.replay(store.Replay{EndpointID: e.ID})
		c.advance(r, 10)
		require.Equal(t, []*time.Time{nil, nil}, finished(id))
		c.clock.pass(time.Hour)
		_, err := c.StopReplay(t.Context(), c.org.ID, r.ID, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"1 CREATE_CASE delivered", "2 ADD_CASE_COMMENT failed"}, c.deliveries(store.DeliveryFilter{CaseID: id}))
		require.Equal(t, before, finished(id))
		require.Equal(t, []*time.Time{new(c.clock.Now())}, finished(old), "the replay made it")
	}},
}
