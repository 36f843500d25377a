package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

var withheldTests = []test{
	{"what is withheld gives its number to the next, and to what comes meanwhile", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(3, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		c.comments(1, id, outbox) // under the numbers of before
		c.withhold(messages[1])
		require.Equal(t, []string{"1 CREATE_CASE delivered", "0 ADD_CASE_COMMENT canceled", "2 ADD_CASE_COMMENT pending", "3 ADD_CASE_COMMENT pending", "4 ADD_CASE_COMMENT pending"},
			c.deliveries(store.DeliveryFilter{}))
		c.comments(1, id, nil)
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane := c.load(e.ID, id)
		require.Equal(t, []int64{2, 3, 4, 5}, sequences(lane.Messages))
		require.Equal(t, int64(5), lane.Last)
		c.withhold(lane.Messages[0])
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane = c.load(e.ID, id)
		require.Equal(t, []int64{2, 3, 4}, sequences(lane.Messages))
	}},
	{"what is withheld is told from what was given up, also after an attempt", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		first, tried, given := c.waiting(e, 1)[0], c.waiting(e, 1)[0], c.waiting(e, 1)[0]
		c.withhold(first)
		c.fail(tried, begin)
		c.claim(e.ID)
		c.withhold(c.load(e.ID, tried.Lane).Messages[0])
		c.fail(given, begin)
		_, _, err := c.Cancel(t.Context(), c.org.ID, given.DeliveryID, nil)
		require.NoError(t, err)
		for m, want := range map[*store.Message]bool{&first: true, &tried: true, &given: false} {
			d := c.find(store.DeliveryFilter{CaseID: m.Event.CaseID})[0]
			require.Equal(t, store.Canceled, d.State)
			require.Equal(t, want, d.Withheld)
		}
		happened, _, _ := c.happenings(store.Horizon{}, 100)
		var told []string
		for _, h := range happened {
			if h.DeliveryID == tried.DeliveryID {
				told = append(told, fmt.Sprint(h.Attempt, " ", h.State, " ", h.Withheld))
			}
		}
		require.ElementsMatch(t, []string{"1 pending false", "2 canceled true"}, told, "the attempt that was not made did not fail")
	}},
	{"the last that is withheld leaves its number to what comes", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.withhold(outbox.take()[0])
		require.Equal(t, []string{id}, c.claim(e.ID))
		lane := c.load(e.ID, id)
		require.Empty(t, lane.Messages)
		require.Zero(t, lane.Last)
		c.comments(1, id, nil)
		require.Equal(t, []int64{1}, sequences(c.load(e.ID, id).Messages))
	}},
	{"numbers that may have been on their way stay", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, test := range []struct {
			name string
			set  func(*subscription.Endpoint)
			do   func(c *clinic, messages []store.Message) store.Message
		}{
			{"its own", ordered, func(c *clinic, messages []store.Message) store.Message {
				c.fail(messages[1], begin)
				c.claim(messages[1].EndpointID)
				return c.load(messages[1].EndpointID, messages[1].Lane).Messages[0]
			}},
			{"a later one", ordered, func(c *clinic, messages []store.Message) store.Message {
				c.deliver(messages[2], nil)
				return messages[1]
			}},
			{"without order", unordered, func(c *clinic, messages []store.Message) store.Message { return messages[1] }},
		} {
			e := c.endpoint(test.set)
			outbox := new(tray)
			id := c.create(outbox)
			c.comments(2, id, outbox)
			messages := byEndpoint(outbox.take(), e.ID)
			c.deliver(messages[0], nil)
			c.withhold(test.do(c, messages))
			got := c.find(store.DeliveryFilter{EndpointID: e.ID})
			require.Equal(t, []int64{1, 2, 3}, []int64{got[0].Sequence, got[1].Sequence, got[2].Sequence}, test.name)
			require.Equal(t, store.Canceled, got[1].State)
		}
	}},
	{"who does not have the lane changes no numbers, nor does who records twice", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(2, id, outbox)
		first := outbox.take()[0]
		c.withhold(first)
		require.Equal(t, []string{id}, c.claim(e.ID))
		c.withhold(first)
		require.Equal(t, []string{"0 CREATE_CASE canceled", "1 ADD_CASE_COMMENT pending", "2 ADD_CASE_COMMENT pending"}, c.deliveries(store.DeliveryFilter{}))

		require.Equal(t, []string{id}, c.claim(e.ID))
		second := c.load(e.ID, id).Messages[0]
		c.end(second, store.End{Due: &begin})
		c.withhold(second)
		require.Equal(t, []string{"0 CREATE_CASE canceled", "1 ADD_CASE_COMMENT canceled", "2 ADD_CASE_COMMENT pending"}, c.deliveries(store.DeliveryFilter{}))
	}},
	{"a lane whose message was left out though it waits is due", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(1, id, outbox)
		messages := outbox.take()
		require.False(t, c.end(messages[0], store.End{Through: 2}))
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{1, 2}, sequences(c.load(e.ID, id).Messages))
	}},
	{"what was withheld is sent again under the number after the last", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for _, again := range []func(c *clinic, e *subscription.Endpoint){
			func(c *clinic, e *subscription.Endpoint) {
				for _, d := range c.find(store.DeliveryFilter{EndpointID: e.ID, State: store.Canceled}) {
					_, err := c.Retry(t.Context(), c.org.ID, d.ID, nil)
					require.NoError(t, err)
				}
			},
			func(c *clinic, e *subscription.Endpoint) {
				_, err := c.AdvanceReplay(t.Context(), c.replay(store.Replay{EndpointID: e.ID}), 10)
				require.NoError(t, err)
			},
		} {
			e := c.endpoint()
			s := newSender(c, true)
			outbox := new(tray)
			id := c.create(outbox)
			c.comments(2, id, outbox)
			c.withhold(byEndpoint(outbox.take(), e.ID)[0])
			require.Equal(t, []string{id}, c.claim(e.ID))
			c.withhold(c.load(e.ID, id).Messages[0])
			again(c, e)
			c.comments(1, id, nil)
			s.claim(t, e.ID, 10)
			c.drain(s)
			require.Equal(t, []string{"2 CREATE_CASE delivered", "3 ADD_CASE_COMMENT delivered", "1 ADD_CASE_COMMENT delivered", "4 ADD_CASE_COMMENT delivered"},
				c.deliveries(store.DeliveryFilter{EndpointID: e.ID, CaseID: id}))
			require.NoError(t, c.DeleteEndpoint(t.Context(), c.org.ID, e.ID))
		}
	}},
}

