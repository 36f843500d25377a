package vault_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/vault"
)

var place = vault.Where{Table: "events", Row: "42", Column: "body"}

// newKeyring returns a ring of one fresh master key.
func newKeyring(t testing.TB) *vault.Keyring {
	t.Helper()
	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	return ring
}

// newKey returns a fresh data key.
func newKey(t testing.TB) *vault.Key {
	t.Helper()
	key, _, err := vault.New(newKeyring(t)).NewKey("case-1", nil)
	require.NoError(t, err)
	return key
}

func Example() {
	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	if err != nil {
		panic(err)
	}
	v := vault.New(ring)
	key, wrapped, err := v.NewKey("case-1", nil)
	if err != nil {
		panic(err)
	}
	where := vault.Where{Table: "events", Row: "42", Column: "body"}
	sealed, err := key.Seal([]byte("a diagnosis"), where)
	if err != nil {
		panic(err)
	}

	// Later, from what the database holds: wrapped and sealed.
	key, err = v.OpenKey("case-1", nil, wrapped)
	if err != nil {
		panic(err)
	}
	plaintext, err := key.Open(sealed, where)
	fmt.Println(string(plaintext), err)

	_, err = key.Open(sealed, vault.Where{Table: "events", Row: "43", Column: "body"})
	fmt.Println(errors.Is(err, vault.ErrTampered))
	// Output:
	// a diagnosis <nil>
	// true
}

func TestOpenKeyReturnsTheKeyThatWasWrapped(t *testing.T) {
	v := vault.New(newKeyring(t))
	key, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(t, err)

	opened, err := v.OpenKey("case-1", nil, wrapped)
	require.NoError(t, err)
	plaintext, err := opened.Open(sealed, place)
	require.NoError(t, err)
	require.Equal(t, "body", string(plaintext))
	require.Equal(t, key.MAC("link"), opened.MAC("link"))
}

func TestEveryOwnerHasItsOwnKey(t *testing.T) {
	v := vault.New(newKeyring(t))
	one, _, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	other, _, err := v.NewKey("case-1", nil)
	require.NoError(t, err)

	sealed, err := one.Seal([]byte("body"), place)
	require.NoError(t, err)
	_, err = other.Open(sealed, place)
	require.ErrorIs(t, err, vault.ErrTampered)
	require.NotEqual(t, one.MAC("link"), other.MAC("link"))
}

func TestOpenKeyRefuses(t *testing.T) {
	ring := newKeyring(t)
	v := vault.New(ring)
	_, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	short, err := ring.Encrypt([]byte("not a data key"), []byte("casehook data key of case-1"))
	require.NoError(t, err)

	edited := func(at int) []byte {
		b := append([]byte(nil), wrapped...)
		b[at] ^= 1
		return b
	}
	for _, test := range []struct {
		name    string
		vault   *vault.Vault
		owner   string
		wrapped []byte
		want    error
	}{
		{"a key that was moved to another owner", v, "case-2", wrapped, vault.ErrTampered},
		{"a key whose version was changed", v, "case-1", edited(0), vault.ErrTampered},
		{"a key whose master key id was changed", v, "case-1", edited(1), vault.ErrUnknownMasterKey},
		{"a key whose last byte was changed", v, "case-1", edited(len(wrapped) - 1), vault.ErrTampered},
		{"a key that was cut short", v, "case-1", wrapped[:len(wrapped)-1], vault.ErrTampered},
		{"a key that was cut to its header", v, "case-1", wrapped[:5], vault.ErrTampered},
		{"no key at all", v, "case-1", nil, vault.ErrTampered},
		{"a wrapped value that is not a data key", v, "case-1", short, vault.ErrTampered},
		{"a key of another master", vault.New(newKeyring(t)), "case-1", wrapped, vault.ErrUnknownMasterKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.vault.OpenKey(test.owner, nil, test.wrapped)
			require.ErrorIs(t, err, test.want)
			_, err = test.vault.Rewrap(test.owner, test.wrapped)
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestRewrapMovesADataKeyToANewMasterKey(t *testing.T) {
	oldMaster, newMaster := vault.NewMasterKey(), vault.NewMasterKey()
	vaultOf := func(text string) *vault.Vault {
		ring, err := vault.ParseKeyring(text)
		require.NoError(t, err)
		return vault.New(ring)
	}
	key, wrapped, err := vaultOf(oldMaster).NewKey("case-1", nil)
	require.NoError(t, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(t, err)

	rewrapped, err := vaultOf(newMaster+"\n"+oldMaster).Rewrap("case-1", wrapped)
	require.NoError(t, err)

	_, err = vaultOf(newMaster).OpenKey("case-1", nil, wrapped)
	require.ErrorIs(t, err, vault.ErrUnknownMasterKey)
	key, err = vaultOf(newMaster).OpenKey("case-1", nil, rewrapped)
	require.NoError(t, err)
	plaintext, err := key.Open(sealed, place)
	require.NoError(t, err)
	require.Equal(t, "body", string(plaintext))
}

// unreachable is a master that cannot be asked, as a KMS may be.
type unreachable struct{ err error }

func (u unreachable) Encrypt(_, _ []byte) ([]byte, error) { return nil, u.err }
func (u unreachable) Decrypt(_, _ []byte) ([]byte, error) { return nil, u.err }

func TestErrorsOfTheMasterArePassedOn(t *testing.T) {
	down := errors.New("no route to KMS")
	v := vault.New(unreachable{down})

	_, _, err := v.NewKey("case-1", nil)
	require.ErrorIs(t, err, down)
	_, err = v.OpenKey("case-1", nil, []byte("wrapped"))
	require.ErrorIs(t, err, down)
	require.NotErrorIs(t, err, vault.ErrTampered)
	_, err = v.Rewrap("case-1", []byte("wrapped"))
	require.ErrorIs(t, err, down)
}

// Sealed once and for all: databases hold such bytes, so these must open for ever.
const (
	goldenWrapped = "Aa4SUBt2r1veHHBU6P/cOdUiYAaOITQNF1qmgEeTW2cv0xaSdCr6x3iuGnR2VEDOHSVS+if/KNNbVVjpSu1K8vE="
	goldenRow     = "f4ClI1+uxu8CK1OgdTIq3sKahm+TbO+e1jXDrBd8wqjQ"
	goldenStream  = "KNUWLPtuidul+lgoeuSehYPvTChP79RXkcnDGh8hhmxntbnwrAONVk+MxpXF8orPfiD8fNZBWXS2TMvb8jgQHQ=="
	goldenMAC     = "V14klArBjIILOv13pFMG2Q2iCM9JLbmygr6JW33+aSs="
)

func TestWhatEarlierVersionsSealedOpens(t *testing.T) {
	ring, err := vault.ParseKeyring("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	require.NoError(t, err)
	v := vault.New(ring)
	decode := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		require.NoError(t, err)
		return b
	}

	key, err := v.OpenKey("case-1", nil, decode(goldenWrapped))
	require.NoError(t, err)
	row, err := key.Open(decode(goldenRow), place)
	require.NoError(t, err)
	require.Equal(t, "a row", string(row))
	stream, err := readStream(key, decode(goldenStream))
	require.NoError(t, err)
	require.Equal(t, "a stream", string(stream))
	require.Equal(t, decode(goldenMAC), key.MAC("a", "link"))
}
