package vault_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/vault"
)

func openKeyFile(t *testing.T, path string) *vault.KeyFile {
	t.Helper()
	file, err := vault.OpenKeyFile(path)
	require.NoError(t, err)
	return file
}

func sealerOf(t *testing.T, file *vault.KeyFile) []byte {
	t.Helper()
	sealer, err := file.Sealer()
	require.NoError(t, err)
	return sealer
}

func TestAMasterKeyThatIsAddedToTheFileIsTakenUpByWhoeverHasItOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	one, two := openKeyFile(t, path), openKeyFile(t, path)
	before, err := two.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	former := sealerOf(t, two)
	require.NoError(t, vault.AddMasterKey(path, vault.NewMasterKey()))
	require.NoError(t, one.Reload())
	require.NotEqual(t, former, sealerOf(t, one))
	require.Equal(t, 2, one.Len())

	after, err := one.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	require.Equal(t, sealerOf(t, one), after[:5])
	for _, sealed := range [][]byte{before, after} {
		for _, file := range []*vault.KeyFile{one, two} {
			opened, err := file.Decrypt(sealed, nil)
			require.NoError(t, err)
			require.Equal(t, "data key", string(opened))
		}
	}
	require.Equal(t, sealerOf(t, one), sealerOf(t, two), "it has found out")
}

func TestWhatIsSealedAfterAMasterKeyWasAddedIsSealedByIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	for range 3 {
		require.NoError(t, vault.AddMasterKey(path, vault.NewMasterKey()))
		want := sealerOf(t, openKeyFile(t, path))
		sealed, err := file.Encrypt([]byte("data key"), nil)
		require.NoError(t, err)
		require.Equal(t, want, sealed[:5])
	}
}

func TestAKeyFileThatCannotBeReadAgainLeavesTheKeysAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	sealed, err := file.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("broken"), 0o600))
	require.Error(t, file.Reload())
	_, err = file.Decrypt(sealed, nil)
	require.NoError(t, err)

	stranger, err := newKeyring(t).Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	_, err = file.Decrypt(stranger, nil)
	require.ErrorIs(t, err, vault.ErrUnknownMasterKey)
}

func TestAddMasterKeyKeepsTheOldKeysAndTheMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	old := vault.NewMasterKey()
	require.NoError(t, os.WriteFile(path, []byte(old), 0o600))
	require.NoError(t, vault.AddMasterKey(path, vault.NewMasterKey()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	require.Len(t, lines, 2)
	require.Equal(t, old, lines[1])
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestAddMasterKeyDoesNotTakeWhatAnotherIsWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	openKeyFile(t, path)
	require.NoError(t, os.WriteFile(path+".new", nil, 0o600))
	require.ErrorContains(t, vault.AddMasterKey(path, vault.NewMasterKey()), "master.key.new is there")
	require.Equal(t, 1, openKeyFile(t, path).Len())
	require.NoError(t, os.Remove(path+".new"))
	require.NoError(t, vault.AddMasterKey(path, vault.NewMasterKey()))
	require.NoFileExists(t, path+".new")

	require.ErrorContains(t, vault.AddMasterKey(path+"-absent", vault.NewMasterKey()), "open master key file")
}

func TestMasterKeysThatAreAddedAtOnceAreNotLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	openKeyFile(t, path)
	var mu sync.Mutex
	added := 1
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if vault.AddMasterKey(path, vault.NewMasterKey()) == nil {
				mu.Lock()
				defer mu.Unlock()
				added++
			}
		})
	}
	group.Wait()
	require.Greater(t, added, 1)
	require.Equal(t, added, openKeyFile(t, path).Len())
}
