package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/vault"
)

const someID = "0190a6e1-5f0c-7b3a-9d2e-4c1f8a6b3c7f"

// home is where a Store has its blobs, seen from outside. Files are named from its top.
type home interface {
	open(t testing.TB) *blob.Store // another one, as another process would
	files(t testing.TB) []string   // also those that are not finished
	read(t testing.TB, name string) []byte
	write(t testing.TB, name string, content []byte)
	remove(t testing.TB, name string)
}

// onBoth runs a test on each kind of Store, with none in it.
func onBoth(t *testing.T, test func(t *testing.T, at home)) {
	t.Helper()
	t.Run("in a folder", func(t *testing.T) { test(t, folder(t.TempDir())) })
	t.Run("in a bucket", func(t *testing.T) { test(t, newBucket(t)) })
}

type folder string

func (f folder) open(t testing.TB) *blob.Store { return openStore(t, string(f)) }

func (f folder) files(t testing.TB) []string { return filesIn(t, string(f)) }

func (f folder) read(t testing.TB, name string) []byte {
	content, err := os.ReadFile(filepath.Join(string(f), name))
	require.NoError(t, err)
	return content
}

func (f folder) write(t testing.TB, name string, content []byte) {
	require.NoError(t, os.WriteFile(filepath.Join(string(f), name), content, 0o600))
}

func (f folder) remove(t testing.TB, name string) {
	require.NoError(t, os.Remove(filepath.Join(string(f), name)))
}

func openStore(t testing.TB, dir string) *blob.Store {
	t.Helper()
	store, err := blob.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func newKey(t testing.TB) *vault.Key {
	t.Helper()
	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	key, _, err := vault.New(ring).NewKey("case-1", nil)
	require.NoError(t, err)
	return key
}

// filesIn lists the files below dir.
func filesIn(t testing.TB, dir string) []string {
	t.Helper()
	files := []string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			name, _ := filepath.Rel(dir, path)
			files = append(files, filepath.ToSlash(name))
		}
		return err
	}))
	return files
}

func read(ctx context.Context, store *blob.Store, key *vault.Key, id string) ([]byte, error) {
	r, err := store.Get(ctx, key, id)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	return content, errors.Join(err, r.Close())
}

func TestABlobComesBackAsItWasPut(t *testing.T) {
	const chunk = 64 << 10
	onBoth(t, func(t *testing.T, at home) {
		store, key := at.open(t), newKey(t)
		rapid.Check(t, func(t *rapid.T) {
			size := rapid.OneOf(
				rapid.IntRange(0, 100),
				rapid.IntRange(chunk-80, chunk+2),
				rapid.IntRange(2*chunk-80, 2*chunk+2),
				rapid.IntRange(0, 4*chunk),
			).Draw(t, "size")
			content := make([]byte, size)
			rand.NewChaCha8([32]byte{rapid.Byte().Draw(t, "seed")}).Read(content)
			id := uuid.Must(uuid.NewV7()).String()

			info, err := store.Put(context.Background(), key, id, bytes.NewReader(content))
			require.NoError(t, err)
			want := blob.Info{Size: int64(size), SHA256: sha256.Sum256(content)}
			if diff := cmp.Diff(want, info); diff != "" {
				t.Fatal(diff)
			}
			got, err := read(context.Background(), store, key, id)
			require.NoError(t, err)
			if !bytes.Equal(content, got) {
				t.Fatalf("%d bytes came back as %d others", size, len(got))
			}
		})
	})
}

func TestOpenMakesFoldersForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "blobs")
	store := openStore(t, dir)
	_, err := store.Put(t.Context(), newKey(t), someID, bytes.NewReader([]byte("content")))
	require.NoError(t, err)

	require.Equal(t, []string{"7f/" + someID}, filesIn(t, dir))
	for name, want := range map[string]fs.FileMode{
		".": 0o700 | fs.ModeDir, "tmp": 0o700 | fs.ModeDir, "7f": 0o700 | fs.ModeDir, "7f/" + someID: 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), name)
	}
}

func TestBlobsOutliveTheStore(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		key := newKey(t)
		_, err := at.open(t).Put(t.Context(), key, someID, bytes.NewReader([]byte("content")))
		require.NoError(t, err)
		content, err := read(t.Context(), at.open(t), key, someID)
		require.NoError(t, err)
		require.Equal(t, "content", string(content))
	})
}

func TestAStoreThatWasClosedTakesNothing(t *testing.T) {
	store, err := blob.Open(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, store.Close())
	_, err = store.Put(t.Context(), newKey(t), someID, bytes.NewReader([]byte("content")))
	require.ErrorIs(t, err, os.ErrClosed)
}

