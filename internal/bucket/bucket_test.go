package bucket_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/bucket"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want bucket.Place // without its endpoint
		at   string
	}{
		{"s3://documents", bucket.Place{Name: "documents"}, "https://s3.amazonaws.com"},
		{"s3://documents/", bucket.Place{Name: "documents"}, "https://s3.amazonaws.com"},
		{"s3://documents/case/hook?region=eu-central-1", bucket.Place{Name: "documents", Prefix: "case/hook/", Region: "eu-central-1"}, "https://s3.amazonaws.com"},
		{"s3://documents/casehook/?endpoint=http://127.0.0.1:9000", bucket.Place{Name: "documents", Prefix: "casehook/"}, "http://127.0.0.1:9000"},
		{"s3://documents?endpoint=https%3A%2F%2Fs3.example&region=garage", bucket.Place{Name: "documents", Region: "garage"}, "https://s3.example"},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := bucket.Parse(test.text)
			require.NoError(t, err)
			require.Equal(t, test.at, got.Endpoint.String())
			got.Endpoint = nil
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("bucket (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRefusesWhatNamesNone(t *testing.T) {
	for _, text := range []string{
		"", "documents", "/srv/documents", "s3:documents", "s3://", "s3:///documents", "gs://documents", "s3://UPPER", "s3://a",
		"s3://key:secret@documents", "s3://documents#part", "s3://documents/../other", "s3://documents/./x", "s3://documents/%ff",
		"s3://documents?endpoint=", "s3://documents?region=", "s3://documents?acl=public", "s3://documents?region=a&region=b",
		"s3://documents?endpoint=s3.example", "s3://documents?endpoint=ftp://s3.example", "s3://documents?endpoint=https://s3.example/path",
		"s3://documents?endpoint=https://key:secret@s3.example", "s3://documents?endpoint=https://", "s3://documents?%zz",
		"s3://documents?endpoint=https://s3.example%3Fa=b",
	} {
		_, err := bucket.Parse(text)
		require.ErrorIs(t, err, bucket.ErrInvalidURL, "%q", text)
		if text != "" && text != "s3://" {
			require.NotContains(t, err.Error(), text)
		}
	}
}
