package vault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/vault"
)

func TestAKeyThatIsBoundToAShareOpensByThatShareOnly(t *testing.T) {
	ring := newKeyring(t)
	v, share := vault.New(ring), &vault.Share{31: 7}
	key, wrapped, err := v.NewKey("case-1", share)
	require.NoError(t, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(t, err)
	rewrapped, err := v.Rewrap("case-1", wrapped)
	require.NoError(t, err)
	require.NotEqual(t, wrapped, rewrapped)
	_, whole, err := v.NewKey("case-1", nil)
	require.NoError(t, err)

	for _, bytes := range [][]byte{wrapped, rewrapped} {
		opened, err := v.OpenKey("case-1", share, bytes)
		require.NoError(t, err)
		plaintext, err := opened.Open(sealed, place)
		require.NoError(t, err)
		require.Equal(t, "body", string(plaintext))
	}
	for _, test := range []struct {
		name    string
		owner   string
		share   *vault.Share
		wrapped []byte
		want    error
	}{
		{"with another share", "case-1", &vault.Share{31: 8}, wrapped, vault.ErrTampered},
		{"with no share", "case-1", nil, wrapped, vault.ErrTampered},
		{"with a share that was destroyed", "case-1", &vault.Share{}, wrapped, vault.ErrErased},
		{"for another owner", "case-2", share, wrapped, vault.ErrTampered},
		{"a key that is bound to none", "case-1", share, whole, vault.ErrTampered},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := v.OpenKey(test.owner, test.share, test.wrapped)
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestNoKeyIsBoundToAShareThatWasDestroyed(t *testing.T) {
	_, _, err := vault.New(newKeyring(t)).NewKey("case-1", &vault.Share{})
	require.ErrorIs(t, err, vault.ErrErased)
}

func TestTheMasterAloneDoesNotUncoverADataKey(t *testing.T) {
	ring := newKeyring(t)
	key, wrapped, err := vault.New(ring).NewKey("case-1", &vault.Share{31: 7})
	require.NoError(t, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(t, err)
	bound, err := ring.Decrypt(wrapped, []byte("casehook data key of case-1"))
	require.NoError(t, err)

	// Whatever 32 bytes of it are taken for the data key, nothing opens.
	for i := range len(bound) - 32 + 1 {
		guess, err := ring.Encrypt(bound[i:i+32], []byte("casehook data key of case-1"))
		require.NoError(t, err)
		opened, err := vault.New(ring).OpenKey("case-1", nil, guess)
		require.NoError(t, err)
		_, err = opened.Open(sealed, place)
		require.ErrorIs(t, err, vault.ErrTampered)
	}
}

func TestSharesNeverPrintTheirBytes(t *testing.T) {
	share := vault.Share{31: 7}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		require.Equal(t, "vault.Share", fmt.Sprintf(verb, share), verb)
		require.Equal(t, "vault.Share", fmt.Sprintf(verb, &share), verb)
	}
}