func TestNothingOfADocumentCanBeReadWhereItLies(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		marker := []byte("Ada Lovelace, F32.1")
		content := bytes.Repeat(marker, 10_000)
		_, err := at.open(t).Put(t.Context(), newKey(t), someID, bytes.NewReader(content))
		require.NoError(t, err)

		sealed := at.read(t, "7f/"+someID)
		require.Greater(t, len(sealed), len(content))
		require.False(t, bytes.Contains(sealed, marker))
		_, err = read(t.Context(), at.open(t), newKey(t), someID)
		require.ErrorIs(t, err, vault.ErrTampered, "with another key")
	})
}

func TestABlobDoesNotOpen(t *testing.T) {
	content := bytes.Repeat([]byte("content."), 20_000) // three chunks
	const otherID = "0190a6e1-5f0c-7b3a-9d2e-000000000000"
	for _, test := range []struct {
		name   string
		change func(sealed []byte) []byte
	}{
		{"when a byte of it was changed", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"when its last byte is missing", func(b []byte) []byte { return b[:len(b)-1] }},
		{"when its last chunk is missing", func(b []byte) []byte { return b[:128<<10] }},
		{"when it is empty", func([]byte) []byte { return nil }},
		{"when something was added", func(b []byte) []byte { return append(b, 0) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, at home) {
				store, key := at.open(t), newKey(t)
				_, err := store.Put(t.Context(), key, someID, bytes.NewReader(content))
				require.NoError(t, err)
				at.write(t, "7f/"+someID, test.change(at.read(t, "7f/"+someID)))

				_, err = read(t.Context(), store, key, someID)
				require.ErrorIs(t, err, vault.ErrTampered)
			})
		})
	}
	t.Run("with the key of another case", func(t *testing.T) {
		onBoth(t, func(t *testing.T, at home) {
			store := at.open(t)
			_, err := store.Put(t.Context(), newKey(t), someID, bytes.NewReader(content))
			require.NoError(t, err)
			_, err = read(t.Context(), store, newKey(t), someID)
			require.ErrorIs(t, err, vault.ErrTampered)
		})
	})
	t.Run("under another id", func(t *testing.T) {
		onBoth(t, func(t *testing.T, at home) {
			store, key := at.open(t), newKey(t)
			_, err := store.Put(t.Context(), key, someID, bytes.NewReader(content))
			require.NoError(t, err)
			at.write(t, "00/"+otherID, at.read(t, "7f/"+someID))
			_, err = read(t.Context(), store, key, otherID)
			require.ErrorIs(t, err, vault.ErrTampered)
		})
	})
}

func TestIDsThatAreNotUUIDsAreRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		store, key := at.open(t), newKey(t)
		for _, id := range []string{
			"", "..", "../../etc/passwd", "7f/" + someID, someID + "/..", someID + "\x00", " " + someID,
			"0190A6E1-5F0C-7B3A-9D2E-4C1F8A6B3C7F", "0190a6e15f0c7b3a9d2e4c1f8a6b3c7f",
			"{" + someID + "}", "urn:uuid:" + someID, "0190a6e1-5f0c-7b3a-9d2e-4c1f8a6b3c..",
		} {
			_, err := store.Put(t.Context(), key, id, bytes.NewReader(nil))
			require.ErrorIs(t, err, blob.ErrInvalidID, "%q", id)
			_, err = store.Get(t.Context(), key, id)
			require.ErrorIs(t, err, blob.ErrInvalidID, "%q", id)
			require.ErrorIs(t, store.Delete(t.Context(), id), blob.ErrInvalidID, "%q", id)
		}
		require.Empty(t, at.files(t))
	})
}

func TestALinkOutOfTheFolderIsNotFollowed(t *testing.T) {
	dir, outside, key := t.TempDir(), t.TempDir(), newKey(t)
	store := openStore(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, "7f")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "7f")))

	_, err := store.Put(t.Context(), key, someID, bytes.NewReader([]byte("content")))
	require.ErrorContains(t, err, "path escapes from parent")
	require.Empty(t, filesIn(t, outside))
}

func TestAnAbsentBlobIsReportedAsSuch(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		store, key := at.open(t), newKey(t)
		_, err := store.Get(t.Context(), key, someID)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestDelete(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		store, key := at.open(t), newKey(t)
		_, err := store.Put(t.Context(), key, someID, bytes.NewReader([]byte("content")))
		require.NoError(t, err)
		require.Equal(t, []string{"7f/" + someID}, at.files(t))

		require.NoError(t, store.Delete(t.Context(), someID))
		require.Empty(t, at.files(t))
		_, err = store.Get(t.Context(), key, someID)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.NoError(t, store.Delete(t.Context(), someID), "deleted twice")
	})
}

