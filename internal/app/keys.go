package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
)

// Keys works on API keys without a server. With SQLite it needs the database for
// itself: while a server has it, [OpenKeys] fails with [store.ErrInUse].
type Keys struct {
	store   *store.Store
	shares  *share.Store
	service *service.Service
}

// KeyInfo is an API key without the key itself.
type KeyInfo = service.Key

// ErrNoDatabase means that nobody has used a database where one was looked for.
var ErrNoDatabase = errors.New("there is no database: --data, and --database where it is set, have to be those of casehook serve")

// OpenKeys opens the database that cfg names. The error is ErrNoDatabase where there is
// none.
func OpenKeys(ctx context.Context, cfg config.Config) (*Keys, error) {
	if err := requireDatabase(ctx, cfg); err != nil {
		return nil, err
	}
	return MakeKeys(ctx, cfg)
}

// MakeKeys is OpenKeys where the database may be missing: then it is made, for its first
// key.
func MakeKeys(ctx context.Context, cfg config.Config) (*Keys, error) {
	s, shares, _, err := openStore(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	return &Keys{store: s, shares: shares, service: service.New(service.Options{Store: s})}, nil
}

// requireDatabase returns ErrNoDatabase where there is none, so that nothing is made in a
// directory that was mistyped.
func requireDatabase(ctx context.Context, cfg config.Config) error {
	exists, err := store.Exists(ctx, databaseURL(cfg))
	if err == nil && !exists {
		return ErrNoDatabase
	}
	return err
}

// Close releases the database.
func (k *Keys) Close() error { return errors.Join(k.store.Close(), k.shares.Close()) }

// Create makes a key of the organisation with that name, and returns it and its id.
// The zero time never comes.
func (k *Keys) Create(ctx context.Context, organization, name, role string, expires time.Time) (id, key string, err error) {
	caller, err := k.caller(ctx, organization)
	if err != nil {
		return "", "", err
	}
	var until *time.Time
	if !expires.IsZero() {
		until = &expires
	}
	draft := service.Key{Name: name, Role: service.Role(role), Clearance: service.FullClearance, ExpiresAt: until}
	made, err := k.service.CreateKey(ctx, caller, draft, nil)
	return made.ID, made.Secret, err
}

// List returns the keys of an organisation in the order in which they were made.
func (k *Keys) List(ctx context.Context, organization string) ([]KeyInfo, error) {
	caller, err := k.caller(ctx, organization)
	if err != nil {
		return nil, err
	}
	var all []KeyInfo
	var page service.Page
	for {
		keys, next, err := k.service.Keys(ctx, caller, page)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
		if next == "" {
			return all, nil
		}
		page.Cursor = next
	}
}

// Revoke ends a key.
func (k *Keys) Revoke(ctx context.Context, organization, id string) error {
	caller, err := k.caller(ctx, organization)
	if err != nil {
		return err
	}
	return k.service.RevokeKey(ctx, caller, id)
}

func (k *Keys) caller(ctx context.Context, organization string) (service.Caller, error) {
	org, err := k.store.OrganizationNamed(ctx, organization)
	if errors.Is(err, store.ErrNotFound) {
		return service.Caller{}, refusal.Of(refusal.NotFound, "there is no organisation of that name")
	}
	if err != nil {
		return service.Caller{}, fmt.Errorf("find the organisation: %w", err)
	}
	return service.Caller{OrganizationID: org.ID, Role: service.Admin}, nil
}
