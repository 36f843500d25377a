package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// CreateEndpoint makes an endpoint of a draft, and returns it with its first secret. One more
// than an organisation may have is refused (Conflict).
func (s *Service) CreateEndpoint(ctx context.Context, caller Caller, draft *subscription.Endpoint, request *Repeatable) (endpoint *subscription.Endpoint, err error) {
	if err := s.checkEndpoint(ctx, draft, ""); err != nil {
		return nil, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		endpoint = clone(draft)
		endpoint.ID, endpoint.OrganizationID, endpoint.State = newID(), caller.OrganizationID, subscription.Active
		endpoint.CreatedAt, endpoint.UpdatedAt = now(), now()
		if err := addSecret(endpoint, Symmetric, 0); err != nil {
			return err
		}
		kept, err := request.kept(endpoint)
		if err != nil {
			return err
		}
		return s.Store.InsertEndpoint(ctx, endpoint, kept)
	})
	if errors.Is(err, store.ErrTooManyEndpoints) {
		return nil, refusal.Of(refusal.Conflict, fmt.Sprintf("an organisation has at most %d endpoints: delete one that is not used any more", store.MaxEndpoints))
	}
	return endpoint, err
}

// Mask stands for what is not shown: the value of a header, and the query of a URL to whoever
// is no admin.
const Mask = "***"

// URLOf returns the URL of an endpoint as the caller may see it.
func (c Caller) URLOf(e *subscription.Endpoint) string {
	if c.Role.Includes(Admin) {
		return e.URL
	}
	return masked(e)
}

// masked returns the URL of an endpoint without what may be secret.
func masked(e *subscription.Endpoint) string {
	if strings.Contains(e.URL, "?") {
		return e.Recipient() + "?" + Mask
	}
	return e.URL
}

// Endpoint returns an endpoint, which the caller must not change.
func (s *Service) Endpoint(ctx context.Context, caller Caller, id string) (*subscription.Endpoint, error) {
	endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, id)
	return endpoint, refused("endpoint", err)
}

// endpointLeft returns an endpoint, which the caller must not change; nil where it was deleted.
func (s *Service) endpointLeft(ctx context.Context, caller Caller, id string) (*subscription.Endpoint, error) {
	endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return endpoint, err
}

// Endpoints lists the endpoints in the order in which they were made. The caller
// must not change them.
func (s *Service) Endpoints(ctx context.Context, caller Caller, page Page) ([]*subscription.Endpoint, string, error) {
	return byID(page, func(e *subscription.Endpoint) string { return e.ID }, func(after string, limit int) ([]*subscription.Endpoint, error) {
		return s.Store.Endpoints(ctx, caller.OrganizationID, after, limit)
	})
}

// KnownEndpoints returns all endpoints as this process last saw them, in the order in which they
// were made: it seldom asks the database. The caller must not change them.
func (s *Service) KnownEndpoints(ctx context.Context, caller Caller) ([]*subscription.Endpoint, error) {
	return s.Store.KnownEndpoints(ctx, caller.OrganizationID)
}

// DeletedEndpoint is what is kept of an endpoint that was deleted.
type DeletedEndpoint = store.DeletedEndpoint

// DeletedEndpoints returns what is kept of those of the endpoints that were deleted, in no order.
func (s *Service) DeletedEndpoints(ctx context.Context, caller Caller, ids []string) ([]DeletedEndpoint, error) {
	return s.Store.DeletedEndpoints(ctx, caller.OrganizationID, ids)
}

// UpdateEndpoint has a copy of the endpoint changed, and keeps it; after an error of change, which
// is called more than once, nothing is changed.
func (s *Service) UpdateEndpoint(ctx context.Context, caller Caller, id string, change func(*subscription.Endpoint) error) (*subscription.Endpoint, error) {
	known, err := s.Endpoint(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	draft := clone(known)
	if err := change(draft); err != nil {
		return nil, err
	}
	if err := s.checkEndpoint(ctx, draft, known.URL); err != nil {
		return nil, err
	}
	return s.updateEndpoint(ctx, caller, id, nil, func(e *subscription.Endpoint) error {
		if err := change(e); err != nil {
			return err
		}
		return e.Check(true) // its URL was asked about, or is as it was
	})
}

// checkEndpoint refuses an endpoint that cannot be, or is where it may not be. Where it
// was already is not asked again: that is done at each attempt.
func (s *Service) checkEndpoint(ctx context.Context, e *subscription.Endpoint, was string) error {
	plain := e.URL == was || !strings.HasPrefix(e.URL, "https:") && s.Guard.AllowsPlain(ctx, e.URL)
	if err := e.Check(plain); err != nil || e.URL == was {
		return err
	}
	return s.Guard.Check(ctx, e.URL)
}

// PauseEndpoint has an endpoint sent nothing until it is resumed. One that is disabled is
// sent nothing already, and stays so: that it has answered 410 is not to be forgotten.
func (s *Service) PauseEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable) (*subscription.Endpoint, error) {
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		if e.State == subscription.Disabled {
			return refusal.Of(refusal.Conflict, "the endpoint is disabled: it answered 410, and is sent nothing until it is resumed")
		}
		if e.State != subscription.Paused {
			e.State, e.StateAt = subscription.Paused, new(now())
		}
		return nil
	})
}

// ResumeEndpoint has an endpoint sent now what waits for it, in order: one that was paused,
// disabled or closed, and also one that is active, where messages wait for their next attempt.
// It counts as well.
func (s *Service) ResumeEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable) (*subscription.Endpoint, error) {
	endpoint, err := s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		e.State, e.StateAt = subscription.Active, new(now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.Store.RecoverEndpoint(ctx, id); err != nil {
		return nil, err
	}
	if err := s.Store.Hurry(ctx, id); err != nil {
		return nil, err
	}
	s.Engine.Wake()
	return endpoint, nil
}

// Health returns how an endpoint has answered of late.
func (s *Service) Health(ctx context.Context, endpoint *subscription.Endpoint) (subscription.Health, error) {
	return s.Store.Health(ctx, endpoint.ID)
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
		return Attempt{}, refusal.Field("event", refusal.OneOf(caseupdate.Events()))
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
		if attempt.StatusCode/100 == 2 {
			if err := s.Store.OpenEndpoint(ctx, id); err != nil {
				return err
			}
		}
		return s.keep(ctx, caller, request, attempt)
	})
	return attempt, err
}

// updateEndpoint changes an endpoint and keeps it.
func (s *Service) updateEndpoint(ctx context.Context, caller Caller, id string, request *Repeatable, change func(*subscription.Endpoint) error) (endpoint *subscription.Endpoint, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		s.endpoints.Lock()
		defer s.endpoints.Unlock()
		endpoint, err = s.Store.UpdateEndpoint(ctx, caller.OrganizationID, id, func(e *subscription.Endpoint) (*store.Kept, error) {
			if err := change(e); err != nil {
				return nil, err
			}
			e.UpdatedAt = now()
			return request.kept(e)
		})
		if err != nil {
			return refused("endpoint", err)
		}
		s.Engine.Refresh(endpoint)
		return nil
	})
	return endpoint, err
}

func clone(e *subscription.Endpoint) *subscription.Endpoint {
	c := *e
	c.Events = slices.Clone(e.Events)
	c.Signing = slices.Clone(e.Signing)
	c.Secrets = slices.Clone(e.Secrets)
	c.Headers = maps.Clone(e.Headers)
	return &c
}
