package service

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Organization is a tenant: cases, endpoints, users and keys belong to one.
type Organization struct {
	ID            string
	Name          string
	ShortIDPrefix string // three capital letters
	CreatedAt     time.Time
}

// NewOrganization is an organisation with its first key, which is shown once.
type NewOrganization struct {
	Organization
	AdminKey string
}

// CreateOrganization makes an organisation with a key of the role admin. Its name and
// its prefix are the draft's.
func (s *Service) CreateOrganization(ctx context.Context, caller Caller, draft Organization, request *Repeatable) (org NewOrganization, err error) {
	if err := draft.check(); err != nil {
		return NewOrganization{}, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		org = NewOrganization{
			Organization: Organization{ID: newID(), Name: draft.Name, ShortIDPrefix: draft.ShortIDPrefix, CreatedAt: now()},
			AdminKey:     newSecret(),
		}
		kept, err := request.kept(org)
		if err != nil {
			return err
		}
		first := store.Key{
			ID:             newID(),
			OrganizationID: org.ID,
			Name:           "Administrator",
			Role:           string(Admin),
			Clearance:      FullClearance,
			CreatedAt:      org.CreatedAt,
		}
		return s.Store.InsertOrganization(ctx, store.Organization(org.Organization), first, sha256.Sum256([]byte(org.AdminKey)), caller.OrganizationID, kept)
	})
	if errors.Is(err, store.ErrNameTaken) {
		return NewOrganization{}, refusal.Of(refusal.Conflict, "there is an organisation of that name")
	}
	return org, err
}

var shortIDPrefix = regexp.MustCompile(`^[A-Z]{3}$`)

// check refuses an organisation that cannot be.
func (o Organization) check() error {
	var faults []refusal.Fault
	if strings.TrimSpace(o.Name) == "" || len(o.Name) > caselog.MaxName || strings.ContainsFunc(o.Name, unicode.IsControl) {
		faults = append(faults, refusal.Fault{Field: "name", Allowed: fmt.Sprintf("must be 1 to %d bytes long, without control characters", caselog.MaxName)})
	}
	if !shortIDPrefix.MatchString(o.ShortIDPrefix) {
		faults = append(faults, refusal.Fault{Field: "shortIdPrefix", Allowed: "must be three letters from A to Z"})
	}
	if len(faults) > 0 {
		return refusal.Fields(faults...)
	}
	return nil
}

// Organizations lists all organisations in the order in which they were made.
func (s *Service) Organizations(ctx context.Context, page Page) ([]Organization, string, error) {
	known, next, err := byID(page, func(o store.Organization) string { return o.ID }, func(after string, limit int) ([]store.Organization, error) {
		return s.Store.Organizations(ctx, after, limit)
	})
	all := make([]Organization, len(known))
	for i, o := range known {
		all[i] = Organization(o)
	}
	return all, next, err
}

// Organization returns the organisation that the caller belongs to.
func (s *Service) Organization(ctx context.Context, caller Caller) (Organization, error) {
	org, err := s.Store.Organization(ctx, caller.OrganizationID)
	return Organization(org), refused("organisation", err)
}
