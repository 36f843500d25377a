package blob_test

import (
	"bytes"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/bucket"
	"github.com/casehook/casehook/internal/s3test"
)

const (
	bucketName = "documents"
	prefix     = "casehook/one/"
)

type objects struct {
	*s3test.Server
}

func newBucket(t testing.TB) objects { return objects{s3test.Start(t, bucketName)} }

func (b objects) url(t testing.TB) bucket.Place {
	at, err := bucket.Parse("s3://" + bucketName + "/" + prefix + "?endpoint=" + b.URL + "&region=eu-central-1")
	require.NoError(t, err)
	return at
}

func (b objects) open(t testing.TB) *blob.Store {
	store, err := blob.OpenBucket(t.Context(), b.url(t), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func (b objects) files(t testing.TB) []string {
	files := []string{}
	for _, key := range append(b.Keys(t, bucketName), b.Unfinished(t, bucketName)...) {
		name, ours := strings.CutPrefix(key, prefix)
		require.True(t, ours, key)
		files = append(files, name)
	}
	return files
}

func (b objects) read(t testing.TB, name string) []byte {
	return b.Object(t, bucketName, prefix+name)
}

func (b objects) write(t testing.TB, name string, content []byte) {
	b.Put(t, bucketName, prefix+name, content)
}

func (b objects) remove(t testing.TB, name string) { b.Remove(t, bucketName, prefix+name) }

func TestALongDocumentIsSentInPartsAsItComes(t *testing.T) {
	const size = 12 << 20
	at := newBucket(t)
	store, key := at.open(t), newKey(t)
	parts := func() int {
		return len(slices.DeleteFunc(at.Requests(), func(request string) bool {
			return !strings.HasPrefix(request, "PUT ") || !strings.Contains(request, "partNumber")
		}))
	}
	sent := 0

	info, err := store.Put(t.Context(), key, someID, io.MultiReader(
		io.LimitReader(zeros{}, size),
		calls(func() { sent = parts() }),
	))
	require.NoError(t, err)
	require.EqualValues(t, size, info.Size)
	require.Equal(t, 2, sent, "parts that were sent before the document had ended")
	require.Equal(t, 3, parts())
	require.EqualValues(t, 5<<20, at.Largest(), "the longest body")

	require.Equal(t, []string{"7f/" + someID}, at.files(t))
	got := allocated(func() {
		r, err := store.Get(t.Context(), key, someID)
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, r)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, r.Close())
	})
	require.Less(t, got, uint64(2<<20), "bytes allocated by Get, and by the server")
}

func TestWhatTheStoreDoesNotTakeLeavesNothingBehind(t *testing.T) {
	for _, test := range []struct {
		name   string
		size   int
		broken func(r *http.Request) bool
		want   string
	}{
		{"the only part", 1000, func(r *http.Request) bool { return r.Method == http.MethodPut }, "put blob " + someID + ": "},
		{"the beginning", 6 << 20, func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploads") }, "begin the upload: "},
		{"the first part", 6 << 20, func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "1" }, "upload part 1: "},
		{"the last part", 6 << 20, func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" }, "upload part 2: "},
		{"the end", 6 << 20, func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }, "finish the upload: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := newBucket(t)
			store, key := at.open(t), newKey(t)
			at.Break(test.broken)
			_, err := store.Put(t.Context(), key, someID, bytes.NewReader(make([]byte, test.size)))
			require.ErrorContains(t, err, test.want)
			require.ErrorIs(t, err, bucket.ErrUnavailable)
			require.Empty(t, at.files(t))

			at.Break(nil)
			_, err = store.Put(t.Context(), key, someID, bytes.NewReader(make([]byte, test.size)))
			require.NoError(t, err)
			require.Equal(t, []string{"7f/" + someID}, at.files(t))
		})
	}
}