// WithheldBeside has one process withhold messages of a case while another changes it. Url
// is an empty database that both may open.
func WithheldBeside(t *testing.T, url string) {
	c := newClinic(t, url)
	e := c.endpoint()
	other := *c
	other.open()
	for range 10 {
		outbox := new(tray)
		id := c.create(outbox)
		c.comments(6, id, outbox)
		messages := outbox.take()
		c.deliver(messages[0], nil)
		var group sync.WaitGroup
		group.Go(func() { other.comments(6, id, nil) })
		withheld := messages[1]
		for range 4 {
			c.withhold(withheld)
			require.Eventually(t, func() bool { return len(c.claim(e.ID)) == 1 }, 10*time.Second, time.Millisecond) // the other may hold it
			withheld = c.load(e.ID, id).Messages[0]
		}
		group.Wait()
		var numbers []int64
		for _, d := range c.find(store.DeliveryFilter{CaseID: id}) {
			if d.Sequence > 0 {
				numbers = append(numbers, d.Sequence)
			}
		}
		require.Equal(t, count(13-4), numbers)
	}
}

// withhold records that a message is not sent any more, and leaves its lane.
func (c *clinic) withhold(m store.Message) {
	c.t.Helper()
	c.record(store.Outcome{
		Message:  m,
		Attempt:  &store.Attempt{Number: m.Tries + 1, StartedAt: c.clock.Now(), Error: "withheld"},
		State:    store.Canceled,
		Withheld: true,
	}, &store.End{Due: &begin})
}
