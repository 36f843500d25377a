package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Happening is an event that was recorded, or what an attempt came to.
type Happening = store.Happening

// LiveFilter narrows what is watched; zero values do not.
type LiveFilter struct {
	EndpointID string
	Event      caseupdate.Event
}

// Happenings are those that belong together, the oldest first.
type Happenings struct {
	Data []Happening
	Next string // what Watch goes on after
	More bool   // there were others before them, which are left out
}

const (
	// MaxHappenings is how many happenings are told at once; of more, the latest are.
	MaxHappenings = 200
	// maxViewers is how many may watch an organisation at a time, on one node, and
	// maxViewersOfKey how many of them with one key, so that none keeps the others out.
	maxViewers      = 100
	maxViewersOfKey = 20

	// looking is how long a watcher waits between two looks, and maxSeen how many events, and
	// how many outcomes, it reads of each.
	looking = 500 * time.Millisecond
	maxSeen = 1000
	// maxUntold is how many looks at the store a viewer may lie behind.
	maxUntold = 16
)

// Latest returns what happened last in the caller's organisation, at most limit of it.
func (s *Service) Latest(ctx context.Context, caller Caller, filter LiveFilter, limit int) (Happenings, error) {
	seen := maxSeen
	if filter == (LiveFilter{}) {
		seen = MaxHappenings // of which few are left out
	}
	all, reached, _, err := s.Store.Happenings(ctx, caller.OrganizationID, store.Horizon{}, seen)
	if err != nil {
		return Happenings{}, err
	}
	return s.choose(ctx, caller, filter, all, reached, limit, false)
}

// choose returns what a caller is told of what has happened.
func (s *Service) choose(ctx context.Context, caller Caller, filter LiveFilter, all []Happening, reached store.Horizon, limit int, more bool) (Happenings, error) {
	next, err := s.Store.SealHorizon(ctx, caller.OrganizationID, reached)
	if err != nil {
		return Happenings{}, err
	}
	told := Happenings{Next: next, More: more}
	for _, h := range all {
		if (filter.EndpointID == "" || filter.EndpointID == h.EndpointID) && (filter.Event == "" || filter.Event == h.EventType) {
			told.Data = append(told.Data, h)
		}
	}
	if beyond := len(told.Data) - limit; beyond > 0 {
		told.Data, told.More = told.Data[beyond:], true
	}
	told.Data, err = visible(ctx, s, caller, told.Data, func(h Happening) string { return h.EventID })
	return told, err
}

// Viewer is somebody who watches an organisation. It is used by one goroutine, which closes
// it at the end.
type Viewer struct {
	service *Service
	caller  Caller
	filter  LiveFilter
	watcher *watcher
	untold  chan sight
	before  *sight // what happened before it began, until that is told
}

// Watch begins to watch the caller's organisation, from where the Happenings ended whose Next
// is after; "" for now. All who watch it on this node share what reads it. It refuses the
// hundred and first, and the twenty-first with one key (Conflict).
func (s *Service) Watch(ctx context.Context, caller Caller, filter LiveFilter, after string) (*Viewer, error) {
	var from store.Horizon
	if after != "" {
		var err error
		from, err = s.Store.OpenHorizon(ctx, caller.OrganizationID, after)
		if errors.Is(err, store.ErrNotFound) {
			return nil, refusal.Field("after", noCursor)
		}
		if err != nil {
			return nil, err
		}
	}
	v := &Viewer{service: s, caller: caller, filter: filter, untold: make(chan sight, maxUntold)}
	if err := s.watchers.join(s, v); err != nil {
		return nil, err
	}
	select {
	case <-v.watcher.begun: // only now what was before is read: then nothing lies between it and what comes
	case <-v.watcher.ended: // it is told by Next why
	case <-ctx.Done():
	}
	all, reached, more, err := s.Store.Happenings(ctx, caller.OrganizationID, from, maxSeen)
	if err != nil {
		v.Close()
		return nil, err
	}
	if after == "" {
		all, more = nil, false
	}
	v.before = &sight{all: all, reached: reached, more: more}
	return v, nil
}

