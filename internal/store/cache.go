package store

import (
	"container/list"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/vault"
)

// locks keeps the changes of one case one after the other. Cases share the locks
// by chance; that costs time only.
type locks struct {
	seed maphash.Seed
	once sync.Once
	each [4096]sync.Mutex
}

// lock locks the cases of proposals, in one order, and returns what unlocks them.
func (l *locks) lock(proposals []Proposal) (unlock func()) {
	l.once.Do(func() { l.seed = maphash.MakeSeed() })
	places := make([]int, len(proposals))
	for i, p := range proposals {
		places[i] = int(maphash.String(l.seed, p.CaseID) % uint64(len(l.each)))
	}
	slices.Sort(places)
	places = slices.Compact(places)
	for _, place := range places {
		l.each[place].Lock()
	}
	return func() {
		for _, place := range places {
			l.each[place].Unlock()
		}
	}
}

// caseHead is the last known state of a case, and its key.
type caseHead struct {
	key   *vault.Key
	state *caselog.Case
	past  []*caselog.Case // earlier states, the oldest first, about one of each pastStep events
	size  int             // of its events, sealed, in bytes: about what the states take
}

// pastStep is about how many events of a case are read and folded at most for a state that is
// past. The states that are kept for that share their memory with the last, but for lists of which an
// item was changed since.
const pastStep = 1_000

// advance returns the head after state, which follows the one that it has.
func (h caseHead) advance(state *caselog.Case) caseHead {
	if h.state != nil && h.state.Version/pastStep < state.Version/pastStep {
		h.past = append(slices.Clip(h.past), h.state)
	}
	h.state = state
	return h
}

// before returns the last of the past states that is before the event with that sequence, and
// its version: nil and 0 where that is the beginning.
func (h caseHead) before(sequence int64) (*caselog.Case, int64) {
	for _, state := range slices.Backward(h.past) {
		if state.Version < sequence {
			return state, state.Version
		}
	}
	return nil, 0
}

// What bounds the memory of the cache: how many cases are kept, and how many bytes
// their events may have together.
const (
	maxCached      = 20_000
	maxCachedBytes = 64 << 20
)

// caseCache keeps the cases used last. Its zero value is ready.
type caseCache struct {
	mu     sync.Mutex // protects all below
	byID   map[string]*list.Element
	recent list.List       // of *cachedCase, used last in front
	bytes  int             // of all cases together
	erased map[string]bool // cases of which nothing is kept any more, whoever still reads them
}

type cachedCase struct {
	id string
	caseHead
}

func (c *caseCache) get(id string) (caseHead, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[id]
	if !ok {
		return caseHead{}, false
	}
	c.recent.MoveToFront(element)
	return element.Value.(*cachedCase).caseHead, true
}

// put keeps head, unless a later state is known.
func (c *caseCache) put(id string, head caseHead) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.erased[id] {
		return
	}
	if element, ok := c.byID[id]; ok {
		known := element.Value.(*cachedCase)
		if known.state.Version < head.state.Version {
			c.bytes += head.size - known.size
			known.caseHead = head
		}
		c.recent.MoveToFront(element)
	} else {
		if c.byID == nil {
			c.byID = make(map[string]*list.Element)
		}
		c.byID[id] = c.recent.PushFront(&cachedCase{id, head})
		c.bytes += head.size
	}
	for c.recent.Len() > 1 && (c.recent.Len() > maxCached || c.bytes > maxCachedBytes) {
		c.remove(c.recent.Back())
	}
}

func (c *caseCache) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.byID[id]; ok {
		c.remove(element)
	}
}

// erase forgets a case for good.
func (c *caseCache) erase(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.erased == nil {
		c.erased = make(map[string]bool)
	}
	c.erased[id] = true
	if element, ok := c.byID[id]; ok {
		c.remove(element)
	}
}

func (c *caseCache) remove(element *list.Element) {
	cached := c.recent.Remove(element).(*cachedCase)
	c.bytes -= cached.size
	delete(c.byID, cached.id)
}
