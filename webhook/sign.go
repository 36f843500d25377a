package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The versions of signatures (Standard Webhooks, "Signature scheme").
const (
	versionSymmetric = "v1"
	versionEd25519   = "v1a"
)

// maxSignatures bounds what a message is signed with, and so the work that a forged one can cause.
const maxSignatures = 16

// Signer signs a body that is written to it piece by piece:
//
//	signer, err := webhook.NewSigner(secrets, id, time.Now())
//	…
//	io.Copy(signer, body)
//	signer.SetHeader(request.Header)
//
// With symmetric secrets a Signer holds nothing of the body. With an ed25519 key it holds all of it:
// the algorithm reads what it signs twice, and Standard Webhooks has no pre-hashed form.
//
// A Signer serves one message, and one goroutine at a time.
type Signer struct {
	id, timestamp string
	keys          []signingKey
	buffered      bool   // whether one of keys is ed25519
	content       []byte // id.timestamp.body as far as written, where buffered
}

// signingKey is a secret at work: a whsk_ one, where mac is nil.
type signingKey struct {
	secret Secret
	mac    hash.Hash
}

// NewSigner begins the signatures of the message id, sent at t, one with each of 1 to 16 secrets.
// The id is visible ASCII without a full stop, else the error is [ErrBadID]. The Unix seconds of t
// are not negative and have at most 12 digits, else it is [ErrBadTimestamp]. Without secrets, with
// too many, or with one that only verifies, it is [ErrBadSecret].
func NewSigner(secrets []Secret, id string, t time.Time) (*Signer, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	if t.Unix() < 0 || t.Unix() > maxTimestamp {
		return nil, ErrBadTimestamp
	}
	if err := checkSecrets(secrets); err != nil {
		return nil, err
	}
	if len(secrets) > maxSignatures {
		return nil, fmt.Errorf("%w: more than %d of them", ErrBadSecret, maxSignatures)
	}
	s := &Signer{
		id:        id,
		timestamp: strconv.FormatInt(t.Unix(), 10),
		keys:      make([]signingKey, len(secrets)),
	}
	for i, secret := range secrets {
		s.keys[i].secret = secret
		switch k := secret.reveal(); k.prefix {
		case prefixSymmetric:
			s.keys[i].mac = hmac.New(sha256.New, k.symmetric)
		case prefixPrivate:
			s.buffered = true
		default:
			return nil, fmt.Errorf("%w: a public key does not sign", ErrBadSecret)
		}
	}
	s.Write(appendPreamble(nil, s.id, s.timestamp))
	return s, nil
}

// Sign returns the value of [HeaderSignature] for a body in memory. Its errors are [NewSigner]'s.
func Sign(secrets []Secret, id string, t time.Time, body []byte) (string, error) {
	s, err := NewSigner(secrets, id, t)
	if err != nil {
		return "", err
	}
	if s.buffered {
		s.content = slices.Grow(s.content, len(body))
	}
	s.Write(body)
	return s.Signature(), nil
}

// Write adds p to the body. It never fails.
func (s *Signer) Write(p []byte) (int, error) {
	for _, k := range s.keys {
		if k.mac != nil {
			k.mac.Write(p)
		}
	}
	if s.buffered {
		s.content = append(s.content, p...)
	}
	return len(p), nil
}

// Signature returns the value of [HeaderSignature] for the body written so far: a signature per
// secret, in the order of the secrets, separated by spaces.
func (s *Signer) Signature() string {
	// Longer than either signature with its version and a space.
	const room = 96
	var sum [sha256.Size]byte
	list := make([]byte, 0, room*len(s.keys))
	for i, k := range s.keys {
		if i > 0 {
			list = append(list, ' ')
		}
		if k.mac != nil {
			list = append(list, versionSymmetric+","...)
			list = encoding.AppendEncode(list, k.mac.Sum(sum[:0]))
		} else {
			list = append(list, versionEd25519+","...)
			list = encoding.AppendEncode(list, ed25519.Sign(k.secret.reveal().private, s.content))
		}
	}
	return string(list)
}

// SetHeader sets [HeaderID], [HeaderTimestamp] and [HeaderSignature] for the body written so far.
func (s *Signer) SetHeader(h http.Header) {
	h.Set(HeaderID, s.id)
	h.Set(HeaderTimestamp, s.timestamp)
	h.Set(HeaderSignature, s.Signature())
}

// appendPreamble appends what is signed before the body.
func appendPreamble(b []byte, id, timestamp string) []byte {
	b = append(b, id...)
	b = append(b, '.')
	b = append(b, timestamp...)
	return append(b, '.')
}

// checkID keeps the full stop out of ids: with it, bytes could move between id, timestamp and body
// under the same signature.
func checkID(id string) error {
	if id == "" {
		return fmt.Errorf("%w: it is empty", ErrBadID)
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c >= 0x7f || c == '.' {
			return ErrBadID
		}
	}
	return nil
}

func checkSecrets(secrets []Secret) error {
	if len(secrets) == 0 {
		return fmt.Errorf("%w: none was given", ErrBadSecret)
	}
	for _, s := range secrets {
		if s.reveal == nil {
			return fmt.Errorf("%w: it was never parsed", ErrBadSecret)
		}
	}
	return nil
}
