package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/vault"
)

// Shares keep, outside the database, what the keys of cases are bound to. They are safe
// for concurrent use.
type Shares interface {
	// New returns a share that nobody was given before, and its name. It is kept already.
	New() (name string, share vault.Share, err error)
	// Get returns the share with that name, the zero value where it was destroyed.
	Get(name string) (vault.Share, error)
	// Destroy destroys the share with that name, for good once it returns nil.
	Destroy(name string) error
}

// Documents are the bytes of documents. That one is absent is no error.
type Documents interface {
	Delete(ctx context.Context, id string) error
}

// Erasure is what is left of a case that was erased: by whom and when.
type Erasure struct {
	ID             string
	OrganizationID string
	CaseID         string
	ActorID        string // who did it
	KeyID          string // with which API key
	At             time.Time
	FinishedAt     *time.Time // when its key and its documents were destroyed; nil: they are being
}

// Erase erases a case: no copy of the database opens it any more, its documents are
// removed, and what waits to be sent of it is canceled. Erased is called, where it is not
// nil, once nothing more of it is to be sent. The erasure has its id, and says who does
// it.
//
// First the case is gone from the database, as one transaction; then its share and its
// documents are destroyed. Where that fails, or the process ends, [Store.FinishErasures]
// goes on, and so does Erase when it is called again. The error is ErrNotFound where the
// organisation has no such case, or it was erased before.
func (s *Store) Erase(ctx context.Context, e Erasure, documents Documents, erased func()) error {
	unfinished, err := s.unfinished(ctx, `organization_id = $1 AND case_id = $2`, e.OrganizationID, e.CaseID)
	if err != nil {
		return fmt.Errorf("erase case %s: %w", e.CaseID, err)
	}
	if len(unfinished) == 0 {
		org, err := s.organization(ctx, e.OrganizationID)
		if err != nil {
			return err
		}
		err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error { return s.erase(ctx, conn, org, e) })
		if errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil {
			return fmt.Errorf("erase case %s: %w", e.CaseID, err)
		}
		if unfinished, err = s.unfinished(ctx, `id = $1`, e.ID); err != nil {
			return fmt.Errorf("erase case %s: %w", e.CaseID, err)
		}
	}
	s.cases.erase(e.CaseID)
	if erased != nil {
		erased()
	}
	for _, u := range unfinished {
		if err := s.finishErasure(ctx, u, documents); err != nil {
			return err
		}
	}
	return nil
}

// erase takes all that can be read of a case out of the database.
func (s *Store) erase(ctx context.Context, conn *sql.Conn, org *organization, e Erasure) error {
	var share sql.NullString
	err := conn.QueryRowContext(ctx, `
		SELECT share
		FROM cases
		WHERE id = $1 AND organization_id = $2 AND version > 0`, e.CaseID, e.OrganizationID).Scan(&share)
	if err != nil {
		return oneRow("a case", err)
	}
	// A change that was made up before does not commit: the version is another.
	result, err := conn.ExecContext(ctx, `
		UPDATE cases
		SET version = 0, type = '', status = '', is_archived = $2, is_escalated = $2, wrapped_key = $3, share = NULL
		WHERE id = $1 AND version > 0`, e.CaseID, false, []byte{})
	if err := oneChanged(result, err); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, `
		INSERT INTO erasures (id, organization_id, case_id, actor_id, key_id, at, share)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		e.ID, e.OrganizationID, e.CaseID, e.ActorID, e.KeyID, e.At.UnixMilli(), share); err != nil {
		return err
	}
	if err := s.cancelCase(ctx, conn, org, e.CaseID); err != nil {
		return err
	}
	for _, statement := range []string{`
		DELETE FROM attempts
		WHERE delivery_id IN (SELECT id FROM deliveries WHERE case_id = $1)`, `
		DELETE FROM idempotency_keys
		WHERE case_id = $1`,
	} {
		if _, err := conn.ExecContext(ctx, statement, e.CaseID); err != nil {
			return err
		}
	}
	// Their places stay, so that none of the feed is given again.
	if _, err := conn.ExecContext(ctx, `
		UPDATE events
		SET type = '', body = $2
		WHERE case_id = $1`, e.CaseID, []byte{}); err != nil {
		return err
	}
	return s.connection.notify(ctx, conn, caseErased+" "+e.CaseID)
}

// cancelErased cancels what was put in line of a case while it was erased.
func (s *Store) cancelErased(ctx context.Context, organizationID, caseID string) error {
	org, err := s.organization(ctx, organizationID)
	if err == nil {
		err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error { return s.cancelCase(ctx, conn, org, caseID) })
	}
	if err != nil {
		return fmt.Errorf("cancel what waits of case %s: %w", caseID, err)
	}
	return nil
}

// unfinishedErasure is one whose share and documents may be there.
type unfinishedErasure struct {
	id, caseID string
	share      sql.NullString
}

// maxUnfinished is how many erasures are finished at once.
const maxUnfinished = 100

// unfinished returns the erasures of a condition that are to be finished, some of them.
func (s *Store) unfinished(ctx context.Context, condition string, arguments ...any) (all []unfinishedErasure, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, case_id, share
		FROM erasures
		WHERE finished_at IS NULL AND `+condition+`
		ORDER BY id
		LIMIT `+strconv.Itoa(maxUnfinished), arguments...)
	if err != nil {
		return nil, err
	}
	return all, scanAll(rows, func(rows *sql.Rows) error {
		var u unfinishedErasure
		err := rows.Scan(&u.id, &u.caseID, &u.share)
		all = append(all, u)
		return err
	})
}

