package vault_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/vault"
)

func TestLoadOrCreateKeyringMakesAFileForItsOwnerOnly(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "master.key")
	made, err := vault.LoadOrCreateKeyring(path)
	require.NoError(t, err)

	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the temporary file is gone")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	loaded, err := vault.LoadOrCreateKeyring(path)
	require.NoError(t, err)
	requireSameKey(t, made, loaded)
}

func TestLoadOrCreateKeyringReadsTheOperatorsKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	text := vault.NewMasterKey() + "\n" + vault.NewMasterKey() + "\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	want, err := vault.ParseKeyring(text)
	require.NoError(t, err)

	got, err := vault.LoadOrCreateKeyring(path)
	require.NoError(t, err)
	requireSameKey(t, want, got)
}

func TestLoadOrCreateKeyringGivesAllWhoRaceTheSameKey(t *testing.T) {
	for range 20 {
		path := filepath.Join(t.TempDir(), "master.key")
		rings := make([]*vault.Keyring, 4)
		start := make(chan struct{})
		var group sync.WaitGroup
		for i := range rings {
			group.Go(func() {
				<-start
				ring, err := vault.LoadOrCreateKeyring(path)
				if err != nil {
					t.Error(err)
					return
				}
				rings[i] = ring
			})
		}
		close(start)
		group.Wait()
		require.False(t, t.Failed())
		for _, ring := range rings[1:] {
			requireSameKey(t, rings[0], ring)
		}
	}
}

func TestLoadOrCreateKeyringRefuses(t *testing.T) {
	key := vault.NewMasterKey()
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		{"a file that its group may read", writeFile(key, 0o640), "(mode 0640): run chmod 600 "},
		{"a file that anybody may read", writeFile(key, 0o604), "(mode 0604): run chmod 600 "},
		{"a file that its group may write", writeFile(key, 0o620), "(mode 0620): run chmod 600 "},
		{"an empty file", writeFile("", 0o600), ": no master key given"},
		{"a file with a line that is no key", writeFile(key+"\nsecret\n", 0o600), ": line 2: master key is not standard base64"},
		{"a folder", func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, " is not a regular file"},
		{"a link that leads nowhere", func(t *testing.T, path string) { require.NoError(t, os.Symlink("absent", path)) }, "open master key file: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "master.key")
			test.prepare(t, path)

			_, err := vault.LoadOrCreateKeyring(path)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, path)
			require.NotContains(t, err.Error(), key)
		})
	}
	t.Run("to make the folder", func(t *testing.T) {
		_, err := vault.LoadOrCreateKeyring(filepath.Join(t.TempDir(), "absent", "master.key"))
		require.ErrorIs(t, err, os.ErrNotExist)
	})
}

func writeFile(text string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		require.NoError(t, os.Chmod(path, mode)) // whatever the umask
	}
}

func requireSameKey(t *testing.T, want, got *vault.Keyring) {
	t.Helper()
	sealed, err := got.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	_, err = want.Decrypt(sealed, nil)
	require.NoError(t, err)
}
