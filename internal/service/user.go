package service

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// User is a registered user, who acts on cases or is assigned to them.
type User = store.User

// PutUser registers a user, or changes what is known of one.
func (s *Service) PutUser(ctx context.Context, caller Caller, user User) (User, error) {
	var faults []refusal.Fault
	for _, part := range []struct {
		field, value string
		limit        int
		required     bool
	}{
		{"id", user.ID, caselog.MaxName, true},
		{"firstName", user.FirstName, caselog.MaxName, true},
		{"lastName", user.LastName, caselog.MaxName, true},
		{"email", orEmpty(user.Email), caselog.MaxLine, true},
		{"role", orEmpty(user.Role), caselog.MaxName, false},
	} {
		switch {
		case part.required && strings.TrimSpace(part.value) == "":
			faults = append(faults, refusal.Fault{Field: part.field, Allowed: "must not be empty"})
		case len(part.value) > part.limit:
			faults = append(faults, refusal.Fault{Field: part.field, Allowed: fmt.Sprintf("must be at most %d bytes long", part.limit)})
		case !IsText(part.value):
			faults = append(faults, refusal.Fault{Field: part.field, Allowed: "must be UTF-8, without NUL"})
		case strings.ContainsFunc(part.value, unicode.IsControl):
			faults = append(faults, refusal.Fault{Field: part.field, Allowed: "must have no control characters"})
		}
	}
	if email := orEmpty(user.Email); email != "" && !strings.Contains(email, "@") {
		faults = append(faults, refusal.Fault{Field: "email", Allowed: "must be an e-mail address"})
	}
	if len(faults) > 0 {
		return User{}, refusal.Fields(faults...)
	}
	user.UpdatedAt = now()
	return user, s.Store.PutUser(ctx, caller.OrganizationID, user)
}

// Users lists the registered users.
func (s *Service) Users(ctx context.Context, caller Caller, page Page) ([]User, string, error) {
	return byID(page, func(u User) string { return u.ID }, func(after string, limit int) ([]User, error) {
		return s.Store.Users(ctx, caller.OrganizationID, after, limit)
	})
}

// User returns a registered user.
func (s *Service) User(ctx context.Context, caller Caller, id string) (User, error) {
	user, err := s.registered(ctx, caller, id)
	return user, refused("user", err)
}

// registered returns a user, or [store.ErrNotFound].
func (s *Service) registered(ctx context.Context, caller Caller, id string) (User, error) {
	if !IsText(id) {
		return User{}, store.ErrNotFound
	}
	return s.Store.User(ctx, caller.OrganizationID, id)
}

// IsText reports whether s can be looked for in every database: it is UTF-8 without
// NUL. PostgreSQL fails at any other.
func IsText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
