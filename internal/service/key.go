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
)

// Key is an API key without the key itself.
type Key struct {
	ID        string
	Name      string
	Role      Role
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

// CreateKey makes an API key of the caller's organisation.
func (s *Service) CreateKey(ctx context.Context, caller Caller, name string, role Role, expires *time.Time, request *Repeatable) (key NewKey, err error) {
	if err := checkKey(name, role, expires); err != nil {
		return NewKey{}, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		var random [32]byte
		_, _ = rand.Read(random[:]) // never fails
		key = NewKey{
			Key:    Key{ID: newID(), Name: name, Role: role, CreatedAt: now(), ExpiresAt: expires},
			Secret: keyPrefix + base64.RawURLEncoding.EncodeToString(random[:]),
		}
		kept, err := request.kept(key)
		if err != nil {
			return err
		}
		return s.Store.InsertKey(ctx, store.Key{
			ID:             key.ID,
			OrganizationID: caller.OrganizationID,
			Name:           name,
			Role:           string(role),
			CreatedAt:      key.CreatedAt,
			ExpiresAt:      expires,
		}, sha256.Sum256([]byte(key.Secret)), kept)
	})
	return key, err
}

func checkKey(name string, role Role, expires *time.Time) error {
	var faults []refusal.Fault
	if strings.TrimSpace(name) == "" || len(name) > caselog.MaxName || strings.ContainsFunc(name, unicode.IsControl) {
		faults = append(faults, refusal.Fault{Field: "name", Allowed: fmt.Sprintf("must be 1 to %d bytes long, without control characters", caselog.MaxName)})
	}
	if !slices.Contains(Roles(), role) {
		faults = append(faults, refusal.Fault{Field: "role", Allowed: "must be reader, writer or admin"})
	}
	if expires != nil && !expires.After(now()) {
		faults = append(faults, refusal.Fault{Field: "expiresAt", Allowed: "must lie in the future"})
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
		keys[i] = Key{k.ID, k.Name, Role(k.Role), k.CreatedAt, k.ExpiresAt, k.RevokedAt}
	}
	return keys, next, err
}

// RevokeKey ends an API key at once.
func (s *Service) RevokeKey(ctx context.Context, caller Caller, id string) error {
	return refused("API key", s.Store.RevokeKey(ctx, caller.OrganizationID, id))
}
