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
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

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

	mu      sync.Mutex         // protects all below, and what it points to
	targets map[string]*target // by endpoint
	node    string             // under which lanes are this process's own; empty: none are
	until   time.Time          // the end of the lease, less the margin
	stopped bool               // nothing new is sent
	work    sync.WaitGroup     // the goroutines that send, record or load; added to only while not stopped
}

// target is what the engine holds of one endpoint.
type target struct {
	endpoint *subscription.Endpoint // as it was seen last
	lanes    map[string]*lane       // those that are this process's own
	ready    []*lane                // those whose first message can be sent, each once
	inFlight int                    // messages on their way
	open     int                    // those, and those that were answered but are not recorded yet
	queued   int                    // messages in all queues
	loading  int                    // lanes that are being read from the table
	slowed   int                    // how many may be on their way while the receiver is overloaded; 0: it is not
	waiting  bool                   // more may be due in the table than was claimed
	limiter  *rate.Limiter          // nil: no limit
	timer    *time.Timer            // set while the limiter makes the ready wait
	dropped  bool                   // its lanes are not this process's own any more
}

// lane is a lane that is this process's own.
type lane struct {
	node  string // under which it is
	name  string
	queue []store.Message // in order; the first may be on its way
	// tail is the sequence of the last message that came into memory. What follows
	// after a gap is in the table, and loaded once the queue is empty.
	tail    int64
	loading bool // the queue is being read from the table
	busy    bool // its first message is being sent or recorded
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
		targets: make(map[string]*target),
	}
	e.sending, e.cutOff = context.WithCancel(context.Background())
	s.OnLoss(e.drop)
	return e
}

// Run sends until ctx is done. Then it finishes the attempts that are under way,
// for at most grace, and leaves the rest to whoever comes next.
func (e *Engine) Run(ctx context.Context, grace time.Duration) error {
	var loops sync.WaitGroup
	loops.Go(func() { e.claim(ctx) })
	loops.Go(func() { e.live(ctx) })
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
		released, err := e.store.Live(ctx, lease, func(node string) { e.begin(node, begun.Add(lease-margin)) })
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
func (e *Engine) begin(node string, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.node, e.until = node, until
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
		t.see(endpoint)
		e.pump(t)
	}
	e.mu.Unlock()
	e.Wake()
}

// Accepts implements [store.Outbox]: there is room for more.
func (e *Engine) Accepts(endpoint *subscription.Endpoint) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.stopped && e.alive() && e.target(endpoint).queued < maxQueued
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
		t.ready = append(t.ready, l)
	}
	e.pump(t)
}

// target returns what is held of an endpoint. e.mu is held.
func (e *Engine) target(endpoint *subscription.Endpoint) *target {
	t := e.targets[endpoint.ID]
	if t == nil {
		t = &target{lanes: make(map[string]*lane)}
		e.targets[endpoint.ID] = t
	}
	t.see(endpoint)
	return t
}

// see takes note of how the endpoint is now.
func (t *target) see(endpoint *subscription.Endpoint) {
	if t.endpoint == endpoint {
		return
	}
	t.endpoint = endpoint
	switch limit := endpoint.RateLimit; {
	case limit == nil:
		t.limiter = nil
	case t.limiter == nil || t.limiter.Burst() != *limit:
		t.limiter = rate.NewLimiter(rate.Limit(*limit), *limit)
	}
}

// width returns how many messages may be on their way at once.
func (t *target) width() int {
	if t.slowed > 0 {
		return min(t.slowed, t.endpoint.MaxInFlight)
	}
	return t.endpoint.MaxInFlight
}

// adapt has fewer messages on their way, half as many each time, where the receiver
// says that it is overloaded, and then with each that it takes one more.
func (t *target) adapt(status int) {
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		t.slowed = max(t.width()/2, 1)
	case status/100 == 2 && t.slowed > 0:
		if t.slowed++; t.slowed >= t.endpoint.MaxInFlight {
			t.slowed = 0
		}
	}
}

// pumpAll pumps the messages of all endpoints.
func (e *Engine) pumpAll() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.targets {
		e.pump(t)
	}
}

