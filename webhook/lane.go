package webhook

import (
	"context"
	"sync"
)

// lanes has a lane for each case of which a message is being received now. The zero lanes is empty.
type lanes struct {
	mu     sync.Mutex
	byName map[string]*lane
}

// lane is where the messages of one case meet. It lives as long as one of them is in it.
type lane struct {
	name string
	turn chan struct{} // holds a token while a message is being worked on

	// lanes.mu protects what follows.
	places  []*place
	changed chan struct{} // closed, and made anew, when a place may have to look again
}

// place is that of one message in its lane. It belongs to the goroutine of the message's request.
type place struct {
	lanes    *lanes
	lane     *lane
	sequence int64
	over     bool // it waits no longer for what is missing; lanes.mu protects it
	behind   bool // behind one that failed while it waited; lanes.mu protects it
}

// enter gives a message a place, which must leave in the end.
func (l *lanes) enter(name string, sequence int64) *place {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.byName[name]
	if in == nil {
		if l.byName == nil {
			l.byName = make(map[string]*lane)
		}
		in = &lane{name: name, turn: make(chan struct{}, 1), changed: make(chan struct{})}
		l.byName[name] = in
	}
	p := &place{lanes: l, lane: in, sequence: sequence}
	in.places = append(in.places, p)
	return p
}

// leave ends a place. The others look again: its message may be the one that they waited for.
func (p *place) leave() {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	for i, other := range p.lane.places {
		if other == p {
			p.lane.places = append(p.lane.places[:i], p.lane.places[i+1:]...)
			break
		}
	}
	if len(p.lane.places) == 0 {
		delete(p.lanes.byName, p.lane.name)
		return
	}
	p.lane.change()
}

// takeTurn waits until no other message of the lane is being worked on.
func (p *place) takeTurn(ctx context.Context) error {
	select {
	case p.lane.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *place) giveTurn() { <-p.lane.turn }

// moved returns a channel that is closed when the place may have to look again.
func (p *place) moved() <-chan struct{} {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	return p.lane.changed
}

// goOn says that the place has waited long enough.
func (p *place) goOn() {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	p.over = true
}

// goesOn reports whether the place waits no longer for what is missing before it: it has waited long
// enough, and nothing before it is in the lane. What is before it waits no longer either, and goes first.
func (p *place) goesOn() bool {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if !p.over {
		return false
	}
	first, hurried := true, false
	for _, other := range p.lane.places {
		if 0 < other.sequence && other.sequence < p.sequence {
			first = false
			hurried = hurried || !other.over
			other.over = true
		}
	}
	if hurried {
		p.lane.change()
	}
	return first
}

// fail says that the message of the place was not handled, and comes again. What waits behind it does not go
// past it.
func (p *place) fail() {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	for _, other := range p.lane.places {
		if 0 < p.sequence && p.sequence < other.sequence {
			other.behind = true
		}
	}
}

// isBehind reports whether a message before this one failed while this one waited.
func (p *place) isBehind() bool {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	return p.behind
}

// change has all places of the lane look again. It is called with lanes.mu.
func (l *lane) change() {
	close(l.changed)
	l.changed = make(chan struct{})
}
