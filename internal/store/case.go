package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/vault"
)

// Case returns a case as of its event with that sequence, or as it is now where
// sequence is 0, and its key. The error is ErrNotFound where the organisation has
// no such case, or the case no such event.
func (s *Store) Case(ctx context.Context, organizationID, id string, sequence int64) (*caselog.Case, *vault.Key, error) {
	head, err := s.current(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if head.state.OrganizationID != organizationID {
		return nil, nil, ErrNotFound
	}
	state, err := s.asOf(ctx, id, head, sequence)
	return state, head.key, err
}

// CaseKey returns the key of a case, whosever it is, or ErrNotFound.
func (s *Store) CaseKey(ctx context.Context, id string) (*vault.Key, error) {
	head, err := s.current(ctx, id) // another process may have erased it
	return head.key, err
}

// CaseOwner returns the organisation of a case, which it stays after it was erased. The
// error is ErrNotFound where there never was such a case.
func (s *Store) CaseOwner(ctx context.Context, id string) (organizationID string, err error) {
	err = s.readers.QueryRowContext(ctx, `
		SELECT organization_id
		FROM cases
		WHERE id = $1`, id).Scan(&organizationID)
	if err != nil {
		return "", oneRow("a case", err)
	}
	return organizationID, nil
}

// ShortIDs returns the short ids of those cases of an organisation, by their ids, that are there.
func (s *Store) ShortIDs(ctx context.Context, organizationID string, ids []string) (map[string]string, error) {
	where := among(ids)
	where.and(`organization_id || '' = ?`, organizationID) // SQLite would go through all cases of the organisation
	where.and(`version > ?`, 0)                            // it was not erased
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, short_id
		FROM cases
		WHERE `+where.text, where.arguments...)
	if err != nil {
		return nil, fmt.Errorf("read short ids: %w", err)
	}
	shortIDs := make(map[string]string, len(ids))
	err = scanAll(rows, func(rows *sql.Rows) error {
		var id, shortID string
		err := rows.Scan(&id, &shortID)
		shortIDs[id] = shortID
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read short ids: %w", err)
	}
	return shortIDs, nil
}

// asOf returns the case as of its event with that sequence, 0 for the last.
func (s *Store) asOf(ctx context.Context, id string, head caseHead, sequence int64) (*caselog.Case, error) {
	switch {
	case sequence == 0 || sequence == head.state.Version:
		return head.state, nil
	case sequence < 0 || sequence > head.state.Version:
		return nil, ErrNotFound
	}
	past, version := head.before(sequence)
	events, _, err := s.events(ctx, head.key, id, version, sequence)
	if err != nil {
		return nil, err
	}
	return caselog.Fold(past, events...)
}

// head returns the last known state of a case, which may have moved on since where
// other processes share the database.
func (s *Store) head(ctx context.Context, id string) (caseHead, error) {
	if head, ok := s.cases.get(id); ok {
		return head, nil
	}
	return s.current(ctx, id)
}

// current returns the state of a case after all that is committed. Of a case that was
// erased there is none.
func (s *Store) current(ctx context.Context, id string) (caseHead, error) {
	var version int64
	var wrapped []byte
	var share sql.NullString
	err := s.readers.QueryRowContext(ctx, `
		SELECT version, wrapped_key, share
		FROM cases
		WHERE id = $1 AND version > 0`, id).Scan(&version, &wrapped, &share)
	if err != nil {
		if err = oneRow("a case", err); errors.Is(err, ErrNotFound) {
			s.cases.forget(id)
		}
		return caseHead{}, err
	}
	head, ok := s.cases.get(id)
	if ok && head.state.Version >= version {
		return head, nil
	}
	if !ok {
		if head.key, err = s.openCaseKey(id, share, wrapped); err != nil {
			return caseHead{}, err
		}
	}
	var known int64
	if head.state != nil {
		known = head.state.Version
	}
	events, size, err := s.events(ctx, head.key, id, known, version)
	if err != nil {
		return caseHead{}, err
	}
	head.size += size
	for part := range slices.Chunk(events, pastStep) {
		state, err := caselog.Fold(head.state, part...)
		if err != nil {
			return caseHead{}, err
		}
		head = head.advance(state)
	}
	if head.state == nil || head.state.Version != version {
		return caseHead{}, fmt.Errorf("case %s has fewer events than its version says", id)
	}
	s.cases.put(id, head)
	return head, nil
}

// openCaseKey opens the key of a case. Where its share was destroyed the case was erased,
// whatever a database says that was restored from a copy.
func (s *Store) openCaseKey(id string, name sql.NullString, wrapped []byte) (*vault.Key, error) {
	var bound *vault.Share
	if name.Valid {
		share, err := s.shares.Get(name.String)
		if err != nil {
			return nil, fmt.Errorf("open the key of case %s: %w", id, err)
		}
		bound = &share
	}
	key, err := s.vault.OpenKey(caseOwner(id), bound, wrapped)
	if errors.Is(err, vault.ErrErased) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open the key of case %s: %w", id, err)
	}
	return key, nil
}

// caseOwner is whom the vault knows a case's key by.
func caseOwner(id string) string { return "case " + id }

// CaseFilter narrows a list of cases; zero values do not.
type CaseFilter struct {
	Status        caseupdate.Status
	Type          string
	ShortID       string
	IsArchived    *bool
	IsEscalated   *bool
	CreatedAfter  *time.Time
	CreatedBefore *time.Time
}

// CasePosition is a place in the list of cases; the zero value is its start.
type CasePosition struct {
	CreatedAt int64 // milliseconds
	ID        string
}

// Cases returns at most limit cases of an organisation after that position, the
// newest first, and where to go on; nil at the end.
func (s *Store) Cases(ctx context.Context, organizationID string, filter CaseFilter, after CasePosition, limit int) ([]*caselog.Case, *CasePosition, error) {
	// Of a case that was erased the status is empty. All conditions but that of the short id
	// are on columns of the index cases_created, so that only what is found is read.
	where := conditions{text: `organization_id = $1 AND status <> ''`, arguments: []any{organizationID}}
	if after.ID != "" {
		where.and(`(created_at, id) < (?, ?)`, after.CreatedAt, after.ID)
	}
	if filter.Status != "" {
		where.and(`status = ?`, string(filter.Status))
	}
	if filter.Type != "" {
		where.and(`type = ?`, filter.Type)
	}
	if filter.ShortID != "" {
		where.and(`short_id = ?`, filter.ShortID)
	}
	if filter.IsArchived != nil {
		where.and(`is_archived = ?`, *filter.IsArchived)
	}
	if filter.IsEscalated != nil {
		where.and(`is_escalated = ?`, *filter.IsEscalated)
	}
	if filter.CreatedAfter != nil {
		where.and(`created_at > ?`, filter.CreatedAfter.UnixMilli())
	}
	if filter.CreatedBefore != nil {
		where.and(`created_at < ?`, filter.CreatedBefore.UnixMilli())
	}
	rows, err := s.readers.QueryContext(ctx, `
		SELECT id, created_at
		FROM cases
		WHERE `+where.text+`
		ORDER BY created_at DESC, id DESC
		LIMIT `+strconv.Itoa(limit+1), where.arguments...)
	if err != nil {
		return nil, nil, fmt.Errorf("list cases: %w", err)
	}
	var found []CasePosition
	err = scanAll(rows, func(rows *sql.Rows) error {
		var p CasePosition
		err := rows.Scan(&p.ID, &p.CreatedAt)
		found = append(found, p)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list cases: %w", err)
	}
	var next *CasePosition
	if len(found) > limit {
		found = found[:limit]
		next = &found[limit-1]
	}
	cases := make([]*caselog.Case, 0, len(found))
	for _, p := range found {
		head, err := s.current(ctx, p.ID)
		if errors.Is(err, ErrNotFound) { // it was erased
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		cases = append(cases, head.state)
	}
	return cases, next, nil
}
