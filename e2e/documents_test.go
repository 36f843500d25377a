//go:build unix

package e2e_test

import (
	"bytes"
	"encoding/base64"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/s3test"
)

func TestDocumentsAreKeptInABucketUntilTheirCaseIsErased(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		bucket, data := s3test.Start(t, "documents"), t.TempDir()
		s := serve(t, data, append(database, "--dev", "--documents", "s3://documents/clinic?endpoint="+bucket.URL)...)
		admin, r := client{s.url, adminKey}, startGo(t)
		admin.register(t, "nora")
		admin.subscribe(t, r)
		id := admin.open(t).text("id")
		r.next(t)
		marker := []byte("Maya Lindqvist, migraine with aura\n")
		document := bytes.Repeat(marker, 6<<20/len(marker)+1) // of two parts

		var form bytes.Buffer
		writer := multipart.NewWriter(&form)
		part, err := writer.CreateFormFile("file", "diary.txt")
		require.NoError(t, err)
		_, err = part.Write(document)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
		a, err := admin.do("POST /v1/cases/"+id+"/attachments", form.Bytes(), "Content-Type", writer.FormDataContentType())
		require.NoError(t, err)
		require.Equal(t, 201, a.status, string(a.body))
		attachment := a.text("id")

		key := "clinic/" + attachment[len(attachment)-2:] + "/" + attachment
		require.Equal(t, []string{key}, bucket.Keys(t, "documents"))
		require.Empty(t, bucket.Unfinished(t, "documents"))
		require.Less(t, bucket.Largest(), int64(len(document)), "it was sent in parts")
		sealed := bucket.Object(t, "documents", key)
		require.Greater(t, len(sealed), len(document))
		require.False(t, bytes.Contains(sealed, bytes.TrimSpace(marker)))
		require.NoDirExists(t, filepath.Join(data, "blobs"))

		told := r.next(t)
		require.Empty(t, told.fault)
		require.True(t, bytes.Contains(told.body, []byte(base64.StdEncoding.EncodeToString(document))), "the receiver was sent the document")
		require.Equal(t, document, admin.call(t, "GET /v1/cases/"+id+"/attachments/"+attachment+"/content", nil).body)

		// The form ends before its last boundary: a part is in the bucket when that is seen.
		a, err = admin.do("POST /v1/cases/"+id+"/attachments", form.Bytes()[:form.Len()-100], "Content-Type", writer.FormDataContentType())
		require.NoError(t, err)
		require.Equal(t, 4, a.status/100, string(a.body))
		require.Equal(t, []string{key}, bucket.Keys(t, "documents"), "what broke off leaves nothing")
		require.Empty(t, bucket.Unfinished(t, "documents"))

		// While the store refuses, so are changes with documents, and no others.
		s.faulty = true
		bucket.Break(func(*http.Request) bool { return true })
		a, err = admin.do("POST /v1/cases/"+id+"/attachments", form.Bytes(), "Content-Type", writer.FormDataContentType())
		require.NoError(t, err)
		require.Equal(t, 503, a.status, string(a.body))
		require.Equal(t, "1", a.header.Get("Retry-After"))
		admin.call(t, "POST /v1/cases/"+id+"/comments", object{"text": "without a document"})
		bucket.Break(nil)

		admin.call(t, "DELETE /v1/cases/"+id, nil, "Casehook-Actor", "nora")
		require.Empty(t, bucket.Keys(t, "documents"))
	})
}

func TestAServerWhoseBucketIsMissingDoesNotStart(t *testing.T) {
	bucket := s3test.Start(t, "documents")
	for _, test := range []struct{ name, documents, want string }{
		{"a bucket that is missing", "s3://elsewhere?endpoint=" + bucket.URL, "bucket elsewhere at " + bucket.URL + ": there is no such bucket: make it first"},
		{"a store that nobody runs", "s3://documents?region=us-east-1&endpoint=http://127.0.0.1:1", "bucket documents at http://127.0.0.1:1: reach it: "},
		{"a folder", "/srv/documents", "documents (CASEHOOK_DOCUMENTS) must be s3://BUCKET/PREFIX"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := casehook("serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--documents", test.documents).CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(out), test.want)
			require.False(t, strings.Contains(string(out), "s3test-secret"))
		})
	}
}