func TestWhatCannotBeDiscardedIsSaid(t *testing.T) {
	at := newBucket(t)
	store, key := at.open(t), newKey(t)
	at.Break(func(r *http.Request) bool { return r.Method == http.MethodDelete })
	_, err := store.Put(t.Context(), key, someID, io.MultiReader(io.LimitReader(zeros{}, 6<<20), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "discard the upload: ")
	require.NotErrorIs(t, err, bucket.ErrUnavailable, "the upload broke off, whatever became of it")
	require.ErrorIs(t, store.Delete(t.Context(), someID), bucket.ErrUnavailable)
	at.Break(func(r *http.Request) bool { return r.Method == http.MethodGet })
	_, err = store.Get(t.Context(), key, someID)
	require.ErrorIs(t, err, bucket.ErrUnavailable)
}

func TestADownloadThatBreaksOffIsNoDocument(t *testing.T) {
	at := newBucket(t)
	store, key := at.open(t), newKey(t)
	_, err := store.Put(t.Context(), key, someID, bytes.NewReader(make([]byte, 300_000)))
	require.NoError(t, err)
	sealed := at.read(t, "7f/"+someID)
	cutting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Has("uploads"):
			io.WriteString(w, "<ListMultipartUploadsResult></ListMultipartUploadsResult>")
		case r.Method == http.MethodGet:
			w.Header().Set("Content-Length", "300000")
			w.Header().Set("ETag", `"0"`)
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.Write(sealed[:200_000])
		}
	}))
	defer cutting.Close()
	where := at.url(t)
	where.Endpoint, err = url.Parse(cutting.URL)
	require.NoError(t, err)
	store, err = blob.OpenBucket(t.Context(), where, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = read(t.Context(), store, key, someID)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestOpenBucketRemovesWhatACrashLeftAndSparesWhatIsBeingWritten(t *testing.T) {
	at := newBucket(t)
	store, key := at.open(t), newKey(t)
	const young = "0190a6e1-5f0c-7b3a-9d2e-4c1f8a6b3c00"
	at.Break(func(r *http.Request) bool { return r.Method == http.MethodDelete }) // as after a crash
	at.Pass(-49 * time.Hour)
	_, err := store.Put(t.Context(), key, someID, io.MultiReader(io.LimitReader(zeros{}, 6<<20), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.Error(t, err)
	at.Pass(49 * time.Hour)
	_, err = store.Put(t.Context(), key, young, io.MultiReader(io.LimitReader(zeros{}, 6<<20), iotest.ErrReader(io.ErrUnexpectedEOF)))
	require.Error(t, err)
	at.Break(nil)
	require.Len(t, at.files(t), 2)

	at.open(t)
	require.Equal(t, []string{"00/" + young}, at.files(t))
}

func TestOpenBucketSparesTheUnfinishedUploadsOfOthers(t *testing.T) {
	for _, prefix := range []string{"", prefix} {
		t.Run("under "+prefix, func(t *testing.T) {
			at := newBucket(t)
			others := []string{
				someID, "7e/" + someID, "7f/" + someID + "/", "7f/" + someID + ".zip", "7f/7f/" + someID, "7f/" + strings.ToUpper(someID), "backups/dump", "f",
			}
			for i := range others {
				others[i] = prefix + others[i]
			}
			if prefix != "" {
				others = append(others, "7f/"+someID, strings.TrimSuffix(prefix, "/")+"s/7f/"+someID)
			}
			at.Pass(-49 * time.Hour)
			for _, key := range append(others, prefix+"7f/"+someID) {
				at.Begin(t, bucketName, key)
			}
			at.Pass(49 * time.Hour)
			place, err := bucket.Parse("s3://" + bucketName + "/" + prefix + "?endpoint=" + at.URL + "&region=us-east-1")
			require.NoError(t, err)
			_, err = blob.OpenBucket(t.Context(), place, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			require.ElementsMatch(t, others, at.Unfinished(t, bucketName))
		})
	}
}

func TestOpenBucketOpensABucketThatItCannotSweep(t *testing.T) {
	for _, test := range []struct {
		name   string
		broken func(r *http.Request) bool
	}{
		{"uploads cannot be listed", func(r *http.Request) bool { return r.URL.Query().Has("uploads") }},
		{"an upload cannot be removed", func(r *http.Request) bool { return r.Method == http.MethodDelete }},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := newBucket(t)
			at.Pass(-49 * time.Hour)
			at.Begin(t, bucketName, prefix+"7f/"+someID)
			at.Pass(49 * time.Hour)
			at.Break(test.broken)
			var log bytes.Buffer
			store, err := blob.OpenBucket(t.Context(), at.url(t), slog.New(slog.NewTextHandler(&log, nil)))
			require.NoError(t, err)
			require.Contains(t, log.String(), "could not remove abandoned uploads of documents")
			require.NotContains(t, log.String(), "s3test-secret")
			_, err = store.Put(t.Context(), newKey(t), someID, strings.NewReader("content"))
			require.NoError(t, err)
			require.Len(t, at.files(t), 2, "the document, and what was left")
		})
	}
}

func TestOpenBucketSaysWhatIsWrong(t *testing.T) {
	at := newBucket(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, test := range []struct {
		name   string
		place  string
		broken func(r *http.Request) bool
		want   []string
	}{
		{"the bucket is missing", "s3://elsewhere?endpoint=" + at.URL, nil, []string{"bucket elsewhere at " + at.URL, "there is no such bucket"}},
		{"nobody listens", "s3://documents?endpoint=" + gone.URL, nil, []string{"bucket documents at " + gone.URL, "reach it: ", "connection refused"}},
		{"access is denied", "s3://documents?endpoint=" + at.URL, func(*http.Request) bool { return true }, []string{"reach it: Access Denied"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			at.Break(test.broken)
			defer at.Break(nil)
			place, err := bucket.Parse(test.place + "&region=us-east-1")
			require.NoError(t, err)
			_, err = blob.OpenBucket(t.Context(), place, slog.New(slog.DiscardHandler))
			for _, want := range append(test.want, "open blob store: ") {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "s3test-secret")
		})
	}
}

func TestOpenBucketWithoutCredentialsSaysSo(t *testing.T) {
	at := newBucket(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	// Where a role would be asked for, nobody answers.
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/role")
	_, err := blob.OpenBucket(t.Context(), at.url(t), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
}

func TestADocumentThatWasMovedToABucketOpensThere(t *testing.T) {
	here, there, key := folder(t.TempDir()), newBucket(t), newKey(t)
	_, err := here.open(t).Put(t.Context(), key, someID, strings.NewReader("content"))
	require.NoError(t, err)
	for _, name := range here.files(t) {
		there.write(t, name, here.read(t, name))
		here.remove(t, name)
	}
	content, err := read(t.Context(), there.open(t), key, someID)
	require.NoError(t, err)
	require.Equal(t, "content", string(content))
	_, err = here.open(t).Get(t.Context(), key, someID)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
