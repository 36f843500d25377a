package store_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/store/storetest"
)

func TestMain(m *testing.M) {
	// Each check of a property changes a database on disk; -rapid.checks asks for more.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestSQLite(t *testing.T) {
	storetest.Run(t, freshSQLite)
}

// freshSQLite returns the URL of a new database, whose path has what a URL would
// take for something else.
func freshSQLite(t *testing.T) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "case hook?#%20.db")
}

func TestFilesOfSQLiteShowNoSecretAndNoPatient(t *testing.T) {
	folder := t.TempDir()
	url := "sqlite:" + filepath.Join(folder, "casehook.db")
	var files [][]byte
	read := func() {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, entry := range entries {
			content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			require.NoError(t, err)
			files = append(files, content)
		}
	}
	marks := storetest.Plant(t, url, read) // with -wal and -shm
	read()                                 // and with all of it in the database
	all := bytes.Join(files, []byte("\n"))
	require.GreaterOrEqual(t, bytes.Count(all, []byte(storetest.Plain)), 2, "what is plain is found in the log and in the database")
	require.Greater(t, len(marks), 50)
	for i, mark := range marks {
		require.False(t, bytes.Contains(all, []byte(mark)), "mark %d of %d is in the files", i, len(marks))
	}
}

func TestAClosedDatabaseOfSQLiteIsOneFileInWhichNothingIsLeftOfWhatWasErased(t *testing.T) {
	folder := t.TempDir()
	mark := storetest.EraseType(t, "sqlite:"+filepath.Join(folder, "casehook.db"))
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	require.Equal(t, []string{"casehook.db", "casehook.db.lock"}, names)
	content, err := os.ReadFile(filepath.Join(folder, "casehook.db"))
	require.NoError(t, err)
	require.False(t, bytes.Contains(content, []byte(mark)), "in the free space of a page")
}

func TestFilesOfSQLiteAreTheirOwnersOnly(t *testing.T) {
	folder := t.TempDir()
	storetest.Plant(t, "sqlite:"+filepath.Join(folder, "casehook.db"), func() {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
			info, err := entry.Info()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode(), entry.Name())
		}
		require.Equal(t, []string{"casehook.db", "casehook.db-shm", "casehook.db-wal", "casehook.db.lock"}, names)
	})
}

func TestADatabaseOfSQLiteIsOneProcessOnly(t *testing.T) {
	url := freshSQLite(t)
	s, err := store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	for range 2 {
		_, err = store.Open(t.Context(), url, store.Options{})
		require.ErrorIs(t, err, store.ErrInUse)
		_, _, err = store.Migrate(t.Context(), url)
		require.ErrorIs(t, err, store.ErrInUse)
	}
	require.NoError(t, s.Ping(t.Context()), "who has it keeps it")
	require.NoError(t, s.Close())

	s, err = store.Open(t.Context(), url, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestADatabaseThatCannotBeOpenedIsNotHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "casehook.db")
	require.NoError(t, os.WriteFile(path, []byte("this is not a database, and says so at some length"), 0o600))
	_, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrInUse)
	require.NoError(t, os.Remove(path))
	s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())

	_, err = store.Open(t.Context(), "sqlite:"+filepath.Join(path, "absent", "casehook.db"), store.Options{})
	require.Error(t, err)
}

func BenchmarkSQLite(b *testing.B) {
	storetest.Bench(b, "sqlite:"+filepath.Join(b.TempDir(), "casehook.db"))
}

func TestAKeyIsUsableUntilTheMomentThatItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(time.Hour)
		key := store.Key{ExpiresAt: &end}
		time.Sleep(time.Hour - 1)
		require.True(t, key.Usable())
		time.Sleep(time.Nanosecond)
		require.False(t, key.Usable())
		require.True(t, store.Key{}.Usable(), "one without an end")
		require.False(t, store.Key{RevokedAt: &end}.Usable())
	})
}
