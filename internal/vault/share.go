package vault

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Share is one half of what opens a data key: 32 random bytes, of which no copy lies
// where the wrapped key does. The other half is the master. The zero value is a share
// that was destroyed. It prints as "vault.Share" whatever the verb.
type Share [keySize]byte

// boundSize is the length of a data key that is bound to a share: sealed, with 12 bytes
// of nonce and 16 bytes of tag.
const boundSize = 12 + keySize + 16

// Format implements [fmt.Formatter]: no verb shows the bytes of a share.
func (Share) Format(f fmt.State, _ rune) {
	io.WriteString(f, "vault.Share")
}

// erased reports whether the share was destroyed.
func (s *Share) erased() bool { return s != nil && *s == Share{} }

// bind seals a data key of owner by the share; nil leaves it as it is.
func (s *Share) bind(owner string, data []byte) ([]byte, error) {
	if s == nil {
		return append([]byte(nil), data...), nil
	}
	if s.erased() {
		return nil, ErrErased
	}
	aead, err := s.aead(owner)
	if err != nil {
		return nil, err
	}
	return aead.Encrypt(data, ownedBy(owner))
}

// unbind returns what bind sealed, or ErrTampered.
func (s *Share) unbind(owner string, bound []byte) ([]byte, error) {
	if s == nil {
		if len(bound) != keySize {
			return nil, ErrTampered
		}
		return append([]byte(nil), bound...), nil
	}
	aead, err := s.aead(owner)
	if err != nil {
		return nil, err
	}
	data, err := aead.Decrypt(bound, ownedBy(owner))
	if err != nil || len(data) != keySize {
		return nil, ErrTampered
	}
	return data, nil
}

// aead is AES-256-GCM by a key that is the share's and the owner's. The share is
// uniformly random, so HKDF's extract step is not needed (RFC 5869, section 3.3).
func (s *Share) aead(owner string) (tink.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, s[:], "casehook vault v1 share "+owner, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key of a share: %w", err)
	}
	aead, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher of a share: %w", err)
	}
	return aead, nil
}