// pump sends the ready messages of an endpoint, as many as may be in flight.
// e.mu is held.
func (e *Engine) pump(t *target) {
	for len(t.ready) > 0 && t.inFlight < t.width() && t.open < 2*t.endpoint.MaxInFlight &&
		!t.dropped && !e.stopped && e.alive() {
		if t.limiter != nil && !t.limiter.Allow() {
			e.pumpLater(t)
			return
		}
		l := t.ready[0]
		t.ready[0] = nil
		t.ready = t.ready[1:]
		l.busy = true
		t.inFlight++
		t.open++
		e.work.Go(func() { e.deliver(t, l) })
	}
}

// pumpLater pumps again when the rate limit allows one more. e.mu is held.
func (e *Engine) pumpLater(t *target) {
	if t.timer != nil {
		return
	}
	t.timer = time.AfterFunc(time.Duration(float64(time.Second)/float64(t.limiter.Limit())), func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		t.timer = nil
		e.pump(t)
	})
}

// deliver makes one attempt at the first message of a lane and records it.
func (e *Engine) deliver(t *target, l *lane) {
	e.mu.Lock()
	m := l.queue[0]
	e.mu.Unlock()

	endpoint, attempt, err := e.attempt(m)
	if e.sending.Err() != nil && (attempt == nil || attempt.StatusCode == 0) {
		return // cut off: whoever comes next sends it again
	}
	outcome := store.Outcome{Message: m, Attempt: attempt, Deferred: m.Deferred}
	var back *time.Time // when the lane is due again, where it is put back
	switch now := time.Now(); {
	case err != nil:
		e.log.Error("could not find the endpoint of a delivery", "delivery", m.DeliveryID, "error", err)
		again := now.Add(pause)
		back = &again
	case attempt == nil: // the endpoint is paused, disabled or deleted
		back = &now
	default:
		e.judge(&outcome, endpoint)
		back = outcome.RetryAt
		if attempt.StatusCode == http.StatusGone {
			e.disable(endpoint)
		}
	}

	e.mu.Lock()
	t.inFlight--
	if attempt != nil {
		t.adapt(attempt.StatusCode)
	}
	e.pump(t)
	switch {
	case t.dropped:
	case back != nil:
		outcome.End = e.putBack(t, l, *back)
	default:
		l.queue[0] = store.Message{}
		l.queue = l.queue[1:]
		t.queued--
		if len(l.queue) == 0 {
			outcome.End = e.leave(t, l, max(l.tail, m.Sequence))
		}
	}
	e.mu.Unlock()

	e.record(outcome)

	e.mu.Lock()
	defer e.mu.Unlock()
	t.open--
	if outcome.End == nil {
		e.goOn(t, l)
	}
	e.pump(t)
	e.refill(t)
}

// withheld is the error of an attempt that was not made.
const withheld = "withheld: the endpoint is not cleared any more for what is restricted"

// attempt sends a message. Where the endpoint is not to be sent anything now, the
// attempt is nil.
func (e *Engine) attempt(m store.Message) (*subscription.Endpoint, *store.Attempt, error) {
	endpoint, err := e.store.Endpoint(e.sending, m.OrganizationID, m.EndpointID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case endpoint.State != subscription.Active:
		return endpoint, nil, nil
	case endpoint.Clearance.Withholds(m.Event.Activity()):
		return endpoint, &store.Attempt{Number: m.Tries + 1, StartedAt: time.Now().UTC(), Error: withheld}, nil
	}
	return endpoint, e.sender.Send(e.sending, endpoint, m), nil
}

// Try makes one attempt at a message that is in no lane, and records nothing.
func (e *Engine) Try(ctx context.Context, endpoint *subscription.Endpoint, m store.Message) *store.Attempt {
	return e.sender.Send(ctx, endpoint, m)
}

