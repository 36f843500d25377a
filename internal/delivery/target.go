package delivery

import (
	"net/http"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// maxPassed is how many new messages of an endpoint go past one that is replayed, where
// something new is ready all the time.
const maxPassed = 7

// target is what the engine holds of one endpoint.
type target struct {
	endpoint *subscription.Endpoint // as it was seen last
	nodes    int                    // how many processes share its limits
	lanes    map[string]*lane       // those that are this process's own
	ready    []*lane                // those whose first message can be sent, each once
	replays  []*lane                // those of them whose first message is a replay's: what is new goes first
	stopped  map[string]bool        // replays that were stopped
	inFlight int                    // messages on their way
	replayed int                    // of those, how many are replays'
	passed   int                    // messages that went past a replay since one of its own went
	open     int                    // those, and those that were answered but are not recorded yet
	queued   int                    // messages in all queues
	loading  int                    // lanes that are being read from the table
	slowed   int                    // how many may be on their way while the receiver is overloaded; 0: it is not
	waiting  bool                   // more may be due in the table than was claimed
	behind   bool                   // it was not claimed because there was no room
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
	loading bool            // the queue is being read from the table
	busy    bool            // its first message is being sent or recorded
	probe   bool            // its first message may be sent although the endpoint is closed
	givenUp map[string]bool // deliveries that were canceled
}

// giveUp has a delivery not be sent any more.
func (l *lane) giveUp(deliveryID string) {
	if l.givenUp == nil {
		l.givenUp = make(map[string]bool)
	}
	l.givenUp[deliveryID] = true
}

// target returns what is held of an endpoint. e.mu is held.
func (e *Engine) target(endpoint *subscription.Endpoint) *target {
	t := e.targets[endpoint.ID]
	if t == nil {
		t = &target{lanes: make(map[string]*lane), stopped: make(map[string]bool)}
		e.targets[endpoint.ID] = t
	}
	t.see(endpoint, e.nodes)
	return t
}

// see takes note of how the endpoint is now, and of how many processes share its limits.
func (t *target) see(endpoint *subscription.Endpoint, nodes int) {
	if t.endpoint == endpoint && t.nodes == nodes {
		return
	}
	t.endpoint, t.nodes = endpoint, nodes
	if endpoint.RateLimit == nil {
		t.limiter = nil
		return
	}
	limit, burst := rate.Limit(*endpoint.RateLimit)/rate.Limit(nodes), t.share(*endpoint.RateLimit)
	if t.limiter == nil || t.limiter.Limit() != limit || t.limiter.Burst() != burst {
		t.limiter = rate.NewLimiter(limit, burst)
	}
}

// share returns this process's share of a limit of the endpoint, at least 1.
func (t *target) share(limit int) int { return (limit + t.nodes - 1) / t.nodes }

// width returns how many messages may be on their way at once.
func (t *target) width() int {
	width := t.share(t.endpoint.MaxInFlight)
	if t.slowed > 0 {
		return min(t.slowed, width)
	}
	return width
}

// accepts reports whether what is new may come into memory. Where there was no room to claim
// what waits in the table, that comes first: else it would never have its turn at an endpoint
// that never rests.
func (t *target) accepts() bool {
	if t.behind {
		return t.queued < maxQueued/4
	}
	return t.queued < maxQueued
}

// line has a lane wait for its first message to be sent. A probe goes first: until it is
// answered, nothing else is sent.
func (t *target) line(l *lane) {
	switch {
	case l.probe:
		t.ready = slices.Insert(t.ready, 0, l)
	case l.queue[0].ReplayID != "":
		t.replays = append(t.replays, l)
	default:
		t.ready = append(t.ready, l)
	}
}

// queue returns the line whose first is next: what is new goes first, but for every
// eighth, which is a replay's where one waits. Replays have at most half of what may be
// on its way. It is nil where nothing may be sent.
func (t *target) queue() *[]*lane {
	replays := len(t.replays) > 0 && t.replayed < max(t.width()/2, 1)
	switch {
	case t.inFlight >= t.width() || t.open >= 2*t.share(t.endpoint.MaxInFlight):
		return nil
	case len(t.ready) > 0 && !(replays && t.passed >= maxPassed):
		return &t.ready
	case replays:
		return &t.replays
	}
	return nil
}

// depart takes the first lane out of a line: its message is on its way.
func (t *target) depart(line *[]*lane) *lane {
	l := (*line)[0]
	(*line)[0] = nil
	*line = (*line)[1:]
	switch {
	case line == &t.replays:
		t.passed = 0
	case len(t.replays) > 0:
		t.passed++
	}
	l.busy = true
	t.inFlight++
	t.open++
	if l.queue[0].ReplayID != "" {
		t.replayed++
	}
	return l
}

// adapt has fewer messages on their way, half as many each time, where the receiver
// says that it is overloaded, and then with each that it takes one more.
func (t *target) adapt(status int) {
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		t.slowed = max(t.width()/2, 1)
	case status/100 == 2 && t.slowed > 0:
		if t.slowed++; t.slowed >= t.share(t.endpoint.MaxInFlight) {
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

// pump sends the ready messages of an endpoint, as many as may be in flight, or puts them
// back where it is closed or moving. e.mu is held.
func (e *Engine) pump(t *target) {
	for !t.dropped && !e.stopped && e.alive() {
		line := t.queue()
		if line == nil {
			return
		}
		// What is put back costs none of the rate: the probe needs it.
		open := !t.endpoint.Moving && ((*line)[0].probe || !e.closed[t.endpoint.ID])
		if open && t.limiter != nil && !t.limiter.Allow() {
			e.pumpLater(t)
			return
		}
		l := t.depart(line)
		e.work.Go(func() { e.deliver(t, l, open) })
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