// Next waits for what happens, and returns it. What happened just when Watch was called may
// be there twice: a Happening is known by its ID. The error is that ctx has ended, or that
// what happens cannot be read; then the Viewer is of no use any more.
func (v *Viewer) Next(ctx context.Context) (Happenings, error) {
	for {
		seen := v.before
		v.before = nil
		if seen == nil {
			select {
			case next, ok := <-v.untold:
				if !ok {
					return Happenings{}, v.watcher.failure
				}
				seen = &next
			case <-ctx.Done():
				return Happenings{}, ctx.Err()
			}
		}
		told, err := v.service.choose(ctx, v.caller, v.filter, seen.all, seen.reached, MaxHappenings, seen.more)
		if err != nil || len(told.Data) > 0 {
			return told, err
		}
	}
}

// Close ends it, and where it was the last, what reads for it.
func (v *Viewer) Close() { v.service.watchers.leave(v) }

// sight is what one look at the store has found.
type sight struct {
	all     []Happening
	reached store.Horizon
	more    bool
}

// watchers are those of organisations that somebody watches. The zero value is ready.
type watchers struct {
	mu sync.Mutex // protects of, and viewers of each watcher
	of map[string]*watcher
}

// watcher looks for what happens in an organisation, for all who watch it.
type watcher struct {
	viewers map[*Viewer]bool // and whether each was left behind; empty once the watcher is to end
	stop    context.CancelFunc
	begun   chan struct{} // closed once it knows from where on it looks
	ended   chan struct{} // closed when its goroutine has ended
	failure error         // why it ended by itself; written before the viewers' channels are closed
}

// join has a viewer told of what happens from now on.
func (all *watchers) join(s *Service, v *Viewer) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	w := all.of[v.caller.OrganizationID]
	if w == nil {
		ctx, stop := context.WithCancel(context.Background()) // the last who leaves ends it
		w = &watcher{viewers: make(map[*Viewer]bool), stop: stop, begun: make(chan struct{}), ended: make(chan struct{})}
		if all.of == nil {
			all.of = make(map[string]*watcher)
		}
		all.of[v.caller.OrganizationID] = w
		go func() {
			defer close(w.ended)
			all.end(v.caller.OrganizationID, w, w.run(ctx, s.Store, v.caller.OrganizationID, all))
		}()
	}
	if len(w.viewers) == maxViewers || w.viewersOf(v.caller.KeyID) == maxViewersOfKey {
		return refusal.Of(refusal.Conflict, "too many watch already: close a page that does")
	}
	w.viewers[v] = false
	v.watcher = w
	return nil
}

// viewersOf returns how many watch with a key.
func (w *watcher) viewersOf(keyID string) (n int) {
	for v := range w.viewers {
		if v.caller.KeyID == keyID {
			n++
		}
	}
	return n
}

// leave forgets a viewer, and waits for the end of a watcher whose last it was.
func (all *watchers) leave(v *Viewer) {
	all.mu.Lock()
	w := v.watcher
	delete(w.viewers, v)
	last := len(w.viewers) == 0
	if last && all.of[v.caller.OrganizationID] == w {
		delete(all.of, v.caller.OrganizationID)
	}
	all.mu.Unlock()
	if last {
		w.stop()
		<-w.ended
	}
}

// end tells all viewers of a watcher that it has ended by itself.
func (all *watchers) end(organizationID string, w *watcher, failure error) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.of[organizationID] == w {
		delete(all.of, organizationID)
	}
	w.failure = failure
	for v := range w.viewers {
		close(v.untold)
	}
}

// tell gives what was seen to all viewers. Who lies too far behind is left out, and told so
// the next time.
func (all *watchers) tell(w *watcher, seen sight) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for v, behind := range w.viewers {
		mine := seen
		mine.more = mine.more || behind
		select {
		case v.untold <- mine:
			w.viewers[v] = false
		default:
			w.viewers[v] = true
		}
	}
}

// run looks for what happens until ctx ends, or it cannot be read.
func (w *watcher) run(ctx context.Context, s *store.Store, organizationID string, all *watchers) error {
	_, reached, _, err := s.Happenings(ctx, organizationID, store.Horizon{}, 1)
	if err != nil {
		return err
	}
	close(w.begun)
	looks := time.NewTicker(looking)
	defer looks.Stop()
	seen := make(map[string]bool) // the IDs of the look before
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-looks.C:
		}
		found, now, more, err := s.Happenings(ctx, organizationID, reached, maxSeen)
		if err != nil {
			return err
		}
		known := seen
		seen = make(map[string]bool, len(found))
		for _, h := range found {
			seen[h.ID] = true
		}
		found = slices.DeleteFunc(found, func(h Happening) bool { return known[h.ID] })
		if reached = now; len(found) > 0 {
			all.tell(w, sight{found, reached, more})
		}
	}
}
