package service

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// Role is what a key may do; each includes those before it.
type Role string

// The roles.
const (
	Reader Role = "reader" // looks
	Writer Role = "writer" // changes cases
	Admin  Role = "admin"  // endpoints, keys, and what cannot be undone
)

// Operator makes organisations and sees nothing inside of them. It is no role of a key
// that is kept, includes no other, and is included by none.
const Operator Role = "operator"

// Roles returns the roles that a kept key can have, the smallest first.
func Roles() []Role { return []Role{Reader, Writer, Admin} }

// Includes reports whether r may do all that other may.
func (r Role) Includes(other Role) bool {
	if other == Operator {
		return r == Operator
	}
	return slices.Index(Roles(), r) >= slices.Index(Roles(), other) && slices.Contains(Roles(), other)
}

// Caller is who calls: a key, and the user in whose name it acts.
type Caller struct {
	OrganizationID string
	KeyID          string
	Role           Role
	Actor          caseupdate.User // the key's own service user where nobody is named
	Clearance      subscription.Clearance
}

// FullClearance is that of a key of which nothing else was said.
var FullClearance = subscription.Clearance{PHI: true, Restricted: true}

// The ids of the keys that are not in the store.
const (
	environment = "environment"
	operator    = "operator"
	link        = "link" // for who holds a signed link
)

// Authenticate finds who calls, by the API key as it was sent, and the id of the
// user who acts, "" for the key's own. It refuses a key that is unknown, expired or
// revoked (Unauthorized), and a user who is not registered (Invalid). Where the key is
// known the Caller says whose it is, also of one that is refused.
func (s *Service) Authenticate(ctx context.Context, key, actorID string) (Caller, error) {
	caller, err := s.holder(ctx, key)
	if err != nil || actorID == "" {
		return caller, err
	}
	if !IsText(actorID) {
		return caller, refusal.Field("Casehook-Actor", "must be UTF-8, without NUL")
	}
	if caller.Role == Operator {
		return caller, refusal.Field("Casehook-Actor", "must be absent: the operator acts in nobody's name")
	}
	user, err := s.Store.User(ctx, caller.OrganizationID, actorID)
	if errors.Is(err, store.ErrNotFound) {
		return caller, refusal.Field("Casehook-Actor", "must be the id of a registered user")
	}
	if err != nil {
		return caller, err
	}
	caller.Actor = user.User
	return caller, nil
}

// holder finds whose the key is.
func (s *Service) holder(ctx context.Context, key string) (Caller, error) {
	hash := sha256.Sum256([]byte(key))
	if s.AdminKey != "" && subtle.ConstantTimeCompare(hash[:], s.adminHash[:]) == 1 {
		return s.administrator(), nil
	}
	if s.OperatorKey != "" && subtle.ConstantTimeCompare(hash[:], s.operatorHash[:]) == 1 {
		// The answers that are kept for the operator are kept with those of this organisation.
		return Caller{
			OrganizationID: s.AdminOrganizationID,
			KeyID:          operator,
			Role:           Operator,
			Actor:          caseupdate.User{ID: operator, FirstName: "Operator"},
		}, nil
	}
	known, err := s.Store.KeyByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, refusal.Of(refusal.Unauthorized, "the API key is not known")
	}
	if err != nil {
		return Caller{}, err
	}
	return holderOf(known)
}

// administrator is who has the admin key that is not in the store.
func (s *Service) administrator() Caller {
	return Caller{
		OrganizationID: s.AdminOrganizationID,
		KeyID:          environment,
		Role:           Admin,
		Actor:          caseupdate.User{ID: environment, FirstName: "Administrator"},
		Clearance:      FullClearance,
	}
}

// holderOf is who has a key that is in the store. One that cannot be used is refused.
func holderOf(known store.Key) (Caller, error) {
	caller := Caller{
		OrganizationID: known.OrganizationID,
		KeyID:          known.ID,
		Role:           Role(known.Role),
		Actor:          caseupdate.User{ID: known.ID, FirstName: known.Name},
		Clearance:      known.Clearance,
	}
	if !known.Usable() {
		return caller, refusal.Of(refusal.Unauthorized, "the API key has expired or was revoked")
	}
	return caller, nil
}
