package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/casehook/casehook/internal/store"
)

const (
	// idle is how long the table is not looked at when nothing says that it should be.
	idle = 5 * time.Second
	// breath is the least time between two looks at the table.
	breath = 10 * time.Millisecond
)

// claim takes up the lanes that are due, when they are.
func (e *Engine) claim(ctx context.Context) {
	for {
		next, err := e.claimDue(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.log.Error("could not claim lanes", "error", err)
			next = time.Now().Add(pause)
		}
		timer := time.NewTimer(min(max(time.Until(next), breath), idle))
		select {
		case <-timer.C:
		case <-e.wake:
			timer.Stop()
			sleep(ctx, breath)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// sleep waits for a while, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// claimDue claims what is due and there is room for, a few lanes of each endpoint
// in turn, and returns when the next lane is due.
func (e *Engine) claimDue(ctx context.Context) (next time.Time, err error) {
	now := time.Now()
	next = now.Add(idle)
	e.mu.Lock()
	alive, gates := e.alive(), e.gates
	e.mu.Unlock()
	if !alive { // woken when it is
		return next, nil
	}
	due, err := e.store.Due(ctx)
	if err != nil {
		return next, err
	}
	for endpointID, waiting := range due {
		e.note(gates, endpointID, waiting.Closed)
		if waiting.At.After(now) {
			next = earlier(next, waiting.At)
			continue
		}
		take := e.claimFrom
		if waiting.Closed {
			take = e.probe
		}
		more, err := take(ctx, endpointID)
		if err != nil && ctx.Err() == nil { // the others can do without it
			e.log.Error("could not claim lanes", "endpoint", endpointID, "error", err)
			next = earlier(next, now.Add(pause))
		}
		if more {
			next = now
		}
	}
	return next, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// claimFrom claims lanes of one endpoint. More is whether there may be others, and
// room for them.
func (e *Engine) claimFrom(ctx context.Context, endpointID string) (more bool, err error) {
	endpoint, err := e.store.EndpointByID(ctx, endpointID)
	if err != nil {
		return false, err
	}
	e.mu.Lock()
	t := e.target(endpoint)
	t.behind = t.queued >= maxQueued/2
	full := t.behind || t.loading > 0
	t.waiting = full
	e.mu.Unlock()
	if full {
		return false, nil
	}

	claimed := 0
	err = e.store.Claim(ctx, endpointID, maxClaimed, func(names []string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		claimed = len(names)
		t := e.target(endpoint)
		for _, name := range names {
			e.take(t, name)
		}
	})
	return claimed == maxClaimed, err
}

// probe has one message sent to an endpoint that is closed, unless somebody else does.
// There are never more.
func (e *Engine) probe(ctx context.Context, endpointID string) (more bool, err error) {
	endpoint, err := e.store.EndpointByID(ctx, endpointID)
	if err != nil {
		return false, err
	}
	err = e.store.Probe(ctx, endpointID, time.Now().Add(endpoint.Timeout+margin), func(name string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.take(e.target(endpoint), name).probe = true
	})
	if errors.Is(err, store.ErrNoProbe) {
		return false, nil
	}
	return false, err
}

// take takes up a lane that was claimed. e.mu is held.
func (e *Engine) take(t *target, name string) *lane {
	l := &lane{node: e.node, name: name, busy: true}
	t.lanes[name] = l
	e.loadLater(t, l)
	return l
}

// loadLater has a lane loaded. e.mu is held.
func (e *Engine) loadLater(t *target, l *lane) {
	if e.stopped { // it is left with all the others
		return
	}
	l.loading = true
	t.loading++
	e.work.Go(func() { e.load(t, l) })
}

// load fills the queue of a lane from the table. A lane in which nothing is left is
// settled; one that cannot be loaded is put back.
func (e *Engine) load(t *target, l *lane) {
	e.mu.Lock()
	endpointID := t.endpoint.ID
	e.mu.Unlock()
	loaded, err := e.store.Load(e.sending, endpointID, l.name)
	if e.sending.Err() != nil {
		return
	}
	if err != nil {
		e.log.Error("could not load a lane", "endpoint", endpointID, "error", err)
	}

	e.mu.Lock()
	var end *store.End
	l.loading = false
	t.loading--
	l.queue = loaded.Messages
	l.tail = loaded.Last
	t.queued += len(l.queue)
	switch {
	case err != nil:
		end = e.putBack(t, l, time.Now().Add(idle))
	case len(l.queue) == 0:
		end = e.leave(t, l, l.tail)
	default:
		e.goOn(t, l)
	}
	e.refill(t)
	e.mu.Unlock()
	e.record(store.Outcome{End: end})
}
