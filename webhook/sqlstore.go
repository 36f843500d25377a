package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SQLStore is a [Store] in a database, PostgreSQL or SQLite, in two tables of its own: casehook_messages and
// casehook_sequences. Several processes of one endpoint may share it.
type SQLStore struct {
	db    *sql.DB
	scope string
}

// OpenSQLStore returns the store of an endpoint in db, and makes the tables where they are absent. The scope is
// the endpoint's, and not empty: its id, or any name that stays the same. Endpoints are sent the same events,
// each by a count of its own: of two that share a scope, each takes what the other handled for its own.
//
// The driver is the caller's, and so is db: the store does not close it. For SQLite, set busy_timeout: requests
// write at the same time.
func OpenSQLStore(ctx context.Context, db *sql.DB, scope string) (*SQLStore, error) {
	if scope == "" {
		return nil, errors.New("webhook: the scope of the store must be a name of its endpoint, and is empty")
	}
	s := &SQLStore{db, scope}
	if err := s.create(ctx); err != nil {
		return nil, fmt.Errorf("webhook: make the tables of the store: %w", err)
	}
	return s, nil
}

func (s *SQLStore) create(ctx context.Context) error {
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS casehook_messages (
			scope TEXT NOT NULL,
			id TEXT NOT NULL,
			handled_at BIGINT NOT NULL, -- Unix seconds
			PRIMARY KEY (scope, id)
		)`,
		`CREATE INDEX IF NOT EXISTS casehook_messages_handled_at ON casehook_messages (scope, handled_at)`,
		`CREATE TABLE IF NOT EXISTS casehook_sequences (
			scope TEXT NOT NULL,
			case_id TEXT NOT NULL,
			last_sequence BIGINT NOT NULL,
			last_id TEXT NOT NULL, -- of casehook_messages
			PRIMARY KEY (scope, case_id)
		)`,
		`CREATE INDEX IF NOT EXISTS casehook_sequences_last_id ON casehook_sequences (scope, last_id)`,
	} {
		if _, err := s.db.ExecContext(ctx, statement); err == nil {
			continue
		}
		// Of two processes that make the same table of PostgreSQL at the same time, one fails in spite
		// of IF NOT EXISTS. Then it is there.
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Look implements [Store].
func (s *SQLStore) Look(ctx context.Context, id, caseID string) (seen bool, last int64, err error) {
	err = s.db.QueryRowContext(ctx, `
		SELECT
			EXISTS (SELECT 1 FROM casehook_messages WHERE scope = $1 AND id = $2),
			COALESCE((SELECT last_sequence FROM casehook_sequences WHERE scope = $1 AND case_id = $3), 0)`,
		s.scope, id, caseID).Scan(&seen, &last)
	if err != nil {
		return false, 0, fmt.Errorf("webhook: look up a message: %w", err)
	}
	return seen, last, nil
}

// Keep implements [Store].
func (s *SQLStore) Keep(ctx context.Context, id, caseID string, sequence int64) error {
	if err := s.keep(ctx, id, caseID, sequence); err != nil {
		return fmt.Errorf("webhook: keep a message: %w", err)
	}
	return nil
}

func (s *SQLStore) keep(ctx context.Context, id, caseID string, sequence int64) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after the commit
	result, err := tx.ExecContext(ctx, `
		INSERT INTO casehook_messages (scope, id, handled_at)
		VALUES ($1, $2, $3)
		ON CONFLICT (scope, id) DO NOTHING`,
		s.scope, id, time.Now().Unix())
	if err != nil {
		return err
	}
	inserted, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if sequence > 0 {
		// An event that comes again, by a replay, is not the last one of its case.
		_, err = tx.ExecContext(ctx, `
			INSERT INTO casehook_sequences (scope, case_id, last_sequence, last_id)
			VALUES ($1, $2, $3, $4)
			ON CONFLICT (scope, case_id) DO UPDATE
			SET last_sequence = excluded.last_sequence,
				last_id = CASE WHEN $5 THEN excluded.last_id ELSE casehook_sequences.last_id END
			WHERE casehook_sequences.last_sequence < excluded.last_sequence`,
			s.scope, caseID, sequence, id, inserted > 0)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Forget removes the ids of what was handled before a moment, of this endpoint, and returns how many those were. What comes again
// after that is handled again: casehook tries for about three days, and replays when somebody asks for it. The
// last of each case stays.
func (s *SQLStore) Forget(ctx context.Context, before time.Time) (int64, error) {
	result, err := s.db.ExecContext(ctx, `
		DELETE FROM casehook_messages
		WHERE scope = $1 AND handled_at < $2
		AND NOT EXISTS (
			SELECT 1 FROM casehook_sequences
			WHERE scope = casehook_messages.scope AND last_id = casehook_messages.id)`,
		s.scope, before.Unix())
	if err != nil {
		return 0, fmt.Errorf("webhook: forget messages: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("webhook: count what was forgotten: %w", err)
	}
	return n, nil
}
