package bucket_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/bucket"
)

// FuzzParse requires that the place of a bucket comes back from what is written of
// it, leads nowhere else, and that what is none is not repeated.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"s3://documents", "s3://documents/", "s3://documents/case/hook/", "s3://documents//a//b//", "s3://documents/a%2F..%2Fb", "s3://documents/../other", "s3://documents/.", "s3://Documents",
		"s3://documents?endpoint=https://minio.example:9000&region=eu-central-1", "s3://documents?endpoint=http://127.0.0.1:1/", "s3://documents?endpoint=https://minio.example/path",
		"s3://documents?endpoint=https://u:p@minio.example", "s3://documents?endpoint=https://minio.example%3Fa=b", "s3://documents?endpoint=ftp://minio.example", "s3://documents?endpoint=",
		"s3://documents?region=a&region=b", "s3://documents?more=1", "s3://key:secret@documents", "s3://documents#part", "s3://documents:443", "s3:documents", "https://documents", "s3://doc.uments/\x00", "s3://documents/%ff", "s3://documents?a;b", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := bucket.Parse(text)
		if err != nil {
			require.Equal(t, bucket.ErrInvalidURL, err)
			return
		}
		require.NotContains(t, "/"+b.Prefix, "/../")
		require.True(t, b.Prefix == "" || strings.HasSuffix(b.Prefix, "/") && !strings.HasPrefix(b.Prefix, "/"), "%q", b.Prefix)
		query := url.Values{"endpoint": {b.Endpoint.String()}}
		if b.Region != "" {
			query.Set("region", b.Region)
		}
		written := url.URL{Scheme: "s3", Host: b.Name, Path: "/" + b.Prefix, RawQuery: query.Encode()}
		again, err := bucket.Parse(written.String())
		require.NoError(t, err, written.String())
		require.Equal(t, b.Endpoint.String(), again.Endpoint.String())
		b.Endpoint, again.Endpoint = nil, nil
		require.Equal(t, b, again)
	})
}
