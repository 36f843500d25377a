package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

const (
	// DefaultMaxBody is how many bytes of a body a [Receiver] reads where it does not say otherwise.
	DefaultMaxBody = 64 << 20
	// DefaultHold is how long a [Receiver] holds a message that comes before its turn where it does
	// not say otherwise.
	DefaultHold = 2 * time.Second
)

// keepTimeout is how long the store may take to keep what was handled. The request may be over by
// then: what is not kept is handled again.
const keepTimeout = 5 * time.Second

// Receiver is an endpoint: an [http.Handler] that verifies each message, and calls the function that
// [On] gave for its event, once for each webhook-id and in the order of each case.
//
//	receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}}}
//	webhook.On(receiver, func(ctx context.Context, p *caseupdate.AddCaseDecision) error {
//		return decided(ctx, p.Case.ID, p.Decision.IsApproved)
//	})
//	http.Handle("/hooks", receiver)
//
// # What is promised
//
// At least once. A message is answered 2xx only when its function has returned nil and the Store has
// kept its id; until then casehook sends it again. Where the process ends, or the Store fails, between
// the two, the function is called again for the same event. A function that must not act twice keeps
// the event's id, payload.Activity.ID, in the transaction in which it acts.
//
// In order. Functions of one case are called one at a time, in the order of casehook-sequence; those of
// different cases at the same time. A message that comes before its turn is held for a moment, until
// what is missing has come. If it does not come, the Feed is asked for it, and then the receiver goes on:
// no case is stuck for ever. What was missing and comes later all the same is handled when it comes.
// A Receiver in several processes holds the order where the endpoint's ordering is "case", as by
// default: then casehook sends the events of a case one at a time.
//
// The headers casehook-case-id and casehook-sequence are not signed. Who could change them on their way
// could change the order, but nothing that is in a message.
//
// # What is answered
//
// 204 to what was handled, now or before, or needs no handling; 400 to a body that is cut short or is no
// case update; 401 to what does not verify; 405 to what is not a POST; 413 to a body larger than MaxBody,
// after which casehook sends links in place of documents; 500 where a function returned an error or
// panicked, or the Receiver has no secret; 503 where the Store failed or panicked, a hole could not be filled
// yet, or a message before this one failed while it waited. No answer has anything of the message or of the
// error in it.
//
// The zero Receiver refuses all: set Verifier.Secrets, or CVSecrets. A Receiver is safe for concurrent use
// once it serves, as long as its fields stay as they are, and must not be copied. It starts no goroutine.
type Receiver struct {
	// Verifier has the secrets, the tolerance and the clock for [HeaderSignature].
	Verifier Verifier
	// CVSecrets are the secrets for [HeaderCV], each as it was shown. Where Verifier has secrets too,
	// both signatures must verify. By this one alone, a message caught on its way can be sent again;
	// its id is then taken from its body, which is signed, so that it is known again.
	CVSecrets []string
	// Store remembers what was handled, of this endpoint alone; nil means a [MemoryStore] of its own, which
	// forgets with the process.
	Store Store
	// Feed returns the events of a case after a place in casehook's log, 0 for all, oldest first, each in the
	// form of a body: [FeedClient.CaseEvents], mostly. It is asked for what is missing where a message was held
	// in vain; more than 1,000 events, or 64 MiB, are not taken from it for one message. It may return what is
	// before that place, too. nil means that nobody is asked.
	Feed func(ctx context.Context, caseID string, after int64) iter.Seq2[[]byte, error]
	// Fallback is called for each event for which [On] gave no function, known or not. nil means that
	// those are answered 2xx and nothing else.
	Fallback func(ctx context.Context, update *caseupdate.Update) error
	// MaxBody is how many bytes a body may have; zero means [DefaultMaxBody].
	MaxBody int64
	// Hold is how long a message waits for those before it; zero means [DefaultHold], less than zero
	// not at all. It is part of the endpoint's timeoutSeconds.
	Hold time.Duration
	// Logger is told why a message was answered 5xx, with its event and id; nil means [slog.Default].
	// Errors of functions are logged as they are: keep patients out of them.
	Logger *slog.Logger

	functions map[caseupdate.Event]function // what On gave; that of *UnknownEvent under ""
	lanes     lanes
	remember  sync.Once
	memory    *MemoryStore // where Store is nil; made by store
}

// function is one that On gave, for a payload of its type.
type function func(context.Context, caseupdate.Payload) error

