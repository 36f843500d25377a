package delivery_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/vault"
)

func newKey(t testing.TB) *vault.Key {
	t.Helper()
	keyring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	key, _, err := vault.New(keyring).NewKey("case", nil)
	require.NoError(t, err)
	return key
}

func TestALinkIsGoodForOneDocumentUntilItExpires(t *testing.T) {
	key, now := newKey(t), time.Date(2026, 11, 23, 14, 5, 6, 789, time.UTC)
	link, expires := delivery.MintLink(key, "https://casehook.example", "case", "document", []byte("the digest"), now)
	require.Equal(t, now.Add(15*time.Minute).Truncate(time.Second), expires)
	require.True(t, strings.HasPrefix(link, "https://casehook.example/documents/case/document?"), link)
	parsed, err := url.Parse(link)
	require.NoError(t, err)
	digest, until, signature := parsed.Query().Get("digest"), parsed.Query().Get("expires"), parsed.Query().Get("signature")

	for _, test := range []struct {
		name                                       string
		key                                        *vault.Key
		caseID, document, digest, until, signature string
		at                                         time.Time
		want, genuine                              bool
	}{
		{"as it was minted", key, "case", "document", digest, until, signature, now, true, true},
		{"in the last second", key, "case", "document", digest, until, signature, expires.Add(-time.Second), true, true},
		{"expired", key, "case", "document", digest, until, signature, expires, false, true},
		{"prolonged", key, "case", "document", digest, "9999999999", signature, now, false, false},
		{"for another document", key, "case", "another", digest, until, signature, now, false, false},
		{"with another digest", key, "case", "document", "YW5vdGhlcg", until, signature, now, false, false},
		{"without the digest", key, "case", "document", "", until, signature, now, false, false},
		{"for another case", key, "another", "document", digest, until, signature, now, false, false},
		{"with the bounds moved", key, "casedocument", "", digest, until, signature, now, false, false},
		{"by another key", newKey(t), "case", "document", digest, until, signature, now, false, false},
		{"without a signature", key, "case", "document", digest, until, "", now, false, false},
		{"with its signature in another spelling", key, "case", "document", digest, until, signature + "\n", now, false, false},
		{"with a signature that is none", key, "case", "document", digest, until, "!", now, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, delivery.CheckLink(test.key, test.caseID, test.document, test.digest, test.until, test.signature, test.at))
			require.Equal(t, test.genuine, delivery.IsGenuine(test.key, test.caseID, test.document, test.digest, test.until, test.signature))
		})
	}
}

// FuzzCheckLink requires that a link opens what it was minted for until it expires, and
// that with anything of it changed it opens nothing.
func FuzzCheckLink(f *testing.F) {
	for _, seed := range []struct {
		caseID, document, expires, signature string
		sha256                               []byte
		moved                                int
	}{
		{"01932b5e-7c1d-7e5a-9d3b-2f7a6c1e8b40", "0190a6e1-5f0c-7b3a-9d2e-4c1f8a6b3c7f", "1795529999", "c2lnbmF0dXJl", []byte("the digest"), 1},
		{"", "", "", "", nil, 0},
		{"case?digest=a", "document#", "9223372036854775807", "!", []byte{0}, -4},
		{"\x00", "\xff", "-1", "====", []byte{255}, 2},
		{"a/b", "c&expires=9", "+1795529999", "YQ\n", []byte("a"), 3},
	} {
		f.Add(seed.caseID, seed.document, seed.expires, seed.signature, seed.sha256, seed.moved)
	}
	key, other, now := newKey(f), newKey(f), time.Date(2026, 11, 23, 14, 5, 6, 789, time.UTC)
	f.Fuzz(func(t *testing.T, caseID, document, expires, signature string, sha256 []byte, moved int) {
		link, end := delivery.MintLink(key, "https://casehook.example", caseID, document, sha256, now)
		query, err := url.ParseQuery(link[strings.LastIndex(link, "?")+1:])
		require.NoError(t, err)
		digest, until, minted := query.Get("digest"), query.Get("expires"), query.Get("signature")
		require.True(t, delivery.CheckLink(key, caseID, document, digest, until, minted, now))
		require.False(t, delivery.CheckLink(key, caseID, document, digest, until, minted, end))
		require.False(t, delivery.CheckLink(other, caseID, document, digest, until, minted, now))

		require.Equal(t, expires == until, delivery.CheckLink(key, caseID, document, digest, expires, minted, now))
		require.Equal(t, signature == minted, delivery.CheckLink(key, caseID, document, digest, until, signature, now))
		if both := caseID + document; moved >= 0 && moved <= len(both) && moved != len(caseID) {
			require.False(t, delivery.CheckLink(key, both[:moved], both[moved:], digest, until, minted, now))
		}
		if digest != "" {
			require.False(t, delivery.CheckLink(key, caseID, document+digest, "", until, minted, now))
		}
	})
}
