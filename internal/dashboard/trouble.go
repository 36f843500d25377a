package dashboard

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// troubleRow is an endpoint with which something is wrong.
type troubleRow struct {
	Endpoint endpointName
	condition
	LastAnswer string     // to the last attempt, which failed; "" where that did not
	LastAt     *time.Time // when that was
	Waiting    string     // how many messages wait; "" for none
	Oldest     *time.Time // since when the first of them waits
	GivenUp    *time.Time // when a message last failed for good; nil: none has since it was resumed
}

func troubleOf(endpoint endpointName, c service.Condition) troubleRow {
	endpoint.Anchor = "endpoint-" + endpoint.ID
	row := troubleRow{
		Endpoint:  endpoint,
		condition: conditionOf(c),
		LastAt:    c.Health.FailedAt,
		Waiting:   waiting(c.Backlog),
		Oldest:    c.Backlog.Since,
		GivenUp:   c.Health.FlaggedAt,
	}
	if c.Health.FailedAt != nil {
		row.LastAnswer = answered(c.Health.StatusCode)
	}
	return row
}

// failedRow is a message that failed for good.
type failedRow struct {
	deliveryRow
	LastAnswer string
	Attempts   string
}

func failedOf(row deliveryRow) failedRow {
	row.Endpoint.Anchor = "to-" + row.ID
	return failedRow{row, answered(row.LastStatusCode), counted(int64(row.Tries), "attempt")}
}

// condition is how an endpoint is, in words for people.
type condition struct {
	State string     // active, behind, paused, flagged, failing or disabled
	Why   string     // what that means; "" where all is well
	Since *time.Time // nil where it is not known
	Next  *time.Time // when it is probed; nil where it is not
}

func conditionOf(c service.Condition) condition {
	h := c.Health
	switch {
	case c.Endpoint.State == subscription.Disabled:
		return condition{State: "disabled", Why: "It answered 410, and is sent nothing until it is resumed.", Since: h.FailedAt}
	case c.Endpoint.State == subscription.Paused:
		return condition{State: "paused", Why: "It is sent nothing until it is resumed.", Since: c.Endpoint.StateAt}
	case h.Gate() != subscription.Open:
		return condition{State: "failing", Why: inARow(h.Failures) + " It is probed with one message at a time.", Since: h.ClosedAt, Next: h.ProbeAt}
	case h.Failures > 0:
		return condition{State: "failing", Why: inARow(h.Failures)}
	case h.FlaggedAt != nil:
		return condition{State: "flagged", Why: "A message was given up. Retry what failed, and resume the endpoint to clear the flag.", Since: h.FlaggedAt}
	case c.Backlog.Since != nil && time.Since(*c.Backlog.Since) > time.Minute:
		return behindOf(c)
	}
	return condition{State: "active"}
}

// behindOf tells of an endpoint for which messages wait longer than a minute.
func behindOf(c service.Condition) condition {
	switch last := c.LastAnswer; {
	case last == nil:
		return condition{State: "behind", Why: "It has not answered yet, and messages wait longer than a minute."}
	case last.StatusCode/100 != 2:
		return condition{State: "behind", Why: "Resumed, and not answered yet. Its last answer: " + answered(last.StatusCode) + ".", Since: c.Endpoint.StateAt}
	}
	return condition{State: "behind", Why: "It takes what it is sent, but messages wait longer than a minute."}
}

// inARow tells of attempts that failed with no success between them.
func inARow(failures int) string {
	if failures == 1 {
		return "The last attempt failed."
	}
	return fmt.Sprintf("The last %s attempts failed.", count(int64(failures)))
}

// answered tells how an attempt was answered; 0: it was not.
func answered(status int) string {
	if status == 0 {
		return "No answer"
	}
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}

// waiting tells how many messages wait, "" for none.
func waiting(b service.Backlog) string {
	switch {
	case b.Messages == 0:
		return ""
	case b.Messages >= service.MaxBacklog:
		return count(service.MaxBacklog) + "+"
	}
	return count(b.Messages)
}
