package subscription

import "time"

// An endpoint that failed MaxFailures times in a row is closed: it is sent nothing but
// probes, one at a time. The first comes after MinProbeWait; then each as long after
// the one before as the endpoint has been closed, at most MaxProbeWait; all within the
// jitter of the schedule.
const (
	MaxFailures  = 10
	MinProbeWait = 5 * time.Second
	MaxProbeWait = 10 * time.Minute
)

// Health is how an endpoint has answered of late. The zero value is well.
type Health struct {
	Failures  int        // in a row
	ClosedAt  *time.Time // since when it is closed; nil while it is open
	ProbeAt   *time.Time // when it may be probed next; nil while it is open
	Probing   bool       // a probe is on its way
	FlaggedAt *time.Time // when a message to it last failed for good; nil: none has since it was resumed

	FailedAt   *time.Time // when its last attempt failed, before it was resumed, too; nil where that did not
	StatusCode int        // what that was answered; 0: nothing
}

// Gate is whether messages may go to an endpoint.
type Gate string

// The gate is open, closed, or closed with a probe on its way.
const (
	Open    Gate = "open"
	Closed  Gate = "closed"
	Probing Gate = "probing"
)

// Gate returns whether messages may go to the endpoint.
func (h Health) Gate() Gate {
	switch {
	case h.ClosedAt == nil:
		return Open
	case h.Probing:
		return Probing
	}
	return Closed
}

// Next returns when a message may be sent next.
func (h Health) Next(now time.Time) time.Time {
	if h.ProbeAt != nil && h.ProbeAt.After(now) {
		return *h.ProbeAt
	}
	return now
}
