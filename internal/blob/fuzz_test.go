package blob_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/blob"
)

// FuzzID requires that a blob is kept in one file, in the folder of its id, and that an id
// that is not exactly a UUID touches none and is not repeated.
func FuzzID(f *testing.F) {
	for _, seed := range []string{
		someID, "0190a6e1-5f0c-7b3a-9d2e-4c1f8a6b3c80", "0190A6E1-5f0c-7b3a-9d2e-4c1f8a6b3c7f", "0190a6e15f0c7b3a9d2e4c1f8a6b3c7f", "{" + someID + "}", "urn:uuid:" + someID,
		someID + "/", "../" + someID, someID[:33] + "/..", "tmp", "..", "", "\x00", "00000000-0000-0000-0000-000000000000", someID[:35] + "\xff",
	} {
		f.Add(seed)
	}
	dir := f.TempDir()
	store, key := openStore(f, dir), newKey(f)
	_, err := store.Put(f.Context(), key, someID, strings.NewReader("kept"))
	require.NoError(f, err)
	before := filesIn(f, dir)
	f.Fuzz(func(t *testing.T, id string) {
		if id == someID {
			return
		}
		_, err := store.Put(t.Context(), key, id, strings.NewReader("new"))
		if parsed, bad := uuid.Parse(id); bad != nil || parsed.String() != id {
			_, missing := read(t.Context(), store, key, id)
			for _, err := range []error{err, missing, store.Delete(t.Context(), id)} {
				require.Equal(t, blob.ErrInvalidID, err)
			}
			require.Equal(t, before, filesIn(t, dir))
			return
		}
		require.NoError(t, err)
		require.ElementsMatch(t, append([]string{id[34:] + "/" + id}, before...), filesIn(t, dir))
		content, err := read(t.Context(), store, key, id)
		require.NoError(t, err)
		require.Equal(t, "new", string(content))
		require.NoError(t, store.Delete(t.Context(), id))
		require.Equal(t, before, filesIn(t, dir))
	})
}
