// Package delivery sends what the store has for the endpoints.
//
// Start with [Engine]. Work comes to it in two ways: what is committed is handed
// over in memory, and what must wait, or was left behind, is claimed from the
// table. Either way it comes as a lane, one endpoint and one case, in which one
// message is sent at a time. Lanes do not wait for each other, and endpoints do
// not wait for each other: each has a number of its own of messages in flight.
//
// The engine holds a lane exactly while the table says that it does. It can,
// because the store's writer tells it what becomes of lanes in the order of the
// commits. Where it is not known what became of a commit, or whether others have
// taken this process for dead, the engine drops all lanes and begins again, under
// another name.
package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

const (
	// maxQueued is how many messages of one endpoint are kept in memory; others wait
	// in the table.
	maxQueued = 1000
	// maxClaimed is how many lanes of one endpoint are claimed at once.
	maxClaimed = 64
	// maxDeferred is how many attempts of a delivery may cost no try.
	maxDeferred = 100
	// lease is how long a node that says nothing counts as alive.
	lease = 30 * time.Second
	// margin is how long before the end of its lease a node begins nothing any more.
	margin = 5 * time.Second
	// pause is how long to wait after the database refused something.
	pause = time.Second
)

// Metrics are told how sending goes.
type Metrics interface {
	// AttemptFinished says what an attempt came to: delivered, retry or failed.
	AttemptFinished(outcome string, took time.Duration)
	// Delivered says how long after its event a message was received, at the first try.
	Delivered(sinceChange time.Duration)
}

// Engine is a [store.Outbox] that sends what it is handed. It is safe for
// concurrent use.
type Engine struct {
	store   *store.Store
	sender  *Sender
	metrics Metrics
	log     *slog.Logger

	sending context.Context // ends when attempts under way are to be cut off
	cutOff  context.CancelFunc
	wake    chan struct{} // has a token when the claimer is to look at the table
	renew   chan struct{} // has a token when the lease is to be renewed at once
	replays chan struct{} // has a token when a replay may have more to do

	mu      sync.Mutex         // protects all below, and what it points to
	targets map[string]*target // by endpoint
	erased  map[string]bool    // the cases of which nothing is to be sent, though it may be in a queue
	closed  map[string]bool    // the endpoints that are sent nothing but probes, as far as is known
	gates   int                // how often the writer told that an endpoint has closed or opened
	node    string             // under which lanes are this process's own; empty: none are
	until   time.Time          // the end of the lease, less the margin
	nodes   int                // how many processes share the limits of endpoints
	leads   bool               // whether this one does what one is enough for
	stopped bool               // nothing new is sent
	work    sync.WaitGroup     // the goroutines that send, record or load; added to only while not stopped
}

// NewEngine returns an Engine that sends nothing yet but takes what it is handed.
func NewEngine(s *store.Store, sender *Sender, metrics Metrics, log *slog.Logger) *Engine {
	e := &Engine{
		store:   s,
		sender:  sender,
		metrics: metrics,
		log:     log,
		wake:    make(chan struct{}, 1),
		renew:   make(chan struct{}, 1),
		replays: make(chan struct{}, 1),
		targets: make(map[string]*target),
		erased:  make(map[string]bool),
		closed:  make(map[string]bool),
		nodes:   1,
	}
	e.sending, e.cutOff = context.WithCancel(context.Background())
	s.OnLoss(e.drop)
	s.OnHealth(e.gate)
	return e
}

// Run sends until ctx is done. Then it finishes the attempts that are under way,
// for at most grace, and leaves the rest to whoever comes next.
func (e *Engine) Run(ctx context.Context, grace time.Duration) error {
	var loops sync.WaitGroup
	loops.Go(func() { e.claim(ctx) })
	loops.Go(func() { e.live(ctx) })
	loops.Go(func() { e.replay(ctx) })
	loops.Go(func() {
		e.store.Listen(ctx, e, func(err error) { e.log.Warn("could not hear what other nodes do", "error", err) })
	})
	<-ctx.Done()
	loops.Wait()
	return e.drain(grace)
}

// drain ends all sending.
func (e *Engine) drain(grace time.Duration) error {
	e.mu.Lock()
	e.stopped = true
	for _, t := range e.targets {
		if t.timer != nil {
			t.timer.Stop()
		}
	}
	e.mu.Unlock()

	finished := make(chan struct{})
	go func() {
		e.work.Wait()
		close(finished)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-finished:
	case <-timer.C:
		e.cutOff()
		<-finished
	}
	e.cutOff()
	ctx, cancel := context.WithTimeout(context.Background(), lease)
	defer cancel()
	return e.store.Leave(ctx)
}

