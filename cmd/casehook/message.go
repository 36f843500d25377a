package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// message is a webhook that is to be sent.
type message struct {
	id, caseID string
	sequence   int
	attempt    int
	body       []byte
}

// newSample returns a webhook of an event of a made-up case, the first one of that case.
func newSample(event caseupdate.Event, payload subscription.Payload, at time.Time) (message, error) {
	return newSampleFor(subscription.Clearance{PHI: true, Restricted: true}, event, payload, at)
}

// newSampleFor is newSample as an endpoint with that clearance is sent it.
func newSampleFor(cleared subscription.Clearance, event caseupdate.Event, payload subscription.Payload, at time.Time) (message, error) {
	e, state, err := sample.Of(event, at.UTC().Truncate(time.Millisecond), newID)
	if err != nil {
		return message{}, err
	}
	rendered, err := render.New(nil).Body(e, state, nil, render.Options{
		Payload:   payload,
		Clearance: cleared,
	})
	if err != nil {
		return message{}, err
	}
	body, whole := rendered.Bytes()
	if !whole {
		return message{}, fmt.Errorf("the sample of %s has a document", event)
	}
	return message{id: e.ID, caseID: e.CaseID, sequence: 1, attempt: 1, body: body}, nil
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// with returns m with the value at a path of the body replaced.
func (m message) with(path string, value any) (message, error) {
	raw, ok := value.(json.RawMessage)
	if !ok {
		var err error
		if raw, err = jsonText(value); err != nil {
			return message{}, err
		}
	}
	body, err := set(m.body, path, raw)
	if err != nil {
		return message{}, fmt.Errorf("%s: %w", path, err)
	}
	m.body = body
	return m, nil
}

// known returns m with the ids that its body has now, where it has any.
func (m message) known() (message, error) {
	var body struct {
		Payload struct {
			Case, Activity struct{ ID string }
		}
	}
	if json.Unmarshal(m.body, &body) != nil {
		return m, nil // what was set need not be of the format
	}
	m.id, m.caseID = cmp.Or(body.Payload.Activity.ID, m.id), cmp.Or(body.Payload.Case.ID, m.caseID)
	if strings.ContainsFunc(m.id+m.caseID, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) {
		return message{}, errors.New("the ids of the case and of the activity must be visible ASCII without a full stop")
	}
	return m, nil
}

// next returns m as the next event of its case, with an id of its own.
func (m message) next() (message, error) {
	m.id = newID()
	m.sequence++
	return m.with("payload.activity.id", m.id)
}

// again returns m as it is sent when it was not acknowledged.
func (m message) again() message {
	m.attempt++
	return m
}

// sign returns the headers of m, signed at a time by all secrets, as casehook does.
func (m message) sign(by secrets, at time.Time) (http.Header, error) {
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "casehook/"+app.Version())
	if len(by.keys) > 0 || !by.cv {
		signer, err := webhook.NewSigner(by.keys, m.id, at)
		if err != nil {
			return nil, misuse{errors.New(plain(err))}
		}
		_, _ = signer.Write(m.body) // it never fails
		signer.SetHeader(header)
	} else {
		header.Set(webhook.HeaderID, m.id)
		header.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	}
	if symmetric := by.symmetric(); len(symmetric) > 0 {
		header.Set(webhook.HeaderCV, webhook.SignCV(symmetric[len(symmetric)-1], m.body))
	}
	header.Set(webhook.HeaderCaseID, m.caseID)
	header.Set(webhook.HeaderSequence, strconv.Itoa(m.sequence))
	header.Set(webhook.HeaderAttempt, strconv.Itoa(m.attempt))
	return header, nil
}

// unescape undoes the escapes that encoding/json makes and JavaScript does not. An escaped
// backslash comes first, so that none of it is taken for the start of another escape.
var unescape = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd")

// jsonText returns a value as JavaScript prints it.
func jsonText(value any) (json.RawMessage, error) {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return json.RawMessage(unescape.Replace(strings.TrimSuffix(text.String(), "\n"))), nil
}
