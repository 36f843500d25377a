package service

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Mark returns what a session keeps of a caller's key beside its id, to be told by
// [Service.Resume] that it is still the same: nothing of a key that is in the store. Token is
// the session's, which is kept nowhere, so that nobody can try keys on what is kept.
func (s *Service) Mark(caller Caller, token string) []byte {
	if caller.KeyID != environment {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(s.adminHash[:])
	return mac.Sum(nil)
}

// Resume finds who calls in a session that began with the key of that id, and refuses a key
// that has since expired, was revoked, or is another one now (Unauthorized). Where the key
// is known the Caller says whose it is, also of one that is refused.
func (s *Service) Resume(ctx context.Context, keyID, token string, mark []byte) (Caller, error) {
	ended := refusal.Of(refusal.Unauthorized, "the API key of this session has expired or was revoked")
	if keyID == environment {
		caller := s.administrator()
		if s.AdminKey == "" || !hmac.Equal(mark, s.Mark(caller, token)) {
			return caller, ended
		}
		return caller, nil
	}
	known, err := s.Store.Key(ctx, keyID)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, ended
	}
	if err != nil {
		return Caller{}, err
	}
	return holderOf(known)
}

// Session returns what is kept under the hash of a session's token, until it expires.
func (s *Service) Session(ctx context.Context, hash string) (data []byte, found bool, err error) {
	data, err = s.Store.Session(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// BeginSession keeps data under the hash of a new session's token until it expires.
func (s *Service) BeginSession(ctx context.Context, hash string, data []byte, expires time.Time) error {
	return s.Store.InsertSession(ctx, hash, data, expires)
}

// ContinueSession changes what is kept of a session, and when it expires. One that was ended
// meanwhile stays so.
func (s *Service) ContinueSession(ctx context.Context, hash string, data []byte, expires time.Time) error {
	err := s.Store.UpdateSession(ctx, hash, data, expires)
	if errors.Is(err, store.ErrNotFound) {
		return refusal.Of(refusal.Unauthorized, "the session has ended")
	}
	return err
}

// EndSession ends a session; that there is none is no error.
func (s *Service) EndSession(ctx context.Context, hash string) error {
	return s.Store.DeleteSession(ctx, hash)
}
