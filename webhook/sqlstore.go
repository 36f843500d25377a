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
	db       *sql.DB
	scope    string
	isSQLite bool
}

// lockTimeout is how long SQLite waits for who else writes: requests do at the same time. By itself it fails at once.
const lockTimeout = 5 * time.Second

// OpenSQLStore returns the store of an endpoint in db, and makes the tables where they are absent. The scope is
// the endpoint's, and not empty: its id, or any name that stays the same. Endpoints are sent the same events,
// each by a count of its own: of two that share a scope, each takes what the other handled for its own.
//
// The driver is the caller's, and so is db: the store does not close it. SQLite needs no settings: a connection that
// the store uses is given a busy_timeout of 5 seconds, where it has none or a shorter one.
func OpenSQLStore(ctx context.Context, db *sql.DB, scope string) (*SQLStore, error) {
	if scope == "" {
		return nil, errors.New("webhook: the scope of the store must be a name of its endpoint, and is empty")
	}
	s := &SQLStore{db: db, scope: scope}
	if err := s.create(ctx); err != nil {
		return nil, fmt.Errorf("webhook: make the tables of the store: %w", err)
	}
	return s, nil
}

// conn returns a connection of db, which the caller closes.
func (s *SQLStore) conn(ctx context.Context) (*sql.Conn, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil || !s.isSQLite {
		return conn, err
	}
	if err := waitForLocks(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// waitForLocks has a connection of SQLite wait for who else writes. Any other database answers with an error.
func waitForLocks(ctx context.Context, conn *sql.Conn) error {
	var milliseconds int64
	if err := conn.QueryRowContext(ctx, `PRAGMA busy_timeout`).Scan(&milliseconds); err != nil {
		return err
	}
	if milliseconds >= lockTimeout.Milliseconds() {
		return nil
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`PRAGMA busy_timeout = %d`, lockTimeout.Milliseconds()))
	return err
}

func (s *SQLStore) create(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.isSQLite = waitForLocks(ctx, conn) == nil
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
		if _, err := conn.ExecContext(ctx, statement); err == nil {
			continue
		}
		// Of two processes that make the same table of PostgreSQL at the same time, one fails in spite
		// of IF NOT EXISTS. Then it is there.
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Look implements [Store].
func (s *SQLStore) Look(ctx context.Context, id, caseID string) (seen bool, last int64, err error) {
	if seen, last, err = s.look(ctx, id, caseID); err != nil {
		return false, 0, fmt.Errorf("webhook: look up a message: %w", err)
	}
	return seen, last, nil
}

func (s *SQLStore) look(ctx context.Context, id, caseID string) (seen bool, last int64, err error) {
	conn, err := s.conn(ctx)
	if err != nil {
		return false, 0, err
	}
	defer conn.Close()
	err = conn.QueryRowContext(ctx, `
		SELECT
			EXISTS (SELECT 1 FROM casehook_messages WHERE scope = $1 AND id = $2),
			COALESCE((SELECT last_sequence FROM casehook_sequences WHERE scope = $1 AND case_id = $3), 0)`,
		s.scope, id, caseID).Scan(&seen, &last)
	return seen, last, err
}

// Keep implements [Store].
func (s *SQLStore) Keep(ctx context.Context, id, caseID string, sequence int64) error {
	if err := s.keep(ctx, id, caseID, sequence); err != nil {
		return fmt.Errorf("webhook: keep a message: %w", err)
	}
	return nil
}

func (s *SQLStore) keep(ctx context.Context, id, caseID string, sequence int64) error {
	conn, err := s.conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
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
	n, err := s.forget(ctx, before)
	if err != nil {
		return 0, fmt.Errorf("webhook: forget messages: %w", err)
	}
	return n, nil
}

func (s *SQLStore) forget(ctx context.Context, before time.Time) (int64, error) {
	conn, err := s.conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, `
		DELETE FROM casehook_messages
		WHERE scope = $1 AND handled_at < $2
		AND NOT EXISTS (
			SELECT 1 FROM casehook_sequences
			WHERE scope = casehook_messages.scope AND last_id = casehook_messages.id)`,
		s.scope, before.Unix())
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
