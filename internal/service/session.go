package service

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"

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
