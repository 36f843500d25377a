package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// Organization is a tenant: cases, endpoints, users and keys belong to one.
type Organization struct {
	ID            string
	Name          string
	ShortIDPrefix string // three letters, "ADA"
	CreatedAt     time.Time
}

// organization is what is kept of an organisation between changes.
type organization struct {
	Organization
	key       *vault.Key
	version   int64 // of its endpoints
	endpoints []*subscription.Endpoint
	byID      map[string]*subscription.Endpoint
}

// EnsureOrganization returns the organisation with that name, which is made where
// it is absent.
func (s *Store) EnsureOrganization(ctx context.Context, name, shortIDPrefix string) (Organization, error) {
	org, err := s.OrganizationNamed(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return org, err
	}
	org = Organization{ID: newID(), Name: name, ShortIDPrefix: shortIDPrefix, CreatedAt: s.now().UTC()}
	_, wrapped, err := s.vault.NewKey(organizationOwner(org.ID), nil)
	if err != nil {
		return Organization{}, fmt.Errorf("make the key of an organisation: %w", err)
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			INSERT INTO organizations (id, name, short_id_prefix, wrapped_key, created_at)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO NOTHING`,
			org.ID, org.Name, org.ShortIDPrefix, wrapped, org.CreatedAt.UnixMilli())
		return err
	})
	if err != nil {
		return Organization{}, fmt.Errorf("make an organisation: %w", err)
	}
	return s.OrganizationNamed(ctx, name)
}

// InsertOrganization makes an organisation and its first key, which is kept by its
// hash. What is kept of the answer belongs to the organisation with the id keeper. The
// error is ErrNameTaken where there is one of that name.
func (s *Store) InsertOrganization(ctx context.Context, org Organization, first Key, hash [32]byte, keeper string, once *Kept) error {
	keeping, err := s.organization(ctx, keeper)
	if err != nil {
		return err
	}
	keep, err := s.keep(keeping, once)
	if err != nil {
		return err
	}
	_, wrapped, err := s.vault.NewKey(organizationOwner(org.ID), nil)
	if err != nil {
		return fmt.Errorf("make the key of an organisation: %w", err)
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		// Whether the request was answered before is told first: its own organisation has the name.
		if err := keep(ctx, conn); err != nil {
			return err
		}
		err := oneChanged(conn.ExecContext(ctx, `
			INSERT INTO organizations (id, name, short_id_prefix, wrapped_key, created_at)
			VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO NOTHING`,
			org.ID, org.Name, org.ShortIDPrefix, wrapped, org.CreatedAt.UnixMilli()))
		if errors.Is(err, ErrNotFound) {
			return ErrNameTaken
		}
		if err != nil {
			return err
		}
		return insertKey(ctx, conn, first, hash)
	})
	if err != nil && !errors.Is(err, ErrAnswered) && !errors.Is(err, ErrNameTaken) {
		return fmt.Errorf("make an organisation: %w", err)
	}
	return err
}

// Organizations returns at most limit organisations whose id comes after another, in the
// order in which they were made.
func (s *Store) Organizations(ctx context.Context, after string, limit int) ([]Organization, error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, name, short_id_prefix, created_at
		FROM organizations
		WHERE id > $1
		ORDER BY id
		LIMIT $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	var all []Organization
	err = scanAll(rows, func(rows *sql.Rows) error {
		var org Organization
		var created int64
		err := rows.Scan(&org.ID, &org.Name, &org.ShortIDPrefix, &created)
		org.CreatedAt = at(created)
		all = append(all, org)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return all, nil
}

// OrganizationNamed returns the organisation with that name, or ErrNotFound.
func (s *Store) OrganizationNamed(ctx context.Context, name string) (Organization, error) {
	var org Organization
	var created int64
	err := s.readers.QueryRowContext(ctx, `
		SELECT id, name, short_id_prefix, created_at
		FROM organizations
		WHERE name = $1`, name).Scan(&org.ID, &org.Name, &org.ShortIDPrefix, &created)
	if err != nil {
		return Organization{}, oneRow("an organisation", err)
	}
	org.CreatedAt = at(created)
	return org, nil
}

// Organization returns the organisation with that id, or ErrNotFound.
func (s *Store) Organization(ctx context.Context, id string) (Organization, error) {
	org, err := s.organization(ctx, id)
	if err != nil {
		return Organization{}, err
	}
	return org.Organization, nil
}

// organization returns an organisation and its endpoints as this process last saw
// them. A change that is made up from endpoints of yesterday does not commit.
func (s *Store) organization(ctx context.Context, id string) (*organization, error) {
	s.mu.Lock()
	org, forgotten := s.organizations[id], s.forgotten
	s.mu.Unlock()
	if org != nil {
		return org, nil
	}

	org = &organization{Organization: Organization{ID: id}}
	var wrapped []byte
	var created int64
	err := s.readers.QueryRowContext(ctx, `
		SELECT name, short_id_prefix, wrapped_key, endpoints_version, created_at
		FROM organizations
		WHERE id = $1`, id).Scan(&org.Name, &org.ShortIDPrefix, &wrapped, &org.version, &created)
	if err != nil {
		return nil, oneRow("an organisation", err)
	}
	org.CreatedAt = at(created)
	if org.key, err = s.organizationKey(id, wrapped); err != nil {
		return nil, fmt.Errorf("open the key of organisation %s: %w", id, err)
	}
	// The version was read first: endpoints that are newer than it make the
	// change lose, never the other way round.
	if org.endpoints, err = s.readEndpoints(ctx, org, "", -1); err != nil {
		return nil, err
	}
	org.byID = make(map[string]*subscription.Endpoint, len(org.endpoints))
	for _, endpoint := range org.endpoints {
		org.byID[endpoint.ID] = endpoint
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forgotten == forgotten { // else what was read may be old already
		s.organizations[id] = org
	}
	return org, nil
}

// organizationKey opens the key of an organisation. It is kept: a KMS is not asked again
// whenever an endpoint was changed, and may be gone by then.
func (s *Store) organizationKey(id string, wrapped []byte) (*vault.Key, error) {
	s.mu.Lock()
	key := s.organizationKeys[id]
	s.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := s.vault.OpenKey(organizationOwner(id), nil, wrapped)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organizationKeys[id] = key
	return key, nil
}

// forgetOrganization has an organisation's endpoints read again when they are
// asked for.
func (s *Store) forgetOrganization(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten++
	delete(s.organizations, id)
}

// forgetAll is forgetOrganization for all of them.
func (s *Store) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten++
	clear(s.organizations)
}

// organizationOwner is whom the vault knows an organisation's key by.
func organizationOwner(id string) string { return "organization " + id }
