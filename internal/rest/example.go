package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/render"
	samples "github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// exampleSecret signs the examples. It is shown with them, and signs nothing else.
const exampleSecret = "whsec_dGhlIHNlY3JldCBvZiBhbiBleGFtcGxl"

// exampleTime is when all that the examples tell of happened.
var exampleTime = time.Date(2026, time.November, 23, 14, 5, 6, 789e6, time.UTC)

// example is the webhook of an event of a made-up case, as an endpoint is sent it. It is the same
// one each time.
type example struct {
	id, caseID string
	body       json.RawMessage
}

// exampleOf returns the example of a known event in a payload mode.
func exampleOf(name caseupdate.Event, payload subscription.Payload) (example, error) {
	ids := 0
	newID := func() string {
		ids++
		return fmt.Sprintf("01a208b9-8965-7000-8000-%012x", ids) // UUIDv7 of exampleTime
	}
	event, state, err := samples.Of(name, exampleTime, newID)
	if err != nil {
		return example{}, err
	}
	rendered, err := render.New(nil).Body(event, state, nil, render.Options{
		Payload: payload, Clearance: subscription.Clearance{PHI: true, Restricted: true},
	})
	if err != nil {
		return example{}, err
	}
	body, whole := rendered.Bytes()
	if !whole {
		return example{}, fmt.Errorf("the sample of %s has a document", name)
	}
	return example{event.ID, event.CaseID, body}, nil
}

// mustExampleOf is exampleOf where a document is made: of constants and types alone.
func mustExampleOf(name caseupdate.Event) example {
	e, err := exampleOf(name, subscription.PayloadEvent)
	if err != nil {
		panic(fmt.Sprintf("rest: make an example of %s: %v", name, err))
	}
	return e
}

// header returns the headers of the first attempt to send e.
func (e example) header() (map[string]string, error) {
	secret, err := webhook.ParseSecret(exampleSecret)
	if err != nil {
		return nil, err
	}
	signer, err := webhook.NewSigner([]webhook.Secret{secret}, e.id, exampleTime)
	if err != nil {
		return nil, err
	}
	_, _ = signer.Write(e.body) // it never fails
	signed := http.Header{}
	signer.SetHeader(signed)
	signed.Set(webhook.HeaderCV, webhook.SignCV(exampleSecret, e.body))
	signed.Set(webhook.HeaderCaseID, e.caseID)
	signed.Set(webhook.HeaderSequence, "1")
	signed.Set(webhook.HeaderAttempt, "1")

	header := map[string]string{}
	for _, parameter := range webhookHeaders {
		header[parameter.Name] = signed.Get(parameter.Name)
	}
	return header, nil
}

// caseExample returns a case in a payload mode, as the last event of the made-up case shows it.
func caseExample(payload subscription.Payload) (json.RawMessage, error) {
	e, err := exampleOf(caseupdate.EventReopenCase, payload)
	if err != nil {
		return nil, err
	}
	var body struct {
		Payload struct{ Case json.RawMessage }
	}
	if err := json.Unmarshal(e.body, &body); err != nil {
		return nil, err
	}
	if body.Payload.Case == nil {
		return nil, errors.New("the sample has no case")
	}
	return body.Payload.Case, nil
}
