package service

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// Key is an API key without the key itself.
type Key struct {
	ID        string
	Name      string
	Role      Role
	Clearance subscription.Clearance
	CreatedAt time.Time
	ExpiresAt *time.Time
	RevokedAt *time.Time
}

// NewKey is an API key as it is shown once.
type NewKey struct {
	Key
	Secret string
}

// keyPrefix begins every API key, so that a lost one is recognised for what it is.
const keyPrefix = "chk_"

// CreateKey makes an API key of the caller's organisation. Its role, and what its holder
// may be told, are the draft's, as are its name and its end.
func (s *Service) CreateKey(ctx context.Context, caller Caller, draft Key, request *Repeatable) (key NewKey, err error) {
	if err := draft.check(); err != nil {
		return NewKey{}, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		key = NewKey{
			Key:    Key{ID: newID(), Name: draft.Name, Role: draft.Role, Clearance: draft.Clearance, CreatedAt: now(), ExpiresAt: draft.ExpiresAt},
			Secret: newSecret(),
		}
		kept, err := request.kept(key)
		if err != nil {
			return err
		}
		return s.Store.InsertKey(ctx, store.Key{
			ID:             key.ID,
			OrganizationID: caller.OrganizationID,
			Name:           key.Name,
			Role:           string(key.Role),
			Clearance:      key.Clearance,
			CreatedAt:      key.CreatedAt,
			ExpiresAt:      key.ExpiresAt,
		}, sha256.Sum256([]byte(key.Secret)), kept)
	})
	return key, err
}

// newSecret returns what opens the interface, in 256 random bits.
func newSecret() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	return keyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

// check refuses a key that cannot be. Who may make endpoints and keys may have anything
// told to anybody: an admin is cleared for all.
func (k Key) check() error {
	var faults []refusal.Fault
	if strings.TrimSpace(k.Name) == "" || len(k.Name) > caselog.MaxName || strings.ContainsFunc(k.Name, unicode.IsControl) {
		faults = append(faults, refusal.Fault{Field: "name", Allowed: fmt.Sprintf("must be 1 to %d bytes long, without control characters", caselog.MaxName)})
	}
	if !slices.Contains(Roles(), k.Role) {
		faults = append(faults, refusal.Fault{Field: "role", Allowed: "must be reader, writer or admin"})
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(now()) {
		faults = append(faults, refusal.Fault{Field: "expiresAt", Allowed: "must lie in the future"})
	}
	if k.Role == Admin && k.Clearance != FullClearance {
		faults = append(faults, refusal.Fault{Field: "clearance", Allowed: "must be for everything where the role is admin"})
	}
	if len(faults) > 0 {
		return refusal.Fields(faults...)
	}
	return nil
}

// Keys lists the API keys in the order in which they were made.
func (s *Service) Keys(ctx context.Context, caller Caller, page Page) ([]Key, string, error) {
	known, next, err := byID(page, func(k store.Key) string { return k.ID }, func(after string, limit int) ([]store.Key, error) {
		return s.Store.Keys(ctx, caller.OrganizationID, after, limit)
	})
	keys := make([]Key, len(known))
	for i, k := range known {
		keys[i] = keyOf(k)
	}
	return keys, next, err
}

// Key returns one API key, also one that has expired or was revoked.
func (s *Service) Key(ctx context.Context, caller Caller, id string) (Key, error) {
	k, err := s.Store.Key(ctx, id)
	if err == nil && k.OrganizationID != caller.OrganizationID {
		err = store.ErrNotFound
	}
	if err != nil {
		return Key{}, refused("API key", err)
	}
	return keyOf(k), nil
}

func keyOf(k store.Key) Key {
	return Key{k.ID, k.Name, Role(k.Role), k.Clearance, k.CreatedAt, k.ExpiresAt, k.RevokedAt}
}

// RevokeKey ends an API key at once.
func (s *Service) RevokeKey(ctx context.Context, caller Caller, id string) error {
	return refused("API key", s.Store.RevokeKey(ctx, caller.OrganizationID, id))
}
