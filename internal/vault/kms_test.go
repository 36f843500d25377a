package vault_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/kmstest"
	"github.com/casehook/casehook/internal/vault"
)

func parseKeyring(t *testing.T, text string) *vault.Keyring {
	t.Helper()
	ring, err := vault.ParseKeyring(text)
	require.NoError(t, err)
	return ring
}

func TestAKeyInAKMSWrapsDataKeys(t *testing.T) {
	kms := kmstest.Start(t)
	uri := kms.NewKey()
	v := vault.New(parseKeyring(t, uri))
	key, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(t, err)
	sealer, err := v.Sealer()
	require.NoError(t, err)
	require.Equal(t, sealer, wrapped[:5])

	again := vault.New(parseKeyring(t, uri))
	opened, err := again.OpenKey("case-1", nil, wrapped)
	require.NoError(t, err)
	plain, err := opened.Open(sealed, place)
	require.NoError(t, err)
	require.Equal(t, "body", string(plain))

	calls := kms.Calls()
	require.Len(t, calls, 2)
	require.Equal(t, []string{"Encrypt", "Decrypt"}, []string{calls[0].Action, calls[1].Action})
	for _, call := range calls {
		require.Equal(t, map[string]string{"associatedData": hex.EncodeToString([]byte("casehook data key of case-1"))}, call.Context)
		require.Len(t, call.Plain, 32)
		require.False(t, bytes.Contains(wrapped, call.Plain))
	}
}

func TestWhatAKMSDidNotSealForThisOwnerDoesNotOpen(t *testing.T) {
	kms := kmstest.Start(t)
	one, other := kms.NewKey(), kms.NewKey()
	v := vault.New(parseKeyring(t, one))
	_, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	changed := bytes.Clone(wrapped)
	changed[len(changed)-1] ^= 1
	_, foreign, err := vault.New(parseKeyring(t, other)).NewKey("case-1", nil)
	require.NoError(t, err)

	_, err = v.OpenKey("case-2", nil, wrapped)
	require.ErrorIs(t, err, vault.ErrTampered, "another owner")
	_, err = v.OpenKey("case-1", nil, changed)
	require.ErrorIs(t, err, vault.ErrTampered, "changed")
	_, err = v.OpenKey("case-1", nil, foreign)
	require.ErrorIs(t, err, vault.ErrUnknownMasterKey, "another key")
	_, err = v.OpenKey("case-1", nil, append(bytes.Clone(wrapped[:5]), foreign[5:]...))
	require.ErrorIs(t, err, vault.ErrTampered, "another key under the name of this one")
}

func TestDataKeysMoveIntoAKMSAndOutOfIt(t *testing.T) {
	uri, local := kmstest.Start(t).NewKey(), vault.NewMasterKey()
	_, wrapped, err := vault.New(parseKeyring(t, local)).NewKey("case-1", nil)
	require.NoError(t, err)

	inside, err := vault.New(parseKeyring(t, uri+","+local)).Rewrap("case-1", wrapped)
	require.NoError(t, err)
	_, err = vault.New(parseKeyring(t, uri)).OpenKey("case-1", nil, inside)
	require.NoError(t, err)
	outside, err := vault.New(parseKeyring(t, local+"\n"+uri)).Rewrap("case-1", inside)
	require.NoError(t, err)
	_, err = vault.New(parseKeyring(t, local)).OpenKey("case-1", nil, outside)
	require.NoError(t, err)
}

