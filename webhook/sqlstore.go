package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// SQLStore is a [Store] in a database, PostgreSQL or SQLite, in two tables of its own: casehook_messages and
// casehook_sequences. Several processes may share it.
type SQLStore struct {
	db *sql.DB
}

// OpenSQLStore returns a store in db, and makes its tables where they are absent. The driver is the
// caller's, and so is db: the store does not close it. For SQLite, set busy_timeout: requests write at the
// same time.
func OpenSQLStore(ctx context.Context, db *sql.DB) (*SQLStore, error) {
	s := &SQLStore{db}
	if err := s.create(ctx); err != nil {
		return nil, fmt.Errorf("webhook: make the tables of the store: %w", err)
	}
	return s, nil
}

func (s *SQLStore) create(ctx context.Context) error {
	for _, statement := range []string{
		`CREATE TABLE IF NOT EXISTS casehook_messages (
			id TEXT PRIMARY KEY,
			handled_at BIGINT NOT NULL -- Unix seconds
		)`,
		`CREATE INDEX IF NOT EXISTS casehook_messages_handled_at ON casehook_messages (handled_at)`,
		`CREATE TABLE IF NOT EXISTS casehook_sequences (
			case_id TEXT PRIMARY KEY,
			last_sequence BIGINT NOT NULL,
			last_id TEXT NOT NULL -- of casehook_messages
		)`,
		`CREATE INDEX IF NOT EXISTS casehook_sequences_last_id ON casehook_sequences (last_id)`,
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
			EXISTS (SELECT 1 FROM casehook_messages WHERE id = $1),
			COALESCE((SELECT last_sequence FROM casehook_sequences WHERE case_id = $2), 0)`,
		id, caseID).Scan(&seen, &last)
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
	_, err = tx.ExecContext(ctx, `
		INSERT INTO casehook_messages (id, handled_at)
		VALUES ($1, $2)
		ON CONFLICT (id) DO NOTHING`,
		id, time.Now().Unix())
	if err != nil {
		return err
	}
	if sequence > 0 {
		_, err = tx.ExecContext(ctx, `
			INSERT INTO casehook_sequences (case_id, last_sequence, last_id)
			VALUES ($1, $2, $3)
			ON CONFLICT (case_id) DO UPDATE
			SET last_sequence = excluded.last_sequence, last_id = excluded.last_id
			WHERE casehook_sequences.last_sequence < excluded.last_sequence`,
			caseID, sequence, id)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Forget removes the ids of what was handled before a moment, and returns how many those were. What comes again
// after that is handled again: casehook tries for about three days, and replays when somebody asks for it. The
// last of each case stays.
func (s *SQLStore) Forget(ctx context.Context, before time.Time) (int64, error) {
	result, err := s.db.ExecContext(ctx, `
		DELETE FROM casehook_messages
		WHERE handled_at < $1
		AND NOT EXISTS (SELECT 1 FROM casehook_sequences WHERE last_id = casehook_messages.id)`,
		before.Unix())
	if err != nil {
		return 0, fmt.Errorf("webhook: forget messages: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("webhook: count what was forgotten: %w", err)
	}
	return n, nil
}
