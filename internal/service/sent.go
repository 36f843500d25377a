package service

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// MaxSigned is how large the body of a message may be of which a [Sent] tells the signatures,
// in bytes: more would have to be read for them.
const MaxSigned = 64 << 10

// Sent is the message of a delivery as its last attempt sent it, made again of the event and of
// the endpoint as it is now; where there was no attempt, as it would have been sent at once.
type Sent struct {
	At      time.Time    // when it was sent
	URL     string       // with Mask for its query, which may hold a secret
	Header  http.Header  // but for what is in Secrets
	Secrets []string     // the names of the endpoint's own headers
	Body    *render.Body // as far as the caller is cleared for it
	// Narrowed is that the caller is cleared for less than the endpoint.
	Narrowed bool
	// Signed is that Header has the signatures: not where Narrowed, where there was no attempt, where
	// the body is larger than MaxSigned, or all secrets are newer.
	Signed bool
	// Exact is that a receipt vouches for the body: byte for byte it is what was sent. Digest
	// is its SHA-256 then.
	Exact  bool
	Digest []byte
}

// Sent returns what an endpoint was sent by a delivery. The header has the signatures of the
// attempt, not new ones: who may look is not given what a receiver takes for a message of now.
func (s *Service) Sent(ctx context.Context, caller Caller, deliveryID string) (*Sent, error) {
	d, attempts, err := s.Delivery(ctx, caller, deliveryID)
	if err != nil {
		return nil, err
	}
	m, err := s.Store.Message(ctx, caller.OrganizationID, d.ID)
	if err != nil {
		return nil, refused("message any more: its case was erased", err)
	}
	endpoint, err := s.Store.Endpoint(ctx, caller.OrganizationID, d.EndpointID)
	if err != nil {
		return nil, refused("message any more: its endpoint was deleted", err)
	}
	attempt := &store.Attempt{Number: max(d.Tries, 1), StartedAt: d.CreatedAt}
	if len(attempts) > 0 {
		attempt.StartedAt = attempts[len(attempts)-1].StartedAt
	}
	as, signs := endpointAsOf(endpoint, attempt.StartedAt)
	as.Clearance.PHI = as.Clearance.PHI && caller.Clearance.PHI
	as.Clearance.Restricted = as.Clearance.Restricted && caller.Clearance.Restricted
	header, body, err := s.Engine.Compose(ctx, as, m, attempt, MaxSigned)
	if errors.Is(err, render.ErrWithheld) {
		return nil, refusal.Of(refusal.Conflict, "the message is withheld: the endpoint is not cleared for what is restricted")
	}
	if err != nil {
		return nil, err
	}
	if err := s.shows(ctx, d.CaseID); err != nil {
		return nil, err
	}
	sent := &Sent{At: attempt.StartedAt, URL: masked(endpoint), Header: header, Body: body, Narrowed: as.Clearance != endpoint.Clearance}
	for name := range endpoint.Headers {
		header.Del(name)
		sent.Secrets = append(sent.Secrets, name)
	}
	slices.Sort(sent.Secrets)
	sent.Signed = signs && !sent.Narrowed && wasMade(attempts) && attempt.BodySHA256 != nil
	if !sent.Signed {
		header.Set(webhook.HeaderID, m.Event.ID)
		header.Del(webhook.HeaderTimestamp)
		header.Del(webhook.HeaderSignature)
		header.Del(webhook.HeaderCV)
	}
	number, digest, err := s.Store.SentLast(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	if number == d.Tries && digest != nil && bytes.Equal(digest, attempt.BodySHA256) {
		sent.Exact, sent.Digest = true, digest
	}
	return sent, nil
}

// wasMade reports whether the last attempt was made, and not withheld.
func wasMade(attempts []Attempt) bool {
	return len(attempts) > 0 && attempts[len(attempts)-1].Error != delivery.Withheld
}

// endpointAsOf returns a copy of an endpoint without the secrets that are newer than a moment, and whether
// others are left to sign with.
func endpointAsOf(endpoint *subscription.Endpoint, at time.Time) (as *subscription.Endpoint, signs bool) {
	as = clone(endpoint)
	as.Secrets = slices.DeleteFunc(as.Secrets, func(secret subscription.Secret) bool { return secret.CreatedAt.After(at) })
	if as.Newest(true, at) == nil {
		return clone(endpoint), false
	}
	return as, true
}