func TestAPutThatFailsLeavesNothingBehind(t *testing.T) {
	broken := errors.New("connection reset")
	short := func() io.Reader { return bytes.NewReader(make([]byte, 300_000)) }
	long := func() io.Reader { return bytes.NewReader(make([]byte, 6<<20)) } // in a bucket, two parts
	for _, test := range []struct {
		name string
		put  func(t *testing.T, put func(context.Context, io.Reader) error) error
		want error
	}{
		{"when the upload breaks off", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			return put(t.Context(), io.MultiReader(short(), iotest.ErrReader(broken)))
		}, broken},
		{"when a long upload breaks off", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			return put(t.Context(), io.MultiReader(long(), iotest.ErrReader(broken)))
		}, broken},
		{"when the upload breaks off at once", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			return put(t.Context(), iotest.ErrReader(broken))
		}, broken},
		{"when its context was done before", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return put(ctx, short())
		}, context.Canceled},
		{"when its context is done midway", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return put(ctx, io.MultiReader(long(), calls(cancel), long()))
		}, context.Canceled},
		{"when its context is done as the upload ends", func(t *testing.T, put func(context.Context, io.Reader) error) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return put(ctx, io.MultiReader(long(), calls(cancel)))
		}, context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, at home) {
				store, key := at.open(t), newKey(t)
				err := test.put(t, func(ctx context.Context, r io.Reader) error {
					_, err := store.Put(ctx, key, someID, r)
					return err
				})
				require.ErrorIs(t, err, test.want)
				require.Empty(t, at.files(t))
			})
		})
	}
	t.Run("when it cannot be given its name", func(t *testing.T) {
		dir := t.TempDir()
		store := openStore(t, dir)
		require.NoError(t, os.Remove(filepath.Join(dir, "7f")))
		_, err := store.Put(t.Context(), newKey(t), someID, short())
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Empty(t, filesIn(t, dir))
	})
	t.Run("and what the id held before stays", func(t *testing.T) {
		onBoth(t, func(t *testing.T, at home) {
			store, key := at.open(t), newKey(t)
			_, err := store.Put(t.Context(), key, someID, bytes.NewReader([]byte("before")))
			require.NoError(t, err)
			_, err = store.Put(t.Context(), key, someID, iotest.ErrReader(broken))
			require.ErrorIs(t, err, broken)
			content, err := read(t.Context(), store, key, someID)
			require.NoError(t, err)
			require.Equal(t, "before", string(content))
		})
	})
}

// calls is an empty reader that calls the function when it is read.
type calls func()

func (c calls) Read([]byte) (int, error) {
	c()
	return 0, io.EOF
}

func TestReadsFailOnceTheContextIsDone(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		store, key := at.open(t), newKey(t)
		_, err := store.Put(t.Context(), key, someID, bytes.NewReader([]byte("content")))
		require.NoError(t, err)

		ctx, cancel := context.WithCancel(t.Context())
		r, err := store.Get(ctx, key, someID)
		require.NoError(t, err)
		defer r.Close()
		cancel()
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, context.Canceled)
		_, err = store.Get(ctx, key, someID)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, store.Delete(ctx, someID), context.Canceled)
	})
}

func TestOpenSweepsWhatACrashLeftAndSparesWhatIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir)
	abandoned, fresh := filepath.Join(dir, "tmp", someID+".A"), filepath.Join(dir, "tmp", someID+".B")
	for _, path := range []string{abandoned, fresh} {
		require.NoError(t, os.WriteFile(path, []byte("half a blob"), 0o600))
	}
	then := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(abandoned, then, then))

	openStore(t, dir)
	require.Equal(t, []string{"tmp/" + someID + ".B"}, filesIn(t, dir))
}

func TestOpenRefusesAPathThatIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "blobs")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err := blob.Open(path)
	require.ErrorContains(t, err, "open blob store: ")
}

func TestAStoreIsSafeForConcurrentUse(t *testing.T) {
	onBoth(t, func(t *testing.T, at home) {
		key := newKey(t)
		stores := []*blob.Store{at.open(t), at.open(t)} // as two processes would
		content := bytes.Repeat([]byte("content."), 20_000)
		var group sync.WaitGroup
		for i := range 8 {
			store := stores[i%len(stores)]
			group.Go(func() {
				own := uuid.Must(uuid.NewV7()).String()
				for _, id := range []string{someID, own, someID} {
					if _, err := store.Put(t.Context(), key, id, bytes.NewReader(content)); err != nil {
						t.Error(err)
					}
					got, err := read(t.Context(), store, key, id)
					if err != nil || !bytes.Equal(content, got) {
						t.Errorf("read %d bytes of %d, %v", len(got), len(content), err)
					}
				}
				if err := store.Delete(t.Context(), own); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, []string{"7f/" + someID}, at.files(t))
	})
}

func TestMemoryDoesNotGrowWithTheDocument(t *testing.T) {
	const size, bound = 64 << 20, 1 << 20
	store, key := openStore(t, t.TempDir()), newKey(t)

	put := allocated(func() {
		_, err := store.Put(t.Context(), key, someID, io.LimitReader(zeros{}, size))
		require.NoError(t, err)
	})
	require.Less(t, put, uint64(bound), "bytes allocated by Put")

	get := allocated(func() {
		r, err := store.Get(t.Context(), key, someID)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, r.Close())
	})
	require.Less(t, get, uint64(bound), "bytes allocated by Get")
}

// allocated returns how many bytes f allocated in all, freed ones included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
