package webhook

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The prefixes of secrets (Standard Webhooks, "Signature scheme").
const (
	prefixSymmetric = "whsec_"
	prefixPrivate   = "whsk_"
	prefixPublic    = "whpk_"
)

// The bounds on a symmetric secret, in decoded bytes (Standard Webhooks, "Signature scheme"), and
// the size of a new one.
const (
	minSymmetric = 24
	maxSymmetric = 64
	newSymmetric = 32
)

// encoding is strict so that a key has one spelling.
var encoding = base64.StdEncoding.Strict()

// Secret is a key that signs or verifies webhooks, or both. [ParseSecret] makes one; the zero Secret
// is of no use, and is refused wherever one is asked for.
//
// A Secret never shows its key, however it is printed, logged or marshaled. It is immutable.
type Secret struct {
	// reveal returns the key; nil in the zero Secret. Package fmt calls no methods on unexported
	// fields and follows pointers for a verb that does not fit, so a Secret in somebody's struct
	// would show its key. Of a function it knows only the address.
	reveal func() *key
}

// key is one of three kinds, told by prefix.
type key struct {
	prefix    string
	symmetric []byte             // whsec_
	private   ed25519.PrivateKey // whsk_
	public    ed25519.PublicKey  // whsk_ and whpk_
}

// ParseSecret reads a secret as casehook shows it: a prefix and standard, padded base64.
//
//   - whsec_: a symmetric secret of 24 to 64 bytes, signs and verifies.
//   - whsk_: an ed25519 private key, 64 bytes (seed and public key) or the seed's 32, signs and verifies.
//   - whpk_: an ed25519 public key, 32 bytes, verifies.
//
// Anything else, surrounding white space included, is refused with an error that wraps [ErrBadSecret].
func ParseSecret(s string) (Secret, error) {
	prefix, encoded, err := splitSecret(s)
	if err != nil {
		return Secret{}, err
	}
	raw, err := encoding.DecodeString(encoded)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: not padded standard base64 after %s", ErrBadSecret, prefix)
	}
	switch prefix {
	case prefixPrivate:
		return parsePrivate(raw)
	case prefixPublic:
		if len(raw) != ed25519.PublicKeySize {
			return Secret{}, fmt.Errorf("%w: a public key has %d bytes", ErrBadSecret, ed25519.PublicKeySize)
		}
		return newSecret(key{prefix: prefix, public: raw}), nil
	default:
		if len(raw) < minSymmetric || len(raw) > maxSymmetric {
			return Secret{}, fmt.Errorf("%w: a symmetric secret has %d to %d bytes", ErrBadSecret, minSymmetric, maxSymmetric)
		}
		return newSecret(key{prefix: prefix, symmetric: raw}), nil
	}
}

func newSecret(k key) Secret {
	return Secret{reveal: func() *key { return &k }}
}

func splitSecret(s string) (prefix, encoded string, err error) {
	if s == "" {
		return "", "", fmt.Errorf("%w: it is empty", ErrBadSecret)
	}
	// base64 would read over line ends, and then the string would not be the one that keys x-cv-signature.
	if strings.ContainsAny(s, " \t\r\n") {
		return "", "", fmt.Errorf("%w: it contains white space", ErrBadSecret)
	}
	for _, prefix := range []string{prefixSymmetric, prefixPrivate, prefixPublic} {
		if encoded, ok := strings.CutPrefix(s, prefix); ok {
			return prefix, encoded, nil
		}
	}
	return "", "", fmt.Errorf("%w: it begins with none of %s, %s, %s", ErrBadSecret, prefixSymmetric, prefixPrivate, prefixPublic)
}

func parsePrivate(raw []byte) (Secret, error) {
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return Secret{}, fmt.Errorf("%w: a private key has %d or %d bytes", ErrBadSecret, ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	// Signing under a public key that is not the seed's own gives the private key away.
	if len(raw) == ed25519.PrivateKeySize && !bytes.Equal(raw, private) {
		return Secret{}, fmt.Errorf("%w: the halves of the private key do not belong together", ErrBadSecret)
	}
	return newSecret(key{prefix: prefixPrivate, private: private, public: private.Public().(ed25519.PublicKey)}), nil
}

// NewSecret makes a symmetric secret, whsec_ and 32 bytes read from random: crypto/rand.Reader
// everywhere but in tests. It fails only where random does.
func NewSecret(random io.Reader) (string, error) {
	raw := make([]byte, newSymmetric)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("webhook: read randomness for a secret: %w", err)
	}
	return prefixSymmetric + encoding.EncodeToString(raw), nil
}

// NewKeyPair makes an ed25519 key pair from 32 bytes read from random: the private key, whsk_, for
// the sender, and the public key, whpk_, for receivers. It fails only where random does.
func NewKeyPair(random io.Reader) (private, public string, err error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", "", fmt.Errorf("webhook: read randomness for a key pair: %w", err)
	}
	k := ed25519.NewKeyFromSeed(seed)
	return prefixPrivate + encoding.EncodeToString(k),
		prefixPublic + encoding.EncodeToString(k.Public().(ed25519.PublicKey)), nil
}

// String returns the kind of the secret and nothing of its key, e.g. "whsec_…redacted".
func (s Secret) String() string {
	if s.reveal == nil {
		return "no secret"
	}
	return s.reveal().prefix + "…redacted"
}

// GoString is [Secret.String], for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue is [Secret.String], for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is [Secret.String], for encoding/json and the like. The error is always nil.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
