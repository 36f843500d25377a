package blob_test

import (
	"net/url"
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

// FuzzParseBucket requires that the place of a bucket comes back from what is written of
// it, leads nowhere else, and that what is none is not repeated.
func FuzzParseBucket(f *testing.F) {
	for _, seed := range []string{
		"s3://documents", "s3://documents/", "s3://documents/case/hook/", "s3://documents//a//b//", "s3://documents/a%2F..%2Fb", "s3://documents/../other", "s3://documents/.", "s3://Documents",
		"s3://documents?endpoint=https://minio.example:9000&region=eu-central-1", "s3://documents?endpoint=http://127.0.0.1:1/", "s3://documents?endpoint=https://minio.example/path",
		"s3://documents?endpoint=https://u:p@minio.example", "s3://documents?endpoint=https://minio.example%3Fa=b", "s3://documents?endpoint=ftp://minio.example", "s3://documents?endpoint=",
		"s3://documents?region=a&region=b", "s3://documents?more=1", "s3://key:secret@documents", "s3://documents#part", "s3://documents:443", "s3:documents", "https://documents", "s3://doc.uments/\x00", "s3://documents/%ff", "s3://documents?a;b", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := blob.ParseBucket(text)
		if err != nil {
			require.Equal(t, blob.ErrInvalidURL, err)
			return
		}
		require.NotContains(t, "/"+b.Prefix, "/../")
		require.True(t, b.Prefix == "" || strings.HasSuffix(b.Prefix, "/") && !strings.HasPrefix(b.Prefix, "/"), "%q", b.Prefix)
		query := url.Values{"endpoint": {b.Endpoint.String()}}
		if b.Region != "" {
			query.Set("region", b.Region)
		}
		written := url.URL{Scheme: "s3", Host: b.Name, Path: "/" + b.Prefix, RawQuery: query.Encode()}
		again, err := blob.ParseBucket(written.String())
		require.NoError(t, err, written.String())
		require.Equal(t, b.Endpoint.String(), again.Endpoint.String())
		b.Endpoint, again.Endpoint = nil, nil
		require.Equal(t, b, again)
	})
}
