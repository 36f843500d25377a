//go:build unix

package e2e_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/s3test"
)

// A thief, or whoever restores a backup, has the database and the bucket as they were
// before the erasure, and the master key. What was destroyed is the share.
func TestNoBackupOpensACaseThatWasErased(t *testing.T) {
	onBoth(t, func(t *testing.T, database ...string) {
		bucket, data := s3test.Start(t, "documents", "copy"), t.TempDir()
		documents := func(name string) []string {
			return []string{"--dev", "--documents", "s3://" + name + "?endpoint=" + bucket.URL}
		}
		serveIt := func() *server { return serve(t, data, append(documents("documents"), database...)...) }
		s, p := serveIt(), newClerk(t)
		admin := client{s.url, adminKey}
		admin.register(t, "nora")
		admin.call(t, "POST /v1/endpoints", object{"url": p.URL, "clearance": object{"phi": true, "restricted": true}, "payload": "full"})

		kept := admin.tellSecrets(t, "kept")
		erased := admin.tellSecrets(t, "erased")
		for range 2 { // of each case one was tried; it says no, and all wait
			<-p.came
		}
		require.Zero(t, s.terminate(t))
		whole, partly := copyAll(t, data, database), copyAll(t, data, database)
		for _, key := range bucket.Keys(t, "documents") {
			bucket.Put(t, "copy", key, bucket.Object(t, "documents", key))
		}

		s = serveIt()
		admin.url = s.url
		asked := time.Now().Truncate(time.Millisecond)
		admin.call(t, "DELETE /v1/cases/"+erased.id, nil, "Casehook-Actor", "nora")
		var tombs struct {
			Data []struct {
				CaseID, ActorID, KeyID string
				ErasedAt               time.Time
				FinishedAt             *time.Time
			}
		}
		require.NoError(t, json.Unmarshal(admin.call(t, "GET /v1/erasures", nil).body, &tombs))
		require.Len(t, tombs.Data, 1)
		require.Equal(t, []string{erased.id, "nora", "environment"}, []string{tombs.Data[0].CaseID, tombs.Data[0].ActorID, tombs.Data[0].KeyID})
		require.WithinRange(t, tombs.Data[0].ErasedAt, asked, time.Now())
		require.NotNil(t, tombs.Data[0].FinishedAt)
		require.Len(t, bucket.Keys(t, "documents"), 1, "the document of the other case")
		admin.requireGone(t, erased)
		again, err := admin.do("DELETE /v1/cases/"+erased.id, nil)
		require.NoError(t, err)
		again.requireProblem(t, http.StatusNotFound, "")
		require.Equal(t, map[string]int{"canceled": 3}, admin.states(t, erased.id))
		require.Zero(t, s.terminate(t))

		// With the shares of that time all of it opens: the copy is a good one.
		p.status.Store(http.StatusNoContent)
		restored := serve(t, whole.data, append(documents("copy"), whole.database...)...)
		admin.url = restored.url
		require.Contains(t, string(admin.call(t, "GET /v1/cases/"+erased.id, nil).body), secret("erased"))
		require.Equal(t, secret("erased"), string(admin.call(t, erased.document, nil).body))
		require.Zero(t, restored.terminate(t))
		for len(p.came) > 0 {
			<-p.came
		}

		// With the shares of now it does not, and nothing of it is sent. All else opens.
		require.NoError(t, os.RemoveAll(filepath.Join(partly.data, "shares")))
		require.NoError(t, os.CopyFS(filepath.Join(partly.data, "shares"), os.DirFS(filepath.Join(data, "shares"))))
		restored = serve(t, partly.data, append(documents("copy"), partly.database...)...)
		admin.url = restored.url
		admin.requireGone(t, erased)
		require.Contains(t, string(admin.call(t, "GET /v1/cases/"+kept.id, nil).body), secret("kept"))
		require.Equal(t, secret("kept"), string(admin.call(t, kept.document, nil).body))
		require.Eventually(t, func() bool {
			return admin.states(t, kept.id)["delivered"] == 3 && admin.states(t, erased.id)["canceled"] == 3
		}, patience, 10*time.Millisecond)
		require.Zero(t, restored.terminate(t))
		for len(p.came) > 0 {
			require.Equal(t, kept.id, <-p.came)
		}

		// Nor can it be read from the bytes, those of the other case neither.
		for _, c := range []copied{{data, database}, whole, partly} {
			c.requireSealed(t)
		}
		for _, name := range []string{"documents", "copy"} {
			for _, key := range bucket.Keys(t, name) {
				requireSealed(t, key, bucket.Object(t, name, key))
			}
		}
		for _, said := range []string{s.log.String(), restored.log.String()} {
			require.NotContains(t, said, planted)
		}
	})
}

// secret returns what is never to be found of a case.
func secret(name string) string { return planted + "-" + name }

// secrets are a case in which a secret was planted wherever there is room.
type secrets struct{ id, name, document string }

