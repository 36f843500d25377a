package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/casehook/casehook/internal/vault"
)

// Once names a request that is to be done once.
type Once struct {
	Key    string   // the caller's idempotency key
	Digest [32]byte // of the request
}

func (o *Once) hash() []byte {
	hash := sha256.Sum256([]byte(o.Key))
	return hash[:]
}

// Kept is a request that is to be done once, with the answer to keep.
type Kept struct {
	Once
	Answer []byte
}

// Answer returns what was answered to a request with that idempotency key, and the
// digest of that request; ErrNotFound where there was none.
func (s *Store) Answer(ctx context.Context, organizationID, key string) (answer []byte, digest [32]byte, err error) {
	once := Once{Key: key}
	var digested, sealed []byte
	var caseID sql.NullString
	err = s.readers.QueryRowContext(ctx, `
		SELECT digest, case_id, answer
		FROM idempotency_keys
		WHERE organization_id = $1 AND hash = $2`,
		organizationID, once.hash()).Scan(&digested, &caseID, &sealed)
	if err != nil {
		return nil, digest, oneRow("an answer", err)
	}
	if copy(digest[:], digested) != len(digest) {
		return nil, digest, errors.New("read an answer: the digest of its request is damaged")
	}
	sealer, err := s.answerKey(ctx, organizationID, caseID)
	if err != nil {
		return nil, digest, err
	}
	answer, err = sealer.Open(sealed, answerPlace(organizationID, &once))
	if err != nil {
		return nil, digest, fmt.Errorf("open an answer: %w", err)
	}
	return answer, digest, nil
}

// Keep keeps an answer by itself. The error is ErrAnswered where the key is taken.
func (s *Store) Keep(ctx context.Context, organizationID string, once *Kept) error {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return err
	}
	keep, err := s.keep(org, once)
	if err != nil {
		return err
	}
	err = s.writer.task(ctx, keep)
	if err != nil && !errors.Is(err, ErrAnswered) {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return err
}

// answerKey returns the key that seals an answer: that of the case it is about, or
// the organisation's.
func (s *Store) answerKey(ctx context.Context, organizationID string, caseID sql.NullString) (*vault.Key, error) {
	if caseID.Valid {
		head, err := s.head(ctx, caseID.String)
		return head.key, err
	}
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return nil, err
	}
	return org.key, nil
}

// keep seals the answer of a request that is about no case, and returns what writes
// it: nothing for nil. What is written fails with ErrAnswered where the key is taken.
func (s *Store) keep(org *organization, once *Kept) (func(context.Context, *sql.Conn) error, error) {
	if once == nil {
		return func(context.Context, *sql.Conn) error { return nil }, nil
	}
	sealed, err := sealAnswer(org.key, org.ID, &once.Once, once.Answer)
	if err != nil {
		return nil, err
	}
	now := s.now().UnixMilli()
	return func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			INSERT INTO idempotency_keys (organization_id, hash, digest, case_id, answer, created_at)
			VALUES ($1, $2, $3, NULL, $4, $5)
			ON CONFLICT DO NOTHING`,
			org.ID, once.hash(), once.Digest[:], sealed, now)
		if errors.Is(oneChanged(result, err), ErrNotFound) {
			return ErrAnswered
		}
		return err
	}, nil
}

func sealAnswer(key *vault.Key, organizationID string, once *Once, answer []byte) ([]byte, error) {
	sealed, err := key.Seal(answer, answerPlace(organizationID, once))
	if err != nil {
		return nil, fmt.Errorf("seal an answer: %w", err)
	}
	return sealed, nil
}

func answerPlace(organizationID string, once *Once) vault.Where {
	row := organizationID + " " + hex.EncodeToString(once.hash())
	return vault.Where{Table: "idempotency_keys", Row: row, Column: "answer"}
}
