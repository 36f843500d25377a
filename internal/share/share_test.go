package share_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/vault"
)

func open(t testing.TB, dir string) *share.Store {
	t.Helper()
	s, err := share.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestAShareIsOnDiskBeforeItIsGivenOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shares")
	s := open(t, dir)
	name, given, err := s.New()
	require.NoError(t, err)
	require.NotEqual(t, vault.Share{}, given)

	got, err := open(t, dir).Get(name)
	require.NoError(t, err)
	require.True(t, given == got)
}

func TestEveryShareIsGivenOutOnce(t *testing.T) {
	dir := t.TempDir()
	seen := make(map[vault.Share]string)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 2 { // processes
		s := open(t, dir)
		for range 3 {
			group.Go(func() {
				for range share.PerBlock / 2 {
					name, given, err := s.New()
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if seen[given] != "" {
						t.Errorf("%s is %s", name, seen[given])
					}
					seen[given] = name
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	blocks, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, blocks, 4, "two of each process")
	for _, block := range blocks {
		info, err := block.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.Equal(t, int64(32*share.PerBlock), info.Size())
	}
	s := open(t, dir)
	for given, name := range seen {
		got, err := s.Get(name)
		require.NoError(t, err)
		require.True(t, given == got, name)
	}
}

func TestWhatIsDestroyedIsGoneFromTheDiskAndNothingElseIs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	before, kept, err := s.New()
	require.NoError(t, err)
	name, destroyed, err := s.New()
	require.NoError(t, err)
	after, also, err := s.New()
	require.NoError(t, err)

	require.NoError(t, s.Destroy(name))
	require.NoError(t, s.Destroy(name), "twice is no error")
	got, err := open(t, dir).Get(name)
	require.NoError(t, err)
	require.True(t, got == vault.Share{})
	blocks, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	require.Len(t, blocks, 1)
	content, err := os.ReadFile(blocks[0])
	require.NoError(t, err)
	require.False(t, bytes.Contains(content, destroyed[:]))
	for name, want := range map[string]vault.Share{before: kept, after: also} {
		got, err := s.Get(name)
		require.NoError(t, err)
		require.True(t, want == got, name)
	}
}

func TestNoPathIsMadeOfANameThatIsNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "outside"), make([]byte, 64), 0o600))
	s := open(t, filepath.Join(dir, "shares"))
	name, _, err := s.New()
	require.NoError(t, err)
	block := name[:36]
	for _, name := range []string{
		"", "/", "0", "../outside/0", block, block + "/", block + "/-1", block + "/+1", block + "/01", block + "/4096", block + "/0/0", block[:35] + "/0",
	} {
		_, err := s.Get(name)
		require.ErrorIs(t, err, share.ErrInvalidName, name)
		require.ErrorIs(t, s.Destroy(name), share.ErrInvalidName, name)
	}
	absent := "00000000-0000-4000-8000-000000000000/0"
	_, err = s.Get(absent)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorIs(t, s.Destroy(absent), fs.ErrNotExist)
}

// FuzzName requires that a share is read by its one name, and destroyed by no other.
func FuzzName(f *testing.F) {
	s := open(f, f.TempDir())
	name, given, err := s.New()
	require.NoError(f, err)
	block, _, _ := strings.Cut(name, "/")
	for _, seed := range []string{"", "/", "0", "1", "00", "+0", "-1", "-0", "0x1", "1e1", "255", "256", "65536", "9223372036854775808", "0/", "/0", "../0", "\x00"} {
		f.Add(seed, block)
		f.Add(seed, strings.ToUpper(block))
	}
	f.Add("0", "../"+block)
	f.Add("0", "{"+block+"}")
	f.Add("0", "")
	f.Fuzz(func(t *testing.T, number, block string) {
		other := block + "/" + number
		if other == name {
			return
		}
		got, err := s.Get(other)
		destroyed := s.Destroy(other)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			require.Equal(t, share.ErrInvalidName, err)
			require.Equal(t, share.ErrInvalidName, destroyed)
		}
		require.False(t, got == given)
		got, err = s.Get(name)
		require.NoError(t, err)
		require.True(t, got == given, "another name is that of another share")
	})
}
