package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func (d *door) registerEndpoints() {
	handle(d, call{
		id: "createEndpoint", pattern: "POST /v1/endpoints", tag: tagEndpoints, summary: "Subscribe an endpoint",
		text: "The answer shows the secret that signs its messages, this once.", status: http.StatusCreated, located: true,
	}, d.createEndpoint)
	handle(d, call{id: "listEndpoints", pattern: "GET /v1/endpoints", tag: tagEndpoints, summary: "List endpoints"}, d.listEndpoints)
	handle(d, call{id: "getEndpoint", pattern: "GET /v1/endpoints/{id}", tag: tagEndpoints, summary: "Show an endpoint"}, d.getEndpoint)
	handle(d, call{
		id: "updateEndpoint", pattern: "PATCH /v1/endpoints/{id}", tag: tagEndpoints, summary: "Change an endpoint",
		text: "What is left out stays as it is. What is given replaces what was there, headers as a whole.",
	}, d.updateEndpoint)
	handle(d, call{
		id: "deleteEndpoint", pattern: "DELETE /v1/endpoints/{id}", tag: tagEndpoints, summary: "Unsubscribe an endpoint",
		text: "What was not delivered to it yet is canceled.", status: http.StatusNoContent,
	}, d.deleteEndpoint)
	handle(d, call{
		id: "pauseEndpoint", pattern: "POST /v1/endpoints/{id}/pause", tag: tagEndpoints, summary: "Pause an endpoint",
		text: "Its deliveries wait. One that is disabled stays so: 409.",
	}, d.pauseEndpoint)
	handle(d, call{
		id: "resumeEndpoint", pattern: "POST /v1/endpoints/{id}/resume", tag: tagEndpoints, summary: "Resume an endpoint",
		text: "All that waits for it is due now, in order, also what waits for its next attempt, whatever its state was. An endpoint that is disabled, or closed, is active and open again.",
	}, d.resumeEndpoint)
	handle(d, call{
		id: "rotateSecret", pattern: "POST /v1/endpoints/{id}/rotate-secret", tag: tagEndpoints, summary: "Give an endpoint a new secret",
		text: "The answer shows it, this once; of an ed25519 key, the public half. Until the overlap is over, messages are signed by the old ones, too.",
	}, d.rotateSecret)
	handle(d, call{
		id: "endOverlap", pattern: "POST /v1/endpoints/{id}/end-overlap", tag: tagEndpoints, summary: "End the old secrets of an endpoint",
		text: "Its old secrets sign nothing from now on; the newest stay.",
	}, d.endOverlap)
	handle(d, call{
		id: "testEndpoint", pattern: "POST /v1/endpoints/{id}/test", tag: tagEndpoints, summary: "Send an endpoint a sample",
		text: "A signed sample that is not recorded. Answers with what came of it.",
	}, d.testEndpoint)
}

// mask stands for a header's value, which is never shown again.
const mask = service.Mask

// EndpointPath names an endpoint.
type EndpointPath struct {
	EndpointID string `path:"id" doc:"The endpoint."`
}

// clearance is what an endpoint may be told. Nothing of it has a default: nobody
// is sent PHI because a default said so.
type clearance struct {
	PHI        bool `json:"phi" doc:"Whether it is sent what is marked isPHI, and who the submitter is; else that is blanked."`
	Restricted bool `json:"restricted" doc:"Whether it is sent what is marked isRestricted."`
}

// newEndpoint is the body of createEndpoint.
type newEndpoint struct {
	URL       string    `json:"url" maxLength:"2048" example:"https://partner.example/hooks"`
	Clearance clearance `json:"clearance"`
	EndpointSettings
}

// endpointChange is the body of updateEndpoint.
type endpointChange struct {
	URL       *string    `json:"url,omitempty" maxLength:"2048" example:"https://partner.example/hooks"`
	Clearance *clearance `json:"clearance,omitempty"`
	EndpointSettings
}