// tellSecrets makes three events of a case.
func (c client) tellSecrets(t *testing.T, name string) secrets {
	t.Helper()
	s := secret(name)
	id := c.call(t, "POST /v1/cases", object{
		"type": "INITIAL", "title": s,
		"submitter": object{"firstName": s, "lastName": s, "email": s + "@mail.example"},
	}).text("id")
	c.call(t, "POST /v1/cases/"+id+"/comments", object{"text": s}, "Idempotency-Key", name)
	attachment := c.call(t, "POST /v1/cases/"+id+"/attachments", object{"fileName": s, "content": base64.StdEncoding.EncodeToString([]byte(s))}).text("id")
	return secrets{id, name, "GET /v1/cases/" + id + "/attachments/" + attachment + "/content"}
}

// requireGone requires that every call about a case is answered as if it had never been, but
// for the account of who was told, which tells nothing of it.
func (c client) requireGone(t *testing.T, erased secrets) {
	t.Helper()
	of := "/v1/cases/" + erased.id
	for _, call := range []string{"GET " + of, "GET " + of + "?at=1", "GET " + of + "/events", erased.document} {
		a, err := c.do(call, nil)
		require.NoError(t, err)
		a.requireProblem(t, http.StatusNotFound, "")
	}
	a, err := c.do("POST "+of+"/comments", encode(t, object{"text": secret(erased.name)}), "Idempotency-Key", erased.name)
	require.NoError(t, err)
	a.requireProblem(t, http.StatusNotFound, "")
	for _, list := range []string{"GET /v1/cases?limit=100", "GET /v1/events?limit=100", "GET /v1/deliveries?limit=100", "GET " + of + "/receipts"} {
		require.NotContains(t, string(c.call(t, list, nil).body), secret(erased.name))
	}
}

// states counts the deliveries of a case.
func (c client) states(t *testing.T, caseID string) map[string]int {
	t.Helper()
	var page struct{ Data []struct{ State string } }
	require.NoError(t, json.Unmarshal(c.call(t, "GET /v1/deliveries?limit=100&caseId="+url.QueryEscape(caseID), nil).body, &page))
	states := make(map[string]int)
	for _, d := range page.Data {
		states[d.State]++
	}
	return states
}

// clerk is a receiver that says what it is told to say, 500 at first.
type clerk struct {
	*httptest.Server
	status atomic.Int64
	came   chan string // the case of each attempt
}

func newClerk(t *testing.T) *clerk {
	p := &clerk{came: make(chan string, 1000)}
	p.status.Store(http.StatusInternalServerError)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server may be killed while it sends
		w.WriteHeader(int(p.status.Load()))
		p.came <- r.Header.Get("casehook-case-id")
	}))
	t.Cleanup(p.Close)
	return p
}

// copied is a data directory, and the arguments of a server that name the database where
// it is not in there.
type copied struct {
	data     string
	database []string
}

// copyAll copies a data directory and a database that nobody uses.
func copyAll(t *testing.T, data string, database []string) copied {
	t.Helper()
	to := copied{data: t.TempDir()}
	require.NoError(t, os.CopyFS(to.data, os.DirFS(data)))
	require.NoError(t, os.Chmod(filepath.Join(to.data, "master.key"), 0o600))
	if len(database) == 0 {
		return to
	}
	empty := postgrestest.DSN(t)
	to.database = []string{database[0], empty}
	server, err := url.Parse(empty)
	require.NoError(t, err)
	name := strings.TrimPrefix(server.Path, "/")
	original, err := url.Parse(database[1])
	require.NoError(t, err)
	server.Path = "/postgres"
	db, err := sql.Open("pgx", server.String())
	require.NoError(t, err)
	defer db.Close()
	for _, statement := range []string{"DROP DATABASE " + name, "CREATE DATABASE " + name + " TEMPLATE " + strings.TrimPrefix(original.Path, "/")} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return to
}

// requireSealed requires that no file, and no row of a table, shows what was planted.
func (c copied) requireSealed(t *testing.T) {
	t.Helper()
	require.NoError(t, fs.WalkDir(os.DirFS(c.data), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(c.data, path))
		requireSealed(t, path, content)
		return err
	}))
	if len(c.database) == 0 {
		return
	}
	db, err := sql.Open("pgx", c.database[1])
	require.NoError(t, err)
	defer db.Close()
	tables := column(t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`)
	require.Contains(t, tables, "events")
	for _, table := range tables {
		requireSealed(t, table, []byte(strings.Join(column(t, db, `SELECT CAST(r AS TEXT) FROM `+table+` r`), "\n")))
	}
}

// requireSealed requires that what was planted is not in content, neither as it is nor in
// base64 nor as the bytes of a dump.
func requireSealed(t *testing.T, where string, content []byte) {
	t.Helper()
	forms := [][]byte{[]byte(planted), []byte(hex.EncodeToString([]byte(planted)))}
	for i := range 3 { // wherever it begins in the three bytes of a group
		whole := base64.StdEncoding.EncodeToString([]byte("xxx"[:i] + planted))
		forms = append(forms, []byte(whole[4:len(whole)-4]))
	}
	for _, form := range forms {
		require.False(t, bytes.Contains(content, form), "%s shows %s", where, form)
	}
}

// column returns the only column of a query.
func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var value string
		require.NoError(t, rows.Scan(&value))
		values = append(values, value)
	}
	require.NoError(t, rows.Err())
	return values
}
