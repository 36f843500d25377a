package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"slices"
)

// CVSigner makes the value of [HeaderCV] for a body that is written to it piece by piece. It holds
// nothing of the body, and serves one message and one goroutine at a time.
type CVSigner struct {
	mac hash.Hash
}

// NewCVSigner begins a signature with the secret as it was shown: the key is the bytes of the string
// itself, whsec_ included, so there is nothing to parse. An empty secret signs, but no receiver
// should take it, and [VerifyCV] does not.
func NewCVSigner(secret string) *CVSigner {
	return &CVSigner{hmac.New(sha256.New, []byte(secret))}
}

// SignCV returns the value of [HeaderCV] for a body in memory: lowercase hex HMAC-SHA256 with the
// secret as it was shown; see [NewCVSigner].
func SignCV(secret string, body []byte) string {
	s := NewCVSigner(secret)
	s.Write(body)
	return s.Signature()
}

// Write adds p to the body. It never fails.
func (s *CVSigner) Write(p []byte) (int, error) { return s.mac.Write(p) }

// Signature returns the value of [HeaderCV] for the body written so far.
func (s *CVSigner) Signature() string {
	return hex.EncodeToString(s.mac.Sum(nil))
}

// VerifyCV returns nil if [HeaderCV] in h was made for body with one of the secrets, each as it was
// shown. It says nothing of when the message was made, nor of its id: prefer a [Verifier] where you
// can.
//
// The errors are [ErrBadSecret] if there is no secret or one is empty, [ErrMissingHeader],
// [ErrBadSignature] if the header is not 64 hex digits, and [ErrNoMatch].
func VerifyCV(h http.Header, body []byte, secrets ...string) error {
	if len(secrets) == 0 || slices.Contains(secrets, "") {
		return fmt.Errorf("%w: none was given, or an empty one", ErrBadSecret)
	}
	value := h.Get(HeaderCV)
	if value == "" {
		return fmt.Errorf("%w: %s", ErrMissingHeader, HeaderCV)
	}
	got, err := hex.DecodeString(value)
	if err != nil || len(got) != sha256.Size {
		return fmt.Errorf("%w: %s is not %d hex digits", ErrBadSignature, HeaderCV, 2*sha256.Size)
	}
	for _, secret := range secrets {
		s := NewCVSigner(secret)
		s.Write(body)
		if hmac.Equal(got, s.mac.Sum(nil)) {
			return nil
		}
	}
	return ErrNoMatch
}
