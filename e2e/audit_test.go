//go:build unix

package e2e_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// TestWhoCalledIsOnRecordHoweverTheServerEnds makes calls at once, ends the server, and
// looks for each call by the id that its answer had.
func TestWhoCalledIsOnRecordHoweverTheServerEnds(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		data := t.TempDir()
		s := serve(t, data, database...)
		admin := client{s.url, adminKey}
		id := admin.open(t).text("id")
		changes, reads := requestsOf(t, admin, id, 40)
		require.Zero(t, s.terminate(t))
		s = serve(t, data, database...)
		admin.url = s.url
		recorded := admin.audit(t)
		for _, request := range slices.Concat(changes, reads) {
			require.Equal(t, 1, recorded[request])
		}

		// What reads were answered just before a crash may be missing, changes never are.
		changes, reads = requestsOf(t, admin, id, 40)
		s.kill()
		recorded = client{serve(t, data, database...).url, adminKey}.audit(t)
		for _, request := range changes {
			require.Equal(t, 1, recorded[request])
		}
		for _, request := range reads {
			require.LessOrEqual(t, recorded[request], 1)
		}
	})
}

// requestsOf makes n changes of a case and n reads at once, and returns the ids of the
// requests.
func requestsOf(t *testing.T, c client, caseID string, n int) (changes, reads []string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 2 * n {
		all.Go(func() {
			call, body, ids := "GET /v1/cases/"+caseID, object(nil), &reads
			if i%2 == 0 {
				call, body, ids = "POST /v1/cases/"+caseID+"/comments", object{"text": fmt.Sprint(i)}, &changes
			}
			a, err := c.do(call, encode(t, body))
			if err != nil || a.status/100 != 2 {
				t.Errorf("%s: %d %v", call, a.status, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			*ids = append(*ids, a.header.Get("Casehook-Request-Id"))
		})
	}
	all.Wait()
	return changes, reads
}

// audit counts the entries of each request, on all pages.
func (c client) audit(t *testing.T) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for cursor := ""; ; {
		var page struct {
			Data       []struct{ RequestID string }
			NextCursor *string
		}
		a := c.call(t, "GET /v1/audit?limit=100&cursor="+url.QueryEscape(cursor), nil)
		require.NoError(t, json.Unmarshal(a.body, &page))
		for _, e := range page.Data {
			counts[e.RequestID]++
		}
		if page.NextCursor == nil {
			return counts
		}
		cursor = *page.NextCursor
	}
}

// TestTheAuditIsVerified has a server chain its audit, and takes an entry out behind its
// back.
func TestTheAuditIsVerified(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		data := t.TempDir()
		s := serve(t, data, database...)
		admin := client{s.url, adminKey}
		admin.open(t)
		refused, err := client{s.url, "unknown"}.do("GET /v1/cases", nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, refused.status)
		verify := func(more ...string) (string, int) {
			cmd := casehook(slices.Concat([]string{"verify", "audit", "--data", data}, database, more)...)
			out, _ := cmd.CombinedOutput() // the exit code says how it went
			return string(out), cmd.ProcessState.ExitCode()
		}
		var said string
		require.Eventually(t, func() bool {
			var code int
			said, code = verify()
			return code == 0 && strings.HasPrefix(said, "default: 1 entries in 1 blocks are as they were; head ")
		}, patience, 100*time.Millisecond, "%s", &said)
		_, head, _ := strings.Cut(strings.TrimSpace(said), "head ")
		require.Zero(t, s.terminate(t))
		_, code := verify("--head", head)
		require.Zero(t, code)

		driver, source := "sqlite", filepath.Join(data, "casehook.db")
		if len(database) > 0 {
			driver, source = "pgx", database[1]
		}
		db, err := sql.Open(driver, source)
		require.NoError(t, err)
		defer db.Close()
		_, err = db.ExecContext(t.Context(), `UPDATE audit_entries SET key_id = 'somebody else'`)
		require.NoError(t, err)
		said, code = verify()
		require.Equal(t, 1, code)
		require.Contains(t, said, "default: WRONG after block 0: block 1 does not cover its entries: one of them was changed, taken out or put in\n")
	})
}
