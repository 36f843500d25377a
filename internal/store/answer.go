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
	var sealed sealedAnswer
	var caseID sql.NullString
	err = s.readers.QueryRowContext(ctx, `
		SELECT digest, case_id, answer
		FROM idempotency_keys
		WHERE organization_id = $1 AND hash = $2`,
		organizationID, once.hash()).Scan(&sealed.digest, &caseID, &sealed.answer)
	if err != nil {
		return nil, digest, oneRow("an answer", err)
	}
	sealer, err := s.answerKey(ctx, organizationID, caseID)
	if err != nil {
		return nil, digest, err
	}
	return sealed.open(sealer, organizationID, &once)
}

// Keep keeps an answer by itself. The error is ErrAnswered where the key is taken.
func (s *Store) Keep(ctx context.Context, organizationID string, kept *Kept) error {
	org, err := s.organization(ctx, organizationID)
	if err != nil {
		return err
	}
	keep, err := s.keep(org, kept)
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
func (s *Store) keep(org *organization, kept *Kept) (func(context.Context, *sql.Conn) error, error) {
	if kept == nil {
		return func(context.Context, *sql.Conn) error { return nil }, nil
	}
	sealed, err := sealAnswer(org.key, org.ID, &kept.Once, kept.Answer)
	if err != nil {
		return nil, err
	}
	now := s.now().UnixMilli()
	return func(ctx context.Context, conn *sql.Conn) error {
		result, err := conn.ExecContext(ctx, `
			INSERT INTO idempotency_keys (organization_id, hash, digest, case_id, answer, created_at)
			VALUES ($1, $2, $3, NULL, $4, $5)
			ON CONFLICT DO NOTHING`,
			org.ID, kept.hash(), sealed.digest, sealed.answer, now)
		if errors.Is(oneChanged(result, err), ErrNotFound) {
			return ErrAnswered
		}
		return err
	}, nil
}

// sealedAnswer is an answer as it is kept. The digest of its request is sealed too: by
// it, whoever reads the database could guess what a short request said.
type sealedAnswer struct{ answer, digest []byte }

func sealAnswer(key *vault.Key, organizationID string, once *Once, answer []byte) (sealed sealedAnswer, err error) {
	if sealed.answer, err = key.Seal(answer, answerPlace(organizationID, once, "answer")); err == nil {
		sealed.digest, err = key.Seal(once.Digest[:], answerPlace(organizationID, once, "digest"))
	}
	if err != nil {
		return sealedAnswer{}, fmt.Errorf("seal an answer: %w", err)
	}
	return sealed, nil
}

// open returns what sealAnswer sealed.
func (s sealedAnswer) open(key *vault.Key, organizationID string, once *Once) (answer []byte, digest [32]byte, err error) {
	var digested []byte
	if answer, err = key.Open(s.answer, answerPlace(organizationID, once, "answer")); err == nil {
		digested, err = key.Open(s.digest, answerPlace(organizationID, once, "digest"))
	}
	if err == nil && copy(digest[:], digested) != len(digest) {
		err = vault.ErrTampered
	}
	if err != nil {
		return nil, [32]byte{}, fmt.Errorf("open an answer: %w", err)
	}
	return answer, digest, nil
}

func answerPlace(organizationID string, once *Once, column string) vault.Where {
	row := organizationID + " " + hex.EncodeToString(once.hash())
	return vault.Where{Table: "idempotency_keys", Row: row, Column: column}
}