// FinishErasures destroys what is left of cases that were erased by a process that ended
// before it was done, and reports whether there may be more of them.
func (s *Store) FinishErasures(ctx context.Context, documents Documents) (more bool, err error) {
	all, err := s.unfinished(ctx, `at < $1`, s.now().Add(-graceOfErasure).UnixMilli())
	if err != nil {
		return false, fmt.Errorf("find the erasures to be finished: %w", err)
	}
	for _, u := range all {
		err = errors.Join(err, s.finishErasure(ctx, u, documents)) // one that cannot be does not keep the others
	}
	return len(all) == maxUnfinished && err == nil, err
}

// graceOfErasure is how long an erasure is left to whoever began it.
const graceOfErasure = 10 * time.Second

// finishErasure destroys the share and the documents of a case that is gone from the
// database.
func (s *Store) finishErasure(ctx context.Context, u unfinishedErasure, documents Documents) error {
	if u.share.Valid {
		if err := s.shares.Destroy(u.share.String); err != nil {
			return fmt.Errorf("erase case %s: %w", u.caseID, err)
		}
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id
		FROM blobs
		WHERE case_id = $1`, u.caseID)
	if err != nil {
		return fmt.Errorf("erase case %s: %w", u.caseID, err)
	}
	var ids []string
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, documents.Delete(ctx, id))
	}
	if err != nil {
		return fmt.Errorf("erase case %s: remove its documents: %w", u.caseID, err)
	}
	err = s.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, `
			DELETE FROM blobs
			WHERE case_id = $1`, u.caseID); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, `
			UPDATE erasures
			SET finished_at = $2, share = NULL
			WHERE id = $1`, u.id, s.now().UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("finish the erasure of case %s: %w", u.caseID, err)
	}
	return nil
}

// Erasures returns at most limit erasures of an organisation whose id comes before
// another, the newest first; from the newest for "".
func (s *Store) Erasures(ctx context.Context, organizationID, before string, limit int) ([]Erasure, error) {
	where := conditions{text: `organization_id = $1`, arguments: []any{organizationID}}
	if before != "" {
		where.and(`id < ?`, before)
	}
	where.arguments = append(where.arguments, limit)
	rows, err := s.readers.QueryContext(ctx, fmt.Sprintf(`
		SELECT id, organization_id, case_id, actor_id, key_id, at, finished_at
		FROM erasures
		WHERE %s
		ORDER BY id DESC
		LIMIT $%d`, where.text, len(where.arguments)), where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("list erasures: %w", err)
	}
	var erasures []Erasure
	err = scanAll(rows, func(rows *sql.Rows) error {
		var e Erasure
		var milliseconds int64
		var finished sql.NullInt64
		err := rows.Scan(&e.ID, &e.OrganizationID, &e.CaseID, &e.ActorID, &e.KeyID, &milliseconds, &finished)
		e.At, e.FinishedAt = at(milliseconds), maybeAt(finished)
		erasures = append(erasures, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list erasures: %w", err)
	}
	return erasures, nil
}

// erasedSince returns the cases that were erased since a moment.
func (s *Store) erasedSince(ctx context.Context, moment time.Time) (ids []string, err error) {
	rows, err := s.readers.QueryContext(ctx, `
		SELECT case_id
		FROM erasures
		WHERE at >= $1`, moment.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("find what was erased: %w", err)
	}
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find what was erased: %w", err)
	}
	return ids, nil
}
