//go:build unix

package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

// inTheClear begins the names of what docs/security.md says is not sealed.
var inTheClear = []string{"user id", "sent POST /v1/cases type", "sent POST /v1/api-keys name", "organisation name"}

// TestAThiefOfTheDatabaseFindsNothing tells a journey with a mark in every text, name,
// document, header, secret and link, and reads whatever is kept of it but the master key: the
// files of SQLite with their log, every row of PostgreSQL, and the data directory.
func TestAThiefOfTheDatabaseFindsNothing(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		folder := t.TempDir()
		l := newLeak(t, "sqlite", "sqlite:"+filepath.Join(folder, "casehook.db"))
		l.rob(t, func() []byte { return l.files(t, folder) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		l := newLeak(t, "pgx", postgrestest.DSN(t))
		l.rob(t, func() []byte { return l.dump(t) })
	})
}

// rob has steal read what the database has, while the server runs and after it has ended.
func (l *leak) rob(t *testing.T, steal func() []byte) {
	t.Helper()
	l.serve(t, exec.Command(binary), "--dev")
	receivers := l.subscribeAll(t)
	ids := l.tellEverything(t)
	made := l.do(t, "POST /v1/organizations", []byte(`{"name":"`+l.garden.Plant("organisation name")+`","shortIdPrefix":"ABC"}`), "Authorization", "Bearer "+operatorKey)
	require.Equal(t, 201, made.status)
	l.garden.Watch("api key", made.text("adminKey"))
	receivers.wait(t, l)

	running := steal()
	erased := ids.Replace("{id}")
	require.Equal(t, 204, l.do(t, "DELETE /v1/cases/"+erased, nil).status)
	require.Zero(t, l.s.terminate(t))
	for when, stolen := range map[string][]byte{"while it runs": running, "after an erasure": steal(), "the data directory": l.files(t, l.data)} {
		if when != "the data directory" {
			require.Contains(t, string(stolen), erased, "%s: what is in the clear is read", when)
			require.Subset(t, l.garden.Find(stolen), []string{"user id", "organisation name", "sent POST /v1/api-keys name"}, when)
		}
		l.look(t, when, inTheClear, stolen)
	}
	require.NotContains(t, l.garden.Find(l.dump(t)), "sent POST /v1/cases type", "of what was erased, not even that")
}

// files returns what all files below a folder have, but for the master key.
func (l *leak) files(t *testing.T, folder string) []byte {
	t.Helper()
	var all bytes.Buffer
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "master.key" {
			return err
		}
		content, err := os.ReadFile(path)
		all.WriteString(path + "\n")
		all.Write(content)
		return err
	}))
	return all.Bytes()
}

// dump returns what texts and bytes there are in every row of every table.
func (l *leak) dump(t *testing.T) []byte {
	t.Helper()
	list := `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`
	if strings.HasPrefix(l.database, "sqlite:") {
		list = `SELECT name FROM sqlite_schema WHERE type = 'table'`
	}
	tables, err := l.db.QueryContext(t.Context(), list)
	require.NoError(t, err)
	var names []string
	for tables.Next() {
		var name string
		require.NoError(t, tables.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, tables.Err())
	require.NoError(t, tables.Close())
	require.Greater(t, len(names), 15)
	var all bytes.Buffer
	for _, name := range names {
		rows, err := l.db.QueryContext(t.Context(), `SELECT * FROM "`+name+`"`)
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			require.NoError(t, rows.Scan(into...))
			for _, value := range row {
				switch value := value.(type) {
				case []byte:
					all.Write(value)
				case string:
					all.WriteString(value)
				}
				all.WriteByte('\n')
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return all.Bytes()
}