// On has f called for each event whose payload is a P: a pointer to one of the types of package
// caseupdate, such as *caseupdate.AddCaseDecision, or *caseupdate.UnknownEvent for the events that this
// version does not know. The context is that of the request, which ends when casehook gives up waiting;
// [MessageOf] tells more by it.
//
// The message is answered 2xx if f returns nil. If it returns an error or panics, the message comes again.
// In the meantime nothing else of its case does, where the endpoint's ordering is "case", as by default. Where
// it is "none", what waits behind the message at that moment is answered 503, and comes again too; what comes
// after that is held, as where a message is missing, and then goes on.
//
// On is called before r serves. It panics where P is of no event, or has a function already.
func On[P caseupdate.Payload](r *Receiver, f func(ctx context.Context, payload P) error) {
	event := eventOf[P]()
	if _, twice := r.functions[event]; twice {
		panic(fmt.Sprintf("webhook: two functions for %T", *new(P)))
	}
	if r.functions == nil {
		r.functions = make(map[caseupdate.Event]function)
	}
	r.functions[event] = func(ctx context.Context, payload caseupdate.Payload) error { return f(ctx, payload.(P)) }
}

// eventOf returns the event whose payload is a P; "" for an unknown one.
func eventOf[P caseupdate.Payload]() caseupdate.Event {
	var events []caseupdate.Event
	if _, unknown := any(*new(P)).(*caseupdate.UnknownEvent); unknown {
		events = append(events, "")
	}
	for _, event := range caseupdate.Events() {
		if _, own := event.NewPayload().(P); own {
			events = append(events, event)
		}
	}
	if len(events) != 1 { // an interface, or a type that embeds a payload
		panic("webhook: On wants a function of a pointer to a payload type of package caseupdate")
	}
	return events[0]
}

// refusal is an error with the status and the text that it is answered with.
type refusal struct {
	status int
	text   string
	cause  error // for the log; nil where the text says it all
}

func (r *refusal) Unwrap() error { return r.cause }

func (r *refusal) Error() string {
	if r.cause == nil {
		return r.text
	}
	return fmt.Sprintf("%s: %v", r.text, r.cause)
}

// ServeHTTP takes a message and answers it when it is handled.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	m, err := r.read(w, request)
	if err == nil {
		err = r.take(request.Context(), m)
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer, ok := errors.AsType[*refusal](err)
	if !ok { // the request is over
		answer = &refusal{status: http.StatusServiceUnavailable, text: "the message waited too long", cause: err}
	}
	if answer.status >= http.StatusInternalServerError {
		r.log(request.Context(), m, answer)
	}
	if answer.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, answer.text, answer.status)
}

// read reads a message and verifies it.
func (r *Receiver) read(w http.ResponseWriter, request *http.Request) (*message, error) {
	if request.Method != http.MethodPost {
		return nil, &refusal{status: http.StatusMethodNotAllowed, text: "webhooks come by POST"}
	}
	limit := r.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, limit))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &refusal{status: http.StatusRequestEntityTooLarge, text: "the body is too large"}
	}
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, text: "the body was cut short"}
	}
	switch err := r.verify(request.Header, body); {
	case errors.Is(err, ErrBadSecret):
		return nil, &refusal{http.StatusInternalServerError, "the receiver has no secret to verify by", err}
	case err != nil:
		return nil, &refusal{status: http.StatusUnauthorized, text: err.Error()}
	}
	update, err := caseupdate.Parse(body)
	if err != nil {
		return nil, &refusal{status: http.StatusBadRequest, text: err.Error()}
	}
	m := r.message(request.Header, body, update)
	if m.ID == "" {
		return nil, &refusal{status: http.StatusBadRequest, text: "the message has no id"}
	}
	return m, nil
}

func (r *Receiver) verify(h http.Header, body []byte) error {
	if len(r.Verifier.Secrets) > 0 || len(r.CVSecrets) == 0 {
		if err := r.Verifier.Verify(h, body); err != nil {
			return err
		}
	}
	if len(r.CVSecrets) > 0 {
		return VerifyCV(h, body, r.CVSecrets...)
	}
	return nil
}