// EndpointSettings are what an endpoint has a default of. Nil is not given.
type EndpointSettings struct {
	Description    *string                 `json:"description,omitempty" maxLength:"500"`
	Events         []string                `json:"events,omitempty" maxItems:"19" doc:"Names of events. By default all of them, as an asterisk alone." example:"*"`
	Payload        *subscription.Payload   `json:"payload,omitempty" enum:"event,full" doc:"Which case is sent with an event: the basic one, the default, or the full one."`
	Documents      *subscription.Documents `json:"documents,omitempty" enum:"base64,url" doc:"How documents are sent: in base64, the default, or as signed links."`
	MaxInlineBytes clearable[int]          `json:"maxInlineBytes,omitempty" minimum:"0" maximum:"2000000000" doc:"How large a document may be to be sent in base64. A larger one is sent as a signed link. By default null: no limit."`
	Ordering       *subscription.Ordering  `json:"ordering,omitempty" enum:"case,none" doc:"Whether the messages of one case wait for each other: by default they do."`
	Signing        []subscription.Signing  `json:"signing,omitempty" maxItems:"2" enum:"standard,cv" doc:"How messages are signed: by default both ways."`
	Headers        map[string]string       `json:"headers,omitempty" doc:"Headers of every message, such as one that authenticates. The values are never shown again."`
	TimeoutSeconds *int                    `json:"timeoutSeconds,omitempty" minimum:"1" maximum:"60" doc:"How long an attempt may take. By default 15."`
	MaxInFlight    *int                    `json:"maxInFlight,omitempty" minimum:"1" maximum:"256" doc:"How many attempts may be under way at once. By default 32."`
	RateLimit      clearable[int]          `json:"rateLimit,omitempty" minimum:"1" maximum:"10000" doc:"How many attempts there may be in a second. By default null: no limit."`
}

// apply changes e by what is given.
func (s EndpointSettings) apply(e *subscription.Endpoint) {
	set(&e.Description, s.Description)
	set(&e.Payload, s.Payload)
	set(&e.Documents, s.Documents)
	set(&e.Ordering, s.Ordering)
	set(&e.MaxInFlight, s.MaxInFlight)
	if s.Events != nil {
		e.Events = s.Events
	}
	if s.Signing != nil {
		e.Signing = s.Signing
	}
	if s.Headers != nil {
		e.Headers = s.Headers
	}
	if s.TimeoutSeconds != nil {
		e.Timeout = time.Duration(*s.TimeoutSeconds) * time.Second
	}
	if s.RateLimit.given {
		e.RateLimit = s.RateLimit.value
	}
	if s.MaxInlineBytes.given {
		e.MaxInlineBytes = s.MaxInlineBytes.value
	}
}

// check refuses the mask as a header's value, or as the query of a URL: who sends back what
// was shown would lose what was not.
func (s EndpointSettings) check(url string) error {
	if strings.HasSuffix(url, "?"+mask) {
		return refusal.Field("url", "must have a query of its own: "+mask+" only stands for what is not shown")
	}
	for _, value := range s.Headers {
		if value == mask {
			return refusal.Field("headers", "must have values of their own: "+mask+" only stands for what is not shown")
		}
	}
	return nil
}

func set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

func (n newEndpoint) draft() *subscription.Endpoint {
	draft := subscription.New(n.URL, subscription.Clearance(n.Clearance))
	n.apply(draft)
	return draft
}

func (c endpointChange) apply(e *subscription.Endpoint) {
	set(&e.URL, c.URL)
	set(&e.Clearance, (*subscription.Clearance)(c.Clearance))
	c.EndpointSettings.apply(e)
}

// endpoint is an endpoint as it is shown: its secrets are not.
type endpoint struct {
	ID             string                 `json:"id"`
	State          subscription.State     `json:"state" enum:"active,paused,disabled" doc:"Paused by its owner, or disabled by its answers."`
	URL            string                 `json:"url" doc:"Whoever is no admin sees three asterisks in place of its query."`
	Description    string                 `json:"description"`
	Events         []string               `json:"events"`
	Payload        subscription.Payload   `json:"payload" enum:"event,full"`
	Documents      subscription.Documents `json:"documents" enum:"base64,url"`
	MaxInlineBytes *int                   `json:"maxInlineBytes"`
	Clearance      clearance              `json:"clearance"`
	Ordering       subscription.Ordering  `json:"ordering" enum:"case,none"`
	Signing        []subscription.Signing `json:"signing" enum:"standard,cv"`
	Headers        map[string]string      `json:"headers" doc:"With three asterisks in place of each value."`
	TimeoutSeconds int                    `json:"timeoutSeconds"`
	MaxInFlight    int                    `json:"maxInFlight"`
	RateLimit      *int                   `json:"rateLimit"`
	Secrets        []secret               `json:"secrets" doc:"What signs its messages, the newest first, without the secrets themselves."`
	Health         *health                `json:"health,omitempty" doc:"In the answers to GET and PATCH."`
	CreatedAt      caseupdate.Time        `json:"createdAt"`
	UpdatedAt      caseupdate.Time        `json:"updatedAt"`
	Secret         string                 `json:"secret,omitempty" doc:"What signs its messages, in the answer to its creation and to its rotation only."`
}

