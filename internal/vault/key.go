package vault

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A Key seals and opens what belongs to one owner. It is safe for concurrent
// use, and prints as "vault.Key" whatever the verb.
//
// One data key stands behind it, but each use has a subkey of its own, so that
// a row cannot be passed off as a stream or the other way round.
type Key struct {
	rows    tink.AEAD
	streams streams
	links   []byte // the HMAC key
}

// Where is the place that sealed bytes belong to. They open nowhere else:
// whoever can write to the database still cannot move one patient's row under
// another's name.
type Where struct {
	Table, Row, Column string
}

func newKey(data []byte) (*Key, error) {
	rowKey, err := subkey(data, "rows")
	if err != nil {
		return nil, err
	}
	streamKey, err := subkey(data, "streams")
	if err != nil {
		return nil, err
	}
	linkKey, err := subkey(data, "links")
	if err != nil {
		return nil, err
	}

	rows, err := subtle.NewAESGCM(rowKey)
	if err != nil {
		return nil, fmt.Errorf("make row cipher: %w", err)
	}
	streams, err := newStreams(streamKey)
	if err != nil {
		return nil, err
	}
	return &Key{rows: rows, streams: streams, links: linkKey}, nil
}

// Seal encrypts plaintext for its place with AES-256-GCM: 12 random bytes of
// nonce, the ciphertext, 16 bytes of tag. Random nonces are safe for about four
// thousand million seals by one key (NIST SP 800-38D, section 8.3).
func (k *Key) Seal(plaintext []byte, where Where) ([]byte, error) {
	sealed, err := k.rows.Encrypt(plaintext, where.bytes())
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", where, err)
	}
	return sealed, nil
}

// Open returns the plaintext of what Seal sealed for the same place, or
// [ErrTampered].
func (k *Key) Open(sealed []byte, where Where) ([]byte, error) {
	plaintext, err := k.rows.Decrypt(sealed, where.bytes())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", where, ErrTampered)
	}
	return plaintext, nil
}

// NewWriter returns a writer that encrypts what it is given, in chunks of
// 64 KiB, and writes it to w. Close writes the last chunk, without which the
// stream does not open, and leaves w open: a stream that must not be used is
// simply not closed. After an error every call returns that error.
func (k *Key) NewWriter(w io.Writer, where Where) (io.WriteCloser, error) {
	return k.streams.newWriter(w, where)
}

// NewReader returns a reader of what NewWriter wrote for the same place. Every
// byte that it returns is genuine, but only io.EOF says that the stream is
// whole: one that was cut short or changed later on ends with [ErrTampered].
// Errors of r are passed on, wrapped.
func (k *Key) NewReader(r io.Reader, where Where) (io.Reader, error) {
	return k.streams.newReader(r, where)
}

// MAC returns the HMAC-SHA256, 32 bytes, of parts, for signed links. Where one
// part ends and the next begins counts: ("ab", "c") and ("a", "bc") differ.
// Compare with [hmac.Equal].
func (k *Key) MAC(parts ...string) []byte {
	mac := hmac.New(sha256.New, k.links)
	mac.Write(appendFields(nil, parts...))
	return mac.Sum(nil)
}

// Format implements [fmt.Formatter]: no verb shows the bytes of a key.
func (Key) Format(f fmt.State, _ rune) {
	io.WriteString(f, "vault.Key")
}

// String names the place for errors. It leaves the row out, which may be an id
// that the caller chose.
func (w Where) String() string {
	return w.Table + "." + w.Column
}

// bytes is the associated data of what is sealed for w.
func (w Where) bytes() []byte {
	return appendFields(make([]byte, 0, 96), w.Table, w.Row, w.Column)
}

// appendFields appends each field after its length, so that no two lists of
// fields give the same bytes.
func appendFields(b []byte, fields ...string) []byte {
	for _, field := range fields {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	return b
}

// subkey derives the key for one use. The data key is uniformly random, so
// HKDF's extract step is not needed (RFC 5869, section 3.3).
func subkey(data []byte, use string) ([]byte, error) {
	key, err := hkdf.Expand(sha256.New, data, "casehook vault v1 "+use, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key for %s: %w", use, err)
	}
	return key, nil
}
