package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// crowd is how many goroutines change something at the same time.
const crowd = 64

var raceTests = []test{
	{"changes of one case at the same time follow each other without a hole", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ordered, free := c.endpoint(), c.endpoint(unordered)
		outbox := new(tray)
		id := c.create(outbox)
		var group sync.WaitGroup
		for i := range crowd {
			group.Go(func() {
				if _, err := c.Change(t.Context(), c.proposal(id, outbox, comment(i), comment(i))); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		requireLog(t, c, id, 1+2*crowd)

		handed := byLane(outbox.take())
		require.Equal(t, count(1+2*crowd), sequences(handed[ordered.ID+" "+id]))
		delete(handed, ordered.ID+" "+id)
		require.Len(t, handed, 1+2*crowd, "without order each message is a lane of its own")
		for lane, messages := range handed {
			require.Len(t, messages, 1)
			require.Equal(t, free.ID+" "+messages[0].DeliveryID, lane)
		}
		for _, e := range []*subscription.Endpoint{ordered, free} {
			var got []int64
			for _, d := range c.find(store.DeliveryFilter{EndpointID: e.ID}) {
				got = append(got, d.Sequence)
			}
			require.Equal(t, count(1+2*crowd), got)
		}
	}},
	{"changes of many cases at the same time are each whole", func(t *testing.T, url string) {
		c := newClinic(t, url)
		endpoints := []*subscription.Endpoint{c.endpoint(), c.endpoint()}
		outbox := new(tray)
		ids := make([]string, crowd)
		var group sync.WaitGroup
		for i := range ids {
			group.Go(func() {
				cmd := c.creation()
				ids[i] = cmd.ID
				for _, p := range []store.Proposal{
					c.proposal(cmd.ID, outbox, cmd),
					c.proposal(cmd.ID, outbox, comment(1), comment(2)),
					c.proposal(cmd.ID, outbox, caselog.Escalate{}),
				} {
					if _, err := c.Change(t.Context(), p); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		handed := byLane(outbox.take())
		require.Len(t, handed, crowd*len(endpoints))
		for _, id := range ids {
			requireLog(t, c, id, 4)
			for _, e := range endpoints {
				require.Equal(t, []string{"1 CREATE_CASE", "2 ADD_CASE_COMMENT", "3 ADD_CASE_COMMENT", "4 ESCALATE_CASE"}, lines(handed[e.ID+" "+id]))
			}
		}
	}},
	{"only the lanes that are this process's own are handed over", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		ids := make([]string, crowd)
		for i := range ids {
			if i%2 == 0 {
				ids[i] = c.create(outbox) // the lane is handed over with the case
			} else {
				ids[i] = c.create(nil) // and here it waits in the table
			}
		}
		outbox.take()
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				if _, err := c.Change(t.Context(), c.proposal(id, outbox, comment(1))); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		handed := byLane(outbox.take())
		require.Len(t, handed, crowd/2)
		for i, id := range ids {
			if i%2 == 0 {
				require.Equal(t, []string{"2 ADD_CASE_COMMENT"}, lines(handed[e.ID+" "+id]))
			}
		}
	}},
	{"of requests with one idempotency key at the same time one is recorded", func(t *testing.T, url string) {
		c := newClinic(t, url)
		for round := range 8 {
			key := fmt.Sprintf("key %d", round)
			var winner atomic.Pointer[string]
			var group sync.WaitGroup
			held := c.holdWriter()
			for range crowd {
				cmd := c.creation()
				p := c.proposal(cmd.ID, nil, cmd)
				p.Once = &store.Once{Key: key}
				p.Answer = func(*store.Committed) ([]byte, error) {
					held.arrive()
					return []byte(cmd.ID), nil
				}
				group.Go(func() {
					switch _, err := c.Change(t.Context(), p); {
					case err == nil:
						if !winner.CompareAndSwap(nil, &cmd.ID) {
							t.Error("two changes were recorded under one idempotency key")
						}
					default:
						requireOr(t, err, store.ErrAnswered)
					}
				})
			}
			held.release(crowd / 2)
			group.Wait()
			require.NotNil(t, winner.Load())
			kept, _, err := c.Answer(t.Context(), c.org.ID, key)
			require.NoError(t, err)
			require.Equal(t, *winner.Load(), string(kept))
			feed, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 10*crowd)
			require.NoError(t, err)
			require.Len(t, feed, round+1)
		}
	}},
	{"of cases with one short id made at the same time one is there", func(t *testing.T, url string) {
		c := newClinic(t, url)
		var made atomic.Int64
		var group sync.WaitGroup
		held := c.holdWriter()
		for range crowd {
			cmd := c.creation()
			cmd.ShortID = "ADA-00000"
			p := c.proposal(cmd.ID, nil, cmd)
			p.Decide = held.arriving(p.Decide)
			group.Go(func() {
				switch _, err := c.Change(t.Context(), p); {
				case err == nil:
					made.Add(1)
				default:
					requireOr(t, err, store.ErrShortIDTaken)
				}
			})
		}
		held.release(crowd / 2)
		group.Wait()
		require.Equal(t, int64(1), made.Load())
		cases, _, err := c.Cases(t.Context(), c.org.ID, store.CaseFilter{}, store.CasePosition{}, crowd)
		require.NoError(t, err)
		require.Len(t, cases, 1)
	}},
	{"whoever is subscribed when a change is recorded is sent it, and nobody else", func(t *testing.T, url string) {
		c := newClinic(t, url)
		c.endpoint()
		ids := make([]string, 8)
		for i := range ids {
			ids[i] = c.create(nil)
		}
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				for i := range 16 {
					if _, err := c.Change(t.Context(), c.proposal(id, nil, comment(i))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		added := make([]*subscription.Endpoint, 8)
		for i := range added {
			group.Go(func() {
				added[i] = newEndpoint(c.org.ID)
				if err := c.InsertEndpoint(t.Context(), added[i], nil); err != nil {
					t.Error(err)
				}
				if _, err := c.Endpoint(t.Context(), c.org.ID, added[i].ID); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		// An endpoint is sent the feed from some place on, all of it.
		feed, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 1000)
		require.NoError(t, err)
		require.Len(t, feed, 8*17)
		for _, e := range added {
			sent := make(map[string]bool)
			for _, d := range c.find(store.DeliveryFilter{EndpointID: e.ID}) {
				sent[d.EventID] = true
			}
			for _, entry := range feed[len(feed)-len(sent):] {
				require.True(t, sent[entry.Event.ID], "event %d of %d", entry.Position, len(feed))
			}
		}
	}},
}

// heldWriter is a store's writer that writes nothing until it is released.
type heldWriter struct {
	c        *clinic
	arrived  chan struct{}
	released chan struct{}
	done     chan error
}

// holdWriter has what comes before it is released written together.
func (c *clinic) holdWriter() *heldWriter {
	c.t.Helper()
	w := &heldWriter{c: c, arrived: make(chan struct{}, crowd), released: make(chan struct{}), done: make(chan error)}
	held := make(chan struct{})
	go func() {
		w.done <- c.Claim(c.ctx, newID(), 1, func([]string) {
			close(held)
			<-w.released
		})
	}()
	<-held
	return w
}

// arrive tells that a change is about to be written.
func (w *heldWriter) arrive() {
	select {
	case w.arrived <- struct{}{}:
	default: // it decides again
	}
}

// arriving returns decide, which tells when it was called.
func (w *heldWriter) arriving(decide func(*caselog.Case) ([]caselog.Event, error)) func(*caselog.Case) ([]caselog.Event, error) {
	return func(state *caselog.Case) ([]caselog.Event, error) {
		defer w.arrive()
		return decide(state)
	}
}

// release has the writer go on once n changes have arrived. That must not be all
// that are on their way: cases share locks, and who waits for one does not arrive.
func (w *heldWriter) release(n int) {
	w.c.t.Helper()
	for range n {
		<-w.arrived
	}
	close(w.released)
	require.NoError(w.c.t, <-w.done)
}

// requireLog demands that the log of a case is 1, 2, 3 … n and folds to its state.
func requireLog(t *testing.T, c *clinic, id string, n int) {
	t.Helper()
	entries, err := c.CaseFeed(t.Context(), c.org.ID, id, 0, 10_000)
	require.NoError(t, err)
	got := make([]int64, len(entries))
	for i, entry := range entries {
		got[i] = entry.Event.Sequence
	}
	require.Equal(t, count(n), got)
	state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
	require.NoError(t, err)
	requireEqual(t, entries[n-1].Case, state)
}

// requireOr reports an error that is not the one that may be, in any goroutine.
func requireOr(t *testing.T, err, may error) {
	t.Helper()
	if !errors.Is(err, may) {
		t.Errorf("want %v, got %v", may, err)
	}
}

// byLane sorts messages by "endpoint lane", and keeps their order.
func byLane(messages []store.Message) map[string][]store.Message {
	lanes := make(map[string][]store.Message)
	for _, m := range messages {
		lane := m.EndpointID + " " + m.Lane
		lanes[lane] = append(lanes[lane], m)
	}
	return lanes
}