// secret is what signs, without what it signs with.
type secret struct {
	Algorithm service.Algorithm `json:"algorithm" enum:"hmac-sha256,ed25519"`
	PublicKey string            `json:"publicKey,omitempty" doc:"Of ed25519: what the receiver verifies by."`
	CreatedAt caseupdate.Time   `json:"createdAt"`
	ExpiresAt *caseupdate.Time  `json:"expiresAt" doc:"Null for the newest of its algorithm."`
}

// health is how an endpoint has answered of late.
type health struct {
	State       subscription.Gate `json:"state" enum:"open,closed,probing" doc:"Closed: it failed ten times in a row, and is sent one message at a time until it takes one. Probing: that is on its way."`
	Failures    int               `json:"failures" doc:"In a row."`
	ClosedAt    *caseupdate.Time  `json:"closedAt" doc:"Null while it is open."`
	NextProbeAt *caseupdate.Time  `json:"nextProbeAt" doc:"Null while it is open."`
	FlaggedAt   *caseupdate.Time  `json:"flaggedAt" doc:"When a message to it last failed for good; null where none has since it was resumed."`
}

// shown returns an endpoint with its health as it is now, to whoever calls.
func (d *door) shown(ctx context.Context, e *subscription.Endpoint) (endpoint, error) {
	shown := shownEndpoint(e)
	shown.URL = caller(ctx).URLOf(e)
	h, err := d.service.Health(ctx, e)
	shown.Health = &health{h.Gate(), h.Failures, at(h.ClosedAt), at(h.ProbeAt), at(h.FlaggedAt)}
	return shown, err
}

func shownEndpoint(e *subscription.Endpoint) endpoint {
	headers := make(map[string]string, len(e.Headers))
	for name := range e.Headers {
		headers[name] = mask
	}
	secrets := make([]secret, len(e.Secrets))
	for i, s := range e.Secrets {
		secrets[i] = secret{service.Ed25519, s.PublicKey, caseupdate.At(s.CreatedAt), at(s.ExpiresAt)}
		if s.Symmetric() {
			secrets[i].Algorithm = service.Symmetric
		}
	}
	return endpoint{
		Secrets:        secrets,
		ID:             e.ID,
		State:          e.State,
		URL:            e.URL,
		Description:    e.Description,
		Events:         e.Events,
		Payload:        e.Payload,
		Documents:      e.Documents,
		MaxInlineBytes: e.MaxInlineBytes,
		Clearance:      clearance(e.Clearance),
		Ordering:       e.Ordering,
		Signing:        e.Signing,
		Headers:        headers,
		TimeoutSeconds: int(e.Timeout / time.Second),
		MaxInFlight:    e.MaxInFlight,
		RateLimit:      e.RateLimit,
		CreatedAt:      caseupdate.At(e.CreatedAt),
		UpdatedAt:      caseupdate.At(e.UpdatedAt),
	}
}

func (d *door) createEndpoint(ctx context.Context, in *struct{ Body newEndpoint }) (*reply[endpoint], error) {
	if err := in.Body.check(in.Body.URL); err != nil {
		return nil, err
	}
	answer := func(e *subscription.Endpoint) *reply[endpoint] {
		shown := withSecret(e)
		shown.Status, shown.Location = http.StatusCreated, "/v1/endpoints/"+e.ID
		return shown
	}
	return perform(ctx, answer, func(request *service.Repeatable) (*subscription.Endpoint, error) {
		return d.service.CreateEndpoint(ctx, caller(ctx), in.Body.draft(), request)
	})
}