// take handles m when it is its turn, and returns nil if it is handled, now or before.
func (r *Receiver) take(ctx context.Context, m *message) error {
	place := r.lanes.enter(m.lane, m.Sequence)
	defer place.leave()
	hold := r.Hold
	if hold == 0 {
		hold = DefaultHold
	}
	held := time.NewTimer(hold)
	defer held.Stop()
	for {
		moved, handled, err := r.takeTurn(ctx, m, place)
		if handled || err != nil {
			return err
		}
		select {
		case <-moved:
		case <-held.C:
			place.goOn()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// takeTurn tries to handle m with the turn of the lane, and gives the turn back whatever becomes of it: a
// function may end its goroutine. Where m must wait, moved is closed when it may have to look again.
func (r *Receiver) takeTurn(ctx context.Context, m *message, place *place) (moved <-chan struct{}, handled bool, err error) {
	if err := place.takeTurn(ctx); err != nil {
		return nil, false, err
	}
	defer place.giveTurn()
	failed := true // as long as nothing says that it did not
	defer func() {
		if failed {
			place.fail()
		}
	}()
	moved = place.moved() // before the look at the lane, so that nothing is missed after it
	handled, err = r.tryToHandle(ctx, m, place)
	failed = err != nil
	return moved, handled, err
}

// tryToHandle handles m, or reports that it must wait for what comes before it. It is called with the
// turn of the lane.
func (r *Receiver) tryToHandle(ctx context.Context, m *message, place *place) (handled bool, err error) {
	seen, last, err := r.look(ctx, m.ID, m.CaseID)
	if err != nil {
		return false, &refusal{http.StatusServiceUnavailable, "the store of what was handled cannot be read", err}
	}
	if seen {
		// It was kept without its sequence where it came from the feed, and by another one where it is replayed.
		if m.Sequence-1 == last {
			return true, r.keep(ctx, m.ID, m.CaseID, m.Sequence)
		}
		return true, nil
	}
	if m.Sequence-1 > last {
		if place.isBehind() {
			return false, &refusal{status: http.StatusServiceUnavailable, text: "a message before this one failed"}
		}
		if !place.goesOn() {
			return false, nil
		}
		if err := r.fill(ctx, m, last); err != nil {
			return false, err
		}
	}
	if err := r.call(ctx, m.Message, m.update); err != nil {
		return false, &refusal{http.StatusInternalServerError, "the function for this event failed", err}
	}
	return true, r.keep(ctx, m.ID, m.CaseID, m.Sequence)
}

// look looks a message up in the store, and makes an error of a panic.
func (r *Receiver) look(ctx context.Context, id, caseID string) (seen bool, last int64, err error) {
	defer caught(&err)
	return r.store().Look(ctx, id, caseID)
}

// keep has the store remember what was handled, though the request be over. It makes an error of a panic.
func (r *Receiver) keep(ctx context.Context, id, caseID string, sequence int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	err := func() (err error) {
		defer caught(&err)
		return r.store().Keep(ctx, id, caseID, sequence)
	}()
	if err != nil {
		return &refusal{http.StatusServiceUnavailable, "the store of what was handled cannot be written", err}
	}
	return nil
}

// call calls the function for update, and makes an error of a panic.
func (r *Receiver) call(ctx context.Context, m Message, update *caseupdate.Update) (err error) {
	ctx = context.WithValue(ctx, messageKey{}, m)
	defer caught(&err)
	event := update.Event
	if _, unknown := update.Payload.(*caseupdate.UnknownEvent); unknown {
		event = ""
	}
	switch f := r.functions[event]; {
	case f != nil:
		return f(ctx, update.Payload)
	case r.Fallback != nil:
		return r.Fallback(ctx, update)
	}
	return nil
}

// panicked is what became of a function, of the Store or of the Feed.
type panicked struct {
	value any
	stack []byte
}

// caught makes an error of a panic, where it is deferred.
func caught(err *error) {
	if value := recover(); value != nil {
		*err = &panicked{value, debug.Stack()}
	}
}

// Error shows the value of the panic only where the runtime made it: another may hold anything.
func (p *panicked) Error() string {
	if err, ok := p.value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic with a %T", p.value)
}

func (r *Receiver) log(ctx context.Context, m *message, err error) {
	logger := r.Logger
	if logger == nil {
		logger = slog.Default()
	}
	attributes := []slog.Attr{slog.String("error", err.Error())}
	if m != nil {
		attributes = append(attributes, slog.String("event", string(m.update.Event)), slog.String("id", m.ID))
	}
	if p, ok := errors.AsType[*panicked](err); ok {
		attributes = append(attributes, slog.String("stack", string(p.stack)))
	}
	logger.LogAttrs(ctx, slog.LevelError, "webhook: message refused", attributes...)
}

// store returns Store, or the one in memory that stands in for it.
func (r *Receiver) store() Store {
	if r.Store != nil {
		return r.Store
	}
	r.remember.Do(func() { r.memory = NewMemoryStore(0) })
	return r.memory
}
