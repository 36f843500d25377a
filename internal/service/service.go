// Package service is what casehook can do: each use case as one method, above the
// store and the delivery engine, and below the doors that people and programs come
// in by.
//
// Start with [Service]. Its methods return a [*refusal.Error] for what the user did
// wrong; any other error is casehook's own.
package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/bucket"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

// Metrics are told what happens.
type Metrics interface {
	EventsRecorded(n int)
}

// Options are what a Service works with.
type Options struct {
	Store    *store.Store
	Blobs    *blob.Store
	Engine   *delivery.Engine
	Renderer *render.Renderer
	Metrics  Metrics
	Log      *slog.Logger
	// Guard says where endpoints may be.
	Guard *delivery.Guard
	// AdminKey is an admin key of AdminOrganizationID that is not in the store; none
	// where it is empty.
	AdminKey            string
	AdminOrganizationID string
	// OperatorKey makes organisations, and nothing else; none where it is empty.
	OperatorKey string
	// MaxDocument is how large a document may be, in bytes; 0: 100 MB.
	MaxDocument int64
}

// defaultMaxDocument is how large a document may be where nothing is set, in bytes.
const defaultMaxDocument = 100_000_000

// Service is safe for concurrent use.
type Service struct {
	Options
	adminHash    [32]byte
	operatorHash [32]byte
	endpoints    sync.Mutex // has the engine see changes of endpoints in their order
	turns        turns      // of idempotency keys
	watchers     watchers   // of organisations
}

// New returns a Service.
func New(o Options) *Service {
	if o.MaxDocument == 0 {
		o.MaxDocument = defaultMaxDocument
	}
	return &Service{Options: o, adminHash: sha256.Sum256([]byte(o.AdminKey)), operatorHash: sha256.Sum256([]byte(o.OperatorKey))}
}

// Ready returns nil if changes can be recorded now.
func (s *Service) Ready(ctx context.Context) error { return s.Store.Ping(ctx) }

// Unavailable reports whether err is that nothing can be read or recorded for now,
// but may be later. Of a change it is not known then whether it happened: with a
// [Repeatable] it can be asked for again.
func Unavailable(err error) bool {
	return store.Unavailable(err) || errors.Is(err, vault.ErrUnavailable) || errors.Is(err, bucket.ErrUnavailable)
}

// newID returns a UUIDv7.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// now returns the time, in milliseconds as all that is kept.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// refused turns the store's absence of what into a refusal, and passes on any other
// error.
func refused(what string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal.Of(refusal.NotFound, "there is no such "+what)
	}
	return err
}
