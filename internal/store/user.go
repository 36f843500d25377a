package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/vault"
)

// User is a registered user of an organisation.
type User struct {
	caseupdate.User
	Role      *string
	UpdatedAt time.Time
}

// profile is what is sealed of a user.
type profile struct {
	FirstName string  `json:"firstName"`
	LastName  string  `json:"lastName"`
	Email     *string `json:"email"`
	Role      *string `json:"role"`
}

// PutUser keeps a user, in place of what was known under that id.
func (s *Store) PutUser(ctx context.Context, organizationID string, u User) error {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(profile{u.FirstName, u.LastName, u.Email, u.Role})
	if err != nil {
		return fmt.Errorf("encode a user: %w", err)
	}
	sealed, err := org.key.Seal(encoded, userPlace(organizationID, u.ID))
	if err != nil {
		return fmt.Errorf("seal a user: %w", err)
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			INSERT INTO users (organization_id, id, profile, updated_at)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (organization_id, id) DO UPDATE
			SET profile = excluded.profile, updated_at = excluded.updated_at`,
			organizationID, u.ID, sealed, u.UpdatedAt.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("write a user: %w", err)
	}
	return nil
}

// User returns a user of the organisation, or ErrNotFound.
func (s *Store) User(ctx context.Context, organizationID, id string) (User, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return User{}, err
	}
	var sealed []byte
	var updated int64
	err = s.readers.QueryRowContext(ctx, `
		SELECT profile, updated_at
		FROM users
		WHERE organization_id = $1 AND id = $2`, organizationID, id).Scan(&sealed, &updated)
	if err != nil {
		return User{}, oneRow("a user", err)
	}
	return openUser(org, id, sealed, updated)
}

// Users returns at most limit users of an organisation whose id comes after another.
func (s *Store) Users(ctx context.Context, organizationID, after string, limit int) ([]User, error) {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, profile, updated_at
		FROM users
		WHERE organization_id = $1 AND id > $2
		ORDER BY id
		LIMIT $3`, organizationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	var users []User
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		var sealed []byte
		var updated int64
		if err := rows.Scan(&id, &sealed, &updated); err != nil {
			return err
		}
		user, err := openUser(org, id, sealed, updated)
		users = append(users, user)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

func openUser(org *organization, id string, sealed []byte, updated int64) (User, error) {
	encoded, err := org.key.Open(sealed, userPlace(org.ID, id))
	if err != nil {
		return User{}, fmt.Errorf("open a user: %w", err)
	}
	var p profile
	if err := json.Unmarshal(encoded, &p); err != nil {
		return User{}, fmt.Errorf("decode a user: the profile is damaged")
	}
	user := caseupdate.User{ID: id, FirstName: p.FirstName, LastName: p.LastName, Email: p.Email}
	return User{User: user, Role: p.Role, UpdatedAt: at(updated)}, nil
}

func userPlace(organizationID, id string) vault.Where {
	return vault.Where{Table: "users", Row: organizationID + " " + id, Column: "profile"}
}
