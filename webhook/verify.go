package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// DefaultTolerance is how far a message's timestamp may be from the receiver's clock, either way,
// where a [Verifier] does not say otherwise.
const DefaultTolerance = 5 * time.Minute

// maxTimestamp, in Unix seconds, has 12 digits: a timestamp in milliseconds is beyond it.
const maxTimestamp = 999_999_999_999

// Verifier tells casehook's messages from everybody else's. It is safe for concurrent use as long as
// its fields stay as they are.
type Verifier struct {
	// Secrets are the keys that are trusted, at least one: two while a secret is rotated.
	Secrets []Secret
	// Tolerance is how far the timestamp may be from now, either way; zero means [DefaultTolerance].
	Tolerance time.Duration
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Verify returns nil if one of the signatures in h was made with one of the secrets for this id,
// timestamp and body, and the timestamp is within the tolerance. The body must be the bytes that
// came: JSON that was parsed and written again need not verify. Where h was not filled by net/http,
// its keys must be in canonical form, which [http.Header.Set] sees to.
//
// The errors are, in the order of the checks, [ErrBadSecret] if v has no usable secret,
// [ErrMissingHeader], [ErrBadID], [ErrBadTimestamp], [ErrTooOld] or [ErrTooNew], [ErrBadSignature],
// and [ErrNoMatch].
func (v *Verifier) Verify(h http.Header, body []byte) error {
	if err := checkSecrets(v.Secrets); err != nil {
		return err
	}
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if h.Get(name) == "" {
			return fmt.Errorf("%w: %s", ErrMissingHeader, name)
		}
	}
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	if err := checkID(id); err != nil {
		return err
	}
	if err := v.checkTimestamp(timestamp); err != nil {
		return err
	}
	signatures, err := parseSignatures(h.Get(HeaderSignature))
	if err != nil {
		return err
	}
	if !signatures.match(v.Secrets, appendPreamble(nil, id, timestamp), body) {
		return ErrNoMatch
	}
	return nil
}

func (v *Verifier) checkTimestamp(timestamp string) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	// The signature covers the text, so the number must have one spelling: no sign, no leading zero.
	if err != nil || seconds < 0 || seconds > maxTimestamp || strconv.FormatInt(seconds, 10) != timestamp {
		return fmt.Errorf("%w: not Unix seconds", ErrBadTimestamp)
	}
	tolerance, now := v.Tolerance, time.Now
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if v.Now != nil {
		now = v.Now
	}
	switch age := now().Sub(time.Unix(seconds, 0)); {
	case age > tolerance:
		return ErrTooOld
	case age < -tolerance:
		return ErrTooNew
	}
	return nil
}

// signatures are the well-formed ones of a list, decoded, by version.
type signatures struct {
	symmetric [][]byte
	ed25519   [][]byte
}

// parseSignatures reads the value of [HeaderSignature]. Entries of other versions are for other
// receivers, and passed over like those that are malformed; at least one must remain.
func parseSignatures(list string) (signatures, error) {
	var s signatures
	n := 0
	for entry := range strings.SplitSeq(list, " ") {
		if entry == "" {
			continue
		}
		if n++; n > maxSignatures {
			return signatures{}, fmt.Errorf("%w: more than %d in the list", ErrBadSignature, maxSignatures)
		}
		version, encoded, _ := strings.Cut(entry, ",")
		switch version {
		case versionSymmetric:
			if raw, ok := decodeSignature(encoded, sha256.Size); ok {
				s.symmetric = append(s.symmetric, raw)
			}
		case versionEd25519:
			if raw, ok := decodeSignature(encoded, ed25519.SignatureSize); ok {
				s.ed25519 = append(s.ed25519, raw)
			}
		}
	}
	if s.symmetric == nil && s.ed25519 == nil {
		return signatures{}, fmt.Errorf("%w: none of a known version and form", ErrBadSignature)
	}
	return s, nil
}

// decodeSignature decodes size bytes in their one spelling: base64 by itself would read over line ends.
func decodeSignature(encoded string, size int) ([]byte, bool) {
	if len(encoded) != encoding.EncodedLen(size) {
		return nil, false
	}
	raw, err := encoding.DecodeString(encoded)
	return raw, err == nil && len(raw) == size
}

// match reports whether one of the secrets made one of the signatures for preamble and body.
func (s signatures) match(secrets []Secret, preamble, body []byte) bool {
	var content []byte // preamble and body in one piece, made when the first ed25519 key asks
	for _, secret := range secrets {
		k := secret.reveal()
		if k.symmetric != nil && s.symmetric != nil {
			mac := hmac.New(sha256.New, k.symmetric)
			mac.Write(preamble)
			mac.Write(body)
			want := mac.Sum(nil)
			for _, got := range s.symmetric {
				if hmac.Equal(want, got) {
					return true
				}
			}
		}
		if k.public != nil && s.ed25519 != nil {
			if content == nil {
				content = append(append(make([]byte, 0, len(preamble)+len(body)), preamble...), body...)
			}
			for _, got := range s.ed25519 {
				if ed25519.Verify(k.public, content, got) {
					return true
				}
			}
		}
	}
	return false
}
