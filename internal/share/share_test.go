package share_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/s3test"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/vault"
)

// home is where a Store keeps its blocks, seen from outside.
type home interface {
	open(t testing.TB) *share.Store // another one, as another process would
	blocks(t testing.TB) [][]byte
}

// onBoth runs a test on each kind of Store, with none in it.
func onBoth(t *testing.T, test func(t *testing.T, at home)) {
	t.Helper()
	t.Run("in a folder", func(t *testing.T) { test(t, folder(filepath.Join(t.TempDir(), "shares"))) })
	t.Run("in a bucket", func(t *testing.T) { test(t, objects{s3test.Start(t, "shares")}) })
}

type folder string

func (f folder) open(t testing.TB) *share.Store { return open(t, string(f)) }

func (f folder) blocks(t testing.TB) (blocks [][]byte) {
	paths, err := filepath.Glob(filepath.Join(string(f), "*"))
	require.NoError(t, err)
	for _, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		blocks = append(blocks, content)
	}
	return blocks
}

func open(t testing.TB, dir string) *share.Store {
	t.Helper()
	s, err := share.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestAShareIsKeptBeforeItIsGivenOut(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		name, given, err := at.open(t).New()
		require.NoError(t, err)
		require.NotEqual(t, vault.Share{}, given)

		got, err := at.open(t).Get(name)
		require.NoError(t, err)
		require.True(t, given == got)
	})
}

func TestEveryShareIsGivenOutOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		seen := make(map[vault.Share]string)
		var mu sync.Mutex
		var group sync.WaitGroup
		for range 2 { // processes
			s := at.open(t)
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
		blocks := at.blocks(t)
		require.Len(t, blocks, 4, "two of each process")
		kept := make(map[vault.Share]bool)
		for _, block := range blocks {
			require.Len(t, block, 32*share.PerBlock)
			for one := range slices.Chunk(block, 32) {
				kept[vault.Share(one)] = true
			}
		}
		s, looked := at.open(t), 0
		for given, name := range seen {
			require.True(t, kept[given], name)
			if looked++; looked > 500 { // each is a request, where it is a bucket
				continue
			}
			got, err := s.Get(name)
			require.NoError(t, err)
			require.True(t, given == got, name)
		}
	})
}

func TestWhatIsDestroyedIsGoneAndNothingElseIs(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		s := at.open(t)
		before, kept, err := s.New()
		require.NoError(t, err)
		name, destroyed, err := s.New()
		require.NoError(t, err)
		after, also, err := s.New()
		require.NoError(t, err)

		require.NoError(t, s.Destroy(name))
		require.NoError(t, s.Destroy(name), "twice is no error")
		got, err := at.open(t).Get(name)
		require.NoError(t, err)
		require.True(t, got == vault.Share{})
		blocks := at.blocks(t)
		require.Len(t, blocks, 1)
		require.False(t, bytes.Contains(blocks[0], destroyed[:]))
		for name, want := range map[string]vault.Share{before: kept, after: also} {
			got, err := s.Get(name)
			require.NoError(t, err)
			require.True(t, want == got, name)
		}
	})
}

func TestSharesThatAreDestroyedAtOnceAreAllGone(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		stores := []*share.Store{at.open(t), at.open(t), at.open(t)}
		var names []string
		for range 24 {
			name, _, err := stores[0].New()
			require.NoError(t, err)
			names = append(names, name)
		}
		var group sync.WaitGroup
		for i, s := range stores {
			group.Go(func() {
				for j := i; j < len(names); j += len(stores) {
					if err := s.Destroy(names[j]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		for _, name := range names {
			got, err := stores[0].Get(name)
			require.NoError(t, err)
			require.True(t, got == vault.Share{}, name)
		}
	})
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
}

func TestAnAbsentShareIsReportedAsSuch(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		const absent = "00000000-0000-4000-8000-000000000000/0"
		s := at.open(t)
		_, err := s.Get(absent)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorIs(t, s.Destroy(absent), fs.ErrNotExist)
	})
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