func (d *door) listEndpoints(ctx context.Context, in *Paging) (*found[list[endpoint]], error) {
	endpoints, next, err := d.service.Endpoints(ctx, caller(ctx), in.page())
	if err != nil {
		return nil, err
	}
	answer := listed(endpoints, shownEndpoint, next)
	for i, e := range endpoints {
		if answer.Body.Data[i], err = d.shown(ctx, e); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

func (d *door) getEndpoint(ctx context.Context, in *EndpointPath) (*found[endpoint], error) {
	e, err := d.service.Endpoint(ctx, caller(ctx), in.EndpointID)
	if err != nil {
		return nil, err
	}
	shown, err := d.shown(ctx, e)
	return &found[endpoint]{shown}, err
}

func (d *door) updateEndpoint(ctx context.Context, in *struct {
	EndpointPath
	Body endpointChange
}) (*found[endpoint], error) {
	if err := in.Body.check(orZero(in.Body.URL)); err != nil {
		return nil, err
	}
	e, err := d.service.UpdateEndpoint(ctx, caller(ctx), in.EndpointID, func(e *subscription.Endpoint) error {
		in.Body.apply(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	shown, err := d.shown(ctx, e)
	return &found[endpoint]{shown}, err
}

func (d *door) deleteEndpoint(ctx context.Context, in *EndpointPath) (*struct{}, error) {
	return nil, d.service.DeleteEndpoint(ctx, caller(ctx), in.EndpointID)
}

func (d *door) pauseEndpoint(ctx context.Context, in *EndpointPath) (*reply[endpoint], error) {
	return perform(ctx, withoutSecret, func(request *service.Repeatable) (*subscription.Endpoint, error) {
		return d.service.PauseEndpoint(ctx, caller(ctx), in.EndpointID, request)
	})
}

func (d *door) resumeEndpoint(ctx context.Context, in *EndpointPath) (*reply[endpoint], error) {
	return perform(ctx, withoutSecret, func(request *service.Repeatable) (*subscription.Endpoint, error) {
		return d.service.ResumeEndpoint(ctx, caller(ctx), in.EndpointID, request)
	})
}

// rotation is the body of rotateSecret.
type rotation struct {
	OverlapHours *int               `json:"overlapHours,omitempty" minimum:"0" maximum:"168" doc:"How long the old secrets live on. By default 24."`
	Algorithm    *service.Algorithm `json:"algorithm,omitempty" enum:"hmac-sha256,ed25519" doc:"By default hmac-sha256. An ed25519 key signs beside the symmetric secret, as v1a."`
}

func (d *door) rotateSecret(ctx context.Context, in *struct {
	EndpointPath
	Body *rotation
}) (*reply[endpoint], error) {
	hours, algorithm := 24, service.Symmetric
	set(&hours, orZero(in.Body).OverlapHours)
	set(&algorithm, orZero(in.Body).Algorithm)
	return perform(ctx, withSecret, func(request *service.Repeatable) (*subscription.Endpoint, error) {
		return d.service.RotateSecret(ctx, caller(ctx), in.EndpointID, algorithm, time.Duration(hours)*time.Hour, request)
	})
}

func (d *door) endOverlap(ctx context.Context, in *EndpointPath) (*reply[endpoint], error) {
	return perform(ctx, withoutSecret, func(request *service.Repeatable) (*subscription.Endpoint, error) {
		return d.service.EndOverlap(ctx, caller(ctx), in.EndpointID, request)
	})
}

// sample is the body of testEndpoint.
type sample struct {
	Event *caseupdate.Event `json:"event,omitempty" doc:"Of which event. By default ADD_CASE_COMMENT."`
}

func (d *door) testEndpoint(ctx context.Context, in *struct {
	EndpointPath
	Body *sample
}) (*reply[attempt], error) {
	event := caseupdate.EventAddCaseComment
	set(&event, orZero(in.Body).Event)
	answer := func(made service.Attempt) *reply[attempt] {
		return &reply[attempt]{Status: http.StatusOK, Body: shownAttempt(made)}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.Attempt, error) {
		return d.service.TestEndpoint(ctx, caller(ctx), in.EndpointID, event, request)
	})
}

func withoutSecret(e *subscription.Endpoint) *reply[endpoint] {
	return &reply[endpoint]{Status: http.StatusOK, Body: shownEndpoint(e)}
}

// withSecret shows, this once, the newest secret. The private half of a key is nobody's.
func withSecret(e *subscription.Endpoint) *reply[endpoint] {
	shown := withoutSecret(e)
	if newest := e.Secrets[0]; newest.Symmetric() {
		shown.Body.Secret = newest.Value
	}
	return shown
}
