package dashboard

import (
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// outlook says in words what becomes of a delivery: Text, a time, and more about it.
type outlook struct {
	Tone string // as of a badge
	Text string
	At   *time.Time
	Then string
	Path string // where what it waits for can be seen, and by which words
	Link string
	Soon bool // something becomes of it at any moment
}

// refresh returns in how many seconds there may be something new, 0 where nothing is expected.
func (o outlook) refresh() int {
	switch {
	case o.Soon:
		return 2
	case o.Tone == "wait" && o.At != nil:
		return 2 + max(0, int(time.Until(*o.At).Seconds()))
	}
	return 0
}

// outlookOf says what becomes of a delivery. By is who gave it up, "" where that is not known.
func outlookOf(d deliveryRow, by string) outlook {
	switch d.Delivery.State {
	case store.Delivered:
		return outlook{Tone: "good", Text: fmt.Sprintf("The endpoint took it at attempt %d,", d.Tries), At: d.FinishedAt, Then: "Nothing more is sent."}
	case store.Failed:
		return outlook{Tone: "bad", Text: fmt.Sprintf("It failed for good after %s,", counted(int64(d.Tries), "attempt")), At: d.FinishedAt, Then: "Nothing more is sent by itself: send it again when the endpoint is mended."}
	case store.Canceled:
		return canceled(d, d.prospect, by)
	case store.Sending:
		return outlook{Tone: "busy", Text: fmt.Sprintf("Attempt %d is under way.", d.Tries+1), Soon: true}
	}
	return pending(d, d.prospect)
}

// canceled says why a delivery was canceled.
func canceled(d deliveryRow, p service.Prospect, by string) outlook {
	o := outlook{Tone: "quiet", Text: "It was canceled,", At: d.FinishedAt, Then: "It was given up, and its lane went on without it."}
	switch {
	case d.Withheld:
		o.Text = "It was withheld,"
		o.Then = withheldThen(d, p)
		if p.Uncleared {
			o.Path, o.Link = "/endpoints/"+d.EndpointID, "The endpoint"
		}
	case by != "":
		o.Then = "It was given up by " + by + ", and its lane went on without it."
	case d.ShortID == "":
		o.Then = "Its case was erased."
	case p.Endpoint == nil:
		o.Then = "Its endpoint was deleted."
	}
	return o
}

// withheldThen says why a delivery was withheld, and whether it can be sent now.
func withheldThen(d deliveryRow, p service.Prospect) string {
	then := "Never sent: the"
	if d.Made() > 0 {
		then = "The"
	}
	switch {
	case p.Uncleared:
		return then + " endpoint is not cleared for what is restricted. Once it is, this can be sent again."
	case p.Endpoint == nil || d.ShortID == "":
		return then + " endpoint was not cleared for what is restricted."
	}
	return then + " endpoint was not cleared for what is restricted. It is now, and this can be sent again."
}

// pending says what a delivery waits for.
func pending(d deliveryRow, p service.Prospect) outlook {
	o := outlook{Tone: "wait", Path: "/endpoints/" + d.EndpointID, Link: "The endpoint"}
	switch obstacleOf(d.Delivery, p) {
	case deletedEndpoint:
		return outlook{Tone: "quiet", Text: "Its endpoint was deleted: it is canceled."}
	case withholding:
		o.Text = "It waits for its turn, and is withheld then, unless the endpoint is cleared for what is restricted before."
		return o
	case pausedEndpoint:
		o.Text = "It waits: the endpoint is paused. It is sent, in order, once that is resumed."
		return o
	case disabledEndpoint:
		o.Text = "It waits: the endpoint is disabled, as it answered 410. It is sent, in order, once that is resumed."
		return o
	case movingEndpoint:
		o.Text = "It waits: what waits for the endpoint is being put in the order of its cases."
		return o
	case closedEndpoint:
		o.Text, o.At = "It waits: the endpoint fails, and is only probed, by one message at a time. Next probe", p.Health.ProbeAt
		o.Then = "When that succeeds, or the endpoint is resumed, what waits is sent in order."
		if p.Ahead > 0 {
			o.Then += fmt.Sprintf(" %s of the case come%s first.", ahead(p), plural(p.Ahead, "s", ""))
		}
		return o
	case othersAhead:
		return behind(p)
	case nextAttempt:
		spent := d.Tries - d.Deferred
		o = outlook{Tone: "wait", Text: "Next attempt", At: d.NextAttemptAt, Then: fmt.Sprintf("It is number %d of %d.", spent+1, subscription.MaxTries)}
		if spent >= subscription.MaxTries {
			o.Then = "It is the last one."
		}
		return o
	}
	return outlook{Tone: "wait", Text: "It is its turn: it is sent as soon as the endpoint has room for it.", Soon: true}
}

// behind says what a delivery waits for that comes before it in its lane.
func behind(p service.Prospect) outlook {
	o := outlook{Tone: "wait", Text: fmt.Sprintf("It waits behind %s of the case.", ahead(p))}
	if p.First == nil { // nothing may be told of it
		return o
	}
	o.Path, o.Link = "/deliveries/"+p.First.DeliveryID, "What it waits for: "+told(p.First.EventType)
	if p.First.DueAt != nil && p.First.DueAt.After(time.Now()) {
		o.Text = fmt.Sprintf("It waits behind %s of the case, of which the first is attempted", ahead(p))
		o.At = p.First.DueAt
	}
	return o
}

// ahead says how many deliveries come first.
func ahead(p service.Prospect) string {
	if p.Ahead == store.MaxAhead {
		return fmt.Sprintf("%d earlier events or more", p.Ahead)
	}
	return counted(int64(p.Ahead), "earlier event")
}

// plural returns what belongs to one, or to many.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
