package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Session returns what is kept under the hash of a session's token. The error is ErrNotFound
// where there is none, or it has expired.
func (s *Store) Session(ctx context.Context, hash string) (data []byte, err error) {
	err = s.readers.QueryRowContext(ctx, `
		SELECT data
		FROM sessions
		WHERE hash = $1 AND expires_at > $2`, hash, s.now().UnixMilli()).Scan(&data)
	if err != nil {
		return nil, oneRow("a session", err)
	}
	return data, nil
}

// InsertSession keeps data under the hash of a new session's token until it expires.
func (s *Store) InsertSession(ctx context.Context, hash string, data []byte, expires time.Time) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			INSERT INTO sessions (hash, data, expires_at)
			VALUES ($1, $2, $3)`, hash, data, expires.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("write a session: %w", err)
	}
	return nil
}

// UpdateSession changes what is kept of a session, and when it expires. The error is
// ErrNotFound where it has ended meanwhile.
func (s *Store) UpdateSession(ctx context.Context, hash string, data []byte, expires time.Time) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return oneChanged(conn.ExecContext(ctx, `
			UPDATE sessions
			SET data = $2, expires_at = $3
			WHERE hash = $1`, hash, data, expires.UnixMilli()))
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("write a session: %w", err)
	}
	return err
}

// DeleteSession ends a session; that there is none is no error.
func (s *Store) DeleteSession(ctx context.Context, hash string) error {
	err := s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `
			DELETE FROM sessions
			WHERE hash = $1`, hash)
		return err
	})
	if err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
