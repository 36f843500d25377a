package dashboard

import (
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// obstacle is what keeps a delivery that is pending from being sent.
type obstacle int

const (
	noObstacle obstacle = iota // its turn has come
	deletedEndpoint
	withholding // the endpoint may not be told of it
	pausedEndpoint
	disabledEndpoint
	movingEndpoint
	closedEndpoint
	othersAhead
	nextAttempt // is not due yet
)

func obstacleOf(d service.Delivery, p service.Prospect) obstacle {
	switch {
	case p.Endpoint == nil:
		return deletedEndpoint
	case p.Uncleared:
		return withholding
	case p.Endpoint.State == subscription.Paused:
		return pausedEndpoint
	case p.Endpoint.State == subscription.Disabled:
		return disabledEndpoint
	case p.Endpoint.Moving:
		return movingEndpoint
	case p.Health.Gate() != subscription.Open:
		return closedEndpoint
	case p.Ahead > 0:
		return othersAhead
	case d.NextAttemptAt != nil && d.NextAttemptAt.After(time.Now()):
		return nextAttempt
	}
	return noObstacle
}

// isResumed reports whether resuming the endpoint takes the obstacle away.
func (o obstacle) isResumed() bool {
	return o == pausedEndpoint || o == disabledEndpoint || o == closedEndpoint
}

// wait is what [outlook] says of a delivery that is pending, short enough for a row: Text, then
// what it waits for, then what keeps that, and a time.
type wait struct {
	Text string
	Path string // where what it waits for can be seen, and by which words; "" for nowhere
	Link string
	Then string
	At   *time.Time
}

// waitOf returns what a delivery waits for, nil where it does not.
func waitOf(d service.Delivery, p service.Prospect) *wait {
	if d.State != store.Pending {
		return nil
	}
	switch obstacleOf(d, p) {
	case deletedEndpoint:
		return &wait{Text: "endpoint deleted"}
	case withholding:
		return &wait{Text: "to be withheld: " + uncleared}
	case pausedEndpoint:
		return &wait{Text: "endpoint paused"}
	case disabledEndpoint:
		return &wait{Text: "endpoint disabled"}
	case movingEndpoint:
		return &wait{Text: "being put in the order of its case"}
	case closedEndpoint:
		if p.Ahead == 0 {
			return &wait{Text: "endpoint is probed; next probe", At: p.Health.ProbeAt}
		}
		w := waitBehind(p)
		w.Then = "; the endpoint is probed"
		return w
	case othersAhead:
		return waitBehind(p)
	case nextAttempt:
		return &wait{Text: "next attempt", At: d.NextAttemptAt}
	}
	return &wait{Text: "its turn has come"}
}

// waitBehind is a wait for what comes first.
func waitBehind(p service.Prospect) *wait {
	if p.First == nil {
		return &wait{Text: "behind an earlier event"}
	}
	return &wait{Text: "behind", Path: "/deliveries/" + p.First.DeliveryID, Link: fmt.Sprintf("event %d", p.First.Sequence)}
}

// sentWhen says when a message is sent that is put in line, where that is not at once; else "".
func sentWhen(d service.Delivery, p service.Prospect) string {
	switch obstacleOf(d, p) {
	case pausedEndpoint:
		return " The endpoint is paused: it is sent once that is resumed."
	case disabledEndpoint:
		return " The endpoint is disabled: it is sent once that is resumed."
	case movingEndpoint:
		return " What waits for the endpoint is being put in the order of its case: it is sent once that is done."
	case closedEndpoint:
		return " The endpoint fails and is only probed: it is sent once that takes messages again, or is resumed."
	}
	return ""
}
