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

func newKey(t *testing.T) *vault.Key {
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
		want                                       bool
	}{
		{"as it was minted", key, "case", "document", digest, until, signature, now, true},
		{"in the last second", key, "case", "document", digest, until, signature, expires.Add(-time.Second), true},
		{"expired", key, "case", "document", digest, until, signature, expires, false},
		{"prolonged", key, "case", "document", digest, "9999999999", signature, now, false},
		{"for another document", key, "case", "another", digest, until, signature, now, false},
		{"with another digest", key, "case", "document", "YW5vdGhlcg", until, signature, now, false},
		{"without the digest", key, "case", "document", "", until, signature, now, false},
		{"for another case", key, "another", "document", digest, until, signature, now, false},
		{"with the bounds moved", key, "casedocument", "", digest, until, signature, now, false},
		{"by another key", newKey(t), "case", "document", digest, until, signature, now, false},
		{"without a signature", key, "case", "document", digest, until, "", now, false},
		{"with a signature that is none", key, "case", "document", digest, until, "!", now, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, delivery.CheckLink(test.key, test.caseID, test.document, test.digest, test.until, test.signature, test.at))
		})
	}
}