// judge says what an attempt means for the delivery.
func (e *Engine) judge(o *store.Outcome, endpoint *subscription.Endpoint) {
	a := o.Attempt
	finished := a.StartedAt.Add(a.Duration)
	if a.Error == withheld {
		o.State = store.Canceled
		return
	}
	if a.StatusCode/100 == 2 {
		o.State = store.Delivered
		e.metrics.AttemptFinished(string(store.Delivered), a.Duration)
		if a.Number == 1 {
			e.metrics.Delivered(finished.Sub(o.Message.Event.At.Time))
		}
		return
	}
	if (a.RetryAfter > 0 || a.StatusCode == http.StatusGone) && o.Deferred < maxDeferred {
		o.Deferred++ // it asks to wait, or for nothing any more: that costs no try
	}
	wait, again := subscription.Wait(max(a.Number-o.Deferred, 1), rand.Float64())
	if a.RetryAfter > 0 {
		wait = a.RetryAfter
	}
	log := e.log.With("delivery", o.Message.DeliveryID, "endpoint", endpoint.ID, "attempt", a.Number, "status", a.StatusCode, "error", a.Error)
	if again {
		due := finished.Add(wait)
		o.State, o.RetryAt = store.Pending, &due
		e.metrics.AttemptFinished("retry", a.Duration)
		log.Info("an attempt failed", "next", due)
		return
	}
	o.State = store.Failed
	e.metrics.AttemptFinished(string(store.Failed), a.Duration)
	log.Warn("a delivery failed for good")
}

// disable has an endpoint sent nothing more: it answered that it is gone (RFC 9110,
// section 15.5.11).
func (e *Engine) disable(endpoint *subscription.Endpoint) {
	disabled, err := e.store.DisableEndpoint(e.sending, endpoint.OrganizationID, endpoint.ID)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return
	}
	if err != nil {
		e.log.Error("could not disable an endpoint that is gone", "endpoint", endpoint.ID, "error", err)
		return
	}
	e.log.Warn("disabled an endpoint that answered 410", "endpoint", endpoint.ID)
	e.Refresh(disabled)
}

// record writes an outcome, as often as it takes.
func (e *Engine) record(o store.Outcome) {
	for o.Attempt != nil || o.End != nil {
		err := e.store.Record(context.Background(), o)
		if err == nil {
			return
		}
		e.log.Error("could not record an attempt", "delivery", o.Message.DeliveryID, "error", err)
		if sleep(e.sending, pause); e.sending.Err() != nil {
			return
		}
	}
}

// goOn makes the next message of a lane ready. e.mu is held.
func (e *Engine) goOn(t *target, l *lane) {
	if t.dropped {
		return
	}
	l.busy = false
	t.ready = append(t.ready, l)
	e.pump(t)
}

// putBack leaves a lane and what is in its queue to the table, until due. e.mu is
// held.
func (e *Engine) putBack(t *target, l *lane, due time.Time) *store.End {
	return &store.End{
		Node:       l.node,
		EndpointID: t.endpoint.ID,
		Lane:       l.name,
		Due:        &due,
		Settled: func(_, _ bool) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.forget(t, l)
			e.Wake()
		},
	}
}

// leave leaves a lane in which everything up to a sequence is done. e.mu is held.
func (e *Engine) leave(t *target, l *lane, through int64) *store.End {
	return &store.End{
		Node:       l.node,
		EndpointID: t.endpoint.ID,
		Lane:       l.name,
		Through:    through,
		Settled: func(remains, due bool) {
			e.mu.Lock()
			defer e.mu.Unlock()
			switch {
			case !remains:
				e.forget(t, l)
				if due {
					e.Wake()
				}
			case len(l.queue) > 0: // handed over meanwhile
				e.goOn(t, l)
			default:
				e.loadLater(t, l)
			}
		},
	}
}

// forget drops a lane that is not this process's own any more. e.mu is held.
func (e *Engine) forget(t *target, l *lane) {
	t.queued -= len(l.queue)
	l.queue = nil
	delete(t.lanes, l.name)
}

// refill looks into the table again once there is room. e.mu is held.
func (e *Engine) refill(t *target) {
	if t.waiting && t.queued < maxQueued/2 && t.loading == 0 {
		e.Wake()
	}
}
