package storetest

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// sender holds lanes exactly while the table says so, with as little as that takes.
// Whoever sends does it like this.
type sender struct {
	c *clinic

	mu      sync.Mutex // protects what follows
	accepts bool
	lanes   map[laneName]*heldLane
	sent    map[laneName][]int64 // the sequences, in the order of sending
}

type laneName struct{ endpoint, lane string }

type heldLane struct {
	queue   []store.Message
	tail    int64 // the sequence up to which all is in the queue, or done
	loading bool  // the queue is to be read from the table
}

func newSender(c *clinic, accepts bool) *sender {
	return &sender{c: c, accepts: accepts, lanes: make(map[laneName]*heldLane), sent: make(map[laneName][]int64)}
}

func (s *sender) Accepts(*subscription.Endpoint) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepts
}

func (s *sender) Hand(_ *subscription.Endpoint, messages []store.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := messages[0]
	name := laneName{first.EndpointID, first.Lane}
	held := s.lanes[name]
	if held == nil {
		held = &heldLane{tail: first.Sequence - 1}
		s.lanes[name] = held
	}
	if held.loading || first.Sequence != held.tail+1 {
		return // in the table, and found when the lane is settled
	}
	held.queue = append(held.queue, messages...)
	held.tail = messages[len(messages)-1].Sequence
}

func (s *sender) Waiting(string) {}

// claim makes lanes that are due the sender's own.
func (s *sender) claim(t failing, endpointID string, limit int) {
	t.Helper()
	require.NoError(t, s.c.Claim(s.c.ctx, endpointID, limit, func(lanes []string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, lane := range lanes {
			s.lanes[laneName{endpointID, lane}] = &heldLane{loading: true}
		}
	}))
}

// held returns the lanes that are the sender's own, in one order for each set.
func (s *sender) held() []laneName {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Keys(s.lanes), func(a, b laneName) int {
		return slices.Compare([]string{a.endpoint, a.lane}, []string{b.endpoint, b.lane})
	})
}

// lose forgets everything, as the end of the process would.
func (s *sender) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.lanes)
}

// work does one step in every lane, and reports whether there was one to do. Choose
// says what an attempt comes to; nil has all delivered.
func (s *sender) work(t failing, choose func(store.Message) (state store.State, retryAt *time.Time)) bool {
	t.Helper()
	held := s.held()
	for _, name := range held {
		s.step(t, name, choose)
	}
	return len(held) > 0
}

// step loads a lane, or makes an attempt at its first message.
func (s *sender) step(t failing, name laneName, choose func(store.Message) (store.State, *time.Time)) {
	t.Helper()
	s.mu.Lock()
	held := s.lanes[name]
	s.mu.Unlock()
	if held == nil {
		return
	}
	if held.loading {
		s.load(t, name, held)
		return
	}
	s.mu.Lock()
	m := held.queue[0]
	s.sent[name] = append(s.sent[name], m.Sequence)
	s.mu.Unlock()

	o := store.Outcome{
		Message: m,
		Attempt: &store.Attempt{Number: m.Tries + 1, StartedAt: s.c.clock.Now()},
		State:   store.Delivered,
	}
	if choose != nil {
		o.State, o.RetryAt = choose(m)
	}
	s.mu.Lock()
	if o.RetryAt != nil {
		o.End = s.end(name, held)
		o.End.Due = o.RetryAt
	} else if held.queue = held.queue[1:]; len(held.queue) == 0 {
		o.End = s.end(name, held)
	}
	s.mu.Unlock()
	require.NoError(t, s.c.Record(s.c.ctx, o))
}

// load fills the queue of a lane from the table.
func (s *sender) load(t failing, name laneName, held *heldLane) {
	t.Helper()
	lane, err := s.c.Load(s.c.ctx, name.endpoint, name.lane)
	require.NoError(t, err)
	s.mu.Lock()
	held.queue, held.tail, held.loading = lane.Messages, lane.Last, false
	empty := len(held.queue) == 0
	end := s.end(name, held)
	s.mu.Unlock()
	if empty {
		require.NoError(t, s.c.Record(s.c.ctx, store.Outcome{End: end}))
	}
}

// end leaves a lane. s.mu is held.
func (s *sender) end(name laneName, held *heldLane) *store.End {
	return &store.End{
		Node:       s.c.node,
		EndpointID: name.endpoint,
		Lane:       name.lane,
		Through:    held.tail,
		Settled: func(remains, _ bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case !remains:
				delete(s.lanes, name)
			case len(held.queue) == 0:
				held.loading = true
			}
		},
	}
}
