package webhook

import (
	"context"
	"net/http"
	"strconv"

	"github.com/casehook/casehook/caseupdate"
)

// Message is what is known of a message beside its payload.
type Message struct {
	// ID is the event's id, the webhook-id: the same over retries and replays.
	ID string
	// CaseID is the case; empty where an unknown event has none.
	CaseID string
	// Sequence counts 1, 2, 3 … over what the endpoint is sent of the case; 0 where it is not told, as by
	// the Feed.
	Sequence int64
	// Attempt counts the attempts at this delivery, 1, 2, 3 …; 0 where it is not told, as by the Feed.
	Attempt int64
	// Body is the whole body as it came, with what this version does not know: see
	// [caseupdate.UnknownFields]. It must not be changed.
	Body []byte
}

// messageKey is the key of a *Message in a context.
type messageKey struct{}

// MessageOf returns the message for which a function of a [Receiver] was called, by the context that it was
// given; the zero Message for any other context.
func MessageOf(ctx context.Context) Message {
	m, _ := ctx.Value(messageKey{}).(Message)
	return m
}

// message is a Message that was verified and read.
type message struct {
	Message
	lane   string // the case; what has none is in a lane of its own
	update *caseupdate.Update
}

// message tells what update is by its body, as far as it says so, and else by h: only the body, and
// with Verifier the id, is signed.
func (r *Receiver) message(h http.Header, body []byte, update *caseupdate.Update) *message {
	m := &message{
		Message: Message{ID: h.Get(HeaderID), CaseID: h.Get(HeaderCaseID), Attempt: count(h, HeaderAttempt), Body: body},
		update:  update,
	}
	if inBody := update.Activity().ID; len(r.Verifier.Secrets) == 0 && inBody != "" {
		m.ID = inBody
	}
	if c := update.Case(); c != nil && c.ID != "" {
		m.CaseID = c.ID
	}
	if m.lane = "id " + m.ID; m.CaseID != "" {
		m.lane = "case " + m.CaseID
		m.Sequence = count(h, HeaderSequence)
	}
	return m
}

// count returns a header that counts from 1; 0 where it does not.
func count(h http.Header, name string) int64 {
	n, err := strconv.ParseInt(h.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
