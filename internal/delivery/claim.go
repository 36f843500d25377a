package delivery

import (
	"context"
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
			rest(ctx, breath)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
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
	due, err := e.store.Due(ctx)
	if err != nil {
		return next, err
	}
	now := time.Now()
	next = now.Add(idle)
	for endpointID, first := range due {
		if first.After(now) {
			next = earlier(next, first)
			continue
		}
		more, err := e.claimFrom(ctx, endpointID)
		if err != nil {
			return next, err
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
	full := t.queued >= maxQueued/2
	t.waiting = full
	e.mu.Unlock()
	if full {
		return false, nil
	}

	var lanes []*lane
	err = e.store.Claim(ctx, endpointID, maxClaimed, func(names []string) {
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, name := range names {
			l := &lane{name: name, loading: true, busy: true}
			t.lanes[name] = l
			lanes = append(lanes, l)
		}
	})
	if err != nil {
		return false, err
	}
	for _, l := range lanes {
		e.load(t, l)
	}
	return len(lanes) == maxClaimed, nil
}

// load fills the queue of a lane from the table. A lane in which nothing is left is
// settled.
func (e *Engine) load(t *target, l *lane) {
	e.mu.Lock()
	endpointID := t.endpoint.ID
	e.mu.Unlock()
	for {
		loaded, err := e.store.Load(e.sending, endpointID, l.name)
		if err == nil {
			e.loaded(t, l, loaded)
			return
		}
		if e.sending.Err() != nil {
			return
		}
		e.log.Error("could not load a lane", "error", err)
		rest(e.sending, pause)
	}
}

func (e *Engine) loaded(t *target, l *lane, from store.Lane) {
	e.mu.Lock()
	l.loading = false
	l.queue = from.Messages
	l.tail = from.Last
	if n := len(from.Messages); n > 0 {
		l.tail = max(l.tail, from.Messages[n-1].Sequence)
		t.queued += n
		e.goOn(t, l)
		e.mu.Unlock()
		return
	}
	l.busy = true
	end := e.leave(t, l, l.tail)
	e.mu.Unlock()
	e.record(store.Outcome{End: end})
}
