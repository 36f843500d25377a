//go:build unix

package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listedKey is an API key as it is listed.
type listedKey struct {
	ID, Name, Role       string
	Clearance            struct{ PHI, Restricted bool }
	CreatedAt            time.Time
	ExpiresAt, RevokedAt *time.Time
}

func TestAKeyOpensNothingFromTheMomentThatItExpiresOrIsRevoked(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		data := t.TempDir()
		nodes := []*server{serve(t, data, database...)}
		if len(database) > 0 { // what is revoked at one is revoked at the other
			nodes = append(nodes, serve(t, data, database...))
		}
		admin := client{nodes[0].url, adminKey}
		const soon = 3 * time.Second
		expires := time.Now().Add(soon).UTC().Truncate(time.Millisecond)
		expiring := admin.call(t, "POST /v1/api-keys", object{"name": "for a moment", "role": "reader", "expiresAt": expires.Format("2006-01-02T15:04:05.000Z")})
		lasting := admin.call(t, "POST /v1/api-keys", object{"name": "for good", "role": "writer", "clearance": object{"phi": false, "restricted": true}})

		keys := admin.listKeys(t)
		require.Len(t, keys, 2)
		require.Equal(t, []string{expiring.text("id"), "for a moment", "reader"}, []string{keys[0].ID, keys[0].Name, keys[0].Role})
		require.Equal(t, []string{lasting.text("id"), "for good", "writer"}, []string{keys[1].ID, keys[1].Name, keys[1].Role})
		require.True(t, expires.Equal(*keys[0].ExpiresAt))
		require.Nil(t, keys[1].ExpiresAt)
		require.Nil(t, keys[1].RevokedAt)
		require.Equal(t, struct{ PHI, Restricted bool }{true, true}, keys[0].Clearance)
		require.Equal(t, struct{ PHI, Restricted bool }{false, true}, keys[1].Clearance)
		require.WithinRange(t, keys[0].CreatedAt, expires.Add(-soon), time.Now())

		for _, node := range nodes {
			holder := client{node.url, expiring.text("key")}
			require.Eventually(t, func() bool {
				asked := time.Now()
				a, err := holder.do("GET /v1/cases", nil)
				answered := time.Now()
				switch {
				case err != nil:
					t.Error(err)
				case answered.Before(expires) && a.status != http.StatusOK:
					t.Errorf("%d before its end", a.status)
				case !asked.Before(expires) && a.status != http.StatusUnauthorized:
					t.Errorf("%d after its end", a.status)
				}
				return t.Failed() || !asked.Before(expires)
			}, patience, 5*time.Millisecond)
		}
		require.False(t, t.Failed())

		for _, node := range nodes {
			client{node.url, lasting.text("key")}.call(t, "GET /v1/cases", nil)
		}
		admin.call(t, "DELETE /v1/api-keys/"+lasting.text("id"), nil)
		for _, node := range nodes {
			for _, key := range []string{lasting.text("key"), expiring.text("key")} {
				a, err := client{node.url, key}.do("GET /v1/cases", nil)
				require.NoError(t, err)
				a.requireProblem(t, http.StatusUnauthorized, "")
			}
		}
		again, err := admin.do("DELETE /v1/api-keys/"+lasting.text("id"), nil)
		require.NoError(t, err)
		again.requireProblem(t, http.StatusNotFound, "")
		keys = admin.listKeys(t)
		require.Len(t, keys, 2, "they stay in the list")
		require.Nil(t, keys[0].RevokedAt)
		require.WithinRange(t, *keys[1].RevokedAt, keys[1].CreatedAt, time.Now())

		past, err := admin.do("POST /v1/api-keys", encode(t, object{"name": "too late", "role": "reader", "expiresAt": "2020-01-01T00:00:00Z"}))
		require.NoError(t, err)
		past.requireProblem(t, http.StatusUnprocessableEntity, "expiresAt")
	})
}

// listKeys lists the API keys one by one, and requires that none of them is shown.
func (c client) listKeys(t *testing.T) (keys []listedKey) {
	t.Helper()
	for cursor := ""; ; {
		var page struct {
			Data       []listedKey
			NextCursor *string
		}
		a := c.call(t, "GET /v1/api-keys?limit=1&cursor="+url.QueryEscape(cursor), nil)
		require.NotContains(t, string(a.body), "chk_")
		require.NoError(t, json.Unmarshal(a.body, &page))
		keys = append(keys, page.Data...)
		if page.NextCursor == nil {
			return keys
		}
		cursor = *page.NextCursor
	}
}
