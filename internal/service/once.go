package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// MaxIdempotencyKey is how long an idempotency key may be.
const MaxIdempotencyKey = 255

// Once makes a request happen once, however often it is sent.
type Once struct {
	Key    string   // the idempotency key: 1 to 255 visible ASCII characters
	Digest [32]byte // of the request: the same key with another is refused
	// Answer turns the method's result, its first return value, into what is kept and
	// given again.
	Answer func(result any) ([]byte, error)
}

// Repeated is the error of a request that was done before: nothing was done now.
type Repeated struct {
	Answer []byte // what Once.Answer made of the first
}

// Error says that there is an answer already.
func (*Repeated) Error() string { return "the request was answered before" }

// once does something, unless that was done before. A nil once asks nothing.
func (s *Service) once(ctx context.Context, caller Caller, once *Once, do func() error) error {
	if once == nil {
		return do()
	}
	if once.Key == "" || len(once.Key) > MaxIdempotencyKey || strings.ContainsFunc(once.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refusal.Field("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
	}
	// Those that are sent at the same time wait for the first one's answer.
	hash := sha256.Sum256([]byte(caller.OrganizationID + " " + once.Key))
	lock := &s.onces[hash[0]]
	lock.Lock()
	defer lock.Unlock()
	if err := s.repeated(ctx, caller, once); err != nil {
		return err
	}
	err := do()
	if errors.Is(err, store.ErrAnswered) { // by another process, just now
		return s.repeated(ctx, caller, once)
	}
	return err
}

// repeated returns a *Repeated where the request was answered before, and a refusal
// where another one was under that key.
func (s *Service) repeated(ctx context.Context, caller Caller, once *Once) error {
	answer, digest, err := s.Store.Answer(ctx, caller.OrganizationID, once.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case digest != once.Digest:
		return refusal.Field("Idempotency-Key", "must not have been used for another request")
	}
	return &Repeated{answer}
}

// kept returns what is to be kept of a result; nil for nil.
func (once *Once) kept(result any) (*store.Kept, error) {
	if once == nil {
		return nil, nil
	}
	answer, err := once.Answer(result)
	if err != nil {
		return nil, err
	}
	return &store.Kept{Once: store.Once{Key: once.Key, Digest: once.Digest}, Answer: answer}, nil
}

// keep keeps the answer of something that writes nothing itself.
func (s *Service) keep(ctx context.Context, caller Caller, once *Once, result any) error {
	kept, err := once.kept(result)
	if err != nil || kept == nil {
		return err
	}
	return s.Store.Keep(ctx, caller.OrganizationID, kept)
}
