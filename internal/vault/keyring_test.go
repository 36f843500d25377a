package vault_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/vault"
)

func TestParseKeyring(t *testing.T) {
	a, b, c := vault.NewMasterKey(), vault.NewMasterKey(), vault.NewMasterKey()
	short := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for _, test := range []struct {
		name, text, wantErr string
	}{
		{"takes one key", a, ""},
		{"takes a key a line", a + "\n" + b + "\n" + c + "\n", ""},
		{"takes keys between commas", a + "," + b, ""},
		{"takes keys between commas and lines", a + ", " + b + "\n" + c, ""},
		{"ignores empty lines, space and carriage returns", "\n  " + a + "\r\n\r\n\t" + b + " \n\n", ""},
		{"refuses to have no key", "", "no master key given"},
		{"refuses nothing but empty lines", " \n,\n", "no master key given"},
		{"refuses what is not base64", a + "\nnot-a-key\n", "line 2: master key is not standard base64"},
		{"refuses base64 without padding", strings.TrimRight(a, "="), "line 1: master key is not standard base64"},
		{"refuses a short key", "\n\n" + short, "line 3: master key has 16 bytes, want 32"},
		{"counts keys between commas", a + "," + short, "line 1, key 2: master key has 16 bytes, want 32"},
		{"refuses a key that is there twice", a + "\n" + b + "\n" + a, "line 3: repeats the master key of line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := vault.ParseKeyring(test.text)
			if test.wantErr == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.wantErr)
		})
	}
}

func TestKeyringSealsWithItsFirstKeyAndOpensWithAll(t *testing.T) {
	first, second := vault.NewMasterKey(), vault.NewMasterKey()
	parse := func(text string) *vault.Keyring {
		ring, err := vault.ParseKeyring(text)
		require.NoError(t, err)
		return ring
	}
	both := parse(first + "\n" + second)

	sealed, err := both.Encrypt([]byte("data key"), []byte("owner"))
	require.NoError(t, err)
	_, err = parse(first).Decrypt(sealed, []byte("owner"))
	require.NoError(t, err)
	_, err = parse(second).Decrypt(sealed, []byte("owner"))
	require.ErrorIs(t, err, vault.ErrUnknownMasterKey)

	sealed, err = parse(second).Encrypt([]byte("data key"), []byte("owner"))
	require.NoError(t, err)
	opened, err := both.Decrypt(sealed, []byte("owner"))
	require.NoError(t, err)
	require.Equal(t, "data key", string(opened))
}

func FuzzParseKeyring(f *testing.F) {
	f.Add("")
	f.Add(vault.NewMasterKey())
	f.Add(vault.NewMasterKey() + ",\n" + vault.NewMasterKey())
	f.Add("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	f.Add("c2hvcnQ=,?")
	f.Add("aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/casehook,://")

	// The only forms an error has: there is no room in them for a key.
	place := `line \d+(, key \d+)?`
	form := regexp.MustCompile(`^(no master key given|` + place + `: (master key is not standard base64|` +
		`master key has \d+ bytes, want 32|master key in a KMS is not of the form aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID|` +
		`repeats the master key of ` + place + `))$`)
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := vault.ParseKeyring(text)
		if err != nil {
			require.Regexp(t, form, err.Error())
			return
		}
		if strings.Contains(text, "://") {
			return // a KMS would have to be asked
		}
		sealed, err := ring.Encrypt([]byte("data key"), nil)
		require.NoError(t, err)
		_, err = ring.Decrypt(sealed, nil)
		require.NoError(t, err)
	})
}
