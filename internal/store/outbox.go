package store

import (
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// Outbox takes what is to be sent.
//
// Hand is called by the writer, one call after the other in the order of the
// commits, and must not wait: only so does the outbox see what becomes of a lane
// in the order in which the database does.
type Outbox interface {
	// Accepts reports whether messages to the endpoint can be handed over. Those that
	// cannot wait in the table.
	Accepts(endpoint *subscription.Endpoint) bool
	// Hand gives over messages of one lane of the endpoint, which is now this process's own.
	Hand(endpoint *subscription.Endpoint, messages []Message)
	// Waiting says that messages to the endpoint, which is active, wait in the table.
	Waiting(endpointID string)
}

// Message is a delivery with all that it takes to send it.
type Message struct {
	DeliveryID     string
	OrganizationID string
	EndpointID     string
	Lane           string     // in which it waits: the case, or without order the delivery
	Sequence       int64      // 1, 2, 3 … of what the endpoint is sent of the case
	Tries          int        // that were made
	Deferred       int        // of those, how many cost none of the schedule
	Linked         bool       // documents go as links, whatever the endpoint asks for
	ReplayID       string     // of the replay that sends it again, "" for none
	DueAt          *time.Time // of the next try, where one failed
	Event          caselog.Event
	Case           *caselog.Case // as of the event
	Key            *vault.Key    // of the case
}

// laneUse is what a change adds to one lane.
type laneUse struct {
	endpoint *subscription.Endpoint
	lane     string
	accepted bool // to be handed over at once, if nothing waits before it
	messages []Message

	last  int64  // the sequence of the last message; written by the writer
	owner string // of the lane; written by the writer
}

// lanesOf returns what the events add to which lanes.
func lanesOf(org *organization, key *vault.Key, events []caselog.Event, states []*caselog.Case, outbox Outbox) []*laneUse {
	var lanes []*laneUse
	activities := make([]caseupdate.Activity, len(events))
	for i, e := range events {
		activities[i] = e.Activity()
	}
	for _, endpoint := range org.endpoints {
		var use *laneUse
		for i, e := range events {
			if !endpoint.Receives(activities[i]) {
				continue
			}
			if use == nil {
				accepted := endpoint.Receiving() && outbox != nil && outbox.Accepts(endpoint)
				use = &laneUse{endpoint: endpoint, lane: e.CaseID, accepted: accepted}
				lanes = append(lanes, use)
			}
			m := Message{
				DeliveryID:     newID(),
				OrganizationID: endpoint.OrganizationID,
				EndpointID:     endpoint.ID,
				Event:          e,
				Case:           states[i],
				Key:            key,
			}
			m.Lane = laneOf(endpoint, m.DeliveryID, e.CaseID)
			use.messages = append(use.messages, m)
		}
	}
	return lanes
}

// handOver tells the outbox what is to be sent, once the change is on disk. Node is
// the name under which this process has lanes. Left is whether there are lanes that
// it does not take.
func (c *change) handOver(node string) (left bool) {
	for _, use := range c.lanes {
		switch {
		case !use.endpoint.Receiving(): // its owner will say when, or it is told of again
		case !use.accepted || node == "":
			left = true
			if c.outbox != nil {
				c.outbox.Waiting(use.endpoint.ID)
			}
		case use.owner != node: // its turn comes when the lane is due, or another node is done
		case use.ordered():
			c.outbox.Hand(use.endpoint, use.messages)
		default:
			for i := range use.messages {
				c.outbox.Hand(use.endpoint, use.messages[i:i+1])
			}
		}
	}
	return left
}

// ordered reports whether the messages of the lane wait for each other.
func (use *laneUse) ordered() bool { return use.endpoint.Ordering != subscription.OrderingNone }