// live renews the lease of this node, and takes up what dead ones left behind.
func (e *Engine) live(ctx context.Context) {
	for {
		begun, again := time.Now(), lease/3
		released, err := e.store.Live(ctx, lease, func(now store.Standing) { e.begin(now, begun.Add(lease-margin)) })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.log.Error("could not renew the lease of this node", "error", err)
			again = pause
		default:
			if released > 0 {
				e.log.Info("taking up lanes that another node left behind", "lanes", released)
			}
			e.pumpAll()
			e.Wake()
		}
		timer := time.NewTimer(again)
		select {
		case <-timer.C:
		case <-e.renew:
			timer.Stop()
			sleep(ctx, breath)
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// begin has this process take lanes under a name, until its lease ends.
func (e *Engine) begin(now store.Standing, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.node, e.until, e.nodes, e.leads = now.Node, until, now.Nodes, now.Leads
	for _, t := range e.targets {
		t.see(t.endpoint, e.nodes)
	}
}

// Leads reports whether this process does what one is enough for.
func (e *Engine) Leads() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leads && e.alive()
}

// gate takes note of what the writer tells, that an endpoint has closed or opened.
func (e *Engine) gate(endpointID string, closed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gates++
	e.turn(endpointID, closed)
}

// note takes note of what was found in the table, where another process may have closed or
// opened an endpoint. Gates is what e.gates was before: where the writer has told something
// since, that is newer.
func (e *Engine) note(gates int, endpointID string, closed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if gates == e.gates {
		e.turn(endpointID, closed)
	}
}

// turn closes or opens an endpoint. One that has opened is sent one message at first, and
// then more with each that it takes. e.mu is held.
func (e *Engine) turn(endpointID string, closed bool) {
	if e.closed[endpointID] == closed {
		return
	}
	t := e.targets[endpointID]
	if closed {
		e.closed[endpointID] = true
		e.log.Warn("an endpoint failed too often in a row: it is probed until it answers", "endpoint", endpointID)
	} else {
		delete(e.closed, endpointID)
		e.log.Info("an endpoint answers again", "endpoint", endpointID)
		if t != nil {
			t.slowed = 1
		}
	}
	if t != nil {
		e.pump(t) // what is ready goes, or is put back
	}
	e.Wake()
	e.WakeReplays()
}

// drop gives all lanes up: it is not known any more which are this process's own.
// Attempts that are under way are finished and recorded.
func (e *Engine) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.node = ""
	for _, t := range e.targets {
		t.dropped = true
		if t.timer != nil {
			t.timer.Stop()
		}
	}
	clear(e.targets)
	select {
	case e.renew <- struct{}{}:
	default: // it is about to
	}
}

// alive reports whether lanes are this process's own for sure. e.mu is held.
func (e *Engine) alive() bool { return e.node != "" && time.Now().Before(e.until) }

// LanesDue implements [store.Listener].
func (e *Engine) LanesDue() { e.Wake() }

// EndpointsChanged implements [store.Listener].
func (e *Engine) EndpointsChanged(organizationID string) {
	e.mu.Lock()
	var known []*subscription.Endpoint
	for _, t := range e.targets {
		if organizationID == "" || t.endpoint.OrganizationID == organizationID {
			known = append(known, t.endpoint)
		}
	}
	e.mu.Unlock()
	for _, endpoint := range known {
		now, err := e.store.Endpoint(e.sending, endpoint.OrganizationID, endpoint.ID)
		if err == nil { // else it is seen at the next attempt
			e.Refresh(now)
		}
	}
	e.Wake()
}

// DeliveryCanceled implements [store.Listener].
func (e *Engine) DeliveryCanceled(endpointID, laneName, deliveryID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.targets[endpointID]; t != nil && t.lanes[laneName] != nil {
		t.lanes[laneName].giveUp(deliveryID)
	}
	e.Wake() // its lane may go on
}

// ReplayStopped implements [store.Listener].
func (e *Engine) ReplayStopped(endpointID, replayID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t := e.targets[endpointID]; t != nil {
		t.stopped[replayID] = true
	}
	e.Wake() // lanes may go on
}

// CaseErased implements [store.Listener].
func (e *Engine) CaseErased(caseID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.erased[caseID] = true
}

// Wake has the engine look for lanes that are due.
func (e *Engine) Wake() {
	select {
	case e.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Refresh has the engine take note of a changed endpoint.
func (e *Engine) Refresh(endpoint *subscription.Endpoint) {
	e.mu.Lock()
	if t := e.targets[endpoint.ID]; t != nil {
		t.see(endpoint, e.nodes)
		e.pump(t)
	}
	e.mu.Unlock()
	e.Wake()
	e.WakeReplays()
}

// Accepts implements [store.Outbox]: there is room for more.
func (e *Engine) Accepts(endpoint *subscription.Endpoint) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.stopped && e.alive() && !e.closed[endpoint.ID] && e.target(endpoint).accepts()
}

// Waiting implements [store.Outbox].
func (e *Engine) Waiting(endpointID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.targets[endpointID]
	switch {
	case t == nil:
		e.Wake()
	case t.queued < maxQueued/2 && !t.waiting && t.loading == 0:
		e.Wake()
		fallthrough
	default:
		t.waiting = true
		t.behind = t.behind || t.queued >= maxQueued
	}
}

// Hand implements [store.Outbox]: what follows the last message of the lane joins
// its queue.
func (e *Engine) Hand(endpoint *subscription.Endpoint, messages []store.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	first := messages[0]
	t := e.targets[first.EndpointID]
	if t == nil { // dropped since it was accepted
		t = e.target(endpoint)
	}
	l := t.lanes[first.Lane]
	if l == nil {
		l = &lane{node: e.node, name: first.Lane, tail: first.Sequence - 1}
		t.lanes[first.Lane] = l
	}
	if l.loading || first.Sequence != l.tail+1 {
		return
	}
	l.queue = append(l.queue, messages...)
	l.tail = messages[len(messages)-1].Sequence
	t.queued += len(messages)
	if !l.busy && len(l.queue) == len(messages) {
		t.line(l)
	}
	e.pump(t)
}
