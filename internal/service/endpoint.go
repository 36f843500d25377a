package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

const (
	// MaxOverlap is how long an old secret may live on beside the new one.
	MaxOverlap = 7 * 24 * time.Hour
	// MaxSecrets is how many secrets of an endpoint may sign at once.
	MaxSecrets = 8
)

// CreateEndpoint makes an endpoint of a draft, and returns it with its first secret.
func (s *Service) CreateEndpoint(ctx context.Context, caller Caller, draft *subscription.Endpoint, request *Repeatable) (endpoint *subscription.Endpoint, err error) {
	if err := draft.Check(s.Insecure); err != nil {
		return nil, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		endpoint = clone(draft)
		endpoint.ID, endpoint.OrganizationID, endpoint.State = newID(), caller.OrganizationID, subscription.Active
		endpoint.CreatedAt, endpoint.UpdatedAt = now(), now()
		if err := addSecret(endpoint, 0); err != nil {
			return err
		}
		kept, err := request.kept(endpoint)
		if err != nil {
			return err
		}
		return s.Store.InsertEndpoint(ctx, endpoint, kept)
	})
	return endpoint, err
}

// Endpoint returns an endpoint, which the caller must not change.
func (s *Service) Endpoint(ctx context.Context, caller Caller, id string) (*subscription.Endpoint, error) {
	endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, id)
	return endpoint, refused("endpoint", err)
}

// Endpoints lists the endpoints in the order in which they were made. The caller
// must not change them.
func (s *Service) Endpoints(ctx context.Context, caller Caller, page Page) ([]*subscription.Endpoint, string, error) {
	return byID(page, func(e *subscription.Endpoint) string { return e.ID }, func(after string, limit int) ([]*subscription.Endpoint, error) {
		return s.Store.Endpoints(ctx, caller.OrganizationID, after, limit)
	})
}

// UpdateEndpoint has a copy of the endpoint changed, and keeps it.
func (s *Service) UpdateEndpoint(ctx context.Context, caller Caller, id string, change func(*subscription.Endpoint)) (*subscription.Endpoint, error) {
	return s.updateEndpoint(ctx, caller, id, nil, func(e *subscription.Endpoint) error {
		change(e)
		return e.Check(s.Insecure)
	})
}

// PauseEndpoint has an endpoint sent nothing until it is resumed.
func (s *Service) PauseEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable) (*subscription.Endpoint, error) {
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		e.State = subscription.Paused
		return nil
	})
}

// ResumeEndpoint has a paused or disabled endpoint sent what waits for it, in order.
func (s *Service) ResumeEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable) (*subscription.Endpoint, error) {
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		e.State = subscription.Active
		return nil
	})
}

// RotateSecret gives an endpoint a new secret, the first of those returned. The old
// ones sign beside it for as long as the overlap.
func (s *Service) RotateSecret(ctx context.Context, caller Caller, id string, overlap time.Duration, request *Repeatable) (*subscription.Endpoint, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return nil, refusal.Field("overlapHours", "must be a number from 0 to 168")
	}
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		return addSecret(e, overlap)
	})
}

// DeleteEndpoint forgets an endpoint, and cancels what waits for it.
func (s *Service) DeleteEndpoint(ctx context.Context, caller Caller, id string) error {
	s.endpoints.Lock()
	defer s.endpoints.Unlock()
	return refused("endpoint", s.Store.DeleteEndpoint(ctx, caller.OrganizationID, id))
}

// TestEndpoint sends a signed sample of an event, which is not recorded and in no
// lane, and returns what came of it.
func (s *Service) TestEndpoint(ctx context.Context, caller Caller, id string, event caseupdate.Event, request *Repeatable) (attempt Attempt, err error) {
	if !event.Known() {
		return Attempt{}, refusal.Field("event", "must be one of the 19 events")
	}
	endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, id)
	if err != nil {
		return Attempt{}, refused("endpoint", err)
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		e, state, err := sample.Of(event, now(), newID)
		if err != nil {
			return err
		}
		attempt = *s.Engine.Try(ctx, endpoint, store.Message{DeliveryID: "test", EndpointID: id, Sequence: 1, Event: e, Case: state})
		return s.keep(ctx, caller, request, attempt)
	})
	return attempt, err
}

// updateEndpoint changes a copy of an endpoint and keeps it.
func (s *Service) updateEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable, change func(*subscription.Endpoint) error) (endpoint *subscription.Endpoint, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		s.endpoints.Lock()
		defer s.endpoints.Unlock()
		known, err := s.Store.Endpoint(ctx, caller.OrganizationID, id)
		if err != nil {
			return refused("endpoint", err)
		}
		endpoint = clone(known)
		if err := change(endpoint); err != nil {
			return err
		}
		endpoint.UpdatedAt = now()
		kept, err := request.kept(endpoint)
		if err != nil {
			return err
		}
		if err := s.Store.UpdateEndpoint(ctx, endpoint, kept); err != nil {
			return refused("endpoint", err)
		}
		s.Engine.Refresh(endpoint)
		return nil
	})
	return endpoint, err
}

// addSecret gives the endpoint a new secret, ends the others after the overlap, and
// drops those that have ended.
func addSecret(e *subscription.Endpoint, overlap time.Duration) error {
	value, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		return err
	}
	created, end := now(), now().Add(overlap)
	secrets := []subscription.Secret{{Value: value, CreatedAt: created}}
	for _, old := range e.Secrets {
		if old.ExpiresAt == nil || old.ExpiresAt.After(end) {
			old.ExpiresAt = &end
		}
		if old.ExpiresAt.After(created) {
			secrets = append(secrets, old)
		}
	}
	if len(secrets) > MaxSecrets {
		return refusal.Of(refusal.Conflict, fmt.Sprintf("the endpoint has %d secrets that have not ended: rotate without overlap, or wait", MaxSecrets))
	}
	e.Secrets = secrets
	return nil
}

func clone(e *subscription.Endpoint) *subscription.Endpoint {
	c := *e
	c.Events = slices.Clone(e.Events)
	c.Signing = slices.Clone(e.Signing)
	c.Secrets = slices.Clone(e.Secrets)
	c.Headers = maps.Clone(e.Headers)
	return &c
}
