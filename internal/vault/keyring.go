package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A Keyring is a master made of keys that the operator holds, or that a KMS does: the
// first seals, all open. It is a [tink.AEAD], safe for concurrent use, and prints
// without its keys whatever the verb.
//
// Its ciphertext is a version byte (1), the 4-byte id of the master key, and what that
// gives: AES-256-GCM 12 bytes of nonce, ciphertext, 16 bytes of tag; a KMS what it likes.
type Keyring struct {
	keys []masterKey // at least one, with ids that differ
}

var _ tink.AEAD = (*Keyring)(nil)

type masterKey struct {
	id   keyID
	aead tink.AEAD
}

// keyID tells which master key to open with, and nothing about its bytes. That of a key
// in a KMS is made of its URI.
type keyID [4]byte

const (
	keyringVersion = 1
	keyringHeader  = 1 + len(keyID{})
)

// NewMasterKey returns a fresh master key as ParseKeyring reads it: 32 random
// bytes in base64.
func NewMasterKey() string {
	key := make([]byte, keySize)
	rand.Read(key) // never fails: it ends the program instead
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeyring reads master keys: each 32 bytes in padded standard base64, or the URI of
// a key in AWS KMS (aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID), separated by line ends
// or commas, the one that seals first. Empty lines and space around a key are ignored.
// Errors name the line and never what is in it. No KMS is asked; see [Keyring.Check].
func ParseKeyring(text string) (*Keyring, error) {
	var ring Keyring
	seen := make(map[keyID]string)
	for i, line := range strings.Split(text, "\n") {
		values := strings.Split(line, ",")
		for j, value := range values {
			value = strings.TrimSpace(value)
			if value == "" {
				continue
			}
			place := fmt.Sprintf("line %d", i+1)
			if len(values) > 1 {
				place = fmt.Sprintf("line %d, key %d", i+1, j+1)
			}
			key, err := parseMasterKey(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", place, err)
			}
			if first, ok := seen[key.id]; ok {
				return nil, fmt.Errorf("%s: repeats the master key of %s", place, first)
			}
			seen[key.id] = place
			ring.keys = append(ring.keys, key)
		}
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("no master key given")
	}
	return &ring, nil
}

func parseMasterKey(value string) (masterKey, error) {
	if isURI(value) {
		return parseKMSKey(value)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return masterKey{}, errors.New("master key is not standard base64")
	}
	if len(key) != keySize {
		return masterKey{}, fmt.Errorf("master key has %d bytes, want %d", len(key), keySize)
	}
	aead, err := subtle.NewAESGCM(key)
	if err != nil {
		return masterKey{}, fmt.Errorf("make master cipher: %w", err)
	}
	return masterKey{id: idOf(key), aead: localKey{aead}}, nil
}

// localKey is a master key that is in memory.
type localKey struct{ tink.AEAD }

// Decrypt fails for one reason only.
func (k localKey) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	plaintext, err := k.AEAD.Decrypt(ciphertext, associatedData)
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

func idOf(key []byte) keyID {
	h := sha256.New()
	io.WriteString(h, "casehook master key id")
	h.Write(key)
	return keyID(h.Sum(nil))
}

// Encrypt seals with the first key.
func (k *Keyring) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	first := k.keys[0]
	sealed, err := first.aead.Encrypt(plaintext, associatedData)
	if err != nil {
		return nil, fmt.Errorf("seal with master key: %w", err)
	}
	header := append([]byte{keyringVersion}, first.id[:]...)
	return append(header, sealed...), nil
}

// Decrypt opens with the key that the ciphertext names. The error is
// [ErrUnknownMasterKey] where the ring does not hold it, [ErrUnavailable] where the KMS
// that has it cannot be asked, else [ErrTampered].
func (k *Keyring) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	if len(ciphertext) < keyringHeader || ciphertext[0] != keyringVersion {
		return nil, ErrTampered
	}
	id := keyID(ciphertext[1:keyringHeader])
	for _, key := range k.keys {
		if key.id != id {
			continue
		}
		return key.aead.Decrypt(ciphertext[keyringHeader:], associatedData)
	}
	return nil, ErrUnknownMasterKey
}

// Format implements [fmt.Formatter]: no verb shows the bytes of a key.
func (k Keyring) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "vault.Keyring(%d keys)", len(k.keys))
}
