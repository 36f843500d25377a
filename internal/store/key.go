package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/internal/subscription"
)

// Key is an API key. The key itself is not kept, only its SHA-256.
type Key struct {
	ID             string
	OrganizationID string
	Name           string
	Role           string
	Clearance      subscription.Clearance // of its holder
	CreatedAt      time.Time
	ExpiresAt      *time.Time
	RevokedAt      *time.Time
}

// Usable reports whether the key has neither expired nor been revoked.
func (k Key) Usable() bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || time.Now().Before(*k.ExpiresAt))
}

// InsertKey keeps a new key by its hash.
func (s *Store) InsertKey(ctx context.Context, k Key, hash [32]byte, once *Kept) error {
	org, err := s.organization(ctx, k.OrganizationID)
	if err != nil {
		return err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return err
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := insertKey(ctx, conn, k, hash); err != nil {
			return err
		}
		return keep(ctx, conn)
	})
	if err != nil && !errors.Is(err, ErrAnswered) {
		return fmt.Errorf("write an API key: %w", err)
	}
	return err
}

func insertKey(ctx context.Context, conn *sql.Conn, k Key, hash [32]byte) error {
	_, err := conn.ExecContext(ctx, `
		INSERT INTO api_keys (id, organization_id, name, role, phi, restricted, hash, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		k.ID, k.OrganizationID, k.Name, k.Role, number(k.Clearance.PHI), number(k.Clearance.Restricted), hash[:], k.CreatedAt.UnixMilli(), column(k.ExpiresAt))
	return err
}

const selectKeys = `
	SELECT id, organization_id, name, role, phi, restricted, created_at, expires_at, revoked_at
	FROM api_keys`

// KeyByHash returns the key with that SHA-256, expired or revoked as it may be, or
// ErrNotFound.
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (Key, error) {
	key, err := scanKey(s.readers.QueryRowContext(ctx, selectKeys+`
		WHERE hash = $1`, hash[:]))
	if err != nil {
		return Key{}, oneRow("an API key", err)
	}
	return key, nil
}

// Key returns the key with that id, whosever it is, expired or revoked as it may be, or
// ErrNotFound.
func (s *Store) Key(ctx context.Context, id string) (Key, error) {
	key, err := scanKey(s.readers.QueryRowContext(ctx, selectKeys+`
		WHERE id = $1`, id))
	if err != nil {
		return Key{}, oneRow("an API key", err)
	}
	return key, nil
}

// Keys returns at most limit keys of an organisation whose id comes after another,
// in the order in which they were made.
func (s *Store) Keys(ctx context.Context, organizationID, after string, limit int) ([]Key, error) {
	rows, err := s.readers.QueryContext(ctx, selectKeys+`
		WHERE organization_id = $1 AND id > $2
		ORDER BY id
		LIMIT $3`, organizationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	var keys []Key
	err = scanAll(rows, func(rows *sql.Rows) error {
		key, err := scanKey(rows)
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// RevokeKey ends a key. The error is ErrNotFound where there is none, or it was
// revoked before.
func (s *Store) RevokeKey(ctx context.Context, organizationID, id string) error {
	now := s.now().UnixMilli()
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return oneChanged(conn.ExecContext(ctx, `
			UPDATE api_keys
			SET revoked_at = $3
			WHERE id = $1 AND organization_id = $2 AND revoked_at IS NULL`, id, organizationID, now))
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("revoke an API key: %w", err)
	}
	return err
}

func scanKey(row interface{ Scan(...any) error }) (Key, error) {
	var k Key
	var phi, restricted, created int64
	var expires, revoked sql.NullInt64
	err := row.Scan(&k.ID, &k.OrganizationID, &k.Name, &k.Role, &phi, &restricted, &created, &expires, &revoked)
	k.Clearance = subscription.Clearance{PHI: phi == 1, Restricted: restricted == 1}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = at(created), maybeAt(expires), maybeAt(revoked)
	return k, err
}
