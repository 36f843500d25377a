package service

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

const (
	// MaxOverlap is how long an old secret may live on beside the new one.
	MaxOverlap = 7 * 24 * time.Hour
	// MaxSecrets is how many secrets of an endpoint may sign at once.
	MaxSecrets = 8
)

// Algorithm is how a secret signs.
type Algorithm string

// HMAC-SHA256 under a secret that both sides have, or ed25519 under a key of which the
// receiver has the public half.
const (
	Symmetric Algorithm = "hmac-sha256"
	Ed25519   Algorithm = "ed25519"
)

// RotateSecret gives an endpoint a new secret, the first of those returned. The old ones
// that sign in the same way sign beside it for as long as the overlap.
func (s *Service) RotateSecret(ctx context.Context, caller Caller, id string, algorithm Algorithm, overlap time.Duration, request *Repeatable) (*subscription.Endpoint, error) {
	if algorithm != Symmetric && algorithm != Ed25519 {
		return nil, refusal.Field("algorithm", `must be "hmac-sha256" or "ed25519"`)
	}
	if overlap < 0 || overlap > MaxOverlap {
		return nil, refusal.Field("overlapHours", "must be a number from 0 to 168")
	}
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		return addSecret(e, algorithm, overlap)
	})
}

// EndOverlap has the old secrets of an endpoint sign nothing any more: the newest of
// each algorithm stay.
func (s *Service) EndOverlap(ctx context.Context, caller Caller, id string, request *Repeatable) (*subscription.Endpoint, error) {
	return s.updateEndpoint(ctx, caller, id, request, func(e *subscription.Endpoint) error {
		var newest []subscription.Secret
		for _, secret := range e.Secrets {
			if secret.ExpiresAt == nil {
				newest = append(newest, secret)
			}
		}
		e.Secrets = newest
		return nil
	})
}

// addSecret gives the endpoint a new secret, ends the others of its kind after the
// overlap, and drops those that have ended.
func addSecret(e *subscription.Endpoint, algorithm Algorithm, overlap time.Duration) error {
	created, end := now(), now().Add(overlap)
	added := subscription.Secret{CreatedAt: created}
	var err error
	if algorithm == Ed25519 {
		added.Value, added.PublicKey, err = webhook.NewKeyPair(rand.Reader)
	} else {
		added.Value, err = webhook.NewSecret(rand.Reader)
	}
	if err != nil {
		return err
	}
	secrets := []subscription.Secret{added}
	for _, old := range e.Secrets {
		if old.Symmetric() == added.Symmetric() && (old.ExpiresAt == nil || old.ExpiresAt.After(end)) {
			old.ExpiresAt = &end
		}
		if old.Live(created) {
			secrets = append(secrets, old)
		}
	}
	if len(secrets) > MaxSecrets {
		return refusal.Of(refusal.Conflict, fmt.Sprintf("the endpoint has %d secrets that have not ended: end the overlap, or wait", MaxSecrets))
	}
	e.Secrets = secrets
	return nil
}
