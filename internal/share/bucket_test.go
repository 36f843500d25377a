package share_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/bucket"
	"github.com/casehook/casehook/internal/s3test"
	"github.com/casehook/casehook/internal/share"
)

type objects struct{ *s3test.Server }

func (o objects) place(t testing.TB) bucket.Place {
	at, err := bucket.Parse("s3://shares/casehook?region=eu-central-1&endpoint=" + o.URL)
	require.NoError(t, err)
	return at
}

func (o objects) open(t testing.TB) *share.Store {
	s, err := share.OpenBucket(t.Context(), o.place(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (o objects) blocks(t testing.TB) (blocks [][]byte) {
	for _, key := range o.Keys(t, "shares") {
		require.True(t, strings.HasPrefix(key, "casehook/"), key)
		blocks = append(blocks, o.Object(t, "shares", key))
	}
	return blocks
}

func TestABucketThatWouldKeepWhatIsDestroyedIsRefused(t *testing.T) {
	at := objects{s3test.Start(t, "shares")}
	at.KeepVersions(t, "shares")
	_, err := share.OpenBucket(t.Context(), at.place(t))
	require.ErrorContains(t, err, "open the shares: bucket shares at "+at.URL+": it keeps versions")
}

func TestAStoreThatOverwritesWhateverTheConditionIsRefused(t *testing.T) {
	at := objects{s3test.Start(t, "shares")}
	at.Break(func(r *http.Request) bool {
		r.Header.Del("If-Match") // as older stores do
		return false
	})
	_, err := share.OpenBucket(t.Context(), at.place(t))
	require.ErrorContains(t, err, "whatever the condition (If-Match)")
	require.Empty(t, at.Keys(t, "shares"), "what was tried is removed")
}

func TestABucketThatIsGoneIsSaidToBe(t *testing.T) {
	at := objects{s3test.Start(t, "shares")}
	s := at.open(t)
	name, given, err := s.New()
	require.NoError(t, err)
	at.Break(func(*http.Request) bool { return true })
	_, err = s.Get(name)
	require.ErrorIs(t, err, bucket.ErrUnavailable)
	require.ErrorIs(t, s.Destroy(name), bucket.ErrUnavailable)
	_, err = share.OpenBucket(t.Context(), at.place(t))
	require.ErrorContains(t, err, "Access Denied")

	at.Break(func(r *http.Request) bool { return r.Method == http.MethodPut })
	require.ErrorIs(t, s.Destroy(name), bucket.ErrUnavailable)
	at.Break(nil)
	got, err := s.Get(name)
	require.NoError(t, err)
	require.True(t, got == given, "what could not be destroyed is there")
	require.NoError(t, s.Destroy(name))
}