func TestAKMSThatCannotBeAskedIsNamed(t *testing.T) {
	kms := kmstest.Start(t)
	uri := kms.NewKey()
	v := vault.New(parseKeyring(t, uri))
	_, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(t, err)
	missing := strings.TrimRight(uri, "0123456789abcdef") + "0"
	for _, test := range []struct {
		name string
		set  func()
		of   string
		want string
	}{
		{"because it is down", func() { kms.Down(true) }, uri, "EOF"},
		{"because it denies", func() { kms.Deny(uri, true) }, uri, "AccessDeniedException"},
		{"because the key is missing", func() {}, missing, "NotFoundException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.set()
			defer kms.Down(false)
			defer kms.Deny(uri, false)
			v := vault.New(parseKeyring(t, test.of))
			_, _, err := v.NewKey("case-1", nil)
			require.ErrorContains(t, err, "wrap data key of case-1: seal with master key: ask "+test.of+" to seal: ")
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), kmstest.Secret)
			require.ErrorContains(t, parseKeyring(t, test.of).Check(), "try the first master key: ")
			if test.of != uri {
				return
			}
			_, err = v.OpenKey("case-1", nil, wrapped)
			require.ErrorContains(t, err, "open data key of case-1: ask "+test.of+" to open: ")
			require.ErrorIs(t, err, vault.ErrUnavailable)
			require.NotErrorIs(t, err, vault.ErrTampered)
		})
	}
	require.NoError(t, parseKeyring(t, uri).Check())
}

func TestParseKeyringRefusesWhatNamesNoKeyInAKMS(t *testing.T) {
	const canary = "PLANTED"
	for _, value := range []string{
		"aws-kms://", "aws-kms://" + canary, "gcp-kms://projects/" + canary, "hcvault://" + canary + "/transit/keys/casehook",
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/" + canary, "aws-kms://arn:aws:s3:eu-central-1:111122223333:key/" + canary,
		"aws-kms://arn:aws:kms:eu-central-1:1111:key/" + canary, "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/" + canary + "/x",
		"AWS-KMS://arn:aws:kms:eu-central-1:111122223333:key/" + canary,
	} {
		_, err := vault.ParseKeyring("\n" + value)
		require.EqualError(t, err, "line 2: master key in a KMS is not of the form aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID", value)
	}
	uri := kmstest.Start(t).NewKey()
	_, err := vault.ParseKeyring(uri + "\n" + uri)
	require.EqualError(t, err, "line 2: repeats the master key of line 1")
	require.Equal(t, "vault.Keyring(1 keys)", fmt.Sprintf("%+v", parseKeyring(t, uri)))
}

func TestAKeyFileTakesUpAKMSOnlyWhereItAnswers(t *testing.T) {
	kms := kmstest.Start(t)
	uri, path := kms.NewKey(), filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	local := sealerOf(t, file)
	kms.Deny(uri, true)
	require.ErrorContains(t, vault.AddMasterKey(path, uri), "AccessDeniedException")
	require.NoFileExists(t, path+".new")
	require.NoError(t, file.Reload())

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append([]byte(uri+"\n"), text...), 0o600))
	require.ErrorContains(t, file.Reload(), "AccessDeniedException")
	require.Equal(t, 1, file.Len())
	_, err = vault.OpenKeyFile(path)
	require.ErrorContains(t, err, "AccessDeniedException")

	kms.Deny(uri, false)
	require.NoError(t, file.Reload())
	require.NotEqual(t, local, sealerOf(t, file))
	require.True(t, file.FirstIs(uri))
	asked := len(kms.Calls())
	require.NoError(t, file.Reload())
	require.Len(t, kms.Calls(), asked, "a file that is the same asks nothing")
}

func TestAddMasterKeyMovesAKeyThatIsInTheFile(t *testing.T) {
	uri, path := kmstest.Start(t).NewKey(), filepath.Join(t.TempDir(), "master.key")
	local := vault.NewMasterKey()
	require.NoError(t, os.WriteFile(path, []byte(local+"\n"+uri+"\n"), 0o600))
	require.NoError(t, vault.AddMasterKey(path, uri))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, uri+"\n"+local+"\n", string(text))

	require.NoError(t, os.WriteFile(path, []byte(local+","+uri+"\n"), 0o600))
	require.ErrorContains(t, vault.AddMasterKey(path, uri), "repeats the master key")
}
