package webhook

import (
	"container/list"
	"context"
	"sync"
)

// Store remembers what was handled of what one endpoint is sent: each endpoint has a Store of its own. A [SQLStore]
// does in a database, a [MemoryStore] as long as the process lives. It is safe for concurrent use.
type Store interface {
	// Look reports whether the message id was kept, and the highest sequence that was kept of the case; 0
	// where there is none. A store may forget ids with time, but for the last one of its case: what is missing
	// after it is found in the log by it. That is the one that was new when it raised the sequence of its case.
	Look(ctx context.Context, id, caseID string) (seen bool, last int64, err error)
	// Keep remembers that the message id was handled, and that all up to sequence was of its case: in one
	// step, or not at all. A sequence that is not higher than the one that is known, such as 0, changes
	// nothing of that. To keep what was kept is no error: it can raise the sequence, as a replay does, but an
	// event that comes again is not the last one of its case. The case is empty where a message has none.
	Keep(ctx context.Context, id, caseID string, sequence int64) error
}

// DefaultMemory is how many ids, and how many cases, a [MemoryStore] remembers where nothing else is said.
const DefaultMemory = 100_000

// MemoryStore is a [Store] in memory, for one endpoint. It remembers the ids and the cases that were kept last, and nothing
// once the process has ended: what comes again after that is handled again, and the first message of each
// case, unless it is number 1, is held as if those before it were missing.
type MemoryStore struct {
	mu    sync.Mutex
	ids   recent // with nothing
	cases recent // with the highest sequence, and the last id
}

// NewMemoryStore returns a MemoryStore of size ids and as many cases; of [DefaultMemory] where size is not
// above 0. An id takes about 200 bytes, and so does a case.
func NewMemoryStore(size int) *MemoryStore {
	if size <= 0 {
		size = DefaultMemory
	}
	return &MemoryStore{ids: newRecent(size), cases: newRecent(size)}
}

// Look never fails.
func (s *MemoryStore) Look(_ context.Context, id, caseID string) (seen bool, last int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, seen = s.ids.get(id)
	known, _ := s.cases.get(caseID)
	return seen || known.id == id, known.last, nil
}

// Keep never fails.
func (s *MemoryStore) Keep(_ context.Context, id, caseID string, sequence int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, again := s.ids.get(id)
	s.ids.put(entry{key: id})
	if known, ok := s.cases.get(caseID); sequence > known.last {
		if ok && again {
			id = known.id
		}
		s.cases.put(entry{caseID, sequence, id})
	}
	return nil
}

// recent has the entries that were put last, by their keys.
type recent struct {
	size  int
	order *list.List // the last first
	byKey map[string]*list.Element
}

type entry struct {
	key  string
	last int64
	id   string
}

func newRecent(size int) recent {
	return recent{size, list.New(), make(map[string]*list.Element)}
}

func (r *recent) get(key string) (e entry, ok bool) {
	element, ok := r.byKey[key]
	if !ok {
		return entry{}, false
	}
	return element.Value.(entry), true
}

func (r *recent) put(e entry) {
	if element, ok := r.byKey[e.key]; ok {
		element.Value = e
		r.order.MoveToFront(element)
		return
	}
	r.byKey[e.key] = r.order.PushFront(e)
	if r.order.Len() > r.size {
		oldest := r.order.Remove(r.order.Back()).(entry)
		delete(r.byKey, oldest.key)
	}
}
