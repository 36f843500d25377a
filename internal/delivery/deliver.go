package delivery

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// deliver makes one attempt at the first message of a lane and records it. Where the
// endpoint is not open to it, or its next try not due, the lane is put back.
func (e *Engine) deliver(t *target, l *lane, open bool) {
	e.mu.Lock()
	m := l.queue[0]
	early := m.DueAt != nil && !l.probe && m.DueAt.After(time.Now()) // it was sent for what was put in line before it
	givenUp := l.givenUp[m.DeliveryID] || e.erased[m.Event.CaseID] ||
		m.ReplayID != "" && t.stopped[m.ReplayID] && m.Tries == m.Deferred // what the replay spent a try on goes on
	l.probe = false
	e.mu.Unlock()

	var endpoint *subscription.Endpoint
	var attempt *store.Attempt
	var err error
	if !givenUp && !early && open {
		endpoint, attempt, err = e.attempt(m)
	}
	if e.sending.Err() != nil && (attempt == nil || attempt.StatusCode == 0) {
		return // cut off: whoever comes next sends it again
	}
	outcome := store.Outcome{Message: m, Attempt: attempt, Deferred: m.Deferred, Linked: m.Linked}
	var back *time.Time // when the lane is due again, where it is put back
	switch {
	case givenUp: // the lane goes on
	case early:
		back = m.DueAt
	default:
		back = e.weigh(&outcome, endpoint, err)
	}
	e.settle(t, l, &outcome, back)

	e.record(outcome)
	if m.ReplayID != "" {
		e.WakeReplays()
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	t.open--
	if outcome.End == nil {
		e.goOn(t, l)
	}
	e.pump(t)
	e.refill(t)
}

// weigh says what an attempt means, if there was one, and returns when the lane is due
// again where it is put back.
func (e *Engine) weigh(o *store.Outcome, endpoint *subscription.Endpoint, err error) (back *time.Time) {
	switch now := time.Now(); {
	case err != nil:
		e.log.Error("could not find the endpoint of a delivery", "delivery", o.Message.DeliveryID, "error", err)
		return new(now.Add(pause))
	case o.Attempt == nil: // the endpoint is closed, paused, disabled, moving or deleted, or the lane is gone
		return &now
	}
	o.Recipient, o.Clearance = endpoint.Recipient(), endpoint.Clearance
	e.judge(o, endpoint)
	if o.Attempt.StatusCode == http.StatusGone {
		e.disable(endpoint)
	}
	return o.RetryAt
}

// settle takes a message that is done off its lane, and says how the lane is left, if it
// is.
func (e *Engine) settle(t *target, l *lane, o *store.Outcome, back *time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.inFlight--
	if o.Message.ReplayID != "" {
		t.replayed--
	}
	if o.Attempt != nil {
		t.adapt(o.Attempt.StatusCode)
	}
	e.pump(t)
	switch {
	case t.dropped:
	case o.Withheld: // the numbers after it are others from now on
		o.End = e.putBack(t, l, time.Now())
	case back != nil:
		o.End = e.putBack(t, l, *back)
	default:
		l.queue[0] = store.Message{}
		l.queue = l.queue[1:]
		t.queued--
		if len(l.queue) == 0 {
			o.End = e.leave(t, l, max(l.tail, o.Message.Sequence))
		}
	}
}

// Withheld is the error of an attempt that was not made.
const Withheld = "withheld: the endpoint is not cleared any more for what is restricted"

// attempt sends a message. Where the endpoint is not to be sent anything now, the
// attempt is nil.
func (e *Engine) attempt(m store.Message) (*subscription.Endpoint, *store.Attempt, error) {
	endpoint, err := e.store.Endpoint(e.sending, m.OrganizationID, m.EndpointID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case !endpoint.Receiving():
		return endpoint, nil, nil
	case endpoint.Ordering == subscription.OrderingCase && m.Lane != m.Event.CaseID: // it asks for order since: it is in the lane of its case now
		return endpoint, nil, nil
	case endpoint.Clearance.Withholds(m.Event.Activity()):
		return endpoint, &store.Attempt{Number: m.Tries + 1, StartedAt: time.Now().UTC(), Error: Withheld}, nil
	}
	return endpoint, e.sender.Send(e.sending, endpoint, m), nil
}

// Try makes one attempt at a message that is in no lane, and records nothing.
func (e *Engine) Try(ctx context.Context, endpoint *subscription.Endpoint, m store.Message) *store.Attempt {
	return e.sender.Send(ctx, endpoint, m)
}

// Compose is [Sender.Compose].
func (e *Engine) Compose(ctx context.Context, endpoint *subscription.Endpoint, m store.Message, attempt *store.Attempt, maxSigned int64) (http.Header, *render.Body, error) {
	return e.sender.Compose(ctx, endpoint, m, attempt, maxSigned)
}

// judge says what an attempt means for the delivery.
func (e *Engine) judge(o *store.Outcome, endpoint *subscription.Endpoint) {
	a := o.Attempt
	finished := a.StartedAt.Add(a.Duration)
	if a.Error == Withheld {
		o.State = store.Canceled
		o.Withheld = a.Number == 1 && o.Message.Lane == o.Message.Event.CaseID
		return
	}
	if a.StatusCode/100 == 2 {
		o.State = store.Delivered
		e.metrics.AttemptFinished(string(store.Delivered), a.Duration)
		if a.Number == 1 && o.Message.Event.Report == nil { // what is told may have happened long ago
			e.metrics.Delivered(finished.Sub(o.Message.Event.At.Time))
		}
		return
	}
	due, again := e.again(o, finished)
	log := e.log.With("delivery", o.Message.DeliveryID, "endpoint", endpoint.ID, "attempt", a.Number, "status", a.StatusCode, "error", a.Error)
	if again {
		o.State, o.RetryAt = store.Pending, &due
		e.metrics.AttemptFinished("retry", a.Duration)
		log.Info("an attempt failed", "next", due)
		return
	}
	o.State = store.Failed
	e.metrics.AttemptFinished(string(store.Failed), a.Duration)
	log.Warn("a delivery failed for good")
}

// again returns when a delivery is tried again whose attempt failed, if at all.
func (e *Engine) again(o *store.Outcome, finished time.Time) (due time.Time, again bool) {
	a := o.Attempt
	switch {
	case a.StatusCode == http.StatusRequestEntityTooLarge && a.Inline:
		o.Linked = true
		o.Deferred++
		return finished, true // at once, and with links
	case o.Message.DueAt != nil && o.Message.DueAt.After(finished): // a probe before its turn
		o.Deferred++
		return *o.Message.DueAt, true
	case (a.RetryAfter > 0 || a.StatusCode == http.StatusGone) && o.Deferred < maxDeferred:
		o.Deferred++ // it asks to wait, or for nothing any more: that costs no try
	}
	wait, again := subscription.Wait(max(a.Number-o.Deferred, 1), rand.Float64())
	if a.RetryAfter > 0 {
		wait = a.RetryAfter
	}
	return finished.Add(wait), again
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
	t.line(l)
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
